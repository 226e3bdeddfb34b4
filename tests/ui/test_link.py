import base64
import contextlib
import json
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pruneviz.plan import MAX_PLAN_CHARACTERS, Plan
from pruneviz.ui.session import link


def packed(value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(zlib.compress(raw)).decode().rstrip("=")


names = st.text(min_size=1, max_size=20)
fractions = st.floats(0, 1)
locks = st.one_of(st.just("all"), st.lists(st.integers(0, 999), min_size=1, max_size=8))


@given(
    sparsity=fractions,
    layers=st.dictionaries(names, fractions, max_size=5),
    locked=st.dictionaries(names, locks, max_size=5),
    scope=st.sampled_from(["layer", "uniform", "global"]),
    model=names,
)
def test_a_plan_survives_its_link(
    sparsity: float, layers: Any, locked: Any, scope: Any, model: str
) -> None:
    plan = Plan(sparsity=sparsity, layers=layers, locks=locked, scope=scope, model=model)
    text = link.encode(plan)
    assert link.decode(text) == plan
    assert set(text) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def test_no_link_is_the_opening_plan_and_no_other() -> None:
    assert link.decode("") == link.OPENING
    assert link.decode(link.encode(Plan())) == Plan()


def test_a_link_is_short() -> None:
    plan = Plan(sparsity=0.48, criterion="taylor", locks={"conv1": (0, 1, 2)})
    assert len(link.encode(plan)) < 150


def test_no_more_is_unpacked_of_a_link_than_a_plan_may_have() -> None:
    fields = json.dumps({"sparsity": 0.5}).encode()
    assert link.decode(packed(fields + b" " * 1000)).sparsity == 0.5
    with pytest.raises(ValueError, match="too long"):
        link.decode(packed(fields + b" " * MAX_PLAN_CHARACTERS))


@given(st.text(max_size=200))
def test_any_text_is_a_plan_or_a_sentence(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert isinstance(link.decode(text), Plan)


@pytest.mark.parametrize(
    "text",
    [
        packed({"sparsity": 2}),
        packed({"no such field": 1}),
        packed([1, 2]),
        packed(None),
        packed(b"{" * 100_000),
        packed(b"[" * 100_000 + b"]" * 100_000),
        packed(b'{"sparsity": NaN}'),
        packed(b"\xff\xfe"),
        packed({"sparsity": 0.5})[:-5],
        packed(b" " * 50_000_000),
        "A" * 1_000_000,
        "%00",
        "../../etc/passwd",
    ],
    ids=range(13),
)
def test_a_hostile_link_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w+ \w+"):
        link.decode(text)


def test_snapshots_survive_the_link() -> None:
    snapshots = {"A": Plan(sparsity=0.1), "B": Plan(scope="global")}
    assert link.decode_snapshots(link.encode_snapshots(snapshots)) == snapshots
    assert link.encode_snapshots({}) == ""


@pytest.mark.parametrize("value", [{"A": 1}, {"<b>": {}}, {"AA": {}}, {"A": {"foo": 1}}])
def test_hostile_snapshots_are_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r"\w+ \w+"):
        link.decode_snapshots(packed(value))
