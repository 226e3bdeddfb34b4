"""A benchmark's section says how it was made."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

PATH = Path(__file__).parents[1] / "benchmarks" / "common.py"


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
