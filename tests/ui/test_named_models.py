"""Models named at start: how they are named, what may be opened, and what Home shows of them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save, save_file
from streamlit.testing.v1 import AppTest
from torch import nn

from pruneviz.plan import Plan
from pruneviz.ui import settings
from pruneviz.ui.engine import cache
from pruneviz.ui.engine.gate import check_allowed
from pruneviz.ui.home import named_cards, uploads
from pruneviz.ui.server import launch
from pruneviz.ui.session import edits, link
from pruneviz.ui.settings import NamedModel
from pruneviz.ui.words import text

HOME = str(Path(__file__).parents[2] / "pages" / "home.py")
NET = """from torch import nn

def build():
    return nn.Sequential(nn.Linear(5, 7), nn.ReLU(), nn.Linear(7, 3))

def wide():
    return nn.Sequential(nn.Linear(5, 11), nn.ReLU(), nn.Linear(11, 3))
"""


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a Python file of two networks, and weights that fit `build`."""
    monkeypatch.setenv("PRUNEVIZ_HOME", str(tmp_path / "home"))
    (tmp_path / "net.py").write_text(NET)
    save_file(weights(), str(tmp_path / "net.safetensors"))
    return tmp_path


def weights() -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    network = nn.Sequential(nn.Linear(5, 7), nn.ReLU(), nn.Linear(7, 3))
    return {name: value.clone() for name, value in network.state_dict().items()}


def start(monkeypatch: pytest.MonkeyPatch, models: list[str], weights: list[str]) -> None:
    for name, value in settings.variables(models, [], weights=weights).items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(
    ("models", "weights", "expected"),
    [
        ([], [], []),
        (["python:n.py:f"], ["a.safetensors"], [("", "python:n.py:f", "a.safetensors")]),
        (["python:n=1.py:f"], [], [("", "python:n=1.py:f", None)]),
        (["my net=python:n=1.py:f"], ["my net=b=c"], [("my net", "python:n=1.py:f", "b=c")]),
        (["python:n.py:f"], ["./b=c"], [("", "python:n.py:f", "./b=c")]),
        (
            ["a=python:n.py:f", "b=python:n.py:f", "sample:digits-cnn"],
            ["b=w"],
            [("a", "python:n.py:f", None), ("b", "python:n.py:f", "w"),
             ("", "sample:digits-cnn", None)],
        ),
    ],
)  # fmt: skip
def test_names_and_weights_are_read(models, weights, expected):
    assert settings.parse(models, weights) == tuple(NamedModel(*each) for each in expected)


@pytest.mark.parametrize(
    ("models", "weights", "sentence"),
    [
        (["a=python:n.py:f", "a=python:m.py:f"], [], "the name 'a' is given twice"),
        (["python:n.py:f", "python:n.py:f"], [], "the model 'python:n.py:f' is given twice"),
        ([], ["w"], "'w' belong to no model"),
        (["a=python:n.py:f"], ["b=w"], "'b=w' are for no model named; the models are 'a'"),
        (["a=python:n.py:f", "python:m.py:f"], ["w"], "'w' may belong to any of several models"),
        (["a=python:n.py:f"], ["a=w", "v"], "the model 'a' has two weights files"),
    ],
)
def test_choices_that_contradict_each_other_get_a_sentence(models, weights, sentence):
    with pytest.raises(ValueError, match=sentence):
        settings.parse(models, weights)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--model", "mine=python:{}/none.py:build"], "there is no file"),
        (["--model", "mine=python:{}/net.py:build", "--weights", "mine={}/none"], "there is no"),
        (["--model", "python:{}/net.py:build", "--data", "npz:{}/none.npz"], "there is no file"),
        (["--model", "mine=net.py"], "'net.py' names no model"),
        (["--weights", "{}/net.safetensors"], "belong to no model"),
    ],
)
def test_the_command_ends_before_it_serves(pruneviz, files, monkeypatch, arguments, sentence):
    monkeypatch.setattr(launch, "_answers", lambda port: pytest.fail("it went on to serve"))
    code, out, err = pruneviz("app", "--json", *(each.format(files) for each in arguments))
    assert (code, out) == (1, "")
    assert sentence in err


def test_the_command_hands_names_and_weights_to_the_server(pruneviz, files, monkeypatch):
    given = []
    monkeypatch.setattr(launch, "launch", lambda *a, **k: given.append((*a[1:], k["weights"])))
    model, file = f"mine=python:{files}/net.py:build", f"mine={files}/net.safetensors"
    assert pruneviz("app", "--model", model, "--weights", file)[0] == 0
    assert given == [([model], (), [file])]


def test_only_what_was_named_as_such_is_opened(files, monkeypatch):
    reference, file = f"python:{files}/net.py:build", f"{files}/net.safetensors"
    start(monkeypatch, [f"mine={reference}"], [f"mine={file}"])
    check_allowed(Plan(model=reference, weights=file))
    for fields in ({"weights": f"{files}/other"}, {"data": reference}, {"model": file}):
        with pytest.raises(ValueError, match="reads files of the server or runs code"):
            check_allowed(Plan(**fields))


def test_the_app_opens_with_the_first_and_home_shows_them_by_name(files, monkeypatch):
    reference, file = f"python:{files}/net.py:build", f"{files}/net.safetensors"
    wide, broken = f"python:{files}/net.py:wide", f"python:{files}/net.py:gone"
    models = [f"Mine={reference}", wide, f"Misfit={wide}", broken]
    start(monkeypatch, models, [f"Mine={file}", f"Misfit={file}"])
    at = AppTest.from_file(HOME, default_timeout=300).run()
    assert not at.exception
    opened = link.decode(at.query_params["plan"])
    assert (opened.model, opened.weights) == (reference, file)
    assert torch.equal(cache.subject(opened).model.get_parameter("0.weight"), weights()["0.weight"])
    text = [each.value for each in at.markdown]
    first, second = (5 * 7 + 7 + 7 * 3 + 3), (5 * 11 + 11 + 11 * 3 + 3)
    assert any("Mine" in each and "build" in each for each in text)
    assert any(
        "your weights" in each and f"{first}\N{NO-BREAK SPACE}parameters" in each for each in text
    )
    assert any(
        "that wide" in each and f"{second}\N{NO-BREAK SPACE}parameters" in each for each in text
    )
    assert any("do not fit" in each.value for each in at.error)
    assert any("gone" in each.value for each in at.error)
    assert at.button(key="use-named-0").disabled
    at.button(key="use-named-1").click().run()
    assert link.decode(at.query_params["plan"]) == edits.with_model(opened, wide)
    architectures = at.selectbox(key="home-architecture").options
    assert architectures[:3] == ["Mine", "net.py: wide", "net.py: gone"]


def test_a_link_with_a_plan_wins_over_the_opening(files, monkeypatch):
    start(monkeypatch, [f"python:{files}/net.py:build"], [])
    assert edits.opening().model.endswith("net.py:build")
    at = AppTest.from_file(HOME, default_timeout=300)
    at.query_params["plan"] = link.encode(link.OPENING)
    assert link.decode(at.run().query_params["plan"]) == link.OPENING


TOKENS = """import torch
from torch import nn

class Tokens(nn.Module):
    def __init__(self):
        super().__init__()
        self.e, self.a, self.f = nn.Embedding(9, 6), nn.Linear(6, 7), nn.Linear(7, 2)

    def forward(self, x):
        return self.f(self.a(self.e(x.long()).mean(1)).relu())
"""


def test_one_model_and_one_data_set_open_each_other(files, monkeypatch):
    (files / "tokens.py").write_text(TOKENS)
    np.savez(files / "d.npz", x=np.arange(160).reshape(40, 4) % 9, y=np.arange(40) % 2)
    model, data = f"python:{files}/tokens.py:Tokens", f"npz:{files}/d.npz"
    start(monkeypatch, [f"My tokens={model}"], [])
    assert edits.opening().data is None
    monkeypatch.setenv(settings.DATA_VARIABLE, json.dumps([data]))
    assert (edits.opening().model, edits.opening().data) == (model, data)
    at = AppTest.from_file(HOME, default_timeout=300).run()
    assert link.decode(at.query_params["plan"]).data == data
    assert not at.error
    shown = [block.value for block in at.markdown if "no data" not in block.value]
    assert sum(value.startswith("**My tokens**") for value in shown) == 2  # the strip and its card
    assert not any("Tokens (tokens.py)**" in value for value in shown)
    monkeypatch.setenv(settings.DATA_VARIABLE, json.dumps([data, f"npz:{files}/e.npz"]))
    assert edits.opening().data is None


WHOLE = """import torch
from torch import nn
from pruneviz.subjects import subject_of

def build():
    x = torch.rand(40, 6, generator=torch.Generator().manual_seed(0))
    model = nn.Sequential(nn.Linear(6, 9), nn.ReLU(), nn.Linear(9, 1))
    return subject_of(model, task="regression", inputs=x, targets=x.sum(1))

def bare():
    return nn.Sequential(nn.Linear(6, 9), nn.ReLU(), nn.Linear(9, 2)), torch.rand(2, 6)
"""


def test_a_criterion_that_needs_data_stays_where_a_factory_brings_them(files, monkeypatch):
    (files / "whole.py").write_text(WHOLE)
    whole, bare = (f"python:{files}/whole.py:{name}" for name in ("build", "bare"))
    start(monkeypatch, [whole, bare], [])
    at = AppTest.from_file(HOME, default_timeout=300).run()
    assert not at.exception
    opened = link.decode(at.query_params["plan"])
    assert (opened.model, opened.criterion) == (whole, link.OPENING.criterion)
    at.button(key="use-named-1").click().run()
    without = link.decode(at.query_params["plan"])
    assert (without.model, without.criterion) == (bare, edits.INSTEAD)
    assert "in place of" in text.ranking_line(without)
    chosen = opened.changed(criterion=edits.INSTEAD)
    cache.subject(chosen)
    assert "in place of" not in text.ranking_line(chosen), "it has data: nothing gave way"


def test_a_model_goes_by_the_name_that_it_was_given(monkeypatch):
    start(monkeypatch, ["a=python:n.py:f", "b=python:n.py:f", "c=python:n.py:g"], ["b=w"])
    for weights, name in ((None, "a"), ("w", "b"), ("upload:x", "")):
        assert settings.name_of(Plan(model="python:n.py:f", weights=weights)) == name
    assert settings.name_of(Plan(model="python:n.py:g", weights="upload:x")) == "c"
    assert settings.name_of(Plan()) == ""


def test_weights_are_uploaded_for_a_named_architecture(files, monkeypatch):
    reference = f"python:{files}/net.py:build"
    start(monkeypatch, [reference], [])
    plan = uploads.plan_with_weights(Plan(), reference, save(weights()), "mine.safetensors")
    assert plan.model == reference
    assert cache.subject(plan).weights_label == "your weights"
    with pytest.raises(ValueError, match=r"'mine\.safetensors' do not fit"):
        uploads.plan_with_weights(plan, reference, save({"w": torch.ones(1)}), "mine.safetensors")


def test_models_of_files_with_one_name_are_told_apart(monkeypatch):
    start(monkeypatch, ["python:a/net.py:build", "python:b/net.py:build", "C=python:c.py:f"], [])
    assert list(named_cards.titles().values()) == [
        "python:a/net.py:build", "python:b/net.py:build", "C",
    ]  # fmt: skip
