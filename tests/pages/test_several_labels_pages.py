"""The pages and the command line, for a network that answers several questions at once."""

from __future__ import annotations

import json
import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import average_precision_score, roc_auc_score

from pruneviz import evaluate, run
from pruneviz.analyses import scans
from pruneviz.compare import worsened
from pruneviz.measure.by_group import by_group
from pruneviz.measure.by_label import by_label, label_names, left_out
from pruneviz.metrics import METRICS
from pruneviz.plan import Plan
from pruneviz.propose import Goal, propose
from pruneviz.stepwise import complete
from pruneviz.subjects import load_subject, subject_of
from pruneviz.tasks import TASKS
from pruneviz.tasks.task import usual_metric
from pruneviz.ui import settings
from pruneviz.ui.compare.groups import in_numbers
from pruneviz.ui.compare.judged import _with_features
from pruneviz.ui.compare.labels import add_words
from pruneviz.ui.engine.results import Judged
from pruneviz.ui.session import link
from pruneviz.wording import RefusedError, opened
from pruneviz.wording import judged as told
from pruneviz.wording.refusals.subjects import given_subjects
from tests import several_labels
from tests.pages.test_later_pages import _open, _titles
from tests.pages.test_other_tasks import words
from tests.several_labels import NAMES

PLAN = Plan(model=f"python:{several_labels.__file__}:build", sparsity=0.6, criterion="magnitude_l1")


@pytest.fixture(autouse=True)
def allowed(monkeypatch):
    """Let the pages open the factory."""
    for name, value in settings.variables([PLAN.model], []).items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="module")
def known():
    prepared = run.prepare(load_subject(PLAN), PLAN)
    data, task = prepared.subject.data, prepared.subject.task
    after = evaluate.answers(run.prune(prepared, PLAN).model, data.x, data.y, task)
    return prepared, after


def alone(score, y, logits, label):
    """Return a score of scikit-learn of one label, on the inputs of which it is known."""
    there = ~y[:, label].isnan()
    return score(y[there, label], logits[there, label].double().sigmoid())


def test_compare_shows_each_metric_and_each_label(known):
    prepared, after = known
    y = prepared.subject.data.y
    losses = [
        alone(roc_auc_score, y, prepared.baseline.answers, k) - alone(roc_auc_score, y, after, k)
        for k in range(3)
    ]
    at = _open("compare", PLAN)
    assert not at.exception
    assert not at.error
    said = words(at)
    for name in prepared.subject.task.metrics:
        assert f"| {METRICS.get(name).title}" in said
    # beside it may stand that the speed was not measured well, on a machine that is busy
    warnings = [w.value.replace("\\", "") for w in at.warning]
    assert str(told.labels_left_out(("no digit",), 4)) in warnings
    worst = NAMES[int(np.argmax(losses))]
    titles = [title.replace("<br>", " ") for title in _titles(at)]
    assert any(f"Label “{worst}” loses most: {max(losses):.3f}" in title for title in titles)
    assert f"{alone(roc_auc_score, y, after, 2):.3f}" in said
    box = at.selectbox(key="compare-label-metric")
    assert box.options == ["AUROC", "Average precision", "F1", "Recall", "Precision"]
    box.set_value("average_precision").run()
    assert not at.exception
    assert f"{alone(average_precision_score, y, after, 2):.3f}" in words(at)


@pytest.mark.parametrize("page", ["home", "tune", "sensitivity"])
def test_a_page_opens_and_speaks_of_the_metric(page):
    at = _open(page, PLAN.changed(metric="f1"))
    assert not at.exception
    assert not at.error
    assert "F1" in words(at)


def test_home_takes_a_label_and_the_mean_over_all():
    def sent(at, value):
        next(box for box in at.selectbox if box.label == "Class").set_value(value)
        next(each for each in at.button if each.label == "Judge it so").click().run()
        assert not at.exception
        assert not at.error
        return link.decode(at.query_params["plan"])

    at = _open("home", PLAN)
    box = next(box for box in at.selectbox if box.label == "Class")
    assert box.options == ["the mean over all", *NAMES]
    plan = sent(at, 2)
    assert (plan.metric, plan.metric_parameters) == ("auroc", {"class_index": 2})
    assert sent(at, -1).digest() == PLAN.digest()


def test_inputs_that_became_worse_say_which_labels_became_wrong(known):
    prepared, after = known
    data, task, before = prepared.subject.data, prepared.subject.task, prepared.baseline.answers
    table = worsened(task, before, after, data.y)
    table.insert(1, "name", "")
    add_words(Judged(data, before, after, task, ()), table)
    for row in table.to_dict("records"):
        index = row["index"]
        for label, name in enumerate(NAMES):
            true, first, second = (
                float(each[index, label]) for each in (data.y, before > 0, after > 0)
            )
            wrong = not math.isnan(true) and first == true != second
            right = not math.isnan(true) and first != true == second
            assert (name in row["has"]) == (true == 1)
            assert (name in row["missed now"]) == (wrong and true == 1)
            assert (name in row["said wrongly now"]) == (wrong and true == 0)
            assert (name in row["right now"]) == right
    assert (table["missed now"] != "").any()


def test_labels_and_groups_are_judged_on_what_is_known_of_them(known):
    prepared, after = known
    data, task = prepared.subject.data, prepared.subject.task
    tallies = [task.tally(each, data.y) for each in (prepared.baseline.answers, after)]
    table = by_label(METRICS.get("auroc"), *tallies, label_names(data.classes, 4))
    assert table["group"].tolist() == [*NAMES[:3]]
    assert table["samples"].tolist() == (~data.y.isnan()).sum(0)[:3].tolist()
    assert table["with"].tolist() == (data.y == 1).sum(0)[:3].tolist()
    assert left_out(data.y[:, :3], NAMES[:3]) is None
    nothing = [{**tally, "target": torch.ones_like(data.y)} for tally in tallies]
    assert by_label(METRICS.get("auroc"), *nothing, NAMES).empty
    assert label_names(("a",), 2) == label_names(("a", "a"), 2) == ("label 0", "label 1")
    even = (data.y[:, 0] == 1).numpy()  # a group in which all are even, and one in which none is
    groups = {"parity": (("odd", "even"), even.astype(np.int64))}
    for name in ("auroc", "f1"):
        rows = by_group(usual_metric(task, name), *tallies, groups)
        assert rows["labels"].tolist() == [2, 2]
        assert rows["change"].notna().all()
        counts = [f"{n} (2 labels)" for n in rows["samples"]]
        assert [row[1] for row in in_numbers(rows, METRICS.get(name))] == counts
    assert "labels" not in by_group(METRICS.get("loss"), *tallies, groups)


def test_a_goal_and_a_scan_are_of_the_metric():
    plan = PLAN.changed(metric="average_precision", scope="global")
    prepared = run.prepare(load_subject(plan), plan)
    scan = complete(scans.scan(prepared, (0.3, 0.6, 0.9)))
    points = scan.table()
    assert {"average_precision", "auroc", "f1_change_low"} <= {*points}
    assert points["auroc"].notna().all()
    found = propose(prepared, plan, Goal("average_precision", 0.02), points)
    assert found.quality.metric == "average_precision"
    assert -found.quality.change <= 0.02
    assert found.saved_parameters > 0


def test_the_command_line_judges_by_it_and_says_what_is_left_out(pruneviz, tmp_path):
    def asked(*more):
        code, out, _ = pruneviz("run", "--model", PLAN.model, "--sparsity", "0.5", *more, "--json")
        assert code == 0
        return json.loads(out)

    report = asked("--metric", "average_precision")
    first, *others = report["quality"]
    assert (first["metric"], first["settings"]) == ("average_precision", {})
    assert len(others) == 6
    assert others[1]["settings"] == {"class_index": -1, "threshold": 0.5}
    assert str(told.labels_left_out(("no digit",), 4)) in report["notes"]
    assert str(opened.probabilities_of_labels()) in report["notes"]
    report = asked("--metric", "recall", "--metric-parameter", "class_index=2")
    assert report["quality"][0]["settings"] == {"class_index": 2, "threshold": 0.5}


def test_a_network_that_ends_in_a_sigmoid_is_judged_as_the_same_without():
    ended = load_subject(PLAN)
    bare = torch.nn.Sequential(*list(ended.model)[:-1])
    answers = evaluate.answers(ended.model, ended.data.x, ended.data.y, ended.task)
    torch.testing.assert_close(answers, bare(ended.data.x))


def test_labels_have_names_for_each_or_none():
    x, y = torch.rand(40, 3), (torch.rand(40, 2) > 0.5).float()
    given = {"inputs": x, "targets": y}
    with pytest.raises(RefusedError) as caught:
        subject_of(torch.nn.Linear(3, 2), "multi_label", **given, classes=["a"])
    assert caught.value.fact == given_subjects.other_classes(1, 2)
    named = torch.nn.Linear(3, 2)
    named.classes = ["hernia", "mass"]
    assert subject_of(named, "multi_label", **given).data.classes == ("hernia", "mass")
    assert subject_of(torch.nn.Linear(3, 2), "multi_label", **given).data.classes == ()


def judged_at(least: float) -> Judged:
    """Return two inputs with one label of two each, judged from a probability on."""
    y = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    data = SimpleNamespace(
        y=y, x=torch.zeros(2, 2), kind="tabular", classes=("a", "b"), features=("index", "b"),
        raw=lambda x: x,
    )  # fmt: skip
    before, after = torch.tensor([[2.0, -2.0]] * 2), torch.tensor([[-0.5, -2.0], [-3.0, 1.0]])
    pair = SimpleNamespace(settings={"threshold": least})
    return Judged(data, before, after, TASKS.get("multi_label").implementation(), (pair,), None)


@pytest.mark.parametrize(("least", "missed"), [(0.5, ["a", "a"]), (0.2, ["", "a"])])
def test_the_words_decide_where_the_metrics_do_beside_features_of_any_name(least, missed):
    found = judged_at(least)
    table = pd.DataFrame({"index": [0, 1], "name": ["0", "1"], "original": 0.0, "pruned": 1.0})
    add_words(found, table)
    assert table["missed now"].tolist() == missed
    assert table["said wrongly now"].tolist() == ["", "b"]
    shown = _with_features(found, table)
    assert shown.columns.is_unique
    assert [*shown.columns][-2:] == ["feature index", "b"]
