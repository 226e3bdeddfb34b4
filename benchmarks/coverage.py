"""How often 95 % intervals hold what is true, in worlds where that is known.

Each metric, in each world of `worlds.py` that knows its truth: of one network, and of the change
between two on the same inputs, at several numbers of inputs. Each world is a section of its own,
and its name as an argument asks for that one alone. The ratio is the worst miss beside what is
promised: how often the interval that fails most at the largest number misses, over 5 %.
"""

from __future__ import annotations

import sys

import torch
from common import finish, quick_asked
from worlds import WORLDS, World, covers

DRAWS = 2000
QUICK = (100,), 50  # inputs, draws


def simulate(name: str, world: World, sizes: tuple[int, ...], draws: int) -> None:
    """Simulate one world, and print its table."""
    rows, missed = [], []
    for metric in world.truths:
        found = [covers(metric, world, samples, draws) for samples in sizes]
        shown = [f"{100 * one:.1f}" for each in found for one in (each.alone, each.paired)]
        rows.append([metric, *shown])
        print(f"{metric}: {', '.join(shown)}", flush=True)
        missed.append(1 - min(found[-1].alone, found[-1].paired))
    columns = ["metric", *(f"{n}{of}" for n in sizes for of in (" inputs", ", change"))]
    notes = f"How often 95 % intervals hold the truth, in %, of {draws:,} draws."
    if world.given:
        notes += " Each is the mean over the labels."
    finish(f"coverage, {name}", columns, rows, notes, max(missed) / 0.05)


def main() -> None:
    """Simulate the worlds that are asked for."""
    torch.set_num_threads(1)
    quick = quick_asked(__doc__)
    asked = [name for name in sys.argv[1:] if name in WORLDS]
    for name in asked or WORLDS:
        world = WORLDS[name]
        sizes, draws = QUICK if quick else (world.sizes, DRAWS)
        simulate(name, world, sizes, draws)


if __name__ == "__main__":
    main()
