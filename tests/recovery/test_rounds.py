"""Rounds of pruning and recovering: exact amounts, one result however often it is interrupted."""

from __future__ import annotations

import functools
import io
import itertools
import random
from dataclasses import replace

import pytest
import torch

from pruneviz import run as engine
from pruneviz.allocate import SCOPES
from pruneviz.analyses.finished_recovery import load_recovered
from pruneviz.analyses.recovery_cost import cost, epochs_within
from pruneviz.plan import Plan
from pruneviz.recovery.recipes import PRESETS, RECIPES
from pruneviz.recovery.rounds import Amounts, epochs_reached, with_epochs
from pruneviz.report import differences
from pruneviz.stages.recovery_rounds import RecoveryRounds
from pruneviz.store import write_run
from pruneviz.subjects import load_subject
from tests.fitting import CNN, FITTING, RESNET, fitting
from tests.pairwise import pairwise
from tests.recovering import finish, same

FINETUNE = {"method": "finetune", "parameters": {"epochs": 3, "batch_size": 64}}
RECALIBRATE = {"method": "recalibrate", "parameters": {"inputs": 256}}
TUMOUR = Plan(model="sample:tumour-mlp", recovery=[FINETUNE])
DIGITS = Plan(sparsity=0.6, recovery=[RECALIBRATE, FINETUNE], granularity="weight", scope="global")
BLOCKS = Plan(
    model="sample:digits-resnet", granularity="depth", scope="global", sparsity=0.5,
    recovery=[RECALIBRATE, FINETUNE],
)  # fmt: skip
ROUNDS = {"schedule": "linear", "schedule_parameters": {"rounds": 3}}


def prepare(plan: Plan):
    return engine.prepare(load_subject(plan), plan)


@functools.cache
def prepared_for(granularity):
    """Return a sample whose units are found and ranked; no plan changes anything in it."""
    return prepare(Plan(**fitting(granularity)))


def of_few(prepared, inputs):
    """Return the same with so many training inputs, for laws that hold however long it trains."""
    data = prepared.subject.data
    fewer = replace(data, train_x=data.train_x[:inputs], train_y=data.train_y[:inputs])
    return replace(prepared, subject=replace(prepared.subject, data=fewer))


def carried_out(prepared, plan):
    return finish(RecoveryRounds(prepared, plan)).result()


def test_one_round_is_the_recovery_of_what_prune_leaves():
    plan = TUMOUR.changed(sparsity=0.5)
    prepared = prepare(plan)
    pruned, alone = carried_out(prepared, plan), engine.prune(prepared, plan)
    assert all(torch.equal(keep, pruned.keep[name]) for name, keep in alone.keep.items())
    assert pruned.cuts == alone.cuts
    assert not same(pruned.model, alone.model)
    rows = pruned.recovery.curve
    assert [(row.step, row.epoch) for row in rows] == [
        ("prune", 0), ("finetune", 1), ("finetune", 2), ("finetune", 3),
    ]  # fmt: skip
    report = engine.report(prepared, pruned, engine.time_models(prepared, pruned, 3).summary())
    assert report.accuracy.pruned == rows[-1].value
    assert rows[0].value == pruned.recovery.before.value
    assert pruned.recovery.best_epoch in (1, 2, 3)
    assert pruned.recovery.control is None  # it has no BatchNorm
    assert pruned.error <= 1e-5
    assert pruned.plan.digest() == engine.bind(plan, prepared.subject).digest()


OWN = "nothing by hand", "the second by hand", "the first by hand"
IN_ROUNDS = pairwise(
    SCOPES.names(), FITTING, OWN,
    allowed=lambda scope, granularity, _: (
        granularity in ("channel", "weight", "depth") or scope in ("layer", "global", "budget")
    ),
)  # fmt: skip
STAGES, CONVS, LINEARS = ("stage1", "stage3"), ("conv1", "conv2"), ("fc1", "fc2")


@pytest.mark.parametrize(("scope", "granularity", "own"), IN_ROUNDS)
def test_rounds_only_remove_more_and_end_exactly(scope, granularity, own):
    fields = fitting(granularity)
    names = {RESNET: STAGES, CNN: CONVS}.get(fields["model"], LINEARS)
    spared = [0] if granularity == "depth" else [0, 5]
    own = dict(zip(OWN, ({}, {names[1]: 0.9}, {names[0]: 0.2}), strict=True))[own]
    plan = Plan(
        sparsity=0.43, scope=scope, layers=own, locks={names[0]: spared},
        schedule="cubic", schedule_parameters={"rounds": 5}, recovery=[], **fields,
        scope_parameters={"left": 0.65} if scope == "budget" else {},
    )  # fmt: skip
    prepared = prepared_for(granularity)
    work, kept = RecoveryRounds(prepared, plan), []
    while not work.finished:
        work.step()
        kept.append(work.state()["keep"])
    once = engine.prune(prepared, plan)
    removed = {name: int((~keep).sum()) for name, keep in once.keep.items()}
    assert sum(int((~k).sum()) for k in kept[-1].values()) == sum(removed.values())
    for before, after in itertools.pairwise(kept):
        assert all(not bool((after[name] & ~before[name]).any()) for name in before)
    for name in own:
        assert int((~kept[-1][name]).sum()) == removed[name]
    assert all(bool(keep[names[0]][spared].all()) for keep in kept)
    assert work.result().requested == once.requested
    assert work.result().recovery.best_epoch is None


# blocks lie so far apart that training changes no order
@pytest.mark.parametrize("granularity", [name for name in FITTING if name != "depth"])
def test_each_round_ranks_by_the_weights_it_finds(granularity):
    bold = {"method": "finetune", "parameters": {"epochs": 3, "learning_rate": 0.5}}
    sparsity = 0.48 if granularity in ("n_m", "pattern") else 0.6  # 0.5 is the most of 1:2
    plan = Plan(
        sparsity=sparsity, scope="global", recovery=[bold], **ROUNDS, **fitting(granularity)
    )
    prepared = prepared_for(granularity)
    pruned = carried_out(prepared, plan)
    once = engine.prune(prepared, plan)
    assert any(not torch.equal(keep, once.keep[name]) for name, keep in pruned.keep.items())
    assert [row.round for row in pruned.recovery.curve] == [1, 1, 2, 2, 3, 3]
    assert [row.epoch for row in pruned.recovery.curve] == [0, 1, 1, 2, 2, 3]
    assert pruned.recovery.curve[-1].sparsity == pytest.approx(sparsity, abs=0.01)
    weights = dict(pruned.model.named_parameters())
    if not pruned.is_cut:
        assert all(not weights[name][~mask].any() for name, mask in pruned.masks.items())
    assert pruned.error <= 1e-5


@pytest.mark.parametrize(
    "plan",
    [
        DIGITS.changed(**ROUNDS),
        TUMOUR.changed(sparsity=0.6, scope="global", **ROUNDS),
        DIGITS.changed(granularity="channel", scope="layer"),
        BLOCKS.changed(**ROUNDS),
    ],
)
def test_interrupted_anywhere_it_ends_the_same(plan):
    prepared = of_few(prepare(plan), 200)
    whole = carried_out(prepared, plan)
    chance = random.Random(0)
    work, breaks = RecoveryRounds(prepared, plan), 0
    done = 0
    while not work.finished:
        assert work.sentence
        work.step()
        assert done < work.done <= work.total
        done = work.done
        if chance.random() < 0.3:
            file = io.BytesIO()
            torch.save(work.state(), file)
            file.seek(0)
            work = RecoveryRounds(prepared, plan)
            work.restore(torch.load(file, weights_only=True))
            assert work.done == done
            breaks += 1
    assert breaks > 2
    assert work.sentence == "finished"
    pruned = work.result()
    assert same(pruned.model, whole.model)
    assert pruned.recovery.curve == whole.recovery.curve
    assert pruned.notes == whole.notes


@pytest.mark.parametrize("entry", list(RECIPES), ids=lambda e: e.name)
def test_every_recipe_recovers_and_replays(entry, tmp_path):
    plan = Plan(granularity="weight", scope="global", sparsity=0.95)
    training = "epochs" in {p.name for p in entry.parameters}
    whole = entry.implementation(plan, {"epochs": 4} if training else {})
    prepared, pruned, report = engine.run(whole, latency_runs=3)
    _, _, again = engine.run(pruned.plan, latency_runs=3)
    assert differences(report.deterministic(), again.deterministic()) == []
    assert "seconds" not in report.deterministic()["recovery"]
    recovery = report.recovery
    if entry.name == "correct_biases":  # of so few weights, means alone win nothing back
        assert report.accuracy.pruned >= recovery.before.value
    else:
        assert report.accuracy.pruned > recovery.before.value + 0.05
    assert recovery.control.value > 0.97
    assert any("compare with the better of the two" in note for note in report.notes)
    write_run(tmp_path, prepared, pruned, report)
    loaded = load_recovered(prepared, whole, tmp_path)
    assert same(loaded.model, pruned.model)
    assert loaded.recovery == recovery
    assert (loaded.requested, loaded.error) == (pruned.requested, pruned.error)
    assert all(torch.equal(keep, loaded.keep[name]) for name, keep in pruned.keep.items())


def test_a_checkpoint_of_another_plan_or_a_damaged_one_is_refused():
    plan = TUMOUR.changed(sparsity=0.5)
    prepared = prepare(plan)
    work = RecoveryRounds(prepared, plan)
    for _ in range(5):
        work.step()
    other = RecoveryRounds(prepared, plan.changed(seed=1))
    with pytest.raises(ValueError, match=f"{work.key[:12]}.*{other.key[:12]}"):
        other.restore(work.state())
    for part in ("method", "keep", "network", "curve"):
        state = work.state()
        del state[part]
        with pytest.raises(ValueError, match="this checkpoint is damaged"):
            RecoveryRounds(prepared, plan).restore(state)
    state = work.state()
    del state["method"]["optimiser"]
    with pytest.raises(ValueError, match="this checkpoint is damaged"):
        RecoveryRounds(prepared, plan).restore(state)


def stop_after(plan: Plan, epochs: int) -> Plan:
    steps = [
        {"method": s.method, "parameters": {**s.parameters, "stop_after": epochs}}
        if s.method == "finetune" else s.model_dump()
        for s in plan.recovery
    ]  # fmt: skip
    return plan.changed(recovery=steps)


@pytest.mark.parametrize("epochs", [1, 2, 3, 5])
def test_rounds_stopped_by_hand_are_what_their_plan_replays(epochs):
    plan = with_epochs(TUMOUR.changed(sparsity=0.6, **ROUNDS), 6)  # 1, 1 and 4 a round
    prepared = prepare(plan)
    work = RecoveryRounds(prepared, plan)
    while len([row for row in work.curve if row.step == "finetune"]) < epochs:
        work.step()
    work.step()  # a little further than the epoch after which it is stopped
    if epochs % 2:
        work.step()
    stopped = RecoveryRounds(prepared, stop_after(plan, epochs))
    assert stopped.key == work.key
    stopped.restore(work.state())
    first, second = finish(stopped).result(), carried_out(prepared, stop_after(plan, epochs))
    assert same(first.model, second.model)
    assert first.recovery.curve == second.recovery.curve
    assert second.recovery.epochs == epochs
    assert second.recovery.curve[-1].sparsity == pytest.approx(0.6, abs=0.01)
    assert first.recovery.stopped == second.recovery.stopped
    assert f"was stopped by hand after epoch {epochs} of 6" in second.recovery.stopped


def test_a_stop_before_what_is_done_is_refused():
    plan = with_epochs(TUMOUR.changed(sparsity=0.6, **ROUNDS), 6)
    prepared = prepare(plan)
    work = RecoveryRounds(prepared, plan)
    while len([row for row in work.curve if row.step == "finetune"]) < 3:
        work.step()
    with pytest.raises(ValueError, match=r"3 whole epochs of finetune, and stop_after asks for 2"):
        RecoveryRounds(prepared, stop_after(plan, 2)).restore(work.state())


def test_a_round_that_stopped_early_counts_whole_where_the_next_is_kept():
    plan = with_epochs(TUMOUR.changed(sparsity=0.6, **ROUNDS), 12)
    (step,) = [s for s in plan.recovery if s.method == "finetune"]
    eager = {**step.parameters, "good_enough": 0.01}  # every round stops after its first epoch
    plan = plan.changed(recovery=[{"method": "finetune", "parameters": eager}])
    prepared = prepare(plan)
    work = RecoveryRounds(prepared, plan)
    while not work.curve or work.curve[-1].round < 3 or work.curve[-1].step != "finetune":
        work.step()
    reached = epochs_reached(plan, work.curve)
    assert reached > len([row for row in work.curve if row.step == "finetune"]) == 3
    assert epochs_reached(plan, []) == 0
    kept = carried_out(prepared, stop_after(plan, reached))
    assert [row.value for row in kept.recovery.curve] == [row.value for row in work.curve]


def test_a_refused_checkpoint_leaves_nothing_behind():
    plan = with_epochs(DIGITS, 2)
    prepared = prepare(plan)
    work = RecoveryRounds(prepared, plan)
    while not work.curve or work.curve[-1].step != "finetune":
        work.step()
    state = work.state()
    del state["method"]["meter"]
    begun = RecoveryRounds(prepared, plan)
    before = dict(vars(begun))
    with pytest.raises(ValueError, match="damaged"):
        begun.restore(state)
    assert vars(begun) == before


def test_what_it_costs_is_told_before(monkeypatch):
    plan = DIGITS.changed(**ROUNDS)
    prepared = prepare(plan)
    expected = cost(prepared, plan)
    assert expected.epochs == 3
    assert expected.steps == 3 * 19  # batches of 64 of 1,198 inputs
    assert expected.seconds > expected.seconds_fixed > 0
    assert expected.seconds_per_epoch > 19 * expected.seconds_per_step
    work = finish(RecoveryRounds(prepared, plan))
    taken = work.result().recovery.seconds
    assert taken / 5 < expected.seconds < 5 * taken
    assert epochs_within(prepared, plan, 0.001) == 0
    assert epochs_within(prepared, plan, 600) > epochs_within(prepared, plan, 60) > 3
    with pytest.raises(ValueError, match="trains nothing"):
        epochs_within(prepared, plan.changed(recovery=[RECALIBRATE]), 60)
    assert PRESETS["a minute"] < PRESETS["ten minutes"] < PRESETS["overnight"]


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (TUMOUR.changed(recovery=[RECALIBRATE]), "nothing to recalibrate"),
        (with_epochs(TUMOUR.changed(**ROUNDS), 2), "2 epochs cannot be shared by 3 rounds"),
        (with_epochs(TUMOUR, 0), r"'epochs' must be in \[1"),
        (TUMOUR.changed(recovery=[{"method": "pray"}]), "unknown recovery 'pray'"),
        (TUMOUR.changed(schedule="often"), "unknown schedule 'often'"),
        (TUMOUR.changed(schedule_parameters={"rounds": 2}), "'one_shot' has no parameter 'rounds'"),
        (
            TUMOUR.changed(recovery=[{"method": "distill", "parameters": {"batch_size": 999}}]),
            "batch size of 999 does not fit 379",
        ),
    ],
)
def test_what_is_impossible_is_said_before_anything_is_done(plan, words):
    prepared = prepare(Plan(model="sample:tumour-mlp"))
    with pytest.raises(ValueError, match=words):
        RecoveryRounds(prepared, plan)


def test_recovery_needs_data():
    plan = Plan(model="torchvision:squeezenet1_1", input_shape=(3, 32, 32), recovery=[FINETUNE])
    prepared = engine.prepare(load_subject(plan, pretrained=False), plan)
    with pytest.raises(ValueError, match="recovery needs labelled data"):
        RecoveryRounds(prepared, plan)
    with pytest.raises(ValueError, match="not finished"):
        RecoveryRounds(prepare(TUMOUR), TUMOUR).result()


def test_divergence_is_told_in_the_report():
    step = {"method": "finetune", "parameters": {"epochs": 2, "learning_rate": 1e6}}
    plan = DIGITS.changed(recovery=[step])
    prepared = prepare(plan)
    pruned = carried_out(prepared, plan)
    assert "diverged in epoch 1" in pruned.recovery.stopped
    assert any("lower the learning rate" in str(note) for note in pruned.notes)
    assert same(pruned.model, engine.prune(prepared, plan).model)
    assert pruned.recovery.epochs == 0


def test_settings_of_a_recipe_go_to_their_owner():
    recipe = RECIPES.get("iterative").implementation
    plan = recipe(Plan(), {"rounds": 2, "epochs": 8, "optimiser": "adamw"})
    assert plan.schedule_parameters == {"rounds": 2}
    assert plan.recovery[-1].parameters == {"epochs": 8, "optimiser": "adamw"}
    with pytest.raises(ValueError, match="this recipe has no setting 'round'"):
        recipe(Plan(), {"round": 2})
    with pytest.raises(ValueError, match="'epochs' must be in"):
        recipe(Plan(), {"epochs": 0})


def test_amounts_of_rounds_follow_the_schedule():
    plan = TUMOUR.changed(sparsity=0.5, scope="uniform", schedule="cubic",
                          schedule_parameters={"rounds": 2})  # fmt: skip
    prepared = prepare(plan)
    amounts = Amounts(prepared.units, prepared.ranking, plan)
    assert amounts.rounds == 2
    first, last = amounts.plan(1), amounts.plan(2)
    assert first.layers == {"fc1": 28 / 64, "fc2": 14 / 32}  # 7/8 of the way
    assert last.layers == {"fc1": 0.5, "fc2": 0.5}


def test_the_defaults_are_in_the_digest():
    subject = load_subject(TUMOUR)
    short = engine.bind(TUMOUR.changed(recovery=[{"method": "finetune"}]), subject)
    settings = short.recovery[0].parameters
    assert settings["epochs"] == 5
    spelled = engine.bind(TUMOUR.changed(recovery=[{"method": "finetune", "parameters": settings}]),
                          subject)  # fmt: skip
    assert short.digest() == spelled.digest()
    rounds = engine.bind(TUMOUR.changed(schedule="linear"), subject)
    assert rounds.schedule_parameters["rounds"] >= 2
