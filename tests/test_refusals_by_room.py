"""What history, jobs, analyses, exports, pages and commands refuse says of what kind it is."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from pruneviz.cli import options
from pruneviz.explain.similarity import similarity
from pruneviz.export.operators import resolve
from pruneviz.history.check import check_members
from pruneviz.history.trash import delete
from pruneviz.jobs import checkpoints, scans
from pruneviz.plan import Plan
from pruneviz.propose import Goal
from pruneviz.sensitivity.pairs import sampled_pairs
from pruneviz.sensitivity.reading import read_table
from pruneviz.ui import settings
from pruneviz.ui.engine.gate import check_allowed
from pruneviz.ui.session import recipes
from pruneviz.wording import Fact, RefusedError
from pruneviz.wording.refusals import (
    analysing,
    browsing,
    commanding,
    explaining,
    exporting,
    keeping,
    packing,
    working,
)


def refused(action: Callable[[], object]) -> Fact:
    with pytest.raises(RefusedError) as caught:
        action()
    return caught.value.fact


def members(*names: str) -> zipfile.ZipFile:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name in names:
            archive.writestr(name, b"text")
    return zipfile.ZipFile(content)


ABSENT = "ab" * 32
REFUSED = {
    "sampled pairs": (
        lambda: sampled_pairs(["a"], 3, seed=0), analysing.too_few_layers(1), "granularity",
    ),
    "goal": (
        lambda: Goal("accuracy_points", 100), analysing.no_points("100"), "",
    ),
    "two shapes": (
        lambda: similarity(torch.zeros(2), torch.zeros(3)), explaining.two_shapes((2,), (3,)), "",
    ),
    "operation": (lambda: resolve("os.system"), exporting.operation_not_allowed("'os.system'"), ""),
    "empty zip": (lambda: check_members(members(), "a.zip"), packing.holds_no_runs("a.zip"), ""),
    "foreign file": (
        lambda: check_members(members("a.txt"), "a.zip"), packing.no_file_of_a_run("a.txt"), "",
    ),
    "no run": (lambda: delete(Path(), ABSENT), keeping.no_such_run(ABSENT[:12]), ""),
    "no digest": (lambda: delete(Path(), "me"), keeping.no_digest("me"), ""),
    "fraction": (
        lambda: scans.fraction({"level": 2}, "level", 0.3), working.no_fraction("level", "2"), "",
    ),
    "shape": (lambda: options._shape("3,x"), commanding.no_shape("3,x"), "input_shape"),
    "weights of two": (
        lambda: settings.parse(["sample:a"], ["w.pt", "v.pt"]),
        browsing.two_weights_files("sample:a"), "",
    ),
    "no training": (
        lambda: recipes.stopped_after(Plan(model="sample:digits"), 3),
        browsing.not_one_training(0), "recovery",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_refusal_is_of_its_kind_with_its_values_and_its_field(case):
    action, expected, field = REFUSED[case]
    found = refused(action)
    assert (found, found.values, found.field) == (expected, expected.values, field)


@pytest.mark.parametrize(
    ("field", "reference"),
    [("model", "python:/a b/net.py:build"), ("weights", "/a b/w.pt"), ("data", "csv:/a b/d.csv")],
)
def test_what_only_the_operator_may_name_is_refused_with_the_plan_s_field(field, reference):
    asked = {"model": "sample:digits", field: reference}
    found = refused(lambda: check_allowed(Plan.model_validate(asked)))
    assert found.field == field
    assert found.values["reference"] == reference
    assert found.values["options"].endswith(f"--{field} '{reference}'")


def test_a_table_that_is_cut_short_is_refused_for_that_reason(tmp_path):
    path = tmp_path / "points.csv"
    path.write_text("layer,level\na,0.")
    found = refused(lambda: read_table(path, ["layer", "level"], texts=["layer"], needed=["level"]))
    assert found == analysing.scan_unreadable("points.csv", analysing.cut_short())
    assert Fact.read(found.state()).values["why"] in analysing.cut_short


def test_a_checkpoint_that_is_another_is_refused_as_changed(tmp_path):
    path = tmp_path / "000001s-0000.pt"
    path.write_bytes(b"something else")
    assert refused(lambda: checkpoints.read(path)) in working.checkpoint_changed
