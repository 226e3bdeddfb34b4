"""The one cache: nobody goes around the gate, few models are held, and what leaves is freed."""

from __future__ import annotations

import ast
import gc
import importlib
import pkgutil
import threading
import weakref
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import pruneviz.ui
from pruneviz import jobs
from pruneviz.history.folder import RunFolder, Spec, write_json
from pruneviz.plan import Plan
from pruneviz.ui import settings
from pruneviz.ui.engine import cache, cached, gate, keys, results
from pruneviz.ui.engine.keys import subject_key
from pruneviz.ui.recover import costs
from pruneviz.ui.tune import cockpit

ROOT = Path(__file__).parents[2]
for _module in pkgutil.walk_packages(pruneviz.ui.__path__, "pruneviz.ui."):
    importlib.import_module(_module.name)
SECONDS = 60.0  # until a wait gives up; nothing is decided by it
FORBIDDEN = [
    {"model": "python:/etc/passwd:build"},
    {"weights": "/etc/shadow"},
    {"data": "npz:/etc/passwd"},
    {"data": "folder:/"},
    {"data": "csv:/etc/passwd?target=x"},
]
NETS = """from torch import nn

def make(width):
    return nn.Sequential(nn.Linear(5, width), nn.ReLU(), nn.Linear(width, 3))

"""
MANY = 40


@pytest.fixture(autouse=True)
def _nothing_kept() -> Iterator[None]:
    cached.clear()
    yield
    cached.clear()


@pytest.fixture
def plans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Plan]:
    """Forty small networks that the operator named, each of a width of its own, and their data."""
    file, data = tmp_path / "nets.py", tmp_path / "data.npz"
    file.write_text(NETS + "\n".join(f"def n{i}(): return make({i + 4})" for i in range(MANY)))
    values = np.random.default_rng(0).normal(size=(40, 5)).astype(np.float32)
    np.savez(data, x=values, y=np.arange(40) % 3)
    models = [f"python:{file}:n{i}" for i in range(MANY)]
    for name, value in settings.variables(models, [f"npz:{data}"]).items():
        monkeypatch.setenv(name, value)
    return [Plan(model=model, data=f"npz:{data}", sparsity=0.5) for model in models]


class Held:
    """What is alive of all that was looked at, by kind."""

    def __init__(self) -> None:
        self._seen: dict[str, list[weakref.ref[object]]] = defaultdict(list)

    def see(self, **things: object) -> None:
        for kind, thing in things.items():
            self._seen[kind].append(weakref.ref(thing))

    def count(self) -> dict[str, int]:
        gc.collect()
        return {
            kind: len({id(ref()) for ref in refs if ref() is not None})
            for kind, refs in self._seen.items()
        }


def open_wholly(plan: Plan, held: Held) -> None:
    """Look at all numbers of a plan until they are exact, as its pages do."""
    cache.follow(plan)
    cache.background().wait()
    held.see(
        subject=cache.subject(plan).model,
        logits=cache.original(plan).baseline.answers,
        prepared=cache.prepared(plan),
        pruned=cache.pruned(plan).model,
        course=cache.course(plan),
        shared=cache._shared(plan),
        remembered=cache._shared(plan).evaluator,
    )


def test_forty_models_hold_at_most_half_as_much_again_as_three(plans) -> None:
    held = Held()
    for plan in plans[:3]:
        open_wholly(plan, held)
    three = held.count()
    assert three["subject"] == three["prepared"] == 3
    for plan in plans[3:]:
        open_wholly(plan, held)
    forty = held.count()
    assert {kind: forty[kind] for kind in three if forty[kind] > 1.5 * three[kind]} == {}
    assert forty["subject"] == settings.models_kept()


def test_more_memory_keeps_more_models(plans, monkeypatch) -> None:
    held = Held()
    monkeypatch.setenv(settings.MEMORY_VARIABLE, str(6 * settings.MODEL_MB))
    for plan in plans[:9]:
        held.see(subject=cache.subject(plan).model)
    assert held.count() == {"subject": 6}
    monkeypatch.setenv(settings.MEMORY_VARIABLE, "0")
    held.see(subject=cache.subject(plans[0]).model)
    assert held.count() == {"subject": settings.FEWEST_MODELS}


def test_amounts_that_were_looked_at_hold_no_network(plans) -> None:
    held = Held()
    for percent in range(1, 25):
        plan = plans[0].changed(sparsity=percent / 100)
        cache.live(plan)
        held.see(pruned=cache.pruned(plan).model, course=cache.course(plan))
    assert held.count() == {"pruned": 6, "course": 24}


def test_the_original_s_passes_are_remembered_of_few_models_and_followed_again(plans) -> None:
    held, numbers = Held(), []
    for plan in plans[:3]:
        open_wholly(plan, held)
        numbers.append(cache.live(plan))
    assert held.count() == dict.fromkeys(held.count(), 3) | {"shared": 3, "remembered": 2}
    assert cache._shared.kept(plans[0]) is None
    assert cache.follow(plans[0]) == numbers[0]
    cache.background().wait()
    assert cache._shared(plans[0]).is_warm
    assert cache.live(plans[0].changed(sparsity=0.25)).exact


def test_who_forgets_while_passes_are_followed_follows_no_further(plans) -> None:
    shared = cache._evaluations(plans[0])

    def stop() -> bool:
        shared.forget()
        return False

    shared.warm(stop)
    assert not shared.is_warm
    assert "evaluator" not in vars(shared)
    whole = [cache.subject(plans[0]).model(cache.subject(plans[0]).data.x[p]) for p in shared.parts]
    again = list(shared.answers(cache.subject(plans[0]).model, 0, reuse=True))
    assert all(torch.equal(a, b) for a, b in zip(whole, again, strict=True))


def test_a_model_in_use_stays_and_the_one_used_longest_ago_leaves(plans) -> None:
    first = cache.subject(plans[0])
    for plan in plans[1:10]:
        cache.subject(plan)
        assert cache.subject(plans[0]) is first
    assert cache.subject.kept(plans[0]) is first
    assert cache.subject.kept(plans[1]) is None
    assert cache.subject.kept(plans[9]) is not None


def test_measurements_that_wait_in_line_hold_no_network_and_those_that_left_never_begin(
    plans, monkeypatch
) -> None:
    begun, going = [], threading.Event()
    pool = ThreadPoolExecutor(1)
    pool.submit(going.wait, SECONDS)
    monkeypatch.setattr(cockpit, "_POOL", pool)
    monkeypatch.setattr(cockpit, "_measure", lambda plan: begun.append(plan.model))
    held, timings = Held(), []
    for plan in plans[:7]:
        held.see(subject=cache.subject(plan).model)
        timings.append(cockpit.timing(plan))
    assert held.count() == {"subject": settings.models_kept()}
    going.set()
    pool.shutdown()
    assert begun == [plan.model for plan in plans[3:7]]
    assert [cockpit.known(each) for each in timings[:3]] == [None] * 3


def test_a_cost_whose_model_left_before_its_turn_is_not_measured(plans, monkeypatch) -> None:
    measured: list[str] = []
    monkeypatch.setattr(costs, "cost", lambda prepared, plan, device: measured.append(plan.model))
    asked = [plan.changed(recovery=[{"method": "finetune"}]) for plan in plans[:7]]
    with costs._one_at_a_time:
        found = [costs.measure(plan) for plan in asked]
    for each in found:
        each.wait(SECONDS)
        assert not each.busy
    assert sorted(measured) == sorted(plan.model for plan in plans[3:7])


@pytest.mark.parametrize("fields", FORBIDDEN, ids=lambda fields: next(iter(fields.values())))
@pytest.mark.parametrize(
    "function", cached.CACHED, ids=lambda each: f"{each.__module__}.{each.__name__}"
)
def test_no_cached_function_goes_around_the_gate(function, fields, monkeypatch) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("the gate was passed")

    for inner in ("_function", "_by", "_of"):
        monkeypatch.setattr(function, inner, never)
    for call in (function, function.kept):
        with pytest.raises(ValueError, match="reads files of the server or runs code"):
            call(Plan(**fields))


@pytest.mark.parametrize("fields", FORBIDDEN, ids=lambda fields: next(iter(fields.values())))
@pytest.mark.parametrize(
    "of", [cache.follow, cache.live, cache.run_folder, cache.shown, results.answers]
)
def test_no_file_is_looked_at_before_the_gate(of, fields, monkeypatch) -> None:
    looked: list[str] = []
    monkeypatch.setattr(keys, "_last_change", looked.append)
    with pytest.raises(ValueError, match="reads files of the server or runs code"):
        of(Plan(**fields, recovery=[{"method": "finetune"}]))
    assert looked == []


@pytest.mark.parametrize("fields", FORBIDDEN, ids=lambda fields: next(iter(fields.values())))
def test_no_job_goes_around_the_gate(fields, tmp_path, monkeypatch) -> None:
    begun: list[object] = []
    for name in ("submit", "resume"):
        monkeypatch.setattr(jobs, name, lambda *asked, **_: begun.append(asked))
    with pytest.raises(ValueError, match="reads files of the server or runs code"):
        gate.submit("run", Plan(**fields))
    write_json(tmp_path / "job.json", Spec(kind="run", plan=Plan(**fields)).model_dump(mode="json"))
    with pytest.raises(ValueError, match="reads files of the server or runs code"):
        gate.resume(RunFolder(tmp_path))
    (tmp_path / "job.json").unlink()
    with pytest.raises(ValueError, match="does not say what was asked"):
        gate.resume(RunFolder(tmp_path))
    assert begun == []


# What opens a plan's model and data, or begins a process that does, and where alone it is named.
ENGINE = "pruneviz/ui/engine/"
PLACES = {
    "load_subject": {f"{ENGINE}cache.py"},
    "jobs.submit": {f"{ENGINE}gate.py"},
    "jobs.resume": {f"{ENGINE}gate.py"},
    "check_allowed": {f"{ENGINE}cached.py", f"{ENGINE}cache.py"},
}
NOWHERE = (
    "submit", "resume", "run.run", "Context", "apply", "load_python", "load_torchvision",
    "read_source", "read_weights", "st.cache_resource", "st.cache_data", "gate.check_allowed",
)  # fmt: skip


def named(path: Path) -> Iterator[str]:
    """Yield what a file imports from the project, and what it asks of a module: `jobs.submit`."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pruneviz"):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield f"{node.value.id}.{node.attr}"


def test_the_browser_s_side_reaches_the_engine_by_the_gate_alone() -> None:
    around = []
    folders = ROOT / "pruneviz" / "ui", ROOT / "pages"
    for path in (*(path for folder in folders for path in folder.rglob("*.py")), ROOT / "app.py"):
        place = path.relative_to(ROOT).as_posix()
        for name in named(path):
            if name in NOWHERE or place not in PLACES.get(name, {place}):
                around.append(f"{place} names {name}")
    assert around == []


def numbered(**options) -> tuple[cached.Cached, list[object]]:
    """Return a cached function of a plan and a number, and the list of what it computed."""
    computed: list[object] = []

    @cached.cached(subject_key, **options)
    def number(plan: Plan, asked: int, **more: object) -> object:
        computed.append(asked)
        if asked < 0:
            raise ValueError("no number below 0")
        return SimpleNamespace(asked=asked, more=more)

    return number, computed


@pytest.fixture(autouse=True)
def _registered_for_one_test() -> Iterator[None]:
    before = list(cached.CACHED)
    yield
    cached.CACHED[:] = before


def test_what_is_asked_again_is_computed_once_and_an_error_each_time() -> None:
    number, computed = numbered()
    assert number(Plan(), 1) is number(Plan(sparsity=0.3), 1)
    assert number(Plan(), 1, steps={"a": 1, "b": 2}) is number(Plan(), 1, steps={"b": 2, "a": 1})
    assert number(Plan(), 1) is not number(Plan(model="sample:tumour-mlp"), 1)
    assert computed == [1, 1, 1]
    for _ in range(2):
        with pytest.raises(ValueError, match="below 0"):
            number(Plan(), -1)
    assert computed == [1, 1, 1, -1, -1]


def test_the_oldest_arguments_leave_and_are_told_once() -> None:
    left: list[int] = []
    number, computed = numbered(most=2, leave=lambda value: left.append(value.asked))
    for asked in (1, 2, 1, 3, 1):
        number(Plan(), asked)
    assert (computed, left) == ([1, 2, 3], [2])
    number.clear()
    assert sorted(left) == [1, 2, 3]
    assert number.kept(Plan(), 1) is None


def test_what_is_small_may_stay_when_its_model_leaves(plans) -> None:
    number, computed = numbered(stays=True, most=64)
    for plan in (*plans[:8], *plans[:8]):
        number(plan, 1)
        cache.subject(plan)
    assert len(computed) == 8


def test_two_who_ask_at_the_same_time_wait_for_one() -> None:
    computed, going = [], threading.Event()

    @cached.cached(subject_key)
    def slow(plan: Plan) -> object:
        computed.append(plan)
        assert going.wait(SECONDS)
        return object()

    with ThreadPoolExecutor(4) as pool:
        asked: list[Future[object]] = [pool.submit(slow, Plan()) for _ in range(4)]
        going.set()
        assert len({id(each.result(SECONDS)) for each in asked}) == 1
    assert len(computed) == 1


def test_a_page_that_is_left_waits_no_longer_for_another_s_value(monkeypatch) -> None:
    going, begun = threading.Event(), threading.Event()

    @cached.cached(subject_key)
    def slow(plan: Plan) -> object:
        begun.set()
        assert going.wait(SECONDS)
        return object()

    class LeftError(Exception):
        """As Streamlit ends a page that nobody looks at any more."""

    def leave() -> None:
        raise LeftError

    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(slow, Plan())
        assert begun.wait(SECONDS)
        context = SimpleNamespace(yield_check=leave)
        monkeypatch.setattr(cached, "get_script_run_ctx", lambda **_: context)
        with pytest.raises(LeftError):
            slow(Plan())
        going.set()
        assert slow(Plan()) is other.result(SECONDS)


def test_a_model_that_another_pushed_out_meanwhile_is_held_again(plans) -> None:
    @cached.cached(subject_key)
    def late(plan: Plan) -> object:
        for other in plans[1:8]:
            cache.subject(other)
        return object()

    cache.subject(plans[0])
    value = late(plans[0])
    assert late.kept(plans[0]) is value
    for plan in plans[8:20]:
        cache.subject(plan)
    assert late.kept(plans[0]) is None
