"""What each residual block changes of what passes through it, along the depth."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import plotly.graph_objects as go

from pruneviz.analyses.influence import BlockInfluence
from pruneviz.figures.kit.format import plural
from pruneviz.figures.kit.rows import shortened
from pruneviz.figures.kit.style import ORIGINAL, PRUNED, REMOVED, lay_out

FEW = 12  # blocks whose names are all read below the figure
GONE = {"shape": "x", "fillmode": "overlay", "fgcolor": PRUNED, "size": 7}
INFLUENCE = "1 − cosine, input to output"


def influence(found: Sequence[BlockInfluence], removed: Collection[str] = ()) -> go.Figure:
    """Return a bar a block in forward order; those removed, by path, are hatched and marked.

    A bar's `customdata` is its block.
    """
    names = [each.block for each in found]
    labels = _labels(found)
    figure = go.Figure()
    for here, name, marker in (
        (True, "stays", {"color": ORIGINAL}),
        (False, "removed by the plan", {"color": REMOVED, "pattern": GONE}),
    ):
        some = [(at, each) for at, each in enumerate(found) if (each.block in removed) != here]
        if not some:
            continue
        figure.add_bar(
            name=name,
            x=[names[at] for at, _ in some],
            y=[each.influence for _, each in some],
            customdata=[each.block for _, each in some],
            text=["" if here else "removed"] * len(some),
            textposition="outside",
            textangle=-90 if len(found) > FEW else 0,
            textfont={"size": 11},
            constraintext="none",
            cliponaxis=False,
            marker=marker,
            showlegend=bool(removed),
            hovertemplate=f"%{{customdata}}, {name}: %{{y:.3f}}<extra></extra>",
        )
    of = "block" if len(found) <= FEW else "number of the block"
    lay_out(figure, title=what_to_see(found, removed), x=f"{of}, in forward order", y=INFLUENCE)
    most = max((each.influence for each in found), default=0.0)
    figure.update_yaxes(range=[0, (1.35 if removed else 1.1) * (most or 1)])
    figure.update_layout(barmode="overlay", bargap=0.25)
    shown = names[:: -(-len(names) // 40) or 1]
    return figure.update_xaxes(
        type="category", categoryorder="array", categoryarray=names, tickmode="array",
        tickvals=shown, ticktext=[labels[name] for name in shown], showgrid=False,
    )  # fmt: skip


def _labels(found: Sequence[BlockInfluence]) -> dict[str, str]:
    """Return what stands below each block: its name, or its number where there are many."""
    few = len(found) <= FEW
    return {
        each.block: shortened(each.block, 16) if few else str(at) for at, each in enumerate(found)
    }


def what_to_see(found: Sequence[BlockInfluence], removed: Collection[str] = ()) -> str:
    """Return which block changes least and most, and how those of the plan stand to that."""
    if not found:
        return "This network has no block that can be left out"
    order = sorted(found, key=lambda each: each.influence)
    least, most = order[0], order[-1]
    if least is most:
        return f"The only block, {least.block}, has an influence of {least.influence:.2f}"
    gone = [each for each in found if each.block in removed]
    if not gone:
        return (
            f"{shortened(least.block)} changes what passes through it least "
            f"({least.influence:.2f}), {shortened(most.block)} most ({most.influence:.2f})"
        )
    lowest = {each.block for each in order[: len(gone)]}
    among = sum(each.block in lowest for each in gone)
    what = f"The plan removes {plural(len(gone), 'block')} of {len(found)}"
    if len(gone) == 1:
        return f"{what}: {'the' if among else 'not the'} one that changes least"
    if among == len(gone):
        return f"{what}: those {among} that change least"
    return f"{what}: {among or 'none'} of the {len(gone)} that change least"
