"""What is said of two explanations: the answer, the method's own check, likeness; no approval."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import nn

from pruneviz.explain import (
    METHODS,
    Attribution,
    answers_in_words,
    at_chance,
    attribute,
    headline,
    numbers_in_words,
    similarity,
)
from pruneviz.explain.attribute import MISSING_SHARE, most_steps

CLASSES = ("cat", "dog", "owl")
MAP = torch.arange(12.0).reshape(1, 1, 3, 4)
SAID = {
    (0, 0, 0): "Both right: “cat”",
    (0, 0, 1): "Right before, now wrong: “cat” became “dog”",
    (0, 1, 0): "Wrong before, now right: “dog” became “cat”",
    (0, 1, 1): "Both wrong in the same way: “dog”, where “cat” is right",
    (0, 1, 2): "Wrong before, now wrong differently: “dog” became “owl”, where “cat” is right",
    (0, 0, -1): "Right before, now wrong: “cat” became no number",
}


def found(*, valid: bool = True, delta: float | None = 0.0) -> Attribution:
    return Attribution("integrated_gradients", "class 0", MAP, delta, valid, "")


@pytest.mark.parametrize(("truth", "before", "after"), SAID)
def test_the_answer_comes_first(truth: int, before: int, after: int) -> None:
    said = headline(
        answers_in_words(truth, (before, after), CLASSES), (found(), found()), similarity(MAP, MAP)
    )
    assert said.answer == SAID[truth, before, after]
    assert said.title == f"{said.answer}. The two maps are nearly the same"


def test_no_likeness_is_told_of_maps_that_fail_their_check() -> None:
    for first, second in itertools.product([True, False], repeat=2):
        maps = found(valid=first), found(valid=second)
        said = headline(answers_in_words(0, (0, 1), CLASSES), maps, similarity(MAP, MAP))
        assert bool(said.likeness) == (first and second)
        assert ("original" in said.trust) == (not first)
        assert ("pruned network" in said.trust) == (not second)
        assert ("the same" in said.title) == (first and second)


def test_a_method_without_a_check_says_so() -> None:
    maps = found(delta=None), found(delta=None)
    said = headline(answers_in_words(0, (0, 0), CLASSES), maps, similarity(MAP, MAP))
    assert "no check of its own" in said.trust


def test_a_network_at_chance_is_called_so_and_no_other() -> None:
    y = torch.arange(3).repeat(40)
    right = nn.functional.one_hot(y, 3).float()
    drawn = torch.rand(120, 3, generator=torch.Generator().manual_seed(0))
    constant = torch.tensor([[0.0, 1.0, 0.0]]).repeat(120, 1)
    assert at_chance(right, y, "It") == ""
    assert "no better than what a guess gets (33.3 %)" in at_chance(constant, y, "It")
    assert at_chance(drawn, y, "It")
    assert at_chance(torch.full((120, 3), float("nan")), y, "It")
    mostly = torch.cat([torch.ones(90), torch.zeros(30)]).long()
    always = torch.tensor([[0.0, 1.0, 0.0]]).repeat(120, 1)
    assert "guess gets (75.0 %)" in at_chance(always, mostly, "It")


class Late(nn.Module):
    """A step at an odd place of the way, as sharp as `slope`: few steps miss it."""

    def __init__(self, slope: float) -> None:
        super().__init__()
        self.slope = slope

    def forward(self, x):
        return torch.sigmoid(self.slope * (x.sum(1, keepdim=True) - 0.93)).repeat(1, 2)


@pytest.mark.parametrize("slope", [2.0, 400.0, 4000.0])
def test_steps_are_doubled_until_the_check_holds(slope: float) -> None:
    x, asked = torch.full((1, 4), 0.25), []
    told = attribute(Late(slope), x, 0, "integrated_gradients", seconds=1e6, progress=asked.append)
    assert told.valid
    assert asked == [100 * 2**i for i in range(len(asked))]
    assert told.steps == (asked or [50])[-1]
    assert f"Steps: {told.steps:,}." in told.note
    rise = float(Late(slope)(x)[0, 0] - Late(slope)(0 * x)[0, 0])
    assert abs(float(told.values.sum()) - rise) <= MISSING_SHARE * rise
    one_less = attribute(Late(slope), x, 0, "integrated_gradients", {"steps": told.steps // 2})
    assert one_less.valid == (told.steps == 50)


class Jumps(nn.Module):
    """What the first value adds is in the gradient, what the second one adds is a jump."""

    def forward(self, x):
        return (x[:, :1] + (x[:, 1:2] > 0.5).float()).repeat(1, 2)


def test_steps_end_with_the_time_and_the_check_says_how_many_may_do() -> None:
    x, method = torch.full((1, 4), 0.25), "integrated_gradients"
    short = attribute(Late(400.0), x, 0, method, seconds=0.0)
    assert short.steps == 50
    assert not short.valid
    rise = float(Late(400.0)(x)[0, 0] - Late(400.0)(0 * x)[0, 0])
    share = abs(float(short.values.sum()) - rise) / rise
    assert short.more / 2 < 50 * share / MISSING_SHARE <= short.more
    assert short.note.endswith(f": too few, {short.more:,} may do.")
    assert attribute(Late(400.0), x, 0, method, {"steps": short.more}).valid


def test_steps_end_where_more_do_not_help_and_the_note_says_why() -> None:
    x, method, most = torch.ones(1, 2), "integrated_gradients", most_steps("integrated_gradients")
    asked: list[int] = []
    alone = attribute(Jumps(), x, 0, method, seconds=1e6, progress=asked.append)
    assert alone.steps == asked[-1] < most
    again = attribute(Jumps(), x, 0, method, {"steps": alone.steps})
    for found in (alone, again):
        assert not found.valid
        assert found.more == 0
        assert "more do not come closer" in found.note
        assert "Choose another method" in found.note
    last = attribute(Jumps(), x, 0, method, {"steps": most})
    assert last.more == 0
    assert "the most there are: choose another method" in last.note


def test_what_asks_for_no_steps_takes_none() -> None:
    for name in METHODS.names():
        if not most_steps(name) and name != "grad_cam":
            assert attribute(nn.Linear(4, 2).eval(), torch.ones(1, 4), 0, name).steps is None


def test_a_number_moves_towards_the_truth_or_away_from_it() -> None:
    nan = float("nan")
    assert numbers_in_words(10.0, (12.0, 11.0)) == (
        "Nearer to the truth: 12 became 11, where 10 is right"
    )
    assert numbers_in_words(10.0, (9.0, 12.5)).startswith("Farther from the truth: 9 became 12.5")
    assert numbers_in_words(10.0, (9.0, 9.0)) == "The same number: 9, where 10 is right"
    assert numbers_in_words(10.0, (9.0, nan)).startswith("No number: 9 became nan")
