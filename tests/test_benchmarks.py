"""A benchmark's section says how it was made."""

from __future__ import annotations

import importlib.util
import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tests.documents import text_of

ROOT = Path(__file__).parents[1]
PATH = ROOT / "benchmarks" / "common.py"
NAMED = re.findall(r"`(?:python benchmarks/)?(\w+\.py)`", text_of("docs/measuring.md"))
EXTRA = re.compile(
    r"this benchmark needs \w+: (run `make bench` first|there are none in |pip download )"
)


@pytest.fixture
def common(tmp_path, monkeypatch):
    spec = importlib.util.spec_from_file_location("common", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "RESULTS", tmp_path / "RESULTS.md")
    return module


@pytest.mark.parametrize("options", [[], ["--quick"]])
def test_a_quick_section_says_so(common, monkeypatch, capsys, options):
    monkeypatch.setattr(sys, "argv", ["masks.py", *options])
    for ratio in (1.0, 2.0):
        common.finish("masks", ["a", "b"], [["1", "2"]], "Notes.", ratio)
    text = common.RESULTS.read_text()
    assert ("(quick)" in text) == bool(options)
    assert text.count("## masks") == 1
    assert "ratio: 2.00" in text
    assert capsys.readouterr().out.endswith("ratio: 2.00\n")


def test_the_documents_name_every_benchmark():
    parts = {
        "common.py",
        "cifar.py",
        "bound.py",
        "apart.py",
        "worlds.py",
        "fastestdet.py",
        "language_blocks.py",
        "language_scan.py",
        "family_models.py",
    }  # what the others share
    there = {path.name for path in (ROOT / "benchmarks").glob("*.py")} - parts
    assert there <= set(NAMED)


@pytest.mark.parametrize("name", sorted({n for n in NAMED if (ROOT / "benchmarks" / n).exists()}))
def test_a_benchmark_comes_to_its_first_row(name, tmp_path):
    """Without an argument but `--quick`; one whose tools are not installed says which."""
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "benchmarks" / name), "--quick"],
        env={**os.environ, "PRUNEVIZ_RESULTS": str(tmp_path / "RESULTS.md")},
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        first = process.stdout.readline()
        if not first:
            _, errors = process.communicate()
            assert EXTRA.search(errors), errors
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
