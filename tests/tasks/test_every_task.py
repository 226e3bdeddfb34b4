"""Laws of every registered task, on an output and targets drawn for it."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch
from torch import Tensor
from torch.func import grad, vmap

from pruneviz.metrics import METRICS
from pruneviz.tasks import IGNORED, TASKS, Task
from pruneviz.tasks.detection import Detection
from pruneviz.tasks.single_map import SingleMap


def drawn(name: str, count: int = 6) -> tuple[Tensor, Tensor]:
    """Return an output of a task in double precision and its targets, for `count` inputs."""
    generator = torch.Generator().manual_seed(len(name))
    shapes = {
        "detection": (7, 1, 2),
        "classification": (5,), "multi_label": (4,), "regression": (3,),
        "segmentation": (5, 4, 3), "language_modelling": (7, 5),
        "token_classification": (7, 5), "multiple_choice": (7, 5),
    }  # fmt: skip
    output = torch.randn(count, *shapes[name], generator=generator, dtype=torch.float64)
    targets = {
        "classification": (), "multi_label": (4,), "segmentation": (4, 3),
        "language_modelling": (7,), "token_classification": (7,),
    }  # fmt: skip
    if name == "detection":
        return output, boxes_of(output)
    if name == "regression":
        return output, torch.randn(output.shape, generator=generator, dtype=torch.float64)
    if name == "multiple_choice":
        return output, choices_of(count, generator)
    most = 2 if name == "multi_label" else 5
    return output, torch.randint(most, (count, *targets[name]), generator=generator)


def choices_of(count: int, generator: torch.Generator) -> Tensor:
    """Return targets of choices, two a question, of which the second is right."""
    tokens = torch.randint(5, (count, 7), generator=generator)
    tokens[:, :2] = IGNORED  # the question
    number = torch.arange(count)
    said = (number // 2, number % 2, torch.full_like(number, 2), number % 2, 3 + number)
    return torch.cat([torch.stack(said, 1), tokens], 1)


MAP = SingleMap((16, 32))  # 2 cells, 2 classes


def boxes_of(output: Tensor) -> Tensor:
    """Return true boxes for maps: the first two answered of each, moved a little, and a gap."""
    target = output.new_full((len(output), 3, 5), IGNORED)
    for rows, (boxes, _, classes) in zip(target, MAP.decode(output), strict=True):
        rows[:2] = torch.cat([boxes + 0.5, classes[:, None]], 1)[:2]
    return target


def made(name: str) -> Task:
    """Return a task; one that asks for more than an output says is given it."""
    if name == "detection":
        return Detection(MAP.decode, MAP.objective)
    return TASKS.get(name).implementation()


@pytest.fixture(params=TASKS.names())
def given(request) -> tuple[Task, Tensor, Tensor]:
    return made(request.param), *drawn(request.param)


def leaves(answers: Tensor | Mapping[str, Tensor]) -> list[Tensor]:
    return [answers] if isinstance(answers, Tensor) else [*answers.values()]


def test_a_task_says_what_it_is():
    for entry in TASKS:
        assert entry.sentence.endswith(".")
        assert entry.formula
        assert entry.source
        metrics = entry.implementation().metrics
        assert len(set(metrics)) == len(metrics) > 0


def test_its_own_output_and_targets_fit(given):
    task, output, target = given
    assert task.misfit(output, target) is None
    assert task.misfit(output[:1], target) is None


def test_no_two_tasks_take_the_same_shapes_for_theirs():
    # but for several labels, whose 0 and 1 are numbers too, and for what a text's tokens are asked
    texts = ("language_modelling", "token_classification")
    alike = {("regression", "multi_label"), texts, texts[::-1]}
    for name in TASKS.names():
        for other in {*TASKS.names()} - {name}:
            if (name, other) not in alike:
                task = TASKS.get(name).implementation()
                assert task.misfit(*drawn(other)) is not None, (name, other)


def test_a_loss_and_a_divergence_are_one_number_an_input_and_their_sum_and_mean(given):
    task, output, target = given
    teacher = output.flip(0)
    for of in (
        lambda how: task.loss(output, target, how),
        lambda how: task.distil(output, teacher, 2.0, how),
    ):
        each = of("none")
        assert each.shape == (len(output),)
        torch.testing.assert_close(of("sum"), each.sum(), rtol=1e-12, atol=0)
        torch.testing.assert_close(of("mean"), each.mean(), rtol=1e-12, atol=0)


def test_a_loss_looks_at_each_input_by_itself(given):
    task, output, target = given
    each = task.loss(output, target, "none")
    alone = [task.loss(output[i : i + 1], target[i : i + 1]) for i in range(len(output))]
    torch.testing.assert_close(torch.stack(alone), each, rtol=1e-12, atol=1e-15)


def test_the_gradient_is_that_of_differences(given):
    task, output, target = given
    z = output.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda out: task.loss(out, target, "none"), (z,))
    assert torch.autograd.gradcheck(lambda out: task.distil(out, output.flip(0), 2.0), (z,))


def test_gradients_of_single_inputs_are_taken_together(given):
    task, output, target = given

    def one(out: Tensor, wanted: Tensor) -> Tensor:
        return task.loss(out[None], wanted[None])

    together = vmap(grad(one))(output, target)
    z = output.clone().requires_grad_()
    (expected,) = torch.autograd.grad(task.loss(z, target, "sum"), [z])
    torch.testing.assert_close(together, expected, rtol=1e-10, atol=1e-14)


def test_a_network_is_not_apart_from_itself_and_from_any_other_it_is(given):
    task, output, _ = given
    for temperature in (1.0, 5.0):
        same = task.distil(output, output, temperature, "none")
        torch.testing.assert_close(same, torch.zeros_like(same), rtol=0, atol=1e-12)
        assert bool((task.distil(output.flip(0), output, temperature, "none") > 0).all())


def test_far_softened_a_divergence_pulls_as_strongly_as_at_a_lower_temperature(given):
    task, output, _ = given
    teacher, small = output.flip(0), 1e-3
    pulls = [t**2 * task.distil(small * output, small * teacher, t) for t in (1.0, 2.0)]
    torch.testing.assert_close(pulls[0], pulls[1], rtol=1e-2, atol=0)


def test_answers_and_counts_have_a_row_for_each_input_and_join_as_inputs_do(given):
    task, output, target = given
    whole = task.answers(output, target)
    parts = [task.answers(output[:2], target[:2]), task.answers(output[2:], target[2:])]
    for each, *some in zip(leaves(whole), *map(leaves, parts), strict=True):
        torch.testing.assert_close(torch.cat(some), each, rtol=1e-12, atol=0)
    counts = [task.tally(a, y) for a, y in zip(parts, (target[:2], target[2:]), strict=True)]
    for name, column in task.tally(whole, target).items():
        assert len(column) == len(output)
        joined = torch.cat([each[name] for each in counts])
        torch.testing.assert_close(joined, column, rtol=1e-12, atol=0)


def test_its_metrics_are_made_of_what_is_counted(given):
    task, output, target = given
    counts = task.tally(task.answers(output, target), target)
    for name in task.metrics:
        assert {*METRICS.get(name).needs} <= counts.keys(), name
    primary = METRICS.get(task.metrics[0])
    low, high = primary.interval(counts)
    assert low <= primary.combine(counts) <= high


def test_what_can_be_explained_is_a_number_an_input_with_its_gradient(given):
    task, output, target = given
    plain, named = (task.explained(output[:1], y) for y in (None, target[:1]))
    assert [each.name for each in named[1 : len(plain) + 1]] == [each.name for each in plain]
    assert len({each.name for each in named}) == len(named)
    z = output[:1].clone().requires_grad_()
    for each in named:
        value = each.of(z)
        assert value.shape == (1,)
        (found,) = torch.autograd.grad(value.sum(), [z], retain_graph=True)
        assert found.shape == z.shape
    (own,) = torch.autograd.grad(named[0].of(z).sum(), [z])
    assert bool(own.any())


def test_what_is_explained_of_one_input_is_had_of_every_output_on_a_way_to_it(given):
    task, output, target = given
    for each in (*task.explained(output[:1], target[:1]), *task.explained(output[:1])):
        alone = [each.of(output[i : i + 1]) for i in range(len(output))]
        torch.testing.assert_close(each.of(output), torch.cat(alone), rtol=1e-12, atol=1e-15)


def test_strata_are_whole_numbers_one_an_input(given):
    task, _, target = given
    strata = task.strata(target)
    assert strata is None or (strata.shape == (len(target),) and not strata.is_floating_point())


def test_a_fault_is_one_number_an_input_and_grows_with_noise(given):
    task, output, target = given
    if task.labelled or isinstance(output, Tensor):
        tally = task.tally(task.answers(task.scores(output), target), target)
        fault = task.fault(tally)
        assert fault.shape == (len(output),)
        assert fault.dtype == torch.float64
        assert bool(fault.isfinite().all())


def test_what_is_reported_fits_and_only_labels_are_labelled():
    for entry in TASKS:
        task = entry.implementation()
        assert set(task.reported) <= set(task.metrics)
        assert task.reported[0] == task.metrics[0]
        assert task.labelled == (entry.name == "classification")
        assert all(name in METRICS.names() for name in task.metrics)
