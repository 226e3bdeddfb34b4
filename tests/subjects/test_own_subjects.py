"""A Python factory says a subject whole, or what its network is given; each is opened and cut."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pruneviz import run as engine
from pruneviz.network.inputs import Inputs
from pruneviz.plan import Plan
from pruneviz.report import Report
from pruneviz.stages.prune import Pruned
from pruneviz.subjects import Augmentation, Subject, load_subject, own_paths, subject_of
from pruneviz.tasks import CLASSIFICATION
from pruneviz.tasks.multi_label import MultiLabel
from pruneviz.tasks.regression import Regression
from pruneviz.ui.engine.gate import check_allowed
from pruneviz.wording import RefusedError, opened
from pruneviz.wording.refusals import browsing
from pruneviz.wording.refusals.subjects import answering, finding, given_subjects
from tests import unsampled

NUMBERS = """
import torch
from torch import nn
from pruneviz.subjects import subject_of

SCALE = 1.0

def build():
    x = torch.rand(200, 6) * SCALE
    model = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 1))
    return subject_of(model, task="regression", inputs=x, targets=x.sum(1))
"""
BESIDE = """
import torch
from torch import nn

class Two(nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.other, self.head = nn.Linear(4, 8), nn.Linear(3, 8), nn.Linear(8, 2)

    def forward(self, row, *, more):
        return self.head(torch.relu(self.one(row) + self.other(more["values"])))

class Pair(Two):
    def forward(self, row, more):
        return super().forward(row, more={"values": more})

def named():
    return Two(), {"row": torch.randn(2, 4), "more": {"values": torch.randn(2, 3)}}

def placed():
    return Pair(), (torch.randn(2, 4), torch.randn(2, 3))

def alone():
    return nn.Linear(7, 3), torch.randn(2, 5, 7)

def plain():
    return nn.Linear(6, 1)
"""


@pytest.fixture
def numbers(tmp_path: Path) -> str:
    (tmp_path / "net.py").write_text(NUMBERS)
    return f"python:{tmp_path / 'net.py'}:build"


@pytest.fixture
def beside(tmp_path: Path) -> str:
    (tmp_path / "beside.py").write_text(BESIDE)
    return f"python:{tmp_path / 'beside.py'}"


def rows(count: int = 40, width: int = 4) -> Tensor:
    return torch.randn(count, width, generator=torch.Generator().manual_seed(0))


def linear(outputs: int = 3) -> nn.Module:
    torch.manual_seed(0)
    return nn.Linear(4, outputs)


def refused(**given: object) -> object:
    with pytest.raises(RefusedError) as caught:
        subject_of(linear(), **given)
    return caught.value.fact


def reported(subject: Subject, plan: Plan) -> tuple[Pruned, Report]:
    prepared = engine.prepare(subject, plan)
    pruned = engine.prune(prepared, plan)
    timed = engine.time_models(prepared, pruned, 3).summary()
    return pruned, engine.report(prepared, pruned, timed)


def test_a_factory_says_model_task_and_data(numbers: str) -> None:
    plan = Plan(model=numbers, sparsity=0.5, scope="layer")
    subject = load_subject(plan)
    assert isinstance(subject.task, Regression)
    assert (len(subject.data.x), len(subject.data.calibration_x)) == (150, 50)
    assert subject.data.train_note == opened.few_to_train_on(50)
    pruned, report = reported(subject, plan)
    with torch.no_grad():
        left = (pruned.model(subject.data.x)[:, 0] - subject.data.y).abs().double().mean()
    assert report.quality[0].metric == "mae"
    assert report.quality[0].pruned == pytest.approx(float(left), rel=1e-6)


def test_its_bound_plan_opens_it_again_and_holds_its_data(numbers: str, tmp_path: Path) -> None:
    plan = Plan(model=numbers, sparsity=0.5)
    subject = load_subject(plan)
    bound = engine.bind(plan, subject)
    assert bound.data == numbers
    assert bound.task == "regression"
    assert load_subject(bound).data.sha256 == subject.data.sha256
    assert own_paths(bound) == [tmp_path / "net.py"] * 2
    (tmp_path / "net.py").write_text(NUMBERS.replace("SCALE = 1.0", "SCALE = 2.0"))
    with pytest.raises(RefusedError) as caught:
        load_subject(bound)
    assert caught.value.fact in finding.other_data


def test_its_data_may_judge_another_model(numbers: str, beside: str) -> None:
    plan = Plan(model=f"{beside}:plain", data=numbers)
    subject = load_subject(plan)
    assert subject.data.sha256 == load_subject(Plan(model=numbers)).data.sha256
    assert isinstance(subject.task, Regression)
    with pytest.raises(RefusedError) as caught:
        load_subject(Plan(model=numbers, data=f"{beside}:plain"))
    assert caught.value.fact == given_subjects.no_data_of_factory(f"{beside}:plain")


def test_the_app_opens_it_where_it_is_named_as_a_model(numbers, beside, monkeypatch) -> None:
    from pruneviz.ui import settings

    monkeypatch.setattr(settings, "models", lambda: (numbers,))
    monkeypatch.setattr(settings, "data", lambda: ())
    check_allowed(Plan(model=numbers, data=numbers))
    with pytest.raises(RefusedError) as caught:
        check_allowed(Plan(model=numbers, data=f"{beside}:plain"))
    assert caught.value.fact in browsing.data_not_named


@pytest.mark.parametrize("factory", ["named", "placed"])
def test_a_factory_may_give_an_example_of_several_inputs(beside: str, factory: str) -> None:
    plan = Plan(model=f"{beside}:{factory}", sparsity=0.5, scope="layer")
    subject = load_subject(plan)
    assert isinstance(subject.example, Inputs)
    assert len(subject.example) == 2
    pruned = engine.prune(engine.prepare(subject, plan), plan)
    assert pruned.is_cut
    assert pruned.error < 1e-6
    with pytest.raises(RefusedError) as caught:
        load_subject(plan.changed(input_shape=(5,)))
    assert caught.value.fact == finding.inputs_of_another_shape((4,), (5,))


def test_an_example_may_be_one_tensor(beside: str) -> None:
    assert load_subject(Plan(model=f"{beside}:alone")).shape == (5, 7)


def test_classes_are_named_and_a_training_part_is_kept_apart() -> None:
    x, y = rows(), torch.arange(40) % 3
    names, change = ("a", "b", "c"), Augmentation(flip=True)
    train = rows(60) + 1, torch.arange(60) % 3
    subject = subject_of(
        linear(), inputs=x.numpy(), targets=y.numpy(), train_inputs=train[0],
        train_targets=train[1], classes=names, mean=[1.0] * 4, std=[2.0] * 4,
    )  # fmt: skip
    assert subject.task is CLASSIFICATION
    data = subject.data
    assert data.classes == names
    assert data.held_out
    assert torch.allclose(data.x, (x - 1) / 2)
    assert torch.allclose(data.train_x, (train[0] - 1) / 2)
    assert torch.equal(data.train_y, train[1])
    assert subject_of(linear(), inputs=x, targets=y).data.classes == ("0", "1", "2")
    images = torch.randn(40, 1, 4, 4)
    model = nn.Sequential(nn.Conv2d(1, 3, 4), nn.Flatten())
    flipped = subject_of(model, inputs=images, targets=y, augmentation=change).data
    assert flipped.augmentation == Augmentation(flip=True, known=True)
    assert flipped.sha256 != subject_of(model, inputs=images, targets=y).data.sha256


def test_a_split_is_fair_and_repeats() -> None:
    y = (torch.arange(400) < 40).long()
    one, other = (subject_of(linear(2), inputs=rows(400), targets=y).data for _ in range(2))
    assert one.sha256 == other.sha256
    assert int(one.calibration_y.sum()) == 10
    assert len(one.calibration_y) == 100


def test_other_tasks_of_any_registry_and_tokens() -> None:
    several = (rows(40, 3) > 0).float()
    assert isinstance(
        subject_of(linear(), "multi_label", inputs=rows(), targets=several).task, MultiLabel
    )
    words = torch.arange(320).reshape(40, 8) % 11
    reader = nn.Sequential(nn.Embedding(11, 6), nn.Linear(6, 11))
    subject = subject_of(reader, "language_modelling", inputs=words, targets=words.roll(-1, 1))
    assert subject.data.kind == "text"
    assert set(map(tuple, words.tolist())) >= set(map(tuple, subject.data.x.tolist()))
    _, report = reported(subject, Plan(model="python:a.py:b", sparsity=0.5))
    assert report.quality[0].metric == "perplexity"


def test_what_does_not_fit_is_said() -> None:
    x, y = rows(), torch.arange(40) % 3
    assert refused() == given_subjects.no_example()
    assert refused(inputs=x) == given_subjects.half_a_part("targets", "inputs")
    assert refused(train_inputs=x, train_targets=y) in given_subjects.half_a_part
    assert refused(inputs=x, targets=y[:7]) in given_subjects.not_a_target_each
    assert refused(inputs=x[:5], targets=y[:5]) in given_subjects.too_few
    assert refused(inputs=x[:, 0], targets=y) in given_subjects.no_inputs
    assert refused(inputs=x, targets=y, classes=["a", "b"]) in given_subjects.other_classes
    assert refused(inputs=x, targets=y, mean=[0.0] * 4) in given_subjects.no_scale
    assert refused(inputs=x, targets=y, mean=[0.0] * 4, std=[0.0] * 4) in given_subjects.no_scale
    assert refused(inputs=x, targets=y + 1) in answering.of_another_task
    bad = x.clone()
    bad[3, 1] = np.nan
    assert refused(inputs=bad, targets=y).values["inputs"] == 40


def test_choices_of_one_question_stay_in_one_part():
    subject = unsampled.multiple_choice()
    for target in (subject.data.y, subject.data.calibration_y):
        _, counts = subject.task.together(target).unique(return_counts=True)
        assert len(counts) > 4
        assert (counts == 3).all()
