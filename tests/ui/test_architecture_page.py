"""Architecture as a user of AppTest meets it: what goes with a channel, what stays whole."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from streamlit.testing.v1 import AppTest
from torch import nn

from pruneviz.granularity.taken import Taken
from pruneviz.measure.by_layer import by_layer
from pruneviz.plan import Plan
from pruneviz.report import LeftOut
from pruneviz.ui import architecture
from pruneviz.ui.session import link
from pruneviz.ui.words import text
from pruneviz.wording import stays

PAGE = Path(__file__).parents[2] / "pages" / "architecture.py"
RESIDUAL = Plan(model="sample:digits-resnet", sparsity=0.3)


def start(plan: Plan | None = None, **query: str) -> AppTest:
    at = AppTest.from_file(str(PAGE), default_timeout=300)
    if plan:
        at.query_params["plan"] = link.encode(plan)
    for name, value in query.items():
        at.query_params[name] = value
    return at.run()


def titles(at: AppTest) -> list[str]:
    charts = at.get("plotly_chart")
    return [json.loads(c.proto.spec)["layout"]["title"]["text"] for c in charts]


def words(at: AppTest) -> str:
    return "\n".join(str(e.value) for e in (*at.markdown, *at.caption, *at.info)).replace("\\", "")


def parts(at: AppTest) -> list[str]:
    return list(at.dataframe[0].value["What goes"])


def test_the_page_alone_shows_the_network_what_it_costs_and_what_is_held_back() -> None:
    at = start(Plan(sparsity=0.3))
    assert not at.exception
    assert not at.error
    network, costs = titles(at)
    assert network.startswith("5 layers, 4 groups")
    assert costs.startswith("conv3 holds most")
    headings = [each.value for each in at.subheader]
    assert "1 of 5 layers cannot be pruned" in headings
    assert list(at.dataframe[-1].value["Layer"]) == ["classifier"]
    assert at.get("download_button")
    assert list(at.dataframe[1].value["Layer"])[:2] == ["conv1", "conv2"]


def test_a_chosen_group_shows_its_members_and_is_in_the_link() -> None:
    at = start(RESIDUAL)
    box = at.selectbox(key="architecture-group")
    assert box.value == "conv1"  # the first that ties several layers together
    at.selectbox(key="architecture-group").set_value("stage1.0.conv1").run()
    assert at.query_params["layer"] in ("stage1.0.conv1", ["stage1.0.conv1"])
    assert parts(at) == [
        "output of stage1.0.conv1",
        "scale and shift of stage1.0.bn1",
        "mean and variance of stage1.0.bn1",
        "input of stage1.0.conv2",
    ]
    table = at.dataframe[0].value
    assert list(table["Axis"]) == [0, 0, 0, 1]
    assert list(table["Numbers"]) == [144, 2, 2, 144]
    assert "290 parameters" in words(at)


def test_a_channel_is_chosen_by_number_and_flattened_pixels_go_with_it() -> None:
    at = start(Plan(sparsity=0.3), layer="conv3")
    assert "**goes** in this plan" in words(at)  # the first that goes opens the page
    at.number_input[0].set_value(5).run()
    table = at.dataframe[0].value
    assert parts(at)[-1] == "input of hidden"
    assert list(table["Indices"])[-1] == "20–23"
    assert "Channel 5" in words(at)


def test_a_layer_in_the_middle_of_a_group_chooses_its_group() -> None:
    at = start(RESIDUAL, layer="stage1.1.conv2")
    assert at.selectbox(key="architecture-group").value == "conv1"
    assert "output of stage1.1.conv2" in parts(at)


def test_a_layer_that_stays_whole_is_shown_with_its_reason() -> None:
    at = start(Plan(sparsity=0.3), layer="classifier")
    assert at.selectbox(key="architecture-group").value is None
    assert "Why classifier cannot be pruned: its outputs are the network's answers." in words(at)
    at.selectbox(key="architecture-group").set_value("conv2").run()
    assert parts(at)[0] == "output of conv2"
    assert not at.exception


def test_a_layer_that_this_model_lacks_is_passed_over() -> None:
    at = start(Plan(model="sample:tumour-mlp", sparsity=0.3), layer="conv3")
    assert not at.exception
    assert at.selectbox(key="architecture-group").value == "fc1"


def test_single_weights_go_one_by_one_and_nothing_is_held_back() -> None:
    at = start(Plan(granularity="weight", sparsity=0.5))
    assert not at.exception
    assert "144 of the 288 weights of conv1 go. " + architecture.SINGLE_WEIGHTS in words(at)
    assert architecture.WIDTHS_STAY in words(at)
    assert "Nothing is held back" in words(at)
    assert len(titles(at)) == 2
    assert not at.number_input


def test_an_impossible_plan_is_shown_as_the_original_with_one_sentence() -> None:
    at = start(Plan(sparsity=0.9, locks={"conv1": tuple(range(20))}))
    assert not at.exception
    assert len(at.error) == 1
    assert titles(at)[0].startswith("Nothing is removed")
    assert "in this plan" not in words(at)


@pytest.mark.parametrize(
    ("indices", "shown"),
    [
        ((5,), "5"),
        ((20, 21, 22, 23), "20–23"),
        ((1, 3, 4), "1, 3–4"),
        (tuple(range(0, 2000, 2)), "0, 2, 4, 6, 8, 10 … (1,000 in all)"),
    ],
)
def test_indices_are_short(indices: tuple[int, ...], shown: str) -> None:
    assert architecture.ranges(indices) == shown


@pytest.mark.parametrize(
    ("role", "parameters", "shown"),
    [
        ("output", ("conv1.weight",), "output of conv1"),
        ("bias", ("conv1.bias",), "bias of conv1"),
        ("vectors", ("conv1.weight",), "scale of conv1"),
        ("vectors", ("conv1.gamma",), "gamma of conv1"),
        ("part", ("class_token",), "part of class_token"),
    ],
)
def test_what_goes_is_said_in_words(role, parameters, shown) -> None:
    layer = parameters[0].rpartition(".")[0]
    assert architecture.place(Taken(layer, role, parameters, 0, (1,), 1)) == shown


class TwiceHeld(nn.Module):
    """Layers that cannot be pruned for several reasons, and a weight that is no layer's."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.head = nn.Linear(4, 6), nn.Linear(6, 2)
        self.matrix = nn.Parameter(torch.ones(6, 6))

    def forward(self, x):
        return self.head(self.first(x).roll(1, 1) @ self.matrix)


HELD = (
    LeftOut("first", (stays.cut_fails("they are rolled"),)),
    LeftOut("head", (stays.answers(),)),
    LeftOut("first~2", (stays.some_units(2, 6, stays.cut_fails("they are turned")),)),
    LeftOut("first", (stays.cut_fails("they are rolled"),)),
    LeftOut("matrix", (stays.part_of("TwiceHeld", stays.no_units()),)),
)


def test_a_layer_that_stays_whole_for_two_reasons_is_one_layer() -> None:
    model = TwiceHeld()
    numbers = {name: p.numel() for name, p in model.named_parameters()}
    merged = text.by_name(HELD)
    rows = by_layer(model, (), merged, {}, (numbers, numbers), ({}, {}))
    assert [each.name for each in merged] == ["first", "head", "matrix"]
    assert merged[0].reason == "they are rolled; 2 of 6 units: they are turned"
    assert next(row.reason for row in rows if row.name == "first") == merged[0].reason
    said = architecture.skipped_sentence(HELD, rows)
    assert said == "3 of 3 layers cannot be pruned, some of them in part"
    assert list(text.skipped_table(HELD)["Layer"]) == ["first", "head", "matrix"]
    assert text.skipped_title(HELD).startswith("Cannot be pruned: 3 layers")
    assert architecture.skipped_sentence((), rows) == ""
    alone = architecture.skipped_sentence(HELD[:1], rows)
    assert alone.startswith("1 of ")
    assert alone.endswith("layers cannot be pruned")
