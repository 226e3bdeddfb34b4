"""One function calls a model: every other call of one in the engine stands here, with its reason.

A model is what is annotated as a module, what a function or property annotated so returns, and what
goes by a model's name. An attribute by the name of a method is taken for the method.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from torch import nn
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook

from pruneviz.plan import Plan
from pruneviz.run import run

ROOT = Path(__file__).parents[2]
PATHS = [*(ROOT / "pruneviz").rglob("*.py"), *(ROOT / "pages").glob("*.py"), ROOT / "app.py"]
MODULES = frozenset({"nn.Module", "Module", "M", "torch.nn.Module"})
NAMES = frozenset({
    "model", "net", "network", "student", "teacher", "rebuilt", "module", "original", "preview",
})  # fmt: skip
LEFT = {
    "pruneviz/network/inputs.py: call": "it is the one",
    "pruneviz/network/plain_layers.py: _plain": "a layer without the hooks that set its weight",
    "pruneviz/subjects/models/samples.py: forward": "a sample calls its own parts",
    "pruneviz/subjects/samples/scenes.py: forward": "a sample calls its own parts",
    "pruneviz/granularity/bypassable.py: _at_zero": "a part of a network, as the network called it",
}


def name_of(node: ast.expr | None) -> str:
    """Return the last part of a name: `model` of `self._model`."""
    if isinstance(node, ast.Attribute):
        return node.attr.lstrip("_")
    return node.id.lstrip("_") if isinstance(node, ast.Name) else ""


def is_module(annotation: ast.expr | None) -> bool:
    text = "" if annotation is None else ast.unparse(annotation).strip("'\"")
    return bool(MODULES & {part.strip() for part in text.split("|")})


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef]:
    yield from (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def is_property(function: ast.FunctionDef) -> bool:
    return any("property" in ast.unparse(each) for each in function.decorator_list)


class Engine:
    """What gives modules anywhere: functions, and attributes that no method has the name of."""

    def __init__(self, trees: Iterable[ast.Module]) -> None:
        nodes = [node for tree in trees for node in ast.walk(tree)]
        known = [node for node in nodes if isinstance(node, ast.FunctionDef)]
        self.makers = {f.name.lstrip("_") for f in known if is_module(f.returns)}
        self.methods = {f.name for f in known if not is_property(f)}
        self.attributes = set(NAMES) | {
            name_of(node.target)
            for node in nodes
            if isinstance(node, ast.AnnAssign) and is_module(node.annotation)
        }
        self.attributes |= {f.name for f in known if is_property(f)} & self.makers


class Models:
    """Which names of a file stand for models."""

    def __init__(self, tree: ast.Module, engine: Engine) -> None:
        self.engine, self.attributes = engine, set(engine.attributes)
        imported = (n for n in ast.walk(tree) if isinstance(n, ast.ImportFrom))
        self.functions = {(a.asname or a.name) for n in imported for a in n.names}
        self.functions |= {f.name for f in functions(tree) if not is_property(f)}
        self.locals: set[str] = set()
        for _ in range(2):  # what is assigned of a name that is itself assigned
            for node in ast.walk(tree):
                self._look(node)

    def _look(self, node: ast.AST) -> None:
        if isinstance(node, ast.arg) and is_module(node.annotation):
            self.locals.add(node.arg)
        if isinstance(node, ast.AnnAssign) and is_module(node.annotation):
            self._add(node.target)
        if isinstance(node, ast.Assign):
            for target in node.targets:
                self._pair(target, node.value)
        if isinstance(node, ast.For | ast.comprehension) and isinstance(node.iter, ast.Tuple):
            for each in node.iter.elts:
                self._pair(node.target, each)

    def _pair(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            for one, other in zip(target.elts, value.elts, strict=False):
                self._pair(one, other)
        elif self.is_model(value) or self._makes(value):
            self._add(target)

    def _makes(self, value: ast.expr) -> bool:
        if isinstance(value, ast.Call) and name_of(value.func) in {"eval", "to", "cpu", "train"}:
            inner = value.func
            return isinstance(inner, ast.Attribute) and (
                self.is_model(inner.value) or self._makes(inner.value)
            )
        return isinstance(value, ast.Call) and name_of(value.func) in self.engine.makers

    def _add(self, target: ast.expr) -> None:
        if isinstance(target, ast.Name):
            self.locals.add(target.id)
        elif isinstance(target, ast.Attribute):
            self.attributes.add(target.attr.lstrip("_"))

    def is_model(self, node: ast.expr) -> bool:
        """Say whether an expression is a model."""
        if isinstance(node, ast.Name):
            return node.id in self.locals or (node.id in NAMES and node.id not in self.functions)
        known = isinstance(node, ast.Attribute) and node.attr not in self.engine.methods
        return known and name_of(node) in self.attributes


def calls(tree: ast.Module, engine: Engine) -> Iterator[tuple[str, str]]:
    """Yield the calls of models in a file, each with the function that it stands in."""
    models = Models(tree, engine)
    inside = {id(node): f.name for f in functions(tree) for node in ast.walk(f)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _calls_a_model(node.func, models):
            yield inside.get(id(node), ""), ast.unparse(node)


def _calls_a_model(func: ast.expr, models: Models) -> bool:
    if isinstance(func, ast.Attribute) and func.attr in {"forward", "__call__"}:
        return "super()" not in ast.unparse(func.value)
    return name_of(func) == "functional_call" or models.is_model(func)


TREES = {p.relative_to(ROOT).as_posix(): ast.parse(p.read_text()) for p in sorted(PATHS)}
ENGINE = Engine(TREES.values())


def test_one_function_calls_a_model():
    found = {
        f"{file}: {function}": text
        for file, tree in TREES.items()
        for function, text in calls(tree, ENGINE)
    }
    assert {where: text for where, text in found.items() if where not in LEFT} == {}
    assert found.keys() == LEFT.keys()


@pytest.mark.parametrize(
    "code",
    [
        "def f(model, x): return model(x)",
        "def f(self, x): return self._teacher(x)",
        "def f(asked): return asked.looked_at(asked.example)",
        "def f(given: nn.Module, x): return given(x)",
        "def f(given: nn.Module | None, x): return [given(each) for each in x]",
        "own = duplicate(given)\nown(x)",
        "own = study(given).eval()\ndraws(lambda: own(x))",
        "own = again = folded(given)\nagain(x)",
        "for each in (model, other): each(x)",
        "one, two = duplicate(a), b\none(x)",
        "self._copied = duplicate(a)\nself._copied(x)",
        "anything.forward(x)",
        "functional_call(anything, weights, x)",
    ],
)
def test_a_call_of_a_model_is_found(code):
    assert [*calls(ast.parse(code), ENGINE)]


@pytest.mark.parametrize(
    "code",
    [
        "call(model, x)",
        "own = duplicate(model)",
        "super().forward(x)",
        "def network(x): return x\nnetwork(1)",
        "work.layers.network(counts)",
        "model.eval()",
        "from pruneviz.pruned import cut\ncut(model, cuts)",
    ],
)
def test_what_calls_no_model_is_left_alone(code):
    assert not [*calls(ast.parse(code), ENGINE)]


@contextmanager
def callers(found: set[str]) -> Iterator[None]:
    """Note the engine's functions that call modules which no other module is running."""
    running: list[nn.Module] = []

    def enter(module: nn.Module, args: object) -> None:
        if not running:
            frame = sys._getframe()
            while frame and not frame.f_globals.get("__name__", "").startswith("pruneviz"):
                frame = frame.f_back
            found.add(f"{frame.f_globals['__name__']}.{frame.f_code.co_name}" if frame else "")
        running.append(module)

    def leave(module: nn.Module, args: object, output: object) -> None:
        running.pop()

    hooks = [
        register_module_forward_pre_hook(enter),
        register_module_forward_hook(leave, always_call=True),
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def test_a_run_calls_its_networks_so():
    """Whatever name a network goes by: opened, traced, scored, cut, proved, mended and timed."""
    found: set[str] = set()
    steps = ({"method": "correct_biases"},)
    plan = Plan(model="sample:tumour-mlp", criterion="taylor", sparsity=0.4, recovery=steps)
    with callers(found):
        run(plan, latency_runs=3)
    assert found == {"pruneviz.network.inputs.call"}
