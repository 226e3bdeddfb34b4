"""A table as a file holds it, made into inputs and what is asked of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from pruneviz.subjects.class_names import plain
from pruneviz.subjects.files.image_tree import some_of
from pruneviz.subjects.files.raw import RawData
from pruneviz.subjects.files.targets import are_numbers, as_targets, strata
from pruneviz.subjects.models.expectation import Expectation
from pruneviz.subjects.models.weights import some
from pruneviz.subjects.split import Training, stratified
from pruneviz.subjects.subject import Groups
from pruneviz.subjects.tables.columns import Columns
from pruneviz.subjects.tables.grouped import groups_of, of_rows
from pruneviz.subjects.tables.kinds import Kind, days, not_learned_from
from pruneviz.subjects.tables.prepared import GAP, prepare
from pruneviz.wording import Fact, RefusedError, opened, prepared_tables
from pruneviz.wording.refusals.subjects import finding, tables

EMPTY = ("", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "NULL", "null", "None", "?", "-")
TRUTH = {"true": 1, "false": 0}
TRAINING_FRACTION = 0.5
MINIMUM_ROWS = 16  # so that 8 are left to evaluate
SPLIT_SEED = 0
MOST = 1e15  # of labels that are numbers: beyond it not each whole number is one
LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True, eq=False, kw_only=True)
class Sheet:
    """The rows of a file: columns of numbers or of text, gaps in them NaN, the target as text.

    `chosen` are the columns by the names they have here, `names` those of the rows, `note` is how
    the file was read.
    """

    file: str
    table: pd.DataFrame
    chosen: Columns
    names: tuple[str, ...]
    note: str

    @property
    def features(self) -> list[str]:
        """Return the columns that are neither the target nor ignored, in the file's order."""
        out = {*self.chosen.target, *self.chosen.ignore}
        return [name for name in map(str, self.table) if name not in out]


@dataclass(frozen=True, eq=False, kw_only=True)
class Asked:
    """What is asked of each row: a label (N,) int64, or numbers, with what a split keeps of them.

    Labels are indices into `classes` when `named`.
    """

    labels: NDArray[np.int64]
    named: bool = False
    classes: tuple[str, ...] = ()
    targets: Tensor | None = None

    @property
    def word(self) -> str:
        """Return by what rows are divided."""
        return "class" if self.targets is None else "target"

    def of(self, rows: NDArray[np.int64]) -> Tensor:
        """Return the targets of some rows."""
        whole = torch.from_numpy(self.labels) if self.targets is None else self.targets
        return whole[torch.from_numpy(rows)]


def asked_of(sheet: Sheet, expects: Expectation) -> Asked:
    """Return what is asked of each row: numbers where the task or the cells say so."""
    names = sheet.chosen.target
    read = [_as_numbers(sheet.table[name], name, expects.numbers) for name in names]
    numbers = [column for column in read if column is not None]
    if len(numbers) == len(names) and expects.numbers is not False:
        values = np.stack(numbers, 1)
        if len(names) > 1 or expects.numbers or are_numbers(values):
            whole = bool((values == np.round(values)).all()) and len(names) > 1
            targets = as_targets(values.astype(np.int64) if whole else values, some(list(names)))
            return Asked(labels=strata(targets), classes=names * (len(names) > 1), targets=targets)
    if len(names) > 1:
        raise RefusedError(tables.several_targets(names))
    labels, named, classes = _classes(sheet.table[names[0]].str.strip(), names[0])
    return Asked(labels=labels, named=named, classes=classes)


def _as_numbers(column: pd.Series, name: str, asked: bool | None) -> NDArray[np.float64] | None:
    """Return a target's cells as numbers, None where some are none; RefusedError if asked for."""
    text = column.str.strip()
    values = pd.to_numeric(text, errors="coerce")
    if values.isna().any():  # decimal commas
        values = pd.to_numeric(text.str.replace(",", "."), errors="coerce")
    if values.isna().any():
        if asked:
            raise RefusedError(tables.no_number_to_foretell(name, str(text[values.isna()].iloc[0])))
        return None
    return values.to_numpy(dtype=np.float64)


def arranged(sheet: Sheet, expects: Expectation) -> RawData:
    """Return the rows of a sheet as inputs with their classes, in the model's order if it has one.

    A table of numbers without gaps is taken as it is, unless the plan asks otherwise; any other is
    prepared by its training part.
    """
    features = sheet.features
    if not features:
        raise RefusedError(tables.no_features())
    for target in sheet.chosen.target:
        refuse_holes(sheet, target)
    asked = asked_of(sheet, expects)
    groups = {name: groups_of(sheet.table[name]) for name in sheet.chosen.groups}
    columns = sheet.table[features]
    whole = all(map(pd.api.types.is_numeric_dtype, columns.dtypes)) and not columns.isna().any(
        axis=None
    )
    if not whole or sheet.chosen.prepare:
        return _prepared(sheet, asked, groups)
    features = _ordered(features, expects)
    with np.errstate(over="ignore"):  # what is beyond single precision is refused by its line
        x = torch.from_numpy(columns[features].to_numpy(dtype=np.float32, copy=True))
    return RawData(
        x=x,
        labels=asked.labels,
        named=asked.named,
        recorded=True,
        classes=asked.classes,
        features=tuple(features),
        note=sheet.note,
        names=sheet.names,
        groups=groups,
        targets=asked.targets,
    )


def _ordered(features: list[str], expects: Expectation) -> list[str]:
    """Return the feature columns, in the model's order where it knows them by name."""
    known = [plain(name) for name in expects.features]
    place = {plain(name): name for name in features}
    alike = len(place) == len(features) and place.keys() == set(known)
    return [place[name] for name in known] if alike else features


def _prepared(sheet: Sheet, asked: Asked, groups: Groups) -> RawData:
    """Return half of the rows, prepared as the other half says, which is trained on."""
    labels = asked.labels
    if len(labels) < MINIMUM_ROWS:
        raise RefusedError(finding.too_few_inputs(len(labels), MINIMUM_ROWS))
    columns, kinds, notes = _kinds(sheet)
    found = not_learned_from(columns, kinds).items()
    left_out: dict[str, str] = {n: kind for n, kind in found if n not in sheet.chosen.keep}
    columns = columns.drop(columns=list(left_out))
    _refuse_infinite(sheet, columns, kinds)
    training, held_out = stratified(labels, TRAINING_FRACTION, SPLIT_SEED)
    if not len(training):
        raise RefusedError(finding.one_input_a_class())
    made = prepare(columns, kinds, training, sheet.file)
    if left_out or made.same:
        notes.append(_left_out(left_out, made.same))
    left = [name for name in map(str, columns) if name not in made.same]
    words = [name for name in left if kinds[name] == "words"]
    gaps = [feature for feature in made.features if feature.endswith(f" {GAP}")]
    notes.append(prepared_tables.prepared(len(made.features), len(words), len(gaps), len(training)))
    return RawData(
        x=made.x[held_out],
        labels=labels[held_out],
        named=asked.named,
        recorded=True,
        classes=asked.classes,
        features=made.features,
        mean=made.mean,
        std=made.std,
        normalised_by="training part",
        note=f"{sheet.note} Rows are divided by {asked.word} with seed {SPLIT_SEED}.".strip(),
        notes=tuple(notes),
        names=tuple(sheet.names[i] for i in held_out),
        groups=of_rows(groups, held_out),
        train=Training(x=made.x[training], y=asked.of(training), set_apart=False),
        targets=None if asked.targets is None else asked.of(held_out),
    )


def _left_out(found: dict[str, str], same: tuple[str, ...]) -> Fact:
    """Return which columns are not learned from, by what they are."""
    by_kind: dict[str, list[str]] = {}
    for name, kind in (*found.items(), *((name, "same") for name in same)):
        by_kind.setdefault(kind, []).append(name)
    return prepared_tables.left_out(
        tuple(prepared_tables.because(kind, some(names)) for kind, names in by_kind.items())
    )


def _kinds(sheet: Sheet) -> tuple[pd.DataFrame, dict[str, Kind], list[Fact]]:
    """Return the columns with dates as days, what each holds, and what is doubtful of dates."""
    columns, kinds = sheet.table[sheet.features].copy(), dict[str, Kind]()
    doubtful = []
    for name in map(str, columns):
        if pd.api.types.is_numeric_dtype(columns[name]):
            kinds[name] = "number"
            continue
        dates = days(columns[name])
        kinds[name] = "words" if dates is None else "date"
        if dates is not None:
            columns[name] = dates[0]
            doubtful += [name] * dates[1]
    return columns, kinds, [prepared_tables.month_first(some(doubtful))] if doubtful else []


def _refuse_infinite(sheet: Sheet, columns: pd.DataFrame, kinds: dict[str, Kind]) -> None:
    """Raise RefusedError where numbers are infinite, or beyond single precision."""
    numbers = columns[[name for name in map(str, columns) if kinds[name] == "number"]]
    wrong = numbers.astype(np.float64).abs() > LARGEST
    if wrong.any(axis=None):
        where = some_of([str(name) for name in wrong.columns[wrong.any()]])
        rows = np.flatnonzero(wrong.any(axis=1))
        raise RefusedError(
            opened.no_numbers(
                bad=len(rows),
                inputs=len(columns),
                part="",
                where=f"column{'s' if wrong.any().sum() > 1 else ''} {where}",
                named=some_of([sheet.names[row] for row in rows]),
                normalised=False,
            )
        )


def refuse_holes(sheet: Sheet, target: str) -> None:
    """Raise RefusedError where a row has no target; a class may be called None or NA."""
    column = sheet.table[target]
    rows = int((column.isna() | (column.str.strip() == "")).sum())
    if rows:
        raise RefusedError(opened.empty_cells(sheet.file, rows, len(column), target))


def _classes(column: pd.Series, name: str) -> tuple[NDArray[np.int64], bool, tuple[str, ...]]:
    """Return labels, whether they are indices into names, and these names, sorted."""
    if set(column.str.lower()) <= set(TRUTH):
        return np.array([TRUTH[v] for v in column.str.lower()], dtype=np.int64), False, ()
    values = pd.to_numeric(column, errors="coerce").replace([np.inf, -np.inf], np.nan)
    missing = values.isna() & column.isin(EMPTY)
    if missing.any() and values[~missing].notna().all() and not missing.all():
        raise RefusedError(tables.no_class(name, column[missing].iloc[0]))
    whole = values.notna().all() and (values == values.round()).all()
    if whole and (values.abs() < MOST).all():
        return values.to_numpy(dtype=np.int64, copy=True), False, ()
    names = sorted(set(column))
    index = {name: i for i, name in enumerate(names)}
    return np.array([index[v] for v in column], dtype=np.int64), True, tuple(names)
