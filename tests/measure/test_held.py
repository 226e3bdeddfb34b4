"""Bytes are those of the file that is written, whatever the state_dict leaves out."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from pruneviz.apply import AS_LARGE, SMALLER, applied_notes, apply
from pruneviz.export.program import write_network
from pruneviz.granularity import GRANULARITIES
from pruneviz.measure.held import held_tensors
from pruneviz.measure.packing import stored_bytes


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


def test_the_file_gets_smaller_is_said_where_it_does():
    model = nn.Sequential(nn.Linear(400, 40), nn.ReLU(), nn.Linear(40, 4)).eval()
    units, _ = GRANULARITIES.get("weight").implementation(model, torch.randn(2, 400))
    for gone, said in ((0, None), (40, AS_LARGE), (8000, SMALLER)):
        keep = {u.name: torch.ones(u.count, dtype=torch.bool) for u in units}
        largest = max(keep, key=lambda name: len(keep[name]))
        keep[largest][:gone] = False
        notes = applied_notes(apply(model, units, keep), "weight")
        assert [said in note for note in notes] == ([] if said is None else [True])
