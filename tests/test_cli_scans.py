"""Scans on the command line: what is asked reaches the job, and its table and notes come out."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from pruneviz import jobs, subjects
from pruneviz.history.folder import POINTS_FILE, RunFolder, runs_directory
from pruneviz.home import default_home
from pruneviz.sensitivity import METRICS, PAIR_COLUMNS, TABLE
from pruneviz.sensitivity.groups import GROUP_COLUMNS
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import commanding
from tests import grouped_rows

pytestmark = pytest.mark.usefixtures("_jobs_here")
MLP = ("--model", "sample:tumour-mlp")


def spec_of(out):
    return RunFolder(runs_directory(default_home()) / json.loads(out)["digest"]).spec()


def test_a_scan_with_other_levels_and_metrics(pruneviz, tmp_path):
    asked = ("sensitivity", *MLP, "--levels", "0.5,0.9", "--memory-mb", "0")
    code, out, err = pruneviz(*asked, "--metric", "auroc", "--metric", "worst_class", "--json",
                              "--out", tmp_path / "c.csv")  # fmt: skip
    assert code == 0
    assert "does not hold all values" in err.replace("\n", " ")
    found = json.loads(out)
    assert [p["sparsity"] for p in found["points"]] == [0.5, 0.9] * 2
    assert found["original"]["sparsity"] == found["original"]["kl"] == 0
    assert all(
        p[m.low] <= p[m.value] <= p[m.high] for p in found["points"] for m in METRICS.values()
    )
    assert "does not hold all values" in found["notes"][0]
    spec = spec_of(out)
    assert (spec.settings, spec.options["budget_mb"]) == ({"levels": "0.5,0.9"}, 0)
    table = pd.read_csv(tmp_path / "c.csv")
    columns = ["auroc", "auroc_low", "auroc_high", "worst_class", "worst_class_accuracy"]
    assert list(table.columns)[2:7] == columns
    code, out, _ = pruneviz(*asked, "--metric", "loss")
    assert code == 0
    assert out.splitlines()[0].split()[5:8] == [
        "loss_change",
        "loss_change_low",
        "loss_change_high",
    ]
    code, out, _ = pruneviz(*asked, "--metric", "kl")
    assert code == 0
    lines = out.splitlines()
    assert lines[0].split() == ["layer", "sparsity", "kl", "kl_low", "kl_high", "samples"]
    assert lines[1].split()[:2] == ["(original)", "0"]
    assert len(lines) == 6


@pytest.mark.parametrize(
    "asked",
    [
        ("propose", "--lose", "1"), ("propose", "--macs", "0.5"), ("thresholds", "--lose", "1"),
        ("sensitivity",), ("interactions",),
    ],
)  # fmt: skip
def test_a_command_opens_its_model_once(asked, pruneviz, monkeypatch):
    opened, load, refused = [], subjects.load_subject, commanding.job_failed("no job is begun")
    monkeypatch.setattr(subjects, "load_subject", lambda plan: opened.append(plan) or load(plan))

    def submit(*given, **more):
        raise RefusedError(refused)

    monkeypatch.setattr(jobs, "submit", submit)
    code, _, err = pruneviz(*asked, *MLP)
    assert code == 1
    assert "no job is begun" in err
    assert len(opened) == 1


def test_the_group_that_loses_most_is_asked_for_as_a_metric_is(pruneviz, tmp_path):
    asked = ("sensitivity", *MLP, "--levels", "0.9", "--metric", "worst_group")
    code, _, err = pruneviz(*asked)
    assert code == 1
    assert "unknown metric 'worst_group'; choose from accuracy, loss" in err.replace("\n", " ")
    asked = (*asked, "--data", grouped_rows.reference(tmp_path))
    code, out, _ = pruneviz(*asked, "--json", "--out", tmp_path / "c.csv")
    assert code == 0
    table = pd.read_csv(tmp_path / "c.csv")
    assert list(table.columns) == ["layer", "sparsity", *GROUP_COLUMNS]
    found = json.loads(out)["points"]
    assert [point["worst_group"] for point in found] == table["worst_group"].tolist()
    points = runs_directory(default_home()) / json.loads(out)["digest"] / POINTS_FILE
    pd.read_csv(points).drop(columns=GROUP_COLUMNS).to_csv(points, index=False)
    code, _, err = pruneviz(*asked)
    assert code == 1
    assert f"delete it with `pruneviz runs delete {points.parent.name}`" in err.replace("\n", " ")


def test_a_class_without_inputs_is_named_where_its_auroc_would_stand(pruneviz, tmp_path):
    images = np.random.default_rng(0).random((45, 1, 8, 8)).astype("float32")
    np.savez(tmp_path / "nine.npz", x=images, y=np.arange(45) % 9)
    data = ("--model", "sample:digits-cnn", "--data", f"npz:{tmp_path / 'nine.npz'}")
    code, out, err = pruneviz("sensitivity", *data, "--levels", "0.5", "--metric", "auroc")
    assert code == 0, err
    assert "There is no AUROC: no input is of class 9," in " ".join(err.split())
    for line in out.splitlines()[1:]:
        assert line.split()[2:5] == ["none"] * 3


def test_thresholds_and_interactions_write_their_tables(pruneviz, tmp_path):
    code, out, err = pruneviz("thresholds", *MLP, "--lose", "0.7", "--json")
    assert code == 0
    found = json.loads(out)
    assert [list(row) for row in found["thresholds"]] == [TABLE] * 2
    assert found["evaluations"] == sum(row["probes"] for row in found["thresholds"])
    assert found["loss"] == spec_of(out).settings["loss"] == 0.007
    assert "provided that" in err
    code, out, err = pruneviz("interactions", *MLP, "--level", "0.8", "--out", tmp_path / "p.csv",
                              "--json")  # fmt: skip
    assert code == 0
    found = json.loads(out)
    assert [list(row) for row in found["pairs"]] == [PAIR_COLUMNS]
    assert spec_of(out).settings == {"level": 0.8, "pairs": 60}
    assert found["notes"][0].startswith("1 of 1 pairs of layers were looked at.")
    table = pd.read_csv(tmp_path / "p.csv")
    assert table.interaction.tolist() == [row["interaction"] for row in found["pairs"]]


def test_all_pairs_are_one_job_however_they_are_asked_for(pruneviz):
    digests = set()
    for pairs in ([], ["--pairs", "1"], ["--pairs", "7"], ["--pairs", "100"]):
        code, out, _ = pruneviz("interactions", *MLP, *pairs, "--json")
        assert code == 0
        digests.add(json.loads(out)["digest"])
    assert len(digests) == 1, "the network has one pair"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["sensitivity", "--metric", "f1"], "unknown metric 'f1'; choose from accuracy, loss"),
        (["sensitivity", "--levels", "0.5,0.2"], "each larger than the one before"),
        (["sensitivity", "--recalibrate"], "leave 'recalibrate' out"),
        (["thresholds", "--recalibrate"], "leave 'recalibrate' out"),
        (["interactions", "--recalibrate"], "leave 'recalibrate' out"),
        (["thresholds", "--lose", "0"], "'loss' must be a fraction"),
        (["interactions", "--level", "2"], "'level' must be a fraction"),
        (["interactions", "--pairs", "0"], "'pairs' must be a whole number from 1"),
    ],
)
def test_what_cannot_be_gets_a_sentence(pruneviz, arguments, words):
    code, out, err = pruneviz(*arguments, *MLP)
    assert (code, out) == (1, "")
    last = err.splitlines()[-1]  # before it comes the log, which a job has in a file of its own
    assert last.startswith("pruneviz: ")
    assert words in last
