"""Why a run cannot be kept, found, named, deleted or brought back, nor the index of runs used."""

from __future__ import annotations

from pruneviz.wording.fact import Fact, fact


@fact()
def not_kept(folder: str, why: str) -> str:
    return f"the run cannot be kept in '{folder}': {why}"


@fact()
def report_of_another_plan(folder: str) -> str:
    return f"the report in '{folder}' is not that of its own plan: compute the run again"


@fact()
def of_two_runs(folder: str) -> str:
    return f"the plan and the report in '{folder}' are of two runs: compute the run again"


@fact()
def no_such_cost(name: str, known: tuple[str, ...]) -> str:
    return f"networks are not compared by '{name}'; choose one of {', '.join(known)}"


@fact()
def too_few_to_compare(runs: int) -> str:
    return f"a comparison needs two runs or more, got {runs}; name another, or --all"


@fact()
def nothing_to_compare(runs: tuple[str, ...]) -> str:
    return (
        f"{', '.join(runs)} measured no quality (a scan, no data, or not finished); leave it out, "
        "or wait until it is finished"
    )


@fact()
def under_way(run: str) -> str:
    return f"the run {run} is being computed: wait until it has ended, or stop it"


@fact()
def curve_unreadable(file: str, why: str) -> str:
    return f"'{file}' cannot be read: {why}; check the folder's rights"


@fact()
def curve_damaged(file: str, faults: Fact) -> str:
    return f"'{file}' is damaged: {faults}; compute the run again"


@fact()
def index_held_long(path: str, seconds: float) -> str:
    return (
        f"another process has used the index '{path}' for {seconds:.0f} s; try again when it has "
        "ended"
    )


@fact()
def index_unusable(path: str, why: str) -> str:
    return f"the index '{path}' cannot be used: {why}"


@fact()
def index_held() -> str:
    return "another program holds the index of the runs; close it and try again"


@fact()
def file_not_written(path: str, why: str) -> str:
    return f"'{path}' cannot be written: {why}; what was there is untouched"


@fact()
def no_order(orders: str, order: str) -> str:
    return f"runs are ordered by one of {orders}, or by a metric's name, got '{order}'"


@fact()
def gone(run: str) -> str:
    return f"the run {run} is gone; reload the list"


@fact()
def no_digest(given: str) -> str:
    return f"a run is named by its digest of 64 digits, got '{given}'"


@fact()
def no_such_run(run: str) -> str:
    return f"there is no run {run} (any more); reload the list"


@fact()
def too_many_tags(most: int, tags: int) -> str:
    return f"a run has at most {most} tags, got {tags}; remove some"


@fact()
def too_long(what: str, most: int, characters: int, beginning: str) -> str:
    return f"{what} has at most {most:,} characters, got {characters:,}: shorten '{beginning}…'"


@fact()
def no_state(states: str, given: str) -> str:
    return f"a run's state is one of {states}, got '{given}'"


@fact()
def none_called(name: str, digits: int) -> str:
    return (
        f"no run is called '{name}' or has a digest that begins so (with {digits} digits or "
        "more); list the runs to see what there is"
    )


@fact()
def several_called(name: str, digests: str, more: str) -> str:
    return (
        f"several runs are called '{name}' or have a digest that begins so: {digests}{more}; "
        "give more digits of the one that is meant"
    )


@fact()
def not_listed(folder: str, why: str) -> str:
    return f"the runs in '{folder}' cannot be listed: {why}"


@fact()
def not_in_trash(run: str) -> str:
    return f"the run {run} is not in the trash (any more)"


@fact()
def not_restored(run: str, why: str) -> str:
    return f"the run {run} cannot be restored: {why}"


@fact()
def stop_first(run: str, then: str) -> str:
    return f"the run {run} is being computed: stop it first, then {then}"


@fact()
def not_done(run: str, done: str, why: str) -> str:
    return f"the run {run} cannot be {done}: {why}"


@fact()
def called_in_trash(what: str, name: str, digests: str) -> str:
    return f"{what} called '{name}' or begin so (with 4 digits or more){digests}"


@fact()
def trash_not_emptied(why: str) -> str:
    return f"the trash cannot be emptied: {why}"


@fact()
def no_limit(variable: str, given: str) -> str:
    return f"{variable} must be a number of GB above 0, got '{given}'"


@fact()
def no_age(most: int, days: float) -> str:
    return f"an age is a number of days, 0 to {most:,}, got {days}"


@fact()
def checkpoints_stay(run: str, why: str) -> str:
    return f"the checkpoints of {run} cannot be removed: {why}"


@fact()
def unknown_fact() -> str:
    return "tells of no fact that this version knows"
