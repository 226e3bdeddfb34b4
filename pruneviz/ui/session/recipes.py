"""What Recover's widgets do to a plan: its recipe, the settings of its steps, and it in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pruneviz.figures.kit import format as fmt
from pruneviz.plan import ONE_SHOT, Part, Plan, RecoveryStep, Setting
from pruneviz.recovery import RECOVERIES, SCHEDULES
from pruneviz.recovery.recipes import RECIPES
from pruneviz.recovery.rounds import EPOCHS, STOP_AFTER, trains, with_epochs
from pruneviz.recovery.schedules import ROUNDS
from pruneviz.recovery.training.settings import TRAINING
from pruneviz.registry import Entry
from pruneviz.run import asks_for_rounds
from pruneviz.ui.session import drafts, state
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import browsing

PROPOSED = "finetune"
OTHER = "other"  # a recovery that is no recipe's, from a plan written by hand
MOST_EPOCHS = next(int(p.maximum or 0) for p in TRAINING if p.name == EPOCHS)
DONE = {
    "recalibrate": "recalibrated",
    "correct_biases": "bias-corrected",
    "finetune": "fine-tuned",
    "distill": "distilled",
    "lora": "adapted",
}


def proposed(plan: Plan) -> Plan:
    """Return the plan itself, with the usual recipe where it has no recovery yet."""
    return plan if asks_for_rounds(plan) else with_recipe(plan, PROPOSED)


def chosen(plan: Plan) -> str:
    """Return the name of a plan's recipe, whatever its settings; OTHER where it is none of them."""
    methods = [step.method for step in plan.recovery]
    for entry in RECIPES:
        made = entry.implementation(plan, {})
        same = [step.method for step in made.recovery] == methods
        if same and (made.schedule == ONE_SHOT) == (plan.schedule == ONE_SHOT):
            return entry.name
    return OTHER


def with_recipe(plan: Plan, name: str) -> Plan:
    """Return the plan with another recipe, which takes over the settings that it has too."""
    entry = RECIPES.get(name)
    given: dict[str, Setting] = dict(plan.schedule_parameters)
    for step in plan.recovery:
        given.update(step.parameters)
    known = {parameter.name for parameter in entry.parameters} - {STOP_AFTER}
    return entry.implementation(plan, {n: v for n, v in given.items() if n in known})


def choose(name: str) -> None:
    """Make another recipe the draft; for `on_change` callbacks, as all that follow."""
    if name != OTHER:
        drafts.change(lambda plan: with_recipe(plan, name), proposed)


def set_epochs(epochs: int) -> None:
    """Train each training step of the draft for so many epochs, over all rounds."""
    drafts.change(lambda plan: with_epochs(plan, epochs), proposed)


def set_schedule(name: str) -> None:
    """Prune in rounds by another formula, for as many rounds."""
    drafts.change(lambda plan: plan.changed(schedule=name), proposed)


def set_rounds(rounds: int) -> None:
    """Prune in so many rounds."""
    parameters = {ROUNDS.name: rounds}
    drafts.change(lambda plan: plan.changed(schedule_parameters=parameters), proposed)


def set_parameter(index: int, name: str, value: Setting) -> None:
    """Change one parameter of a recovery step; what was stopped by hand is carried out whole."""
    drafts.change(lambda plan: plan.changed(recovery=_changed(plan, index, name, value)), proposed)


def choose_of(other: Plan) -> None:
    """Make another plan's recovery the draft."""
    drafts.change(lambda plan: plan.changed(**_fields(other)), proposed)


def put(draft: Plan) -> None:
    """Put a draft's recovery into the session's plan, as one step that can be undone."""
    drafts.forget(state.plan())
    state.edit(**_fields(draft))


def drop() -> None:
    """Take the recovery out of the session's plan."""
    state.edit(**_fields(Plan()))


def withdraw() -> None:
    """Forget the draft: the page shows the plan's own recovery again."""
    drafts.forget(state.plan())
    state.complain("")


def parameters_of(step: RecoveryStep) -> Mapping[str, Setting]:
    """Return all of a step's parameters; ValueError on one that its method does not take."""
    return RECOVERIES.get(step.method).settings(step.parameters)


def epochs_asked(plan: Plan) -> int:
    """Return how many epochs all training steps take, over all rounds, if none is stopped."""
    return sum(_epochs(step)[1] for step in plan.recovery)


def epochs_run(plan: Plan) -> int:
    """Return how many epochs are carried out at most, less where training was stopped by hand."""
    return sum(_epochs(step)[0] for step in plan.recovery)


def rounds(plan: Plan) -> int:
    """Return in how many rounds a plan prunes."""
    settings = SCHEDULES.get(plan.schedule).settings(plan.schedule_parameters)
    return int(settings.get(ROUNDS.name, 1))


def stopped_after(plan: Plan, epoch: int) -> Plan:
    """Return the plan whose training ends after so many epochs, its learning rates unchanged.

    ValueError for a plan that trains in several steps or none.
    """
    training = [index for index, step in enumerate(plan.recovery) if trains(step)]
    if len(training) != 1:
        raise RefusedError(browsing.not_one_training(len(training)))
    return plan.changed(recovery=_changed(plan, training[0], STOP_AFTER, epoch))


def words(plan: Plan) -> str:
    """Return a plan's recovery in a few words: "fine-tuned 5 epochs in 3 rounds", "" for none.

    Whatever a link or a file holds is put into words, also what cannot be carried out.
    """
    steps = " and ".join(map(_step_words, plan.recovery))
    if plan.schedule == ONE_SHOT or plan.schedule not in SCHEDULES.names():
        return steps
    count = _given(SCHEDULES.get(plan.schedule), plan.schedule_parameters, ROUNDS.name)
    return f"{steps} in {_counted(count, 'round')}".strip()


def _step_words(step: RecoveryStep) -> str:
    if step.method not in RECOVERIES.names():
        return step.method
    entry = RECOVERIES.get(step.method)
    done = DONE.get(step.method, entry.title)
    if not trains(step):
        return done
    asked, stop = (_given(entry, step.parameters, name) for name in (EPOCHS, STOP_AFTER))
    return f"{done} {stop} of {asked} epochs" if stop else f"{done} {_counted(asked, 'epoch')}"


def _given(entry: Entry[Any], parameters: Mapping[str, Setting], name: str) -> Setting:
    """Return a parameter as it is given, else its default."""
    return parameters.get(name, next(p.default for p in entry.parameters if p.name == name))


def _counted(count: Setting, noun: str) -> str:
    return fmt.plural(count, noun) if isinstance(count, int) else f"{count} {noun}s"


def _epochs(step: RecoveryStep) -> tuple[int, int]:
    """Return how many epochs a step carries out at most, and how many were asked for."""
    if not trains(step):
        return 0, 0
    settings = parameters_of(step)
    asked, stop = int(settings[EPOCHS]), int(settings[STOP_AFTER])
    return (min(asked, stop) if stop else asked), asked


def _changed(plan: Plan, index: int, name: str, value: Setting) -> list[dict[str, Any]]:
    steps = [step.model_dump() for step in plan.recovery]
    kept = {n: v for n, v in plan.recovery[index].parameters.items() if n != STOP_AFTER}
    steps[index]["parameters"] = {**kept, name: value}
    return steps


def _fields(plan: Plan) -> dict[str, Any]:
    return {name: getattr(plan, name) for name in Plan.fields_of(Part.RECOVERY)}
