"""Low-rank adapters: they alone are trained, merged they are what they were, zeros stay zeros."""

from __future__ import annotations

import copy
import io
from dataclasses import replace

import pytest
import torch
from torch import nn
from transformers.pytorch_utils import Conv1D

from pruneviz.evaluate import predict
from pruneviz.network.folding import computed
from pruneviz.recovery.lora import Addition, adapt
from pruneviz.wording import RefusedError, retrained
from pruneviz.wording.refusals import training
from tests.recovering import begin, finish, same


def additions(model: nn.Module) -> list[Addition]:
    return [module for module in model.modules() if isinstance(module, Addition)]


def test_a_cut_network_comes_nearer_and_only_adapters_change(tumours):
    work = begin(tumours, "lora", epochs=10, rank=2, learning_rate=0.01)
    before = {name: p.clone() for name, p in work._raw.named_parameters()}
    assert torch.equal(predict(work.model, tumours.data.x), predict(tumours.model, tumours.data.x))
    finish(work)
    adapters = {id(p) for each in additions(work._raw) for p in each.parameters()}
    for name, parameter in work._raw.named_parameters():
        assert parameter.requires_grad == (id(parameter) in adapters)
        assert torch.equal(parameter, before[name]) == (id(parameter) not in adapters), name
    assert work.curve[-1].loss < work.curve[0].loss
    layers = [m for m in tumours.model.modules() if isinstance(m, nn.Linear)]
    numbers = sum(2 * (m.in_features + m.out_features) for m in layers)
    assert retrained.adapters(len(layers), 2, numbers, False) in work.notes


def test_merged_it_is_the_network_that_was_trained(tumours):
    work = finish(begin(tumours, "lora", epochs=2, learning_rate=0.05))
    merged, x = work.model, tumours.data.x
    assert not computed(merged)
    assert merged.state_dict().keys() == tumours.model.state_dict().keys()
    assert not any(p.requires_grad for p in merged.parameters())
    torch.testing.assert_close(predict(merged, x), predict(work._raw, x), atol=1e-5, rtol=0)
    right = (predict(merged, x).argmax(1) == tumours.data.y).double().mean()
    assert work.curve[-1].value == float(right)


def test_removed_weights_stay_removed_while_training_and_merged(digits):
    work = begin(digits, "lora", epochs=1)
    for _ in range(3):
        work.step()
        for name, parameter in work.model.named_parameters():
            if name in digits.masks:
                assert not parameter[~digits.masks[name]].any()
    changed = dict(work.model.named_parameters())
    fc = [n for n, p in digits.model.named_parameters() if not torch.equal(p, changed[n])]
    assert fc
    assert all(digits.model.get_parameter(name).ndim == 2 for name in fc)
    assert any(note in retrained.adapters and "stays 0" in str(note) for note in work.notes)


def test_it_goes_on_as_if_never_interrupted(digits):
    whole = finish(begin(digits, "lora", epochs=2, rank=4))
    first = begin(digits, "lora", epochs=2, rank=4)
    for _ in range(7):
        first.step()
    file = io.BytesIO()
    torch.save(first.state(), file)
    file.seek(0)
    second = begin(digits, "lora", epochs=2, rank=4)
    second.restore(torch.load(file, weights_only=True))
    finish(second)
    assert same(whole.model, second.model)
    assert whole.curve == second.curve


class Several(nn.Module):
    """Linear layers of both kinds, and a head that shares the embedding's weight."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(11, 6)
        self.one, self.two = nn.Linear(6, 9), Conv1D(6, 9)
        self.head = nn.Linear(6, 11, bias=False)
        self.head.weight = self.table.weight

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.two(torch.relu(self.one(self.table(x)))))


def test_additions_are_those_of_peft():
    from peft import LoraConfig, inject_adapter_in_model
    from peft.tuners.lora import LoraLayer

    torch.manual_seed(0)
    model, x = Several().eval(), torch.randint(0, 11, (4, 5))
    nn.init.normal_(model.two.weight)
    theirs = copy.deepcopy(model)
    config = LoraConfig(r=4, lora_alpha=12, target_modules=["one", "two"], fan_in_fan_out=False)
    inject_adapter_in_model(config, theirs)
    ours = copy.deepcopy(model)
    made = adapt(ours, {}, (), 4, 12.0, lambda path: len(path))
    layers = [module for module in theirs.modules() if isinstance(module, LoraLayer)]
    assert len(made) == len(layers) == 2  # the shared weight has none
    torch.testing.assert_close(ours(x), model(x), atol=0, rtol=0)
    for addition, layer in zip(made, layers, strict=True):
        nn.init.normal_(addition.b)
        layer.lora_A["default"].weight.data = addition.a.detach().clone()
        layer.lora_B["default"].weight.data = addition.b.detach().clone()
    torch.testing.assert_close(ours(x), theirs(x), atol=1e-5, rtol=1e-5)
    for layer in layers:
        layer.merge()
    for name in ("one", "two"):
        merged = theirs.get_submodule(name).base_layer.weight
        torch.testing.assert_close(ours.get_submodule(name).weight, merged, atol=1e-5, rtol=1e-5)


def test_what_its_author_froze_has_no_adapter(tumours):
    frozen = replace(tumours, frozen=frozenset({"fc1.weight"}))
    work = finish(begin(frozen, "lora", epochs=1, learning_rate=0.05))
    assert torch.equal(work.model.fc1.weight, tumours.model.fc1.weight)
    assert not torch.equal(work.model.fc2.weight, tumours.model.fc2.weight)


def test_statistics_stay_too_also_of_a_batchnorm_that_learns_nothing(tumours):
    torch.manual_seed(0)
    norm = nn.BatchNorm1d(8, affine=False)
    model = nn.Sequential(nn.Linear(30, 8), norm, nn.ReLU(), nn.Linear(8, 2)).eval()
    work = finish(begin(replace(tumours, model=model, masks={}), "lora", epochs=1))
    assert torch.equal(work.model[1].running_mean, norm.running_mean)
    assert torch.equal(work.model[1].running_var, norm.running_var)


def test_without_linear_layers_it_is_refused(digits):
    convolutions = nn.Sequential(nn.Conv2d(1, 10, 8), nn.Flatten()).eval()
    with pytest.raises(RefusedError) as refusal:
        begin(replace(digits, model=convolutions, masks={}), "lora")
    assert refusal.value.fact == training.nothing_to_adapt()
