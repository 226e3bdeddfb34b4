"""What a user wants: so much lost at most, megabytes, MACs, parameters or milliseconds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from pruneviz.metrics import METRICS, Metric
from pruneviz.plan import Setting, shown
from pruneviz.propose import losses
from pruneviz.wording import RefusedError, offers
from pruneviz.wording.refusals import analysing

ACCURACY, MEGABYTES, MACS = "accuracy_points", "megabytes", "macs"
PARAMETERS, MILLISECONDS = "parameters", "milliseconds"
RESOURCES = {PARAMETERS: "parameters", MACS: "macs", MEGABYTES: "bytes"}  # counted exactly
SAVES = (PARAMETERS, MACS)  # what a goal of a loss saves as much of as it can
MEGABYTE = 1_000_000
WORDS = {"parameters": "parameters", "macs": "MACs", "bytes": "bytes"}


@dataclass(frozen=True, kw_only=True)
class Wish:
    """A kind of goal: how it is called, the unit of its value, a usual value, and the bounds."""

    title: str
    unit: str
    usual: float
    least: float
    most: float


GOALS: Mapping[str, Wish] = {
    ACCURACY: Wish(title="Lose at most", unit="points", usual=1.0, least=0.0, most=100.0),
    MEGABYTES: Wish(title="Fit into", unit="MB", usual=0.2, least=0.0, most=math.inf),
    MACS: Wish(title="Keep at most", unit="", usual=0.5, least=0.0, most=1.0),
    PARAMETERS: Wish(title="Keep at most", unit="", usual=0.5, least=0.0, most=1.0),
    MILLISECONDS: Wish(title="Answer within", unit="ms", usual=1.0, least=0.0, most=math.inf),
}
FRACTIONS = (MACS, PARAMETERS)
USUAL_SHARE, USUAL_PART = 0.01, 0.05  # of a metric's range; of the original's number without one


def loss_kind(metric: Metric) -> str:
    """Return the kind of goal that says how much of a metric may be lost: its name."""
    return ACCURACY if metric.name == losses.ACCURACY.name else metric.name


def usual_loss(metric: Metric, original: float) -> Goal:
    """Return how much may be lost to begin with: a hundredth of the metric's range, as one point.

    A metric that has no end may get worse by a twentieth of the original's number; by nothing,
    where there is none.
    """
    whole = metric.most - metric.least
    allowed = USUAL_SHARE * whole if math.isfinite(whole) else USUAL_PART * abs(original)
    value = metric.scale * allowed if math.isfinite(allowed) else 0.0
    return Goal(loss_kind(metric), float(f"{value:.2g}"))


@dataclass(frozen=True)
class Goal:
    """What is to be reached; ValueError says in a sentence what cannot be a goal.

    `value` is how much of a metric may be lost, in the unit it is written in (1 is one point of
    accuracy), megabytes (10⁶ bytes) of the weights file, the fraction of MACs or parameters that is
    left, or milliseconds of one answer. Of other metrics than accuracy `kind` is their name. Under
    a goal of a loss as much is saved of `save` as can be.
    """

    kind: str
    value: float
    save: str = PARAMETERS

    def __post_init__(self) -> None:
        if self.kind not in GOALS and self.metric is None:
            raise RefusedError(analysing.unknown_goal(", ".join(GOALS), shown(self.kind)))
        if self.save not in SAVES:
            raise RefusedError(analysing.unknown_saving(" or ".join(SAVES), shown(self.save)))
        self._check_value()
        object.__setattr__(self, "value", float(self.value))
        if self.metric is None:  # or equal goals would have two digests
            object.__setattr__(self, "save", PARAMETERS)

    @property
    def metric(self) -> Metric | None:
        """Return the metric of which so much may be lost; None where the goal is a budget."""
        if self.kind == ACCURACY:
            return losses.ACCURACY
        known = next((metric for metric in METRICS if metric.name == self.kind), None)
        return None if known is losses.ACCURACY else known  # which goes by its points

    def _check_value(self) -> None:
        value = self.value
        number = math.nan if isinstance(value, bool | str) else float(value)
        if self.metric is not None:
            self._check_loss(self.metric, number)
            return
        most = GOALS[self.kind].most
        if not 0 < number < math.inf or number > most:
            bounds = "above 0 and at most 1, such as 0.5" if most == 1 else "above 0"
            raise RefusedError(analysing.no_amount(self._unit(), bounds, shown(value)))

    def _check_loss(self, metric: Metric, number: float) -> None:
        whole = metric.scale * (metric.most - metric.least)
        if 0 <= number < whole:
            return
        if self.kind == ACCURACY:
            raise RefusedError(analysing.no_points(shown(self.value)))
        bounds = f"from 0 to below {whole:g}" if whole < math.inf else "from 0 upwards"
        unit = metric.symbol_of_changes.strip()
        raise RefusedError(analysing.no_such_loss(metric.noun, unit, bounds, shown(self.value)))

    def _unit(self) -> str:
        if self.kind in FRACTIONS:
            return f"the part of the {WORDS[RESOURCES[self.kind]]} that is left"
        return self.kind

    @property
    def resource(self) -> str:
        """Return what is saved: it is what removing a layer's units is weighed by.

        For milliseconds these are MACs: a layer's own time is too short to be told from noise.
        """
        if self.metric is not None:
            return self.save
        return RESOURCES.get(self.kind, "macs")

    def target(self, whole: int) -> int:
        """Return how much of the counted resource may be left of `whole`, the original's."""
        if self.kind in FRACTIONS:
            return math.floor(self.value * whole)
        return math.floor(self.value * MEGABYTE)

    def measured(self, count: float, whole: float) -> float:
        """Return a count of the resource in the goal's own unit."""
        return count / whole if self.kind in FRACTIONS else count / MEGABYTE

    def said(self, value: float | None = None) -> str:
        """Return the goal, or another value of its kind, with its unit: `50 % of the MACs`."""
        words = self._in_units(self.value if value is None else value)
        return words if self.metric is None else losses.lost(self.metric, words)

    def _in_units(self, number: float) -> str:
        if self.kind in FRACTIONS:
            return f"{100 * number:.3g} % of the {WORDS[RESOURCES[self.kind]]}"
        if self.metric is not None:
            written = f"{number:.3g}"
            return f"{written}{losses.unit_of(self.metric, written)}"
        return f"{number:.3g} {GOALS[self.kind].unit}"

    @property
    def bound(self) -> str:
        """Return the goal beside a loss that is more than it, which says of what it is."""
        return self.said() if self.kind == ACCURACY else self._in_units(self.value)

    @property
    def wish(self) -> str:
        """Return what is wanted, in words: `keep at most 50 % of the MACs`."""
        more = f" and save {WORDS[self.save]}" if self.save != PARAMETERS else ""
        amount = self._in_units(self.value)
        if self.metric is not None:
            verb = losses.does(self.metric).removesuffix("s")
            return f"{verb} at most {losses.of_it(self.metric, amount)}{more}"
        return f"{GOALS[self.kind].title.lower()} {amount}{more}"

    def check_open(self, now: float) -> None:
        """Raise ValueError where the original reaches the goal; `now` is its number."""
        if now <= self.value:
            raise RefusedError(offers.met_already(self.said(), self.said(now)))

    def settings(self) -> dict[str, Setting]:
        """Return the goal as a job's settings."""
        more: dict[str, Setting] = {"save": self.save} if self.metric else {}
        return {"goal": self.kind, "value": self.value, **more}

    @classmethod
    def of(cls, settings: Mapping[str, Setting]) -> Self:
        """Return the goal in a job's settings; ValueError where they hold none."""
        unknown = sorted(set(settings) - {"goal", "value", "save"})
        if unknown or "goal" not in settings or "value" not in settings:
            raise RefusedError(analysing.no_whole_goal(", ".join(settings) or "nothing"))
        value = settings["value"]
        number = math.nan if isinstance(value, str) else value
        return cls(str(settings["goal"]), number, str(settings.get("save", PARAMETERS)))

    def text(self) -> str:
        """Return the goal as a word of a link: `macs:0.5`."""
        more = f":{self.save}" if self.save != PARAMETERS else ""
        return f"{self.kind}:{self.value:g}{more}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `text` wrote; ValueError where it is no goal."""
        kind, _, rest = text.partition(":")
        value, _, save = rest.partition(":")
        try:
            number = float(value)
        except ValueError as error:
            raise RefusedError(analysing.unreadable_goal(shown(text))) from error
        return cls(kind, number, save or PARAMETERS)
