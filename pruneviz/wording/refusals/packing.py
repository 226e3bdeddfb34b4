"""Why runs cannot be packed into a zip file, taken from one, or written to MLflow."""

from __future__ import annotations

from pruneviz.wording.fact import Fact, fact


@fact()
def none_named() -> str:
    return "no run is named to export; name one or more"


@fact()
def is_folder(path: str) -> str:
    return f"'{path}' is a folder; give the path of a zip file"


@fact()
def not_written(path: str, why: str) -> str:
    return f"'{path}' cannot be written: {why}"


@fact()
def not_ended(run: str) -> str:
    return f"the run {run} has not ended: resume it, or leave it out"


@fact()
def is_damaged(run: str, why: str) -> str:
    return f"the run {run} is damaged, leave it out: {why}"


@fact()
def no_whole_zip(file: str, why: str) -> str:
    return f"'{file}' is not a whole zip file: {why}"


@fact()
def not_imported(file: str, why: str) -> str:
    return f"the runs of '{file}' cannot be imported: {why}"


@fact()
def no_room(needed: int, spare: int) -> str:
    return f"the runs need {needed:,} bytes and the disk has {spare:,} to spare; make room"


@fact()
def more_than_announced(file: str) -> str:
    return f"'{file}' unpacks to more than it announces"


@fact()
def too_many_files(file: str, files: int, most: int) -> str:
    return f"'{file}' holds {files:,} files; pack {most:,} at most"


@fact()
def twice(file: str, member: str) -> str:
    return f"'{file}' holds '{member}' twice; export the runs again"


@fact()
def too_large(file: str, gigabytes: int) -> str:
    return f"'{file}' unpacks to more than {gigabytes} GB; export fewer runs at once"


@fact()
def bomb_of_many(file: str, times: int) -> str:
    return (
        f"'{file}' unpacks to more than {times} times its size, as a bomb of many files does; "
        "make the file with 'pruneviz runs export'"
    )


@fact()
def holds_no_runs(file: str) -> str:
    return f"'{file}' holds no runs; make it with 'pruneviz runs export'"


@fact()
def no_file_of_a_run(member: str) -> str:
    return (
        f"'{member}' is no file of a run; export the runs again: each is a folder named by its "
        "digest, with nothing else in it"
    )


@fact()
def link_or_device(member: str) -> str:
    return f"'{member}' is a link or a device; export the runs again"


@fact()
def encrypted(member: str) -> str:
    return f"'{member}' is encrypted; pack it without a password"


@fact()
def packed_unusually(member: str) -> str:
    return f"'{member}' is packed in an unusual way; pack it as a plain zip"


@fact()
def member_too_large(member: str, size: int, most: int) -> str:
    return f"'{member}' unpacks to {size:,} bytes, and {most:,} are allowed"


@fact()
def bomb(member: str, times: int) -> str:
    return (
        f"'{member}' unpacks to more than {times} times its size, as a bomb does; make the file "
        "with 'pruneviz runs export'"
    )


@fact()
def asks_for_another(run: str, spec: str) -> str:
    return f"{run} is not what its '{spec}' asks for; export it again"


@fact()
def has_not_ended(run: str) -> str:
    return f"{run} has not ended; export it when it has"


@fact()
def lacks_files(run: str, files: str) -> str:
    return f"{run} has no {files}; export it again"


@fact()
def no_kind(run: str, kind: str) -> str:
    return f"{run} is of no kind of run: {kind}; export it again"


@fact()
def asks_for_unknown(run: str, what: str) -> str:
    return f"{run} asks for what is unknown here ({what}); leave it out, or update PruneViz"


@fact()
def another_plan(file: str, run: str) -> str:
    return f"'{file}' of {run} is another run's plan; export it again"


@fact()
def another_report(file: str, run: str) -> str:
    return f"'{file}' of {run} is another run's report; export it again"


@fact()
def no_utf8(member: str) -> str:
    return f"'{member}' is no UTF-8 text; export the run again"


@fact()
def record_damaged(record: str, faults: Fact) -> str:
    return f"{record} is damaged: {faults}"


@fact()
def no_json(file: str) -> str:
    return f"{file} is not JSON; export the run again"


@fact()
def no_epochs(file: str) -> str:
    return f"{file} is no list of epochs; export the run again"


@fact()
def no_plan(file: str, why: Fact) -> str:
    return f"{file} is no plan: {why}"


@fact()
def no_text(file: str) -> str:
    return f"{file} is not text; export the run again"


@fact()
def no_report(kind: str, run: str, state: str) -> str:
    return (
        f"the {kind} {run} is {state}: only finished runs with a report can be exported; leave "
        "it out"
    )


@fact()
def mlflow_cannot_write(uri: str, why: str) -> str:
    return f"MLflow cannot write to '{uri}': {why}"


@fact()
def no_mlflow(remedy: str) -> str:
    return f"MLflow is not installed; {remedy}"


@fact()
def no_store_name(given: str) -> str:
    return f"an SQLite store is named sqlite:///FILE, got '{given}'"


@fact()
def no_folder_for_store(folder: str) -> str:
    return f"there is no folder '{folder}' for the store; make it first"
