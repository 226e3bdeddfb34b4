"""Recovery of what is no classification by accuracy: other targets, losses, metrics, directions."""

from __future__ import annotations

import io
import random
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from pruneviz import run as engine
from pruneviz.analyses.finished_recovery import load_recovered
from pruneviz.evaluate import predict
from pruneviz.history.folder import RunFolder
from pruneviz.history.label import Label, write_label
from pruneviz.metrics import METRICS, best_row
from pruneviz.plan import Plan
from pruneviz.recovery import RecoveryRequest
from pruneviz.recovery.choice import better
from pruneviz.recovery.training.augment import augmentation_note, can_move, chosen_augmentation
from pruneviz.recovery.training.settings import TRAINING, Settings
from pruneviz.recovery.training.stopping import check_good_enough, why_stop
from pruneviz.report import EpochRow, differences
from pruneviz.stages.recovery_rounds import RecoveryRounds
from pruneviz.store import write_run
from pruneviz.subjects import Augmentation, Data, load_subject
from pruneviz.tasks import CLASSIFICATION, IGNORED, TASKS
from pruneviz.tasks.regression import Regression
from pruneviz.wording import RefusedError, retrained
from pruneviz.wording.refusals import training
from tests.recovering import begin, finish, same

FINETUNE = {"method": "finetune", "parameters": {"epochs": 5}}
DIABETES = Plan(model="sample:diabetes-mlp", sparsity=0.7, recovery=[FINETUNE])
MAE = METRICS.get("mae")


@pytest.fixture(scope="module")
def diabetes():
    """The sample that foretells a number, prepared, pruned and fine-tuned, with its report."""
    return engine.run(DIABETES, latency_runs=3)


def test_what_pruning_cost_a_regression_is_won_back(diabetes):
    prepared, pruned, report = diabetes
    recovery, data, pair = report.recovery, prepared.subject.data, report.primary
    assert pair.metric == recovery.before.metric == "mae"
    assert pair.original < pair.pruned < recovery.before.value
    assert recovery.before.value - pair.pruned > 0.3 * (recovery.before.value - pair.original)
    errors = (predict(pruned.model, data.x) - data.y).double()
    last = recovery.curve[-1]
    assert last.metric == "mae"
    assert last.value == pytest.approx(float(errors.abs().mean()), rel=1e-6)
    assert last.held_out_loss == pytest.approx(float(errors.square().mean()), rel=1e-5)
    assert last.interval == pytest.approx(pair.pruned_interval)
    assert recovery.before.interval[0] < recovery.before.value < recovery.before.interval[1]
    values = [row.value for row in recovery.curve[1:]]
    assert recovery.best_epoch == 1 + values.index(min(values))
    assert report.accuracy is None


def test_a_regression_replays_and_goes_on_after_any_interruption(diabetes):
    prepared, pruned, report = diabetes
    work, chance, breaks = RecoveryRounds(prepared, DIABETES), random.Random(2), 0
    while not work.finished:
        work.step()
        if chance.random() < 0.3:
            file = io.BytesIO()
            torch.save(work.state(), file)
            file.seek(0)
            work = RecoveryRounds(prepared, DIABETES)
            work.restore(torch.load(file, weights_only=True))
            breaks += 1
    assert breaks > 2
    again = work.result()
    assert same(again.model, pruned.model)
    assert again.recovery.curve == report.recovery.curve
    first, second = (
        replace(each, recovery=each.recovery.model_copy(update={"seconds": 0.0}))
        for each in (again, pruned)
    )
    assert first.recovery == second.recovery


def test_a_finished_regression_is_read_back_and_an_imported_one_measured_again(diabetes, tmp_path):
    prepared, pruned, report = diabetes
    write_run(tmp_path, prepared, pruned, report)
    loaded = load_recovered(prepared, DIABETES, tmp_path)
    assert same(loaded.model, pruned.model)
    assert loaded.recovery == report.recovery
    write_label(RunFolder(tmp_path), Label(imported="2026-01-01T00:00:00+00:00"))
    assert same(load_recovered(prepared, DIABETES, tmp_path).model, pruned.model)
    worse = report.quality[0].model_copy(update={"pruned": report.quality[0].pruned + 1})
    false = report.model_copy(update={"quality": (worse, *report.quality[1:])})
    (tmp_path / "report.json").write_text(false.model_dump_json())
    with pytest.raises(ValueError, match="the mean absolute error of its network is"):
        load_recovered(prepared, DIABETES, tmp_path)


def test_training_metrics_are_those_of_all_inputs_that_were_trained_on(diabetes):
    prepared, _, _ = diabetes
    subject = prepared.subject
    asked = RecoveryRequest(
        model=subject.model, masks={}, cuts=(), teacher=subject.model, data=subject.data,
        task=subject.task,
    )  # fmt: skip
    still = {"epochs": 1, "learning_rate": 1e-8, "weight_decay": 0.0, "batch_size": 59}
    (row,) = finish(begin(asked, "finetune", **still)).curve
    assert len(subject.data.train_x) % 59 == 0  # a loss is the mean over batches
    errors = (predict(subject.model, subject.data.train_x) - subject.data.train_y).double()
    assert row.train_value == pytest.approx(float(errors.abs().mean()), rel=1e-4)
    assert row.loss == pytest.approx(float(errors.square().mean()), rel=1e-4)


def test_a_learning_rate_means_the_same_in_any_unit(diabetes):
    prepared, _, _ = diabetes
    y = prepared.subject.data.train_y
    variance = float(y.double().var(unbiased=False))
    assert Regression().unit(y) == pytest.approx(variance)
    assert Regression().unit(1000 * y) == pytest.approx(1e6 * variance)
    assert Regression().unit(torch.full((4, 1), 3.0)) == 1.0
    assert CLASSIFICATION.unit(torch.arange(3)) == 1.0


def test_distillation_and_rounds_win_a_regression_back_too(diabetes):
    prepared, _, report = diabetes
    step = {"method": "distill", "parameters": {"epochs": 6}}
    rounds = {"schedule": "linear", "schedule_parameters": {"rounds": 2}}
    work = finish(RecoveryRounds(prepared, DIABETES.changed(recovery=[step], **rounds)))
    assert work.curve[-1].value < report.recovery.before.value - 1
    assert {row.metric for row in work.curve} == {"mae"}


def test_a_classification_is_judged_by_the_metric_that_was_asked_for():
    plan = Plan(model="sample:tumour-mlp", sparsity=0.8, metric="average_precision")
    subject = load_subject(plan)
    asked = RecoveryRequest(
        model=subject.model, masks={}, cuts=(), teacher=subject.model, data=subject.data,
        task=subject.task, metric=subject.metrics[0],
    )  # fmt: skip
    work = finish(begin(asked, "finetune", epochs=1, patience=1))
    tally = subject.task.tally(predict(work.model, subject.data.x), subject.data.y)
    (row,) = work.curve
    assert row.metric == "average_precision"
    assert row.value == subject.metrics[0].combine(tally)
    assert row.interval == subject.metrics[0].interval(tally)
    assert 0 < row.validation_value <= 1


class NextToken(nn.Module):
    """A bigram: logits (B, places, tokens) of tokens (B, places)."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.embedding, self.head = nn.Embedding(7, 8), nn.Linear(8, 7)

    def forward(self, x):
        return self.head(self.embedding(x))


def counting() -> Data:
    """Return texts in which each token follows the one below it, the last place not judged."""
    x = (torch.arange(5) + torch.arange(60)[:, None]) % 7
    y = (x + 1) % 7
    y[:, -1] = IGNORED
    return Data(
        reference="made", x=x[:20], y=y[:20], calibration_x=x[20:40], calibration_y=y[20:40],
        train_x=x[20:], train_y=y[20:], augmentation=Augmentation(), classes=(), features=(),
        mean=(), std=(), sha256="", note="",
    )  # fmt: skip


def test_tokens_are_trained_on_and_judged_by_their_perplexity():
    data, network = counting(), NextToken().eval().requires_grad_(False)
    task = TASKS.get("language_modelling").implementation()
    asked = RecoveryRequest(model=network, masks={}, cuts=(), teacher=network, data=data, task=task)
    work = finish(
        begin(asked, "finetune", epochs=8, batch_size=8, learning_rate=1.0, good_enough=1.5)
    )
    assert work.curve[-1].validation_value <= 1.5 < work.curve[-2].validation_value
    assert "perplexity on the training inputs set aside, and 1.500 was good enough" in work.stopped
    last = work.curve[-1]
    logits = predict(work.model, data.x)
    nll = cross_entropy(logits[:, :-1].flatten(0, 1).double(), data.y[:, :-1].flatten())
    assert last.metric == "perplexity"
    assert last.value == pytest.approx(float(nll.exp()), rel=1e-6)
    assert last.held_out_loss == pytest.approx(float(nll), rel=1e-5)


def test_training_refuses_targets_of_another_task():
    data, network = counting(), NextToken().eval()
    asked = RecoveryRequest(
        model=network, masks={}, cuts=(), teacher=network, task=Regression(),
        data=replace(data, train_y=data.train_y[:, :3].float()),
    )  # fmt: skip
    with pytest.raises(RefusedError):
        begin(asked, "finetune", epochs=1)


def row(value: float, aside: float | None = None, epoch: int = 1, metric: str = "mae") -> EpochRow:
    return EpochRow(
        metric=metric, round=1, step="finetune", epoch=epoch, loss=1.0, value=value,
        held_out_loss=1.0, validation_value=aside, sparsity=0.5,
    )  # fmt: skip


def settings(**given) -> Settings:
    return Settings.of({**{p.name: p.default for p in TRAINING}, **given})


def test_the_best_epoch_is_the_one_of_the_metric_s_own_direction():
    values = [3.0, 1.0, 2.0, float("nan")]
    rows = [row(value, epoch=epoch) for epoch, value in enumerate(values, 1)]
    assert best_row(rows).epoch == 2
    assert best_row([each.model_copy(update={"metric": "r2"}) for each in rows]).epoch == 1
    assert best_row([row(float("nan"))]) is None


@pytest.mark.parametrize(
    ("seen", "asked", "says"),
    [
        ([5.0, 4.0, 4.5, 4.2], {"patience": 2}, "no better mean absolute error"),
        ([5.0, 4.0, 4.5, 3.9], {"patience": 2}, ""),
        ([5.0, float("nan"), float("nan")], {"patience": 2}, "no better"),
        ([5.0, 4.0], {"good_enough": 4.1}, "4.000 is the mean absolute error"),
        ([5.0, 4.2], {"good_enough": 4.1}, ""),
    ],
)
def test_training_stops_early_in_the_metric_s_own_direction(seen, asked, says):
    curve = [row(1.0, aside=value) for value in seen]
    stopped = why_stop(curve, settings(**asked), MAE, "fine-tuning", len(seen))
    assert says in stopped
    assert bool(stopped) == bool(says)


def test_what_no_network_can_be_is_never_good_enough():
    check_good_enough(settings(good_enough=45.0), MAE)
    for name in ("accuracy", "r2"):
        with pytest.raises(RefusedError) as refused:
            check_good_enough(settings(good_enough=45.0), METRICS.get(name))
        assert refused.value.fact in training.better_than_possible
        assert "from 0 to 1" in str(refused.value)


def test_a_change_without_training_is_kept_where_the_error_is_lower(diabetes):
    prepared, pruned, _ = diabetes
    subject = prepared.subject
    bad = engine.prune(prepared, DIABETES.changed(recovery=[])).model
    asked = RecoveryRequest(
        model=subject.model, masks={}, cuts=(), teacher=subject.model, data=subject.data,
        task=subject.task,
    )  # fmt: skip
    kept, note = better(asked, bad, "biases")
    assert same(kept, subject.model)
    assert note in retrained.left_as_it_was
    assert "mean absolute error on the calibration inputs" in str(note)
    kept, note = better(replace(asked, model=bad, cuts=pruned.cuts), subject.model, "biases")
    assert kept is subject.model
    assert note is None


def test_images_whose_targets_are_places_in_them_are_not_moved(digits):
    masks = torch.zeros(len(digits.data.train_y), 8, 8, dtype=torch.long)
    moved = Augmentation(shift_pixels=1, known=True)
    data = replace(digits.data, train_y=masks, augmentation=moved)
    assert can_move(digits.data)
    assert not can_move(data)
    assert chosen_augmentation(digits.data, "as_trained") == digits.data.augmentation
    assert chosen_augmentation(data, "as_trained") == Augmentation(known=True)
    assert augmentation_note(data, "as_trained") in retrained.targets_would_stay
    assert augmentation_note(data, "none") is None
    with pytest.raises(RefusedError) as refused:
        chosen_augmentation(data, "flip")
    assert refused.value.fact in training.augmentation_of_places


OLD = (
    '{"round":1,"step":"finetune","epoch":2,"loss":0.5,"train_accuracy":0.9,"accuracy":0.7,'
    '"held_out_loss":0.4,"validation_accuracy":null,"sparsity":0.25,"learning_rate":0.01}'
)


def test_curves_of_accuracies_are_read_and_written_as_ever():
    read = EpochRow.model_validate_json(OLD)
    assert (read.metric, read.value, read.train_value) == ("accuracy", 0.7, 0.9)
    assert read.model_dump_json() == OLD
    assert EpochRow(**read.model_dump()) == read
    for wrong in ({"value": 0.1}, {"metric": "mae"}):  # one name for one number
        with pytest.raises(ValueError, match="accuracy"):
            EpochRow(**read.model_dump(), **wrong)


@pytest.mark.parametrize("value", [1.5, float("inf"), float("nan")])
def test_curves_of_other_metrics_are_read_as_they_were_written(value):
    made = row(value).model_copy(update={"interval": (0.5, float("inf"))})
    dumped = made.model_dump(mode="json")
    assert dumped["metric"] == "mae"
    for again in (
        EpochRow.model_validate_json(made.model_dump_json()),
        EpochRow(**dumped),
        EpochRow(**made.model_dump()),
    ):
        assert differences(again.model_dump(mode="json"), dumped) == []
        assert again.interval == made.interval
