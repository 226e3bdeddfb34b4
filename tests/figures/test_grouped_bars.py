"""Bars of a large network: groups are sums, nothing is lost, and a click leads into a group."""

from __future__ import annotations

import pytest

from pruneviz.figures import layers
from pruneviz.report import Amount, LayerReport


def layer(name: str, original: int, pruned: int) -> LayerReport:
    amount = Amount(original=original, pruned=pruned)
    return LayerReport(
        name=name, layers=(name,), units=10, removed=5, locked=0, sparsity=0.5,
        parameters=amount, macs=amount,
    )  # fmt: skip


ROWS = [layer(f"stage{i // 8}.{i}", 100 + i, 60) for i in range(240)]
GROUPS = {f"stage{s}": [row.name for row in ROWS if row.name.startswith(f"stage{s}.")]
          for s in range(30)}  # fmt: skip
OTHERS = {name: members for name, members in GROUPS.items() if name != "stage3"}


def test_the_open_group_is_shown_layer_by_layer_and_the_others_as_sums():
    figure = layers.kept_and_removed(ROWS, "stage3.26", others=OTHERS)
    kept, removed = figure.data
    assert sum(kept.x) + sum(removed.x) == sum(row.parameters.original for row in ROWS)
    assert sum(kept.x) == sum(row.parameters.pruned for row in ROWS)
    clicked = list(kept.customdata)
    assert [name for name in clicked if name in GROUPS["stage3"]] == GROUPS["stage3"]
    assert len(clicked) == len(GROUPS["stage3"]) + layers.MOST_GROUPS + 1
    assert len(set(kept.y)) == len(clicked)
    assert any(label == "<b>stage3.26</b>" for label in figure.layout.yaxis.ticktext)


def test_the_smaller_groups_are_one_bar_and_a_click_leads_to_a_layer_of_each_bar():
    figure = layers.kept_and_removed(ROWS, others=OTHERS)
    (rest,) = [place for place in figure.data[0].y if place.startswith("the smaller groups")]
    hidden = len(OTHERS) - layers.MOST_GROUPS
    assert rest == f"the smaller groups ({8 * hidden} layers)"
    smallest = sorted(OTHERS, key=lambda g: sum(r.parameters.original for r in ROWS
                                               if r.name in OTHERS[g]))[:hidden]  # fmt: skip
    clicked = dict(zip(figure.data[0].y, figure.data[0].customdata, strict=True))
    assert clicked[rest] in {name for group in smallest for name in OTHERS[group]}
    assert clicked["stage29 (8 layers)"] == "stage29.232"


@pytest.mark.parametrize("others", [None, {}])
def test_a_small_network_has_a_bar_for_each_layer(others):
    figure = layers.kept_and_removed(ROWS[:4], others=others)
    assert list(figure.data[0].y) == [row.name for row in ROWS[:4]]
    assert figure.layout.yaxis.title.text == "Layer"


def test_a_long_name_leaves_room_for_its_bar():
    name = "features.denseblock2.denselayer11.conv1"
    figure = layers.kept_and_removed([layer(name, 10, 5)])
    assert figure.layout.yaxis.ticktext[0] == f"…{name[-29:]}"
    assert figure.data[0].y[0] == name
