"""Every page with blocks in place of channels, as a user of AppTest meets it."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from pruneviz.plan import Plan
from pruneviz.ui.session import link
from tests.ui import tuning

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(path.stem for path in (ROOT / "pages").glob("*.py"))
PLAN = Plan(model="sample:digits-resnet", granularity="depth", sparsity=0.5)
GONE, LEFT = "stage1.0.conv1", "stage1.2.conv1"


def start(name: str, plan: Plan = PLAN, **query: str) -> AppTest:
    at = AppTest.from_file(str(ROOT / "pages" / f"{name}.py"), default_timeout=120)
    at.query_params["plan"] = link.encode(plan)
    for key, value in query.items():
        at.query_params[key] = value
    return at.run()


def words(at: AppTest) -> str:
    parts = (*at.markdown, *at.caption, *at.info, *at.warning)
    return "\n".join(str(element.value) for element in parts).replace("\\", "")


def titles(at: AppTest) -> list[str]:
    charts = at.get("plotly_chart")
    return [json.loads(c.proto.spec)["layout"]["title"]["text"] for c in charts]


# On every page a layer that is gone, and on those that show a layer the other kinds of them.
SHOW_ONE = ("architecture", "attributions", "weights")
SHOWN = [*((name, GONE) for name in PAGES), *itertools.product(SHOW_ONE, (LEFT, "conv1", ""))]


@pytest.mark.parametrize(("name", "layer"), SHOWN)
def test_every_page_is_complete(name: str, layer: str) -> None:
    at = start(name, **({"layer": layer} if layer else {}))
    assert not at.exception
    assert not at.error
    assert "residual blocks, Magnitude" in words(at)


def test_tune_says_which_block_each_number_is_and_locks_it() -> None:
    plan = PLAN.changed(locks={"stage1.0": "all"})
    at = start("tune", plan)
    labels = [row["label"] for row in tuning.rows(at).values()]
    assert "stage1 · 2 of 3 residual blocks go · 1 locked" in labels
    assert "stage2 · 1 of 2 residual blocks go" in labels
    menu = tuning.rows(at)["stage1"]["menu"]
    assert menu["blocks_head"] == ["Block", "Path", "Parameters", "In this plan"]
    assert [block[1] for block in menu["blocks"]] == ["stage1.0", "stage1.1", "stage1.2"]
    assert [block[3] for block in menu["blocks"]] == ["stays", "goes", "goes"]
    assert menu["units_label"] == "Residual blocks that must stay (0 to 2)"
    tuning.ask(at, "stage1", "units", "2")
    assert "lets at most 1 go" in at.error[0].value.replace("\\", "")
    tuning.move(at, tuning.OVERALL, 33)
    assert not at.error
    blocks = tuning.rows(at)["stage1"]["menu"]["blocks"]
    assert [block[3] for block in blocks] == ["stays", "goes", "stays"]


def test_all_blocks_of_all_stages_may_go() -> None:
    at = start("tune", PLAN.changed(sparsity=1.0))
    assert not at.error
    assert "stage1 · 3 of 3 residual blocks go" in [
        row["label"] for row in tuning.rows(at).values()
    ]
    assert "never pruned to nothing" not in words(at)


def test_another_granularity_leaves_amounts_of_layers_behind() -> None:
    plan = PLAN.changed(granularity="channel", layers={"stage1.0.conv1": 0.5})
    at = start("tune", plan)
    at.selectbox(key="tune-granularity").set_value("depth").run()
    assert not at.exception
    assert not at.error
    assert "stage1 · 2 of 3 residual blocks go" in [
        row["label"] for row in tuning.rows(at).values()
    ]


def test_architecture_shows_blocks() -> None:
    at = start("architecture", layer="stage2.2.conv2")
    assert "one residual block and go together" in words(at)
    title = titles(at)[0].replace("<br>", " ")
    assert title.endswith("group 1 ties 2 layers together (stage1.0.conv1 and 1 more)")
    assert at.selectbox(key="architecture-group").label == "Stage of residual blocks"
    table = at.dataframe[0].value
    assert list(table["Path"]) == ["stage2.1", "stage2.2"]
    assert "Dotted: is in no block that can be left out" in words(at)


def test_weights_and_attributions_of_a_layer_that_is_gone() -> None:
    gone = PLAN.changed(sparsity=1.0)
    assert "goes with its residual block" in words(start("weights", gone, layer=GONE))
    at = start("attributions", gone, layer=GONE)
    assert not at.exception
    assert at.selectbox(key="attributions-layer").value == GONE
