"""Runs of any task are kept, found, ranked and told by the metrics of their task."""

from __future__ import annotations

import json
import math
import zipfile
from pathlib import Path

import numpy as np
import pytest

from pruneviz import evaluate, run, store
from pruneviz.figures.kit import quality
from pruneviz.history import tracking
from pruneviz.history.archive import export_runs, import_runs
from pruneviz.history.folder import RunFolder
from pruneviz.history.index import History
from pruneviz.metrics import METRICS
from pruneviz.report import MetricNumbers, MetricPair, Report
from pruneviz.subjects import load_subject
from pruneviz.ui.history import report_tables
from tests.history.folders import DIABETES, TUMOURS, computed, make_run

OLDER = Path(__file__).parent / "report_without_quality.json"


def report_of(folder: RunFolder) -> Report:
    return store.read_report(folder.path)


def with_quality(folder: RunFolder, **changed) -> RunFolder:
    """Write other numbers of its first metric into a run's report."""
    report = report_of(folder)
    first = report.quality[0].model_copy(update=changed)
    wrong = report.model_copy(update={"quality": (first, *report.quality[1:])})
    folder.file("report.json").write_text(wrong.model_dump_json())
    return folder


@pytest.fixture
def endless(home):
    """A run of which nothing is known of how far its error can be off."""
    folder = make_run(home, model=DIABETES)
    return with_quality(
        folder, pruned_interval=(0.0, math.inf), change_interval=(-math.inf, math.inf)
    )


def test_a_row_has_every_metric_of_the_run_the_primary_first(home):
    folder = make_run(home, model=DIABETES)
    (row,) = History(home).search()
    assert (row.task, row.accuracy, row.samples) == ("regression", None, 147)
    assert [found.metric for found in row.quality] == ["mae", "mse", "r2"]
    prepared = run.prepare(load_subject(plan := computed(DIABETES)[1]), plan)
    data, task = prepared.subject.data, prepared.subject.task
    given = evaluate.answers(run.prune(prepared, plan).model, data.x, data.y, task)
    error = (given.double().reshape(-1) - data.y.double().reshape(-1)).numpy()
    variance = np.var(data.y.double().numpy())
    expected = [np.abs(error).mean(), (error**2).mean(), 1 - (error**2).mean() / variance]
    assert [found.pruned for found in row.quality] == pytest.approx(expected, rel=1e-9)
    for found, pair in zip(row.quality, report_of(folder).quality, strict=True):
        assert (found.pruned_low, found.pruned_high) == pair.pruned_interval
        assert (found.original, found.change) == (pair.original, pair.change)


def test_a_run_of_before_has_its_accuracy_alone(home):
    fields = json.loads(OLDER.read_text())
    assert "quality" not in fields
    report = Report.model_validate_json(OLDER.read_text())
    assert report.quality == (MetricPair(**fields["accuracy"]),)
    assert report.as_json()["accuracy"].items() >= fields["accuracy"].items()
    folder = make_run(home)
    found = {
        **fields,
        "digest": folder.digest,
        "plan": json.loads(folder.spec().plan.model_dump_json()),
    }
    folder.file("report.json").write_text(json.dumps(found))
    (row,) = History(home).search()
    low, high = fields["accuracy"]["pruned_interval"]
    assert (row.accuracy, row.accuracy_low, row.accuracy_high) == (
        fields["accuracy"]["pruned"], low, high,
    )  # fmt: skip
    assert (row.primary.metric, row.primary.pruned) == ("accuracy", row.accuracy)


def test_the_best_come_first_each_metric_by_itself(home):
    errors, shares = {1: 40.0, 2: 30.0, 3: 50.0}, {4: 0.7, 5: 0.9}
    for seed, value in errors.items():
        with_quality(make_run(home, seed, model=DIABETES), pruned=value)
    for seed, value in shares.items():
        with_quality(make_run(home, seed), pruned=value)
    with_quality(make_run(home, 6, model=DIABETES), pruned=math.nan)
    make_run(home, 7, "failed")
    history = History(home)

    def seeds(order, **asked):
        return [row.seed for row in history.search(order=order, **asked)]

    lacking = {6, 7}
    assert seeds("quality")[:5] == [5, 4, 2, 1, 3]  # accuracy falls, then the error grows
    assert set(seeds("quality")[5:]) == lacking
    assert seeds("quality", descending=False)[:5] == [4, 5, 3, 1, 2]
    assert seeds("mae")[:3] == [2, 1, 3]
    assert set(seeds("mae")[3:]) == lacking | shares.keys()
    assert seeds("accuracy")[:2] == [5, 4]
    with_quality(make_run(home, 8), metric="recall", settings={"class_index": 1}, pruned=0.6)
    with_quality(make_run(home, 9), metric="recall", settings={"class_index": 0}, pruned=0.5)
    with_quality(make_run(home, 10), metric="recall", settings={"class_index": 0}, pruned=0.4)
    history.sync()
    assert seeds("recall")[:3] == [9, 10, 8], "recalls of two classes are not ranked together"
    with pytest.raises(ValueError, match="by a metric's name, got 'speed'"):
        seeds("speed")


def test_runs_are_found_by_their_task_and_metrics(home):
    folder = make_run(home, model=DIABETES)
    make_run(home)
    history = History(home)
    for words in ("regression", "mae", "r2 mse"):
        assert [row.digest for row in history.search(words)] == [folder.digest]


def test_intervals_without_end_are_kept_and_told_as_not_known(endless, home):
    report = report_of(endless)
    assert report.quality[0].pruned_interval == (0.0, math.inf)
    assert Report.model_validate_json(report.model_dump_json()) == report
    json.dumps(report.as_json(), allow_nan=False)
    (row,) = History(home).search()
    assert (row.primary.pruned_low, row.primary.pruned_high) == (0.0, None)
    shown = report_tables.numbers(report)[0]
    assert shown[2:] == (
        f"{report.primary.pruned:.2f} (± not known)",
        f"{report.primary.change:+.2f} (± not known)",
    )
    unknown = report.model_copy(update={"quality": (pair := nothing(report.primary),)})
    again = Report.model_validate_json(unknown.model_dump_json())
    assert math.isnan(again.quality[0].pruned)
    assert again.deterministic() == unknown.deterministic()
    assert quality.pruned(MetricNumbers.of(pair)) == "not known"


def nothing(pair: MetricPair) -> MetricPair:
    return pair.model_copy(update={"pruned": math.nan, "pruned_interval": (math.nan, math.nan)})


def test_two_runs_say_which_metric_judges_one_of_them_alone(home):
    one, other = (report_of(make_run(home, model=model)) for model in (DIABETES, TUMOURS))
    assert report_tables.judged_apart(one, one) == ""
    assert report_tables.judged_apart(one, other) == (
        "They are judged by different metrics: only the first by mean absolute error, mean squared "
        "error, R²; only the second by accuracy."
    )
    rows = {title: cells for title, *cells in report_tables.side_by_side(one, other)}
    assert rows["Accuracy"][0] == rows["R²"][1] == report_tables.NOTHING
    assert rows["R²"][0].startswith(f"{one.quality[2].pruned:.3f} (± ")
    assert rows["Accuracy"][1].endswith("), 190 inputs")


def test_mlflow_has_each_metric_under_its_name(home):
    folder = make_run(home, model=DIABETES)
    (row,) = History(home).search()
    found = {name: value for name, value, *_ in tracking._metrics(row, folder, 0)}
    for pair in report_of(folder).quality:
        assert found[pair.metric] == pair.pruned
        assert found[f"{pair.metric}_original"] == pair.original
        assert (found[f"{pair.metric}_low"], found[f"{pair.metric}_high"]) == pair.pruned_interval
    assert "accuracy" not in found
    accuracies = {name for name, *_ in tracking._metrics(
        History(home).record(make_run(home).digest), folder, 0)}  # fmt: skip
    assert accuracies == set(tracking.METRICS)


def test_a_regression_goes_along_and_comes_in_equal(endless, home, tmp_path):
    packed = tmp_path / "runs.zip"
    export_runs(History(home), [endless.digest], packed)
    there = History(tmp_path / "other")
    assert import_runs(there, packed).added == (endless.digest,)
    came = there.folder(endless.digest)
    assert report_of(came) == report_of(endless)
    assert there.get(endless.digest).quality == History(home).get(endless.digest).quality


@pytest.mark.parametrize("where", ["report", "task", "metric"])
def test_what_no_metric_and_no_task_is_does_not_come_in(home, tmp_path, where):
    folder = make_run(home, model=DIABETES)
    digest = folder.digest
    if where == "report":
        with_quality(folder, metric="beauty")
    else:
        plan = folder.spec().plan.changed(**{where: "beauty"})
        digest = plan.digest()
        for name, text in changed(folder, plan).items():
            folder.file(name).write_text(text)
    packed = tmp_path / "runs.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for name in ("job.json", "status.json", *store.FILES):
            if folder.file(name).exists():
                archive.write(folder.file(name), f"{digest}/{name}")
    with pytest.raises(ValueError, match=r"unknown here \((metric|task) 'beauty'\); leave it out"):
        import_runs(History(tmp_path / "other"), packed)


def changed(folder: RunFolder, plan) -> dict[str, str]:
    """Return the files that tell a run's plan, with another one."""
    fields = {"digest": plan.digest(), "plan": plan}
    spec = folder.spec().model_copy(update={"plan": plan})
    report = report_of(folder).model_copy(update=fields)
    return {"job.json": spec.model_dump_json(), "plan.yaml": plan.to_yaml(),
            "report.json": report.model_dump_json()}  # fmt: skip


def test_a_metric_of_another_version_is_a_plain_number_in_the_list(home):
    with_quality(make_run(home), metric="beauty", pruned=1.5, pruned_interval=(1.0, 2.0))
    (row,) = History(home).search()
    assert quality.title(row.primary) == "beauty"
    assert quality.pruned(row.primary) == "1.500 (± 0.500)"


def test_a_title_says_its_settings():
    pair = MetricPair(
        metric="recall", settings={"class_index": 3}, original=0.5, pruned=0.5, change=0.0,
        original_interval=(0.4, 0.6), pruned_interval=(0.4, 0.6), change_interval=(0.0, 0.0),
        samples=9,
    )  # fmt: skip
    assert quality.title(MetricNumbers.of(pair)) == "Recall (class 3)"
    of_boxes = MetricNumbers.of(pair.model_copy(update={"metric": "box_recall", "settings": {}}))
    assert quality.title(of_boxes) == "Recall of a class's boxes (class 0)"
    assert quality.metric_named("recall") is METRICS.get("recall")
