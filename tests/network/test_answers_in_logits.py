"""A network that ends in Softmax is judged as the same network without it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pruneviz.compare import divergence
from pruneviz.criteria import CRITERIA, score_asked
from pruneviz.evaluate import predict
from pruneviz.explain import METHODS, attribute, detectors
from pruneviz.network import answers
from pruneviz.network.duplicate import duplicate
from pruneviz.plan import Plan
from pruneviz.recovery import RecoveryRequest
from pruneviz.reuse import Evaluator
from pruneviz.run import run
from pruneviz.subjects import Data, freeze, load_subject
from pruneviz.subjects.augmentation import Augmentation
from pruneviz.wording import opened
from tests.recovering import begin, finish
from tests.scoring import asked, is_refused


class Ended(nn.Module):
    """A perceptron for (N, 8) inputs and 4 classes with an end of one's choice."""

    def __init__(self, end: object, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.a, self.n, self.b = nn.Linear(8, 12), nn.BatchNorm1d(12), nn.Linear(12, 10)
        self.o = nn.Linear(10, 4)
        nn.init.normal_(self.n.weight)
        self.end = end
        freeze(self)

    def forward(self, x: Tensor) -> Tensor:
        h = torch.relu(self.n(self.a(x)))
        return self.end(2 * self.o(torch.relu(self.b(h))))


def plain(z: Tensor) -> Tensor:
    return z


ENDS = {
    "method": lambda z: z.softmax(-1),
    "function": lambda z: nn.functional.softmax(z, dim=1),
    "keyword": lambda z: torch.softmax(input=z, dim=1),
    "module": nn.Softmax(dim=1),
    "temperature": lambda z: (z / 0.5).softmax(1),
    "exp": lambda z: z.log_softmax(1).exp(),
    "renormalised": lambda z: z.exp() / z.exp().sum(1, keepdim=True),
    "mean": lambda z: (z.softmax(1) + z.softmax(1)) / 2,
}
UNSEEN = ("exp", "renormalised", "mean")  # no Softmax stands at the end: a logarithm is taken


def inputs(count: int = 70) -> tuple[Tensor, Tensor]:
    x = torch.randn(count, 8, generator=torch.Generator().manual_seed(3))
    return x, torch.arange(count) % 4


def pair(end: str) -> tuple[nn.Module, nn.Module]:
    """Return a network with an end, looked at, and the same one that answers with its logits."""
    ended = Ended(ENDS[end])
    before = {"temperature": lambda z: z / 0.5}.get(end, plain)
    if end in UNSEEN:
        before = lambda z: z.log_softmax(1)  # noqa: E731
    assert answers.mark_probabilities(ended, inputs()[0])
    assert answers.gives_probabilities(ended)
    return ended, Ended(before)


def data() -> Data:
    x, y = inputs()
    return Data(
        reference="npz:made", x=x, y=y, calibration_x=x, calibration_y=y, train_x=x, train_y=y,
        augmentation=Augmentation(), classes=("a", "b", "c", "d"), features=(), mean=(0.0,) * 8,
        std=(1.0,) * 8, sha256="", note="",
    )  # fmt: skip


def close(found: Tensor, right: Tensor) -> bool:
    scale = right.double().abs().max()
    return bool((found.double() - right.double()).abs().max() <= 1e-5 * scale)


def log_odds(z: Tensor) -> Tensor:
    return z.double().log_softmax(1)


@pytest.mark.parametrize("end", ENDS)
def test_predictions_are_those_without_the_softmax(end):
    ended, bare = pair(end)
    x, _ = inputs()
    assert close(log_odds(predict(ended, x)), log_odds(predict(bare, x)))
    with torch.no_grad():
        assert torch.allclose(ended(x).sum(1), torch.ones(len(x)))  # itself it stays as it is


def test_the_evaluator_and_kl_are_those_without_the_softmax():
    x, y = inputs()
    for end in ("method", "mean"):
        ended, bare = pair(end)
        found = []
        for network in (ended, bare):
            evaluator = Evaluator(network, x, y, batch_size=16)
            assert evaluator.why_plain is None
            smaller = duplicate(network)
            smaller.b.weight[3] = 0
            changed = evaluator.answers(smaller)
            assert torch.equal(changed, torch.cat([predict(smaller, x[p]) for p in
                               evaluator.parts])[evaluator.order.argsort()])  # fmt: skip
            found.append((evaluator.original_answers(), changed))
        (mine, mine_after), (right, right_after) = found
        kl, expected = divergence(mine, mine_after).kl_nats, divergence(right, right_after).kl_nats
        assert expected > 0
        assert kl == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("criterion", [e.name for e in CRITERIA if e.fits("channel")])
def test_criteria_are_those_without_the_softmax(criterion):
    x, y = inputs()
    for end in ("module", "temperature", "exp"):
        ended, bare = pair(end)
        questions = [asked(network, x, criterion, labels=y) for network in (ended, bare)]
        assert not is_refused(criterion, bare, questions[1].units)
        mine, right = (score_asked(question).scores for question in questions)
        for name, scores in right.items():
            assert scores.abs().max() > 0
            # a change of the loss is as exact as the loss is
            size = 1.0 if criterion == "ablation" else float(scores.double().abs().max())
            assert (mine[name] - scores).abs().max() <= 1e-5 * size, (end, name)


@pytest.mark.parametrize("method", ["finetune", "distill"])
def test_training_ends_with_the_weights_that_it_has_without_the_softmax(method):
    for end in ("function", "renormalised"):
        found = []
        for network in pair(end):
            smaller = duplicate(network)
            task = RecoveryRequest(model=smaller, masks={}, cuts=(), teacher=network, data=data())
            work = finish(begin(task, method, epochs=2, batch_size=16, learning_rate=0.05))
            found.append(work)
            assert not torch.equal(work.model.a.weight, network.a.weight)
        mine, right = found
        for name, values in right.model.state_dict().items():
            assert torch.allclose(mine.model.state_dict()[name], values, atol=1e-4), name
        assert mine.curve[-1].held_out_loss == pytest.approx(right.curve[-1].held_out_loss, 1e-4)
        assert mine.curve[-1].loss == pytest.approx(right.curve[-1].loss, 1e-4)
        assert answers.gives_probabilities(mine.model)


def test_attributions_are_of_the_score_before_the_softmax():
    ended, bare = pair("function")
    x = inputs()[0][:1]
    for method in METHODS.names():
        if method != "grad_cam":
            mine, right = (attribute(network, x, 2, method) for network in (ended, bare))
            assert torch.allclose(mine.values, right.values, rtol=1e-4, atol=1e-6), method
    mine, right = (detectors(network, x, "b", 2).importance for network in (ended, bare))
    assert torch.allclose(mine, right, rtol=1e-4, atol=1e-6)


def test_probabilities_of_zero_have_finite_losses_and_gradients():
    x, y = inputs()
    for end in ("method", "mean"):
        ended, _ = pair(end)
        ended.o.weight.data.mul_(400)
        weight = ended.a.weight.requires_grad_()
        assert (ended(x) == 0).any()
        loss = nn.functional.cross_entropy(answers.logits_of(ended, x), y)
        (gradient,) = torch.autograd.grad(loss, [weight])
        assert bool(loss.isfinite())
        assert bool(gradient.isfinite().all())


LOOK_ALIKE = {
    "logits of the first inputs": lambda z: torch.where(
        torch.arange(len(z))[:, None] < 40, z.softmax(1), z
    ),
    "nearly 1": lambda z: z.log_softmax(1).exp() * 1.001,
    "constant": lambda z: torch.full_like(z, 0.25),
    "decisions": lambda z: nn.functional.one_hot(z.argmax(1), 4).float(),
    "logarithms": lambda z: z.log_softmax(1),
    "along the batch": lambda z: z.softmax(0),
    "small logits": lambda z: z / 1000,
}


@pytest.mark.parametrize("end", LOOK_ALIKE)
def test_what_only_looks_like_probabilities_is_left_as_it_is(end):
    network, (x, _) = Ended(LOOK_ALIKE[end]), inputs()
    answers.mark_probabilities(network, x)
    assert not answers.gives_probabilities(network)
    with torch.no_grad():
        assert torch.equal(answers.logits_of(network, x), network(x))


TOUCHED_UP = {
    "clipped": lambda p: p.clamp(1e-3, 1 - 1e-3),
    "never zero": lambda p: p + 1e-4,
    "rounded": lambda p: (p * 1000).round() / 1000,
    "half": lambda p: p.half().float(),
    "a map of one pixel": lambda p: p[:, :, None, None].clone().flatten(1),
}


@pytest.mark.parametrize("touch", [*TOUCHED_UP, "percent"])
@pytest.mark.parametrize("function", [torch.softmax, torch.sigmoid], ids=["softmax", "sigmoid"])
def test_probabilities_that_were_touched_up_are_those_that_were_given(function, touch):
    dims = (1,) if function is torch.softmax else ()
    end = TOUCHED_UP.get(touch, lambda p: 100 * p)
    network, bare = Ended(lambda z: end(function(z, *dims))), Ended(plain)
    (x, y), scaled = inputs(), touch == "percent" and not dims
    answers.mark_probabilities(network, x)
    assert answers.gives_probabilities(network) != scaled  # logits may be bounded in this way
    if scaled:
        return
    with torch.no_grad():
        assert torch.equal(predict(network, x), bare(x))
    weight, same = network.a.weight.requires_grad_(), bare.a.weight.requires_grad_()
    nn.functional.cross_entropy(answers.logits_of(network, x), y).backward()
    nn.functional.cross_entropy(bare(x), y).backward()
    assert torch.equal(weight.grad, same.grad)


def test_logarithms_of_probabilities_are_logits_already():
    network, bare = Ended(lambda z: z.log_softmax(1)), Ended(plain)
    x, y = inputs()
    assert answers.mark_probabilities(network, x) is None
    losses = [nn.functional.cross_entropy(predict(n, x), y) for n in (network, bare)]
    assert losses[0] == pytest.approx(losses[1])


def test_a_sigmoid_for_each_class_is_judged_by_its_log_odds():
    x, y = inputs()
    network, bare = Ended(nn.Sigmoid()), Ended(plain)
    assert "log odds" in str(answers.mark_probabilities(network, x))
    assert torch.equal(predict(network, x), predict(bare, x))
    p = torch.sigmoid(predict(bare, x)).double()
    others = torch.stack(
        [torch.cat([1 - p[:, :k], 1 - p[:, k + 1 :]], 1).prod(1) for k in range(4)], 1
    )
    exactly_one = p * others / (p * others).sum(1, keepdim=True)
    right = -exactly_one.gather(1, y[:, None]).log().mean()
    assert nn.functional.cross_entropy(predict(network, x), y) == pytest.approx(float(right), 1e-4)
    unsure = Ended(lambda z: z.clamp(0, 1))
    assert answers.mark_probabilities(unsure, x) in opened.perhaps_probabilities
    assert torch.equal(predict(unsure, x), predict(bare, x).clamp(0, 1))


def test_a_subject_says_what_its_network_answers_with(tmp_path):
    (tmp_path / "net.py").write_text(
        "import torch\nfrom torch import nn\n"
        "def soft():\n    torch.manual_seed(0)\n"
        "    return nn.Sequential(nn.Linear(8, 6), nn.ReLU(), nn.Linear(6, 4), nn.Softmax(dim=1))\n"
    )
    x, y = inputs()
    np.savez(tmp_path / "data.npz", x=x.numpy(), y=y.numpy())
    plan = Plan(
        model=f"python:{tmp_path}/net.py:soft", data=f"npz:{tmp_path}/data.npz", sparsity=0.5
    )
    subject = load_subject(plan)
    assert any(note in opened.probabilities for note in subject.notes)
    _, pruned, report = run(plan, 3)
    assert any("probabilities" in note for note in report.notes)
    with torch.no_grad():
        assert torch.allclose(pruned.model(x).sum(1), torch.ones(len(x)))  # it stays as it is
        assert torch.allclose(predict(pruned.model, x), pruned.model[:3](x))
