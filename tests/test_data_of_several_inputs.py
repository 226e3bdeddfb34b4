"""Data of several tensors an input: everything is as of the same numbers given in one tensor."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

from pruneviz import run as engine
from pruneviz.analyses import scans
from pruneviz.criteria import CRITERIA, score_asked
from pruneviz.evaluate import predict
from pruneviz.network.inputs import Inputs, some
from pruneviz.plan import Plan
from pruneviz.plan.reading import Reading
from pruneviz.recovery import RECOVERIES, RecoveryRequest
from pruneviz.reuse import Evaluator
from pruneviz.stages.prune import Pruned
from pruneviz.statistics import Samples, StatisticRequest
from pruneviz.statistics.responses import chosen
from pruneviz.stepwise import complete
from pruneviz.subjects import Augmentation, Subject, load_subject, subject_of
from pruneviz.subjects.files.several import input_names
from pruneviz.wording import RefusedError, opened
from pruneviz.wording.refusals import choosing, tracing
from pruneviz.wording.refusals.subjects import array_files, given_subjects, scaling
from tests import two_inputs
from tests.recovering import finish, same
from tests.scoring import is_refused


def numbers(count: int = 60) -> tuple[Tensor, Tensor]:
    x = torch.randn(count, 7, generator=torch.Generator().manual_seed(1))
    return x, torch.stack([x[:, 0], x[:, 5], x[:, 2] - x[:, 6]], 1).argmax(1)


def apart(x: Tensor) -> dict[str, Tensor]:
    return {"left": x[:, :4], "right": x[:, 4:]}


@pytest.fixture(scope="module")
def subjects() -> tuple[Subject, Subject]:
    """The network with inputs in one tensor, and in two."""
    x, y = numbers()
    single = subject_of(two_inputs.one(), inputs=x, targets=y)
    several = subject_of(two_inputs.two(), inputs=apart(x), targets=y)
    return single, several


def test_they_are_the_same_inputs_divided_alike(subjects) -> None:
    single, several = (subject.data for subject in subjects)
    assert several.kind == "several"
    assert torch.equal(single.y, several.y)
    for part in ("x", "calibration_x", "train_x"):
        whole = torch.cat(list(getattr(several, part).kwargs.values()), 1)
        assert torch.equal(getattr(single, part), whole)
    assert single.sha256 != several.sha256
    swapped = {"left": several.x.kwargs["left"].flip(0), "right": several.x.kwargs["right"]}
    again = subject_of(two_inputs.two(), inputs=swapped, targets=several.y)
    assert again.data.sha256 != several.sha256


@pytest.mark.parametrize("criterion", CRITERIA.names())
def test_every_criterion_scores_them_alike(subjects, criterion) -> None:
    found = []
    for subject in subjects:
        data, model = subject.data, subject.model
        units = engine.prepare(subject, Plan(criterion="magnitude_l2")).units
        asked = StatisticRequest(
            criterion=criterion, model=model, example=subject.example, units=units,
            settings=CRITERIA.get(criterion).settings({}),
            given=Samples(x=data.calibration_x, y=data.calibration_y, classes=data.classes),
        )  # fmt: skip
        if is_refused(criterion, model, units):
            with pytest.raises(RefusedError):
                score_asked(asked)
            found.append({})
        else:
            found.append(score_asked(asked).scores)
    assert found[0].keys() == found[1].keys()
    for name, scores in found[0].items():
        assert torch.allclose(scores.double(), found[1][name].double(), rtol=1e-4, atol=1e-7), name


def test_no_way_leads_from_nothing_to_whole_numbers(subjects) -> None:
    data = subjects[1].data
    whole = {"left": data.x.kwargs["left"], "right": data.x.kwargs["right"].long()}
    settings = {"method": "conductance", "classes": ""}
    asked = StatisticRequest(
        criterion="attribution", model=subjects[1].model, example=None, units=(),
        settings=settings, given=Samples(x=Inputs(kwargs=whole), y=data.y),
    )  # fmt: skip
    with pytest.raises(RefusedError) as caught:
        chosen(asked)
    assert caught.value.fact == choosing.no_way_to_tokens("attribution")


def pruned(subject: Subject) -> tuple[engine.Prepared, Pruned]:
    plan = Plan(model=subject.reference or "python:net.py:made", sparsity=0.5, scope="layer")
    prepared = engine.prepare(subject, plan)
    return prepared, engine.prune(prepared, plan)


@pytest.mark.parametrize("method", RECOVERIES.names())
def test_every_recovery_trains_alike(subjects, method) -> None:
    found = []
    for subject in subjects:
        _, cut = pruned(subject)
        entry = RECOVERIES.get(method)
        given = {"epochs": 2, "batch_size": 8, "patience": 1, "keep_better": False}
        names = {parameter.name for parameter in entry.parameters}
        settings = entry.settings({k: v for k, v in given.items() if k in names})
        asked = RecoveryRequest(
            model=cut.model, masks={}, teacher=subject.model, data=subject.data, cuts=cut.cuts
        )
        found.append(finish(entry.implementation(asked, **settings)))
    single, several = found
    assert not same(several.model, pruned(subjects[1])[1].model)
    assert same(single.model, several.model)
    assert single.curve == several.curve


def test_an_evaluator_reuses_what_several_tensors_lead_to(subjects) -> None:
    data, model = subjects[1].data, subjects[1].model
    evaluator = Evaluator(model, data.x, data.y, batch_size=16)
    assert evaluator.why_plain is None
    changed = two_inputs.two()
    with torch.no_grad():
        changed.head.weight.mul_(2)
    plain = torch.empty(len(data.y), 3)
    for part in evaluator.parts:
        plain[part] = predict(changed, some(data.x, part))
    assert torch.equal(evaluator.answers(changed), plain)
    assert evaluator.fell_back == 0
    # of each batch only the head is computed
    assert 0 < evaluator.computed <= 2 * len(evaluator.parts)


def test_reports_and_scans_are_the_same(subjects) -> None:
    (one, cut), (two, other) = map(pruned, subjects)
    assert cut.keep.keys() == other.keep.keys()
    reports = [
        engine.report(ready, result, engine.time_models(ready, result, 2).summary())
        for ready, result in ((one, cut), (two, other))
    ]
    assert reports[0].quality == reports[1].quality
    assert reports[0].macs == reports[1].macs
    tables = [complete(scans.scan(ready, levels=(0.5,))).table() for ready in (one, two)]
    pd.testing.assert_frame_equal(*tables)
    found = [complete(scans.interactions(ready, 0.5, 2)).table() for ready in (one, two)]
    pd.testing.assert_frame_equal(*found)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    shutil.copy(two_inputs.__file__, tmp_path / "net.py")
    return tmp_path / "data.npz"


def opened_as(file: Path, factory: str = "two", **given: object) -> Subject:
    return load_subject(
        Plan(model=f"python:{file.parent / 'net.py'}:{factory}", data=f"npz:{file}", **given)
    )


def said(file: Path, arrays: dict[str, object], factory: str = "two", **given: object) -> object:
    np.savez(file, **arrays)
    with pytest.raises(RefusedError) as caught:
        opened_as(file, factory, **given)
    return caught.value.fact


def test_a_file_holds_them_by_name_or_by_place(file: Path) -> None:
    x, y = numbers()
    named = {name: part.numpy() for name, part in apart(x).items()}
    answers = []
    for arrays in (named, {"x0": named["left"], "x1": named["right"]}):
        np.savez(file, **arrays, y=y.numpy())
        subject = opened_as(file)
        assert subject.data.note.endswith(
            f"Each input is {', '.join(arrays)}, as the file has them."
        )
        answers.append(predict(subject.model, subject.data.x))
    assert torch.equal(*answers)
    np.savez(file, x=x.numpy(), y=y.numpy())
    single = opened_as(file, "one")
    assert torch.equal(answers[0], predict(single.model, single.data.x))


def test_a_training_part_and_repeated_inputs_are_told(file: Path) -> None:
    x, y = numbers()
    named = {name: part.numpy() for name, part in apart(x).items()}
    train = {f"train_{name}": np.concatenate([part[:3], part + 1]) for name, part in named.items()}
    labels = {"y": y.numpy(), "train_y": np.concatenate([y[:3], y])}
    np.savez(file, **named, **train, **labels)
    subject = opened_as(file)
    assert subject.data.held_out
    assert opened.in_both_parts(3, 60, 0, True) in subject.notes
    assert len(subject.data.train_x) == 63


def test_what_does_not_fit_is_refused(file: Path) -> None:
    x, y = numbers()
    left, right = (part.numpy() for part in apart(x).values())
    both = {"left": left, "right": right, "y": y.numpy()}
    names = ("left", "y")
    assert said(file, {"left": left, "y": y}) == array_files.other_inputs(
        "data.npz", names, ("left", "right")
    )
    assert said(file, {"left": left, "y": y}, "one") == array_files.lacks("data.npz", ("x",), names)
    assert said(file, {**both, "train_left": left, "train_y": y}) == (
        array_files.half_a_training_part(
            ("train_left", "train_y"), ("train_left", "train_right", "train_y")
        )
    )
    assert said(file, {**both, "right": right[:9]}) == array_files.not_a_label_each(
        "", "right", 9, 60
    )
    assert said(file, {**both, "mean": 0.0, "std": 1.0}) == array_files.scales_one_tensor()
    assert said(file, both, reading=Reading(mean=(0.0,), std=(1.0,))) == scaling.reads_one_tensor()
    gap = right.copy()
    gap[2, 1] = np.nan
    assert said(file, {**both, "right": gap}) == opened.no_numbers(
        bad=1, inputs=60, part="right ", where="column 1", named="row 2", normalised=False
    )
    assert said(file, {**both, "right": right.astype(str)}) == array_files.of_no_numbers(
        "right", str(right.astype(str).dtype)
    )
    flips = {**both, "train_flip": 1}
    assert said(file, flips) == array_files.changes_one_tensor()


def test_a_factory_gives_them_by_name_and_by_place() -> None:
    x, y = numbers()
    for inputs in (apart(x), tuple(apart(x).values()), Inputs(kwargs=apart(x))):
        subject = subject_of(two_inputs.two(), inputs=inputs, targets=y)
        assert len(subject.data.x) == 45
        assert subject.shape == (4,)
    refusals = (
        ({"mean": [0.0], "std": [1.0]}, array_files.scales_one_tensor()),
        ({"augmentation": Augmentation(flip=True)}, array_files.changes_one_tensor()),
        ({"train_inputs": apart(x)}, given_subjects.half_a_part("train_targets", "train_inputs")),
    )
    for more, fact in refusals:
        with pytest.raises(RefusedError) as caught:
            subject_of(two_inputs.two(), inputs=apart(x), targets=y, **more)
        assert caught.value.fact == fact


def test_training_inputs_of_other_names_are_refused() -> None:
    x, y = numbers()
    other = {"left": x[:, :4], "wrong": x[:, 4:]}
    with pytest.raises(RefusedError, match="wrong"):
        subject_of(
            two_inputs.two(), inputs=apart(x), targets=y, train_inputs=other, train_targets=y
        )


def test_what_is_made_for_one_tensor_says_so(subjects) -> None:
    data = subjects[1].data
    with pytest.raises(RefusedError) as caught:
        _ = replace(data).average
    assert caught.value.fact == tracing.several_inputs()


def test_an_input_that_may_be_left_out_is_taken_where_it_is_there() -> None:
    takes = {"x": True, "mask": False}
    assert input_names("a.npz", ("x", "mask"), ("y",), takes) == ("x", "mask")
    assert input_names("a.npz", ("x",), ("y",), takes) == ("x",)
    assert input_names("a.npz", ("x", "other"), ("y",), takes) == ("x",)


def test_arrays_by_place_are_several_inputs() -> None:
    x, y = numbers()
    given = tuple(each.numpy() for each in apart(x).values())
    found = subject_of(two_inputs.two(), inputs=given, targets=y).data
    assert [tuple(each.shape[1:]) for each in found.x.args] == [(4,), (3,)]
