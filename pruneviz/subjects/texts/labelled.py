"""Texts with a label each, or with a class for each of their words, as raw data."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from pruneviz.subjects.class_names import whole_numbers
from pruneviz.subjects.files.image_tree import some_of
from pruneviz.subjects.files.masks import kept_in_proportion, shown_classes
from pruneviz.subjects.files.raw import RawData
from pruneviz.subjects.models.expectation import Expectation
from pruneviz.subjects.subject import Groups
from pruneviz.subjects.tables.columns import Columns
from pruneviz.subjects.tables.grouped import groups_of
from pruneviz.subjects.tables.sheets import EMPTY, Sheet, asked_of, refuse_holes
from pruneviz.subjects.texts.encoded import as_batch, encoded, filled
from pruneviz.subjects.texts.rows import Rows, read_rows
from pruneviz.subjects.texts.tokenizer import Encoded
from pruneviz.tasks import IGNORED
from pruneviz.wording import Fact, RefusedError, opened
from pruneviz.wording.refusals.subjects import finding, labelled, text_files

MOST_TEXTS = 2  # that a network reads together
HALF = re.compile("[\ud800-\udfff]")
UNJUDGED = ("-100", "-1")  # tags of words that nothing is asked of


def read_texts(path: Path, columns: Columns, expects: Expectation) -> RawData:
    """Return the texts of a file as tokens, with a label each, or `tagged`, one for each word.

    RefusedError for what is no text, has no label, or is beyond the network's tokens.
    """
    rows = read_rows(path, columns, expects.tagged)
    return _tagged(rows, expects) if expects.tagged else _labelled(rows, expects)


def _labelled(rows: Rows, expects: Expectation) -> RawData:
    """Return texts, or pairs of texts, with a label or numbers for each."""
    names, tokenizer = rows.chosen.text, expects.tokenizer
    assert tokenizer is not None
    if len(names) > MOST_TEXTS:
        raise RefusedError(text_files.too_many_texts(names))
    texts = list(zip(*(_texts(rows, name) for name in names), strict=True))
    targets = {name: rows.table[name].map(_cell, na_action="ignore") for name in rows.chosen.target}
    sheet = Sheet(
        file=rows.file, table=pd.DataFrame(targets), chosen=rows.chosen, names=(), note=""
    )
    for name in rows.chosen.target:
        refuse_holes(sheet, name)
    asked = asked_of(sheet, expects)
    pairs = len(names) > 1
    found = encoded(lambda most: tokenizer.encode_texts(texts, most), pairs, expects, rows.chosen)
    return RawData(
        x=as_batch(found, pairs, expects),
        labels=asked.labels,
        named=asked.named,
        recorded=False,
        classes=asked.classes,
        note=_note(found),
        notes=_cut(found),
        names=tuple(map(rows.named, range(len(texts)))),
        groups=_groups(rows),
        targets=asked.targets,
    )


def _tagged(rows: Rows, expects: Expectation) -> RawData:
    """Return texts with a class for the first token of each word, IGNORED at all other places."""
    tokenizer = expects.tokenizer
    assert tokenizer is not None
    if len(rows.chosen.text) > 1 or len(rows.chosen.target) > 1:
        raise RefusedError(text_files.one_column_of_words())
    words, tags = (_lists(rows, name) for name in (rows.chosen.text[0], rows.chosen.target[0]))
    for row, (some_words, some_tags) in enumerate(zip(words, tags, strict=True)):
        if len(some_words) != len(some_tags):
            counts = len(some_words), len(some_tags)
            raise RefusedError(text_files.not_a_tag_each(rows.file, rows.lines[row], *counts))
    found = encoded(lambda most: tokenizer.encode_words(words, most), False, expects, rows.chosen)
    numbers, classes = _numbers(tags)
    targets = filled(
        [_at_first_tokens(each, row) for each, row in zip(found, numbers, strict=True)], IGNORED
    )
    shown = shown_classes(targets)
    if len(set(shown.tolist())) < 2:
        raise RefusedError(finding.one_class())
    lost = sum(tag != IGNORED for row in numbers for tag in row) - len(targets[targets != IGNORED])
    return RawData(
        x=as_batch(found, False, expects),
        labels=kept_in_proportion(targets),
        named=bool(classes),
        recorded=False,
        classes=classes,
        note=f"{_note(found)} Each word is judged at its first token.",
        notes=(*_cut(found), *([opened.words_not_judged(lost)] if lost else ())),
        names=tuple(map(rows.named, range(len(words)))),
        groups=_groups(rows),
        targets=targets,
        by_place=True,
    )


def _texts(rows: Rows, name: str) -> list[str]:
    """Return a column's texts; RefusedError where a cell is none, or has no words."""
    cells = rows.table[name].tolist()
    strange = next((row for row, cell in enumerate(cells) if not _is_text(cell)), None)
    if strange is not None:
        words = isinstance(cells[strange], list)
        raise RefusedError(text_files.no_text_in(rows.file, rows.lines[strange], name, words))
    empty = [f"line {rows.lines[row]:,}" for row, cell in enumerate(cells) if not _has_words(cell)]
    if empty:
        raise RefusedError(text_files.texts_empty(rows.file, name, len(empty), some_of(empty)))
    return cells


def _is_text(cell: object) -> bool:
    """Say whether a cell is text, or nothing: halves of signs, as JSON may have, are none."""
    return cell is None or (isinstance(cell, str) and HALF.search(cell) is None)


def _has_words(cell: str | None) -> bool:
    return bool(cell and cell.strip())


def _lists(rows: Rows, name: str) -> list[list[str]]:
    """Return a column's lists of words or tags, as text; RefusedError where a cell is none."""
    found = []
    for row, cell in enumerate(rows.table[name].tolist()):
        line = rows.lines[row]
        if not isinstance(cell, list) or not all(map(_is_word, cell)):
            raise RefusedError(text_files.no_list_in(rows.file, line, name))
        if not cell:
            raise RefusedError(text_files.texts_empty(rows.file, name, 1, f"line {line:,}"))
        found.append([str(each) for each in cell])
    return found


def _is_word(cell: object) -> bool:
    return isinstance(cell, int) or (cell is not None and _is_text(cell))


def _numbers(tags: Sequence[Sequence[str]]) -> tuple[list[list[int]], tuple[str, ...]]:
    """Return tags as numbers, and their names in order; () where they are numbers themselves.

    What nothing is asked of is IGNORED. RefusedError for a tag without a name.
    """
    kinds = sorted({tag for row in tags for tag in row} - {*UNJUDGED})
    if not all(map(_has_words, kinds)):
        raise RefusedError(labelled.no_name("tags", "some"))
    whole = whole_numbers(kinds)
    values = range(len(kinds)) if whole is None else whole
    known = {**dict(zip(kinds, values, strict=True)), **dict.fromkeys(UNJUDGED, IGNORED)}
    numbers = [[known[tag] for tag in row] for row in tags]
    return numbers, tuple(kinds) if whole is None else ()


def _at_first_tokens(found: Encoded, tags: Sequence[int]) -> list[int]:
    """Return a tag at the first token of each word, IGNORED at the others."""
    before: list[int | None] = [None, *found.words[:-1]]
    return [
        IGNORED if word is None or word == last else tags[word]
        for word, last in zip(found.words, before, strict=True)
    ]


def _cell(cell: object) -> str:
    """Return what a row is asked as text, as in a table."""
    return str(cell).strip()


def _groups(rows: Rows) -> Groups:
    """Return the groups of the rows by each column that is chosen for it."""
    found = {}
    for name in rows.chosen.groups:
        words = rows.table[name].map(_cell, na_action="ignore")
        words = words.where(~words.isin(EMPTY))
        numbers = pd.to_numeric(words, errors="coerce")
        found[name] = groups_of(words if numbers[words.notna()].isna().any() else numbers)
    return found


def _note(found: Sequence[Encoded]) -> str:
    counts = [len(each.tokens) for each in found]
    return (
        f"Texts have {min(counts):,} to {max(counts):,} tokens, {np.mean(counts):,.0f} on average, "
        "as the model's tokenizer cuts them; shorter ones are filled up."
    )


def _cut(found: Sequence[Encoded]) -> tuple[Fact, ...]:
    """Return a note where texts are longer than what is read of them."""
    cut = sum(each.cut for each in found)
    return (
        (opened.texts_cut(cut, len(found), max(len(each.tokens) for each in found)),) if cut else ()
    )
