"""Pairs of layers that lose more together than apart: pairs.csv grows pair by pair."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pruneviz.analyses import scans
from pruneviz.history.folder import PAIRS_FILE, RunFolder, Spec, scan_plan
from pruneviz.jobs.context import Context
from pruneviz.jobs.kind import Progress, job
from pruneviz.jobs.scans import (
    RECALIBRATE,
    Notes,
    Table,
    budget_bytes,
    check_known,
    fraction,
    is_whole,
    percent_query,
    recalibrate_query,
    recalibrate_setting,
    recalibrates,
)
from pruneviz.plan import Setting
from pruneviz.sensitivity import read_pairs
from pruneviz.sensitivity.pairs import LEVEL, PAIRS
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import working

LEVEL_SETTING, PAIRS_SETTING = "level", "pairs"
QUESTION = "Which layers lose more together?"


def query(settings: Mapping[str, Setting]) -> dict[str, str]:
    """Return the parameters of a link that asks the same."""
    return {
        "question": QUESTION,
        **recalibrate_query(settings),
        **percent_query(settings, LEVEL_SETTING, "level"),
        **({"pairs": f"{settings[PAIRS_SETTING]}"} if PAIRS_SETTING in settings else {}),
    }


def has_result(folder: RunFolder) -> bool:
    """Return whether a finished scan's pairs are there and can be read."""
    return is_whole(folder, {PAIRS_FILE: read_pairs})


def settings(given: Mapping[str, Setting]) -> dict[str, Setting]:
    """Return what is asked beyond the plan: how much of each layer goes, how many pairs, BatchNorm.

    ValueError for an unknown name or a value that cannot be.
    """
    check_known(given, LEVEL_SETTING, PAIRS_SETTING, RECALIBRATE)
    pairs = given.get(PAIRS_SETTING, PAIRS)
    if isinstance(pairs, bool | str) or pairs < 1 or not float(pairs).is_integer():
        raise RefusedError(working.no_whole_number(PAIRS_SETTING, str(pairs)))
    level = fraction(given, LEVEL_SETTING, LEVEL)
    return {LEVEL_SETTING: level, PAIRS_SETTING: int(pairs), **recalibrate_setting(given)}


@job(
    "interactions", "Pairs of layers", page="sensitivity", question=QUESTION,
    has_result=has_result, essential=scan_plan, settings=settings, query=query,
)  # fmt: skip
def interactions(spec: Spec, context: Context) -> Iterator[Progress]:
    """Prune layers alone, then in pairs; a checkpoint holds which inputs were answered right."""
    level, count = fraction(spec.settings, LEVEL_SETTING, LEVEL), spec.settings[PAIRS_SETTING]
    prepared = context.prepare(spec.plan)
    found = scans.interactions(
        prepared,
        level,
        int(count),
        spec.plan.seed,
        budget_bytes(spec),
        recalibrate=recalibrates(spec),
    )
    pairs, notes = Table(context.folder, PAIRS_FILE), Notes(context.folder)

    def write() -> None:
        pairs.write(found.table(), last=found.finished)
        notes.write(found.notes)

    yield from context.steps(found, spec, write)
