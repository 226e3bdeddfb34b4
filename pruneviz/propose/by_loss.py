"""At most so much lost: an evaluation of all layers together decides each step."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from math import inf

from torch import nn

from pruneviz.propose import losses
from pruneviz.propose.finish import Candidate, Reached, finish
from pruneviz.propose.goal import WORDS
from pruneviz.propose.measured_loss import Lost
from pruneviz.propose.paths import MARGINAL, UNIFORM, Path
from pruneviz.propose.proposal import Proposal
from pruneviz.propose.work import Proposing, SearchProgress
from pruneviz.wording import Fact, RefusedError, offers

STEPS = 200  # of a path, that the bisection tells apart
ROUNDING = 1e-9  # a loss of exactly what is allowed is allowed


@dataclass
class _Bracket:
    """The furthest place of a path that loses no more than allowed, and the next that does."""

    path: Path
    good: int
    bad: int
    lost: Lost
    beyond: Lost | None = None

    @property
    def open(self) -> bool:
        apart = max(1, len(self.path) // STEPS) if self.good else 1
        return self.bad - self.good > apart


def search(work: Proposing) -> Generator[SearchProgress, None, Proposal]:
    """Go as far along each family as the loss allows, and take what saves most."""
    allowed = work.goal.value / work.metric.scale + ROUNDING
    start = _lost(work, work.layers.network(work.kept), allowed) if work.kept else Lost(0.0, 0.0)
    if start.worse > allowed:
        said = losses.of_it(work.metric, losses.amount(work.metric, start.worse))
        raise RefusedError(offers.kept_layers_lose(said, work.goal.bound, **_adds(work)))
    found = []
    for path in work.paths():
        bracket = _Bracket(path, 0, len(path) + 1, start)
        while bracket.open:
            middle = (bracket.good + bracket.bad) // 2
            lost = _lost(work, work.layers.network(work.counts(path, middle)), allowed)
            if lost.worse <= allowed:
                bracket.good, bracket.lost = middle, lost
            else:
                bracket.bad, bracket.beyond = middle, lost
            yield work.stage("evaluating all layers together")
        found.append(bracket)
    best = min(found, key=lambda b: (_left(work, b), b.lost))
    if not best.good:
        return (yield from _one_layer(work, allowed))
    return _finished(work, best, next(b for b in found if b.path.family == UNIFORM))


def _one_layer(work: Proposing, allowed: float) -> Generator[SearchProgress, None, Proposal]:
    """Take the least step of the one layer that saves most, where each way's first is too far."""
    cheapest, best = Lost(inf, inf), None
    for name, curve in work.curves.items():
        if not curve.stops:
            continue
        counts = {**work.kept, name: curve.stops[0]}
        lost = _lost(work, work.layers.network(counts), allowed)
        yield work.stage(f"evaluating the least step of {name}")
        cheapest = min(cheapest, lost)
        left = work.left(work.goal.save, counts)
        if lost.worse <= allowed and (best is None or left < best[0]):
            best = left, Candidate(MARGINAL, counts, lost)
    if best is None:
        lost_at_least = _beyond(work, cheapest)
        raise RefusedError(offers.nothing_can_go(lost_at_least, work.goal.bound, **_adds(work)))
    return _said(work, best[1], (offers.one_layer_gives_way(),), ())


def _lost(work: Proposing, network: nn.Module, allowed: float) -> Lost:
    """Return what a network loses: the more of calibration and held-out inputs.

    A network knows inputs that it was trained on by heart, so these alone would promise too much.
    """
    judge = work.judge
    first = judge.compared(network)
    if not judge.apart or first.worse > allowed:
        return first
    return max(first, judge.judged(network))


def _left(work: Proposing, bracket: _Bracket) -> int:
    return work.left(work.goal.save, work.counts(bracket.path, bracket.good))


def _finished(work: Proposing, best: _Bracket, control: _Bracket) -> Proposal:
    counts = work.counts(best.path, best.good)
    compared = work.judge.compared(work.layers.network(counts))
    held, word, whole = [], WORDS[work.goal.save], work.whole
    if best.beyond is not None:
        further = work.left(work.goal.save, work.counts(best.path, best.bad)) / whole
        loses = f"{losses.does(work.metric)} {_beyond(work, best.beyond)}"
        held.append(offers.a_step_further(further, word, loses))
    notes = []
    if best is not control:
        notes.append(offers.equal_parts_would_leave(_left(work, control) / whole, word))
    return _said(work, Candidate(best.path.family, counts, compared), held, notes)


def _said(
    work: Proposing, best: Candidate, held: Sequence[Fact], notes: Sequence[Fact]
) -> Proposal:
    decided = offers.judge_decided(len(work.judge.data.y))
    proposal = finish(work, best, Reached(0.0, 0.0), held=tuple(held), notes=(decided, *notes))
    lost = max(-work.metric.scale * work.metric.gain(proposal.quality.change), 0.0) + 0.0
    return proposal.model_copy(update={"reached": lost})


def _beyond(work: Proposing, lost: Lost) -> str:
    """Return what a network loses that loses more than the goal allows."""
    allowed = work.goal.value / work.metric.scale
    return losses.of_it(work.metric, losses.above(work.metric, lost.worse, allowed))


def _adds(work: Proposing) -> dict[str, str]:
    """Return how a refusal says what is done; to lose is its own word."""
    return {} if work.metric.better == "higher" else {"does": losses.does(work.metric)}
