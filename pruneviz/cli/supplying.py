"""Files given in the place of the uploads that a plan of another machine names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pruneviz.sent import SentFile
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import commanding


def supply_uploads(
    references: Mapping[str, str | None], given: Mapping[str, str | None], folder: Path
) -> set[str]:
    """Keep the files given for a plan's uploads; return for which of weights and data they were.

    `references` are the plan's own, `folder` is where its report may lie, which names the files.
    ValueError where another file is given, or none and the upload is not here.
    """
    if not any((reference or "").startswith("upload:") for reference in references.values()):
        return set()
    from pruneviz.home import default_home
    from pruneviz.subjects.uploads import is_here, sent_file, supply

    home, supplied, missing = default_home(), set(), []
    for what in ("weights", "data"):
        reference, file = references.get(what), given.get(what)
        wanted = sent_file(what, reference, home)
        if reference is None or wanted is None:
            continue
        wanted = _named(wanted, folder)
        if file is not None and file != reference:
            supply(reference, wanted, file, home)
        elif not is_here(reference, home):
            missing.append(wanted)
        supplied.add(what)
    if missing:
        files = " and ".join(f"for its {wanted.what} {wanted.title}" for wanted in missing)
        options = " ".join(wanted.option for wanted in missing)
        raise RefusedError(commanding.uploads_missing(files, options))
    return supplied


def _named(wanted: SentFile, folder: Path) -> SentFile:
    """Return the file with its name, if need be from the report beside the plan."""
    from pruneviz.store import read_report

    if wanted.name:
        return wanted
    try:
        inputs = read_report(folder).inputs
    except ValueError:  # a plan without its run: the digest has to do
        return wanted
    return next((sent for sent in inputs if sent.sha256 == wanted.sha256 and sent.name), wanted)
