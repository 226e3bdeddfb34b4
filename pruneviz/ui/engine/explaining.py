"""Cached work of the page Attributions: what can be explained of an input, and explanations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import streamlit as st
import torch

from pruneviz.explain import Attribution, Detectors, attribute, detectors
from pruneviz.network.answers import logits_of
from pruneviz.plan import Part, Plan
from pruneviz.registry import Value
from pruneviz.tasks import Explained, Within
from pruneviz.ui.engine import cache
from pruneviz.ui.engine.cached import cached
from pruneviz.ui.engine.results import Which, network, one_input
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import browsing, explaining


@dataclass(frozen=True)
class Aim:
    """Something of one input's answer that can be explained, and how much of it both networks give.

    `name` is the task's own, `noun` says what `original` and `pruned` are, `number` of which class,
    label, number or place, `box` of which box, x1, y1, x2, y2, if any.
    """

    name: str
    noun: str
    number: int | None
    box: tuple[float, ...]
    original: float
    pruned: float

    @property
    def lost(self) -> float:
        """Return by how much less of it the pruned network gives."""
        return self.original - self.pruned


@cached(cache.plan_key, most=64, spinner="Asking both networks …")
def aims(plan: Plan, index: int, within: Within = ()) -> tuple[Aim, ...]:
    """Return what the task can explain of the original's answer to held-out input `index`.

    And how much of the same the pruned network gives.
    """
    x = one_input(plan, index)
    with torch.no_grad():
        both = [logits_of(network(plan, which), x) for which in ("original", "pruned")]
        return tuple(
            Aim(each.name, each.noun, each.number, each.box, *(float(each.of(o)) for o in both))
            for each in _explained(plan, index, within)
        )


def _deciding(plan: Plan, which: Which, *_: object) -> Plan:
    """Return what of a plan decides a network: of the original, its model and data alone."""
    return plan.without(~Part.SUBJECT) if which == "original" else plan


@cached(cache.plan_key, of=_deciding, most=256)
def explanation(
    plan: Plan,
    which: Which,
    index: int,
    name: str,
    within: Within,
    method: str,
    settings: Mapping[str, Value],
) -> Attribution:
    """Return why one of the networks gives what is called `name` its number on input `index`.

    Meanwhile a line says what is computed; whoever goes elsewhere ends it between steps.
    """
    place, data = st.empty(), cache.subject(plan).data

    def say(steps: int) -> None:
        place.caption(f"The check fails with fewer: {steps:,} steps on the {which} network …")

    with st.spinner("Explaining …"):
        found = attribute(
            network(plan, which),
            one_input(plan, index),
            _named(plan, index, name, within),
            method,
            settings,
            data.average if data is not None else None,
            data.axis if data is not None else 1,
            progress=say,
        )
    place.empty()
    return found


@cached(cache.plan_key, of=_deciding, most=64, spinner="Looking at the channels …")
def channels(
    plan: Plan, which: Which, index: int, layer: str, name: str, within: Within
) -> Detectors:
    """Return what a layer's channels show in one of the networks on held-out input `index`."""
    found = _named(plan, index, name, within)
    return detectors(network(plan, which), one_input(plan, index), layer, found)


def _named(plan: Plan, index: int, name: str, within: Within) -> Explained:
    """Return what goes by a name; RefusedError where the original's answer has no such thing."""
    found = {each.name: each for each in _explained(plan, index, within)}
    if name not in found:
        raise RefusedError(explaining.no_such_thing(name))
    return found[name]


def _explained(plan: Plan, index: int, within: Within) -> Sequence[Explained]:
    """Return what can be explained of the original's answer, for whichever network is asked."""
    subject = cache.subject(plan)
    if subject.data is None:
        raise RefusedError(browsing.no_input_without_data())
    with torch.no_grad():
        output = logits_of(subject.model, one_input(plan, index))
    return subject.task.explained(output, subject.data.y[index : index + 1], within)
