"""Stored runs beside their original: what compares, what is best, what no other beats."""

from __future__ import annotations

import json
import random
import re

import pytest
from typer.testing import CliRunner

from pruneviz.cli import app
from pruneviz.history.beside import COSTS, compared
from pruneviz.history.index import History
from pruneviz.history.row import Row
from pruneviz.report import MetricNumbers
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import keeping
from tests.history.folders import DIABETES, make_run, make_scan


def row(at: int, value: float, macs: int, metric: str = "accuracy", original: float = 0.9) -> Row:
    found = MetricNumbers(
        metric=metric, settings={}, original=original, original_low=None, original_high=None,
        pruned=value, pruned_low=None, pruned_high=None, change=value - original, change_low=None,
        change_high=None, samples=50,
    )  # fmt: skip
    return Row(digest=f"{at:064d}", quality=(found,), macs=macs, macs_original=100,
               parameters=macs * 2, parameters_original=200)  # fmt: skip


def front(points: list[tuple[float, int]]) -> set[tuple[float, int]]:
    """Return the points that none beats, found in order of cost: each better than all before."""
    kept, best = set(), float("-inf")
    for good, cost in sorted(set(points), key=lambda point: (point[1], -point[0])):
        if good > best:
            kept.add((good, cost))
            best = good
    return kept


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize(("metric", "sign"), [("accuracy", 1), ("mae", -1)])
def test_the_front_is_what_none_beats_at_both(seed, metric, sign):
    drawn = random.Random(seed)
    rows = [
        row(at, drawn.randrange(6) / 10, drawn.randrange(60, 100, 10), metric, original=0.3)
        for at in range(drawn.randrange(2, 9))
    ]
    (shown,) = compared(rows)
    points = [(sign * line.value, line.macs) for line in shown.lines]
    led = front(points)
    # of equal networks each is on it
    assert [line.on_front for line in shown.lines] == [point in led for point in points]
    most = max(good for good, _ in points)
    assert [points[at][0] for at in shown.best["quality"]] == [most] * len(shown.best["quality"])
    assert {line.macs for at, line in enumerate(shown.lines) if at in shown.best["macs"]} == {
        min(line.macs for line in shown.lines)
    }


def test_what_is_of_another_original_is_a_comparison_of_its_own():
    rows = [row(0, 0.8, 50), row(1, 0.5, 40, original=0.7), row(2, 0.7, 30), row(2, 0.7, 30)]
    first, second = compared(rows)
    assert [line.digest[-1:] for line in first.lines] == ["", "0", "2"]
    assert [line.digest[-1:] for line in second.lines] == ["", "1"]
    assert [line.value for line in second.lines] == [0.7, 0.5]


def test_what_cannot_be_compared_is_refused():
    for rows, by, fact in (
        ([row(0, 0.8, 50)], "macs", keeping.too_few_to_compare(1)),
        ([row(0, 0.8, 50)] * 2, "macs", keeping.too_few_to_compare(1)),
        ([row(0, 0.8, 50), Row(digest="f" * 64)], "macs", keeping.nothing_to_compare(("f" * 12,))),
        ([row(0, 0.8, 50), row(1, 0.8, 50)], "beauty", keeping.no_such_cost("beauty", COSTS)),
    ):
        with pytest.raises(RefusedError) as caught:
            compared(rows, by)
        assert str(caught.value) == str(fact)


@pytest.fixture
def compare(home, monkeypatch):
    monkeypatch.setenv("PRUNEVIZ_HOME", str(home))

    def call(*arguments):
        result = CliRunner().invoke(app, ["compare", *map(str, arguments)])
        if isinstance(result.exception, ValueError):
            return f"refused: {result.exception}"
        assert result.exit_code == 0, result.output
        return result.stdout

    return call


def test_the_command_writes_a_table_a_page_and_numbers(home, compare, tmp_path):
    folders = [make_run(home, seed=seed) for seed in range(3)]
    make_run(home, model=DIABETES)
    make_scan(home)
    name = "<b>best</b> | *x*"
    History(home).label(folders[0].digest, name=name)
    text = compare("--all")
    assert text.count("## ") == 2
    assert r"\<b\>best\</b\> \| \*x\*" in text
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert len({len(re.findall(r"(?<!\\)\|", line)) for line in lines}) == 1
    assert len(lines) == 2 * 3 + 3 + 1  # titles, rules and originals, and the runs
    file = tmp_path / "page.html"
    assert compare("--all", "--format", "html", "--out", file) == ""
    page = file.read_text("utf-8")
    assert "&lt;b&gt;best&lt;/b&gt;" in page
    assert "<b>" not in page
    assert "<script" not in page
    found = json.loads(compare(folders[0].digest[:12], folders[1].digest, "--json"))
    (shown,) = found["comparisons"]
    report = json.loads(folders[1].file("report.json").read_text())
    assert shown["lines"][2]["macs"] == report["macs"]["pruned"]
    assert shown["lines"][0]["macs"] == report["macs"]["original"]
    assert shown["lines"][2]["found"]["pruned"] == report["quality"][0]["pruned"]


def test_the_command_refuses_with_the_remedy(home, compare):
    run = make_run(home).digest
    assert "two runs or more, got 1" in compare(run)
    assert "choose one of parameters" in compare(run, make_run(home, seed=1).digest, "--by", "x")
    assert "refused" in compare("nothing-of-the-name", run)
