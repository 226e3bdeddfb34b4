"""What the kinds of scans share: their settings spelled out, and the files they leave."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import inf
from pathlib import Path

import pandas as pd

from pruneviz.history.folder import NOTES_FILE, RunFolder, Spec, write_bytes, write_json
from pruneviz.plan import Setting
from pruneviz.reuse import BUDGET_BYTES
from pruneviz.sensitivity.notes import read_notes
from pruneviz.sensitivity.points import LEVELS, read_levels
from pruneviz.wording import Fact, RefusedError
from pruneviz.wording.refusals import working

Read = Callable[[Path], pd.DataFrame]
BUDGET, LEVELS_SETTING, RECALIBRATE = "budget_mb", "levels", "recalibrate"
PAUSE = 20.0  # times what writing a table took, before it is written again


def check_known(given: Mapping[str, Setting], *names: str) -> None:
    """Raise ValueError where a setting is given that is none of `names`."""
    unknown = sorted(set(given) - set(names))
    if unknown:
        raise RefusedError(
            working.unknown_settings(", ".join(map(repr, unknown)), ", ".join(names))
        )


def levels_setting(given: Mapping[str, Setting]) -> dict[str, Setting]:
    """Return the levels spelled out, nothing where they are the usual ones.

    ValueError where they are no levels.
    """
    levels = read_levels(given[LEVELS_SETTING]) if LEVELS_SETTING in given else LEVELS
    if levels == LEVELS:
        return {}
    return {LEVELS_SETTING: ",".join(map(str, levels)) if len(levels) > 1 else levels[0]}


def levels_of(spec: Spec) -> tuple[float, ...]:
    """Return the levels that a job was asked for."""
    asked = spec.settings.get(LEVELS_SETTING)
    return LEVELS if asked is None else read_levels(asked)


def recalibrate_setting(given: Mapping[str, Setting]) -> dict[str, Setting]:
    """Return whether BatchNorm statistics are taken anew, nothing where they are not.

    ValueError where it is neither true nor false.
    """
    again = given.get(RECALIBRATE, False)
    if not isinstance(again, bool):
        raise RefusedError(working.no_switch(RECALIBRATE, repr(again)))
    return {RECALIBRATE: True} if again else {}


def recalibrate_query(settings: Mapping[str, Setting]) -> dict[str, str]:
    """Return the parameter of a link that asks for BatchNorm statistics taken anew."""
    return {RECALIBRATE: "true"} if settings.get(RECALIBRATE) is True else {}


def percent_query(settings: Mapping[str, Setting], name: str, shown: str) -> dict[str, str]:
    """Return the parameter of a link for a fraction, in percent; none where it is not set."""
    return {shown: f"{round(100 * float(settings[name]), 6):g}"} if name in settings else {}


def recalibrates(spec: Spec) -> bool:
    """Return whether a job takes BatchNorm statistics anew after each pruning."""
    return spec.settings.get(RECALIBRATE) is True


def fraction(given: Mapping[str, Setting], name: str, default: float) -> float:
    """Return a setting in (0, 1]; ValueError where it is none."""
    value = given.get(name, default)
    if isinstance(value, bool | str) or not 0 < value <= 1:
        raise RefusedError(working.no_fraction(name, str(value)))
    return float(value)


def amount(given: Mapping[str, Setting], name: str) -> float:
    """Return a setting above 0; ValueError where it is none."""
    value = given[name]
    if isinstance(value, bool | str) or not 0 < value < inf:
        raise RefusedError(working.no_amount(name, str(value)))
    return float(value)


def budget_bytes(spec: Spec) -> int:
    """Return how many bytes of activations a job may keep; ValueError where it is no number."""
    asked = spec.options.get(BUDGET)
    if asked is None:
        return BUDGET_BYTES
    if isinstance(asked, bool | str) or not 0 <= asked < inf:
        raise RefusedError(working.no_memory(str(asked)))
    return int(asked * 2**20)


def is_whole(folder: RunFolder, tables: Mapping[str, Read], rows_of: int = 1) -> bool:
    """Return whether a finished scan's files can be read, and the first one holds rows.

    `tables` are the files with what reads each; the first one's rows come `rows_of` at a time.
    """
    try:
        read_notes(folder)
        first, *_ = [len(read(folder.file(name))) for name, read in tables.items()]
    except ValueError:
        return False
    return first > 0 and first % rows_of == 0


@dataclass
class Table:
    """A table that grows while a job works, in a file of its own."""

    folder: RunFolder
    name: str
    written: bool = False
    _again: float = 0.0

    def write(self, table: pd.DataFrame, *, last: bool) -> None:
        """Write it in the place of the one before, onto the disk when it is the `last`."""
        content = table.to_csv(index=False).encode()
        write_bytes(self.folder.file(self.name), content, durable=last)
        self.written = True

    def offer(self, table: Callable[[], pd.DataFrame], *, last: bool) -> None:
        """Write a table that may be large, unless that would take more than 5 % of the time."""
        began = time.monotonic()
        if last or began >= self._again:
            self.write(table(), last=last)
            ended = time.monotonic()
            self._again = ended + PAUSE * (ended - began)


@dataclass
class Notes:
    """What a reader must know of how a scan was computed, in a file beside its table."""

    folder: RunFolder
    _written: tuple[str, ...] | None = None  # what an earlier attempt left may not hold now

    def write(self, notes: Iterable[Fact]) -> None:
        """Write the sentences where they are others than before."""
        found = tuple(map(str, notes))
        if found != self._written:
            write_json(self.folder.file(NOTES_FILE), list(found), durable=False)
            self._written = found
