"""Proposals reach what was asked, hold what is locked, and are what the plan itself gives."""

from __future__ import annotations

from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from pruneviz import run
from pruneviz.analyses import scans
from pruneviz.analyses.latency_budget import FINAL_RUNS
from pruneviz.evaluate import predict
from pruneviz.figures.proposed import reached_line
from pruneviz.jobs.kinds import proposal
from pruneviz.measure.cost import parameters_by_name
from pruneviz.measure.milliseconds import PassTime
from pruneviz.plan import Plan
from pruneviz.propose import Goal, Proposing, propose, proposing, read_proposal, write_proposal
from pruneviz.propose.by_count import least
from pruneviz.propose.layers import Layers
from pruneviz.propose.measured_loss import Judge, Lost
from pruneviz.sensitivity import LEVELS
from pruneviz.subjects import load_subject

MLP = Plan(model="sample:tumour-mlp", criterion="taylor", scope="global", sparsity=0.3)
CNN = Plan(criterion="taylor", scope="global", sparsity=0.3)
BUDGETS = st.one_of(
    st.tuples(st.sampled_from(["macs", "parameters"]), st.floats(0.15, 0.95)),
    st.tuples(st.just("megabytes"), st.floats(0.004, 0.015)),
)
LOCKS = st.sampled_from([{}, {"fc1": (0, 3, 8)}, {"fc2": tuple(range(12))}])


def scanned(plan, levels=LEVELS):
    return _scanned(plan.to_yaml(), levels)


@cache
def _scanned(text, levels):
    plan = Plan.from_text(text)
    prepared = run.prepare(load_subject(plan), plan)
    scan = scans.scan(prepared, levels)
    while not scan.finished:
        scan.step()
    return prepared, scan.table()


def on_mlp(goal, plan=MLP, **more):
    prepared, points = scanned(MLP)
    return propose(prepared, plan, goal, points, **more)


def removed(plan, prepared):
    pruned = run.prune(prepared, plan)
    return {name: int((~keep).sum()) for name, keep in pruned.keep.items()}, pruned.keep


@settings(max_examples=15)
@given(BUDGETS, LOCKS)
def test_a_budget_is_reached_overshot_by_a_step_at_most_and_locks_hold(budget, locks):
    plan = MLP.changed(locks=locks)
    goal, (prepared, _) = Goal(*budget), scanned(MLP)
    found = on_mlp(goal, plan)
    counts, keep = removed(found.plan, prepared)
    of = {"megabytes": "bytes"}.get(goal.kind, goal.kind)
    count = run.counting(prepared)
    left, whole = count(of, keep), count(of, removed(Plan(model=MLP.model), prepared)[1])
    assert left <= goal.target(whole)
    assert found.reached == goal.measured(left, whole) <= goal.value
    ranks = {units.name: prepared.ranking.within(units.name) for units in prepared.units}
    steps = []
    for name in (n for n, c in counts.items() if c):
        last = max((i for i in range(len(keep[name])) if not keep[name][i]),
                   key=lambda i, name=name: ranks[name][i])  # fmt: skip
        back = keep[name].clone()
        back[last] = True
        steps.append(count(of, {**keep, name: back}) - left)
    assert goal.target(whole) - left < max(steps)
    for name, units in locks.items():
        assert bool(keep[name][list(units)].all())
    assert dict(found.plan.locks) == locks


@settings(max_examples=10)
@given(st.lists(st.integers(700, 3900), min_size=2, max_size=2, unique=True))
def test_each_way_removes_no_less_under_a_lower_budget(targets):
    prepared, points = scanned(MLP)
    work = Proposing(prepared, MLP, Goal("parameters", 0.5), points)
    for _ in work.read():
        pass
    for path in work.paths():
        low, high = (least(work, path, target) for target in sorted(targets))
        assert all(low.get(name, 0) >= count for name, count in high.items())


def test_a_proposal_is_what_its_plan_gives_and_comes_back_from_its_file(tmp_path):
    found = on_mlp(Goal("parameters", 0.4))
    _, pruned, report = run.run(found.plan, latency_runs=3)
    assert found.quality == report.accuracy
    assert found.reached == report.parameters.pruned / report.parameters.original
    assert found.saved_macs == pytest.approx(1 - report.macs.pruned / report.macs.original)
    assert pruned.notes == ()
    assert found.onto(MLP).digest() == found.plan.digest()
    write_proposal(tmp_path / "proposal.json", found)
    assert read_proposal(tmp_path / "proposal.json") == found
    (tmp_path / "proposal.json").write_text("{}")
    with pytest.raises(ValueError, match=r"is damaged.*propose again"):
        read_proposal(tmp_path / "proposal.json")


@pytest.mark.parametrize("points", [0.0, 1.0, 3.0])
@pytest.mark.parametrize("save", ["parameters", "macs"])
def test_no_more_is_lost_than_allowed_and_more_loss_saves_more(points, save):
    found, more = (on_mlp(Goal("accuracy_points", p, save)) for p in (points, points + 4))
    assert found.quality.change >= -points / 100
    assert found.reached == pytest.approx(max(-100 * found.quality.change, 0), abs=1e-9)
    saved = f"saved_{save}"
    assert getattr(more, saved) >= getattr(found, saved) - 0.02
    assert found.evaluations > 10
    assert "flatters" in " ".join(found.notes)


@pytest.mark.parametrize("kind", ["macs", "parameters"])
def test_it_loses_no_more_than_equal_parts_on_digits(kind):
    prepared, points = scanned(CNN, (0.3, 0.6, 0.9))
    left = 0.7
    found = propose(prepared, CNN, Goal(kind, left), points)
    equal = CNN.changed(
        scope="budget", scope_parameters={"of": kind, "left": left, "by": "uniform"}
    )
    _, _, report = run.run(equal, latency_runs=3)
    assert found.quality.change_interval[1] >= report.accuracy.change
    assert found.reached <= left


def test_a_layer_that_is_of_no_use_goes_first(tmp_path):
    plan = useless_network(tmp_path)
    prepared = run.prepare(load_subject(plan), plan)
    scan = scans.scan(prepared)
    while not scan.finished:
        scan.step()
    for family in ("marginal", "equal"):
        work = Proposing(prepared, plan, Goal("parameters", 0.9), scan.table())
        for _ in work.read():
            pass
        path = next(path for path in work.paths() if path.family == family)
        first = [name for name, _ in path.steps]
        ends = max(i for i, name in enumerate(first) if name == "useless")
        assert set(first[: ends + 1]) == {"useless"}
    found = propose(prepared, plan, Goal("accuracy_points", 0.0), scan.table())
    assert found.plan.layers["useless"] == pytest.approx(0.9, abs=0.06)
    assert any("useless" in each and "scan goes, 90 % removed" in each for each in found.binding)


NETWORK = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.good, self.useless = nn.Linear(6, 16), nn.Linear(6, 20)
        self.head, self.other = nn.Linear(16, 3), nn.Linear(20, 3)
        self.other.weight.data.zero_()

    def forward(self, x):
        return self.head(torch.relu(self.good(x))) + self.other(torch.relu(self.useless(x)))

def build():
    torch.manual_seed(1)
    return Net()
"""


def useless_network(folder):
    """Return the plan of a network one of whose two layers does nothing, with its own answers."""
    (folder / "net.py").write_text(NETWORK)
    alone = Plan(model=f"python:{folder}/net.py:build", input_shape=(6,))
    x = torch.randn(400, 6, generator=torch.Generator().manual_seed(0))
    y = predict(load_subject(alone).model, x).argmax(1)
    np.savez(folder / "data.npz", x=x.numpy(), y=y.numpy(), mean=np.zeros(6), std=np.ones(6))
    return Plan(model=f"python:{folder}/net.py:build", data=f"npz:{folder}/data.npz")


def test_what_is_locked_or_not_in_the_scan_keeps_what_it_has():
    prepared, points = scanned(MLP)
    locked = on_mlp(Goal("parameters", 0.7), MLP.changed(locks={"fc1": "all"}))
    assert locked.plan.layers["fc1"] == 0
    assert "fc1 is locked" in locked.binding
    plan = Plan(model=MLP.model, criterion="taylor", layers={"fc2": 0.25})
    partly = propose(prepared, plan, Goal("parameters", 0.6), points[points.layer == "fc1"])
    assert partly.plan.layers["fc2"] == 0.25
    assert any("fc2 is not in the scan" in sentence for sentence in partly.binding)
    with pytest.raises(ValueError, match="unlock one"):
        on_mlp(Goal("parameters", 0.7), MLP.changed(locks={"fc1": "all", "fc2": "all"}))


def test_widths_that_the_scope_asks_for_hold():
    plan = MLP.changed(scope_parameters={"multiple_of": 8, "minimum_width": 16})
    found, (prepared, _) = on_mlp(Goal("parameters", 0.5), plan), scanned(MLP)
    _, keep = removed(found.plan, prepared)
    widths = {name: int(kept.sum()) for name, kept in keep.items()}
    assert all(width % 8 == 0 and width >= 16 for width in widths.values())
    assert any(
        "can lose no more" in each for each in on_mlp(Goal("parameters", 0.26), plan).binding
    )


def test_single_weights_are_exact_to_one_weight():
    plan = MLP.changed(granularity="weight", criterion="magnitude_l1")
    prepared, points = scanned(plan, (0.3, 0.6, 0.9))
    found = propose(prepared, plan, Goal("parameters", 0.5), points)
    whole = sum(prepared.baseline.parameters.values())
    assert found.reached == whole // 2 / whole


@pytest.mark.parametrize("granularity", ["block", "n_m"])
def test_other_units_reach_a_budget_and_keep_their_rules(granularity):
    plan = MLP.changed(granularity=granularity, criterion="magnitude_l1")
    prepared, points = scanned(plan, (0.4, 0.8))
    found = propose(prepared, plan, Goal("parameters", 0.8), points)
    assert found.reached <= 0.8
    _, _, report = run.run(found.plan, latency_runs=3)
    assert report.parameters.pruned / report.parameters.original == found.reached
    assert report.accuracy == found.quality
    if granularity == "n_m":  # 2:4 lets half of a layer go
        assert max(found.plan.layers.values()) <= 0.5


def test_a_time_is_reached_by_a_measure_and_what_cannot_be_is_said():
    def measure(network: nn.Module, passes: int) -> PassTime:
        ms = sum(parameters_by_name(network).values()) / 1000
        return PassTime(ms, (ms, ms), passes)

    found = on_mlp(Goal("milliseconds", 2.5), measure=measure)
    assert found.is_reached
    assert found.reached <= 2.5 < found.original
    assert found.reached > 2.2
    assert found.binding[0].startswith("with 90 % of every unlocked layer removed, the")
    with pytest.raises(ValueError, match=r"0\.01 ms cannot be reached.*input is 0\.\d+ ms \("):
        on_mlp(Goal("milliseconds", 0.01), measure=measure)
    with pytest.raises(ValueError, match="met already"):
        on_mlp(Goal("milliseconds", 10), measure=measure)


def test_goals_that_are_met_or_out_of_reach_name_the_number_and_the_remedy(tmp_path):
    with pytest.raises(ValueError, match=r"15 MB is met already: the original has 0\.017 MB"):
        on_mlp(Goal("megabytes", 15))
    with pytest.raises(ValueError, match="met already: the original has 100 %"):
        on_mlp(Goal("macs", 1))
    with pytest.raises(ValueError, match=r"rules let it go, [\d.]+ % of the MACs are left"):
        on_mlp(Goal("macs", 0.001))
    with pytest.raises(ValueError, match=r"ask for more than that, or unlock fc2$"):
        on_mlp(Goal("macs", 0.001), MLP.changed(locks={"fc2": (1,)}))
    plan = useless_network(tmp_path).changed(data=None, input_shape=(6,))
    prepared = run.prepare(load_subject(plan), plan)
    with pytest.raises(ValueError, match="name data with labels first"):
        Proposing(prepared, plan, Goal("macs", 0.5), scanned(MLP)[1])


def test_progress_never_ends_before_the_proposal_is_there():
    prepared, points = scanned(MLP)
    stages = list(proposing(Proposing(prepared, MLP, Goal("accuracy_points", 1), points)))
    assert [stage.done for stage in stages] == sorted(stage.done for stage in stages)
    assert all(stage.done < stage.total for stage in stages)


def losing(monkeypatch, loss):
    """Let a network lose what `loss` says of how many units went of each layer."""
    monkeypatch.setattr(Layers, "network", lambda self, counts: dict(counts))
    for name in ("compared", "judged"):
        monkeypatch.setattr(Judge, name, lambda self, counts: Lost(loss(counts), 0.0))


def test_where_each_way_begins_too_far_one_layer_alone_may_still_lose_a_unit(monkeypatch):
    losing(monkeypatch, lambda counts: 0.0 if counts in ({}, {"fc2": 1}) else 0.5)
    prepared, points = scanned(MLP)
    first = {"fc1": 1, "fc2": 0}
    monkeypatch.setattr(Proposing, "counts", lambda self, path, taken: first if taken else {})
    found = propose(prepared, MLP, Goal("accuracy_points", 1.0), points)
    assert removed(found.onto(MLP), prepared)[0] == {"fc1": 0, "fc2": 1}
    assert "not tried" in " ".join(found.binding)


@pytest.mark.parametrize(("lost", "points"), [(7 / 500, 1.4), (7 / 250, 2.8), (1 / 3, 100 / 3)])
def test_a_loss_of_exactly_what_is_allowed_is_allowed(monkeypatch, lost, points):
    losing(monkeypatch, lambda counts: lost if any(counts.values()) else 0.0)
    found = on_mlp(Goal("accuracy_points", points))
    assert found.binding


def test_the_first_of_many_steps_is_tried(monkeypatch):
    """Where nothing but the very first step is within the loss, it is found."""
    losing(monkeypatch, lambda counts: 0.0 if sum(counts.values()) <= 1 else 0.5)
    prepared, _ = scanned(MLP)
    found = on_mlp(Goal("accuracy_points", 0.0))
    assert sum(removed(found.onto(MLP), prepared)[0].values()) == 1


@pytest.mark.parametrize(
    ("spread", "said"),
    [
        ((0.95, 1.05), "100 ms more than the goal of 800 ms"),
        ((0.8, 1.1), "cannot be decided: measure again"),
        ((0.5, 2.0), "not measured well enough yet: measure again"),
    ],
)
def test_a_time_that_is_not_within_the_goal_at_length_is_said(tmp_path, spread, said):
    prepared, points = scanned(MLP)

    def measure(network, passes):
        ms = float(sum(p.numel() for p in network.parameters()))
        if passes < FINAL_RUNS:
            return PassTime(ms, (ms, ms), passes)
        ms = 900.0 if network is not prepared.subject.model else 4000.0
        return PassTime(ms, (ms * spread[0], ms * spread[1]), passes)

    found = propose(prepared, MLP, Goal("milliseconds", 800.0), points, measure=measure)
    assert found.reached == 900
    assert said in found.binding[0]
    assert said in reached_line(found)
    write_proposal(tmp_path / "proposal.json", found)
    folder = SimpleNamespace(file=tmp_path.joinpath)
    assert not proposal.has_result(folder)  # asked again, it is measured again
    write_proposal(tmp_path / "proposal.json", found.model_copy(update={"wanted": 2000.0}))
    assert proposal.has_result(folder)


def test_a_network_that_draws_is_said_to_be_no_ground_to_stand_on(tmp_path):
    (tmp_path / "net.py").write_text(NOISY)
    x = np.random.default_rng(0).normal(1.0, 2.0, (90, 4)).astype(np.float32)
    np.savez(tmp_path / "data.npz", x=x, y=(x.sum(1) > 4).astype(np.int64))
    plan = Plan(model=f"python:{tmp_path}/net.py:build", data=f"npz:{tmp_path}/data.npz",
                granularity="weight")  # fmt: skip
    prepared, points = scanned(plan)
    found = propose(prepared, plan, Goal("macs", 0.5), points)
    assert "drawn at random" in found.notes[0]
    assert "drawn at random" not in " ".join(on_mlp(Goal("macs", 0.5)).notes)


NOISY = """
import torch
from torch import nn

def build():
    class Noisy(nn.Module):
        def forward(self, x):
            return x + 0.01 * torch.randn_like(x)
    return nn.Sequential(nn.Linear(4, 16), Noisy(), nn.Linear(16, 2))
"""
