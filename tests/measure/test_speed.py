"""The speed-up of timed pairs: its interval covers, and it has one wording and one direction."""

from __future__ import annotations

import re

import numpy as np
import pytest
from torch import nn, ones

from pruneviz.measure.latency import Timings, time_pair
from pruneviz.measure.speed import (
    AGAIN,
    FEWEST_PASSES,
    STAYS_DENSE,
    Finding,
    Speed,
    speed,
    speed_up,
)

TRIALS = 400


def load(rng: np.random.Generator, kind: str, turns: int) -> np.ndarray:
    """Return how much slower the machine is in each turn, (turns,): both networks feel it."""
    if kind == "idle":
        return np.ones(turns)
    steps = rng.normal(0, 0.2, turns)
    drift = np.exp(np.cumsum(steps))
    return drift if kind == "drifting" else np.where(rng.random(turns) < 0.3, 4.0, 1.0)


def noise(rng: np.random.Generator, turns: int) -> np.ndarray:
    """Return each pass's own noise: skewed, and now and then ten times too slow."""
    own = np.exp(rng.gamma(2, 0.05, turns))
    return np.where(rng.random(turns) < 0.05, 10 * own, own)


@pytest.mark.parametrize("kind", ["idle", "drifting", "busy now and then"])
@pytest.mark.parametrize("turns", [6, FEWEST_PASSES, 100])
def test_the_interval_covers_the_true_ratio_whatever_the_load(kind: str, turns: int) -> None:
    rng, truth, covered = np.random.default_rng(turns), 1.4, 0
    for _ in range(TRIALS):
        shared = load(rng, kind, turns)
        pair = Timings(truth * shared * noise(rng, turns), shared * noise(rng, turns), 1, 1)
        low, high = pair.summary().speedup_interval
        covered += low <= truth <= high
    # 95 % promised; four standard errors of a count below it
    assert covered / TRIALS > 0.95 - 4 * (0.95 * 0.05 / TRIALS) ** 0.5


LOADS = ["idle", "drifting", "busy now and then"]


def findings(turns: int, truth: float, kind: str) -> list[Finding]:
    """Return what is found of networks of one true ratio that are timed again and again."""
    rng, found = np.random.default_rng(turns), []
    for _ in range(TRIALS):
        shared = load(rng, kind, turns)
        pruned, original = noise(rng, turns), truth * noise(rng, turns)
        ratio, interval = speed_up(shared * original, shared * pruned)
        found.append(Speed(ratio, interval, turns).finding)
    return found


@pytest.mark.parametrize("kind", LOADS)
@pytest.mark.parametrize("turns", [FEWEST_PASSES, 30, 50, 100])
def test_of_equal_networks_not_one_in_a_hundred_is_called_faster_or_slower(turns, kind) -> None:
    found = findings(turns, 1.0, kind)
    assert found.count(Finding.FASTER) + found.count(Finding.SLOWER) <= 0.01 * TRIALS
    assert found.count(Finding.SAME) > 0.9 * TRIALS or turns < 50


@pytest.mark.parametrize("kind", LOADS)
def test_a_difference_of_a_fifth_is_found(kind: str) -> None:
    assert findings(50, 1.2, kind).count(Finding.FASTER) > 0.95 * TRIALS
    assert findings(50, 1 / 1.2, kind).count(Finding.SLOWER) > 0.95 * TRIALS


def test_a_load_that_both_networks_feel_widens_nothing() -> None:
    rng = np.random.default_rng(0)
    pruned = 1 + 0.01 * rng.random(60)
    quiet = Timings(2 * pruned, pruned, 1, 1).summary()
    busy = load(rng, "drifting", 60)
    loaded = Timings(2 * pruned * busy, pruned * busy, 1, 1).summary()
    assert loaded.speedup == pytest.approx(2)
    assert loaded.speedup_interval == pytest.approx(quiet.speedup_interval)


@pytest.mark.parametrize("passes", range(1, FEWEST_PASSES))
def test_few_passes_say_nothing(passes: int) -> None:
    ms = np.ones(passes)
    assert speed(Timings(2 * ms, ms, 1, 1).summary()).in_words() == AGAIN


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (Speed(1.4, (1.2, 1.6), 30), "1.40 × as fast (1.20 to 1.60)"),
        (Speed(12.04, (11.5, 12.5), 30), "12.0 × as fast (11.5 to 12.5)"),
        (Speed(0.69, (0.66, 0.73), 30), "slower: 0.69 × as fast (0.66 to 0.73)"),
        (Speed(1.0, (0.95, 1.06), 30), "no difference was found (0.95 to 1.06)"),
        (Speed(1.006, (1.002, 1.01), 30), "no difference was found (1.00 to 1.01)"),
        (Speed(1.0, (0.8, 1.2), 30), AGAIN),
        (Speed(1.075, (1.006, 1.147), 100), AGAIN),
        (Speed(0.939, (0.883, 0.992), 100), AGAIN),
        (Speed(3.0, (2.0, 4.0), 30), AGAIN),
        (Speed(float("nan"), (float("nan"), float("nan")), 30), AGAIN),
    ],
)
def test_one_wording(found: Speed, said: str) -> None:
    assert found.in_words() == said
    assert found.in_words(dense=True) == f"{said}; {STAYS_DENSE}"


def test_twice_as_fast_is_above_one_and_its_reverse_below() -> None:
    ms = np.random.default_rng(0).gamma(90, 0.01, 40)
    ahead, behind = Timings(2 * ms, ms, 1, 1).summary(), Timings(ms, 2 * ms, 1, 1).summary()
    assert speed(ahead).finding is Finding.FASTER
    assert speed(behind).finding is Finding.SLOWER
    numbers = [float(n) for n in re.findall(r"[\d.]+", speed(ahead).in_words())]
    assert numbers == [2.0, 2.0, 2.0]


def test_who_goes_first_changes_from_turn_to_turn() -> None:
    calls: list[str] = []

    def heard(name: str) -> nn.Module:
        module = nn.Identity()
        module.register_forward_hook(lambda *_: calls.append(name))
        return module

    time_pair(heard("original"), heard("pruned"), ones(1, 1), runs=4)
    turns = list(zip(calls[::2], calls[1::2], strict=True))[-4:]
    assert turns == [("original", "pruned"), ("pruned", "original")] * 2
