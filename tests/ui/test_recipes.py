import pytest
from streamlit.testing.v1 import AppTest

from pruneviz.plan import Plan
from pruneviz.recovery.recipes import RECIPES
from pruneviz.ui import recipes


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

    from pruneviz.ui import recipes, state

    st.button("recipe", on_click=recipes.choose, args=("iterative",))
    st.button("linear", on_click=recipes.set_schedule, args=("linear",))
    st.button("rounds", on_click=recipes.set_rounds, args=(5,))
    st.button("epochs", on_click=recipes.set_epochs, args=(20,))
    st.button("rate", on_click=recipes.set_parameter, args=(0, "learning_rate", 0.01))
    st.button("drop", on_click=recipes.drop)
    st.button("undo", on_click=state.undo)
    st.text(state.plan().canonical_json())


def test_every_edit_is_one_step_that_can_be_undone():
    at = AppTest.from_function(page).run()

    def press(label: str) -> Plan:
        next(b for b in at.button if b.label == label).click()
        return Plan.from_text(at.run().text[0].value)

    plans = [Plan.from_text(at.text[0].value)]
    plans += [press(label) for label in ("recipe", "linear", "rounds", "epochs", "rate", "drop")]
    assert recipes.chosen(plans[1]) == "iterative"
    assert plans[2].schedule == "linear"
    assert recipes.rounds(plans[3]) == 5
    assert recipes.epochs_asked(plans[4]) == 20
    assert plans[5].recovery[0].parameters["learning_rate"] == 0.01
    assert plans[6] == plans[0]
    assert [press("undo") for _ in plans[1:]] == plans[-2::-1]
