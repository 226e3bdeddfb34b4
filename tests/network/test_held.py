"""Bytes are those of the file that is written, whatever the state_dict leaves out."""

from __future__ import annotations

import sys
from collections import deque
from dataclasses import dataclass

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from pruneviz.apply import applied_notes, apply
from pruneviz.export import WEIGHTS_FILE, rebuild
from pruneviz.export.program import write_network
from pruneviz.granularity import GRANULARITIES
from pruneviz.measure.packing import pack, stored_bytes
from pruneviz.network.held import held_tensors
from pruneviz.plan import Plan
from pruneviz.run import run
from pruneviz.store import write_run
from pruneviz.wording import judged


class Holds(nn.Module):
    """A plain list of layers, a plain tensor, a buffer that is not saved, and a tied weight."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(12, 16), nn.Linear(16, 16)
        self.c = nn.Linear(16, 16)
        self.c.weight = self.b.weight
        self.rest = [nn.Linear(16, 10)]
        self.o = nn.Linear(10, 4)
        self.scale = torch.rand(12)
        self.register_buffer("shift", torch.rand(12), persistent=False)
        self.eval().requires_grad_(False)
        self.rest[0].requires_grad_(False)

    def forward(self, x: Tensor) -> Tensor:
        h = torch.relu(self.c(torch.relu(self.b(torch.relu(self.a(x * self.scale + self.shift))))))
        return self.o(torch.relu(self.rest[0](h)))


@pytest.mark.parametrize("fraction", [0.0, 0.5])
def test_bytes_are_those_of_the_file(tmp_path, fraction):
    model, x = Holds(), torch.randn(3, 12)
    units, _ = GRANULARITIES.get("channel").implementation(model, x)
    keep = {u.name: torch.arange(u.count) >= int(u.count * fraction) for u in units}
    pruned = apply(model, units, keep).model
    _, weights = write_network(tmp_path, pruned, x)
    assert stored_bytes(held_tensors(pruned)) == weights.stat().st_size
    assert stored_bytes(pruned.state_dict()) < weights.stat().st_size


class Prunable(Holds):
    """The same behind two layers of which something can be cut."""

    def __init__(self) -> None:
        super().__init__()
        self.w, self.v = nn.Linear(12, 20).eval(), nn.Linear(20, 12).eval()

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(self.v(torch.relu(self.w(x))))


@dataclass
class Box:
    t: Tensor


class Keeps(Prunable):
    """Beside those, what no pass uses, what other objects hold, and a literal in its code."""

    def __init__(self) -> None:
        super().__init__()
        self.unused, self.last = torch.rand(300), None
        self.box, self.waiting = Box(torch.rand(12)), deque([torch.rand(5)])
        self.seen = [self.a.weight, torch.rand(3), {"x": torch.rand(2)}]

    def forward(self, x: Tensor) -> Tensor:
        self.last = x * self.box.t + torch.tensor([1.0, 2, 3] * 4)
        return super().forward(self.last)


class Turns(Keeps):
    """Goes another way by a value, which no recipe can hold."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(-x) if float(x.mean()) > 100 else super().forward(x)


class Half(Prunable):
    """Computes in half precision."""

    def __init__(self) -> None:
        super().__init__()
        self.half()
        self.scale = self.scale.half()
        self.rest[0].half()

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.half()).float()


class Brain(Half):
    """Computes in the other half precision."""

    def __init__(self) -> None:
        super().__init__()
        self.bfloat16()
        self.scale = self.scale.bfloat16()
        self.rest[0].bfloat16()

    def forward(self, x: Tensor) -> Tensor:
        return Prunable.forward(self, x.bfloat16()).float()


class Remembers(Prunable):
    """Has a state beside its tensors."""

    def get_extra_state(self) -> dict[str, int]:
        return {"calls": 3}

    def set_extra_state(self, state: object) -> None:
        """Take nothing back."""


NETWORKS = {kind.__name__: kind for kind in (Prunable, Keeps, Turns, Half, Brain, Remembers)}


@pytest.mark.parametrize("granularity", ["channel", "weight"])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_run_says_the_bytes_that_it_writes(tmp_path, monkeypatch, name, granularity):
    monkeypatch.setitem(sys.modules, "holding", sys.modules[__name__])
    text = "import holding, torch\ndef build():\n    torch.manual_seed(0)\n"
    (tmp_path / "net.py").write_text(f"{text}    return holding.{name}()\n")
    model = f"python:{tmp_path}/net.py:build"
    plan = Plan(model=model, granularity=granularity, sparsity=0.5, input_shape=(12,))
    prepared, pruned, report = run(plan, 3)
    notes = write_run(tmp_path / "run", prepared, pruned, report)
    weights = tmp_path / "run" / WEIGHTS_FILE
    assert weights.stat().st_size == report.bytes.pruned
    assert (str(judged.stays_dense(False)) in report.notes) == (
        granularity == "weight" and report.bytes.pruned >= report.bytes.original
    )
    recipe = tmp_path / "run" / "recipe.json"
    assert recipe.exists() == (name != "Turns")
    x = prepared.subject.example
    if recipe.exists():
        assert torch.equal(rebuild(recipe, weights)(x), pruned.model(x))
    else:
        assert any("outside its state_dict (shift, scale," in note for note in notes)
    whole = tmp_path / "whole.safetensors"
    save_file(pack(held_tensors(prepared.subject.model), {}), whole)
    assert whole.stat().st_size == report.bytes.original


def test_the_file_gets_smaller_is_said_where_it_does():
    model = nn.Sequential(nn.Linear(400, 40), nn.ReLU(), nn.Linear(40, 4)).eval()
    units, _ = GRANULARITIES.get("weight").implementation(model, torch.randn(2, 400))
    for gone, said in ((0, None), (40, False), (8000, True)):
        keep = {u.name: torch.ones(u.count, dtype=torch.bool) for u in units}
        largest = max(keep, key=lambda name: len(keep[name]))
        keep[largest][:gone] = False
        notes = applied_notes(apply(model, units, keep), "weight")
        assert notes == (() if said is None else (judged.stays_dense(said),))
