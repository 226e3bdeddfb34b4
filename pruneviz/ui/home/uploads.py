"""Files that the browser sends: the plan changes only when the engine has accepted them."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import PurePath

from pruneviz.home import default_home
from pruneviz.plan import Plan
from pruneviz.sent import SentFile
from pruneviz.subjects.files.tables import header_of
from pruneviz.subjects.labelling import UnknownClassesError
from pruneviz.subjects.references import TABLES
from pruneviz.subjects.tables.columns import Columns
from pruneviz.subjects.tables.parquet import check_parquet
from pruneviz.subjects.texts.rows import keys_of
from pruneviz.subjects.texts.windows import as_text
from pruneviz.subjects.uploads import accept, sent_files, upload_path
from pruneviz.tasks.language_modelling import LanguageModelling
from pruneviz.ui.engine import cache
from pruneviz.ui.session import edits
from pruneviz.wording import Fact, RefusedError, said_by
from pruneviz.wording.refusals import browsing

DATA_ENDINGS = ("npz", "csv", "parquet", "zip", "jsonl", "txt")
HEADER_BYTES = 1_000_000


def plan_with_weights(plan: Plan, model: str, content: bytes, file_name: str) -> Plan:
    """Return the plan for `model` with the sent weights; ValueError says why they do not fit."""
    weights = accept(file_name, content, default_home())
    candidate = edits.with_model(plan, model, weights=weights)
    with _named(weights, file_name):
        opened = cache.subject(candidate)
    if opened.data is None:
        return candidate
    return edits.with_model(plan, model, brings_data=True, weights=weights)


def plan_with_data(plan: Plan, content: bytes, file_name: str, columns: Columns) -> Plan:
    """Return the plan with the sent data; ValueError says why it does not fit the model."""
    reference = data_reference(plan, content, file_name, columns)
    candidate = edits.with_data(plan, reference)
    with _named(reference.partition("?")[0], file_name):
        cache.subject(candidate)
    return candidate


def data_reference(plan: Plan, content: bytes, file_name: str, columns: Columns) -> str:
    """Keep sent data and return its reference; ValueError says why the file is refused."""
    reference = accept(file_name, content, default_home())
    if not has_columns(reference, plan):
        return reference
    if not columns.target:
        raise RefusedError(browsing.no_column())
    return f"{reference}{columns}"


@contextmanager
def _named(reference: str, file_name: str) -> Iterator[None]:
    """Let sentences name a file as the user does, not as it is stored, with or without folder."""
    path = upload_path(reference, default_home())
    sent = PurePath(file_name.replace("\\", "/")).name or "the file"
    try:
        yield
    except UnknownClassesError:
        raise  # it names no file, and whoever asks for the classes has to know it
    except ValueError as error:
        stored = (str(path), reference, path.name, path.stem)
        raise RefusedError(_renamed(said_by(error), stored, sent)) from error


def _renamed(fact: Fact, stored: Sequence[str], sent: str) -> Fact:
    """Return a fact whose values call a file as it was sent wherever they call it as it is kept."""

    def renamed(value: object) -> object:
        if isinstance(value, Fact):
            return _renamed(value, stored, sent)
        if isinstance(value, tuple):
            return tuple(map(renamed, value))
        for name in stored if isinstance(value, str) else ():
            value = str(value).replace(name, sent)
        return value

    return replace(fact, values={name: renamed(value) for name, value in fact.values.items()})


def sent(plan: Plan) -> tuple[SentFile, ...]:
    """Return the files that a plan's uploads are, by the names by which they were sent."""
    return sent_files(plan, default_home())


def is_table(name: str) -> bool:
    """Return whether a file's name says that it is a table, or lines of JSON."""
    return PurePath(name).suffix.lower().removeprefix(".") in (*TABLES, "jsonl")


def has_columns(name: str, plan: Plan) -> bool:
    """Return whether a file for a plan's model leaves a choice of columns.

    Lines of JSON do not for a language model: they are questions with choices.
    """
    return is_table(name) and not (name.lower().endswith(".jsonl") and _is_for_language(plan))


def _is_for_language(plan: Plan) -> bool:
    try:
        task = cache.subject(edits.with_data(plan, None)).task
    except ValueError:  # the strip says why
        return False
    return isinstance(task, LanguageModelling)


def is_of_texts(name: str, plan: Plan) -> bool:
    """Return whether a file holds texts with labels: as it says, or a table for such a network."""
    if PurePath(name).suffix.lower() != ".csv":
        return name.lower().endswith(".jsonl")
    try:
        subject = cache.subject(edits.with_data(plan, None))
    except ValueError:  # the strip says why, and a table is one of numbers for most networks
        return False
    return subject.tokenizer is not None and not isinstance(subject.task, LanguageModelling)


def columns(content: bytes, file_name: str) -> list[str]:
    """Return the column names of a table; ValueError when it has no header row."""
    if file_name.lower().endswith(".parquet"):
        return check_parquet(io.BytesIO(content), file_name)
    if file_name.lower().endswith(".jsonl"):
        return keys_of(as_text(content, file_name), file_name)
    head = content[:HEADER_BYTES].decode("utf-8-sig", errors="replace")
    found = header_of(head.rpartition("\n")[0] or head, "the file")
    if len(found) < 2:
        raise RefusedError(browsing.too_few_columns())
    return found
