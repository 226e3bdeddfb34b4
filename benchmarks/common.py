"""What every benchmark shares: its options, its table, its section of RESULTS.md."""

from __future__ import annotations

import argparse
import datetime
import importlib
import json
import os
import re
import statistics
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

from pruneviz.measure.machine import this_machine

FIGURES = "PRUNEVIZ_FIGURES"  # names the file that figures are kept in
RESULTS = Path(os.environ.get("PRUNEVIZ_RESULTS", Path(__file__).with_name("RESULTS.md")))


def quick_asked(description: str | None) -> bool:
    """Read the command line: `--quick` asks for a version under two minutes."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="a version under two minutes")
    return bool(parser.parse_known_args()[0].quick)


def needed(name: str) -> ModuleType:
    """Return a module of the extra `bench`; SystemExit says how to have it."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise SystemExit(f"this benchmark needs {name}: run `make bench` first") from error


def compared(what: str, ours: float, expected: float, by: str) -> None:
    """Keep a figure of this run beside the same by another tool, where `tasks.py` asks for it."""
    if FIGURES in os.environ:
        with Path(os.environ[FIGURES]).open("a", encoding="utf-8") as file:
            file.write(json.dumps([what, ours, expected, by]) + "\n")


def median_seconds(action: Callable[[], object], runs: int) -> float:
    """Return the median duration of `runs` calls."""
    taken = []
    for _ in range(runs):
        start = time.perf_counter()
        action()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def finish(
    name: str, columns: Sequence[str], rows: Sequence[Sequence[str]], notes: str, ratio: float
) -> None:
    """Print the table and `ratio: X`, and write the benchmark's section of RESULTS.md.

    A section that `--quick` made says so.
    """
    lines = ["| " + " | ".join(row) + " |" for row in (columns, ["---"] * len(columns), *rows)]
    machine = this_machine()
    libraries = ", ".join(f"{p} {version(p)}" for p in ("torch", "streamlit", "plotly"))
    quick = "(quick) " if quick_asked(None) else ""
    where = (
        f"{quick}{datetime.date.today().isoformat()}, {machine.processor}, {machine.cores} cores, "
        f"Python {machine.python}, {libraries}."
    )
    table = "\n".join(lines)
    section = f"## {name}\n\n{where} {notes}\n\n{table}\n\nratio: {ratio:.2f}\n"
    text = RESULTS.read_text() if RESULTS.exists() else "# Results\n\nWritten by the benchmarks.\n"
    sections = [s for s in re.split(r"\n(?=## )", text) if not s.startswith(f"## {name}\n")]
    head, others = sections[0], sorted([*sections[1:], section])
    RESULTS.write_text("\n".join(s.rstrip("\n") + "\n" for s in (head, *others)))
    print(table)
    print(notes)
    print(f"ratio: {ratio:.2f}")
