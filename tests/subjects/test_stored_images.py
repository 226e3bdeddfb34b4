"""Images kept in bytes are, to everybody, the tensor that they stand for, to the bit."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from pruneviz.network.inputs import batches, some
from pruneviz.plan import Plan
from pruneviz.run import run
from pruneviz.subjects.load import load_subject
from pruneviz.subjects.stored import images
from pruneviz.subjects.stored.images import Form, InMemory, StoredImages

MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.25, 0.5)


@pytest.fixture
def values() -> Tensor:
    """Return every byte, and more."""
    return torch.arange(40 * 3 * 4 * 5).remainder(256).to(torch.uint8).view(40, 3, 4, 5)


@pytest.fixture
def plain(values) -> Tensor:
    """Return the numbers that they stand for, by the formula itself."""
    mean, std = (torch.tensor(each).view(1, 3, 1, 1) for each in (MEAN, STD))
    return (values.float() / 255 - mean) / std


@pytest.fixture
def stored(values, monkeypatch) -> StoredImages:
    """Return them as images of which even few stay stored."""
    monkeypatch.setattr(images, "WHOLE_BYTES", 3 * 4 * 5 * 4)
    monkeypatch.setattr(images, "AT_ONCE", 7 * 3 * 4 * 5)
    return StoredImages(InMemory(values)).normalised(MEAN, STD)


CHOICES = {
    "a slice": slice(3, 30, 2),
    "numbers": [5, 1, 1, -1],
    "a tensor": torch.tensor([39, 0, 7]),
    "a mask": torch.arange(40) % 3 == 0,
    "one": 4,
    "one by a slice": slice(6, 7),
    "none": slice(0, 0),
    "another axis": (slice(None), 1),
}


@pytest.mark.parametrize("which", CHOICES.values(), ids=CHOICES)
def test_a_choice_of_them_is_the_choice_of_the_numbers(stored, plain, which):
    found = stored[which]
    assert torch.equal(found + 0, plain[which])
    assert found.shape == plain[which].shape


def test_what_describes_them_makes_no_numbers(stored, plain, monkeypatch):
    monkeypatch.setattr(InMemory, "read", None)
    for told in (
        lambda x: (x.shape, x.dtype, x.device, x.ndim, x.layout, x.nbytes, x.requires_grad),
        lambda x: (len(x), x.dim(), x.numel(), x.size(0), x.is_floating_point(), x.stride()),
        lambda x: x.double().dtype,
        lambda x: x.to(torch.float16).shape,
        lambda x: x[3:20][2:9].shape,
    ):
        assert told(stored) == told(plain)


def test_parts_and_precisions_are_those_of_the_numbers(stored, plain):
    for size in (1, 6, 40, 100):
        parts = list(batches(stored, size))
        assert all(type(part) is Tensor for part in parts)
        for found, expected in zip(parts, plain.split(size), strict=True):
            assert torch.equal(found, expected)
    assert torch.equal(stored.double() + 0, plain.double())
    assert torch.equal(some(stored, slice(9)).to(torch.bfloat16) + 0, plain[:9].bfloat16())
    assert torch.equal(stored.whole(), plain)
    ends = torch.stack([plain.amin((0, 2, 3)), plain.amax((0, 2, 3))])
    assert torch.equal(stored.extremes().flatten(1), ends)
    assert torch.allclose(stored.average(), plain.double().mean((0, 2, 3), True).float())


def test_every_other_operation_and_every_network_sees_the_numbers(stored, plain):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(12, 2))
    for looked in (
        network,
        lambda x: torch.cat([x, x]),
        lambda x: x.flip(3) * 2,
        lambda x: x.movedim(1, 3).mean(),
        lambda x: torch.where(x > 0, x, 0.0),
        lambda x: x.clone().add_(1),
        lambda x: torch.from_numpy(x.numpy()),
    ):
        with torch.inference_mode():
            assert torch.equal(looked(stored), looked(plain))


@pytest.mark.parametrize("write", [lambda x: x.add_(1), lambda x: x.__setitem__(0, 1.0)])
def test_nobody_writes_to_them(stored, write):
    with pytest.raises(RuntimeError, match="only read"):
        write(stored)


def test_the_form_has_a_device_and_a_precision(stored):
    made = StoredImages(stored.rows, form=Form(dtype=torch.float64, device="meta"))
    assert (made.dtype, made.device.type) == (torch.float64, "meta")


FACTORY = """
import torch
from torch import nn

def make():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 6, 3), nn.ReLU(), nn.Conv2d(6, 6, 3), nn.ReLU(),
        nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(24, 2),
    )
"""


@pytest.mark.parametrize("split", [False, True], ids=["one folder", "train and test"])
def test_a_run_on_stored_images_is_that_on_numbers(tmp_path, monkeypatch, split):
    random = np.random.RandomState(0)
    for part in ("train", "test") if split else ("",):
        for label, dark in (("ash", 160), ("oak", 256)):
            folder = tmp_path / "data" / part / label
            folder.mkdir(parents=True)
            for i in range(16):
                pixels = random.randint(0, dark, (9, 9, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f"{i}.png")
    # the same picture twice, which is said
    twice = tmp_path / "data" / ("train" if split else "") / "ash" / "0.png"
    for i in range(16, 40):
        (twice.parent / f"{i}.png").write_bytes(twice.read_bytes())
    (tmp_path / "net.py").write_text(FACTORY)
    plan = Plan(
        model=f"python:{tmp_path / 'net.py'}:make",
        data=f"folder:{tmp_path / 'data'}",
        input_shape=(3, 8, 8),
        sparsity=0.4,
        recovery=[
            {"method": "correct_biases", "parameters": {}},
            {"method": "finetune", "parameters": {"epochs": 1, "batch_size": 8}},
        ],
    )
    told, found = {}, {}
    for limit in (2**28, 0):
        monkeypatch.setattr(images, "WHOLE_BYTES", limit)
        subject = load_subject(plan, home=tmp_path)
        stored = [
            isinstance(part, StoredImages)
            for part in (subject.data.x, subject.data.calibration_x, subject.data.train_x)
        ]
        assert all(stored) if limit == 0 else not any(stored)
        told[limit] = subject.data.sha256, subject.data.average.tolist(), subject.notes
        found[limit] = run(plan, latency_runs=1)[2].deterministic()
    assert told[0] == told[2**28]
    assert found[0] == found[2**28]
