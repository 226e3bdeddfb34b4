"""Why a file that a browser sends is refused, or is not the one that a plan was made with."""

from __future__ import annotations

from pruneviz.wording.fact import fact


@fact()
def no_upload(reference: str) -> str:
    return f"'{reference}' is no upload; upload the file again and use its link"


@fact()
def gone(name: str, sha256: str) -> str:
    """`name` is "" where it was not kept."""
    named = f" '{name}'" if name else ""
    return f"the upload{named} {sha256}… is not here (any more); upload the file again"


@fact()
def no_kind(file: str, kinds: tuple[str, ...]) -> str:
    return f"'{file}' is no kind of file that can be used; upload {', '.join(kinds)}"


@fact()
def too_large(file: str, megabytes: int) -> str:
    return (
        f"'{file}' is larger than {megabytes} MB; "
        "give the path of a file on the server with the command line"
    )


@fact()
def empty(file: str) -> str:
    return f"'{file}' is empty; upload it again"


@fact(field="data")
def not_whole(file: str, kind: str) -> str:
    return f"'{file}' is not a whole {kind} file; make it again and upload it"


@fact(field="data")
def no_utf8(file: str) -> str:
    return f"'{file}' is not UTF-8 text; export the table as UTF-8 CSV"


@fact(field="data")
def no_text(file: str) -> str:
    return f"'{file}' is not a table but a binary file; export it as UTF-8 CSV"


@fact()
def no_room(gigabytes: int, folder: str) -> str:
    return f"the uploads would take more than {gigabytes} GB; remove some from '{folder}'"


@fact()
def is_folder(path: str, wanted: str) -> str:
    return f"'{path}' is a folder; give the file itself that was sent: {wanted}"


@fact()
def unreadable(path: str, reason: str, what: str, wanted: str) -> str:
    return f"'{path}' cannot be read: {reason}; the plan's {what} are {wanted}"


@fact()
def another_file(path: str, found: str, what: str, wanted: str) -> str:
    return (
        f"'{path}' is not the file that the plan was made with: its SHA-256 is {found}…, "
        f"and the plan's {what} are {wanted}; give that file"
    )


@fact(field="data")
def other_columns(asked: str, given: str, reference: str) -> str:
    return f"the plan reads the table as {asked}, not as {given}; give {reference} alone"
