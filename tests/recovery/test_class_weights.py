"""Class weights of training: torch's weighted cross-entropy, and scikit-learn's balance."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.utils.class_weight import compute_class_weight
from torch import nn
from torch.nn.functional import cross_entropy

from pruneviz import run as engine
from pruneviz.cli.recover import _recovery_plan
from pruneviz.plan import Plan
from pruneviz.recovery import RECOVERIES, RecoveryRequest
from pruneviz.recovery.distill import distillation_loss
from pruneviz.recovery.training.class_weights import class_weights, loss_of_targets
from pruneviz.subjects import Subject, load_subject, subject_of
from pruneviz.tasks import CLASSIFICATION
from pruneviz.tasks.regression import Regression
from pruneviz.ui.recover.choices import offered
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import choosing, training
from tests.recovering import begin, finish, same

NAMES = ("cat", "dog", "owl")


def uneven(task: str = "classification") -> Subject:
    """Two rare classes among many inputs of the first."""
    torch.manual_seed(0)
    x = torch.randn(120, 4)
    y = torch.where(x[:, 0] > 1, 1, torch.where(x[:, 1] > 1.2, 2, 0))
    targets = y if task == "classification" else x.sum(1)
    model = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3 if targets is y else 1))
    names = NAMES if targets is y else ()
    return subject_of(
        model, task, inputs=x, targets=targets, train_inputs=x, train_targets=targets, classes=names
    )


@pytest.fixture(scope="module")
def asked() -> RecoveryRequest:
    subject = uneven()
    return RecoveryRequest(
        model=subject.model, masks={}, cuts=(), teacher=subject.model, data=subject.data
    )


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=40))
def test_balanced_weights_are_scikit_learns(asked: RecoveryRequest, labels: list[int]) -> None:
    data = replace(asked.data, classes=tuple("abcde"))
    y = torch.tensor(labels)
    found = class_weights("balanced", data, CLASSIFICATION, y)
    there = np.unique(labels)
    expected = compute_class_weight("balanced", classes=there, y=np.array(labels))
    assert found[there].tolist() == pytest.approx(expected.tolist())


def test_weights_are_said_by_name_or_number(asked: RecoveryRequest) -> None:
    y = asked.data.train_y
    for said in ("cat=2, owl=0.5", "0=2,2=0.5"):
        assert class_weights(said, asked.data, CLASSIFICATION, y).tolist() == [2.0, 1.0, 0.5]
    assert class_weights("", asked.data, CLASSIFICATION, y) is None


@pytest.mark.parametrize(
    ("said", "fact"),
    [
        ("cat=0", training.no_class_weight("cat=0")),
        ("cat=nan", training.no_class_weight("cat=nan")),
        ("cat", training.no_class_weight("cat")),
        ("cow=2", choosing.no_such_class("cow", "cat, dog, owl")),
    ],
)
def test_what_says_no_weights_is_refused_before_any_work(asked, said, fact) -> None:
    with pytest.raises(RefusedError) as caught:
        begin(asked, "finetune", batch_size=16, class_weights=said)
    assert caught.value.fact == fact


def test_numbers_have_no_classes() -> None:
    subject = uneven("regression")
    asked = RecoveryRequest(
        model=subject.model, masks={}, cuts=(), teacher=subject.model, data=subject.data,
        task=Regression(),
    )  # fmt: skip
    with pytest.raises(RefusedError) as caught:
        begin(asked, "finetune", batch_size=16, class_weights="balanced")
    assert caught.value.fact == training.weights_of_no_classes()


def test_the_loss_is_torchs() -> None:
    generator = torch.Generator().manual_seed(0)
    logits, teacher = torch.randn(2, 9, 3, generator=generator)
    y = torch.randint(0, 3, (9,), generator=generator)
    weights = torch.tensor([0.5, 2.0, 7.0])
    expected = cross_entropy(logits, y, weight=weights)
    assert torch.allclose(loss_of_targets(CLASSIFICATION, logits, y, weights), expected)
    alike = loss_of_targets(CLASSIFICATION, logits, y, None)
    assert torch.equal(alike, cross_entropy(logits, y))
    apart = CLASSIFICATION.distil(logits, teacher, 2.0)
    found = distillation_loss(CLASSIFICATION, logits, teacher, y, 2.0, 0.25, weights)
    assert torch.allclose(found, 0.25 * 4 * apart + 0.75 * expected)


def test_a_step_is_one_of_torchs_own_loss(asked: RecoveryRequest) -> None:
    given = {
        "epochs": 1, "batch_size": len(asked.data.train_y), "learning_rate": 0.1, "momentum": 0.0,
        "weight_decay": 0.0, "learning_rate_schedule": "constant",
    }  # fmt: skip
    trained = finish(begin(asked, "finetune", class_weights="balanced", **given)).model
    x, y = asked.data.train_x, asked.data.train_y
    weights = compute_class_weight("balanced", classes=np.arange(3), y=y.numpy())
    own = {name: p.detach().clone().requires_grad_() for name, p in asked.model.named_parameters()}
    logits = torch.func.functional_call(asked.model, own, (x,))
    cross_entropy(logits, y, weight=torch.tensor(weights, dtype=torch.float32)).backward()
    for name, parameter in trained.named_parameters():
        assert torch.allclose(parameter, own[name] - 0.1 * own[name].grad, atol=1e-6), name


@pytest.mark.parametrize("method", ["finetune", "distill"])
def test_without_weights_nothing_changes_and_with_them_it_does(asked, method) -> None:
    given = {"epochs": 1, "batch_size": 32}
    plain = RECOVERIES.get(method).settings(given)
    del plain["class_weights"]
    before = finish(RECOVERIES.get(method).implementation(asked, **plain))
    alike = finish(begin(asked, method, **given))
    weighted = finish(begin(asked, method, class_weights="balanced", **given))
    assert same(before.model, alike.model)
    assert before.curve == alike.curve
    assert not same(alike.model, weighted.model)


def test_a_plan_without_them_keeps_its_digest_and_one_with_them_says_so() -> None:
    plan = Plan(model="sample:tumour-mlp", recovery=[{"method": "finetune", "parameters": {}}])
    subject = load_subject(plan)
    bound = engine.bind(plan, subject)
    assert "class_weights" not in bound.recovery[0].parameters
    step = {"method": "finetune", "parameters": {"class_weights": "balanced"}}
    other = engine.bind(plan.changed(recovery=[step]), subject)
    assert other.recovery[0].parameters["class_weights"] == "balanced"
    assert other.digest() != bound.digest()


def test_the_command_line_and_the_page_offer_them(tmp_path: Path) -> None:
    said = "cat=2,dog=0.5"
    (tmp_path / "plan.yaml").write_text(Plan(sparsity=0.5).to_yaml())
    plan = _recovery_plan(tmp_path / "plan.yaml", "distill", 1, [f"class_weights={said}"], None)
    (step,) = plan.recovery
    assert step.parameters["class_weights"] == said
    numbers = uneven("regression")
    assert "class_weights" in {parameter.name for parameter in offered(step, uneven())}
    assert "class_weights" in {parameter.name for parameter in offered(step, numbers)}
    plain = step.model_copy(update={"parameters": {}})
    assert "class_weights" not in {parameter.name for parameter in offered(plain, numbers)}
