"""What a proof concluded is kept for the very same model, and for no other."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from torch import nn

from pruneviz import proof
from pruneviz.proof import cache
from tests.test_layers import imports

ROOT = Path(cache.__file__).parents[1]
# What the proof imports of these says nothing of which cut holds: it ranks, counts and describes.
APART = {"allocate", "network.answers", "statistics", "criteria", "home", "plan", "registry",
         "report", "measure.cost", "measure.operators"}  # fmt: skip


class Fixed(nn.Module):
    """One layer can be cut; the other feeds a view of a fixed size, where the cut does not run."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.last = nn.Linear(4, 6), nn.Linear(6, 8), nn.Linear(8, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        hidden = self.second(self.first(x).relu())
        return self.last(hidden.reshape(len(x), 8).clone())


class Otherwise(Fixed):
    """The same structure and weights, run by other code."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(-x)


@pytest.fixture
def proofs(monkeypatch):
    run = []
    prove = proof.prove
    monkeypatch.setattr(
        "pruneviz.proof.trials.prove", lambda *args: (run.append(1), prove(*args))[1]
    )
    return run


def described(units):
    return [
        (u.name, u.layers, u.count, [(m.parameter, m.axis, m.index.tolist(), m.unit.tolist())
                                     for m in u.group.members])
        for u in units
    ]  # fmt: skip


def test_a_second_time_finds_the_same_and_proves_nothing(proofs):
    model, example = Fixed().eval(), torch.rand(2, 4)
    units, skipped = proof.find_units(model, example, "channel")
    assert proofs
    proofs.clear()
    again, left = proof.find_units(copy.deepcopy(model), example, "channel")
    assert not proofs
    assert described(again) == described(units)
    assert left == skipped


@pytest.mark.parametrize("changed", ["weights", "code", "shape", "number", "granularity", "engine"])
def test_another_model_is_another_digest(changed, monkeypatch):
    model, example, granularity = Fixed().eval(), torch.rand(2, 4), "channel"
    before = cache.digest_of(model, example, granularity)
    other = copy.deepcopy(model)
    assert cache.digest_of(other, example, granularity) == before
    if changed == "weights":
        with torch.no_grad():
            other.last.bias[0] += 1e-6
    elif changed == "code":
        other.__class__ = Otherwise
    elif changed == "shape":
        example = torch.rand(3, 4)
    elif changed == "number":
        other.groups = 2
    elif changed == "engine":
        monkeypatch.setattr(cache, "_engine", lambda: "other code")
    else:
        granularity = "weight"
    assert cache.digest_of(other, example, granularity) != before


@pytest.mark.parametrize(
    "content", ["", "{", '{"digest": "of another"}', '{"readings": {"a": "b"}}']
)
def test_a_damaged_or_foreign_file_is_proved_anew(proofs, content):
    model, example = Fixed().eval(), torch.rand(2, 4)
    expected = described(proof.find_units(model, example, "channel")[0])
    (kept,) = cache._folder().glob("*.json")
    kept.write_text(content)
    proofs.clear()
    assert described(proof.find_units(model, example, "channel")[0]) == expected
    assert proofs
    assert cache.recall(kept.stem) is not None


def test_a_home_that_cannot_be_written_is_no_matter(tmp_path, monkeypatch, proofs):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("PRUNEVIZ_HOME", str(tmp_path / "file"))
    model, example = Fixed().eval(), torch.rand(2, 4)
    first, second = (proof.find_units(model, example, "channel")[0] for _ in range(2))
    assert proofs
    assert described(first) == described(second)


def test_the_oldest_go(monkeypatch):
    monkeypatch.setattr(cache, "MOST_FILES", 3)
    for number in range(5):
        cache.record(cache.Conclusion(digest=str(number)))
    assert len(list(cache._folder().iterdir())) == 3
    assert cache.recall("4") is not None


def engine_files():
    """Return all files whose code the proof runs, by way of what each imports."""
    found, waiting = set[Path](), [ROOT / "proof" / "__init__.py"]
    while waiting:
        file = waiting.pop()
        if file in found:
            continue
        found.add(file)
        for name in imports(file):
            parts = name.split(".")[1:]
            if name.startswith("pruneviz.") and not {parts[0], ".".join(parts[:2])} & APART:
                for place in (ROOT.joinpath(*parts), ROOT.joinpath(*parts[:-1])):
                    options = (place.with_suffix(".py"), place / "__init__.py")
                    waiting += [each for each in options if each.exists()]
    return found - {ROOT / "__init__.py"}


def test_a_change_in_any_file_of_the_engine_forgets_what_was_concluded():
    known = {file for room in cache.ENGINE for file in ROOT.glob(room)}
    assert all(list(ROOT.glob(room)) for room in cache.ENGINE)
    assert {"folding.py", "plain_layers.py", "surgery.py"} <= {f.name for f in engine_files()}
    assert {str(file.relative_to(ROOT)) for file in engine_files() - known} == set()
