import pytest
from streamlit.testing.v1 import AppTest

from pruneviz.plan import Plan
from pruneviz.recovery.recipes import RECIPES
from pruneviz.ui.session import drafts, recipes


def made(name: str, **given) -> Plan:
    return RECIPES.get(name).implementation(Plan(sparsity=0.5), given)


@pytest.mark.parametrize("name", RECIPES.names())
def test_a_recipe_is_known_again_whatever_its_settings(name):
    assert recipes.chosen(made(name)) == name
    epochs = {} if name in ("recalibrate", "correct_biases") else {"epochs": 9}
    assert recipes.chosen(made(name, **epochs)) == name
    assert recipes.with_recipe(Plan(sparsity=0.5), name) == made(name)


def test_a_recovery_that_is_no_recipe_is_another():
    both = [{"method": "finetune"}, {"method": "recalibrate"}]
    assert recipes.chosen(Plan(recovery=both)) == recipes.OTHER
    assert recipes.chosen(Plan()) == recipes.OTHER


def test_a_plan_without_recovery_is_proposed_the_usual_one():
    plan = Plan(sparsity=0.5, locks={"conv1": (1,)})
    assert recipes.chosen(recipes.proposed(plan)) == "finetune"
    assert recipes.proposed(plan).locks == plan.locks
    assert recipes.proposed(made("distill")) == made("distill")


def test_another_recipe_takes_the_settings_over_that_it_has_too():
    plan = made("finetune", epochs=9, learning_rate=0.01, stop_after=3)
    distilled = recipes.with_recipe(plan, "distill")
    assert distilled.recovery[0].parameters == {"epochs": 9, "learning_rate": 0.01}
    assert recipes.with_recipe(plan, "recalibrate").recovery[0].parameters == {}
    rounds = recipes.with_recipe(made("iterative", rounds=4, epochs=8), "iterative_distill")
    assert recipes.rounds(rounds) == 4


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (Plan(), ""),
        (made("recalibrate"), "recalibrated"),
        (made("finetune", epochs=1), "fine-tuned 1 epoch"),
        (made("finetune", epochs=10, stop_after=4), "fine-tuned 4 of 10 epochs"),
        (made("iterative_distill", epochs=12, rounds=4), "distilled 12 epochs in 4 rounds"),
        (
            Plan(recovery=[{"method": "recalibrate"}, {"method": "finetune"}]),
            "recalibrated and fine-tuned 5 epochs",
        ),
        (Plan(recovery=[{"method": "magic"}]), "magic"),
        (
            made("finetune").changed(schedule="cubic", schedule_parameters={"rounds": "x"}),
            "fine-tuned 5 epochs in x rounds",
        ),
        (
            Plan(recovery=[{"method": "distill", "parameters": {"epochs": "many", "nope": 1}}]),
            "distilled many epochs",
        ),
    ],
)
def test_a_recovery_in_words(plan, words):
    assert recipes.words(plan) == words


def test_epochs_and_rounds_of_a_plan():
    plan = made("iterative", epochs=10, rounds=4, stop_after=6)
    assert recipes.epochs_asked(plan) == 10
    assert recipes.epochs_run(plan) == 6
    assert recipes.rounds(plan) == 4
    assert recipes.epochs_asked(made("recalibrate")) == 0


def test_training_stopped_by_hand_keeps_all_but_its_end():
    plan = recipes.stopped_after(made("finetune", epochs=10), 4)
    assert recipes.epochs_run(plan) == 4
    assert recipes.epochs_asked(plan) == 10
    with pytest.raises(ValueError, match="has 0"):
        recipes.stopped_after(made("recalibrate"), 4)


def page():
    import streamlit as st

    from pruneviz.plan import Plan
    from pruneviz.ui.session import drafts, recipes, state

    distilled = recipes.with_recipe(Plan(), "distill")
    st.button("recipe", on_click=recipes.choose, args=("iterative",))
    st.button("linear", on_click=recipes.set_schedule, args=("linear",))
    st.button("rounds", on_click=recipes.set_rounds, args=(5,))
    st.button("epochs", on_click=recipes.set_epochs, args=(20,))
    st.button("rate", on_click=recipes.set_parameter, args=(0, "learning_rate", 0.01))
    st.button("wrong", on_click=recipes.set_parameter, args=(0, "learning_rate", float("nan")))
    st.button("other", on_click=recipes.choose_of, args=(distilled,))
    st.button("withdraw", on_click=recipes.withdraw)
    st.button("locked", on_click=state.edit, kwargs={"locks": {"conv1": "all"}})
    st.button("drop", on_click=recipes.drop)
    st.button("undo", on_click=state.undo)
    draft = drafts.opened(state.plan(), recipes.proposed(state.plan()))
    st.button("start", on_click=recipes.put, args=(draft,))
    st.text(state.begin().plan.canonical_json())
    st.text(draft.canonical_json())
    st.text(st.query_params.get("plan", ""))
    st.text(state.begin().problem)


class Session:
    """A session in which buttons are pressed; `plan`, `draft` and `link` are what it holds."""

    def __init__(self) -> None:
        self.at = AppTest.from_function(page).run()

    def press(self, *labels: str) -> Plan:
        for label in labels:
            next(b for b in self.at.button if b.label == label).click().run()
        assert not self.at.exception
        return self.draft

    @property
    def plan(self) -> Plan:
        return Plan.from_text(self.at.text[0].value)

    @property
    def draft(self) -> Plan:
        return Plan.from_text(self.at.text[1].value)

    @property
    def link(self) -> str:
        return self.at.text[2].value


CHOICES = ("recipe", "linear", "rounds", "epochs", "rate")


def test_choosing_changes_neither_the_plan_nor_its_link_until_start():
    session = Session()
    plan, link = session.plan, session.link
    drafts = []
    for label in CHOICES:
        drafts.append(session.press(label))
        assert (session.plan, session.link) == (plan, link), label
    assert recipes.chosen(drafts[0]) == "iterative"
    assert drafts[1].schedule == "linear"
    assert recipes.rounds(drafts[2]) == 5
    assert recipes.epochs_asked(drafts[3]) == 20
    assert drafts[4].recovery[0].parameters["learning_rate"] == 0.01
    session.press("start")
    assert session.plan == drafts[4]
    assert session.link != link
    session.press("undo")
    assert (session.plan, session.link) == (plan, link), "Start is one step"


def test_a_draft_belongs_to_the_plan_it_was_chosen_for():
    session = Session()
    opened, chosen = session.draft, session.press(*CHOICES)
    session.press("locked")
    assert session.draft == recipes.proposed(session.plan) != chosen
    session.press("undo")
    assert session.draft == chosen, "it waits there"
    session.press("start", "epochs", "drop")
    assert session.plan == Session().plan
    assert session.draft == opened, "what was started is no draft any more"
    assert Session().draft == opened, "nor does another session know of it"


def test_a_draft_can_be_taken_from_elsewhere_and_withdrawn():
    session = Session()
    session.press("recipe", "start")
    started = session.plan
    assert session.draft == started
    assert recipes.chosen(session.press("other")) == "distill"
    assert session.press("withdraw") == started == session.plan


def test_what_cannot_be_chosen_leaves_the_draft():
    session = Session()
    chosen = session.press("recipe")
    assert session.press("wrong") == chosen
    assert "nan" in session.at.text[3].value
    session.press("epochs")
    assert session.at.text[3].value == "", "the next choice is right"


def test_only_the_last_drafts_are_kept(monkeypatch):
    monkeypatch.setattr(drafts, "MOST_KEPT", 2)
    monkeypatch.setattr(drafts.st, "session_state", {})
    plans = [Plan(seed=seed) for seed in range(3)]
    for plan in plans:
        drafts.opened(plan, made("distill", epochs=7))
    found = [drafts.opened(plan, plan) for plan in reversed(plans)]
    assert [one == made("distill", epochs=7) for one in found] == [True, True, False]
