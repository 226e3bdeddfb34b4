"""Labels as arrays hold them: numbers, names, or one column for each class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pruneviz.subjects.models.weights import some
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals.subjects import labelled


@dataclass(frozen=True, eq=False, kw_only=True)
class Labels:
    """Labels (N,) int64 of each part: indices into `names` when `named`, else numbers of outputs.

    `columns` is how many columns one-hot labels have, 0 for others.
    """

    parts: tuple[NDArray[np.int64], ...]
    names: tuple[str, ...]
    named: bool
    columns: int


def read_labels(arrays: Sequence[NDArray[Any]], where: str, names: Sequence[str]) -> Labels:
    """Return the labels of one or two parts, as names or numbers, alike in both.

    `where` is what messages call the arrays, `names` those that the file has for its outputs. Names
    of classes among them are their numbers. ValueError says what no label can be.
    """
    flat = [_flat(array, where) for array in arrays]
    columns = {width for _, width in flat}
    values = [value for value, _ in flat]
    text = [value.dtype.kind == "U" for value in values]
    if len(columns) > 1 or len(set(text)) > 1:
        raise RefusedError(labelled.not_alike(where))
    if not text[0]:
        return Labels(parts=tuple(values), names=tuple(names), named=False, columns=columns.pop())
    own = list(names)
    inside = own and all(np.isin(value, own).all() for value in values)
    # the file itself says which output each name is
    known = own if inside else sorted({str(name) for value in values for name in value})
    index = {name: i for i, name in enumerate(known)}
    parts = tuple(np.array([index[str(n)] for n in value], dtype=np.int64) for value in values)
    return Labels(parts=parts, names=tuple(known), named=not inside, columns=0)


def _flat(y: NDArray[Any], where: str) -> tuple[NDArray[Any], int]:
    """Return (N,) names or int64 numbers, and the columns of one-hot labels, else 0."""
    table = y.reshape(len(y), -1)
    if y.dtype.kind in "US" and table.shape[1] == 1:
        return _text(table[:, 0], where), 0
    if y.dtype.kind not in "biuf":
        raise RefusedError(labelled.no_labels(where, y.shape, str(y.dtype)))
    if y.dtype.kind == "f" and np.isnan(table).any():
        raise RefusedError(labelled.no_numbers(where))
    if table.shape[1] > 1:
        return _one_hot(table, y.shape, where), table.shape[1]
    if y.dtype.kind == "f" and not np.array_equal(table, np.round(table)):
        raise RefusedError(labelled.fractions(where))
    if y.dtype.kind == "f" and np.abs(table).max(initial=0) > 2**53:
        raise RefusedError(labelled.too_large(where))
    return table[:, 0].astype(np.int64), 0


def _text(values: NDArray[Any], where: str) -> NDArray[np.str_]:
    """Return names as text; ValueError where there is none, or it is no UTF-8."""
    try:
        texts = [v.decode() if isinstance(v, bytes) else str(v) for v in values.tolist()]
    except UnicodeDecodeError as error:
        raise RefusedError(labelled.no_utf8(where)) from error
    empty = [str(i) for i, text in enumerate(texts) if not text.strip()]
    if empty:
        raise RefusedError(labelled.no_name(where, some(empty)))
    return np.array(texts, dtype=np.str_)


def _one_hot(table: NDArray[Any], shape: tuple[int, ...], where: str) -> NDArray[np.int64]:
    """Return the column that is 1 in each row; ValueError where it is not one alone."""
    if not (np.isin(table, (0, 1)).all() and (table.sum(1) == 1).all()):
        raise RefusedError(labelled.not_one_hot(where, shape))
    columns: NDArray[np.int64] = table.argmax(1).astype(np.int64)
    return columns
