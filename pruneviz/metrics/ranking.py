"""Metrics of how probabilities rank the inputs, at every threshold at once."""

from __future__ import annotations

from collections.abc import Callable
from math import nan

import torch
from torch import Tensor

from pruneviz.metrics.areas import (
    ALL,
    Curve,
    areas_of,
    auroc,
    average_precision,
    precision_area,
    ranked,
    roc_area,
)
from pruneviz.metrics.metric import METRICS, Metric, Tally
from pruneviz.metrics.rules import Corpus
from pruneviz.registry import Parameter

OF_CLASS = Parameter(
    name="class_index",
    label="Class",
    default=ALL,
    minimum=ALL,
    quiet=True,
    help="Which output is judged alone; -1 is the mean over all.",
)
LEFT_OUT = "a label that all inputs have, or none, is left out"


def _roc(tally: Tally, class_index: int) -> float:
    ranking = ranked(tally["logits"], tally["target"], class_index)
    return nan if ranking is None else float(areas_of(ranking).mean())


def _precision(tally: Tally, class_index: int) -> float:
    whole = torch.ones(len(tally["target"]), 1)
    return float(_drawn(precision_area)(tally, whole, class_index))


def _drawn(curve: Curve) -> Callable[[Tally, Tensor, int], Tensor]:
    def drawn(tally: Tally, weights: Tensor, class_index: int) -> Tensor:
        ranking = ranked(tally["logits"], tally["target"], class_index)
        if ranking is None:
            return torch.full(weights.shape[1:], nan)
        return ranking.drawn(curve, weights)

    return drawn


METRICS.add(
    Metric(
        name="auroc",
        title="AUROC",
        family="corpus",
        sentence="How often an input of a class is given a higher probability of it than one "
        "of another class, on average over the classes, each against the rest; 0.5 is a guess. Of "
        f"several labels an input each is a class, and {LEFT_OUT}.",
        formula="share of pairs, one of the class and one of the rest, ranked right; ties half",
        source="Hanley and McNeil 1982, https://doi.org/10.1148/radiology.143.1.7063747; "
        "interval: Newcombe 2006, https://doi.org/10.1002/sim.2324, of more than two classes "
        "the bootstrap (Hesterberg 2015, https://doi.org/10.1080/00031305.2015.1089789)",
        unit="area",
        better="higher",
        most=1.0,
        needs=("logits", "target"),
        parameters=(OF_CLASS,),
        implementation=Corpus(
            _roc,
            lambda tally, class_index: auroc(tally["logits"], tally["target"], class_index)[1],
            _drawn(roc_area),
        ),
    )
)
METRICS.add(
    Metric(
        name="average_precision",
        title="Average precision",
        family="corpus",
        sentence="How many of the inputs ranked as high as an input of a class are of it too, on "
        "average over the inputs of the class and over the classes; the share of the class is a "
        f"guess. Of several labels an input each is a class, and {LEFT_OUT}.",
        formula="Σ (recall − recall before) · precision, over the thresholds",
        source="Davis and Goadrich 2006, https://doi.org/10.1145/1143844.1143874; interval: "
        "bootstrap in log odds (Boyd, Eng and Page 2013, "
        "https://doi.org/10.1007/978-3-642-40994-3_29)",
        unit="area",
        better="higher",
        most=1.0,
        needs=("logits", "target"),
        parameters=(OF_CLASS,),
        implementation=Corpus(
            _precision,
            lambda tally, class_index: average_precision(
                tally["logits"], tally["target"], class_index
            )[1],
            _drawn(precision_area),
        ),
    )
)
