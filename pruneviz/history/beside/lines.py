"""Networks of stored runs as lines that compare: which is best at what, and which none beats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pruneviz.history.row import Row
from pruneviz.metrics import METRICS
from pruneviz.report import MetricNumbers
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import keeping

COSTS = ("parameters", "macs", "bytes", "latency_ms")  # the smaller the better
QUALITY = "quality"
FEWEST = 2  # runs that a comparison needs


@dataclass(frozen=True)
class Line:
    """One network: the original (`digest` is "") or the pruned one of a run.

    `found` is what its run measured of the metric that all lines are judged by, of the original
    what the first run did. `removed` is a fraction of the units. None is not known. `on_front` says
    that no other line is as good and as cheap, and better at one of both.
    """

    digest: str
    name: str
    plan: str
    removed: float | None
    found: MetricNumbers
    parameters: int | None
    macs: int | None
    bytes: int | None
    latency_ms: float | None
    on_front: bool = False

    @property
    def value(self) -> float | None:
        """Return the metric of this network."""
        return self.found.pruned if self.digest else self.found.original

    def cost(self, name: str) -> float | None:
        """Return one of COSTS."""
        found: float | None = getattr(self, name)
        return found


@dataclass(frozen=True)
class Comparison:
    """Runs of one original on the same inputs; `best` are the lines' numbers by column.

    `found` is the metric of the first run, whose name, settings and inputs are those of all; `by`
    is the cost that the front is of.
    """

    model: str
    title: str
    data: str
    found: MetricNumbers
    by: str
    lines: tuple[Line, ...]
    best: dict[str, tuple[int, ...]]


def compared(rows: Sequence[Row], by: str = "macs") -> tuple[Comparison, ...]:
    """Return what compares of finished runs, in their order: a comparison for each original.

    An original is told by its model, its data, its metric and what all of these come to. Raises
    RefusedError on an unknown cost, fewer than two runs, and a run that has measured nothing.
    """
    if by not in COSTS:
        raise RefusedError(keeping.no_such_cost(by, COSTS))
    asked = {row.digest: row for row in rows}  # a run that is named twice counts once
    if len(asked) < FEWEST:
        raise RefusedError(keeping.too_few_to_compare(len(asked)))
    without = tuple(row.digest[:12] for row in asked.values() if row.primary is None)
    if without:
        raise RefusedError(keeping.nothing_to_compare(without))
    groups: dict[tuple[object, ...], list[Row]] = {}
    for row in asked.values():
        groups.setdefault(_original(row), []).append(row)
    return tuple(_comparison(group, by) for group in groups.values())


def _original(row: Row) -> tuple[object, ...]:
    found = _primary(row)
    settings = tuple(sorted((name, str(value)) for name, value in found.settings.items()))
    return (row.model, row.data, found.metric, settings, found.samples, found.original,
            row.parameters_original)  # fmt: skip


def _comparison(rows: Sequence[Row], by: str) -> Comparison:
    first, found = rows[0], _primary(rows[0])
    lines = _with_front((_before(first), *map(_after, rows)), found, by)
    return Comparison(
        model=first.model, title=first.title, data=first.data, found=found, by=by, lines=lines,
        best=_best(lines, found),
    )  # fmt: skip


def _primary(row: Row) -> MetricNumbers:
    assert row.primary is not None
    return row.primary


def _before(row: Row) -> Line:
    found = _primary(row)
    return Line(
        digest="", name="original", plan="", removed=0.0, found=found,
        parameters=row.parameters_original, macs=row.macs_original, bytes=row.bytes_original,
        latency_ms=row.latency_original_ms,
    )  # fmt: skip


def _after(row: Row) -> Line:
    found = _primary(row)
    parts = (row.granularity, row.criterion, row.scope, row.recovery)
    return Line(
        digest=row.digest, name=row.name or row.digest[:12], plan=", ".join(filter(None, parts)),
        removed=row.achieved, found=found, parameters=row.parameters, macs=row.macs,
        bytes=row.bytes, latency_ms=row.latency_ms,
    )  # fmt: skip


def _goodness(line: Line, found: MetricNumbers) -> float | None:
    """Return a line's value, the higher the better; None where it is not known."""
    higher = found.metric not in METRICS.names() or METRICS.get(found.metric).better == "higher"
    return None if line.value is None else line.value if higher else -line.value


def _with_front(lines: tuple[Line, ...], found: MetricNumbers, by: str) -> tuple[Line, ...]:
    points = [(_goodness(line, found), line.cost(by)) for line in lines]
    known = [(good, cost) for good, cost in points if good is not None and cost is not None]

    def leads(good: float | None, cost: float | None) -> bool:
        if good is None or cost is None:
            return False
        return not any(g >= good and c <= cost and (g, c) != (good, cost) for g, c in known)

    return tuple(
        replace(line, on_front=leads(*point)) for line, point in zip(lines, points, strict=True)
    )


def _best(lines: tuple[Line, ...], found: MetricNumbers) -> dict[str, tuple[int, ...]]:
    """Return the numbers of the lines that are best in each column, all where several are."""
    columns = {QUALITY: [_goodness(line, found) for line in lines]}
    for name in COSTS:
        costs = (line.cost(name) for line in lines)
        columns[name] = [None if cost is None else -cost for cost in costs]
    best = {}
    for name, numbers in columns.items():
        known = [number for number in numbers if number is not None]
        best[name] = tuple(at for at, n in enumerate(numbers) if known and n == max(known))
    return best
