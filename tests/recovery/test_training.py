"""Training wins accuracy back, holds its masks, and goes on after any interruption as if none."""

from __future__ import annotations

import io
import math
import random
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from pruneviz.compare import divergence
from pruneviz.evaluate import predict
from pruneviz.recovery.distill import distillation_loss
from pruneviz.recovery.training.loop import Training
from pruneviz.subjects import Augmentation
from pruneviz.tasks import CLASSIFICATION
from tests.recovering import begin, finish, same

TRAINERS = ("finetune", "distill")


@pytest.mark.parametrize("method", TRAINERS)
def test_training_wins_accuracy_back(digits, method):
    before = float(
        (predict(digits.model, digits.data.x).argmax(1) == digits.data.y).double().mean()
    )
    work = finish(begin(digits, method, epochs=3))
    assert before < 0.5
    assert work.curve[-1].value > 0.9
    logits = predict(work.model, digits.data.x)
    assert work.curve[-1].value == float((logits.argmax(1) == digits.data.y).double().mean())
    assert work.curve[-1].held_out_loss == pytest.approx(
        float(cross_entropy(logits, digits.data.y))
    )
    assert [row.epoch for row in work.curve] == [1, 2, 3]
    assert work.done == work.total == 30
    assert work.model.training is False
    assert not any(p.requires_grad for p in work.model.parameters())


def test_a_cut_network_is_trained_as_the_small_one_it_is(tumours):
    before = divergence(
        predict(tumours.teacher, tumours.data.x), predict(tumours.model, tumours.data.x)
    )
    work = finish(begin(tumours, "distill", epochs=10, learning_rate=0.01))
    after = divergence(
        predict(tumours.teacher, tumours.data.x), predict(work.model, tumours.data.x)
    )
    assert [p.shape for p in work.model.parameters()] == [
        p.shape for p in tumours.model.parameters()
    ]
    assert after.kl_nats < before.kl_nats / 2


def test_distillation_comes_closer_to_its_teacher_than_labels_alone(digits):
    teacher = predict(digits.teacher, digits.data.x)
    kl = {
        method: divergence(
            teacher, predict(finish(begin(digits, method, epochs=3)).model, digits.data.x)
        )
        for method in TRAINERS
    }
    assert kl["distill"].kl_nats < 0.8 * kl["finetune"].kl_nats


def test_another_teacher_teaches_another_network(digits):
    class Turned(nn.Module):
        def forward(self, x):
            return digits.teacher(x).roll(1, 1)

    settings = {"epochs": 2, "teacher_weight": 1.0}
    y, x = digits.data.y, digits.data.x
    follows = {}
    for teacher in (digits.teacher, Turned()):
        work = finish(begin(replace(digits, teacher=teacher), "distill", **settings))
        answers = predict(work.model, x).argmax(1)
        follows[teacher] = float((answers == (y + 1) % 10).double().mean())
    assert follows.pop(digits.teacher) < 0.05
    assert follows.popitem()[1] > 0.2


def test_the_distillation_loss_is_its_formula():
    torch.manual_seed(0)
    student, teacher = torch.randn(2, 7, 5, dtype=torch.float64).unbind()
    y = torch.randint(0, 5, (7,))
    total = 0.0
    for s, t, label in zip(student, teacher, y.tolist(), strict=True):
        p = [math.exp(v / 3.0) for v in t.tolist()]
        q = [math.exp(v / 3.0) for v in s.tolist()]
        p, q = [v / sum(p) for v in p], [v / sum(q) for v in q]
        kl = sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))
        hard = -math.log(math.exp(s[label]) / sum(math.exp(v) for v in s.tolist()))
        total += 0.7 * 9.0 * kl + 0.3 * hard
    loss = distillation_loss(CLASSIFICATION, student, teacher, y, temperature=3.0, weight=0.7)
    assert float(loss) == pytest.approx(total / 7, rel=1e-12)


@pytest.mark.parametrize("optimiser", ["sgd", "adamw"])
def test_removed_weights_are_zero_after_every_step(digits, optimiser):
    work = begin(digits, "finetune", epochs=1, optimiser=optimiser, learning_rate=0.01)
    kept = sum(int(mask.count_nonzero()) for mask in digits.masks.values())
    while not work.finished:
        work.step()
        weights = dict(work.model.named_parameters())
        assert all(not weights[n][~mask].any() for n, mask in digits.masks.items())
    assert sum(int(weights[n].count_nonzero()) for n in digits.masks) == kept


@pytest.mark.parametrize("method", ["recalibrate", *TRAINERS])
@pytest.mark.parametrize("schedule", ["one_cycle", "cosine"])
def test_a_training_taken_up_again_ends_as_an_unbroken_one(noisy, method, schedule):
    settings = {} if method == "recalibrate" else {
        "epochs": 2, "learning_rate_schedule": schedule, "patience": 2,
        "optimiser": "sgd" if schedule == "cosine" else "adamw", "learning_rate": 0.01,
    }  # fmt: skip
    whole = finish(begin(noisy, method, **settings))
    work, chance = begin(noisy, method, **settings), random.Random(1)
    breaks = 0
    while not work.finished:
        work.step()
        torch.rand(1)  # whoever else draws numbers in between changes nothing
        if chance.random() < 0.4:
            file = io.BytesIO()
            torch.save(work.state(), file)
            file.seek(0)
            work = begin(noisy, method, **settings)
            work.restore(torch.load(file, weights_only=True))
            breaks += 1
    assert breaks > 1
    assert same(whole.model, work.model)
    assert work.curve == whole.curve


def test_a_state_is_not_changed_by_going_on(digits):
    work = begin(digits, "finetune", epochs=1)
    work.step()
    state = work.state()
    ends = []
    for _ in range(2):
        again = begin(digits, "finetune", epochs=1)
        again.restore(state)
        ends.append(finish(again).model)
    assert same(*ends)


def test_seeds_give_other_trainings_and_one_seed_the_same(digits):
    ends = [finish(begin(replace(digits, seed=s), "finetune", epochs=1)).model for s in (0, 0, 1)]
    assert same(ends[0], ends[1])
    assert not same(ends[0], ends[2])


def test_a_network_is_left_as_it_was(digits):
    before = {name: t.clone() for name, t in digits.model.state_dict().items()}
    finish(begin(digits, "finetune", epochs=1))
    assert all(torch.equal(before[n], t) for n, t in digits.model.state_dict().items())
    assert not any(p.requires_grad for p in digits.model.parameters())


def test_diverging_training_keeps_the_last_good_epoch(digits):
    work = finish(begin(digits, "finetune", epochs=3, learning_rate=1e6))
    assert "diverged in epoch 1" in work.stopped
    assert "that of its start: lower the learning rate, 1e+06 now" in str(work.notes[-1])
    assert same(work.model, digits.model)
    assert work.curve == []


def test_divergence_in_a_later_epoch_goes_back_to_the_one_before(digits, monkeypatch):
    one = finish(begin(digits, "finetune", epochs=3, stop_after=1))
    work = begin(digits, "finetune", epochs=3)
    loss, calls = Training.loss, iter(range(100))

    def fails_later(self, logits, x, y):
        return cross_entropy(logits, y) * (math.nan if next(calls) == 14 else 1.0)

    monkeypatch.setattr(type(work), "loss", fails_later)
    finish(work)
    assert "diverged in epoch 2" in work.stopped
    assert "that of epoch 1" in work.stopped
    assert same(work.model, one.model)
    assert work.curve == one.curve
    del loss


def test_stopping_by_hand_is_what_stop_after_replays(digits):
    whole = begin(digits, "finetune", epochs=3)
    for _ in range(24):  # in the middle of the third epoch
        whole.step()
    stopped = begin(digits, "finetune", epochs=3, stop_after=2)
    stopped.restore(whole.state())
    assert stopped.finished
    assert stopped.stopped == ""  # it did all that was asked
    replayed = finish(begin(digits, "finetune", epochs=3, stop_after=2))
    assert same(stopped.model, replayed.model)
    assert stopped.curve == replayed.curve
    earlier = begin(digits, "finetune", epochs=3, stop_after=1)
    with pytest.raises(ValueError, match="holds 2 whole epochs, and stop_after asks for 1"):
        earlier.restore(whole.state())


def test_early_stopping_looks_at_inputs_set_aside(digits):
    good = finish(begin(digits, "finetune", epochs=6, good_enough=0.8))
    assert good.curve[-1].validation_value >= 0.8
    assert len(good.curve) < 6
    assert "was good enough" in good.stopped
    able = replace(digits, model=digits.teacher, masks={})
    patient = finish(begin(able, "finetune", epochs=9, patience=2, learning_rate=1e-6))
    seen = [row.validation_value for row in patient.curve]
    assert max(seen[:-2]) >= max(seen[-2:])
    assert len(seen) < 9
    assert "no better accuracy" in patient.stopped
    assert finish(begin(digits, "finetune", epochs=1)).curve[0].validation_value is None


def test_masked_training_is_plain_training_where_nothing_is_masked(digits):
    """The loop against the few lines that PyTorch's documentation shows."""
    data = replace(digits.data, augmentation=Augmentation(known=True))
    task = replace(digits, model=digits.teacher, masks={}, data=data)
    settings = {"epochs": 2, "learning_rate_schedule": "constant", "learning_rate": 0.01}
    work = begin(task, "finetune", **settings)
    import copy

    network = copy.deepcopy(digits.teacher).train().requires_grad_(True)
    optimiser = torch.optim.SGD(network.parameters(), 0.01, momentum=0.9, weight_decay=5e-4)
    for epoch in range(2):
        generator = torch.Generator().manual_seed(task.draw("finetune", "order", epoch))
        for rows in torch.randperm(len(data.train_y), generator=generator).split(128):
            optimiser.zero_grad()
            cross_entropy(network(data.train_x[rows]), data.train_y[rows]).backward()
            optimiser.step()
    assert same(finish(work).model, network)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"epochs": 0}, r"'epochs' must be in \[1"),
        ({"batch_size": 1}, r"'batch_size' must be in \[2"),
        ({"batch_size": 5000}, "batch size of 5,000 does not fit 1,198 training inputs"),
        ({"epochs": 1, "batch_size": 1198}, "one-cycle learning rate needs 2 steps"),
        ({"optimiser": "lion"}, "must be one of sgd, adamw"),
    ],
)
def test_settings_that_cannot_be_are_named(digits, settings, words):
    with pytest.raises(ValueError, match=words):
        begin(digits, "finetune", **settings)


@pytest.mark.parametrize("batch_size", [2, 3, 128])
def test_one_training_input_is_too_few_whatever_the_batch_size(digits, batch_size):
    few = replace(digits.data, train_x=digits.data.train_x[:1], train_y=digits.data.train_y[:1])
    with pytest.raises(ValueError, match=r"1 training input is there.*give more training inputs"):
        begin(replace(digits, data=few), "finetune", batch_size=batch_size)


def test_labels_that_are_no_output_are_named(digits):
    data = replace(digits.data, train_y=digits.data.train_y + 1)
    with pytest.raises(ValueError, match="training labels run from 1 to 10, and the model has 10"):
        begin(replace(digits, data=data), "finetune")


def test_images_are_moved_only_where_there_are_any(tumours):
    with pytest.raises(ValueError, match="augmentation 'flip' is for images"):
        begin(tumours, "finetune", augmentation="flip")


def test_a_last_batch_of_one_is_left_out(tumours):
    count = len(tumours.data.train_y)
    work = finish(begin(tumours, "finetune", epochs=1, batch_size=(count - 1) // 2))
    assert count == 379
    assert work.total == 2


def test_a_missing_graphics_card_is_named(digits):
    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device here")
    with pytest.raises(ValueError, match="no CUDA device"):
        begin(replace(digits, device="cuda"), "finetune")
    with pytest.raises(ValueError, match="unknown device 'tpu'"):
        begin(replace(digits, device="tpu"), "finetune")
    assert same(*(finish(begin(replace(digits, device=d), "finetune", epochs=1)).model
                  for d in ("cpu", "auto")))  # fmt: skip


def test_a_state_of_something_else_is_refused(digits, tumours):
    state = begin(digits, "finetune").state()
    with pytest.raises(ValueError, match="one of 'finetune', not of 'distill'"):
        begin(digits, "distill").restore(state)
    with pytest.raises(ValueError, match="another network's weights"):
        begin(tumours, "finetune").restore(state)
