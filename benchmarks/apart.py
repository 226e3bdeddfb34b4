"""One attempt in a process of its own, which may crash or hang."""

from __future__ import annotations

import multiprocessing
import queue
import warnings
from collections.abc import Callable
from typing import Any

import torch

LIMIT_SECONDS = 100.0
Found = dict[str, Any]


def _work(tool: Callable[[str], Found], name: str, answers: Any) -> None:
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    try:
        answers.put(tool(name))
    # Whatever a tool does with a model is its row of the table.
    except BaseException as fault:
        line = (str(fault).splitlines() or [""])[0][:60].replace("|", "/")
        answers.put({"fault": f"{type(fault).__name__}: {line}"})


def tried(tool: Callable[[str], Found], name: str) -> Found:
    """Return what a tool makes of a model, or the fault."""
    answers: Any = multiprocessing.Queue()
    process = multiprocessing.Process(target=_work, args=(tool, name, answers), daemon=True)
    process.start()
    try:
        found: Found = answers.get(timeout=LIMIT_SECONDS)
    except queue.Empty:
        found = {"fault": f"no answer in {LIMIT_SECONDS:.0f} s"}
    process.kill()
    process.join()
    return found
