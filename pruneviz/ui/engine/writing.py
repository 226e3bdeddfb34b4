"""Cached work of Compare for language models: what both write, and how far they lie apart."""

from __future__ import annotations

import time

from pruneviz.compare.next_tokens import apart_by_token
from pruneviz.language.generate import SideBySide, Way, prompt_tokens
from pruneviz.language.speed import WritingTimer, WritingTimes
from pruneviz.measure.quality import quality
from pruneviz.measure.speed import FEWEST_PASSES
from pruneviz.metrics import Tally
from pruneviz.network.inputs import only_tensor
from pruneviz.plan import Plan
from pruneviz.report import MetricPair
from pruneviz.tasks.language_modelling import LanguageModelling
from pruneviz.tasks.multiple_choice import MultipleChoice
from pruneviz.tasks.task import usual_metric
from pruneviz.ui.engine import cache
from pruneviz.ui.engine.cached import cached
from pruneviz.ui.engine.results import judged, network
from pruneviz.ui.engine.shared import TURNS
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals.language import writing

TURNS_TIMED = 40  # at most, as many as take so many seconds
SECONDS, MOST_SECONDS = 3.0, 20.0  # for all turns, and for the fewest that say anything
BEGINNING = 16  # tokens of the first text that is judged, to begin with


def can_write(plan: Plan) -> bool:
    """Return whether a plan's networks go on with texts."""
    subject = cache.subject(plan)
    of_texts = isinstance(subject.task, LanguageModelling | MultipleChoice)
    return subject.tokenizer is not None and of_texts


def beginning(plan: Plan) -> str:
    """Return how the first text begins that the networks are judged on; "" where there is none."""
    subject = cache.subject(plan)
    if subject.data is None or subject.data.kind != "text" or subject.tokenizer is None:
        return ""
    return subject.tokenizer.decode(only_tensor(subject.data.x)[0, :BEGINNING].tolist())


@cached(cache.plan_key, most=16, spinner="Beginning …")
def both(plan: Plan, prompt: str, most: int, temperature: float, seed: int) -> SideBySide:
    """Return both networks about to go on with a prompt, or as far as they are."""
    subject = cache.subject(plan)
    if subject.tokenizer is None:
        raise RefusedError(writing.no_writer(subject.title))
    tokens = prompt_tokens(subject.tokenizer, prompt)
    way = Way(most=most, temperature=temperature, seed=seed)
    return SideBySide(network(plan, "original"), network(plan, "pruned"), tokens, way)


def go_on(texts: SideBySide) -> None:
    """Let both write a token; no timing runs meanwhile."""
    with TURNS.taken(urgent=True):
        texts.step()


@cached(cache.plan_key, most=32, spinner="Asking both networks how far they lie apart …")
def apart(plan: Plan) -> Tally | None:
    """Return how far both lie apart at the judged places of each text; None without texts."""
    subject = cache.subject(plan)
    if subject.data is None or not isinstance(subject.task, LanguageModelling):
        return None
    both = network(plan, "original"), network(plan, "pruned")
    return apart_by_token(*both, subject.data.x, subject.data.y)


@cached(cache.plan_key, most=32)
def others(plan: Plan) -> tuple[MetricPair, ...]:
    """Return the metrics of the next token that fit and are not reported: right, among five."""
    found = judged(plan)
    if found is None or not isinstance(found.task, LanguageModelling):
        return ()
    there = {pair.metric for pair in found.quality}
    metrics = [usual_metric(found.task, n) for n in found.task.metrics if n not in there]
    return quality(found.task, metrics, found.original, found.pruned, found.data.y)


@cached(cache.plan_key, most=16, spinner="Timing both networks as they write, in turns …")
def times(plan: Plan, prompt: str, number: int) -> WritingTimes:
    """Return how long both take to go on with a prompt; others compute between two turns.

    It is measured anew for each `number`.
    """
    del number
    subject = cache.subject(plan)
    if subject.tokenizer is None:
        raise RefusedError(writing.no_writer(subject.title))
    tokens = prompt_tokens(subject.tokenizer, prompt)
    timer = WritingTimer(network(plan, "original"), network(plan, "pruned"), tokens)
    begun = time.perf_counter()
    while timer.turns < TURNS_TIMED:
        limit = SECONDS if timer.turns >= FEWEST_PASSES else MOST_SECONDS
        if timer.turns and time.perf_counter() - begun > limit:
            break
        with TURNS.taken(urgent=False):
            timer.turn()
    return timer.times()
