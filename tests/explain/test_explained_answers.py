"""Whatever a task says is explained, against a formula written out in double precision."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torchvision.ops import box_iou

from pruneviz.explain import attribute, detectors
from pruneviz.explain.method import METHODS
from pruneviz.subjects.samples.small_llama import SmallLlama
from pruneviz.tasks import IGNORED, TASKS
from pruneviz.tasks.detection import Detection
from pruneviz.tasks.single_map import SingleMap
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import explaining
from tests.explained_networks import Tagger

WORDS, PLACE = 11, 4
MAP = SingleMap((12, 16))
TEXT = torch.tensor([[3, 1, 4, 1, 5, 9, 2]])
SHARES = torch.tensor([0.0, 0.25, 0.125, 0.25, 0.0, 0.375])


def seeded(network: Callable[[], nn.Module]) -> nn.Module:
    torch.manual_seed(0)
    return network().double().eval().requires_grad_(False)


def language_model() -> nn.Module:
    return SmallLlama(tokens=WORDS, width=16, blocks=2, heads=2, groups=1, size=8, hidden=12)


def mapped() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 5, 3, padding=1), nn.Tanh(), nn.Conv2d(5, 7, 4, 4))


def line(outputs: int) -> nn.Module:
    return nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, outputs))


def pixels() -> nn.Module:
    network = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.Tanh(), nn.Conv2d(4, 3, 1))
    nn.init.zeros_(network[2].bias)  # or one class is given everywhere
    nn.init.orthogonal_(network[2].weight)
    return network


def named(task: Any, output: Any, target: Tensor, name: str, within: Any = ()) -> Any:
    return {each.name: each for each in task.explained(output, target, within)}[name]


ROW = torch.randn(1, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
IMAGE = torch.rand(1, 3, 12, 16, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
LABELS, NUMBERS = torch.tensor([[1.0, 0, 1]]), torch.tensor([[0.5, 2]])
MASK = torch.zeros(1, 12, 16, dtype=torch.long)
CASES: dict[str, tuple[Any, ...]] = {
    "a class": ("classification", lambda: line(3), ROW, torch.tensor([2]), "class 1", (),
                lambda z: z[0, 1]),
    "a label": ("multi_label", lambda: line(3), ROW, LABELS, "label 2", (), lambda z: z[0, 2]),
    "a number": ("regression", lambda: line(2), ROW, NUMBERS, "number 1", (), lambda z: z[0, 1]),
    "a region": ("segmentation", pixels, IMAGE, MASK, "class 2", ((2, 5), (0, 16)),
                 lambda z: z[0, 2, 2:5].mean()),
    "a pixel": ("segmentation", pixels, IMAGE, MASK, "class 0", ((11, 12), (3, 4)),
                lambda z: z[0, 0, 11, 3]),
    "where it is given": ("segmentation", pixels, IMAGE, MASK, "class 1", (),
                          lambda z: z[0, 1][z[0].argmax(0) == 1].mean()),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_an_attribution_is_the_gradient_of_what_the_task_names(case):
    task, network, x, target, name, within, formula = CASES[case]
    network = seeded(network)
    task = TASKS.get(task).implementation()
    of = named(task, network(x), target, name, within)
    start = torch.full_like(x, 0.25)
    found = attribute(network, x, of, "input_x_gradient", average=start)
    z = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(formula(network(z)), [z])
    assert gradient.any()
    torch.testing.assert_close(found.values, (x - start) * gradient, rtol=1e-10, atol=1e-14)
    assert (found.name, found.of) == (of.name, of.noun)


def test_places_that_an_answer_lacks_are_refused_with_what_there_is():
    task, output = TASKS.get("segmentation").implementation(), torch.zeros(1, 3, 4, 5)
    for within in (((0, 5), (0, 5)), ((2, 2), (0, 5)), ((0, 4),)):
        with pytest.raises(RefusedError) as caught:
            task.explained(output, None, within)
        assert caught.value.fact == explaining.no_places(within, (4, 5))


@pytest.mark.parametrize("place", range(3))
def test_a_box_is_explained_by_its_score_in_either_network(place):
    network, other = (seeded(mapped) for _ in range(2))
    other[2].bias[5:] += torch.tensor([0.1, -0.1])
    task = Detection(MAP.decode, MAP.objective)
    boxes, scores, classes = MAP.decode(network(IMAGE))[0]
    order = scores.argsort(descending=True)
    at = int(order[place])
    of = named(
        task, network(IMAGE), torch.full((1, 1, 5), IGNORED), f"box {place}, class {classes[at]}"
    )
    assert (of.noun, of.number) == ("score", int(classes[at]))
    torch.testing.assert_close(torch.tensor(of.box), boxes[at].float())
    for model in (network, other):
        z = IMAGE.clone().requires_grad_()
        answer = model(z)
        sure, kinds = answer[0, 0].sigmoid(), answer[0, 5:].softmax(0)
        score = (sure**0.6 * kinds.amax(0) ** 0.4).flatten()
        overlap = box_iou(MAP.corners(answer.detach())[0], boxes[at : at + 1])[:, 0]
        same = (overlap >= 0.5) & (kinds.argmax(0).flatten() == classes[at])
        (gradient,) = torch.autograd.grad(score.masked_fill(~same, 0.0).max(), [z])
        found = attribute(model, IMAGE, of, "saliency")
        torch.testing.assert_close(found.values, gradient.abs(), rtol=1e-9, atol=1e-14)


def test_a_true_box_that_no_answer_finds_can_be_explained_too():
    task, output = Detection(MAP.decode, MAP.objective), seeded(mapped)(IMAGE)
    (boxes, _, classes) = MAP.decode(output)[0]
    found = torch.cat([boxes[:1], classes[:1, None]], 1)
    missed = torch.tensor([[0.0, 0, 0.5, 0.5, 1]], dtype=found.dtype)
    rest = torch.full((1, 5), IGNORED, dtype=found.dtype)
    every = task.explained(output, torch.cat([found, missed, rest])[None])
    (last,) = [each for each in every if each.name.startswith("missed")]
    assert (last.box, last.number, float(last.of(output))) == ((0.0, 0.0, 0.5, 0.5), 1, 0.0)


def tokens_by_hand(place: int) -> tuple[nn.Module, Any, Tensor, Tensor, Tensor, Callable[..., Any]]:
    """Return a language model, what is explained, embeddings, average ones, and its formula."""
    network, task = seeded(language_model), TASKS.get("language_modelling").implementation()
    target = TEXT.roll(-1, 1)
    of = named(task, network(TEXT), target, f"place {place}")
    table = network.embedding.weight
    average = (SHARES.double() @ table[: len(SHARES)]).expand(1, TEXT.shape[1], -1)

    def formula(embeddings: Tensor) -> Tensor:
        logits = network.head(network.norm(network.blocks(embeddings)))
        return logits[:, place].log_softmax(1)[:, target[0, place]]

    return network, of, table[TEXT], average, target, formula


def test_a_token_s_attribution_is_gradient_times_embedding():
    network, of, given, average, _, formula = tokens_by_hand(PLACE)
    z = given.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(formula(z).sum(), [z])
    found = attribute(network, TEXT, of, "input_x_gradient", average=SHARES)
    assert found.values.shape == TEXT.shape
    expected = ((given - average) * gradient).sum(2)
    torch.testing.assert_close(found.values, expected, rtol=1e-9, atol=1e-14)
    assert found.values[:, : PLACE + 1].all()
    assert not found.values[:, PLACE + 1 :].any(), "what comes after is not read"
    slope = attribute(network, TEXT, of, "saliency")
    torch.testing.assert_close(slope.values, gradient.abs().sum(2), rtol=1e-9, atol=1e-14)


def test_taking_a_token_away_is_giving_it_the_average_embedding():
    network, of, given, average, _, formula = tokens_by_hand(PLACE)
    found = attribute(network, TEXT, of, "feature_ablation", average=SHARES)
    for at in range(TEXT.shape[1]):
        without = given.clone()
        without[:, at] = average[:, at]
        fall = formula(given) - formula(without)
        assert float(found.values[0, at]) == pytest.approx(float(fall), rel=1e-9, abs=1e-12)


def test_shares_of_a_text_s_tokens_add_up_to_what_they_explain():
    network, of, given, average, _, formula = tokens_by_hand(PLACE)
    found = attribute(network, TEXT, of, "integrated_gradients", average=SHARES)
    rise = float(formula(given) - formula(average))
    assert float(found.values.sum()) == pytest.approx(rise, rel=1e-4)
    assert found.valid
    assert network.embedding._forward_hooks == {}


def test_a_label_of_a_token_is_explained_through_a_mapping():
    network, task = seeded(Tagger), TASKS.get("token_classification").implementation()
    tokens = TEXT[:, :5] % 9
    of = named(task, network(tokens), tokens % 3, "class 2", ((3, 4),))
    found = attribute(network, tokens, of, "input_x_gradient")
    z = network.words.weight[tokens].clone().requires_grad_()
    own = torch.tanh(network.mixed(z))
    (gradient,) = torch.autograd.grad(network.head(own + own.roll(1, 1))[0, 3, 2], [z])
    torch.testing.assert_close(found.values, (z * gradient).sum(2), rtol=1e-9, atol=1e-14)
    assert found.values[0].nonzero()[:, 0].tolist() == [2, 3]
    channels = detectors(network, tokens, "mixed", of)
    assert channels.maps.shape == (12, 5)
    assert channels.importance.any()


@pytest.mark.parametrize("method", METHODS.names())
def test_every_method_explains_tokens_or_says_why_not(method):
    network, of, *_ = tokens_by_hand(2)
    if method == "grad_cam":
        with pytest.raises(RefusedError) as caught:
            attribute(network, TEXT, of, method)
        assert caught.value.fact == explaining.no_convolution()
    else:
        assert attribute(network, TEXT, of, method).values.shape == TEXT.shape


class OneHot(nn.Module):
    def forward(self, tokens: Tensor) -> Tensor:
        return nn.functional.one_hot(tokens, WORDS).double()


class Twice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Embedding(WORDS, 4), nn.Embedding(WORDS, 4)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.a(tokens) + self.b(tokens)


@pytest.mark.parametrize(
    ("network", "why"),
    [(OneHot, explaining.no_embedding()), (Twice, explaining.several_embeddings(2))],
)
def test_tokens_that_no_single_layer_embeds_are_refused(network, why):
    task, network = TASKS.get("language_modelling").implementation(), network().double()
    of = named(task, network(TEXT), TEXT % 4, "place 1")
    with pytest.raises(RefusedError) as caught:
        attribute(network, TEXT, of, "saliency")
    assert caught.value.fact == why
