"""What the commands of a terminal refuse."""

from __future__ import annotations

from pruneviz.wording.fact import fact


@fact()
def job_failed(why: str) -> str:
    return why


@fact()
def job_ended(run: str, state: str, fraction: float, remedy: str) -> str:
    return f"the job {run} was {state} at {fraction:.0%}; {remedy}"


@fact()
def begun_before(state: str, fraction: float, run: str) -> str:
    return (
        f"this run was started before and {state} at {fraction:.0%}: go on with --resume, or "
        f"start over after `pruneviz runs delete {run}`"
    )


@fact()
def no_process(run: str, state: str) -> str:
    return f"no process works on {run}: it is {state}"


@fact()
def plan_unreadable(path: str, why: str) -> str:
    return f"the plan '{path}' cannot be read: {why}"


@fact()
def plan_no_utf8(path: str) -> str:
    return f"the plan '{path}' is no UTF-8 text"


@fact(field="input_shape")
def no_shape(given: str) -> str:
    return f"an input shape reads 3,224,224, got '{given}'"


@fact(field="reading")
def no_numbers(name: str, given: str) -> str:
    return f"{name} reads 0.5 or 0.485,0.456,0.406, got '{given}'"


@fact()
def not_by_name(form: str, given: str) -> str:
    return f"{form}, got '{given}'"


@fact()
def given_twice(what: str, name: str, first: str, second: str) -> str:
    return f"{what} '{name}' is given twice: {first} and {second}"


@fact()
def no_parameter(given: str) -> str:
    return f"a parameter reads NAME=VALUE, got '{given}'"


@fact()
def no_one_goal(goals: int) -> str:
    return (
        "name one goal: --lose 1, --megabytes 15, --macs 0.5, --parameters 0.5 or --milliseconds "
        f"20; got {goals}"
    )


@fact()
def no_upload(what: str, own: str) -> str:
    return f"the plan's {what} are no upload ({own}); leave --{what} out"


@fact()
def no_path_here(path: str) -> str:
    return (
        f"there is no '{path}' in the current folder, and the plan names it by that path: replay "
        "it from the folder it was run in"
    )


@fact(field="locks")
def outputs_differ(error: float, tolerance: float) -> str:
    return (
        f"the masked and the cut outputs differ by {error:.1e} of the largest output, more than "
        f"{tolerance:.0e}: lock the layers that compute with their own widths"
    )


@fact()
def no_plan_in_folder(folder: str, file: str) -> str:
    return (
        f"'{folder}' holds no {file}: name a folder that `pruneviz run --out` wrote, or a plan's "
        "file"
    )


@fact()
def not_empty(folder: str) -> str:
    return f"'{folder}' is not empty: name another folder for the copy"


@fact()
def not_made(folder: str, why: str) -> str:
    return f"'{folder}' cannot be made: {why}"


@fact()
def there_already(path: str) -> str:
    return f"'{path}' is there already: name another file, or give --force"


@fact()
def none_named() -> str:
    return "no run is named; name one, or list them with: pruneviz runs list"


@fact()
def none_named_nor_all() -> str:
    return "no run is named; name one, or give --all for every finished run"


@fact()
def uploads_missing(files: str, options: str) -> str:
    return (
        f"the plan was made with uploads that are not here: {files}; give run or replay {options}"
    )


@fact()
def no_loss_said(metric: str) -> str:
    return f"how much of {metric} is too much depends on its unit: say it with --lose"
