"""What Tune knows of each layer beside its slider: its shares of the network, and its curve."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from pruneviz.coupling import layer_of
from pruneviz.figures.kit import format as fmt
from pruneviz.figures.sensitivity import spark
from pruneviz.history.folder import POINTS_FILE, RunFolder
from pruneviz.home import default_home
from pruneviz.measure.layer_latency import LayerLatency, layer_latency
from pruneviz.network.inputs import first_input
from pruneviz.plan import Plan
from pruneviz.report import LayerReport
from pruneviz.sensitivity import read_points
from pruneviz.ui.engine import cache
from pruneviz.ui.engine.cached import cached
from pruneviz.ui.engine.keys import prepared_key, subject_key
from pruneviz.ui.sensitivity import every_level, measures, scanning

PASSES, LIMIT_SECONDS = 20, 2.0
PAUSE_SECONDS = 0.7  # until the page is drawn, and leaves the machine to the measurement
TICK_SECONDS = 0.5
Timing = Future[LayerLatency]
_POOL = ThreadPoolExecutor(1, "layer-latency")


@dataclass(frozen=True)
class Curves:
    """Every layer's sensitivity so far: a picture's address and a sentence, by layer.

    `top` says what is lost at the upper edge of every picture.
    """

    pictures: Mapping[str, str]
    sentences: Mapping[str, str]
    top: str
    done: int
    total: int


NO_CURVES = Curves({}, {}, "", 0, 0)


@cached(subject_key, leave=Future.cancel)
def timing(plan: Plan) -> Timing:
    """Return the measurement of the original's time by layer, begun here if it never was.

    It runs in a thread of its own: nobody waits for it.
    """
    return _POOL.submit(_measure, plan)


def known(timed: Timing) -> LayerLatency | None:
    """Return the time by layer, None while it is measured or where it cannot be."""
    if not timed.done() or timed.cancelled() or timed.exception():
        return None
    return timed.result()


def shares(plan: Plan, rows: Sequence[LayerReport], latency: LayerLatency | None) -> dict[str, str]:
    """Return each layer's share of the original, in words: parameters, MACs, and ≈ its latency.

    Of layers that go together, the first counts what they share; latency is left out until known.
    """
    baseline = cache.original(plan).baseline
    parameters, macs = sum(baseline.parameters.values()), sum(baseline.macs.values())
    found, counted = {}, set[str]()
    for row in rows:
        own = [name for name in row.layers if name not in counted]
        counted.update(own)
        parts = [
            _share(row.parameters.original, parameters, "parameters"),
            _share(row.macs.original, macs, "MACs"),
        ]
        spent = latency.share(own) if latency else None
        if spent is not None:
            parts.append(f"{fmt.ABOUT} {_fraction(spent)} of latency")
        found[row.name] = " · ".join(part.replace(" %", "\u00a0%") for part in parts if part)
    return found


def legend(latency: LayerLatency | None, curves: Curves, left_out: str = "") -> str:
    """Return what the numbers and curves beside the sliders are, in a few sentences.

    `left_out` says what MACs do not count.
    """
    words = ["Shares are of the original, counted exactly."]
    if latency:
        words = [
            "Shares are of the original: parameters and MACs exact, latency an estimate "
            f"(median of {latency.passes} passes, one input)."
        ]
    if left_out:
        words.append(f"MACs: {left_out}.")
    if curves.pictures:
        some = "" if curves.done >= curves.total else f" ({curves.done} of {curves.total} points)"
        words.append(
            f"The curve behind a slider is what the layer loses alone{some}; the top of "
            f"the picture is {curves.top}. "
            "The ? beside it has the 95 % interval."
        )
    return " ".join(words)


def can_scan(plan: Plan) -> bool:
    """Return whether a scan can measure the plan's layers: it needs data."""
    return cache.subject(plan).data is not None


def curves(plan: Plan) -> Curves:
    """Return the curves of a scan that is finished or under way; none is begun here."""
    if not can_scan(plan):
        return NO_CURVES
    folder = _folder(plan, default_home())
    try:
        written = folder.file(POINTS_FILE).stat()
    except OSError:
        return NO_CURVES
    return _curves(plan, folder.path, written.st_mtime_ns, written.st_size)


def style(keys: Mapping[str, str], curves: Curves) -> str:
    """Return the style of the rows whose `keys` are given by layer: curves behind the sliders.

    It holds keys and base64 alone, no name that a user gave.
    """
    rules = [
        f".st-key-{key} .pv-track {{ background-image: url({curves.pictures[name]}); }}"
        for name, key in keys.items()
        if curves.pictures.get(name)
    ]
    return f"<style>{ROWS} {' '.join(rules)}</style>"


ROWS = """
.st-key-tune-style { display: none; }
.st-key-tune-sides { overflow-x: auto; }
.st-key-tune-sides :is(th, td) { font-size: 0.85rem; padding: 0.3rem 0.45rem; }
"""


def _share(part: int, whole: int, what: str) -> str:
    return f"{_fraction(part / whole)} of {what}" if whole else ""


def _fraction(part: float) -> str:
    """Return a share with a decimal where it is small: of many layers each has little."""
    if 0 < part < 0.0005:
        return "< 0.1 %"
    return fmt.percent(part) if 0 < part < 0.095 else fmt.share(part)


def _measure(plan: Plan) -> LayerLatency:
    time.sleep(PAUSE_SECONDS)
    subject = cache.subject(plan)  # only now: what waits in line holds no network
    layers = dict.fromkeys(layer_of(name) for name, _ in subject.model.named_parameters())
    one = first_input(subject.example)
    return layer_latency(subject.model, one, tuple(layers), PASSES, LIMIT_SECONDS)


@cached(prepared_key, most=64)
def _folder(plan: Plan, home: Path) -> RunFolder:
    return scanning.scan_of(plan, every_level.KIND, {}).folder


@cached(prepared_key, most=16)
def _curves(plan: Plan, folder: Path, written: int, size: int) -> Curves:
    scan = scanning.scan_of(plan, every_level.KIND, {})
    try:
        table = read_points(scan.folder.file(POINTS_FILE))
    except ValueError:  # Sensitivity says what is wrong with it
        return NO_CURVES
    each = next(iter(measures.of(cache.subject(plan)).values()))
    whole = 1.0 if each.bounded else each.whole(float(measures.original(plan)[0][each.value]))
    top = spark.scale(table, each, whole)
    pictures, sentences = {}, {}
    for name, rows in table.groupby("layer", sort=False):
        picture = spark.spark(rows, top, each)
        pictures[str(name)] = spark.data_uri(picture) if picture else ""
        sentences[str(name)] = spark.sentence(rows, each)
    said = spark.top_in_words(top, each.metric)
    return Curves(pictures, sentences, said, len(table), every_level.points(scan))
