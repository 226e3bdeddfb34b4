"""Why a job cannot be begun, asked to stop, gone on with, or its settings taken."""

from __future__ import annotations

from pruneviz.wording.fact import fact


@fact()
def no_directory(path: str, why: str) -> str:
    return f"'{path}' cannot be made: {why}"


@fact()
def checkpoint_unreadable(why: str) -> str:
    return f"it cannot be read: {why}"


@fact()
def checkpoint_changed() -> str:
    return "it is damaged: its content is not the one it was written with"


@fact()
def checkpoint_damaged() -> str:
    return "it is damaged, or it holds more than tensors and values"


@fact()
def no_checkpoint() -> str:
    return "it holds no state"


@fact()
def other_settings() -> str:
    return "it is one of other settings, or of an older version"


@fact()
def not_started(folder: str, why: str) -> str:
    return f"the job cannot be started in '{folder}': {why}"


@fact()
def checkpoints_not_copied(folder: str, why: str) -> str:
    return f"the checkpoints of '{folder}' cannot be copied: {why}"


@fact()
def no_place(folder: str, why: str) -> str:
    return f"no run can be kept in '{folder}': {why}"


@fact()
def not_asked_to_stop(why: str) -> str:
    return f"the job cannot be asked to stop: {why}"


@fact()
def result_not_kept(folder: str, why: str) -> str:
    return f"the result cannot be kept in '{folder}': {why}"


@fact()
def takes_no_settings(given: str) -> str:
    return f"this kind of work takes no settings, got {given}"


@fact()
def unknown_kind(name: str, known: str) -> str:
    return f"unknown kind of job '{name}'; choose from {known}"


@fact()
def no_whole_number(setting: str, given: str) -> str:
    return f"'{setting}' must be a whole number from 1, got {given}"


@fact()
def unknown_settings(unknown: str, known: str) -> str:
    return f"this scan has no setting {unknown}; it takes {known}"


@fact()
def no_switch(setting: str, given: str) -> str:
    return f"'{setting}' must be true or false, got {given}"


@fact()
def no_fraction(setting: str, given: str) -> str:
    return f"'{setting}' must be a fraction above 0 and at most 1, got {given}"


@fact()
def no_amount(setting: str, given: str) -> str:
    return f"'{setting}' must be a number above 0, in the metric's unit, got {given}"


@fact()
def no_memory(given: str) -> str:
    return f"the memory for kept activations must be 0 MB or more, got {given}"


@fact()
def no_limit(variable: str, given: str) -> str:
    return f"{variable} must be a whole number above 0, got '{given}'"


@fact()
def no_seconds(variable: str, given: str) -> str:
    return f"{variable} must be a whole number of seconds, got '{given}'"


@fact()
def no_niceness(variable: str, most: int, given: str) -> str:
    return f"{variable} must be 0 to {most}, got '{given}'"
