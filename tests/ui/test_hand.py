"""A hand on Tune's sliders: what it tells is done once, in order, and nothing else is."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from pruneviz.plan import Plan
from pruneviz.ui.session import state
from tests.ui import tuning
from tests.ui.test_pages import start

MLP = Plan(model="sample:tumour-mlp", sparsity=0.5)


@pytest.fixture
def at() -> AppTest:
    return start("pages/tune.py", MLP)


def plan(at: AppTest) -> Plan:
    """Return the session's plan; its link may say so later, while a hand moves."""
    found = at.session_state[state._KEY].plan
    assert isinstance(found, Plan)
    return found


def on(at: AppTest, move: int, layer: str, value: Any, **fields: Any) -> dict[str, Any]:
    told = {"layer": layer, "value": value, "phase": "on", "move": move}
    return tuning.message(at, **{**told, **fields})


def undone(at: AppTest, times: int) -> list[Plan]:
    """Return the plans that so many steps back lead to."""
    return [plan(at.button(key="strip-undo").click().run()) for _ in range(times)]


def test_a_move_is_one_step_back_however_often_it_was_answered(at: AppTest) -> None:
    tuning.move(at, "fc1", 20, 30, 40)
    tuning.move(at, "fc1", 10, 30)
    tuning.move(at, tuning.OVERALL, 60, 70)
    assert (plan(at).layers, plan(at).sparsity) == ({"fc1": 0.3}, 0.7)
    assert [(p.layers, p.sparsity) for p in undone(at, 3)] == [
        ({"fc1": 0.3}, 0.5), ({"fc1": 0.4}, 0.5), ({}, 0.5)
    ]  # fmt: skip
    assert at.button(key="strip-undo").disabled


def test_a_move_that_goes_on_after_an_undo_is_a_new_step(at: AppTest) -> None:
    tuning.say(at, on(at, 1, "fc1", 20))
    at.button(key="strip-undo").click().run()
    tuning.say(at, on(at, 1, "fc1", 30))
    assert plan(at).layers == {"fc1": 0.3}
    assert undone(at, 1) == [MLP]


def test_the_link_is_told_once_at_the_beginning_of_a_move(at: AppTest) -> None:
    links = []
    for value in (20, 30, 40):
        tuning.say(at, on(at, 1, "fc1", value))
        links.append((at.query_params["plan"], tuning.told(at)["address"]))
    assert links[0][1] == ""
    assert {link for link, _ in links} == {links[0][0]}, "the browser's history has one entry"
    assert len({address for _, address in links}) == 3
    at.run()
    assert tuning.told(at)["address"] == ""
    assert f"plan={at.query_params['plan'][0]}" in links[-1][1]


def test_two_first_messages_of_a_move_in_one_run_are_an_entry_of_their_own(at: AppTest) -> None:
    before = at.query_params["plan"]
    tuning.say(at, on(at, 1, "fc1", 20), on(at, 1, "fc1", 30))
    assert at.query_params["plan"] != before
    assert tuning.told(at)["address"] == ""


def test_what_is_told_again_is_done_once_and_an_undo_beside_it_comes_after(at: AppTest) -> None:
    first, second = on(at, 1, "fc1", 20), on(at, 2, "fc2", 30)
    tuning.say(at, first, second)
    assert undone(at, 2)[-1] == MLP, "the same messages are told along with each"
    tuning.say(at, second, on(at, 3, "fc1", 40))
    at.session_state[tuning.LAYERS] = {"said": [second, on(at, 4, "fc2", 80)]}
    assert [each.layers for each in undone(at, 1)] == [{"fc1": 0.4}]


def test_moves_in_one_run_are_done_in_their_order(at: AppTest) -> None:
    early, late = on(at, 1, "fc1", 20), on(at, 2, "fc1", 30)
    tuning.say(at, late, early)
    assert plan(at).layers == {"fc1": 0.3}


def changed(message: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {**message, **fields}


def without(message: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in message.items() if key != name}


NONSENSE = {
    "no layer": lambda m: without(m, "layer"),
    "another layer": lambda m: changed(m, layer="nope"),
    "a layer of no name": lambda m: changed(m, layer=["fc1"]),
    "no value": lambda m: without(m, "value"),
    "a word": lambda m: changed(m, value="40"),
    "true": lambda m: changed(m, value=True),
    "no number": lambda m: changed(m, value=float("nan")),
    "endless": lambda m: changed(m, value=float("inf")),
    "too much": lambda m: changed(m, value=101),
    "less than none": lambda m: changed(m, value=-1),
    "no phase": lambda m: without(m, "phase"),
    "another phase": lambda m: changed(m, phase=["on"]),
    "no move": lambda m: without(m, "move"),
    "an old move": lambda m: changed(m, move=1),
    "an old number": lambda m: changed(m, number=1),
    "a number that is none": lambda m: changed(m, number="9"),
    "sliders of another session": lambda m: changed(m, of="0" * 16),
    "nobody's sliders": lambda m: without(m, "of"),
    "another wish": lambda m: changed(m, ask="explode"),
    "a lock that is no yes or no": lambda m: changed(m, ask="lock", value=1),
    "units that are no text": lambda m: changed(m, ask="units", value=3),
    "to be like nobody": lambda m: changed(m, ask="like", value="some"),
    "to be like a list": lambda m: changed(m, ask="like", value=["all"]),
    "no message": lambda m: "40",
}


def test_what_is_no_message_leaves_no_trace(at: AppTest) -> None:
    tuning.say(at, on(at, 2, "fc1", 20))
    desk = copy.copy(at.session_state[state._KEY])
    for name, spoil in NONSENSE.items():
        tuning.say(at, spoil(on(at, 3, "fc1", 40)))
        now = at.session_state[state._KEY]
        assert (now.plan, now.past, now.problem) == (desk.plan, desk.past, ""), name
        assert not at.exception, name
    for said in (None, 7, "x", {"said": 7}, {"said": {"number": 1}}, {}, [1]):
        at.session_state[tuning.LAYERS] = said
        at.run()
        assert at.session_state[state._KEY].plan == desk.plan, said
        assert not at.exception, said
    tuning.say(at, on(at, 4, "fc2", 60))
    assert plan(at).layers == {"fc1": 0.2, "fc2": 0.6}


def test_sliders_of_other_units_are_not_heard(at: AppTest) -> None:
    late = on(at, 1, "fc1", 20)
    at.selectbox(key="tune-granularity").set_value("weight").run()
    before = plan(at)
    tuning.say(at, late)
    assert plan(at) == before
    tuning.say(at, on(at, 2, "fc1", 30))
    assert plan(at).layers == {"fc1": 0.3}


def test_a_locked_layer_is_not_moved() -> None:
    at = start("pages/tune.py", MLP.changed(locks={"fc1": "all"}))
    tuning.say(at, on(at, 1, "fc1", 20))
    assert plan(at).layers == {}


def test_sliders_say_their_value_and_what_goes(at: AppTest) -> None:
    row = tuning.rows(at)["fc1"]
    assert (row["value"], row["said"]) == (50, "32 of 64 neurons go")


def test_a_browser_without_the_sliders_gets_a_number_field_for_each_layer(at: AppTest) -> None:
    at.button(key="tune-plain-show").click().run()
    assert any("number field" in str(each.value) for each in at.info)
    names = ["tune-overall-field-Overall", "tune-sliders-field-fc1", "tune-sliders-field-fc2"]
    fields = [at.number_input(key=name) for name in names]
    assert [field.value for field in fields] == [50, 50, 50]
    at.number_input(key=names[1]).set_value(20).run()
    at.number_input(key=names[0]).set_value(70).run()
    assert (plan(at).layers, plan(at).sparsity) == ({"fc1": 0.2}, 0.7)
    assert at.number_input(key=names[2]).value == 70
    assert not at.exception
