"""Metrics of boxes: how answered and true boxes of each class fall together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import nan

import torch
from scipy.special import expit, logit
from scipy.stats import norm
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

from pruneviz.metrics.boxes import SIZES
from pruneviz.metrics.metric import METRICS, Metric, Tally
from pruneviz.metrics.resampling import FEW, interval_of_means, resampled, widened
from pruneviz.metrics.rules import Corpus
from pruneviz.metrics.statistics import wilson
from pruneviz.registry import Parameter
from pruneviz.report import Interval

RECALLS = torch.linspace(0, 1, 101).double()  # in single precision, as torchmetrics has them
AT_ONCE = 100_000  # hits times resamples that are looked at together: what a cache holds
EDGE = 1e-9  # of a number, nearer than which it is 0 or 1
COCO = "Lin et al. 2014, arXiv 1405.0312"


@dataclass(frozen=True)
class Ranked:
    """The answered boxes of all inputs, by class and then by score, the highest first.

    `image`, `group` (D,) are the input and the class, numbered as the classes that true boxes are
    of; `hits` (D, overlaps) which are right; `true` (N, classes) how many true boxes there are.
    """

    image: Tensor
    group: Tensor
    hits: Tensor
    true: Tensor

    def drawn(self, weights: Tensor) -> Tensor:
        """Return the mean average precision that each column of weights drew, (N, R) → (R,)."""
        size = max(1, AT_ONCE // max(1, int(self.hits.sum())))
        return torch.cat([self._drawn(part.double()) for part in weights.split(size, 1)])

    def _drawn(self, weights: Tensor) -> Tensor:
        total = self.true.T @ weights  # (classes, R)
        overlaps, classes = self.hits.shape[1], len(total)
        at, box = self.hits.T.nonzero().T  # in order of overlap, class and score
        curve = at * classes + self.group[box]
        own, every = weights[self.image[box]], weights[self.image]
        right = _summed(own, curve)
        precision = right / _summed(every, self.group)[box].clamp_min(1)
        envelope = _highest_after(precision, curve)
        reached = right / total[self.group[box]].clamp_min(1)
        steps = torch.bucketize(reached, RECALLS, right=True)
        before = steps.roll(1, 0).masked_fill(_firsts(curve)[:, None], 0)
        areas = torch.zeros(overlaps * classes, weights.shape[1], dtype=torch.double)
        areas.index_add_(0, curve, envelope * (steps - before) / len(RECALLS))
        by_class = areas.view(overlaps, *total.shape).mean(0)
        return by_class.where(total > 0, nan).nanmean(0)  # over the classes that it drew


def ranked(tally: Tally, overlaps: slice) -> Ranked:
    """Return a tally's boxes in order; those of classes that no true box is of count nowhere."""
    true = tally["true_classes"]
    labels = true[true >= 0].unique()
    classes = tally["classes"]
    image, place = torch.isin(classes, labels).nonzero().T
    group = torch.searchsorted(labels, classes[image, place])
    order = (-tally["scores"][image, place]).argsort(stable=True)
    order = order[group[order].argsort(stable=True)]
    return Ranked(
        image=image[order],
        group=group[order],
        hits=tally["hits"][image, place][order][:, overlaps],
        true=(true[:, :, None] == labels).sum(1).double(),
    )


def _firsts(curve: Tensor) -> Tensor:
    """Return where numbers that are in order begin anew, (H,) bool."""
    return torch.cat([torch.ones(min(1, len(curve)), dtype=torch.bool), curve.diff() > 0])


def _summed(values: Tensor, curve: Tensor) -> Tensor:
    """Return sums from where each curve begins up to each row, (H, R)."""
    sums, first = values.cumsum(0), _firsts(curve)
    before = (sums - values)[first]
    return sums - before[first.cumsum(0) - 1]


def _highest_after(values: Tensor, curve: Tensor) -> Tensor:
    """Return the highest of values in [0, 1] from each row to where its curve ends, (H, R)."""
    if not len(values):
        return values
    lift = 2.0 * (_firsts(curve).sum() - _firsts(curve).cumsum(0))[:, None]  # over all after it
    return (values + lift).flip(0).cummax(0).values.flip(0) - lift


def mean_precision(overlaps: slice) -> Corpus:
    """Return the rule for the mean average precision over some of the ten overlaps."""

    kept = WeakTensorKeyDictionary()  # an interval and a change ask for the same resamples

    def number(tally: Tally) -> float:
        return float(ranked(tally, overlaps).drawn(torch.ones(len(tally["true_classes"]), 1)))

    def drawn(tally: Tally, weights: Tensor) -> Tensor:
        asked = (weights, *(tally[name] for name in MATCHED if name != "hits"))  # hits is the key
        found: Tensor
        held, found = kept.get(tally["hits"], ((), weights))
        if [id(each) for each in held] != [id(each) for each in asked]:
            found = ranked(tally, overlaps).drawn(weights)
            kept[tally["hits"]] = asked, found
        return found

    def ends(tally: Tally) -> Interval:
        boxes = int((tally["true_classes"] >= 0).sum())
        return in_log_odds(number(tally), boxes, len(tally["true_classes"]),
                           lambda weights: drawn(tally, weights))  # fmt: skip

    return Corpus(number, ends, drawn)


def in_log_odds(
    value: float, boxes: int, samples: int, drawn: Callable[[Tensor], Tensor]
) -> Interval:
    """Return as far from a number in log odds as resamples vary, whose mean is a little too high.

    Where all boxes are found, or none, no resample says more, and the ends are those of so many
    proportions. (NaN, NaN) where there is no number, or fewer than 10 inputs.
    """
    if value != value or samples < FEW:
        return nan, nan
    if not EDGE < value < 1 - EDGE:
        return wilson(round(value) * boxes, boxes)
    found = drawn(resampled(samples))
    spread = float(found[found.isfinite()].std()) / (value * (1 - value))
    reach = float(norm.isf(widened(samples))) * spread
    return float(expit(logit(value) - reach)), float(expit(logit(value) + reach))


def recalls(tally: Tally, class_index: int, size: str) -> Tensor:
    """Return how many true boxes are found, on average over the overlaps, and are, (N, 2)."""
    which = [*SIZES].index(size)
    asked = (tally["true_classes"] == class_index) & tally["true_sizes"][:, :, which]
    found = tally["found"][:, :, which].double().mean(2)  # (N, most)
    return torch.stack([(found * asked).sum(1), asked.sum(1).double()], 1)


def _share(means: Tensor) -> Tensor:
    return means[:, 0] / means[:, 1]


def _recall(tally: Tally, class_index: int, size: str) -> float:
    return float(_share(recalls(tally, class_index, size).sum(0)[None]))


def _recall_ends(tally: Tally, class_index: int, size: str) -> Interval:
    columns = recalls(tally, class_index, size)
    found, boxes = columns.sum(0).tolist()
    if found in (0.0, boxes) and boxes:
        return wilson(round(found), round(boxes))
    value = _recall(tally, class_index, size)
    low, high = interval_of_means(columns, _share)
    return min(low, value), max(high, value)


def _recall_drawn(tally: Tally, weights: Tensor, class_index: int, size: str) -> Tensor:
    return _share(weights.double().T @ recalls(tally, class_index, size))


MATCHED = ("scores", "classes", "hits", "true_classes")
METRICS.add(
    Metric(
        name="map_50",
        title="mAP at IoU 0.5",
        family="corpus",
        sentence="How many of the boxes scored as high as a box that is right are right too, over "
        "all boxes that are there and averaged over the classes; a box is right that overlaps a "
        "true one of its class by half. Where few inputs show a class, the interval is too short.",
        formula="mean over classes of Σ max precision at recall 0, 0.01, …, 1 / 101",
        source=f"{COCO}; interval: bootstrap in log odds (Boyd, Eng and Page 2013, "
        "https://doi.org/10.1007/978-3-642-40994-3_29)",
        unit="fraction",
        better="higher",
        most=1.0,
        needs=MATCHED,
        implementation=mean_precision(slice(0, 1)),
    )
)
METRICS.add(
    Metric(
        name="map",
        title="mAP",
        family="corpus",
        sentence="The same at ten overlaps from which a box is right, 0.5, 0.55, …, 0.95, on "
        "average: it also says how exactly boxes lie.",
        formula="mean over overlaps and classes of Σ max precision at recall 0, 0.01, …, 1 / 101",
        source=f"{COCO}; interval: bootstrap in log odds (Boyd, Eng and Page 2013, "
        "https://doi.org/10.1007/978-3-642-40994-3_29)",
        unit="fraction",
        better="higher",
        most=1.0,
        needs=MATCHED,
        implementation=mean_precision(slice(None)),
    )
)
METRICS.add(
    Metric(
        name="box_recall",
        title="Recall of a class's boxes",
        family="corpus",
        sentence="The share of a class's true boxes that are found by the 100 highest scored boxes "
        "of an input, averaged over ten overlaps from which a box is found, 0.5 to 0.95.",
        formula="mean over overlaps of true boxes found / true boxes",
        source=f"{COCO}; interval: bootstrap of Student's t over the inputs (DiCiccio and Efron "
        "1996, https://doi.org/10.1214/ss/1032280214)",
        unit="fraction",
        better="higher",
        most=1.0,
        needs=("true_classes", "true_sizes", "found"),
        parameters=(
            Parameter(
                name="class_index",
                label="Class",
                default=0,
                minimum=0,
                help="Which class's boxes are looked for.",
            ),
            Parameter(
                name="size",
                default="any",
                choices=(*SIZES,),
                help="Boxes of which area in pixels of the input: small up to 32², large from 96².",
            ),
        ),
        implementation=Corpus(_recall, _recall_ends, _recall_drawn),
    )
)
