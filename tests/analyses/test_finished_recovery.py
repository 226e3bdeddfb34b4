"""Recovered networks read back from their folder, and what is refused there."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file, save_file

from pruneviz import run as engine
from pruneviz.analyses.finished_recovery import load_recovered
from pruneviz.store import write_run
from tests.recovering import same
from tests.recovery.test_rounds import ROUNDS, TUMOUR


def test_a_cut_recovered_network_is_read_back_and_checked(tmp_path):
    plan = TUMOUR.changed(sparsity=0.5, **ROUNDS)
    prepared, pruned, report = engine.run(plan, latency_runs=3)
    write_run(tmp_path, prepared, pruned, report)
    loaded = load_recovered(prepared, plan, tmp_path)
    assert same(loaded.model, pruned.model)
    assert loaded.cuts == pruned.cuts
    with pytest.raises(ValueError, match="holds another run"):
        load_recovered(prepared, plan.changed(sparsity=0.4), tmp_path)
    masks = load_file(tmp_path / "masks.safetensors")
    torn = {name: mask.clone() for name, mask in masks.items()}
    torn["fc1.weight"][0, 0] = not bool(torn["fc1.weight"][0, 0])
    save_file(torn, tmp_path / "masks.safetensors")
    with pytest.raises(ValueError, match="take parts of units"):
        load_recovered(prepared, plan, tmp_path)
    save_file({**masks, "fc9.weight": torch.ones(1)}, tmp_path / "masks.safetensors")
    with pytest.raises(ValueError, match="do not fit the model"):
        load_recovered(prepared, plan, tmp_path)
    save_file(masks, tmp_path / "masks.safetensors")
    (tmp_path / "weights.safetensors").write_bytes(b"x" * 50)
    with pytest.raises(ValueError, match="not a safetensors file"):
        load_recovered(prepared, plan, tmp_path)


def test_a_recovered_network_within_a_budget_is_read_back(tmp_path):
    settings = {"of": "parameters", "left": 0.5}
    plan = TUMOUR.changed(scope="budget", scope_parameters=settings)
    prepared, pruned, report = engine.run(plan, latency_runs=3)
    write_run(tmp_path, prepared, pruned, report)
    loaded = load_recovered(prepared, plan, tmp_path)
    assert same(loaded.model, pruned.model)
    assert loaded.requested == pruned.requested


def test_weights_that_masks_remove_must_be_zero(tmp_path):
    plan = TUMOUR.changed(sparsity=0.5, granularity="weight")
    prepared, pruned, report = engine.run(plan, latency_runs=3)
    write_run(tmp_path, prepared, pruned, report)
    full = {name: torch.ones_like(t) for name, t in pruned.model.state_dict().items()}
    save_file(full, tmp_path / "weights.safetensors")
    with pytest.raises(ValueError, match="weights that the masks remove are not 0"):
        load_recovered(prepared, plan, tmp_path)
