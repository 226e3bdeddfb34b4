"""Inputs that hold what is no number are refused by name, before any model is tried on them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pruneviz.measure.answers import answer_notes, unanswered
from pruneviz.plan import Plan
from pruneviz.stages.prepare import measure_baseline
from pruneviz.subjects import load_subject
from pruneviz.wording import RefusedError, judged, opened

BAD = [np.nan, np.inf, -np.inf]
LABELS = np.arange(60) % 3


@pytest.fixture
def refused(factory: Path) -> Callable[[str, str], str]:
    def run(model: str, data: str) -> str:
        with pytest.raises(RefusedError) as caught:
            load_subject(Plan(model=f"python:{factory}:{model}", data=data))
        assert caught.value.fact in opened.no_numbers
        return str(caught.value)

    return run


def rows(lines: list[int], columns: list[int], value: float) -> np.ndarray:
    x = np.random.RandomState(0).randn(60, 4)
    x[np.ix_(lines, columns)] = value
    return x


@pytest.mark.parametrize("value", BAD)
@pytest.mark.parametrize(
    ("lines", "columns", "words"),
    [
        ([5, 7], [1], r"^2 of the 60 inputs hold .* in column 1 \(row 5, row 7\): remove or fill"),
        ([0, 1], [2], r"^2 of the 60 inputs hold .* in column 2 \(row 0, row 1\)"),
        ([9], [0, 3], r"^1 of the 60 inputs holds .* in columns 0, 3 \(row 9\)"),
        (list(range(60)), [1], r"^60 of the 60 .* \(row 0, row 1, row 2 and 57 more\): fill them"),
        ([3, 4, 5, 6], [0, 1, 2, 3], r"in columns 0, 1, 2 and 1 more \(row 3, row 4, row 5 and 1"),
    ],
)
def test_rows_and_columns_are_named(refused, tmp_path, value, lines, columns, words):
    np.savez(tmp_path / "a.npz", x=rows(lines, columns, value), y=LABELS)
    assert re.search(words, refused("table", f"npz:{tmp_path / 'a.npz'}"))


@pytest.mark.parametrize("cell", ["inf", "-Infinity", "1e39", "1e400"])
@pytest.mark.parametrize("line", [0, 40])
def test_lines_of_a_table_are_named(refused, tmp_path, cell, line):
    lines = [f"{i},{i % 7},{i % 5},1,{i % 3}" for i in range(60)]
    lines[line] = f"2,{cell},3,4,0"
    (tmp_path / "t.csv").write_text("\n".join(["a,b,c,d,kind", *lines]))
    said = refused("table", f"csv:{tmp_path / 't.csv'}?target=kind")
    assert "1 of the 60 inputs holds" in said
    assert f"in column b (line {line + 2})" in said


def test_training_inputs_are_looked_at_too(refused, tmp_path):
    x, bad = rows([], [], 0), rows([3], [2], np.nan)
    np.savez(tmp_path / "a.npz", x=x, y=LABELS, train_x=bad, train_y=LABELS)
    said = refused("table", f"npz:{tmp_path / 'a.npz'}")
    assert "1 of the 60 training inputs holds" in said


@pytest.mark.parametrize("value", BAD)
@pytest.mark.parametrize("bad", [[0], [4], list(range(12))], ids=["first", "one", "all"])
def test_images_are_named_by_their_file(factory, tmp_path, value, bad):
    for i in range(12):
        image = np.random.RandomState(i).rand(8, 8).astype("float32")
        image[2, 3] = value if i in bad else image[2, 3]
        (tmp_path / "im" / f"c{i % 3}").mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(tmp_path / "im" / f"c{i % 3}" / f"{i:02}.tif")
    with pytest.raises(
        RefusedError, match=f"{len(bad)} of the 12 inputs .*c{bad[0] % 3}/"
    ) as caught:
        load_subject(
            Plan(
                model=f"python:{factory}:images",
                data=f"folder:{tmp_path / 'im'}",
                input_shape=(1, 8, 8),
            )
        )
    assert caught.value.fact in opened.no_numbers


def test_what_is_infinite_once_normalised_is_refused(refused, tmp_path):
    x = rows([5], [1], 1e30)
    np.savez(tmp_path / "a.npz", x=x, y=LABELS, mean=[0.0] * 4, std=[1, 1e-20, 1, 1])
    said = refused("table", f"npz:{tmp_path / 'a.npz'}")
    assert "infinite values once normalised by mean and std, in column 1" in said


def test_answers_that_are_no_numbers_are_said_beside_the_accuracy(tmp_path):
    (tmp_path / "n.py").write_text(
        "from torch import nn\n"
        "class Log(nn.Linear):\n"
        "    def forward(self, x):\n"
        "        return super().forward(x.log())\n"
        "def make():\n"
        "    return Log(4, 3)\n"
    )
    x = np.random.RandomState(0).rand(60, 4) + 0.1
    x[40:48, 2] = -1
    np.savez(tmp_path / "a.npz", x=x, y=LABELS, train_x=x[:40], train_y=LABELS[:40])
    plan = Plan(model=f"python:{tmp_path / 'n.py'}:make", data=f"npz:{tmp_path / 'a.npz'}")
    said = [
        note for note in measure_baseline(load_subject(plan)).notes if note in judged.no_answers
    ]
    assert [str(note)[:60] for note in said] == [
        "The original network answers 8 of the 60 inputs with NaN, wh"
    ]


def test_a_pruned_networks_nan_is_said_too():
    y = torch.arange(30) % 3
    good = torch.eye(3)[y]
    pruned = good.clone()
    pruned[[2, 9], 1] = float("nan")
    assert unanswered(good, "original") is None
    notes = [note for note in answer_notes(good, pruned, y, "abc") if note in judged.no_answers]
    assert "The pruned network answers 2 of the 30 inputs with NaN" in str(notes[0])
