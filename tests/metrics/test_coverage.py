"""Intervals hold what is true as often as they say; the table of all is benchmarks/coverage.py."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest
from scipy.stats import binomtest

from pruneviz.metrics import METRICS

PATH = Path(__file__).parents[2] / "benchmarks" / "worlds.py"
SPEC = importlib.util.spec_from_file_location("worlds", PATH)
worlds = sys.modules["worlds"] = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(worlds)
IN = {name: world for world in worlds.WORLDS.values() if not world.given for name in world.truths}
ONE_OF_EACH = ("accuracy", "balanced_accuracy", "precision", "mse", "bits_per_byte",
               "average_precision")  # fmt: skip
DRAWS = 300


def test_there_is_a_world_for_every_metric():
    assert IN.keys() == {*METRICS.names()}


def test_one_metric_of_each_family_is_looked_at():
    families = {METRICS.get(name).family for name in ONE_OF_EACH}
    assert families == {metric.family for metric in METRICS}


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_an_interval_covers_the_truth_as_often_as_it_says(name):
    """So many draws refuse less than 90 and more than 98 % or so; 93 to 97 % are not refused."""
    found = worlds.covers(name, IN[name], samples=120, draws=DRAWS)
    for share in (found.alone, found.paired):
        held = round(share * DRAWS)
        assert binomtest(held, DRAWS, 0.93, "less").pvalue > 0.01
        assert binomtest(held, DRAWS, 0.97, "greater").pvalue > 0.01
