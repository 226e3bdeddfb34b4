"""Why a network answers as it does: attributions over the input, and what its channels show."""

from pruneviz.explain.attribute import STEPS, Attribution, attribute, most_steps
from pruneviz.explain.detectors import (
    Detectors,
    convolutions_and_linears,
    detectors,
    nothing_left,
    on_original_channels,
    surviving,
)
from pruneviz.explain.headline import (
    answers_in_words,
    at_chance,
    headline,
    numbers_in_words,
    verdict,
)
from pruneviz.explain.method import METHODS
from pruneviz.explain.similarity import Similarity, similarity
from pruneviz.registry import import_all

import_all(__name__, list(__path__))

__all__ = [
    "METHODS",
    "STEPS",
    "Attribution",
    "Detectors",
    "Similarity",
    "answers_in_words",
    "at_chance",
    "attribute",
    "convolutions_and_linears",
    "detectors",
    "headline",
    "most_steps",
    "nothing_left",
    "numbers_in_words",
    "on_original_channels",
    "similarity",
    "surviving",
    "verdict",
]
