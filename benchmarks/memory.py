"""What the server holds after forty models were opened one after the other, against three.

In this process, by the same calls as the pages: each model is opened, pruned by two amounts,
measured until its numbers are exact and the original's passes are remembered. `held` is what all
living tensors take, each storage once; `resident` is the process's memory above that before the
first model. The ratio is of `held`; its goal is at most 1.5.
"""

from __future__ import annotations

import gc
import os
import tempfile
from pathlib import Path

import numpy as np
import psutil
import torch
from common import finish, quick_asked

from pruneviz.plan import Plan
from pruneviz.ui import settings
from pruneviz.ui.engine import cache, cached

FACTORIES = '''
from torch import nn

def make(width, extra):
    """A network whose first layers hold nearly all of its weights."""
    wide = width + extra
    parts = nn.Linear(64, wide), nn.ReLU(), nn.Linear(wide, width), nn.ReLU(), nn.Linear(width, 10)
    return nn.Sequential(*parts)

'''
FEW, MANY = 3, 40
SAMPLES = 2000
MB = 10**6


def held_bytes() -> int:
    """Return what all living tensors take, each storage once."""
    gc.collect()
    storages = {}
    for thing in gc.get_objects():
        if issubclass(type(thing), torch.Tensor):  # asking some objects their class has effects
            storage = thing.untyped_storage()
            storages[storage.data_ptr()] = storage.nbytes()
    return sum(storages.values())


def written(folder: Path, width: int) -> tuple[list[str], str]:
    """Write forty factories and data for them; return their references."""
    file, data = folder / "models.py", folder / "data.npz"
    lines = (f"def model{i}(): return make({width}, {i})" for i in range(MANY))
    file.write_text(FACTORIES + "\n".join(lines) + "\n")
    values = np.random.default_rng(0).normal(size=(SAMPLES, 64)).astype(np.float32)
    np.savez(data, x=values, y=np.arange(SAMPLES) % 10)
    return [f"python:{file}:model{i}" for i in range(MANY)], f"npz:{data}"


def open_wholly(plan: Plan) -> None:
    """Look at a plan and at a neighbour until all that the pages ask is known."""
    for sparsity in (0.5, 0.25):
        cache.follow(plan.changed(sparsity=sparsity))
        cache.background().wait()


def main() -> None:
    """Open the models, look at the memory after three and after all, and write the section."""
    width = 256 if quick_asked(__doc__) else 1024
    process, rows, held = psutil.Process(), [], {}
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PRUNEVIZ_HOME"] = str(Path(folder) / "home")
        models, data = written(Path(folder), width)
        os.environ.update(settings.variables(models, [data]))
        open_wholly(Plan(model="sample:tumour-mlp"))  # what is imported and set up once
        cached.clear()
        gc.collect()
        before, resident = held_bytes(), process.memory_info().rss
        for number, model in enumerate(models, 1):
            open_wholly(Plan(model=model, data=data))
            if number in (1, FEW, 10, 20, MANY):
                held[number] = held_bytes() - before
                grown = process.memory_info().rss - resident
                rows.append([str(number), f"{held[number] / MB:.1f} MB", f"{grown / MB:.0f} MB"])
                print(f"{number} opened: {held[number] / MB:.1f} MB held", flush=True)
    weights = (64 + width) * width * 4 / MB
    finish(
        "memory",
        ["models opened", "held", "resident above the start"],
        rows,
        f"Linear networks of {weights:.1f} MB of weights and more, {SAMPLES:,} inputs, two amounts "
        f"of each; at {settings.memory_mb()} MB {settings.models_kept()} models are kept. "
        f"Goal: {MANY} hold at most 1.5 times what {FEW} hold.",
        held[MANY] / held[FEW],
    )


if __name__ == "__main__":
    main()
