"""What the documents say holds: code runs, commands work, links lead somewhere."""

from __future__ import annotations

import json
import os
import re
import runpy
import shlex
import subprocess
import sys

import pytest
from streamlit.testing.v1 import AppTest

import pruneviz.figures
from pruneviz.plan import Plan
from tests.documents import DOCUMENTS, NAMES, ROOT, anchors, blocks, files, lines, prose_of, text_of
from tests.families import add_tokenizer

VERBS = {"models", "methods", "run", "sensitivity", "thresholds", "interactions", "propose",
         "preset", "blockwise", "vocabulary", "recover", "runs", "compare", "replay", "check",
         "app"}  # fmt: skip
COMMANDS = [line for name in NAMES for line in lines(name) if line.startswith("pruneviz")]
LINKS = [(name, to) for name in NAMES for to in re.findall(r"\]\(([^)\s]+)\)", prose_of(name))]
OWN_LINKS = [(name, to) for name, to in LINKS if not to.startswith("https://")]


def python(arguments, folder):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def write_language_model(folder) -> None:
    """Write a tiny language model, whose tokens are bytes, as FOLDER, and a text for it."""
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=256, hidden_size=16, intermediate_size=24, num_hidden_layers=10,
        num_attention_heads=4, num_key_value_heads=2, pad_token_id=0,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder / "FOLDER")
    add_tokenizer(folder / "FOLDER")
    (folder / "words.txt").write_text("What is written is read once more, and cut. " * 110)


def test_the_readme_is_read_in_one_go():
    assert len(text_of("README.md").splitlines()) < 200


def test_the_library_example_runs(tmp_path, capsys):
    (example,) = blocks("README.md", "python")
    (tmp_path / "example.py").write_text(example)
    runpy.run_path(str(tmp_path / "example.py"))
    out = capsys.readouterr().out
    assert re.search(r"0\.990 -> 0\.\d{3}", out)
    assert "conv1" in out
    assert len([line for line in example.splitlines() if line]) <= 10


def test_the_library_s_examples_run_one_after_another(tmp_path):
    out = python(["-c", "\n".join(blocks("docs/library.md", "python"))], tmp_path)
    amounts, *_, error, costs = out.splitlines()
    assert amounts.startswith("0.3 [")
    assert float(error) < 1e-5
    assert costs == "3114 10656"  # 27·8 + 8 and 288·10 + 10; at 36 places 27·8, and 288·10


def test_every_block_of_python_is_tried():
    """Those of other documents are files, each of which a test below tries."""
    tried = {
        "pruneviz/criteria/mean_square.py",
        "pruneviz/figures/widths.py",
        "pages/widths.py",
        "pruneviz/jobs/kinds/near_zero.py",
        "pages/near_zero.py",
        "net.py",
        "yolo.py",
        "home.py",
    }
    others = [name for name in NAMES if name not in ("README.md", "docs/library.md")]
    assert {path for name in others for path in files(name)} == tried
    assert sum(len(blocks(name, "python")) for name in others) == len(tried)


def test_a_criterion_is_one_file(tmp_path):
    file = files("CONTRIBUTING.md")["pruneviz/criteria/mean_square.py"]
    (tmp_path / "mine.py").write_text(file)
    code = (
        "import mine; from pruneviz.run import run; from pruneviz.plan import Plan\n"
        "report = run(Plan(criterion='mean_square', sparsity=0.5), latency_runs=3)[2]\n"
        "print(report.sparsity.achieved)"
    )
    assert python(["-c", code], tmp_path).strip() == "0.5"


def test_a_yolo_is_cut_and_comes_home(tmp_path):
    pytest.importorskip("ultralytics", reason="ultralytics is installed by those who use it")
    for name, code in files("docs/formats.md").items():
        (tmp_path / name).write_text(code)
    asked = ["--model", "python:yolo.py:build", "--sparsity", "0.5", "--out", "run"]
    python(["-m", "pruneviz", "run", *asked], tmp_path)
    code = (
        "import home, torch; from ultralytics import YOLO; x = torch.rand(1, 3, 64, 96)\n"
        "one, other = (m.model.float().eval()(x)[0] for m in (home.yolo, YOLO('pruned.pt')))\n"
        "print(float((one - other).abs().max() / one.abs().max()))"
    )
    assert float(python(["-c", code], tmp_path).splitlines()[-1]) < 0.01  # of half precision


def test_a_subject_of_ones_own_is_one_file(tmp_path):
    (tmp_path / "net.py").write_text(files("docs/models-and-data.md")["net.py"])
    code = (
        "from pruneviz.run import run; from pruneviz.plan import Plan\n"
        "report = run(Plan(model='python:net.py:build', sparsity=0.5), latency_runs=3)[2]\n"
        "print(report.quality[0].metric)"
    )
    assert python(["-c", code], tmp_path).strip() == "mae"


def test_a_page_is_one_file_and_its_figure(tmp_path, monkeypatch):
    own = files("CONTRIBUTING.md")
    for path in ("pruneviz/figures/widths.py", "pages/widths.py"):
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_text(own[path])
    figures = [*pruneviz.figures.__path__, str(tmp_path / "pruneviz" / "figures")]
    monkeypatch.setattr(pruneviz.figures, "__path__", figures)
    at = AppTest.from_file(str(tmp_path / "pages" / "widths.py"), default_timeout=300).run()
    sys.modules.pop("pruneviz.figures.widths")
    assert not at.exception
    assert not at.error
    assert at.title[0].value == "Widths"
    (chart,) = at.get("plotly_chart")
    assert json.loads(chart.proto.spec)["layout"]["title"]["text"].startswith("Most units stay in")


@pytest.mark.usefixtures("_jobs_here")
def test_the_commands_work_in_order(tmp_path, monkeypatch, pruneviz):
    monkeypatch.chdir(tmp_path)
    plan = tmp_path / "plan.yaml"
    plan.write_text(Plan(sparsity=0.3, scope="global").to_yaml())
    write_language_model(tmp_path)
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


@pytest.mark.parametrize("name", NAMES)
def test_links_lead_somewhere(name):
    for to in (to for where, to in OWN_LINKS if where == name):
        path, _, anchor = to.partition("#")
        target = (ROOT / name).parent / path if path else ROOT / name
        assert target.exists(), to
        assert not anchor or anchor in anchors(target), to


def test_every_document_is_linked_to():
    reached = {((ROOT / name).parent / to.partition("#")[0]).resolve() for name, to in OWN_LINKS}
    assert set(DOCUMENTS) - {ROOT / "README.md"} <= reached
