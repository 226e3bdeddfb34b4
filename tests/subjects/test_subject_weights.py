"""Weights files: every bad one is refused with a sentence that helps."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file, save_model
from torch import nn

from pruneviz.plan import Plan
from pruneviz.subjects import load_subject, tensors_sha256
from pruneviz.subjects.models.samples import DigitsCnn, sample_directory
from pruneviz.subjects.models.weights import fit_weights, read_weights


def load(weights: Path) -> str:
    return load_subject(Plan(weights=str(weights))).weights_label


@pytest.fixture
def good() -> dict[str, torch.Tensor]:
    return DigitsCnn().state_dict()


def test_own_weights_are_used(tmp_path: Path, good: dict[str, torch.Tensor]) -> None:
    save_file(good, tmp_path / "w.safetensors")
    subject = load_subject(Plan(weights=str(tmp_path / "w.safetensors")))
    assert subject.weights_label == "your weights"
    assert subject.sha256 == tensors_sha256(good)


def test_weights_without_batch_counts_fit(tmp_path: Path, good: dict[str, torch.Tensor]) -> None:
    fewer = {k: t for k, t in good.items() if not k.endswith("num_batches_tracked")}
    save_file(fewer, tmp_path / "w.safetensors")
    assert load(tmp_path / "w.safetensors") == "your weights"


def test_shared_tensors_need_one_name(tmp_path: Path) -> None:
    def tied() -> nn.Sequential:
        model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
        model[1].weight = model[0].weight
        return model

    original, copy = tied(), tied()
    save_model(original, str(tmp_path / "w.safetensors"))
    fit_weights(copy, read_weights(tmp_path / "w.safetensors"), "w")
    assert torch.equal(copy[1].weight, original[0].weight)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no weights file .*none\.safetensors"):
        load(tmp_path / "none.safetensors")


@pytest.mark.parametrize("size", [9, 200, 300_000])
def test_truncated_file(tmp_path: Path, size: int) -> None:
    whole = (sample_directory("digits-cnn") / "weights.safetensors").read_bytes()
    (tmp_path / "w.safetensors").write_bytes(whole[:size])
    with pytest.raises(ValueError, match=r"'w.safetensors' is truncated: .*363,\d+|truncated"):
        load(tmp_path / "w.safetensors")


@pytest.mark.parametrize("name", ["w.pt", "w.pth", "renamed.safetensors"])
def test_pickles_are_refused_unopened(
    tmp_path: Path, good: dict[str, torch.Tensor], name: str
) -> None:
    torch.save(good, tmp_path / name)
    with pytest.raises(ValueError, match=r"pickle, which could run code.*save_file\(model.state"):
        load(tmp_path / name)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_bare_pickles_of_every_protocol_are_refused(tmp_path: Path, protocol: int) -> None:
    content = pickle.dumps({"a": [0.0] * 99}, protocol=protocol)
    (tmp_path / "w.safetensors").write_bytes(content)
    with pytest.raises(ValueError, match=r"pickle, which could run code"):
        load(tmp_path / "w.safetensors")


@pytest.mark.parametrize("length", [0x0280, 0x0380, 0x0480, 0x0580])
def test_a_header_that_begins_like_a_pickle_is_none(tmp_path: Path, length: int) -> None:
    entry = b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    content = length.to_bytes(8, "little") + entry.ljust(length) + bytes(4)
    (tmp_path / "w.safetensors").write_bytes(content)
    assert torch.equal(read_weights(tmp_path / "w.safetensors")["a"], torch.zeros(1))


@pytest.mark.parametrize("content", [b"", b"hello", b"hello, this is not a weights file at all"])
def test_other_files(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "w.safetensors").write_bytes(content)
    with pytest.raises(ValueError, match=r"not a safetensors file; save it as safetensors"):
        load(tmp_path / "w.safetensors")


@pytest.mark.parametrize(
    "header", [b"{not json}", b'{"a": 3}', b'{"a": {"data_offsets": "x"}}', b"{" * 5000]
)
def test_damaged_header(tmp_path: Path, header: bytes) -> None:
    (tmp_path / "w.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    with pytest.raises(ValueError, match=r"header of 'w.safetensors' is damaged"):
        load(tmp_path / "w.safetensors")


def test_header_that_lies(tmp_path: Path) -> None:
    header = json.dumps({"a": {"dtype": "F32", "shape": [9], "data_offsets": [0, 4]}}).encode()
    content = len(header).to_bytes(8, "little") + header + bytes(4)
    (tmp_path / "w.safetensors").write_bytes(content)
    with pytest.raises(ValueError, match=r"'w.safetensors' is not a valid safetensors file"):
        load(tmp_path / "w.safetensors")


def test_misfits_are_named_with_both_shapes(tmp_path: Path, good: dict[str, torch.Tensor]) -> None:
    good["conv1.weight"] = torch.zeros(16, 1, 3, 3)
    save_file(good, tmp_path / "w.safetensors")
    with pytest.raises(
        ValueError, match=r"conv1.weight has shape \[16, 1, 3, 3\], the model needs \[32, 1, 3, 3\]"
    ):
        load(tmp_path / "w.safetensors")


def test_at_most_five_misfits_are_named(tmp_path: Path, good: dict[str, torch.Tensor]) -> None:
    save_file({k: torch.zeros(7) for k in good}, tmp_path / "w.safetensors")
    with pytest.raises(ValueError, match=r"do not fit: .*\+\d+ more") as raised:
        load(tmp_path / "w.safetensors")
    assert str(raised.value).count("has shape") == 5


def test_missing_and_unexpected_tensors(tmp_path: Path, good: dict[str, torch.Tensor]) -> None:
    good["extra.weight"] = good.pop("hidden.weight")
    save_file(good, tmp_path / "w.safetensors")
    with pytest.raises(
        ValueError, match=r"missing tensors: hidden.weight; unexpected tensors: extra.weight"
    ):
        load(tmp_path / "w.safetensors")


def test_nan_is_refused(tmp_path: Path, good: dict[str, torch.Tensor]) -> None:
    good["hidden.bias"][3] = float("nan")
    save_file(good, tmp_path / "w.safetensors")
    with pytest.raises(ValueError, match=r"NaN or infinite values in hidden.bias"):
        load(tmp_path / "w.safetensors")


def test_fingerprint_sees_names_shapes_types_and_bytes() -> None:
    a = torch.arange(6.0)
    digests = {
        tensors_sha256(tensors)
        for tensors in (
            {"a": a},
            {"b": a},
            {"a": a.view(2, 3)},
            {"a": a.double()},
            {"a": a.bfloat16()},
            {"a": a + 1},
        )
    }
    assert len(digests) == 6
    assert tensors_sha256({"a": a, "b": a}) == tensors_sha256({"b": a, "a": a})
