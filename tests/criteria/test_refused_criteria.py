"""What a criterion cannot do it says before it computes for long, and it names what can."""

from __future__ import annotations

import inspect
from dataclasses import replace

import pytest
import torch
from torch import nn

from pruneviz import run
from pruneviz.criteria import CRITERIA, score_asked
from pruneviz.plan import Plan
from pruneviz.registry import Parameter
from pruneviz.statistics import STATISTICS, needs_data, needs_derivatives
from pruneviz.subjects import load_subject
from pruneviz.wording import RefusedError, judged
from pruneviz.wording.refusals import choosing
from tests.scoring import all_scored, asked, perceptron, scored

WITH_DATA = [entry.name for entry in CRITERIA if needs_data(entry.needs)]
WITH_DERIVATIVES = [entry.name for entry in CRITERIA if needs_derivatives(entry.needs)]
WITH_LABELS = [
    entry.name for entry in CRITERIA
    if any("labels" in STATISTICS.get(name).needs for name in entry.needs)
]  # fmt: skip


@pytest.mark.parametrize("criterion", WITH_DATA)
def test_without_data(criterion):
    question = asked(perceptron(), torch.randn(4, 8), criterion)
    for given in (None, replace(question.given, x=torch.zeros(0, 8), y=torch.zeros(0).long())):
        with pytest.raises(ValueError, match=f"'{criterion}' needs data .* magnitude_l1"):
            score_asked(replace(question, given=given))


@pytest.mark.parametrize("criterion", sorted(set(CRITERIA.names()) - set(WITH_DATA)))
def test_without_data_where_none_is_needed(criterion):
    question = replace(asked(perceptron(), torch.randn(4, 8), criterion), given=None)
    assert score_asked(question).scores


@pytest.mark.parametrize(
    ("criterion", "settings", "says"),
    [(name, {}, "needs data .* magnitude_l1") for name in WITH_DATA]
    + [("bn_scale", {}, "this model has none: choose a criterion"),
       ("magnitude_l1", {"reduction": "l3"}, "'reduction' must be one of"),
       ("obd", {"sweeps": 3}, "has no parameter 'sweeps'; it takes: probes")],
)  # fmt: skip
def test_a_plan_is_refused_before_units_are_looked_for(criterion, settings, says, monkeypatch):
    model = nn.Sequential(nn.Linear(8, 6), nn.ReLU(), nn.Linear(6, 3)).eval()
    subject = replace(load_subject(Plan(model="sample:tumour-mlp")), model=model, data=None,
                      example=torch.randn(2, 8))  # fmt: skip
    monkeypatch.setattr(
        "pruneviz.stages.prepare.find_units", lambda *args: pytest.fail("looked for units")
    )
    granularities = ("channel", "depth", "expert")
    granularity = next(name for name in granularities if CRITERIA.get(criterion).fits(name))
    plan = Plan(criterion=criterion, criterion_parameters=settings, granularity=granularity)
    with pytest.raises(ValueError, match=says):
        run.prepare(subject, plan)


def test_data_that_do_not_fit_are_refused_before_units_are_looked_for(monkeypatch):
    subject = load_subject(Plan(model="sample:tumour-mlp"))
    monkeypatch.setattr(
        "pruneviz.stages.prepare.find_units", lambda *args: pytest.fail("looked for units")
    )
    with pytest.raises(ValueError, match="there is no class 'cat': name some of"):
        run.prepare(subject, Plan(criterion="attribution",
                                  criterion_parameters={"classes": "cat"}))  # fmt: skip
    wrong = replace(subject.data, calibration_y=subject.data.calibration_y + 1)
    for criterion in WITH_LABELS:
        with pytest.raises(ValueError, match="class 2, and the model has 2 outputs"):
            run.prepare(replace(subject, data=wrong), Plan(criterion=criterion))


@pytest.mark.parametrize("criterion", WITH_DATA)
def test_data_that_are_no_numbers_are_named(criterion):
    """Ranks, entropies and losses of NaN: a sentence, whatever is computed on the way."""
    x = torch.randn(4, 8)
    x[1] = torch.nan
    with pytest.raises(ValueError, match=r"inputs hold values that are not finite: take"):
        scored(perceptron(), x, criterion, labels=torch.tensor([0, 1, 2, 0]))


@pytest.mark.parametrize("criterion", ["obs", "sparsegpt", "wanda", "fisher", "obd", "taylor"])
def test_weights_that_are_no_numbers_are_named(criterion):
    model = perceptron()
    model[0].weight.data[0, 0] = torch.nan
    with pytest.raises(ValueError, match=r"not finite.*look for NaN"):
        scored(model, torch.randn(4, 8), criterion, labels=torch.tensor([0, 1, 2, 0]))


class Odd(nn.Module):
    """A network that answers with something else than classes."""

    def __init__(self, way):
        super().__init__()
        self.layers, self.way = perceptron(), way

    def forward(self, x):
        out = self.layers(x)
        return {"tuple": (out, out), "map": out[:, :, None]}[self.way]


@pytest.mark.parametrize("way", ["tuple", "map"])
@pytest.mark.parametrize("criterion", WITH_LABELS)
def test_without_a_loss(criterion, way):
    with pytest.raises(ValueError, match=r"answers with.*magnitude_l1"):
        scored(Odd(way).eval(), torch.randn(4, 8), criterion, "weight")


STEPS = {
    "whole": lambda out: (10 * out).round().long(),
    "rounded": lambda out: (10 * out).round(),
    "chosen": lambda out: nn.functional.one_hot(out.argmax(1), 3).float(),
    "signs": lambda out: out > 0,
    "detached": lambda out: out.detach(),
}


class Stepped(nn.Module):
    """A network whose answers, or what a layer within passes on, do not change smoothly."""

    def __init__(self, way, within=0):
        super().__init__()
        self.layers, self.way, self.within = perceptron(), way, within

    def forward(self, x):
        step = STEPS[self.way]
        if not self.within:
            return step(self.layers(x))
        return self.layers[self.within :](step(self.layers[: self.within](x)).float())


@pytest.mark.parametrize("way", STEPS)
@pytest.mark.parametrize("criterion", WITH_DERIVATIVES)
def test_answers_without_a_slope(criterion, way):
    with pytest.raises(RefusedError) as refusal:
        scored(Stepped(way).eval(), torch.randn(4, 8), criterion)
    assert refusal.value.fact == choosing.no_slope(criterion, measured=True)


@pytest.mark.parametrize("way", STEPS)
@pytest.mark.parametrize("criterion", ["magnitude_l1", "activation_l2", "ablation"])
def test_what_is_named_in_their_place_works(criterion, way):
    x, labels = torch.randn(32, 8), torch.arange(32) % 3
    assert criterion in str(choosing.no_slope("taylor", measured=True))
    _, scores = scored(Stepped(way).eval(), x, criterion, labels=labels)
    assert all(len(found.unique()) > 1 for found in scores.values())


def test_the_loss_of_whole_numbers_is_measured_on_them():
    x, labels = torch.randn(32, 8), torch.arange(32) % 3
    whole, rounded = (
        scored(Stepped(way).eval(), x, "ablation", labels=labels)[1] for way in ("whole", "rounded")
    )
    for name, scores in whole.items():
        assert torch.allclose(scores, rounded[name], atol=1e-6)


@pytest.mark.parametrize("criterion", ["taylor", "fisher", "taylor_activation"])
def test_layers_that_no_derivative_reaches_are_named(criterion):
    entry = CRITERIA.get(criterion)
    x, labels = torch.randn(32, 8), torch.arange(32) % 3
    before = all_scored(Stepped("rounded", within=3).eval(), x, criterion, labels=labels)
    assert before.notes == (judged.no_derivative(entry.title, "layers.0", 1),)
    assert not all_scored(perceptron(), x, criterion, labels=labels).notes


@pytest.mark.parametrize("criterion", ["taylor", "snip", "fisher", "movement", "magnitude_l1"])
def test_complex_weights_have_a_score_or_are_named(criterion):
    class Complex(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.two = nn.Linear(8, 6, dtype=torch.complex64), nn.Linear(6, 3)

        def forward(self, x):
            return self.two(self.one(x.to(torch.complex64)).abs())

    torch.manual_seed(0)
    model, labels = Complex().eval(), torch.tensor([0, 1, 2, 0])
    question = asked(model, torch.randn(4, 8), criterion, "weight", labels=labels)
    if criterion in ("taylor", "fisher", "movement"):
        with pytest.raises(RefusedError) as refusal:
            score_asked(question)
        assert refusal.value.fact == choosing.complex_scores(criterion, "one")
    else:
        assert all(found.isfinite().all() for found in score_asked(question).scores.values())


@pytest.mark.parametrize("criterion", WITH_LABELS)
def test_labels_that_the_model_has_no_output_for(criterion):
    with pytest.raises(ValueError, match="class 3, and the model has 3 outputs"):
        scored(perceptron(), torch.randn(4, 8), criterion, labels=torch.tensor([0, 3, 1, 1]))


@pytest.mark.parametrize(
    ("criterion", "layer", "inputs"), [("obs", 0, 8), ("sparsegpt", 0, 8), ("thinet", 3, 6)]
)
def test_a_layer_that_reads_too_much_is_named(criterion, layer, inputs):
    with pytest.raises(ValueError, match=rf"'{layer}\.weight' reads {inputs}, more than 5"):
        scored(perceptron(), torch.randn(4, 8), criterion, most_inputs=5)


def test_more_units_than_can_be_measured_one_by_one():
    with pytest.raises(ValueError, match="once for each unit, and there are 93, more than 92"):
        scored(perceptron(), torch.randn(4, 8), "ablation", "weight", most_units=92)


def test_a_layer_that_is_not_seen_to_run_is_named():
    class Unseen(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.two = nn.Linear(8, 6), nn.Linear(6, 3)

        def forward(self, x):
            return self.two(torch.relu(x @ self.one.weight.T))

    with pytest.raises(ValueError, match=r"squares of the inputs of 'one\.weight'.*magnitude_l1"):
        scored(Unseen().eval(), torch.randn(4, 8), "wanda", "weight")


@pytest.mark.parametrize("criterion", ["grasp", "obd"])
def test_networks_that_cannot_be_derived_twice(criterion):
    model = nn.Sequential(nn.Linear(8, 6), nn.Hardsigmoid(), nn.Linear(6, 3)).eval()
    with pytest.raises(ValueError, match=r"needs second derivatives.*such as fisher"):
        scored(model, torch.randn(4, 8), criterion)


def test_networks_without_batchnorm():
    model = nn.Sequential(nn.Linear(8, 6), nn.ReLU(), nn.Linear(6, 3)).eval()
    with pytest.raises(ValueError, match="has none: choose a criterion"):
        scored(model, torch.randn(4, 8), "bn_scale")


@pytest.mark.parametrize("entry", list(CRITERIA), ids=lambda entry: entry.name)
def test_every_parameter_is_taken_and_explained(entry):
    taken = list(inspect.signature(entry.implementation).parameters)[2:]
    assert taken == [p.name for p in entry.parameters]
    for parameter in entry.parameters:
        assert parameter.help.endswith(".")
        assert parameter.check(parameter.default) == parameter.default
        bounded = parameter.minimum is not None and parameter.maximum is not None
        assert bounded or isinstance(parameter.default, bool | str)
    for name in entry.needs:
        assert STATISTICS.get(name).sentence.endswith(".")


def test_a_quiet_default_leaves_old_plans_digests_as_they_were():
    entry = CRITERIA.get("magnitude_l1")
    assert entry.spelled_out({}) == {}
    assert entry.spelled_out({"reduction": "mean"}) == {}
    assert entry.spelled_out({"reduction": "sum"}) == {"reduction": "sum"}
    assert entry.settings({}) == {"reduction": "mean"}
    free = Parameter(name="classes", default="", help="Any.")
    assert free.check("a, b") == "a, b"
    assert free.check(3) == "3"
