"""A pruned network goes home from the command line and from the page Export."""

from __future__ import annotations

import io
import json
import zipfile

import pytest
import torch
import transformers
from streamlit.testing.v1 import AppTest
from typer.testing import CliRunner

from pruneviz import run as engine
from pruneviz.cli import app
from pruneviz.network.inputs import call
from pruneviz.plan import Plan
from pruneviz.store import write_home
from pruneviz.subjects import load_subject
from pruneviz.ui import settings
from pruneviz.ui.engine import results
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import exporting
from tests.pages.test_later_pages import _open
from tests.subjects.test_hugging_face import cutter, saved

TOLD = "Write the Hugging Face folder"


def planned(tmp_path, **choices) -> Plan:
    reference, _ = saved(tmp_path / "net", "LlamaForCausalLM")
    cutter().save(str(tmp_path / "net" / "tokenizer.json"))
    return Plan(**{"model": reference, "sparsity": 0.5, "scope": "layer",
                   "criterion": "magnitude_l2", **choices})  # fmt: skip


def test_the_command_line_writes_it_and_says_first_what_is_in_the_way(tmp_path):
    plan = planned(tmp_path)
    ask = ["run", "--model", plan.model, "--sparsity", "0.5", "--scope", "layer",
           "--criterion", "magnitude_l2", "--latency-runs", "3"]  # fmt: skip
    done = CliRunner().invoke(app, [*ask, "--hugging-face", str(tmp_path / "home")])
    assert done.exit_code == 0, done.output
    model = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "home").eval()
    assert model.config.hidden_size == 8
    subject = load_subject(plan)
    pruned = engine.prune(engine.prepare(subject, plan), plan)
    with torch.inference_mode():
        expected = call(pruned.model, subject.example)["logits"]
        torch.testing.assert_close(model(subject.example).logits, expected, rtol=1e-5, atol=1e-5)
    assert {file.name for file in tmp_path.iterdir()} == {"net", "home"}
    again = CliRunner().invoke(app, [*ask, "--hugging-face", str(tmp_path / "net")])
    assert again.exception.fact == exporting.folder_exists(str(tmp_path / "net"))
    ask[2] = "sample:digits-mlp"
    other = CliRunner().invoke(app, [*ask, "--hugging-face", str(tmp_path / "new")])
    assert other.exception.fact == exporting.not_of_transformers()


def test_nothing_is_left_where_no_configuration_describes_it(tmp_path):
    plan = planned(tmp_path, layers={"model.layers.0.mlp.gate_proj": 0.25})
    prepared = engine.prepare(load_subject(plan), plan)
    with pytest.raises(RefusedError) as caught:
        write_home(tmp_path / "home", prepared, engine.prune(prepared, plan))
    assert caught.value.fact in exporting.not_uniform
    assert {file.name for file in tmp_path.iterdir()} == {"net"}


def pressed(plan: Plan, tmp_path, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    for variable, value in settings.variables([plan.model], []).items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setenv("PRUNEVIZ_HOME", str(tmp_path / "runs"))
    at = _open("export", plan)
    assert not at.exception
    (button,) = (each for each in at.button if each.label == TOLD)
    return button.click().run()


def test_the_page_offers_it_as_one_zip(tmp_path, monkeypatch):
    plan = planned(tmp_path)
    at = pressed(plan, tmp_path, monkeypatch)
    assert not at.exception
    assert any(
        "Hugging Face folder as zip" in str(each.proto) for each in at.get("download_button")
    )
    assert TOLD not in [each.label for each in at.run().button]
    with zipfile.ZipFile(io.BytesIO(results.home(plan).archive)) as archive:
        names = set(archive.namelist())
        config = json.loads(archive.read("pruned/config.json"))
    assert {"pruned/model.safetensors", "pruned/tokenizer.json"} <= names
    assert config["hidden_size"] == 8


def test_the_page_says_why_there_is_none(tmp_path, monkeypatch):
    plan = planned(tmp_path, layers={"model.layers.0.mlp.gate_proj": 0.25})
    at = pressed(plan, tmp_path, monkeypatch)
    assert not at.exception
    assert any("intermediate\\_size" in str(each.value) for each in at.info)


def test_the_page_offers_none_for_other_networks():
    at = _open("export", Plan(model="sample:digits-mlp", sparsity=0.3))
    assert TOLD not in [each.label for each in at.button]
