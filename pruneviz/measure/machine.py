"""Where numbers were measured."""

import os
import platform
from pathlib import Path

import torch

from pruneviz import __version__
from pruneviz.report import Machine


def this_machine() -> Machine:
    """Return the processor, the cores this process may use, and the versions that matter."""
    return Machine(
        processor=_processor(),
        cores=len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count() or 1,
        python=platform.python_version(),
        torch=torch.__version__,
        pruneviz=__version__,
    )


def _processor() -> str:
    table = Path("/proc/cpuinfo")
    lines = table.read_text().splitlines() if table.exists() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()
