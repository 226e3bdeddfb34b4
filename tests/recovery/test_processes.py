"""Two processes train one network: they share the batches and end with the same weights."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import torch

from pruneviz import run as engine
from pruneviz.plan import Plan
from pruneviz.stages.recovery_rounds import RecoveryRounds
from pruneviz.subjects import load_subject
from tests.recovering import finish
from tests.slow import WAIT_SECONDS

ROOT = Path(__file__).parents[2]
STEP = {"method": "finetune", "parameters": {"epochs": 2, "batch_size": 126}}  # 63 for each
PLAN = Plan(model="sample:tumour-mlp", sparsity=0.5, recovery=[STEP])
SCRIPT = """
import os, sys, torch
from tests.recovery.test_processes import recovered
torch.set_num_threads(1)
pruned, leads = recovered()
torch.save(pruned.model.state_dict(), sys.argv[1] + os.environ["RANK"])
assert leads == (os.environ["RANK"] == "0")
torch.distributed.destroy_process_group()  # or its threads may outlive it, and abort it
"""


def recovered():
    work = RecoveryRounds(engine.prepare(load_subject(PLAN), PLAN), PLAN)
    return finish(work).result(), work.leads


def test_two_processes_end_as_one(tmp_path):
    script = tmp_path / "train.py"
    script.write_text(f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{SCRIPT}")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    subprocess.run([*command, str(script), str(tmp_path / "w")], check=True, timeout=WAIT_SECONDS)
    first, second = (torch.load(tmp_path / f"w{rank}", weights_only=True) for rank in range(2))
    alone = recovered()[0].model.state_dict()
    for name, tensor in alone.items():
        assert torch.equal(first[name], second[name])
        torch.testing.assert_close(first[name], tensor, rtol=1e-4, atol=1e-6)
