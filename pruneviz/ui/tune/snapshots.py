"""The original, the plan now and each snapshot side by side: what they cost and how they differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
import streamlit as st

from pruneviz.figures.kit import format as fmt
from pruneviz.metrics import Metric, metric_of
from pruneviz.plan import Plan
from pruneviz.report import LayerReport, Report
from pruneviz.ui.engine import cache
from pruneviz.ui.engine.live import Live
from pruneviz.ui.frame import speeds
from pruneviz.ui.session import state
from pruneviz.ui.words import apart, cells, text

NOW = "now"
COLUMNS = ("Size", "MACs", "Speed, against its original")
HELP = (
    "Sets the plan as it is now beside the original and the snapshots. A snapshot keeps a plan "
    "under a letter: the bookmark in the strip takes one."
)


@dataclass(frozen=True)
class Side:
    """One plan with its numbers; `live` is None where `problem` says why there are none."""

    name: str
    plan: Plan
    live: Live | None
    problem: str = ""

    @property
    def amounts(self) -> dict[str, float]:
        """Return the share of units that each layer loses, by layer."""
        return {row.name: row.sparsity for row in self.rows}

    @property
    def rows(self) -> Sequence[LayerReport]:
        """Return what goes of each layer; nothing where it is not known."""
        return self.live.report.layers if self.live else ()


def side(name: str, plan: Plan) -> Side:
    """Return a plan with its numbers, measured here unless they are cached."""
    try:
        return Side(name, plan, speeds.measured(plan))
    except ValueError as error:
        return Side(name, plan, None, text.problem(error))


def sides(plan: Plan, snapshots: Mapping[str, Plan]) -> list[Side]:
    """Return the plan now, and each snapshot under its letter."""
    return [side(NOW, plan), *(side(name, each) for name, each in snapshots.items())]


def draw(plan: Plan) -> None:
    """Draw the table of plans, the layers in which they differ, and the ways back."""
    kept = state.snapshots()
    if not kept:
        st.caption("No snapshot yet. One keeps the plan as it is now, to come back to.")
    with st.spinner("Measuring the snapshots …"):
        found = sides(plan, kept)
    with st.container(key="tune-sides"):
        st.markdown(table(found))
    with st.container(horizontal=True, gap="small"):
        for each in found[1:]:
            st.button(
                f"Go back to {each.name}",
                key=f"tune-restore-{each.name}",
                disabled=each.plan == plan,
                on_click=state.restore_snapshot,
                args=(each.name,),
            )
        st.button(
            "Keep the plan as it is now",
            icon=":material/bookmark_add:",
            key="tune-snapshot",
            on_click=state.take_snapshot,
        )
    _draw_differences(found)


def table(found: Sequence[Side]) -> str:
    """Return one row a plan in Markdown: the original first, then what each plan has in its place.

    A number of a part of the inputs is marked ≈. Milliseconds of different hours are no
    comparison, so each plan says how fast it is against its original, timed in the same turns.
    """
    heading = " | ".join(("Plan", f"{_judged_by(found)} (95 %)", *COLUMNS))
    lines = [f"| | {heading} |", "|:--|:--|:--|--:|--:|:--|"]
    known = next((each for each in found if each.live), None)
    if known and known.live:
        lines.append(_line("original", "everything stays", _original(known.plan, known.live)))
    told = apart.tell_apart([each.plan for each in found])
    for each, words in zip(found, told, strict=True):
        name = f"**{text.escape(each.name)}**"
        if each.live is None:
            why = f"cannot be carried out: {each.problem}"
            lines.append(_line(name, text.escape(why), ["–"] * 4))
            continue
        plan = words or text.plan_line(each.plan, each.live.report.sparsity.achieved)
        lines.append(_line(name, text.escape(plan), _pruned(each.live)))
    return "\n".join(lines)


def _judged_by(found: Sequence[Side]) -> str:
    """Return what the plans are judged by; several where they are of different networks."""
    known = [each for each in found if each.live] or found[:1]
    return " or ".join({cache.subject(each.plan).metrics[0].title: None for each in known})


def differing(found: Sequence[Side]) -> pd.DataFrame:
    """Return the layers of which not all plans remove the same, one row a layer, in percent.

    A plan of another network, or that cannot be carried out, has no number for a layer.
    """
    known = [each for each in found if each.live]
    layers = dict.fromkeys(name for each in known for name in each.amounts)
    frame = pd.DataFrame(
        {f"{each.name}, removed (%)": pd.Series(each.amounts, dtype=float) for each in known},
        index=list(layers),
    )
    frame = (100 * frame).rename_axis("Layer").reset_index()
    return frame[frame.iloc[:, 1:].nunique(axis=1, dropna=False) > 1]


def _draw_differences(found: Sequence[Side]) -> None:
    if len(found) < 2:
        return
    layers = differing(found)
    if layers.empty:
        st.caption("The same share of every layer goes in all of them.")
        return
    st.caption(f"{fmt.plural(len(layers), 'layer')} in which they differ:")
    percent = st.column_config.NumberColumn(format="%.0f")
    st.dataframe(
        layers,
        hide_index=True,
        column_config=dict.fromkeys(layers.columns[1:], percent),
        alt="What goes of each layer in each plan, in percent",
    )


def _original(plan: Plan, live: Live) -> list[str]:
    """Return the original's numbers; how good it is is known on all inputs at any time."""
    report, shown, subject = live.report, "–", cache.subject(plan)
    answers = cache.original(plan).baseline.answers
    if report.primary and answers is not None and subject.data is not None:
        metric, tally = metric_of(report.primary), subject.task.tally(answers, subject.data.y)
        shown = _value(metric, metric.combine(tally), metric.interval(tally), exact=True)
    return [
        shown,
        _apart(fmt.size(report.bytes.original)),
        _macs(fmt.count(report.macs.original), report=report),
        "–",
    ]


def _pruned(live: Live) -> list[str]:
    report, pair = live.report, live.report.primary
    shown = "–"
    if pair:
        metric = metric_of(pair)
        spread = fmt.metric_spread(metric, *pair.change_interval)
        change = f"{fmt.metric_change(metric, pair.change)} ({spread})"
        known = _value(metric, pair.pruned, pair.pruned_interval, exact=live.exact)
        shown = _apart(known, change)
        if not live.exact:
            shown += f" {cells.on_the_same(pair.samples, live.total)}"
    size, macs = report.bytes, report.macs
    return [
        shown,
        _apart(fmt.size(size.pruned), fmt.change(size.original, size.pruned)),
        _macs(fmt.count(macs.pruned), fmt.change(macs.original, macs.pruned), report=report),
        speeds.in_words(report) if live.timed else speeds.NOT_TIMED,
    ]


def _apart(*parts: str) -> str:
    """Return parts that a narrow column may put below each other."""
    return ", ".join(fmt.unbroken(part) for part in parts)


def _macs(*parts: str, report: Report) -> str:
    """Return MACs with what they leave out, whose words may break."""
    left_out = text.escape(report.uncounted.in_words())
    return ", ".join([_apart(*parts), *[left_out] * bool(left_out)])


def _value(metric: Metric, value: float, interval: tuple[float, float], *, exact: bool) -> str:
    about, spread = "" if exact else f"{fmt.ABOUT} ", fmt.metric_spread(metric, *interval)
    return fmt.unbroken(f"{about}{fmt.metric_value(metric, value)} ({spread})")


def _line(name: str, plan: str, numbers: Sequence[str]) -> str:
    return f"| {name} | {plan} | {' | '.join(numbers)} |"
