"""The command line: the same verbs as the pages, with a table for people and JSON for programs."""

from __future__ import annotations

import os
import sys

from pruneviz.cli import beside, jobs, methods, propose, prune, recover, scans, sensitivity, serve
from pruneviz.cli.console import OUTPUT, app, fail
from pruneviz.cli.runs import runs_app

app.add_typer(runs_app, name="runs")

__all__ = ["app", "beside", "jobs", "main", "methods", "propose", "prune", "recover", "scans",
           "sensitivity", "serve"]  # fmt: skip


def main() -> None:
    """Run the command line; what a user got wrong ends as one sentence and exit code 1."""
    # Torch's threads would spin while they wait for one another: on a busy machine that was seen
    # to make a small network 14 times slower. Read when torch is loaded, so it is set before.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    token = OUTPUT.set(sys.stdout)
    try:
        app()
    except (ValueError, OSError) as error:
        fail(str(error))
    except (RuntimeError, MemoryError) as error:  # such as torch's, when memory runs out
        fail((str(error).splitlines() or [type(error).__name__])[0])
    finally:
        OUTPUT.reset(token)
