"""The session's plan, driven through a tiny app that does what every page does."""

from streamlit.testing.v1 import AppTest

from pruneviz.plan import Plan
from pruneviz.ui.session import link, state, widget_values


def tiny() -> None:
    import streamlit as st

    from pruneviz.ui.session import state

    desk = state.begin()
    st.text(desk.plan.sparsity)
    st.text(desk.problem)
    st.button("half", key="half", on_click=state.edit, kwargs={"sparsity": 0.5})
    st.button("wrong", key="wrong", on_click=state.edit, kwargs={"sparsity": 5})
    st.button("undo", key="undo", on_click=state.undo)

    st.button("redo", key="redo", on_click=state.redo)
    st.button("snap", key="snap", on_click=state.take_snapshot)
    st.button("back", key="back", on_click=state.restore_snapshot, args=("A",))
    st.button("layer", key="layer", on_click=state.choose_layer, args=("conv1",))
    st.button("idle", key="idle")


def app(plan: Plan | None = None, raw: str = "") -> AppTest:
    at = AppTest.from_function(tiny, default_timeout=300)
    if plan or raw:
        at.query_params["plan"] = raw or link.encode(plan or Plan())
    return at.run()


def press(at: AppTest, *names: str) -> AppTest:
    for name in names:
        at.button(key=name).click().run()
    return at


def sparsity(at: AppTest) -> float:
    return float(at.text[0].value)


def parameter(at: AppTest, name: str) -> str:
    value = at.query_params.get(name, "")
    return value if isinstance(value, str) else value[0]


def in_link(at: AppTest) -> Plan:
    return link.decode(parameter(at, "plan"))


def test_a_link_is_taken_over() -> None:
    assert sparsity(app(Plan(sparsity=0.3))) == 0.3


def test_an_edit_reaches_the_link_and_a_refresh_keeps_it() -> None:
    at = press(app(), "half")
    assert in_link(at) == link.OPENING.changed(sparsity=0.5)
    assert sparsity(app(in_link(at))) == 0.5


def test_undo_and_redo() -> None:
    at = press(app(), "half", "undo")
    assert sparsity(at) == link.OPENING.sparsity
    assert in_link(at) == link.OPENING
    assert sparsity(press(at, "undo")) == link.OPENING.sparsity
    assert sparsity(press(at, "redo")) == 0.5
    assert sparsity(press(at, "redo")) == 0.5


def test_a_broken_link_gives_a_sentence_and_the_default_plan() -> None:
    at = app(raw="broken!")
    assert sparsity(at) == link.OPENING.sparsity
    assert "default plan is shown" in at.text[1].value
    assert in_link(at) == link.OPENING
    press(at, "half")
    assert not at.text[1].value


def test_a_refused_edit_leaves_the_plan_and_says_why() -> None:
    at = press(app(), "half", "wrong")
    assert sparsity(at) == 0.5
    assert "in [0, 1]" in at.text[1].value
    assert not press(at, "undo").text[1].value


def test_another_link_is_adopted_and_can_be_undone() -> None:
    at = press(app(), "half")
    at.query_params["plan"] = link.encode(Plan(sparsity=0.25))
    press(at, "idle")
    assert sparsity(at) == 0.25
    assert sparsity(press(at, "undo")) == 0.5


def test_a_link_of_our_own_that_comes_late_changes_nothing() -> None:
    at = press(app(Plan(sparsity=0.1)), "half")
    at.query_params["plan"] = link.encode(Plan(sparsity=0.1))
    press(at, "idle")
    assert sparsity(at) == 0.5
    assert in_link(at) == Plan(sparsity=0.5)


def test_an_edit_wins_over_the_link_sent_along() -> None:
    at = app()
    at.query_params["plan"] = link.encode(Plan(sparsity=0.9))
    assert sparsity(press(at, "half")) == 0.5


def test_navigation_without_a_link_keeps_the_plan() -> None:
    at = press(app(), "half")
    at.query_params.clear()
    press(at, "idle")
    assert sparsity(at) == 0.5
    assert in_link(at) == link.OPENING.changed(sparsity=0.5)


def test_snapshots_come_back_also_after_a_refresh() -> None:
    at = press(app(Plan(sparsity=0.2)), "snap", "half")
    fresh = AppTest.from_function(tiny, default_timeout=300)
    for name, values in at.query_params.items():
        fresh.query_params[name] = values
    fresh.run()
    assert sparsity(fresh) == 0.5
    assert sparsity(press(fresh, "back")) == 0.2


def test_the_oldest_snapshot_makes_room() -> None:
    at = press(app(), *["snap"] * (link.MAX_SNAPSHOTS + 1))
    desk = at.session_state[state._KEY]
    assert len(desk.snapshots) == link.MAX_SNAPSHOTS
    assert next(iter(desk.snapshots)) == "B"


def test_the_chosen_layer_is_in_the_link() -> None:
    at = press(app(), "layer")
    assert parameter(at, "layer") == "conv1"


def sliders() -> None:
    import streamlit as st

    from pruneviz.ui.kit import widgets
    from pruneviz.ui.session import state

    desk = state.begin()
    st.text(desk.plan.sparsity)
    for key, field in (("overall", "sparsity"), ("seed", "seed")):
        st.number_input(
            key,
            key=widgets.follow(key, getattr(desk.plan, field)),
            on_change=widgets.changes(key, lambda v, field=field: state.edit(**{field: v})),
        )
    st.button("undo", key="undo", on_click=state.undo)

    for value in (0.2, 0.8):
        st.button(f"{value}", key=f"{value}", on_click=state.edit, kwargs={"sparsity": value})


def test_a_widget_that_repeats_an_old_value_beside_another_change_is_not_believed() -> None:
    at = AppTest.from_function(sliders, default_timeout=300).run()
    at.number_input(key="overall").set_value(0.5).run()
    at.button(key="undo").click().run()
    at.number_input(key="overall").set_value(0.5)
    at.number_input(key="seed").set_value(7).run()
    desk = at.session_state[state._KEY]
    assert (desk.plan.seed, desk.plan.sparsity) == (7, link.OPENING.sparsity)
    assert at.number_input(key="overall").value == link.OPENING.sparsity


def test_an_old_value_alone_is_believed() -> None:
    at = AppTest.from_function(sliders, default_timeout=300).run()
    at.number_input(key="overall").set_value(0.5).run()
    at.button(key="undo").click().run()
    at.number_input(key="overall").set_value(0.5).run()
    assert sparsity(at) == 0.5


def test_several_presses_on_one_number_are_one_step_and_a_later_one_is_another() -> None:
    at = AppTest.from_function(sliders, default_timeout=300).run()
    for value in (0.5, 0.6, 0.5):
        at.number_input(key="overall").set_value(value).run()
    at.number_input(key="seed").set_value(7).run()
    desk = at.session_state[state._KEY]
    desk.repeated = desk.repeated[0], desk.repeated[1] - state.REPEAT_SECONDS
    at.number_input(key="seed").set_value(8).run()
    steps = [(0.5, 7), (0.5, link.OPENING.seed), (link.OPENING.sparsity, link.OPENING.seed)]
    for expected in steps:
        at.button(key="undo").click().run()
        assert (desk.plan.sparsity, desk.plan.seed) == expected
    assert not desk.past


def test_a_browser_that_is_late_may_say_what_the_plan_gave_it_two_runs_ago() -> None:
    at = AppTest.from_function(sliders, default_timeout=300).run()
    at.button(key="0.8").click().run()
    at.number_input(key="overall").set_value(link.OPENING.sparsity)
    at.button(key="0.2").click().run()
    at.number_input(key="overall").set_value(0.8)
    at.number_input(key="seed").set_value(7).run()
    desk = at.session_state[state._KEY]
    assert (desk.plan.seed, desk.plan.sparsity) == (7, 0.2)


def told(at: AppTest) -> bool:
    """Whether the last run told the browser to show another value."""
    return bool(at.number_input(key="overall").proto.set_value)


def test_what_the_plan_gave_a_widget_is_told_again_in_the_runs_that_follow_at_once() -> None:
    at = AppTest.from_function(sliders, default_timeout=300).run()
    at.number_input(key="overall").set_value(0.5).run()
    assert not told(at), "it is the user's own"
    assert told(at.button(key="undo").click().run())
    assert told(at.run())
    at.session_state[state._KEY].news["overall"] -= widget_values.NEWS_SECONDS
    assert not told(at.run())


def test_a_widget_that_says_what_the_plan_gave_it_asks_for_nothing() -> None:
    at = AppTest.from_function(sliders, default_timeout=300).run()
    at.session_state[state._KEY].wanted["overall"] = 0.4  # and another came from a run before
    at.number_input(key="overall").set_value(0.4).run()
    assert sparsity(at) == link.OPENING.sparsity
    at.number_input(key="overall").set_value(0.5).run()
    at.number_input(key="overall").set_value(0.4).run()
    assert sparsity(at) == 0.4, "the user's own way back"
