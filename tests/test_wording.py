"""Facts are data and are worded in one room; no code looks into a sentence to decide something."""

from __future__ import annotations

import ast
import json
import pickle
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from pruneviz import wording
from pruneviz.wording import Fact, RefusedError, Share, amounts, passes, stays, words

ROOT = Path(__file__).parents[1]
PATHS = [*(ROOT / "pruneviz").rglob("*.py"), *(ROOT / "pages").glob("*.py"), ROOT / "app.py"]
TREES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts): ast.parse(path.read_text())
    for path in sorted(PATHS)
}
WORDS = ("pruneviz.wording", "pruneviz.wording.refusals", "pruneviz.wording.refusals.subjects")
# The methods that look into a text, and the names under which sentences go.
LOOKING = frozenset(
    "startswith endswith partition rpartition split rsplit removeprefix removesuffix find index "
    "count replace match fullmatch search sub compile findall".split()
)
SPOKEN = frozenset("note reason sentence message stopped why problem told".split())
ENGLISH = re.compile(r"[A-Za-z]{2,}[,:;]? [A-Za-z]{2,}|\A [a-z]{2,}| [a-z]{2,}[,:;]? ")
# What looks into a text that is no sentence of ours, or only tells whether it is another one.
ALLOWED = {
    "line.startswith('model name')": "a line of Linux's /proc/cpuinfo",
    "\"'Tensor' object has no attribute\" in missing": "Python's message",
    "'when training' in failure.text": "torch's message",
    "name in str(failure.error)": "a name in Python's message",
    "str(error).partition(';')": "YAML's or Python's message, in its first part",
    "str(error).partition('C error: ')": "the message of pandas' reader",
    "str(given['expected']).replace(\"'\", '').replace(' or ', ', ')": "pydantic's list of values",
    "reason.replace(uri, open_uri)": "a password in MLflow's message must not be shown",
    "str(error) not in shown": "an error that the strip shows already is not shown twice",
    "self.status.sentence != sentence": "progress is written where it changed",
    "SCOPES.get(scope).family != OVERALL": "a family is a name in the registry",
    "entry.family == FAMILY": "a family is a name in the registry",
}


def reads_as_english(text: str) -> bool:
    """Return whether a text is a sentence, or a word cut out of one with its space."""
    return bool(ENGLISH.search(text))


def texts(node: ast.expr | None) -> Iterator[str]:
    """Yield the literal texts of an expression: itself, its parts, those of a list."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        yield "".join(str(v.value) if isinstance(v, ast.Constant) else "0" for v in node.values)
    elif isinstance(node, ast.Tuple | ast.List | ast.Set):
        for each in node.elts:
            yield from texts(each)


def own_sentences(tree: ast.Module) -> set[str]:
    """Return the names of a file's constants that hold sentences."""
    return {
        name.id
        for node in tree.body if isinstance(node, ast.Assign)
        and any(map(reads_as_english, texts(node.value)))
        for name in node.targets if isinstance(name, ast.Name)
    }  # fmt: skip


class File:
    """A file's code, with the names that mean sentences in it, and those that mean kinds of facts.

    A sentence may be its own constant, or another file's: `UNUSED`, `left_out.UNUSED`.
    """

    def __init__(self, tree: ast.Module, every: Mapping[str, ast.Module]) -> None:
        self.tree, self.sentences, self.kinds = tree, own_sentences(tree), set[str]()
        for node in ast.walk(tree):
            for alias in node.names if isinstance(node, ast.ImportFrom) else ():
                name, module = alias.asname or alias.name, str(node.module)
                if module in WORDS:
                    self.kinds.add(name)
                elif module in every and alias.name in own_sentences(every[module]):
                    self.sentences.add(name)
                elif f"{module}.{alias.name}" in every:
                    found = own_sentences(every[f"{module}.{alias.name}"])
                    self.sentences |= {f"{name}.{each}" for each in found}

    def found(self) -> Iterator[str]:
        """Yield the code that looks into a sentence."""
        for node in ast.walk(self.tree):
            if self._compares(node) or self._takes_apart(node):
                yield ast.unparse(node)

    def _compares(self, node: ast.AST) -> bool:
        if not isinstance(node, ast.Compare):
            return False
        sides = [node.left, *node.comparators]
        known = any(isinstance(s, ast.Constant) and s.value in (None, "", 0) for s in sides)
        kind = any(isinstance(s, ast.Attribute) and _name(s.value) in self.kinds for s in sides)
        equal = isinstance(node.ops[0], ast.Eq | ast.NotEq | ast.In | ast.NotIn)
        return equal and not known and not kind and any(map(self._is_sentence, sides))

    def _takes_apart(self, node: ast.AST) -> bool:
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            return False
        method, text = node.func.attr, node.func.value
        if method not in LOOKING or isinstance(text, ast.Constant):
            return False
        given = [each for arg in node.args[:2] for each in texts(arg)]
        if method == "replace" and given and not any(map(reads_as_english, given)):
            return False  # how a text is set, not what it says
        return any(map(self._is_sentence, [text, *node.args]))

    def _is_sentence(self, node: ast.expr) -> bool:
        if any(map(reads_as_english, texts(node))):
            return True
        if isinstance(node, ast.Call):
            return _name(node.func) == "str" and any("error" in _name(a) for a in node.args)
        return _name(node) in SPOKEN or ast.unparse(node) in self.sentences


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else getattr(node, "attr", "")


FOUND = {code: file for file, tree in TREES.items() for code in File(tree, TREES).found()}


def test_no_code_looks_into_a_sentence():
    assert [f"{file}: {code}" for code, file in FOUND.items() if code not in ALLOWED] == []


def test_what_may_look_into_a_text_is_still_there():
    assert ALLOWED.keys() - FOUND.keys() == set()


@pytest.mark.parametrize(
    "code",
    [
        'RANDOM = "its answers are drawn"\nrandom = RANDOM in self.notes',
        "from pruneviz.pretend import UNUSED\nalone = item.reason == UNUSED",
        "from pruneviz import pretend\nalone = given == pretend.UNUSED",
        'many = "budget of so many MB" in given',
        'many = "budget" in note',
        'again = "levels are" in str(error)',
        'PARTLY = re.compile("of [0-9]+ units: ")',
        'short = lost.said().removesuffix(" lost")',
        'gone = text.startswith("layer conv1 is locked")',
        'kind, _, rest = message.partition(": ")',
    ],
)
def test_code_that_looks_into_a_sentence_is_found(code):
    tree = ast.parse(code)
    every = {"pruneviz.pretend": ast.parse('UNUSED = "the pass does not use it"')}
    assert [*File(tree, every).found()]


@pytest.mark.parametrize(
    "code",
    [
        "from pruneviz.wording import passes\nmany = note in passes.over_budget",
        'whole = lock == "all"',
        'kind, _, name = reference.partition(":")',
        'several = "mean sum amax".split()',
        'known = reason == ""',
        'line = f"{low} to {high}".replace("-", "−")',
    ],
)
def test_code_that_looks_into_no_sentence_is_left_alone(code):
    assert not [*File(ast.parse(code), {}).found()]


def kinds() -> Iterator[wording.FactKind]:
    rooms = (wording, wording.refusals, wording.refusals.subjects)
    for topic in (each for room in rooms for each in vars(room).values()):
        found = vars(topic).values() if getattr(topic, "__name__", "").count(".") >= 2 else ()
        yield from (kind for kind in found if isinstance(kind, wording.FactKind))


def test_each_kind_of_fact_has_a_code_of_its_own_and_is_about_a_field_that_a_plan_has():
    from pruneviz.plan import Plan

    every = [*kinds()]
    assert len({kind.code for kind in every}) == len(every) > 50
    assert {kind.field for kind in every} <= {"", *Plan.model_fields}


def test_a_fact_is_its_kind_and_its_values():
    found = stays.some_units(2, units=6, why=stays.answers())
    assert found.values == {"count": 2, "units": 6, "why": stays.answers()}
    assert found in stays.some_units
    assert found not in stays.answers
    assert (
        found == stays.some_units(2, 6, stays.answers()) != stays.some_units(3, 6, stays.answers())
    )
    assert len({found, stays.some_units(2, 6, stays.answers()), stays.answers()}) == 2
    assert pickle.loads(pickle.dumps(found)) == found  # noqa: S301
    assert str(found) == "2 of 6 units: its outputs are the network's answers"


def test_a_value_that_a_sentence_lacks_is_refused_where_the_fact_is_made():
    with pytest.raises(TypeError, match="layer"):
        amounts.locked()
    with pytest.raises(ValueError, match=r"'passes\.drawn' already"):
        wording.FactKind(passes.drawn.wording, "")


def test_a_refusal_holds_its_fact_and_each_place_writes_fractions_in_its_own_way():
    fact = amounts.locks_keep(Share(0.29), "conv1", Share(0.25))
    refused = RefusedError(fact)
    assert (refused.fact.field, refused.fact.values["sparsity"]) == ("locks", 0.29)
    assert str(refused).startswith("a sparsity of 0.29 cannot be reached: the lock of conv1 leaves")
    assert "of 29 pc cannot" in words(fact, lambda share: f"{100 * share:.0f} pc")
    inner = amounts.less_beside_hand(1, 2, fact)
    assert "29 pc" in words(inner, lambda share: f"{100 * share:.0f} pc")
    again = pickle.loads(pickle.dumps(refused))  # noqa: S301
    assert (again.fact, str(again)) == (fact, str(refused))
    assert isinstance(again, ValueError)


def test_facts_that_hold_nothing_are_equal():
    assert passes.drawn() == Fact("passes.drawn")


def test_a_fact_goes_on_from_its_state_and_what_was_written_before_is_a_sentence():
    deep = stays.goes_with("b", stays.some_units(2, 6, stays.answers()))
    several = wording.opened.together((stays.answers(), stays.unused()))
    for found in (deep, several, amounts.locks_keep(Share(0.29), "a", Share(0.1))):
        state = json.loads(json.dumps(found.state()))
        assert (Fact.read(state), str(Fact.read(state))) == (found, str(found))
    old = "The biases were left as they were."
    assert str(Fact.read(old)) == old
    with pytest.raises(KeyError):
        Fact.read({"code": "stays.elsewhere", "values": {}})
