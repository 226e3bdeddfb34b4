"""Four tasks at once, each figure beside what another tool gives in the same run.

The benchmarks `tasks_tables.py`, `tasks_photographs.py`, `tasks_detection.py` and
`tasks_language.py` run one after the other in their quick size, each in a process of its own, and
what they found stands in one table: accuracy and mAP beside torchmetrics', average precision beside
scikit-learn's, perplexity beside transformers'. One whose data or packages are not there is left
out by name; `--model` names the language model's folder. Their own sections of RESULTS.md stay as
they are. The ratio is that figure to what was expected of it which is furthest from 1.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from common import FIGURES, finish

PARTS = {
    "tables": "a table's rows in two classes",
    "photographs": "a photograph in one of 1,000 classes",
    "detection": "boxes in a photograph",
    "language": "the next token of a text",
}
HERE = Path(__file__).parent
Figures = list[tuple[str, float, float, str]]  # what it is, ours, the other tool's, which tool


def found_by(part: str, options: list[str]) -> tuple[Figures, str]:
    """Return the figures of one benchmark, and why it ended early, "" where it did not."""
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(folder) / "figures"
        kept.touch()
        process = subprocess.run(
            [sys.executable, str(HERE / f"tasks_{part}.py"), "--quick", *options],
            env={
                **os.environ,
                FIGURES: str(kept),
                "PRUNEVIZ_RESULTS": str(Path(folder) / "RESULTS.md"),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        figures = [tuple(json.loads(line)) for line in kept.read_text("utf-8").splitlines()]
    said = (process.stderr if process.returncode else process.stdout).strip()
    why = said.rpartition("\n")[2] if process.returncode or not figures else ""
    return figures, why


def main() -> None:
    """Run each, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="as it is: all are quick")
    parser.add_argument("--model", type=Path, help="the folder of the language model")
    given = parser.parse_args()
    rows, furthest, missing = [], 1.0, []
    for part, task in PARTS.items():
        print(f"{part}: {task} …", flush=True)
        named = part == "language" and given.model is not None
        figures, why = found_by(part, ["--model", str(given.model)] if named else [])
        if why:
            missing.append(f"{part} ({why})")
            print(f"{part}: {why}", flush=True)
        for what, ours, expected, by in figures:
            rows.append([task, what, f"{ours:.6f}", f"{expected:.6f}", by])
            print(*rows[-1], sep=" | ", flush=True)
            ratio = ours / expected if expected else 1 + ours  # of a network that finds nothing
            furthest = max(furthest, ratio, key=lambda each: abs(each - 1))
    notes = "Each in its quick size, so numbers are those of fewer inputs than in sections beside."
    if missing:
        notes += f" Left out: {'; '.join(missing)}."
    finish("tasks", ["task", "figure", "here", "expected", "by"], rows, notes, furthest)


if __name__ == "__main__":
    main()
