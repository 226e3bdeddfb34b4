"""The command line: one JSON object, exit code 0 only on success, a sentence when not."""

from __future__ import annotations

import json
import subprocess
import sys

import pandas as pd
import pytest
import torch
from safetensors.torch import save_file

from pruneviz.subjects import list_models

MLP = ("--model", "sample:tumour-mlp")


def test_run_writes_json_with_the_promised_fields(pruneviz, tmp_path):
    code, out, _ = pruneviz(
        "run", *MLP, "--criterion", "taylor", "--granularity", "channel", "--scope", "layer",
        "--sparsity", "0.5", "--layer", "fc1=0.25", "--lock", "fc2:0-3", "--seed", "7",
        "--out", tmp_path / "run", "--json",
    )  # fmt: skip
    assert code == 0
    report = json.loads(out)
    assert len(report["digest"]) == 64
    assert report["sparsity"]["achieved"] == report["sparsity"]["requested"] == 32 / 96
    for name in ("accuracy", "parameters", "macs", "bytes"):
        assert report[name]["original"] >= report[name]["pruned"] > 0
    for which in ("original", "pruned"):
        assert report["latency_ms"][which]["p95"] >= report["latency_ms"][which]["median"] > 0
    assert report["plan"]["seed"] == 7
    code, out, _ = pruneviz("replay", tmp_path / "run", "--json")
    assert code == 0
    assert json.loads(out)["identical"]


def test_a_plan_runs_and_options_win_over_it(pruneviz, tmp_path):
    plan = tmp_path / "plan.yaml"
    plan.write_text("model: sample:tumour-mlp\nsparsity: 0.5\n")
    code, out, _ = pruneviz("run", plan, "--sparsity", "0.25", "--json")
    assert code == 0
    assert json.loads(out)["sparsity"]["achieved"] == 0.25


def test_replay_says_what_differs(pruneviz, tmp_path):
    pruneviz("run", *MLP, "--sparsity", "0.5", "--out", tmp_path)
    path = tmp_path / "report.json"
    report = json.loads(path.read_text())
    report["accuracy"]["pruned"] += 0.125
    path.write_text(json.dumps(report))
    code, out, _ = pruneviz("replay", tmp_path)
    assert code == 1
    assert "accuracy.pruned: " in out


def test_sensitivity_writes_a_csv(pruneviz, tmp_path):
    code, out, _ = pruneviz("sensitivity", *MLP, "--out", tmp_path / "c.csv", "--json")
    assert code == 0
    assert json.loads(out)["samples"] > 100
    table = pd.read_csv(tmp_path / "c.csv")
    assert list(table.columns) == ["layer", "sparsity", "accuracy"]
    assert len(table) == 2 * 9


def test_check_has_the_promised_fields(pruneviz):
    code, out, _ = pruneviz("check", "torchvision:resnet18", "--input-shape", "3,64,64", "--json")
    assert code == 0
    result = json.loads(out)
    assert result["max_relative_error"] <= 1e-4
    assert result["parameters"]["pruned"] < result["parameters"]["original"]
    assert result["skipped"] == [{"name": "fc", "reason": "its outputs are the network's answers"}]
    assert result["groups"] == 12
    assert result["units"] == 2880
    assert result["seconds"] > 0


def test_models_lists_every_sample(pruneviz):
    code, out, _ = pruneviz("models", "--json")
    assert code == 0
    assert [m["reference"] for m in json.loads(out)["samples"]] == [
        card.reference for card in list_models()
    ]


@pytest.mark.parametrize(
    "command",
    ["run", "models", "check", "sensitivity", "thresholds", "interactions", "replay", "app"],
)
def test_each_command_has_help(pruneviz, command):
    code, out, _ = pruneviz(command, "--help")
    assert code == 0
    assert "Usage" in out


def test_what_a_granularity_and_a_scope_take_is_given_by_name(pruneviz, tmp_path):
    plan = tmp_path / "plan.yaml"
    plan.write_text("granularity: n_m\ngranularity_parameters: {n: 1, m: 2}\nsparsity: 0.25\n")
    given = ("--granularity-parameter", "m=4", "--scope", "global")
    code, out, _ = pruneviz("run", plan, *given, "--scope-parameter", "minimum_width=900", "--json")
    assert code == 0
    report = json.loads(out)
    assert report["plan"]["granularity_parameters"] == {"n": 1, "m": 4}
    assert report["plan"]["scope_parameters"] == {"minimum_width": 900}
    assert all(row["units"] - row["removed"] >= min(900, row["units"]) for row in report["layers"])
    relative = ("--scope", "threshold", "--scope-parameter", "relative=false")
    code, out, _ = pruneviz("run", plan, *MLP, "--granularity", "weight", *relative, "--json")
    assert code == 0
    assert json.loads(out)["plan"]["granularity_parameters"] == {}
    assert json.loads(out)["plan"]["scope_parameters"]["relative"] is False


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--sparsity", "1.2"], "sparsity must be a number in [0, 1]"),
        (["--sparsity", "nan"], "got 'nan'"),
        (["--sparsity", "half"], "got 'half'"),
        (["--layer", "fc1=2"], "the sparsity of layer 'fc1'"),
        (["--layer", "fc1"], "NAME=0.3"),
        (["--layer", "fc9=0.1"], "'fc9', which cannot be pruned here or does not exist"),
        (["--lock", "fc1:x"], "a lock reads NAME"),
        (["--lock", "fc1:999"], "its units are 0 to 63"),
        (["--lock", "fc1", "--layer", "fc1=0.5"], "its lock lets at most 0 go"),
        (["--criterion", "best"], "unknown criterion 'best'; choose from"),
        (["--granularity", "atom"], "unknown granularity 'atom'; choose from"),
        (["--scope", "all"], "unknown scope 'all'; choose from"),
        (
            ["--scope-parameter", "widths=8"],
            "'layer' has no parameter 'widths'; it takes: minimum_",
        ),
        (["--granularity-parameter", "n"], "a parameter reads NAME=VALUE, got 'n'"),
        (["--granularity-parameter", "n=2"], "'channel' has no parameter 'n'; it takes: none"),
        (["--granularity", "kernel"], "no kernel that can be pruned as 'Kernels' (fc1: a linear"),
        (["--model", "sample:nothing"], "nothing"),
        (["--model", "nothing"], "nothing"),
        (["--input-shape", "3,a"], "an input shape reads 3,224,224"),
        (["--layer", "fc1=0.1", "--layer", "fc1=0.9"], "layer 'fc1' is given twice: 0.1 and 0.9"),
        (["--lock", "fc1:0-30000000"], "at most 1,000,000 units"),
        (["--seed", "-1"], "seed must be 0 or more; got -1"),
        (["missing.yaml"], "the plan 'missing.yaml' cannot be read"),
    ],
)
def test_bad_input_gets_a_sentence(pruneviz, arguments, words):
    code, out, err = pruneviz("run", *MLP, *arguments, "--json")
    assert code == 1
    assert out == ""
    assert words in err
    assert "Traceback" not in err


def test_weights_that_do_not_fit_name_tensors_and_shapes(pruneviz, tmp_path):
    from pruneviz.plan import Plan
    from pruneviz.subjects import load_subject

    state = load_subject(Plan(model="sample:tumour-mlp")).model.state_dict()
    state["fc1.weight"] = torch.zeros(3, 3)
    save_file(state, tmp_path / "w.safetensors")
    code, _, err = pruneviz("run", *MLP, "--weights", tmp_path / "w.safetensors")
    assert code == 1
    assert "fc1.weight" in err
    assert "3, 3" in err


def test_a_pickle_and_a_truncated_file_are_refused(pruneviz, tmp_path):
    torch.save({"a": torch.zeros(1)}, tmp_path / "w.pt")
    code, _, err = pruneviz("run", *MLP, "--weights", tmp_path / "w.pt")
    assert code == 1
    assert "run code" in err
    (tmp_path / "w.safetensors").write_bytes(b"\x10\x00\x00")
    code, _, err = pruneviz("run", *MLP, "--weights", tmp_path / "w.safetensors")
    assert code == 1
    assert "w.safetensors" in err


def test_the_installed_command_speaks_json_alone():
    done = subprocess.run(
        [sys.executable, "-m", "pruneviz", "run", *MLP, "--sparsity", "0.5", "--json"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout)["sparsity"]["achieved"] == 0.5


NOISY = """
from torch import nn
print("the file is read")


class Noisy(nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.two = nn.Linear(30, 8), nn.Linear(8, 2)

    def forward(self, x):
        print("forward")
        return self.two(self.one(x).relu())


def make():
    print("made")
    return Noisy()
"""


@pytest.fixture
def noisy(tmp_path):
    path = tmp_path / "noisy.py"
    path.write_text(NOISY)
    return f"python:{path}:make"


def test_what_a_model_prints_is_kept_apart_from_the_output(pruneviz, noisy):
    data = ("--data", "sample:tumour")
    for arguments in (["run", "--model", noisy, *data], ["sensitivity", "--model", noisy, *data]):
        code, out, err = pruneviz(*arguments, "--json")
        assert code == 0
        json.loads(out)
        assert "forward" in err
    code, out, _ = pruneviz("run", "--model", noisy, *data)
    assert code == 0
    assert "accuracy" in out
    assert "forward" not in out


def test_a_number_that_json_lacks_leaves_no_half_object(pruneviz, monkeypatch):
    monkeypatch.setattr(
        "pruneviz.report.Report.as_json", lambda *a, **k: {"a": 1, "b": [0.5, float("nan")]}
    )
    code, out, err = pruneviz("run", *MLP, "--json")
    assert (code, out) == (1, "")
    assert "Traceback" not in err


@pytest.mark.parametrize(("error", "shown"), [(0.5, 0.5), (float("inf"), None)])
def test_check_fails_where_masked_and_cut_differ(pruneviz, monkeypatch, error, shown):
    result = {"groups": 1, "units": 2, "skipped": [], "parameters": {"original": 9, "pruned": 5}}
    monkeypatch.setattr("pruneviz.run.check", lambda *a: {**result, "max_relative_error": error})
    code, out, err = pruneviz("check", "sample:tumour-mlp", "--json")
    assert code == 1
    assert json.loads(out)["max_relative_error"] == shown
    assert "differ by" in err


def test_check_assumes_an_input_shape_and_says_so(pruneviz, noisy):
    code, out, err = pruneviz("check", noisy, "--json")
    assert code == 0
    assert json.loads(out)["groups"] == 1
    assert "30 was assumed" in err


@pytest.mark.parametrize(
    ("name", "words"), [("gone/x.csv", "there is no folder"), (".", "is a folder")]
)
def test_a_scan_that_cannot_be_written_does_not_begin(pruneviz, monkeypatch, tmp_path, name, words):
    monkeypatch.setattr("pruneviz.analyses.scans.scan", lambda *a: pytest.fail("the scan began"))
    code, out, err = pruneviz("sensitivity", *MLP, "--out", tmp_path / name)
    assert (code, out) == (1, "")
    assert words in err
    assert "Traceback" not in err


@pytest.mark.parametrize("error", [OSError(28, "No space left"), RuntimeError("no\nmemory")])
def test_errors_of_the_machine_end_in_one_line(pruneviz, monkeypatch, error):
    def fail(*arguments):
        raise error

    monkeypatch.setattr("pruneviz.run.prepare", fail)
    code, out, err = pruneviz("run", *MLP, "--json")
    assert (code, out) == (1, "")
    assert err.startswith("pruneviz: ")
    assert len(err.splitlines()) == 1


def test_replay_of_what_is_no_run_gets_one_plain_sentence(pruneviz, tmp_path):
    code, _, err = pruneviz("replay", tmp_path / "gone")
    assert code == 1
    assert err.count("gone") == 1
    assert "cannot be read: No such file" in err
    for text, words in (("{", "is not JSON"), ('{"digest": 3}', "digest must be text; got 3")):
        (tmp_path / "report.json").write_text(text)
        code, _, err = pruneviz("replay", tmp_path)
        assert code == 1
        assert words in err
        assert "pydantic" not in err
        assert len(err.splitlines()) == 1


def test_replay_elsewhere_says_where_to_replay(pruneviz, noisy, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = ("--input-shape", "30", "--out", "run")
    assert pruneviz("run", "--model", "python:noisy.py:make", *options)[0] == 0
    assert pruneviz("replay", "run")[0] == 0
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    code, _, err = pruneviz("replay", "../run")
    assert code == 1
    assert "no 'noisy.py' in the current folder" in err
    assert "replay it from the folder it was run in" in err


def test_a_layer_given_keeps_the_other_layers_of_the_plan(pruneviz, tmp_path):
    plan = tmp_path / "plan.yaml"
    plan.write_text("model: sample:tumour-mlp\nlayers: {fc1: 0.5, fc2: 0.5}\nlocks: {fc1: [0]}\n")
    code, out, _ = pruneviz("run", plan, "--layer", "fc2=0.25", "--lock", "fc2:1", "--json")
    assert code == 0
    made = json.loads(out)["plan"]
    assert made["layers"] == {"fc1": 0.5, "fc2": 0.25}
    assert made["locks"] == {"fc1": [0], "fc2": [1]}


def test_a_budget_of_milliseconds_becomes_an_amount(pruneviz, tmp_path):
    code, _, said = pruneviz("run", *MLP, "--within-ms", "1000", "--out", tmp_path / "slow")
    assert code == 0
    assert "0% removed: the time for one input is " in said
    assert ", within the goal of 1000 ms" in said
    code, _, said = pruneviz("run", *MLP, "--within-ms", "0")
    assert code == 1
    assert "0 ms cannot be met" in said
