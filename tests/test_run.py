"""The whole way: plan in, report out, the same on every replay."""

from __future__ import annotations

import itertools

import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn.functional import cross_entropy

from pruneviz import run as engine
from pruneviz.allocate import SCOPES, decides_amount
from pruneviz.analyses import scans
from pruneviz.criteria import CRITERIA
from pruneviz.evaluate import predict
from pruneviz.export import rebuild
from pruneviz.plan import Plan
from pruneviz.proof import find_units
from pruneviz.pruned.surgery import Surgery
from pruneviz.report import Report, differences
from pruneviz.store import read_plan, read_report, write_run
from pruneviz.subjects import Subject, list_models, load_subject
from tests.fitting import FITTING, fitting
from tests.metrics.judged import judged_as_coco

# Each granularity with each scope, and the criteria in turn; how every criterion scores every
# granularity is tested where it is quicker.
QUICKER = [entry.name for entry in CRITERIA if entry.cost != "each unit"]
TURN = itertools.cycle(QUICKER)


def following(granularity: str) -> str:
    """Return the next criterion in turn that ranks such units."""
    return next(name for name in TURN if CRITERIA.get(name).fits(granularity))


ALL = [
    # equal scores stay together at a percentile, so it is asked where there are none
    *(("magnitude_l1" if scope == "percentile" else following(granularity), granularity, scope)
      for granularity, scope in itertools.product(FITTING, SCOPES.names())),
    *((name, "channel", "global") for name in CRITERIA.names() if name not in QUICKER),
]  # fmt: skip


def test_a_run_repeats_though_a_reason_is_said_in_other_words():
    report = engine.run(Plan(model="sample:tumour-mlp", sparsity=0.3), latency_runs=3)[2]
    assert report.skipped
    reworded = [each.model_copy(update={"reason": "in other words"}) for each in report.skipped]
    earlier = report.model_copy(update={"skipped": tuple(reworded)})
    assert differences(earlier.deterministic(), report.deterministic()) == []
    fewer = report.model_copy(update={"skipped": ()})
    assert differences(fewer.deterministic(), report.deterministic())


@pytest.mark.parametrize(("criterion", "granularity", "scope"), ALL)
def test_every_combination_runs_exactly_and_replays(criterion, granularity, scope):
    plan = Plan(criterion=criterion, scope=scope, sparsity=0.37, seed=3, **fitting(granularity))
    few = [p.name for p in CRITERIA.get(criterion).parameters if p.name == "inputs"]
    plan = plan.changed(criterion_parameters=dict.fromkeys(few, 8))
    without_norms = criterion == "bn_scale" and plan.model == "sample:tumour-mlp"
    if without_norms or (criterion == "thinet" and granularity != "channel"):
        with pytest.raises(ValueError, match=r"choose channels|choose a criterion"):
            engine.run(plan, latency_runs=3)
        return
    prepared, pruned, report = engine.run(plan, latency_runs=3)
    _, _, again = engine.run(pruned.plan, latency_runs=3)
    assert differences(report.deterministic(), again.deterministic()) == []
    assert report.sparsity.removed == sum(int((~k).sum()) for k in pruned.keep.values())
    if not decides_amount(scope):
        assert abs(report.sparsity.achieved - 0.37) <= len(prepared.units) / report.sparsity.units
    assert sum(layer.removed for layer in report.layers) == report.sparsity.removed


EVERY_SAMPLE = itertools.product(["channel", "weight"], [card.reference for card in list_models()])
PAIRS = [
    *({"granularity": name, "model": model} for name, model in EVERY_SAMPLE),
    *(fitting(name) for name in FITTING),
]


@pytest.mark.parametrize("fields", PAIRS, ids=lambda f: f"{f['granularity']} {f['model']}")
def test_the_files_say_what_the_report_says(fields, tmp_path):
    plan = Plan(sparsity=0.5, **fields)
    prepared, pruned, report = engine.run(plan, latency_runs=3)
    assert write_run(tmp_path, prepared, pruned, report) == []
    assert (tmp_path / "weights.safetensors").stat().st_size == report.bytes.pruned
    assert read_plan(tmp_path) == pruned.plan
    assert read_report(tmp_path) == report
    masks = load_file(tmp_path / "masks.safetensors")
    assert all(torch.equal(masks[name], mask) for name, mask in pruned.masks.items())
    assert (tmp_path / "surgery.json").exists() == pruned.is_cut
    if pruned.is_cut:
        surgery = Surgery.from_json((tmp_path / "surgery.json").read_text())
        repeated = surgery.perform(prepared.subject.model).state_dict()
        assert all(torch.equal(repeated[k], t) for k, t in pruned.model.state_dict().items())
    again = rebuild(tmp_path / "recipe.json", tmp_path / "weights.safetensors")
    x = prepared.subject.data.x
    torch.testing.assert_close(predict(again, x), predict(pruned.model, x), rtol=1e-5, atol=1e-5)
    y, first = prepared.subject.data.y, report.primary
    if first.metric == "accuracy":
        assert first.pruned == float((predict(again, x).argmax(1) == y).double().mean())
    elif first.metric == "perplexity":
        nats = cross_entropy(predict(again, x).double().flatten(0, 1), y.flatten())
        assert first.pruned == pytest.approx(float(nats.exp()), rel=1e-6)
    elif first.metric == "map_50":
        boxes = prepared.subject.task.answers(predict(again, x), y)
        expected = float(judged_as_coco(boxes, y)["map_50"])
        assert first.pruned == pytest.approx(expected, abs=1e-6)
    else:
        assert first.metric == "mae"
        error = (predict(again, x).double() - y).abs().mean()
        assert first.pruned == pytest.approx(float(error), rel=1e-6)


@pytest.mark.parametrize("card", list_models(), ids=lambda c: c.name)
def test_preview_and_cut_agree(card):
    plan = Plan(model=card.reference, sparsity=0.5)
    prepared, pruned, report = engine.run(plan, latency_runs=3)
    x = prepared.subject.data.x
    assert pruned.max_relative_error(x) <= 1e-5
    assert report.max_relative_error <= 1e-5
    assert report.parameters.pruned == sum(p.numel() for p in pruned.model.parameters())


def test_macs_are_those_of_the_formula():
    _, _, report = engine.run(Plan(model="sample:tumour-mlp", sparsity=0.5), latency_runs=3)
    assert report.macs.original == 30 * 64 + 64 * 32 + 32 * 2
    assert report.macs.pruned == 30 * 32 + 32 * 16 + 16 * 2
    plan = Plan(model="sample:tumour-mlp", granularity="weight", sparsity=0.5)
    _, _, report = engine.run(plan, latency_runs=3)
    assert report.macs.pruned == report.macs.original // 2
    assert any("the arithmetic stays dense" in note for note in report.notes)


def test_a_plan_for_other_weights_or_data_is_refused():
    _, pruned, _ = engine.run(Plan(model="sample:tumour-mlp"), latency_runs=3)
    for field in ("weights_sha256", "data_sha256"):
        with pytest.raises(ValueError, match="made for other"):
            engine.run(pruned.plan.changed(**{field: "0" * 64}))


def test_zero_sparsity_is_the_original():
    _, pruned, report = engine.run(Plan(sparsity=0.0), latency_runs=3)
    assert report.accuracy.change == 0
    assert report.parameters.pruned == report.parameters.original
    assert report.bytes.pruned == report.bytes.original
    assert not pruned.is_cut


def test_everything_asked_leaves_one_unit_a_layer():
    _, pruned, report = engine.run(Plan(sparsity=1.0), latency_runs=3)
    assert all(int(keep.sum()) == 1 for keep in pruned.keep.values())
    assert any("never pruned to nothing" in note for note in report.notes)


def test_the_report_reads_back_from_json():
    _, _, report = engine.run(Plan(model="sample:tumour-mlp", sparsity=0.2), latency_runs=3)
    assert Report.model_validate_json(report.model_dump_json()) == report
    assert list(report.layer_table()["layer"]) == [layer.name for layer in report.layers]


def test_another_run_in_the_folder_is_not_overwritten(tmp_path):
    first = engine.run(Plan(model="sample:tumour-mlp", sparsity=0.2), latency_runs=3)
    second = engine.run(Plan(model="sample:tumour-mlp", sparsity=0.3), latency_runs=3)
    write_run(tmp_path, *first)
    write_run(tmp_path, *first)
    with pytest.raises(ValueError, match="holds another run"):
        write_run(tmp_path, *second)
    assert read_report(tmp_path) == first[2]
    write_run(tmp_path, *second, force=True)
    assert read_report(tmp_path) == second[2]
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "masks.safetensors", "plan.yaml", "recipe.json", "report.json", "surgery.json",
        "weights.safetensors",
    ]  # fmt: skip


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    done = engine.run(Plan(model="sample:tumour-mlp"), latency_runs=3)
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="cannot be written to"):
        write_run(tmp_path / "file" / "inside", *done)


def test_a_broken_report_is_named(tmp_path):
    (tmp_path / "report.json").write_text("{}")
    with pytest.raises(ValueError, match="is no report of this version"):
        read_report(tmp_path)
    with pytest.raises(ValueError, match="cannot be read"):
        read_plan(tmp_path)


@pytest.mark.parametrize(
    "criterion",
    [
        e.name
        for e in CRITERIA
        if e.name in QUICKER and e.needs and e.fits("channel") and e.name != "bn_scale"
    ],
)
def test_a_network_keeps_its_weights_also_while_it_is_scored(criterion):
    plan = Plan(model="sample:tumour-mlp", criterion=criterion)
    subject = load_subject(plan)
    network = subject.model
    units = find_units(network, subject.example, plan.granularity)[0]
    mine, looks = list(network.parameters()), []

    def look(*_):
        looks.append(all(a is b for a, b in zip(network.parameters(), mine, strict=True)))

    network.fc1.register_forward_hook(look)
    engine.scored(network, subject, plan, units)
    assert looks
    assert all(looks)


def test_a_criterion_with_gradients_asks_for_data():
    plan = Plan(model="torchvision:squeezenet1_1", criterion="taylor", input_shape=(3, 32, 32))
    subject = load_subject(plan, pretrained=False)
    with pytest.raises(ValueError, match="needs data to calibrate on: name data"):
        engine.prepare(subject, plan)
    prepared = engine.prepare(subject, plan.changed(criterion="magnitude_l1"))
    with pytest.raises(ValueError, match="measures accuracy"):
        scans.scan(prepared)


def test_a_network_whose_code_holds_widths_is_refused_not_miscut():
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.two = nn.Linear(8, 8), nn.Linear(8, 4)

        def forward(self, x):
            y = torch.relu(self.one(x))
            return self.two(y * y.shape[1])

    torch.manual_seed(0)
    model, example = Scaled().eval(), torch.randn(2, 8)
    subject = Subject(
        reference="python:x",
        title="x",
        sentence="x",
        model=model,
        example=example,
        data=None,
        weights_label="random weights",
        sha256="0" * 64,
        notes=(),
    )
    plan = Plan(model="python:x", sparsity=0.5)
    with pytest.raises(ValueError, match="differs from the masked one"):
        engine.prepare(subject, plan)
    weights = plan.changed(granularity="weight")
    assert engine.prune(engine.prepare(subject, weights), weights).error == 0


def test_a_scan_measures_each_layer_alone():
    plan = Plan(model="sample:tumour-mlp")
    prepared = engine.prepare(load_subject(plan), plan)
    scan = scans.scan(prepared, levels=(0.25, 0.5))
    while not scan.finished:
        scan.step()
    table = scan.table()
    assert list(table.columns[:3]) == ["layer", "sparsity", "accuracy"]
    assert scan.done == scan.total == 2 * len(prepared.units)
    for row in table.itertuples():
        _, _, report = engine.run(plan.changed(layers={row.layer: row.sparsity}), latency_runs=3)
        assert row.accuracy == report.accuracy.pruned
        assert row.low <= row.accuracy <= row.high


def test_differences_name_the_place():
    assert differences({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}]}) == ["a[1].b: 2 != 3"]
    assert differences({"a": 1}, {}) == ["a: 1 != absent"]
