"""Recovery on the command line: a job that Ctrl-C leaves resumable."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

from pruneviz import jobs
from pruneviz.home import default_home
from tests.slow import WAIT_SECONDS, wait_until

EPOCHS = "400"


@pytest.fixture
def made(pruneviz, tmp_path):
    folder = tmp_path / "made"
    model = ("--model", "sample:tumour-mlp", "--sparsity", "0.5")
    assert pruneviz("run", *model, "--out", folder)[0] == 0
    return folder


def test_ctrl_c_leaves_a_job_that_resume_finishes(pruneviz, made, tmp_path):
    command = ("recover", made, "--epochs", EPOCHS, "--set", "learning_rate=0.001")
    running = subprocess.Popen(
        [sys.executable, "-m", "pruneviz", *map(str, command)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        # A suite that was begun in the background ignores Ctrl-C, and so would what it begins.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    wait_until(lambda: any(job.status().fraction > 0.05 for job in jobs.active(default_home())))
    (folder,) = jobs.active(default_home())
    os.kill(running.pid, signal.SIGINT)
    _, said = running.communicate(timeout=WAIT_SECONDS)
    assert running.returncode == 130, said
    assert "pruneviz runs resume" in said
    assert folder.state() == "stopped"
    code, _, said = pruneviz(*command)
    assert code == 1
    assert "go on with --resume" in said
    code, out, said = pruneviz(*command, "--resume", "--json", "--out", tmp_path / "copy")
    assert code == 0, said
    report = json.loads(out)
    assert report["digest"] == folder.digest
    assert len(report["recovery"]["curve"]) > int(EPOCHS)
    assert "going on from the checkpoint" in folder.file("log.txt").read_text()
    assert (tmp_path / "copy" / "report.json").exists()
    code, out, _ = pruneviz("runs", "show", folder.digest[:12], "--json")
    assert [part["depth"] for part in json.loads(out)["lineage"]] == [0, 1]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--recipe", "dance"), "unknown recipe 'dance'; choose from recalibrate, correct_biases"),
        (("--set", "learning_rate"), "a parameter reads NAME=VALUE"),
        (("--set", "dance=1"), "this recipe has no setting 'dance'"),
        (("--set", "batch_size=1"), "parameter 'batch_size' must be in"),
        (("--set", "optimiser=dance"), "must be one of sgd, adamw"),
    ],
)
def test_bad_input_gets_a_sentence(pruneviz, tmp_path, arguments, sentence):
    (tmp_path / "plan.yaml").write_text("model: sample:tumour-mlp")
    code, _, said = pruneviz("recover", tmp_path, *arguments)
    assert code == 1
    assert sentence in said
