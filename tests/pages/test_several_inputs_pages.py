"""The pages with data whose inputs are several tensors: what is shown, and what says why not."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from pruneviz.plan import Plan
from pruneviz.ui import settings
from pruneviz.ui.session import link
from tests import two_inputs

NETWORKS = ("original", "pruned")
ROOT = Path(__file__).parents[2]


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    """A network of two rows of numbers, opened by whoever starts the app, on data of noise."""
    generator = np.random.default_rng(0)
    shutil.copy(two_inputs.__file__, tmp_path / "nets.py")
    np.savez(
        tmp_path / "several.npz",
        left=20 * generator.normal(size=(40, 4)),
        right=20 * generator.normal(size=(40, 3)),
        y=np.arange(40) % 3,
    )
    model, data = f"python:{tmp_path}/nets.py:two", f"npz:{tmp_path}/several.npz"
    for variable, value in settings.variables([model], [data]).items():
        monkeypatch.setenv(variable, value)
    return Plan(model=model, data=data, sparsity=0.8)


def opened(page: str, plan: Plan) -> AppTest:
    at = AppTest.from_file(str(ROOT / "pages" / f"{page}.py"), default_timeout=300)
    at.query_params["plan"] = link.encode(plan)
    at.run()
    assert not at.exception
    assert not at.error
    return at


def test_they_are_opened_and_recovered(plan: Plan) -> None:
    at = opened("home", plan)
    assert "How the inputs are read" not in {each.label for each in at.expander}
    opened("recover", plan)


def test_compare_shows_rows_without_pictures(plan: Plan) -> None:
    at = opened("compare", plan)
    assert any("They disagree" in each.value for each in at.subheader)
    tables = [frame.value for frame in at.dataframe if "original_probability" in frame.value]
    answers = {f"{which}{what}" for which in NETWORKS for what in ("", "_probability")}
    shown = tables[0]
    assert set(shown.columns) == {"index", "name", "true", *answers, "left", "right"}
    with np.load(str(plan.data).partition(":")[2]) as file:
        given = {each.tobytes() for each in file["left"].astype(np.float32).round(2)}
    for row in shown["left"].str.split(", "):
        assert np.array(row, dtype=np.float32).round(2).tobytes() in given


def test_attributions_say_why_there_are_none(plan: Plan) -> None:
    at = opened("attributions", plan)
    said = " ".join(each.value for kind in (at.markdown, at.caption, at.info) for each in kind)
    assert "Attributions lie over one tensor" in said
    assert not at.number_input
