"""A small network whose slowness can be set, so that a job can be caught at any moment."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pruneviz import jobs
from pruneviz.plan import Plan
from pruneviz.run import bind
from pruneviz.subjects import load_subject

NETWORK = """
import time
import torch
from pathlib import Path

PACE = Path(__file__).with_name("seconds")

class Slow(torch.nn.Sequential):
    def forward(self, x):
        time.sleep(float(PACE.read_text()))
        return super().forward(x)

def build():
    torch.manual_seed(0)
    return Slow(torch.nn.Linear(4, 16), torch.nn.ReLU(), torch.nn.Linear(16, 8), torch.nn.ReLU(),
                torch.nn.Linear(8, 2))
"""


class Bench:
    """A home folder, a network and the pace at which it answers."""

    def __init__(self, folder: Path) -> None:
        self.home, self.folder = folder / "home", folder
        (folder / "net.py").write_text(NETWORK)
        self.pace(0)
        generator = np.random.default_rng(0)
        x = generator.normal(size=(60, 4)).astype(np.float32)
        np.savez(folder / "data.npz", x=x, y=(x.sum(1) > 0).astype(np.int64))
        plan = Plan(model=f"python:{folder}/net.py:build", data=f"npz:{folder}/data.npz")
        self.plan = bind(plan, load_subject(plan))

    def pace(self, seconds: float) -> None:
        """Let every forward pass from now on take this long."""
        beside = self.folder / "seconds.new"  # a pass must not read half a number
        beside.write_text(str(seconds))
        beside.replace(self.folder / "seconds")

    def scan(self, seed: int = 0, **options):
        """Begin a sensitivity scan; another seed makes it another run."""
        return jobs.submit(self.home, "sensitivity", self.plan.changed(seed=seed), options=options)


@pytest.fixture
def bench(tmp_path):
    made = Bench(tmp_path)
    yield made
    for folder in jobs.active(made.home):
        jobs.cancel(folder)
        for _ in jobs.follow(folder):
            pass
