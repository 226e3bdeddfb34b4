"""A small network whose slowness can be set, so that a job can be caught at any moment."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from pruneviz.plan import Plan

WAIT_SECONDS = 300  # a process that comes up on a busy machine may need minutes
ALL = 10**9  # passes; more than any test begins
# Slow in the job's process alone, and as the file beside it says: how long a pass takes, and how
# many may be answered before it holds. It writes down how many were begun, and that it is held.
NETWORK = """
import sys
import time
import torch
from pathlib import Path

HERE = Path(__file__).parent

class Slow(torch.nn.Sequential):
    def forward(self, x):
        if "jobs" in sys.argv[0]:
            self.wait()
        return super().forward(x)

    def wait(self):
        began = time.monotonic()
        with (HERE / "passes").open("a") as passes:
            passes.write("x")
            number = passes.tell()
        while True:
            seconds, answered = (HERE / "pace").read_text().split()
            held = number > int(answered)
            if held:
                (HERE / "held").touch()
            elif time.monotonic() - began >= float(seconds):
                return
            time.sleep(0.005)

def build():
    torch.manual_seed(0)
    return Slow(torch.nn.Linear(4, 16), torch.nn.ReLU(), torch.nn.Linear(16, 8), torch.nn.ReLU(),
                torch.nn.Linear(8, 2))
"""


class SlowNetwork:
    """A folder with the network, its data and the pace at which it answers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "net.py").write_text(NETWORK)
        (folder / "passes").touch()
        self.pace(0)
        x = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
        np.savez(folder / "data.npz", x=x, y=(x.sum(1) > 0).astype(np.int64))
        self.plan = Plan(model=f"python:{folder}/net.py:build", data=f"npz:{folder}/data.npz")

    def pace(self, seconds: float, answered: int = ALL) -> None:
        """Let every forward pass take this long, the one that is under way too."""
        beside = self.folder / "pace.new"  # a pass must not read half a number
        beside.write_text(f"{seconds} {answered}")
        beside.replace(self.folder / "pace")

    def hold_after(self, passes: int) -> None:
        """Let jobs do so many passes more, and hold them in the next until a pace is set."""
        (self.folder / "held").unlink(missing_ok=True)
        self.pace(0, self.passes() + passes)

    def until_held(self) -> None:
        """Wait until a job is held; it stays there, however long anyone looks at it."""
        wait_until((self.folder / "held").exists, "for a job that is held")

    def passes(self) -> int:
        """Return how many forward passes the jobs have begun."""
        return (self.folder / "passes").stat().st_size


def wait_until(condition: Callable[[], object], about: str = "") -> None:
    """Wait until a condition holds; AssertionError where it does not for minutes."""
    end = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < end, f"waited in vain {about}"
        time.sleep(0.02)
