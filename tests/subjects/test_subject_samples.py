"""The samples keep what their cards promise."""

from __future__ import annotations

import hashlib
import json
import math
import platform
import subprocess
import sys

import pytest
import torch

from pruneviz.plan import Plan
from pruneviz.subjects import list_models, load_subject, weights_sha256
from pruneviz.subjects.models.samples import SAMPLES, sample_directory
from pruneviz.subjects.sample_data import load_sample_data, load_split
from tests.metrics.judged import judged_as_coco

NAMES = list(SAMPLES)
LEAST = {"digits-cnn": 0.98, "digits-resnet": 0.98, "tumour-mlp": 0.96}
FOUND = {"digits-detector": 0.9}
MOST = {"diabetes-mlp": 45.0}  # a linear model's error is about 43


def rows(x: torch.Tensor) -> list[bytes]:
    return [row.numpy().tobytes() for row in x]


@pytest.mark.parametrize("name", LEAST)
def test_accuracy_is_exactly_that_of_the_card(name: str) -> None:
    subject = load_subject(Plan(model=f"sample:{name}"))
    card = json.loads((sample_directory(name) / "card.json").read_text(encoding="utf-8"))
    assert subject.data is not None
    with torch.no_grad():
        correct = int((subject.model(subject.data.x).argmax(1) == subject.data.y).sum())
    assert correct == card["correct"]
    assert len(subject.data.y) == card["test_samples"]
    assert card["accuracy"] == correct / card["test_samples"] >= LEAST[name]


@pytest.mark.parametrize("name", MOST)
def test_error_is_exactly_that_of_the_card(name: str) -> None:
    subject = load_subject(Plan(model=f"sample:{name}"))
    card = json.loads((sample_directory(name) / "card.json").read_text(encoding="utf-8"))
    with torch.no_grad():
        error = (subject.model(subject.data.x).double() - subject.data.y).abs().mean()
    assert card["mae"] == pytest.approx(float(error), rel=1e-5)
    assert card["mae"] <= MOST[name]
    assert len(subject.data.y) == card["test_samples"]


def test_perplexity_is_that_of_the_card_where_the_library_is_the_same() -> None:
    subject = load_subject(Plan(model="sample:stdlib-lm"))
    card = json.loads((sample_directory("stdlib-lm") / "card.json").read_text(encoding="utf-8"))
    data = subject.data
    assert len(data.x) == card["test_samples"]
    judged = data.y != -100
    with torch.no_grad():
        likely = subject.model(data.x).double().log_softmax(2)
    nats = -likely.gather(2, data.y.clamp_min(0)[..., None])[..., 0][judged]
    found = float(nats.mean().exp())
    size = int(subject.task.token_bytes[data.y[judged]].sum())
    assert found < 60, "a guess among its tokens would have 2,048"
    if platform.python_version() == card["python"]:
        assert len(nats) == card["test_tokens"]
        assert card["perplexity"] == pytest.approx(found, rel=1e-4)  # in single precision
        bits = float(nats.sum()) / math.log(2) / size
        assert card["bits_per_byte"] == pytest.approx(bits, rel=1e-4)


def test_a_language_model_s_files_are_small() -> None:
    folder = sample_directory("stdlib-lm")
    assert (folder / "weights.safetensors").stat().st_size <= 4_000_000
    assert (folder / "tokenizer.json").stat().st_size <= 200_000


@pytest.mark.parametrize("name", FOUND)
def test_boxes_are_found_exactly_as_on_the_card(name: str) -> None:
    subject = load_subject(Plan(model=f"sample:{name}"))
    card = json.loads((sample_directory(name) / "card.json").read_text(encoding="utf-8"))
    with torch.no_grad():
        answers = subject.task.answers(subject.model(subject.data.x), subject.data.y)
    judged = float(judged_as_coco(answers, subject.data.y)["map_50"])
    assert card["map_50"] == pytest.approx(judged, abs=1e-5)
    assert card["map_50"] >= FOUND[name]
    assert len(subject.data.y) == card["test_samples"]


def judged_on(card: dict) -> str:
    """Return what a card's text says of how good the sample is."""
    samples = card["test_samples"]
    if "correct" in card:
        return f"{card['correct']} of {samples}"
    metric = card["metric"]
    value = f"{100 * card['map_50']:.1f} %" if metric == "map_50" else f"{card[metric]:.1f}"
    return f"{value} ({samples}"


@pytest.mark.parametrize("name", NAMES)
def test_card_belongs_to_the_weights(name: str) -> None:
    subject = load_subject(Plan(model=f"sample:{name}"))
    folder = sample_directory(name)
    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    assert subject.sha256 == card["sha256"] == weights_sha256(subject.model)
    assert card["bytes"] == (folder / "weights.safetensors").stat().st_size
    text = (folder / "README.md").read_text(encoding="utf-8")
    assert card["sha256"] in text
    assert judged_on(card) in text
    assert subject.sentence == card["sentence"]
    assert subject.title == card["title"]


def test_list_models_agrees_with_the_subjects() -> None:
    for card in list_models():
        subject = load_subject(Plan(model=card.reference))
        assert subject.data is not None
        assert card.kind == subject.data.kind
        assert card.parameters == sum(p.numel() for p in subject.model.parameters())
        assert card.classes == subject.data.classes
        assert len(card.thumbnail) in (len(card.classes), 3)
        assert card.card.is_file()
        assert card.metric == subject.metrics[0].name
        assert card.interval[0] < card.quality < card.interval[1]


@pytest.mark.parametrize("name", NAMES)
def test_subjects_are_frozen_and_alike(name: str) -> None:
    first, second = (load_subject(Plan(model=f"sample:{name}")) for _ in range(2))
    assert first.sha256 == second.sha256
    assert first.data is not None
    assert second.data is not None
    assert first.data.sha256 == second.data.sha256
    assert first.data.classes == second.data.classes
    assert not any(module.training for module in first.model.modules())
    assert not any(p.requires_grad for p in first.model.parameters())
    assert first.example.shape[0] == 2
    assert first.weights_label == "trained"
    assert first.model is not second.model


@pytest.mark.parametrize("name", ["digits", "tumour"])
def test_parts_are_disjoint(name: str) -> None:
    split, data = load_split(name), load_sample_data(name)
    assert not set(rows(split.test_x)) & set(rows(split.train_x))
    assert not set(rows(data.x)) & set(rows(data.calibration_x))
    assert len(data.calibration_y) <= 512
    assert set(data.y.tolist()) == set(data.calibration_y.tolist()) == set(range(len(data.classes)))


@pytest.mark.parametrize("name", ["digits", "tumour"])
def test_raw_undoes_the_normalisation(name: str) -> None:
    split, data = load_split(name), load_sample_data(name)
    torch.testing.assert_close(data.raw(data.x), split.test_x, rtol=1e-5, atol=1e-4)
    if data.kind == "image":
        assert float(data.raw(data.x).min()) > -1e-6
        assert float(data.raw(data.x).max()) < 1 + 1e-6
    else:
        assert len(data.features) == data.x.shape[1] == len(data.mean)


def test_residual_network_has_enough_to_prune() -> None:
    model = load_subject(Plan(model="sample:digits-resnet")).model
    kinds = (torch.nn.Conv2d, torch.nn.Linear)
    assert sum(isinstance(module, kinds) for module in model.modules()) >= 15


def test_data_fingerprint_does_not_change() -> None:
    x = load_sample_data("digits").raw(load_sample_data("digits").x)
    digest = hashlib.sha256((x * 16).round().to(torch.uint8).numpy().tobytes()).hexdigest()
    assert digest == DIGITS_TEST_PIXELS


DIGITS_TEST_PIXELS = "33337705a8628dbf63b1ead36bb776f7ca7d45691bb8d082ce676aba0f377554"


def test_importing_is_light() -> None:
    code = (
        "import sys, pruneviz.subjects;"
        "sys.exit(any(m in sys.modules for m in ('torchvision', 'sklearn', 'streamlit')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_unknown_sample_lists_the_known() -> None:
    with pytest.raises(
        ValueError, match=r"unknown sample model 'digits'.*digits-cnn, digits-resnet"
    ):
        load_subject(Plan(model="sample:digits"))
    with pytest.raises(ValueError, match=r"unknown sample data 'iris'.*digits, tumour"):
        load_subject(Plan(data="sample:iris"))
