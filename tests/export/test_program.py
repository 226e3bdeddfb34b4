"""A recipe and its weights are the network: same answers, any batch size, no code in the files."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
import torchvision
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional

from pruneviz.export import rebuild, write_network
from pruneviz.export.operators import resolve
from pruneviz.measure.packing import stored_bytes


class Branches(nn.Module):
    """Reused and in-place ReLU, a zero-padded shortcut, constants, a view by the batch size."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Conv2d(3, 6, 3, padding=1)
        self.b = nn.Conv2d(6, 8, 3, stride=2, padding=1, groups=2)
        self.norm = nn.BatchNorm2d(8)
        self.relu = nn.ReLU(inplace=True)
        self.head = nn.Linear(8 * 16, 4)
        self.register_buffer("shift", torch.randn(8, 1, 1), persistent=False)

    def forward(self, x):
        y = self.relu(self.a(x))
        y = self.relu(self.norm(self.b(y)) + self.shift)
        y = y + functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 2, 3))
        y = y.masked_fill(y > 100, float("inf")) + torch.tensor([0.5])
        return self.head(y.view(x.shape[0], -1))


class FixedBatch(nn.Module):
    """Bound to the batch size it was traced with."""

    def forward(self, x):
        return torch.cat([row.reshape(1, -1) * 2 for row in x])


class Perceptron(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(nn.Linear(5, 64), nn.ReLU(), nn.Dropout(), nn.Linear(64, 2))


NETWORKS = {
    "branches": (Branches, (3, 8, 8)),
    "perceptron": (Perceptron, (5,)),
    "resnet18": (torchvision.models.resnet18, (3, 64, 64)),
    "fixed": (FixedBatch, (3, 2)),
}


def _network(name):
    torch.manual_seed(0)
    build, shape = NETWORKS[name]
    return build().eval(), shape


@pytest.mark.parametrize("name", NETWORKS)
def test_the_rebuilt_network_answers_the_same_for_any_batch(name, tmp_path):
    model, shape = _network(name)
    rebuilt = rebuild(*write_network(tmp_path, model, torch.randn(2, *shape)))
    assert not rebuilt.training
    with torch.no_grad():
        for batch in (1, 2, 5):
            x = torch.randn(batch, *shape)
            assert torch.allclose(rebuilt(x), model(x), rtol=1e-6, atol=1e-6)
    for key, value in model.state_dict().items():
        assert torch.equal(rebuilt.state_dict()[key], value)


@pytest.mark.parametrize("name", ["perceptron", "resnet18"])
def test_the_weights_file_has_the_size_that_is_reported(name, tmp_path):
    model, shape = _network(name)
    _, weights = write_network(tmp_path, model, torch.randn(2, *shape))
    assert weights.stat().st_size == stored_bytes(model.state_dict())


def test_masked_weights_are_stored_packed_and_come_back(tmp_path):
    model, shape = _network("perceptron")
    masks = {"0.weight": torch.rand(64, 5) < 0.1, "3.weight": torch.rand(2, 64) < 0.1}
    for name, mask in masks.items():
        model.get_parameter(name).data.mul_(mask)
    big = nn.Sequential(nn.Linear(5, 5), model, nn.Linear(2, 64), nn.Linear(64, 64)).eval()
    masks = {f"1.{name}": mask for name, mask in masks.items()}
    masks["3.weight"] = torch.rand(64, 64) < 0.1
    big[3].weight.data.mul_(masks["3.weight"])
    recipe, weights = write_network(tmp_path, big, torch.randn(2, *shape), masks)
    assert weights.stat().st_size == stored_bytes(big.state_dict(), masks)
    assert json.loads(recipe.read_text())["tensors"]["3.weight"]["stored"] == "packed"
    assert "3.weight/kept" in load_file(weights)
    x = torch.randn(3, *shape)
    with torch.no_grad():
        assert torch.allclose(rebuild(recipe, weights)(x), big(x), atol=1e-6)


def test_a_model_that_was_not_masked_as_said_is_refused(tmp_path):
    model = nn.Sequential(nn.Linear(64, 64)).eval()
    with pytest.raises(ValueError, match="answers differently"):
        write_network(tmp_path, model, torch.randn(2, 64), {"0.weight": torch.rand(64, 64) < 0.1})
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    model, shape = _network("perceptron")
    return write_network(tmp_path_factory.mktemp("net"), model, torch.randn(2, *shape))


def _changed(written, tmp_path, change):
    recipe, weights = written
    parts = json.loads(recipe.read_text())
    change(parts)
    (tmp_path / "recipe.json").write_text(json.dumps(parts))
    return tmp_path / "recipe.json", weights


def _set_op(op):
    return lambda parts: parts["nodes"][0].update(op=op)


DAMAGE = {
    "version 2": lambda p: p.update(version=2),
    'lacks "format"': lambda p: p.update(format="other"),
    "damaged": lambda p: p.pop("nodes"),
    "aten.from_file.default": _set_op("aten.from_file.default"),
    "os.system": _set_op("os.system"),
    "aten.linear.__class__": _set_op("aten.linear.__class__"),
    "aten.nothing.default": _set_op("aten.nothing.default"),
    "before it exists": lambda p: p["nodes"].reverse(),
    "is no step": lambda p: p.update(output="nowhere"),
    "missing from": lambda p: p["tensors"].update(more=p["tensors"]["0.weight"]),
    "too much in": lambda p: p["tensors"].pop("0.weight"),
    "the recipe has float32": lambda p: p["tensors"]["0.weight"].update(shape=[5, 64]),
}


@pytest.mark.parametrize("message", DAMAGE)
def test_a_damaged_recipe_is_refused_in_a_sentence(message, written, tmp_path):
    with pytest.raises(ValueError, match=message):
        rebuild(*_changed(written, tmp_path, DAMAGE[message]))


def test_files_that_are_not_what_they_should_be_are_refused(written, tmp_path):
    recipe, weights = written
    short = tmp_path / "short.safetensors"
    short.write_bytes(weights.read_bytes()[:-40])
    for bad in (short, tmp_path / "absent"):
        with pytest.raises(ValueError, match="cannot be read"):
            rebuild(recipe, bad)
    for text in ("{", "[" * 100_000, "[]", "\xff"):
        (tmp_path / "r.json").write_text(text, encoding="latin-1")
        with pytest.raises(ValueError, match=r"is not JSON|is not a recipe"):
            rebuild(tmp_path / "r.json", weights)
    with pytest.raises(ValueError, match="cannot be read"):
        rebuild(tmp_path / "absent.json", weights)


def test_a_step_that_fails_is_named(written, tmp_path):
    files = _changed(written, tmp_path, lambda p: p["nodes"][0]["args"].append("surprise"))
    with pytest.raises(ValueError, match="step 'linear' fails"):
        rebuild(*files)(torch.randn(1, 5))
    with pytest.raises(ValueError, match=r"shape \(5,\), got \(6,\)"):
        rebuild(*written)(torch.randn(1, 6))


def test_only_operators_that_cannot_reach_files_are_resolved():
    for name in ("aten.relu.default", "aten.add_.Tensor", "operator.getitem"):
        assert callable(resolve(name))
    for name in (
        "aten.from_file.default",
        "aten.set_.source_Storage",
        "prim.print.default",
        "operator.methodcaller",
        "aten._unsafe_index.Tensor",
        "aten.relu",
        3,
        None,
    ):
        with pytest.raises(ValueError, match="not allowed"):
            resolve(name)


def test_two_sessions_may_export_at_the_same_moment(tmp_path):
    model, shape = _network("branches")
    example = torch.randn(2, *shape)
    with ThreadPoolExecutor(4) as threads:
        folders = [tmp_path / str(i) for i in range(8)]
        written = list(threads.map(lambda d: write_network(d, model, example), folders))
    assert len({recipe.read_text() for recipe, _ in written}) == 1


class ByValue(nn.Module):
    def forward(self, x):
        return x * 2 if x.sum() > 0 else x


class Two(nn.Module):
    def forward(self, x):
        return x, x + 1


def test_what_cannot_be_exported_is_said(tmp_path):
    x = torch.randn(2, 3)
    with pytest.raises(ValueError, match="cannot trace"):
        write_network(tmp_path, ByValue().eval(), x)
    with pytest.raises(ValueError, match="one tensor"):
        write_network(tmp_path, Two().eval(), x)
    with pytest.raises(ValueError, match="eval mode"):
        write_network(tmp_path, nn.Linear(3, 2), x)
    with pytest.raises(ValueError, match="at least 2"):
        write_network(tmp_path, nn.Linear(3, 2).eval(), x[:1])
