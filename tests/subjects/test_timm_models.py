"""Networks of timm: whose weights they have, what they expect of inputs, and which are refused."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file

from pruneviz import run as engine
from pruneviz.plan import Plan
from pruneviz.subjects import load_subject, needs_operator
from pruneviz.subjects.models import timm_models
from pruneviz.subjects.models.timm_models import load_timm
from pruneviz.wording import RefusedError, opened
from pruneviz.wording.refusals.subjects import opening, weight_files

LITE = "tf_efficientnet_lite0"


def refused(name: str, weights: Path | None = None) -> object:
    with pytest.raises(RefusedError) as caught:
        load_timm(name, weights, pretrained=False)
    return caught.value.fact


def test_random_weights_are_seeded_said_and_cut_exactly() -> None:
    plan = Plan(model="timm:lcnet_035", sparsity=0.5)
    first, second = (load_subject(plan, pretrained=False) for _ in range(2))
    assert first.weights_label == "random weights"
    assert first.notes == (opened.random_weights(),)
    assert first.sha256 == second.sha256
    assert first.example.shape == (2, *timm.get_pretrained_cfg("lcnet_035").input_size)
    pruned = engine.prune(engine.prepare(first, plan), plan)
    assert pruned.is_cut
    assert pruned.error < 1e-4


@pytest.mark.parametrize("name", [LITE, "mobilenetv3_small_050.lamb_in1k", "test_vit.r160_in1k"])
def test_inputs_are_expected_as_timm_prepares_them(name: str) -> None:
    expects = load_timm(name, None, pretrained=False).expects
    config = timm.get_pretrained_cfg(name)
    assert expects.shape == config.input_size
    assert (expects.mean, expects.std) == (config.mean, config.std)
    steps = timm.data.create_transform(
        **timm.data.resolve_data_config(pretrained_cfg=config.to_dict())
    )
    assert expects.resize == steps.transforms[0].size
    assert expects.interpolation == steps.transforms[0].interpolation.value
    assert len(expects.classes) == config.num_classes
    assert expects.classes[:2] == ("tench", "goldfish")


def test_own_weights_may_have_other_classes(tmp_path: Path) -> None:
    state = timm.create_model("lcnet_035", num_classes=7).state_dict()
    save_file(state, tmp_path / "w.safetensors")
    source = load_timm("lcnet_035", tmp_path / "w.safetensors", pretrained=True)
    assert source.weights_label == "your weights"
    assert source.notes == ()
    assert all(torch.equal(t, state[k]) for k, t in source.model.state_dict().items())


def test_weights_of_other_names_are_told_apart_from_those_of_another_model(tmp_path: Path) -> None:
    state = timm.create_model("lcnet_035").state_dict()
    save_file({f"backbone.{k}": t for k, t in state.items()}, tmp_path / "w.safetensors")
    fact = refused("lcnet_035", tmp_path / "w.safetensors")
    assert fact in weight_files.other_names
    assert fact.values["tensors"] == len(state)
    del state["conv_stem.weight"]
    save_file({f"backbone.{k}": t for k, t in state.items()}, tmp_path / "w.safetensors")
    assert refused("lcnet_035", tmp_path / "w.safetensors") in weight_files.not_fitting


def test_published_weights_come_from_the_cache_else_random_ones_are_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(timm_models, "reachable", lambda url: False)
    none = load_timm("lcnet_050", None, pretrained=True)
    assert none.weights_label == "random weights"
    assert none.notes == (opened.no_pretrained_weights("their server does not answer"),)
    folder = (
        tmp_path / f"models--{timm.get_pretrained_cfg('lcnet_050').hf_hub_id.replace('/', '--')}"
    )
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text("0" * 40)
    cached = folder / "snapshots" / ("0" * 40) / "model.safetensors"
    cached.parent.mkdir(parents=True)
    torch.manual_seed(1)
    state = timm.create_model("lcnet_050").state_dict()
    save_file(state, cached)
    source = load_timm("lcnet_050", None, pretrained=True)
    assert (source.weights_label, source.notes) == ("pretrained", ())
    assert torch.equal(source.model.state_dict()["conv_stem.weight"], state["conv_stem.weight"])
    cached.write_bytes(b"not weights")
    damaged = load_timm("lcnet_050", None, pretrained=True)
    assert damaged.weights_label == "random weights"
    assert damaged.notes[0] in opened.no_pretrained_weights


def test_names_that_timm_does_not_list_are_refused() -> None:
    assert refused("lcnet_999") in opening.no_timm
    assert "lcnet_035" in str(refused("lcnet_999"))
    assert refused("resnet50.of_a_dream") in opening.no_timm_tag
    assert "a1_in1k" in str(refused("resnet50.of_a_dream"))
    for fetched in ("hf-hub:someone/net", "local-dir:/etc", "../net"):
        assert refused(fetched) in opening.no_timm
    assert not needs_operator("timm:lcnet_035")


def test_without_timm_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    fact = refused("lcnet_035")
    assert fact == opening.needs_library("timm", "timm")
    assert "pip install 'pruneviz[timm]'" in str(fact)
