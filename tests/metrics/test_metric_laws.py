"""What holds of every metric there is, and its number beside torchmetrics' or scikit-learn's."""

from __future__ import annotations

import math

import pytest
import torch
from sklearn.metrics import balanced_accuracy_score
from torch.nn.functional import one_hot
from torchmetrics.functional import (
    mean_absolute_error,
    mean_squared_error,
    r2_score,
)
from torchmetrics.functional.classification import (
    binary_f1_score,
    binary_precision,
    binary_recall,
    multiclass_accuracy,
    multiclass_auroc,
    multiclass_average_precision,
    multiclass_calibration_error,
    multiclass_jaccard_index,
)
from torchmetrics.functional.segmentation import dice_score
from torchmetrics.functional.text import perplexity

from pruneviz.metrics import COLUMNS, METRICS, UNITS
from pruneviz.metrics.areas import auroc
from pruneviz.registry import Listing
from pruneviz.sensitivity.points import measured
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import cutting
from tests.metrics.judged import CLASSES, judged_as_coco, tally

NAMES = METRICS.names()
# Of these a difference that no input showed may still be; of all others alike is alike.
COUNTED = {
    "accuracy",
    "balanced_accuracy",
    "recall",
    "precision",
    "f1",
    "choice_accuracy",
    "choice_accuracy_by_length",
}
A, B = tally(1), tally(2)


def probabilities(t):
    return t["logits"].double().softmax(1)


def binary(function):
    return lambda t: function(probabilities(t)[:, 1], (t["target"] == 1).long())


def of_all(function):
    return lambda t: function(probabilities(t), t["target"], CLASSES)


def of_each_question(t, scores):
    """Return how many whole questions lm-evaluation-harness' formula answers right."""
    rows = {}
    for row, question in enumerate(t["question"].tolist()):
        rows.setdefault(question, []).append(row)
    right = [
        t["truth"][sorted(found, key=lambda row: t["choice"][row])][
            int(scores[sorted(found, key=lambda row: t["choice"][row])].argmax())
        ]
        for found in rows.values() if len(found) == t["choices"][found[0]]
    ]  # fmt: skip
    return sum(map(bool, right)) / len(right)


ORACLES = {
    "accuracy": lambda t: multiclass_accuracy(t["logits"], t["target"], CLASSES, average="micro"),
    "balanced_accuracy": lambda t: multiclass_accuracy(t["logits"], t["target"], CLASSES),
    "worst_class": lambda t: multiclass_accuracy(
        t["logits"], t["target"], CLASSES, average="none"
    ).min(),
    "loss": lambda t: -probabilities(t).log()[range(len(t["target"])), t["target"]].mean(),
    "kl": lambda t: sum(t["kl"].double().tolist()) / len(t["kl"]),
    "recall": binary(binary_recall),
    "precision": binary(binary_precision),
    "f1": binary(binary_f1_score),
    "auroc": of_all(multiclass_auroc),
    "average_precision": of_all(multiclass_average_precision),
    "brier": lambda t: (
        CLASSES * mean_squared_error(probabilities(t), one_hot(t["target"], CLASSES).double())
    ),
    "ece": of_all(multiclass_calibration_error),
    "mae": lambda t: mean_absolute_error(t["target"] + t["error"].double(), t["target"].double()),
    "mse": lambda t: mean_squared_error(t["target"] + t["error"].double(), t["target"].double()),
    "r2": lambda t: r2_score(t["target"] + t["error"].double(), t["target"].double()),
    "mean_iou": lambda t: (t["intersections"].sum(0) / t["unions"].sum(0)).mean(),
    "dice": lambda t: (
        2 * t["intersections"].sum(0) / (t["intersections"] + t["unions"]).sum(0)
    ).mean(),
    "pixel_accuracy": lambda t: t["correct"].sum() / t["pixels"].sum(),
    "token_accuracy": lambda t: t["correct"].sum() / t["tokens"].sum(),
    "top5_token_accuracy": lambda t: t["among_five"].sum() / t["tokens"].sum(),
    "choice_accuracy": lambda t: of_each_question(t, t["likelihood"]),
    "choice_accuracy_by_length": lambda t: of_each_question(t, t["likelihood"] / t["characters"]),
    "token_kl": lambda t: t["kl"].double().sum() / t["tokens"].sum(),
    "token_agreement": lambda t: t["agreed"].sum() / t["tokens"].sum(),
    "perplexity": lambda t: math.exp(t["nll"].sum() / t["tokens"].sum()),
    "bits_per_byte": lambda t: t["nll"].sum() / math.log(2) / t["bytes"].sum(),
    "map_50": lambda t: judged_as_coco(t["boxes"], t["true_boxes"])["map_50"],
    "map": lambda t: judged_as_coco(t["boxes"], t["true_boxes"])["map"],
    "box_recall": lambda t: judged_as_coco(t["boxes"], t["true_boxes"])["mar_100_per_class"][0],
}


@pytest.mark.parametrize("name", NAMES)
def test_a_metric_is_what_others_compute(name):
    for each in (A, B):
        assert METRICS.get(name).combine(each) == pytest.approx(
            float(ORACLES[name](each)), abs=1e-6
        )


def test_masks_are_judged_as_torchmetrics_judges_them():
    generator = torch.Generator().manual_seed(0)
    true = torch.randint(3, (12, 8, 8), generator=generator)
    answer = torch.where(torch.rand(true.shape, generator=generator) < 0.7, true, 0)
    masks = [one_hot(each, 4).bool() for each in (true, answer)]  # no pixel is of the fourth class
    both, either = (found.sum((1, 2)) for found in (masks[0] & masks[1], masks[0] | masks[1]))
    found = {"intersections": both, "unions": either}
    expected = multiclass_jaccard_index(answer, true, num_classes=4)
    assert METRICS.get("mean_iou").combine(found) == pytest.approx(float(expected), abs=1e-6)
    expected = dice_score(
        answer, true, 4, average="macro", input_format="index", aggregation_level="global"
    )
    assert METRICS.get("dice").combine(found) == pytest.approx(float(expected), abs=1e-6)


def test_perplexity_is_torchmetrics_of_all_tokens():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(12, 7, 30, generator=generator, dtype=torch.double)
    tokens = torch.randint(30, (12, 7), generator=generator)
    nll = torch.nn.functional.cross_entropy(logits.transpose(1, 2), tokens, reduction="none")
    found = {"nll": nll.sum(1), "tokens": torch.full((12,), 7)}
    expected = float(perplexity(logits, tokens))
    assert METRICS.get("perplexity").combine(found) == pytest.approx(expected, rel=1e-6)


def test_several_outputs_count_alike():
    generator = torch.Generator().manual_seed(0)
    target, answer = torch.randn(2, 40, 3, generator=generator, dtype=torch.double)
    found = {"error": answer - target, "target": target}
    for name, oracle in {"r2": r2_score, "mae": mean_absolute_error}.items():
        assert METRICS.get(name).combine(found) == pytest.approx(float(oracle(answer, target)))
    target[0] = math.nan
    change, interval = METRICS.get("r2").paired(found, {**found, "error": 2 * found["error"]})
    assert all(map(math.isnan, (change, *interval))), "a gap in the targets is none between them"
    constant = {"error": answer[:, 0], "target": torch.full((40,), 0.1)}
    assert math.isnan(METRICS.get("r2").combine(constant)), "there is nothing to explain"


def test_a_class_without_inputs_is_left_out_of_balanced_accuracy():
    target = A["target"].clamp(max=2) * 2  # of classes 0, 2 and 4
    found = {"target": target, "right": A["right"]}
    answers = torch.where(A["right"], target, (target + 2) % 6)
    expected = balanced_accuracy_score(target, answers)
    assert METRICS.get("balanced_accuracy").combine(found) == pytest.approx(expected)


@pytest.mark.parametrize(("class_index", "threshold"), [(0, 0.5), (2, 0.3), (3, 0.9)])
def test_a_class_and_a_threshold_can_be_chosen(class_index, threshold):
    truth = (A["target"] == class_index).long()
    given = probabilities(A)[:, class_index], truth, threshold
    oracles = {"recall": binary_recall, "precision": binary_precision, "f1": binary_f1_score}
    for name, oracle in oracles.items():
        metric = METRICS.get(name).of(class_index=class_index, threshold=threshold)
        assert metric.combine(A) == pytest.approx(float(oracle(*given)), abs=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_a_metric_says_what_it_is(name):
    metric = METRICS.get(name)
    assert set(metric.needs) <= COLUMNS.keys()
    assert metric.unit in UNITS
    assert metric.better in ("higher", "lower")
    assert metric.sentence.endswith(".")
    assert all((metric.title, metric.family, metric.formula, metric.source))
    assert metric.least < metric.most


@pytest.mark.parametrize("name", NAMES)
def test_the_order_of_the_inputs_changes_nothing(name):
    metric, order = (
        METRICS.get(name),
        torch.randperm(83, generator=torch.Generator().manual_seed(3)),
    )
    shuffled, other = ({column: rows[order] for column, rows in t.items()} for t in (A, B))
    assert metric.combine(shuffled) == pytest.approx(metric.combine(A), rel=1e-12)
    assert metric.paired(shuffled, other)[0] == pytest.approx(metric.paired(A, B)[0], rel=1e-9)
    if name in COUNTED:  # all else draws inputs by their place
        assert metric.interval(shuffled) == metric.interval(A)
        assert metric.paired(shuffled, other)[1] == pytest.approx(metric.paired(A, B)[1])


@pytest.mark.parametrize("samples", [1, 2, 9, 10, 83])
@pytest.mark.parametrize("name", NAMES)
def test_an_interval_holds_its_number_and_stays_where_numbers_can_be(name, samples):
    metric = METRICS.get(name)
    for seed in (1, 2):
        found = tally(seed, samples)
        value, (low, high) = metric.combine(found), metric.interval(found)
        assert metric.least <= low <= high <= metric.most
        assert math.isnan(value) or low <= value <= high
    change, (low, high) = metric.paired(tally(1, samples), tally(2, samples))
    assert math.isnan(change) or low <= change <= high


@pytest.mark.parametrize("name", NAMES)
def test_a_paired_change_is_the_difference_and_turns_with_the_sign(name):
    metric = METRICS.get(name)
    change, (low, high) = metric.paired(A, B)
    assert change == pytest.approx(metric.combine(B) - metric.combine(A))
    back, (low_back, high_back) = metric.paired(B, A)
    assert (back, low_back, high_back) == pytest.approx((-change, -high, -low), abs=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_equal_networks_do_not_differ(name):
    change, (low, high) = METRICS.get(name).paired(A, {**A})
    assert change == 0
    if name in COUNTED:
        assert low < 0 < high
        assert low == pytest.approx(-high)
    else:
        assert (low, high) == (0, 0)


@pytest.mark.parametrize("seed", [35, 51, 59, 62, 98])
def test_an_interval_of_a_change_holds_it_where_one_network_is_sure_and_wrong(seed):
    generator = torch.Generator().manual_seed(seed)
    torch.randint(CLASSES, (30,), generator=generator)
    calibrated = torch.randn(30, CLASSES, generator=generator)
    target = torch.multinomial(calibrated.softmax(1), 1, generator=generator)[:, 0]
    sure = 9.0 * torch.nn.functional.one_hot((target + 1) % CLASSES, CLASSES)
    before, after = ({"target": target, "logits": each} for each in (sure, calibrated))
    change, (low, high) = METRICS.get("ece").paired(before, after)
    assert low <= change <= high


def test_nothing_is_certain_of_two_networks_whose_numbers_are_infinite():
    for name, column in (("perplexity", "nll"), ("loss", "nll")):
        same = {**A, column: A[column].clone()}
        same[column][0] = math.inf
        change, (low, high) = METRICS.get(name).paired(same, {**same})
        assert math.isnan(change)
        assert low < 0 < high


@pytest.mark.parametrize("name", NAMES)
def test_without_inputs_nothing_is_known(name):
    metric, nothing = METRICS.get(name), {column: rows[:0] for column, rows in A.items()}
    assert math.isnan(metric.combine(nothing))
    assert metric.interval(nothing) == (metric.least, metric.most)
    change, (low, high) = metric.paired(nothing, nothing)
    assert math.isnan(change)
    assert (low, high) == (metric.least - metric.most, metric.most - metric.least)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_not_a_number_gives_none_and_is_counted(name):
    metric = METRICS.get(name)
    assert metric.unknown(A) == 0
    for column in metric.needs:
        if not A[column].is_floating_point():
            continue
        spoilt = {**A, column: A[column].clone()}
        spoilt[column].reshape(83, -1)[[3, 7], 0] = math.nan
        assert metric.unknown(spoilt) == 2
        assert math.isnan(metric.combine(spoilt))
        assert all(map(math.isnan, metric.interval(spoilt)))
        for pair in ((A, spoilt), (spoilt, A)):
            change, interval = metric.paired(*pair)
            assert all(map(math.isnan, (change, *interval)))


@pytest.mark.parametrize("name", NAMES)
def test_what_does_not_fit_is_refused(name):
    metric = METRICS.get(name)
    first, *others = metric.needs
    lacking = {column: rows for column, rows in A.items() if column != first}
    with pytest.raises(RefusedError) as caught:
        metric.combine(lacking)
    assert caught.value.fact == cutting.no_columns(metric.title, (first,), tuple(lacking))
    if others:
        with pytest.raises(RefusedError) as caught:
            metric.interval({**A, first: A[first][:9]})
        assert caught.value.fact in cutting.uneven_columns
    with pytest.raises(RefusedError) as caught:
        metric.paired(A, tally(1, 82))
    assert caught.value.fact == cutting.other_inputs(83, 82)
    if "target" in metric.needs:
        with pytest.raises(RefusedError) as caught:
            metric.paired(A, {**B, "target": B["target"].flip(0)})
        assert caught.value.fact == cutting.other_targets()


def test_a_class_that_no_output_is_and_a_parameter_that_there_is_not_are_refused():
    with pytest.raises(RefusedError) as caught:
        METRICS.get("recall").of(class_index=4).combine(A)
    assert caught.value.fact == cutting.no_such_class(4, 4)
    for wrong in ({"threshold": 1.5}, {"level": 1}):
        with pytest.raises(RefusedError):
            METRICS.get("f1").of(**wrong)
    with pytest.raises(RefusedError, match="unknown metric 'mop'"):
        METRICS.get("mop")


@pytest.mark.parametrize("name", NAMES)
def test_better_answers_are_better(name):
    metric = METRICS.get(name)
    change, _ = metric.paired(tally(1, better=0.5), tally(1, better=4.0))
    if name in ("kl", "token_kl"):  # nearer to an original that knows nothing is not to know
        change = -change
    assert metric.gain(change) > 0


def test_of_one_class_and_one_stratum_intervals_are_those_of_one_proportion():
    one = {"right": A["right"], "target": torch.zeros(83, dtype=torch.long)}
    other = {"right": B["right"], "target": one["target"]}
    accuracy, balanced = METRICS.get("accuracy"), METRICS.get("balanced_accuracy")
    assert balanced.interval(one) == pytest.approx(accuracy.interval(one))
    change, interval = accuracy.paired(one, other)
    assert balanced.paired(one, other) == (pytest.approx(change), pytest.approx(interval))
    sure = {"target": A["target"], "right": A["right"] | True}
    low, high = balanced.interval(sure)
    assert (low < 0.99, high) == (True, 1), "that all of a few are right is not certain"


def test_a_scan_s_point_is_what_the_metrics_say():
    point = measured("a", 0.5, B["logits"], A["logits"], A["target"])
    for name, columns in {"accuracy": ("accuracy", "low", "high"),
                          "worst_class": ("worst_class_accuracy", "worst_class_low",
                                          "worst_class_high"),
                          "auroc": ("auroc", "auroc_low", "auroc_high")}.items():  # fmt: skip
        metric = METRICS.get(name)
        expected = metric.combine(B), *metric.interval(B)
        assert tuple(getattr(point, column) for column in columns) == expected
    assert (point.change, (point.change_low, point.change_high)) == METRICS.get("accuracy").paired(
        A, B
    )
    assert auroc(B["logits"], B["target"])[0] == point.auroc
    loss = METRICS.get("loss")
    assert point.loss == loss.combine(B)
    assert (point.loss_low, point.loss_high) == pytest.approx(loss.interval(B))


def test_values_and_changes_are_written_with_their_unit():
    accuracy, loss, auroc_ = (METRICS.get(name) for name in ("accuracy", "loss", "auroc"))
    assert (accuracy.written(0.9821), accuracy.written_change(-0.021)) == ("98.2 %", "-2.1 points")
    assert (loss.written(0.3124), loss.written_change(0.04)) == ("0.312 nats", "+0.040 nats")
    assert (auroc_.written(0.97), loss.gain(0.5), accuracy.gain(0.5)) == ("0.970", -0.5, 0.5)


def test_two_entries_of_one_name_are_refused():
    listing = Listing("metric")
    listing.add(METRICS.get("accuracy"))
    with pytest.raises(ValueError, match="metric 'accuracy' is registered already"):
        listing.add(METRICS.get("accuracy"))
