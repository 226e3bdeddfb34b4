"""How inputs are read is shown on Home and changed there, and drawing it changes nothing."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
from streamlit.testing.v1 import AppTest

from pruneviz.plan import Plan
from pruneviz.ui import settings
from pruneviz.ui.home import uploads
from pruneviz.ui.session import link

HOME = str(Path(__file__).parents[2] / "pages" / "home.py")


def test_the_form_shows_and_changes_the_reading(tmp_path, monkeypatch):
    x = np.random.RandomState(0).randint(0, 256, (60, 8, 8), dtype=np.uint8)
    np.savez(tmp_path / "own.npz", x=x, y=np.arange(60) % 10)
    plan = Plan(data=f"npz:{tmp_path / 'own.npz'}")
    monkeypatch.setattr(settings, "data", lambda: (plan.data,))
    at = AppTest.from_file(HOME, default_timeout=300)
    at.query_params["plan"] = link.encode(plan)
    at.run()
    assert not at.exception
    assert any(c.value.startswith("Now: mean 0.3") for c in at.caption)
    assert link.decode(at.query_params["plan"]).reading is None
    fields = {box.label: box for box in at.text_input}
    fields["Mean"].set_value("127.5")
    fields["Std"].set_value("255")
    next(b for b in at.button if b.label == "Read them so").click().run()
    assert not at.exception
    reading = link.decode(at.query_params["plan"]).reading
    assert reading is not None
    assert (reading.mean, reading.std) == ((127.5,), (255.0,))
    assert any(c.value.startswith("Now: mean 0.5, std 1") for c in at.caption)
    next(box for box in at.text_input if box.label == "Std").set_value("wide")
    next(b for b in at.button if b.label == "Read them so").click().run()
    assert any("Std is one number" in m.value for m in at.error)
    assert link.decode(at.query_params["plan"]).reading == reading


def test_columns_of_an_uploaded_table_are_found_whatever_separates_them():
    for mark in ",;\t|":
        sent = f"a{mark}b{mark}kind\n" + f"1{mark}2{mark}x\n" * 3
        assert uploads.columns(sent.encode(), "t.csv") == ["a", "b", "kind"]
    sent = io.BytesIO()
    pd.DataFrame({"a": [1], "kind": ["x"]}).to_parquet(sent)
    assert uploads.columns(sent.getvalue(), "T.PARQUET") == ["a", "kind"]


MODEL = """from torch import nn
def make():
    return nn.Sequential(nn.Linear({features}, 8), nn.ReLU(), nn.Linear(8, 2))
"""


def test_the_form_shows_and_changes_which_columns_are_taken(tmp_path, monkeypatch):
    random = np.random.RandomState(0)
    table = pd.DataFrame(random.randn(80, 3), columns=["a", "b", "c"]).round(3)
    table["sex"], table["kind"] = np.arange(80) % 3 // 2, random.randint(0, 2, 80)
    table.to_csv(tmp_path / "own.csv", index=False)
    (tmp_path / "m.py").write_text(MODEL.format(features=3), encoding="utf-8")
    plan = Plan(
        model=f"python:{tmp_path / 'm.py'}:make",
        data=f"csv:{tmp_path / 'own.csv'}?target=kind&ignore=sex",
    )
    monkeypatch.setattr(settings, "models", lambda: (plan.model,))
    monkeypatch.setattr(settings, "data", lambda: (f"csv:{tmp_path / 'own.csv'}?target=kind",))
    at = AppTest.from_file(HOME, default_timeout=300)
    at.query_params["plan"] = link.encode(plan)
    at.run()
    assert not at.exception
    fields = {box.label: box for box in at.multiselect}
    assert fields["Columns to leave out"].value == ["sex"]
    assert link.decode(at.query_params["plan"]).data == plan.data
    fields["Columns that group the rows"].set_value(["sex"])
    next(b for b in at.button if b.label == "Take these columns").click().run()
    assert not at.exception
    assert link.decode(at.query_params["plan"]).data == (
        f"csv:{tmp_path / 'own.csv'}?target=kind&groups=sex&ignore=sex"
    )
