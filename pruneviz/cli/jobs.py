"""Jobs from the command line: stop one, or go on with one that was interrupted."""

from __future__ import annotations

from pruneviz.cli.console import aside, output, print_json
from pruneviz.cli.options import AsJson
from pruneviz.cli.runs import Run, runs_app
from pruneviz.history.folder import RunFolder
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import commanding


def _folder(run: str) -> RunFolder:
    from pruneviz.history.index import History
    from pruneviz.home import default_home

    history = History(default_home())
    return history.folder(history.get(run).digest)


@runs_app.command()
@aside
def stop(run: Run, as_json: AsJson = False) -> None:
    """Stop a job that is queued or running; it can be resumed."""
    from pruneviz import jobs

    folder = _folder(run)
    if not folder.alive():
        raise RefusedError(commanding.no_process(folder.digest[:12], folder.state()))
    jobs.cancel(folder)
    for _ in jobs.follow(folder):
        pass
    _say(folder, as_json)


@runs_app.command()
@aside
def resume(run: Run, as_json: AsJson = False) -> None:
    """Go on with a job that was stopped, interrupted or failed, and follow it to its end."""
    from pruneviz.cli.following import follow_to_its_end

    folder = _folder(run)
    if folder.state() != "finished":
        from pruneviz import jobs

        jobs.resume(folder)
        follow_to_its_end(folder)
    _say(folder, as_json)


def _say(folder: RunFolder, as_json: bool) -> None:
    if as_json:
        print_json({"digest": folder.digest, "state": folder.state()})
    else:
        output().print(f"{folder.digest[:12]} is {folder.state()}", highlight=False)
