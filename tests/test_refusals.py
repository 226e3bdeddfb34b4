"""A refusal is a fact: its code, its values, the field of the plan; its words are in one room."""

from __future__ import annotations

import ast
import pickle
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import torch
from torch import nn

from pruneviz.network.attempts import attempt
from pruneviz.network.causes import WrongInputError
from pruneviz.plan import Plan
from pruneviz.proof import CutError
from pruneviz.pruned.surgery import Surgery
from pruneviz.registry import Parameter
from pruneviz.wording import FactKind, RefusedError, Share, judged, passes, refusals, said_by
from pruneviz.wording.fact import fact, words
from pruneviz.wording.refusals import asked, cutting, forward

ROOT = Path(__file__).parents[1]
PATHS = [*(ROOT / "pruneviz").rglob("*.py"), *(ROOT / "pages").glob("*.py"), ROOT / "app.py"]
# The room with the words of all others.
SPEAKING = frozenset({"wording"})
# How many errors still hold their words, by file: no user reads these.
LEFT = {
    "pruneviz/coupling/ids.py": (1, "a rule fails, and the tracer tells which call it was"),
    "pruneviz/coupling/rules/attention.py": (
        1,
        "a rule fails, and the tracer tells which call it was",
    ),
    "pruneviz/history/lineage.py": (1, "whoever builds a family begins at its top"),
    "pruneviz/jobs/kind.py": (1, "who writes a kind of job reads it when the file is imported"),
    "pruneviz/propose/propose.py": (1, "whoever steps a search asks whether it is done"),
    "pruneviz/registry.py": (2, "who writes a method reads it when the file is imported"),
    "pruneviz/sensitivity/search.py": (1, "whoever steps a search asks whether it is done"),
}


def spoken(tree: ast.AST) -> Iterator[ast.Call]:
    """Yield the errors of a file that are made of a text instead of a fact."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args and isinstance(node.func, ast.Name):
            kind, given = node.func.id, node.args[0]
            texts = isinstance(given, ast.Constant | ast.JoinedStr | ast.BinOp)
            if kind == "ValueError" or (texts and kind.endswith("Error") and kind in OWN):
                yield node


OWN = (
    "BrokenImageError", "CutError", "LeftOutError", "RefusedError", "UnknownClassesError",
    "WrongInputError",
)  # fmt: skip


def room_of(name: str) -> str:
    return name.removeprefix("pruneviz/").partition("/")[0].removesuffix(".py")


def files() -> Mapping[str, ast.Module]:
    paths = {path.relative_to(ROOT).as_posix(): path for path in sorted(PATHS)}
    assert {room_of(name) for name in paths} > SPEAKING
    return {n: ast.parse(p.read_text()) for n, p in paths.items() if room_of(n) not in SPEAKING}


def test_what_these_rooms_refuse_is_a_fact():
    found = Counter(name for name, tree in files().items() for _ in spoken(tree))
    assert found == {name: count for name, (count, _) in LEFT.items()}


@pytest.mark.parametrize(
    "code", ['raise ValueError("no")', "raise ValueError(NOTHING)", 'f = CutError(f"{a}: no")']
)
def test_an_error_that_holds_its_sentence_is_found(code):
    assert [*spoken(ast.parse(code))]


@pytest.mark.parametrize("code", ["raise RefusedError(asked.alias(3))", 'raise KeyError("a")'])
def test_an_error_that_holds_a_fact_is_left_alone(code):
    assert not [*spoken(ast.parse(code))]


def test_each_refusal_is_raised_somewhere():
    called = {
        call
        for path in PATHS if "refusals" not in path.parts
        for call in re.findall(r"\b(\w+\.\w+)\(", path.read_text())
    }  # fmt: skip
    kinds = {
        f"{topic}.{name}"
        for room in (refusals, refusals.subjects) for topic in room.__all__
        for name, kind in vars(getattr(room, topic)).items() if isinstance(kind, FactKind)
    }  # fmt: skip
    assert len(kinds) > 250
    assert kinds - called == set()


def test_a_fault_of_a_plan_names_its_field_and_holds_its_value():
    with pytest.raises(RefusedError) as caught:
        Plan.from_text("sparsity: 1.5")
    assert caught.value.fact == asked.no_sparsity("1.5")
    assert caught.value.fact.field == "sparsity"
    with pytest.raises(RefusedError) as caught:
        Plan.from_text("layers: {conv1: 2}")
    assert caught.value.fact == asked.no_sparsity_of_layer("'conv1'", "2")
    assert caught.value.fact.field == "layers"


def test_several_faults_of_a_plan_are_facts_each_and_are_said_in_one_sentence():
    with pytest.raises(RefusedError) as caught:
        Plan.from_fields({"sparsity": 2, "seed": "x", "locks": 3})
    found = caught.value.fact
    assert found in asked.faults
    assert {each.code for each in found.values["some"]} == {
        "asked.no_sparsity", "asked.must_be", "asked.no_locks",
    }  # fmt: skip
    assert str(found) == "; ".join(map(str, found.values["some"]))
    assert type(found).read(found.state()) == found


def test_more_faults_than_a_sentence_holds_are_counted():
    steps = [{"method": "m", "other": 1} for _ in range(7)]
    with pytest.raises(RefusedError) as caught:
        Plan.from_fields({"recovery": steps})
    assert (len(caught.value.fact.values["some"]), caught.value.fact.values["more"]) == (5, 2)
    assert str(caught.value).endswith("; and 2 more faults")


def test_a_model_of_plain_checks_refuses_with_the_fact_of_its_check():
    text = '{"cuts": [{"parameter": "a", "axis": 0, "kept": [2, 1]}]}'
    with pytest.raises(RefusedError) as caught:
        Surgery.from_json(text)
    assert caught.value.fact == cutting.no_surgery(cutting.not_rising(1, 2))


def test_a_setting_out_of_its_range_is_refused_with_the_range():
    with pytest.raises(RefusedError) as caught:
        Parameter(name="rate", default=0.5, help="", minimum=0, maximum=1).check(2.0)
    assert caught.value.fact == asked.out_of_range("rate", 0, 1, "2.0")


def test_a_cut_that_does_not_hold_keeps_its_fact_and_its_place_in_another_process():
    fault = CutError(cutting.not_comparable(passes.drawn()), "features.3")
    again = pickle.loads(pickle.dumps(fault))  # noqa: S301
    assert (again.fact, again.owner, str(again)) == (fault.fact, "features.3", str(fault))
    assert again.fact.values["why"] in passes.drawn


def test_a_model_that_fails_says_what_and_the_remedy_apart():
    model = nn.Linear(3, 2)
    with pytest.raises(WrongInputError) as caught:
        attempt(model, torch.zeros(4, 5))
    error = pickle.loads(pickle.dumps(caught.value))  # noqa: S301
    assert error.cause.values["what"] == forward.this_shape((5,))
    assert error.fact.values["remedy"] == forward.shape_or_data()
    assert str(error) == f"{error.cause}; {forward.shape_or_data()}"


def test_what_an_error_says_is_its_fact_or_its_message_as_one():
    assert said_by(RefusedError(asked.no_mapping())) == asked.no_mapping()
    assert said_by(OSError("no space")) == judged.recorded("no space")


@fact()
def pretended(some: tuple[Share, ...]) -> str:
    return " and ".join(map(str, some))


def test_fractions_within_lists_are_written_in_each_place_s_own_way():
    told = pretended((Share(0.25), Share(0.5)))
    assert str(told) == "0.25 and 0.5"
    assert words(told, lambda share: f"{100 * share:.0f} pc") == "25 pc and 50 pc"
