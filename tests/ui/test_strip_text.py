from types import SimpleNamespace

import pytest
from streamlit.testing.v1 import AppTest

from pruneviz.metrics import METRICS
from pruneviz.plan import Plan
from pruneviz.report import Amount, LayerReport, MetricPair
from pruneviz.run import Baseline
from pruneviz.ui.frame import speeds
from pruneviz.ui.session import edits
from pruneviz.ui.words import cells, text
from pruneviz.wording import Fact, RefusedError, Share, amounts

ACCURACY = MetricPair(
    original=0.98,
    pruned=0.95,
    change=-0.03,
    original_interval=(0.96, 0.99),
    pruned_interval=(0.93, 0.97),
    change_interval=(-0.05, -0.01),
    samples=500,
    agreement=0.96,
)


def test_the_plan_in_one_line() -> None:
    plan = Plan(sparsity=0.5, locks={"a": "all", "b": (1,)}, scope="global", criterion="taylor")
    line = text.plan_line(plan, 0.48)
    assert line.startswith("channels, Taylor first order, ")
    assert line.endswith("global, 48 % removed, 2 locks")
    assert "nope" in text.plan_line(Plan(criterion="nope"), None)
    recovered = plan.changed(recovery=[{"method": "finetune"}])
    assert text.plan_line(recovered, 0.48) == f"{line}, then fine-tuned 5 epochs"


def test_the_line_says_which_criterion_gave_way() -> None:
    """Also in a session that opens the link of such a plan and knows nothing else of it."""
    taken = edits.with_model(Plan(criterion="taylor"), "torchvision:resnet18")
    assert taken.criterion == "magnitude_l1"
    said = "channels, Magnitude L1 (in place of Taylor first order, which needs data), "
    assert text.plan_line(taken, None).startswith(said)
    for plan in (taken.changed(data="npz:d.npz"), taken.changed(criterion="lamp"), Plan()):
        assert "in place of" not in text.plan_line(plan, None)


def test_a_criterion_chosen_by_hand_stands_in_no_place_of_another() -> None:
    def page() -> None:
        import streamlit as st

        from pruneviz.plan import Plan
        from pruneviz.ui.session import edits, state
        from pruneviz.ui.words import text

        state.put(Plan(criterion="fisher"))
        state.put(edits.with_model(state.plan(), "torchvision:resnet18"))
        st.text(text.ranking_line(state.plan()))
        edits.set_criterion("magnitude_l2")
        edits.set_criterion("magnitude_l1")
        st.text(text.ranking_line(state.plan()))

    assert [line.value for line in AppTest.from_function(page).run(timeout=30).text] == [
        "channels, Magnitude L1 (in place of Fisher, which needs data)",
        "channels, Magnitude L1",
    ]


@pytest.mark.parametrize(("exact", "note"), [(True, "timed"), (False, "once the accuracy")])
def test_a_time_to_come_waits_for_no_accuracy_that_never_comes(exact: bool, note: str) -> None:
    """Without data, accuracy is as exact as it will ever be."""
    removed = SimpleNamespace(removed=0.0)
    none = SimpleNamespace(plan=Plan(), sparsity=removed, primary=None if exact else ACCURACY)
    untimed = SimpleNamespace(timed=False, exact=exact, report=none)
    said = speeds.cell(untimed).note
    assert note in said
    assert ("once the accuracy" in said) is not exact
    none.primary = ACCURACY.model_copy(update={"metric": "perplexity"})
    assert ("once the perplexity is exact" in speeds.cell(untimed).note) is not exact


def test_overall_says_once_what_is_set_by_hand() -> None:
    plan = Plan(scope="global", sparsity=0.3)
    assert text.scope_sentence(plan).count("by hand") == 1
    one = text.scope_sentence(plan.changed(layers={"a": 0.1}))
    assert one.count("by hand") == 1
    assert "1 layer" in one


def test_accuracy_is_marked_while_it_is_an_estimate() -> None:
    exact = cells.quality_cell(ACCURACY, METRICS.get("accuracy"), exact=True, total=500)
    assert (exact.value, exact.spread, exact.original) == ("95.0 %", "(± 2.0)", "98.0 %")
    assert exact.change == "−3.0 points (± 2.0)"
    part = cells.quality_cell(ACCURACY, METRICS.get("accuracy"), exact=False, total=2000)
    assert part.value == "≈ 95.0 %"
    assert (part.label, part.spread, part.change) == (exact.label, exact.spread, exact.change)
    lines = [cells.cell_markdown(cell).split("  \n") for cell in (exact, part)]
    assert lines[1][3:] == [":small[:gray[on the same 500 of 2,000 inputs]]"]
    assert lines[1][0::2][:2] == lines[0][0::2], "nothing moves when it gets exact"
    assert cells.cell_sentence(part).endswith("(± 2.0) on the same 500 of 2,000 inputs")


def test_the_original_is_exact_while_the_rest_is_an_estimate() -> None:
    part = cells.quality_cell(
        ACCURACY, METRICS.get("accuracy"), exact=False, total=2000, original=0.973
    )
    assert (part.value, part.original) == ("≈ 95.0 %", "97.3 %")
    assert part.change.startswith("−3.0 points"), "of the same inputs"


def test_the_originals_numbers_stand_alone() -> None:
    baseline = Baseline(None, {"a": 1_200_000}, {"a": 10}, 363_000)
    found = cells.original_cells(METRICS.get("accuracy"), 0.98, baseline, None)
    assert [cell.value for cell in found] == ["–"] * 4
    assert [cell.original for cell in found] == ["98.0 %", "363 kB", "1.2 M", ""]
    assert cells.cell_markdown(found[0]).endswith("of :blue[98.0\u00a0%]]")
    assert cells.cell_sentence(found[1]) == "Size: original 363 kB"


@pytest.mark.parametrize(
    ("found", "shown", "typed"),
    [
        (amounts.lock_keeps("a", 9, 32, 1, Share(0.03125)), "ask for 3 % at", "ask for 0.03125 at"),
        (amounts.locks_keep(Share(0.29), "a", Share(0.1)), "of 29 % cannot", "of 0.29 cannot"),
        (amounts.locks_keep(Share(1), "a", Share(0.5)), "most 50 %; unlock", "most 0.5; unlock"),
        (amounts.multiples(8, 1, 31), "1 of 31 units go", "1 of 31 units go"),
    ],
)
def test_a_sparsity_is_said_in_the_sliders_percent(found: Fact, shown: str, typed: str) -> None:
    problem = RefusedError(found)
    assert shown in text.problem(problem).replace("\u00a0", " ")
    assert typed in str(problem) == text.problem(str(problem))


def test_without_data_the_cell_says_so() -> None:
    cell = cells.quality_cell(None, METRICS.get("accuracy"), exact=True, total=0)
    assert cells.NO_DATA in cells.cell_markdown(cell)


def test_a_cell_always_has_three_lines() -> None:
    found = [
        cells.quality_cell(ACCURACY, METRICS.get("accuracy"), exact=True, total=500),
        cells.quality_cell(None, METRICS.get("accuracy"), exact=True, total=500),
        cells.size_cell(Amount(original=100, pruned=62)),
        speeds.cell(None),
    ]
    assert {cells.cell_markdown(cell).count("\n") for cell in found} == {2}


def test_what_a_link_says_is_never_markdown() -> None:
    shown = text.escape("![x](http://a) <b> $x$ :red[y]\n# z")
    assert "![" not in shown
    assert "\\<b\\>" in shown
    assert "\n" not in shown


@pytest.mark.parametrize(
    ("lock", "shown"), [((0, 3, 8, 9, 10, 11), "0,3,8-11"), ("all", ""), (None, ""), ((5,), "5")]
)
def test_locked_units_as_text(lock: object, shown: str) -> None:
    assert edits.units_text(lock) == shown  # type: ignore[arg-type]


def test_units_are_read_back() -> None:
    assert edits._units("0, 3,8-11", 12) == (0, 3, 8, 9, 10, 11)


@pytest.mark.parametrize("units", ["x", "1-2-3", "12", "0-99999999999999", "5-2", "-1", ",", "²"])
def test_wrong_units_are_refused_in_a_sentence(units: str) -> None:
    with pytest.raises(ValueError, match=r"\w+ \w+"):
        edits._units(units, 12)


def row(sparsity: float) -> dict[str, LayerReport]:
    amount = Amount(original=1, pruned=1)
    return {
        "a": LayerReport(
            name="a",
            layers=("a",),
            units=4,
            removed=1,
            locked=0,
            sparsity=sparsity,
            parameters=amount,
            macs=amount,
        )
    }


@pytest.mark.parametrize(
    ("plan", "percent"),
    [
        (Plan(sparsity=0.5), 50),
        (Plan(sparsity=0.5, layers={"a": 0.2}), 20),
        (Plan(sparsity=0.5, scope="global"), 25),
        (Plan(sparsity=0.5, scope="global", layers={"a": 0.2}), 20),
        (Plan(sparsity=0.5, locks={"a": "all"}), 0),
    ],
)
def test_a_slider_shows_its_own_value_or_what_the_scope_decides(plan: Plan, percent: int) -> None:
    assert edits.shown_percent(plan, "a", row(0.25)) == percent


def test_another_model_keeps_the_amounts_and_drops_what_was_the_models() -> None:
    plan = Plan(sparsity=0.4, layers={"a": 0.1}, locks={"a": "all"}, weights_sha256="0" * 64)
    assert edits.with_model(plan, "sample:tumour-mlp") == Plan(
        sparsity=0.4, model="sample:tumour-mlp"
    )


def test_a_model_without_data_has_no_recovery() -> None:
    plan = Plan(sparsity=0.5, schedule="cubic", recovery=[{"method": "finetune"}])
    bare = edits.with_model(plan, "torchvision:resnet18")
    assert bare == Plan(sparsity=0.5, model="torchvision:resnet18")
    assert edits.with_model(plan, "sample:tumour-mlp").recovery == plan.recovery
    given = edits.with_model(plan, "torchvision:resnet18", data="npz:d.npz")
    assert given.recovery == plan.recovery
