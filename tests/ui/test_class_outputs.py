"""Home asks which output each class of the data is, and takes the answer into the plan."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from pruneviz.home import default_home
from pruneviz.plan import Plan
from pruneviz.subjects.sample_data import load_split
from pruneviz.subjects.uploads import accept
from pruneviz.ui.home import class_outputs
from pruneviz.ui.session import link

HOME = str(Path(__file__).resolve().parents[2] / "pages" / "home.py")


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRUNEVIZ_HOME", str(tmp_path))


def table(words: tuple[str, str]) -> str:
    """Upload the tumours' test part with other words for malignant and benign."""
    split = load_split("tumour")
    frame = pd.DataFrame(split.test_x.numpy(), columns=list(split.features))
    kinds = [words[i] for i in split.test_y.tolist()]
    text = frame.assign(verdict=kinds).to_csv(index=False)
    return accept("cells.csv", text.encode(), default_home()) + "?target=verdict"


def opened(plan: Plan) -> AppTest:
    at = AppTest.from_file(HOME, default_timeout=300)
    at.query_params["plan"] = link.encode(plan)
    return at.run()


def kept(at: AppTest) -> Plan:
    found = at.query_params["plan"]
    return link.decode(found if isinstance(found, str) else found[0])


def choose(at: AppTest, plan: Plan, outputs: dict[int, str]) -> AppTest:
    """Choose the outputs of some rows of the table."""
    key = class_outputs.editor_key(plan, {})
    rows = {row: {class_outputs.OUTPUT: choice} for row, choice in outputs.items()}
    at.session_state[key] = {"edited_rows": rows, "added_rows": [], "deleted_rows": []}
    return at.run()


def strip(at: AppTest) -> str:
    return next(str(m.value) for m in at.markdown if "Accuracy" in str(m.value))


@pytest.mark.parametrize("waits", [True, False])
def test_unknown_classes_are_asked_for_and_then_kept_in_the_plan(waits: bool) -> None:
    reference = table(("krebs", "gesund"))
    plan = Plan(model="sample:tumour-mlp", data=None if waits else reference)
    at = opened(plan)
    if waits:  # as after an upload that could not be read without them
        at.session_state[class_outputs.ASKED] = reference
        at.run()
    assert any("knows no class named" in str(w.value).replace("\\", "") for w in at.warning)
    assert at.button(key="home-classes-apply").disabled
    choose(at, plan.changed(data=reference), {0: "1 (benign)", 1: "0 (malignant)"})
    at.button(key="home-classes-apply").click().run()
    assert not at.error
    assert kept(at).classes == {"gesund": 1, "krebs": 0}
    assert kept(at).data == reference
    assert strip(at)
    assert not any("permuted" in str(i.value) for i in at.info)


def test_permuted_classes_are_said_and_mended_with_one_click() -> None:
    reference = table(("krebs", "gesund"))
    turned = Plan(model="sample:tumour-mlp", data=reference, classes={"krebs": 1, "gesund": 0})
    at = opened(turned)
    assert any("may be permuted" in str(i.value) for i in at.info)
    at.button(key="home-classes-fit").click().run()
    assert kept(at).classes == {"gesund": 1, "krebs": 0}
    assert not any("permuted" in str(i.value) for i in at.info)
    at.button(key="strip-undo").click().run()
    assert any("may be permuted" in str(i.value) for i in at.info)
