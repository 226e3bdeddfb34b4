"""What a point of a scan can be judged by: each metric with its columns, unit and source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import analysing


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A number of each point under its standard name, with its 95 % interval.

    `value`, `low` and `high` are its columns in a scan's table, `unit` is that of all three, and
    `better` says which way a network answers better.
    """

    name: str
    title: str
    unit: str
    sentence: str
    source: str
    better: Literal["higher", "lower"]
    value: str
    low: str
    high: str


_BOOTSTRAP = (
    "interval: bootstrap of Student's t over the inputs (DiCiccio and Efron 1996, "
    "https://doi.org/10.1214/ss/1032280214)"
)
METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric(
            name="accuracy",
            title="Accuracy",
            unit="fraction",
            sentence="The share of the inputs that are answered right.",
            source="interval: Wilson 1927, https://doi.org/10.1080/01621459.1927.10502953",
            better="higher",
            value="accuracy",
            low="low",
            high="high",
        ),
        Metric(
            name="loss",
            title="Cross-entropy",
            unit="nats",
            sentence="How improbable the network holds the right answers, on average; it moves "
            "before the first answer turns wrong.",
            source=f"Good 1952; {_BOOTSTRAP}",
            better="lower",
            value="loss",
            low="loss_low",
            high="loss_high",
        ),
        Metric(
            name="kl",
            title="KL divergence from the original",
            unit="nats",
            sentence="How far the answers are from the original's, right or wrong, on average; "
            "no label is used.",
            source=f"Kullback and Leibler 1951, https://doi.org/10.1214/aoms/1177729694; "
            f"{_BOOTSTRAP}",
            better="lower",
            value="kl",
            low="kl_low",
            high="kl_high",
        ),
        Metric(
            name="auroc",
            title="AUROC",
            unit="area",
            sentence="How often an input of a class is given a higher probability of it than one "
            "of another class, on average over the classes, each against the rest; 0.5 is a guess.",
            source="Hanley and McNeil 1982, https://doi.org/10.1148/radiology.143.1.7063747; "
            "interval: Newcombe 2006, https://doi.org/10.1002/sim.2324, of more than two classes "
            "the bootstrap (Hesterberg 2015, https://doi.org/10.1080/00031305.2015.1089789)",
            better="higher",
            value="auroc",
            low="auroc_low",
            high="auroc_high",
        ),
        Metric(
            name="worst_class",
            title="Accuracy of the worst class",
            unit="fraction",
            sentence="The share of right answers in the class that fares worst; the interval is "
            "that class's own, and the worst of many classes looks worse than it is.",
            source="Sagawa et al. 2020, arXiv 1911.08731; interval: Wilson 1927",
            better="higher",
            value="worst_class_accuracy",
            low="worst_class_low",
            high="worst_class_high",
        ),
    )
}


def metric(name: str) -> Metric:
    """Return the metric called `name`; ValueError lists those that exist."""
    if name not in METRICS:
        raise RefusedError(analysing.unknown_metric(name, ", ".join(METRICS)))
    return METRICS[name]
