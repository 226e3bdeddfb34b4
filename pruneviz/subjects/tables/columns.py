"""What a data reference says of a file's columns: `?target=kind&groups=sex,age&ignore=id`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from urllib.parse import quote, unquote

from pruneviz.subjects.models.weights import some
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals.subjects import tables

NAMES = ("target", "groups", "ignore", "keep", "text")
KEYS = (*NAMES, "prepare", "length")
BEGIN = re.compile(rf"\?(?=(?:{'|'.join(KEYS)})=)")
NEXT = re.compile(rf"&(?=(?:{'|'.join(KEYS)})=)")
ALWAYS = "yes"


@dataclass(frozen=True, kw_only=True)
class Columns:
    """Names of columns: what is to be answered, what groups the rows, what is left out.

    `keep` are columns that stay although they look like names of rows. `prepare` is ("yes",) where
    a table of numbers alone is prepared, too. `text` are the columns with texts, or their words,
    and `length` how many tokens of each are read.
    """

    target: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    prepare: tuple[str, ...] = ()
    text: tuple[str, ...] = ()
    length: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return the choices as they stand in a reference, "" for none."""
        said = {f.name: getattr(self, f.name) for f in fields(self)}
        parts = [f"{key}={','.join(map(quote, names))}" for key, names in said.items() if names]
        return f"?{'&'.join(parts)}" if parts else ""

    def found_in(self, header: Sequence[str], file: str) -> Columns:
        """Return the choices by the names of a header, in which blanks around do not count.

        RefusedError names what is not there, and says what is.
        """
        if self.prepare not in ((), (ALWAYS,)):
            raise RefusedError(tables.no_preparation(",".join(self.prepare), ALWAYS))
        if not self.target:
            raise RefusedError(tables.no_target(file, some(list(header))))
        whole = _found(",".join(self.target), header)  # a comma that nobody quoted
        target = self.target if whole is None else (whole,)
        chosen = replace(self, target=target)
        there = {
            key: tuple(_found(name, header) or name for name in getattr(chosen, key))
            for key in NAMES
        }
        missing = {key: [n for n in names if n not in header] for key, names in there.items()}
        if missing["target"]:
            asked = ",".join(self.target) if len(header) < 2 else missing["target"][0]
            raise RefusedError(tables.no_such_target(file, asked, some(list(header))))
        others = [name for names in missing.values() for name in names]
        if others:
            raise RefusedError(tables.no_such_columns(file, some(others), some(list(header))))
        chosen = replace(chosen, **there)
        lost = [name for name in chosen.target if name in chosen.ignore]
        if lost:
            raise RefusedError(tables.target_ignored(file, some(lost)))
        return chosen


def _found(name: str, header: Sequence[str]) -> str | None:
    """Return a column by its name, as it is written or but for the blanks around it."""
    if name in header:
        return name
    return next((column for column in header if column.strip() == name.strip()), None)


def taken_apart(name: str) -> tuple[str, Columns]:
    """Return the name of a file, and what is said of its columns behind it."""
    begins = [match.start() for match in BEGIN.finditer(name)]
    if not begins:
        return name, Columns()
    said: dict[str, tuple[str, ...]] = {}
    for part in NEXT.split(name[begins[-1] + 1 :]):
        key, _, names = part.partition("=")
        read = tuple(unquote(each) for each in names.split(",") if each.strip())
        said[key] = said.get(key, ()) + read
    return name[: begins[-1]], Columns(**said)
