"""A plan says everything, refuses what it does not know, and has one digest."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pruneviz.plan import Part, Plan, RecoveryStep, parse_lock

names = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=9)
plans = st.builds(
    Plan,
    criterion=names,
    scope=st.sampled_from(["layer", "uniform", "global"]),
    sparsity=st.floats(0, 1),
    layers=st.dictionaries(names, st.floats(0, 1), max_size=4),
    locks=st.dictionaries(
        names, st.just("all") | st.lists(st.integers(0, 99), min_size=1), max_size=4
    ),
    seed=st.integers(0, 2**32 - 1),
)


@settings(deadline=None, max_examples=60)
@given(plans)
def test_yaml_and_json_give_the_plan_back(plan):
    assert Plan.from_text(plan.to_yaml()) == plan
    assert Plan.from_text(plan.canonical_json()) == plan
    assert Plan.from_text(plan.to_yaml()).digest() == plan.digest()


@settings(deadline=None, max_examples=60)
@given(plans, plans)
def test_plans_differ_exactly_when_their_digests_do(one, other):
    assert (one == other) == (one.digest() == other.digest())


def test_the_order_of_keys_changes_nothing():
    one = Plan(layers={"a": 0.1, "b": 0.2}, locks={"x": "all", "y": [2, 1]})
    other = Plan(layers={"b": 0.2, "a": 0.1}, locks={"y": [1, 2, 2], "x": "all"})
    assert one.digest() == other.digest()


BOMB = "a: &a [x, x, x]\n" + "".join(
    f"{new}: &{new} [*{old}, *{old}, *{old}]\n"
    for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("sparsity: 1.5", "sparsity must be a number in [0, 1]"),
        ("sparsity: -0.1", "got -0.1"),
        ("sparsity: .nan", "got nan"),
        ("sparsity: true", "got True"),
        ("sparsity: many", "got 'many'"),
        ("layers: {conv1: 2}", "the sparsity of layer 'conv1' must be"),
        ("layers: 3", "layers must map a layer's name to its sparsity"),
        ("locks: {conv1: some}", "the lock of layer 'conv1' must be 'all' or a list"),
        ("locks: {conv1: [-1]}", "the lock of layer 'conv1'"),
        ("sparsities: 0.5", "unknown keys: sparsities; known keys: schema_version, model"),
        ("scope: 3", "scope must be text; got 3"),
        ("scope_parameters: 3", "the parameters of the scope must map a name"),
        ("granularity_parameters: {n: [1]}", "the parameter 'n' of the granularity must be"),
        ("seed: -1", "seed must be 0 or more; got -1"),
        ("seed: 5000000000", "seed must be 4294967295 or less; got 5000000000"),
        ("seed: few", "seed must be a whole number; got 'few'"),
        ("seed: 1.5", "seed must be a whole number; got 1.5"),
        ("model: 3", "model must be text; got 3"),
        ("input_shape: 3", "input_shape must be a list; got 3"),
        ("input_shape: [0]", "input_shape.0 must be 1 or more; got 0"),
        ("criterion_parameters: 3", "the parameters of the criterion must map a name"),
        ("criterion_parameters: {p: [1]}", "the parameter 'p' of the criterion must be a number"),
        ("criterion_parameters: {p: .nan}", "got nan"),
        ("sparsity: 1" + 400 * "0", "sparsity must be a number in [0, 1]"),
        ("sparsity: 1" + 5000 * "0", "a value that cannot be read"),
        ("sparsity: 0x1" + 5000 * "0", "got a number of thousands of digits"),
        ("seed: 2001-13-32", "a value that cannot be read"),
        ("layers: {1: 7, a: 0.5}", "the sparsity of layer '1'"),
        ("layers: &a {x: 0.1}\nlocks: *a", "the alias in line 2: write out what it stands for"),
        (BOMB, "the alias in line 2"),
        (
            "layers: {a: [" + "spam, " * 9999 + "]}",
            "got ['spam', 'spam', 'spam', 'spam', 'spam', 'spam', ...]",
        ),
        ("schema_version: 4", "schema_version must be 3; got 4"),
        ("weights_sha256: abc", "weights_sha256 must be 64 digits of 0-9 and a-f; got 'abc'"),
        ("- a\n- b", "a plan is a mapping"),
        ("a: [", "neither YAML nor JSON (line"),
        ("!!python/object/apply:os.system ['true']", "neither YAML nor JSON"),
        ("x" * 1_000_001, "at most 1,000,000 characters"),
    ],
)
def test_bad_plans_get_one_clear_sentence(text, words):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the words are compared below
        Plan.from_text(text)
    assert words in str(caught.value)
    for raw in ("pydantic", "Input should", "Value error"):
        assert raw not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_locks_are_read_from_the_command_line():
    assert parse_lock("conv1") == ("conv1", "all")
    assert parse_lock("layer1.0:0,3-5") == ("layer1.0", (0, 3, 4, 5))
    with pytest.raises(ValueError, match="a lock reads NAME"):
        parse_lock("conv1:a")


@pytest.mark.parametrize("text", ["a:0-30000000", "a:0-1" + 99 * "0", "a:5-3"])
def test_a_lock_that_takes_gigabytes_is_refused(text):
    with pytest.raises(ValueError, match=r"at most 1,000,000 units, got '.*lock the whole layer"):
        parse_lock(text)


def test_both_zeros_give_one_digest():
    one, other = Plan(sparsity=0.0, layers={"a": 0.0}), Plan(sparsity=-0.0, layers={"a": -0.0})
    assert one.digest() == other.digest()


def test_a_plan_as_it_is_written_holds_no_alias():
    shared = (1, 2)
    plan = Plan(locks={"a": shared, "b": shared}, criterion_parameters={"p": "1e-3"})
    assert plan.criterion_parameters == {"p": 0.001}
    assert Plan.from_text(plan.to_yaml()) == plan


def test_a_plan_imports_no_torch():
    import subprocess
    import sys

    code = "import sys, pruneviz.plan; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_recovery_is_read_checked_and_written():
    text = "recovery: [{method: finetune, parameters: {epochs: 2, optimiser: sgd}}]"
    plan = Plan.from_text(text)
    assert plan.recovery == (
        RecoveryStep(method="finetune", parameters={"epochs": 2, "optimiser": "sgd"}),
    )
    assert Plan.from_text(plan.to_yaml()) == plan
    assert plan.digest() != Plan().digest()
    for wrong, sentence in (
        ("recovery: [{method: finetune, epochs: 2}]", "recovery.0.epochs is unknown here"),
        ("recovery: [{method: finetune, parameters: {epochs: [2]}}]", "of a recovery step"),
        ("recovery: finetune", "recovery must be a list"),
    ):
        with pytest.raises(ValueError, match=sentence):
            Plan.from_text(wrong)


SINCE_2 = {"schedule", "schedule_parameters", "recovery"}
SINCE_3 = {"granularity_parameters", "scope_parameters"}


@pytest.mark.parametrize(("version", "since"), [(1, SINCE_2 | SINCE_3), (2, SINCE_3)])
def test_a_plan_of_an_older_version_is_read(version, since):
    old = {**Plan(sparsity=0.5).model_dump(mode="json", exclude=since), "schema_version": version}
    assert Plan.from_fields(old) == Plan(sparsity=0.5)


def test_what_a_granularity_and_a_scope_take_is_part_of_the_digest():
    plain = Plan(granularity="n_m")
    digests = {
        plain.changed(**{field: {"n": value}}).digest()
        for field in ("granularity_parameters", "scope_parameters")
        for value in (1, 2)
    }
    assert len(digests | {plain.digest()}) == 5


def parts_of(field: str) -> list[Part]:
    return [part for part in Part if field in Plan.fields_of(part)]


@pytest.mark.parametrize("field", Plan.model_fields)
def test_every_field_belongs_to_one_part(field):
    assert len(parts_of(field)) == 1


@pytest.mark.parametrize("part", list(Part))
def test_a_plan_without_a_part_says_nothing_of_it_and_the_same_of_all_others(part):
    plan = Plan(
        model="sample:tumour-mlp", criterion="taylor", scope="uniform", sparsity=0.4,
        layers={"0": 0.2}, locks={"2": "all"}, recovery=[{"method": "finetune"}], seed=3,
    )  # fmt: skip
    others, rest = ~part, plan.without(part)
    assert rest.values_of(part) == Plan().values_of(part)
    assert rest.key(others) == plan.key(others)
    assert rest.values_of(part) | rest.values_of(others) == rest.model_dump(mode="json")
    assert (rest == plan) is (part is Part.VERSION)


def test_the_key_of_parts_changes_with_their_fields_alone():
    plan, other = Plan(), Plan(sparsity=0.1)
    assert plan.key(Part.OVERALL) != other.key(Part.OVERALL)
    assert plan.key(~Part.OVERALL) == other.key(~Part.OVERALL)
