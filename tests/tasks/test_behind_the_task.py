"""What is differentiated, trained on, scanned and compared is the loss of the Subject's task."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from pruneviz import run
from pruneviz.analyses import scans
from pruneviz.compare import divergence
from pruneviz.criteria import CRITERIA, check_asked
from pruneviz.explain import METHODS, attribute, convolutions_and_linears, detectors
from pruneviz.plan import Plan
from pruneviz.propose.measured_loss import Judge
from pruneviz.stages.recovery_rounds import RecoveryRounds
from pruneviz.statistics import STATISTICS
from pruneviz.stepwise import complete
from pruneviz.subjects import Subject, load_subject
from pruneviz.tasks import CLASSIFICATION
from pruneviz.tasks.classification import Classification
from pruneviz.tasks.task import Explained
from pruneviz.wording import RefusedError, misfits
from pruneviz.wording.refusals import choosing
from tests.scoring import asked, perceptron

ROOT = Path(__file__).parents[2]
LOSSES = ("cross_entropy", "kl_div", "nll_loss", "mse_loss", "CrossEntropyLoss", "KLDivLoss")
# Who may still name a loss outside the tasks, and why.
LEFT: dict[str, str] = {}
PLAN = Plan(model="sample:tumour-mlp", sparsity=0.5)


class Weighed(Classification):
    """Classification in which a loss counts 4 times, a divergence 8, and a score 16 times.

    Powers of 2, so that every number is exactly as many times as large.
    """

    def loss(self, output, target, reduction="mean"):
        return 4 * super().loss(output, target, reduction)

    def distil(self, output, teacher, temperature=1.0, reduction="mean", target=None):
        return 8 * super().distil(output, teacher, temperature, reduction, target)

    def explained(self, output, target=None, within=()):
        def more(each):
            return Explained(each.name, lambda out: 16 * each.of(out))

        return [more(each) for each in super().explained(output, target, within)]


@pytest.fixture(scope="module")
def plain() -> Subject:
    subject = load_subject(PLAN)
    assert subject.task is CLASSIFICATION
    data = subject.data
    few = {"calibration_x": data.calibration_x[:16], "calibration_y": data.calibration_y[:16]}
    return replace(subject, data=replace(data, **few))


@pytest.fixture(scope="module")
def weighed(plain) -> Subject:
    return replace(plain, task=Weighed())


def losses_of(name: str) -> bool:
    """Whether a criterion looks at the loss, or at a label's score: whatever asks for labels."""
    return any("labels" in STATISTICS.get(need).needs for need in CRITERIA.get(name).needs)


TIMES = {  # what each score is multiplied by where the loss counts 4 times; None: as it was
    "ablation": 4, "attribution": 16, "fisher": 16, "fisher_activation": 16,
    "gradient_magnitude": 4, "grasp": 16, "movement": None, "obd": 4, "snip": 4, "taylor": 16,
    "taylor_activation": 1, "taylor_group": 4, "taylor_weight": 16,
}  # fmt: skip


def test_every_criterion_that_looks_at_the_loss_is_held():
    assert {entry.name for entry in CRITERIA if losses_of(entry.name)} == TIMES.keys()


@pytest.mark.parametrize("criterion", TIMES)
def test_criteria_differentiate_the_task_s_loss(criterion, plain, weighed):
    settings = {"movement": {"steps": 1}, "taylor_activation": {"normalise": False}}
    given = settings.get(criterion, {})
    plan = PLAN.changed(criterion=criterion, criterion_parameters=given)
    before, after = (run.prepare(each, plan).scores for each in (plain, weighed))
    times = 4 if criterion in settings else TIMES[criterion]
    for name, scores in before.items():
        assert scores.any()
        torch.testing.assert_close(after[name], times * scores, rtol=1e-5, atol=0)


def test_a_criterion_is_refused_with_what_does_not_fit_the_task():
    x, network = torch.randn(4, 8), perceptron()
    for model, labels, why in (
        (network, torch.arange(4), misfits.labels_beyond_outputs(0, 3, 3)),
        (nn.Sequential(network, nn.Unflatten(1, (3, 1))), torch.zeros(4, dtype=torch.long),
         misfits.answers_otherwise((1, 3, 1), "(inputs, classes)")),
    ):  # fmt: skip
        with pytest.raises(RefusedError) as caught:
            check_asked(asked(model, x, "taylor", labels=labels))
        assert caught.value.fact == choosing.no_loss("taylor", why)
        assert str(why) in str(caught.value)


@pytest.mark.parametrize("method", ["finetune", "distill"])
def test_training_makes_the_task_s_loss_small(method, plain, weighed):
    # one step of plain descent from the same weights: its curve and its weights say the loss
    settings = {
        "epochs": 1, "batch_size": len(plain.data.train_y), "optimiser": "sgd", "momentum": 0.0,
        "weight_decay": 0.0, "learning_rate_schedule": "constant", "learning_rate": 0.01,
    }  # fmt: skip
    plan = PLAN.changed(recovery=[{"method": method, "parameters": settings}])
    moved, rows = [], []
    for subject in (plain, weighed):
        prepared = run.prepare(subject, plan)
        start = run.prune(prepared, PLAN).model.state_dict()
        work = complete(RecoveryRounds(prepared, plan))
        end = work.result().model.state_dict()
        moved.append({name: (end[name] - start[name]).double() for name in start})
        rows.append(work.curve)
    first, second = rows
    assert second[0].held_out_loss == 4 * first[0].held_out_loss  # pruned, nothing trained
    assert second[1].held_out_loss != first[1].held_out_loss
    if method == "finetune":
        assert second[1].loss == pytest.approx(4 * first[1].loss, rel=1e-6)
        for name, step in moved[0].items():
            torch.testing.assert_close(moved[1][name], 4 * step, rtol=1e-3, atol=1e-6)
    else:  # 0.9 of the divergence and 0.1 of the loss
        assert 4 * first[1].loss < second[1].loss < 8 * first[1].loss


def test_a_recovery_without_training_says_the_task_s_loss(plain, weighed):
    plan = PLAN.changed(recovery=[{"method": "correct_biases"}])
    curves = [
        complete(RecoveryRounds(run.prepare(each, plan), plan)).curve for each in (plain, weighed)
    ]
    for before, after in zip(*curves, strict=True):
        assert after.held_out_loss == 4 * before.held_out_loss
    assert [row.step for row in curves[0]] == ["prune", "correct_biases"]


def test_a_scan_has_the_task_s_loss_and_divergence(plain, weighed):
    first, second = (
        complete(scans.scan(run.prepare(each, PLAN), (0.5,))) for each in (plain, weighed)
    )
    for before, after in zip([first.baseline, *first.rows], [second.baseline, *second.rows],
                             strict=True):  # fmt: skip
        assert after.loss == 4 * before.loss
        assert after.loss_change == 4 * before.loss_change
        assert after.kl == 8 * before.kl
    assert any(row.kl > 0 for row in first.rows)
    point = scans.baseline_point(run.prepare(weighed, PLAN))
    assert point.loss == second.baseline.loss


def test_a_proposal_is_judged_by_the_task_s_loss(plain, weighed):
    judges = [Judge(run.prepare(each, PLAN)) for each in (plain, weighed)]
    network = run.prune(run.prepare(plain, PLAN), PLAN).model
    first, second = (judge.judged(network).loss for judge in judges)
    assert second == 4 * first > 0


def test_two_networks_are_compared_by_the_task(plain):
    logits = torch.randn(2, 9, 3, generator=torch.Generator().manual_seed(0))
    apart = [divergence(*logits, task).kl_nats for task in (CLASSIFICATION, Weighed())]
    assert apart[1] == 8 * apart[0] > 0


def test_explanations_are_of_what_the_task_says(plain):
    x = plain.data.x[:1]
    for method in METHODS.names():
        if method != "grad_cam":  # a table has no map
            given = {"steps": 50} if method == "integrated_gradients" else {}
            first, second = (
                attribute(plain.model, x, task.explained(plain.model(x))[1], method, given)
                for task in (CLASSIFICATION, Weighed())
            )
            assert first.values.any()
            torch.testing.assert_close(second.values, 16 * first.values, rtol=1e-5, atol=0)
    layer = convolutions_and_linears(plain.model)[0]
    first, second = (
        detectors(plain.model, x, layer, task.explained(plain.model(x))[1])
        for task in (CLASSIFICATION, Weighed())
    )
    assert torch.equal(second.importance, 16 * first.importance)
    assert torch.equal(second.maps, first.maps)


def test_a_map_of_places_is_of_what_the_task_says():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 3)).eval()
    x = torch.ones(1, 1, 8, 8)
    first, second = (
        attribute(model, x, task.explained(model(x))[2], "grad_cam").values
        for task in (CLASSIFICATION, Weighed())
    )
    assert first.any()
    torch.testing.assert_close(second, 16 * first, rtol=1e-5, atol=0)


def named_losses(tree: ast.AST) -> set[str]:
    """Return the losses that a file's code names: imported, called, or asked of a module."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, ast.Name):
            found.add(node.id)
    return found & {*LOSSES}


def test_no_loss_is_named_outside_the_tasks():
    paths = [*(ROOT / "pruneviz").rglob("*.py"), *(ROOT / "pages").glob("*.py")]
    texts = {path.relative_to(ROOT).as_posix(): path.read_text() for path in paths}
    saying = {n: text for n, text in texts.items() if any(loss in text for loss in LOSSES)}
    naming = {name for name, text in saying.items() if named_losses(ast.parse(text))}
    within = {name for name in naming if name.startswith("pruneviz/tasks/")}
    assert "pruneviz/tasks/classification.py" in within
    assert naming - within == LEFT.keys()


@pytest.mark.parametrize(
    "code",
    [
        "from torch.nn.functional import cross_entropy",
        "loss = nn.functional.cross_entropy(z, y)",
        "loss = F.kl_div(a, b)",
        "loss = nn.CrossEntropyLoss()",
    ],
)
def test_a_named_loss_is_found(code):
    assert named_losses(ast.parse(code))


def test_a_word_or_a_name_in_a_text_is_no_loss():
    assert not named_losses(ast.parse('title = "cross_entropy"  # kl_div'))
