"""A home folder and a network whose jobs can be caught at any moment."""

from __future__ import annotations

from pathlib import Path

import pytest

from pruneviz import jobs
from pruneviz.run import bind
from pruneviz.subjects import load_subject
from tests.slow import SlowNetwork


class Bench(SlowNetwork):
    """A home folder, a network and the pace at which it answers."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.home = folder / "home"
        self.plan = bind(self.plan, load_subject(self.plan))

    def scan(self, seed: int = 0, **options):
        """Begin a sensitivity scan; another seed makes it another run."""
        return jobs.submit(self.home, "sensitivity", self.plan.changed(seed=seed), options=options)


@pytest.fixture
def bench(tmp_path):
    made = Bench(tmp_path)
    yield made
    made.pace(0)
    for folder in jobs.active(made.home):
        jobs.cancel(folder)
        for _ in jobs.follow(folder):
            pass
