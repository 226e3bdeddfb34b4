"""A process that makes, labels, deletes and restores runs as fast as it can: HOME RUNS SEED STEPS.

RUNS is a folder of runs to copy from, so that torch need not be loaded.
"""

from __future__ import annotations

import random
import shutil
import sys
import tempfile
from pathlib import Path

from pruneviz.history.index import History


def copy_whole(source: Path, goal: Path) -> None:
    """Copy a run's folder to its place, whole or not at all."""
    beside = Path(tempfile.mkdtemp(dir=goal.parent, prefix=".new-"))
    try:
        shutil.copytree(source, beside, dirs_exist_ok=True)
        beside.rename(goal)
    except OSError:  # another process was quicker
        shutil.rmtree(beside, ignore_errors=True)


def main(home: Path, runs: Path, seed: int, steps: int) -> None:
    """Do so many things at random."""
    chance, sources = random.Random(seed), sorted(runs.iterdir())
    sys.stdout.write("begun\n")
    sys.stdout.flush()
    for _ in range(steps):
        source, history = chance.choice(sources), History(home)
        try:
            match chance.randrange(6):
                case 0 | 1:
                    copy_whole(source, history.directory / source.name)
                    history.record(source.name)
                case 2:
                    history.label(source.name, name=f"{seed}", tags=[str(chance.random())])
                case 3:
                    history.delete(source.name)
                case 4:
                    history.restore(source.name)
                case 5:
                    history.search(limit=5)
        except ValueError as error:
            if "run" not in str(error):
                raise


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
