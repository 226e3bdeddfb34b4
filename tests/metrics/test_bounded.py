"""Intervals of means of a few known values: what they promise, and what they are by definition."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import binom

from pruneviz.metrics.bounded import OUTCOMES, mean_interval

RARE = (0.005, 0.02, 0.05, 0.1)


def shares(q):
    """Return distributions of the outcomes −2 to 2: skewed either way, even, wide; rarely not 0."""
    return np.array([
        [0, q, 1 - q, 0, 0],
        [0, q, 1 - 2 * q, q, 0],
        [q / 2, 0, 1 - 1.5 * q, q, 0],
        [q / 2, 0, 1 - q / 2, 0, 0],
        [0, q, 1 - 1.5 * q, 0, q / 2],
        [q / 4, q / 2, 1 - 1.5 * q, q / 2, q / 4],
        [0, 0.3 + q, 0.3, 0.4 - q, 0],
    ])  # fmt: skip


@pytest.mark.parametrize("looks", [1, 60])
@pytest.mark.parametrize("samples", [10, 100, 360, 1000])
def test_all_intervals_of_a_scan_hold_together(samples, looks):
    """Of 200 scans, 5 % at most have any interval that misses its mean, at each distribution."""
    generator = np.random.default_rng(0)
    for each in np.concatenate([shares(q) for q in RARE]):
        counts = generator.multinomial(samples, each, size=200 * looks)
        seen, again = np.unique(counts, axis=0, return_inverse=True)
        low, high = (ends[again.ravel()] for ends in mean_interval(seen, looks))
        mean = float(each @ OUTCOMES)
        missed = (low > mean + 1e-9) | (high < mean - 1e-9)
        assert missed.reshape(200, looks).any(1).mean() <= 0.05, each


@pytest.mark.parametrize(
    "counts", [(0, 9, 80, 3, 0), (2, 0, 50, 1, 1), (0, 0, 30, 0, 0), (4, 1, 0, 2, 9)]
)
@pytest.mark.parametrize("looks", [1, 60])
def test_no_distribution_as_likely_has_a_mean_outside(counts, looks):
    """The ends are the least and largest mean that a search over all distributions finds."""
    n = np.array(counts, dtype=float)
    own, limit = n[n > 0] @ np.log(n[n > 0] / n.sum()), np.log(2 * looks / 0.05)

    def spare(p):
        return limit - own + n[n > 0] @ np.log(np.maximum(p[n > 0], 1e-300))

    for sign, end in zip((1, -1), mean_interval(n, looks), strict=True):
        found = []
        for start in (n + 1, n + 0.1):
            best = minimize(
                lambda p, sign=sign: sign * p @ OUTCOMES, start / start.sum(), method="SLSQP",
                bounds=[(1e-12, 1)] * 5, options={"maxiter": 500, "ftol": 1e-12},
                constraints=[{"type": "ineq", "fun": spare},
                             {"type": "eq", "fun": lambda p: p.sum() - 1}],
            )  # fmt: skip
            found += [sign * best.fun] if best.success and spare(best.x) > -1e-6 else []
        assert end == pytest.approx(min(found) if sign > 0 else max(found), abs=2e-4)


def test_without_any_difference_a_rare_one_is_still_possible():
    """Of two outcomes the chance to see none of the other is 2.5 % exactly at the end."""
    (low,), (high,) = mean_interval(np.array([[0, 0, 200, 0, 0]]))
    assert -low == high > 0
    assert binom.pmf(0, 200, high / 2) == pytest.approx(0.025)


def test_the_interval_is_mirrored_with_the_outcomes_and_stays_in_their_range():
    counts = np.random.default_rng(3).integers(0, 9, (50, 5))
    counts[:, 2] += 1
    low, high = mean_interval(counts, 7)
    mirrored = mean_interval(counts[:, ::-1], 7)
    np.testing.assert_allclose(low, -mirrored[1])
    mean = counts @ OUTCOMES / counts.sum(1)
    assert ((low >= -2) & (low < mean) & (mean < high) & (high <= 2)).all()
