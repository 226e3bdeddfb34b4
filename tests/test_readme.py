"""What the README says holds: its code runs, its commands work, its pictures are there."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from pruneviz.plan import Plan

VERBS = {"models", "methods", "run", "sensitivity", "thresholds", "interactions", "propose",
         "recover", "runs", "replay", "check", "app"}  # fmt: skip
ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
BLOCKS = {
    language: re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)
    for language in ("python", "sh")
}
COMMANDS = [
    line.split(" #")[0].strip()
    for block in BLOCKS["sh"]
    for line in block.splitlines()
    if line.strip().startswith("pruneviz")
]


def python(arguments, folder):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_library_example_runs(tmp_path):
    example = next(block for block in BLOCKS["python"] if "from pruneviz.run import run" in block)
    out = python(["-c", example], tmp_path)
    assert re.search(r"0\.990 -> 0\.\d{3}", out)
    assert "conv1" in out
    assert len([line for line in example.splitlines() if line]) <= 10


def test_a_criterion_is_one_file(tmp_path):
    file = next(block for block in BLOCKS["python"] if "@CRITERIA.register" in block)
    (tmp_path / "mine.py").write_text(file)
    code = (
        "import mine; from pruneviz.run import run; from pruneviz.plan import Plan\n"
        "report = run(Plan(criterion='mean_square', sparsity=0.5), latency_runs=3)[2]\n"
        "print(report.sparsity.achieved)"
    )
    assert python(["-c", code], tmp_path).strip() == "0.5"


@pytest.mark.usefixtures("_jobs_here")
def test_the_commands_work_in_order(tmp_path, monkeypatch, pruneviz):
    monkeypatch.chdir(tmp_path)
    plan = tmp_path / "plan.yaml"
    plan.write_text(Plan(sparsity=0.3, scope="global").to_yaml())
    python(["-m", "pruneviz", "run", "plan.yaml", "--out", "."], tmp_path)  # the unpacked zip
    assert pruneviz("run", "plan.yaml", "--keep")[0] == 0
    listed = json.loads(pruneviz("runs", "list", "--json")[1])
    for command in COMMANDS:
        arguments = shlex.split(command.replace("DIGEST", listed["runs"][0]["digest"]))[1:]
        if arguments[0] != "app":
            code, _, err = pruneviz(*arguments)
            assert code == 0, f"{command}: {err}"
    assert {shlex.split(command)[1] for command in COMMANDS} == VERBS
    assert (tmp_path / "curve.csv").exists()
    assert (tmp_path / "candidate.zip").exists()


@pytest.mark.parametrize("path", re.findall(r"\]\(([\w./-]+)\)", README))
def test_links_lead_somewhere(path):
    assert (ROOT / path).exists()
