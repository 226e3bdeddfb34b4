"""How often 95 % intervals hold what is true, in worlds where that is known.

Each metric that `worlds.py` has a world for, of one network and of the change between two on the
same inputs, at three numbers of inputs. The ratio is the worst miss beside what is promised: how
often the interval that fails most at the largest number misses, over 5 %.
"""

from __future__ import annotations

import torch
from common import finish, quick_asked
from worlds import WORLDS, covers

SAMPLES, DRAWS = (30, 100, 400), 2000
QUICK = (100,), 100


def main() -> None:
    """Simulate, and print the table."""
    torch.set_num_threads(1)
    sizes, draws = QUICK if quick_asked(__doc__) else (SAMPLES, DRAWS)
    rows, missed = [], []
    for world in WORLDS.values():
        for name in world.truths:
            found = [covers(name, world, samples, draws) for samples in sizes]
            shown = [f"{100 * one:.1f}" for each in found for one in (each.alone, each.paired)]
            rows.append([name, *shown])
            print(f"{name}: {', '.join(shown)}", flush=True)
            missed.append(1 - min(found[-1].alone, found[-1].paired))
    columns = ["metric", *(f"{n}{of}" for n in sizes for of in (" inputs", ", change"))]
    notes = f"How often 95 % intervals hold the truth, in %, of {draws:,} draws."
    finish("coverage", columns, rows, notes, max(missed) / 0.05)


if __name__ == "__main__":
    main()
