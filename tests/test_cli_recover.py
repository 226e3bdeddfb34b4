"""Recovery on the command line: a job that Ctrl-C leaves resumable."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from pruneviz import jobs
from pruneviz.home import default_home

EPOCHS = "400"


def pruneviz(*arguments):
    """Run the command in a process of its own; return exit code, standard output and error."""
    command = [sys.executable, "-m", "pruneviz", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def made(tmp_path):
    folder = tmp_path / "made"
    model = ("--model", "sample:tumour-mlp", "--sparsity", "0.5")
    assert pruneviz("run", *model, "--out", folder)[0] == 0
    return folder


def test_ctrl_c_leaves_a_job_that_resume_finishes(made, tmp_path):
    command = ("recover", made, "--epochs", EPOCHS, "--set", "learning_rate=0.001")
    running = subprocess.Popen(
        [sys.executable, "-m", "pruneviz", *map(str, command)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        # A suite that was begun in the background ignores Ctrl-C, and so would what it begins.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    end = time.monotonic() + 90
    while time.monotonic() < end:
        folders = [f for f in jobs.active(default_home()) if f.status().fraction > 0.05]
        if folders:
            break
        time.sleep(0.05)
    os.kill(running.pid, signal.SIGINT)
    _, said = running.communicate(timeout=60)
    assert running.returncode == 130, said
    assert "pruneviz runs resume" in said
    (folder,) = folders
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
        (("--recipe", "dance"), "unknown recipe 'dance'; choose from recalibrate, finetune"),
        (("--set", "learning_rate"), "a parameter reads NAME=VALUE"),
        (("--set", "dance=1"), "this recipe has no setting 'dance'"),
        (("--set", "batch_size=1"), "parameter 'batch_size' must be in"),
        (("--set", "optimiser=dance"), "must be one of sgd, adamw"),
    ],
)
def test_bad_input_gets_a_sentence(tmp_path, arguments, sentence, monkeypatch, capsys):
    from pruneviz.cli import main

    (tmp_path / "plan.yaml").write_text("model: sample:tumour-mlp")
    monkeypatch.setattr(sys, "argv", ["pruneviz", "recover", str(tmp_path), *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    assert sentence in capsys.readouterr().err
