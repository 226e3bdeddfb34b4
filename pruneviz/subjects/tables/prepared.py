"""Columns made into numbers a network can take, by what the training part alone holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from pruneviz.subjects.split import channel_statistics
from pruneviz.subjects.tables.kinds import Kind
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals.subjects import tables

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

MOST_WORDS = 10  # of a column that get a feature each
FEWEST_ROWS = 5  # of the training part that hold such a word
GAP, OTHER = "(missing)", "(other)"
MOST_VALUES = 200_000_000  # 1.6 GB while they are prepared
INFREQUENT = "infrequent_sklearn"  # what scikit-learn calls the rest of the words


@dataclass(frozen=True, eq=False, kw_only=True)
class Prepared:
    """Rows (N, F) float32 in the units they were recorded in, and what each feature is.

    `mean` and `std` are those of the training part: of gaps, words and their absence 0 and 1.
    `same` are columns of which nothing is left, as all training rows are alike in them.
    """

    x: Tensor
    features: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    same: tuple[str, ...]


def prepare(
    columns: pd.DataFrame, kinds: Mapping[str, Kind], training: NDArray[np.int64], file: str
) -> Prepared:
    """Return all rows as numbers, prepared as the rows `training` say.

    Gaps in numbers get the median and a feature that marks them. A word that is frequent gets a
    feature, so does a gap among words; all others share one.
    """
    names = list(map(str, columns))
    words = [name for name in names if kinds[name] == "words"]
    numbers = [name for name in names if kinds[name] != "words"]
    table = columns.astype(dict.fromkeys(numbers, np.float64))
    table = table.assign(**{name: _words(columns[name]) for name in words})
    empty = [name for name in numbers if table[name].iloc[training].isna().all()]
    numbers = [name for name in numbers if name not in empty]
    if not numbers and not words:
        raise RefusedError(tables.nothing_to_learn(file))
    fitted, sources, titles = _fitted(table.iloc[training], numbers, words)
    if not titles:
        raise RefusedError(tables.nothing_to_learn(file))
    if len(table) * len(titles) > MOST_VALUES:
        raise RefusedError(tables.too_wide(file, len(table), len(titles), MOST_VALUES))
    with np.errstate(over="ignore"):  # what is beyond single precision is refused by its line
        x = torch.from_numpy(np.asarray(fitted.transform(table), dtype=np.float32))
    mean, std = channel_statistics(x[training])
    measured = [title in {name.strip() for name in numbers} for title in titles]
    return Prepared(
        x=x,
        features=tuple(titles),
        mean=tuple(m if kept else 0.0 for m, kept in zip(mean, measured, strict=True)),
        std=tuple(s if kept else 1.0 for s, kept in zip(std, measured, strict=True)),
        same=tuple(name for name in names if name not in sources),
    )


def _fitted(
    training: pd.DataFrame, numbers: list[str], words: list[str]
) -> tuple[Pipeline, set[str], list[str]]:
    """Return the steps fitted, the columns of which something is left, and the features' names."""
    from sklearn.compose import ColumnTransformer
    from sklearn.feature_selection import VarianceThreshold
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    named: list[tuple[str, str]] = []  # a column, and a feature that is made of it
    impute = SimpleImputer(strategy="median", add_indicator=True)
    encode = OneHotEncoder(
        handle_unknown="infrequent_if_exist",
        max_categories=MOST_WORDS + 1,
        min_frequency=FEWEST_ROWS,
        sparse_output=False,
    )
    steps = ColumnTransformer([("numbers", impute, numbers), ("words", encode, words)])
    varied = VarianceThreshold()
    steps.fit(training)
    made = np.asarray(steps.transform(training))
    if not (np.ptp(made, axis=0) > 0).any():
        return make_pipeline(steps), set(), []
    varied.fit(made)
    if numbers:
        named += [(name, name.strip()) for name in numbers]
        marked = steps.named_transformers_["numbers"].indicator_.features_
        named += [(numbers[place], f"{numbers[place].strip()} {GAP}") for place in marked.tolist()]
    if words:
        named += _word_features(steps.named_transformers_["words"], words)
    left = [pair for pair, varies in zip(named, varied.get_support(), strict=True) if varies]
    return make_pipeline(steps, varied), {c for c, _ in left}, [title for _, title in left]


def _word_features(encoder: Any, words: list[str]) -> list[tuple[str, str]]:
    """Return the column and the name of each feature of words, such as `colour = red`."""
    features = []
    for name, known, rare in zip(
        words, encoder.categories_, encoder.infrequent_categories_, strict=True
    ):
        seldom = set() if rare is None else set(rare)
        frequent = [word for word in known if word not in seldom]
        features += [
            (name, f"{name.strip()} = {word}") for word in (*frequent, *[OTHER] * bool(seldom))
        ]
    return features


def _words(column: pd.Series) -> pd.Series:
    """Return a column as text, its gaps as a word of their own."""
    return column.map(lambda cell: str(cell).strip(), na_action="ignore").astype(object).fillna(GAP)
