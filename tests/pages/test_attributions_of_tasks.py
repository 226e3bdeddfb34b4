"""Attributions for every task: what is chosen, and that what is drawn is of what was chosen."""

from __future__ import annotations

import json
from base64 import b64decode

import numpy as np
import torch

from pruneviz.explain import attribute
from pruneviz.plan import Plan
from pruneviz.ui import settings
from pruneviz.ui.attributions import maps
from pruneviz.ui.engine import results
from pruneviz.ui.words import text
from tests import explained_networks, several_labels
from tests.pages.test_later_pages import _open, _titles
from tests.pages.test_other_tasks import words

SMALL = {
    "masks": f"python:{explained_networks.__file__}:masks",
    "tags": f"python:{explained_networks.__file__}:tags",
    "labels": f"python:{several_labels.__file__}:build",
}


def opened(at):
    assert not at.exception
    assert not at.error
    return at


def plan_of(name: str, monkeypatch) -> Plan:
    """Return the plan of a small network, which the pages may then open."""
    for variable, value in settings.variables([SMALL[name]], []).items():
        monkeypatch.setenv(variable, value)
    return Plan(model=SMALL[name], sparsity=0.5, criterion="magnitude_l1")


def labelled(at, label: str):
    return next(box for box in at.selectbox if box.label == label)


def drawn(at, kind: str) -> list[np.ndarray]:
    """Return the values of the heatmaps of the attributions, original and pruned."""
    specs = [json.loads(chart.proto.spec)["data"] for chart in at.get("plotly_chart")]
    maps = [trace for data in specs for trace in data if trace["type"] == kind]
    return [decoded(trace["z"]) for trace in maps[:2]]


def decoded(packed) -> np.ndarray:
    """Return numbers as Plotly packs them."""
    shape = [int(size) for size in packed["shape"].split(",")]
    return np.frombuffer(b64decode(packed["bdata"]), packed["dtype"]).reshape(shape).astype(float)


def named(plan: Plan, index: int, name: str, within=()):
    judged, network = results.judged(plan), results.network(plan, "original")
    with torch.no_grad():
        output = network(results.one_input(plan, index))
    every = judged.task.explained(output, judged.data.y[index : index + 1], within)
    return {each.name: each for each in every}[name]


def test_a_class_over_pixels_or_in_a_rectangle_is_drawn_over_the_image(monkeypatch):
    plan = plan_of("masks", monkeypatch)
    at = opened(_open("attributions", plan, input="2"))
    assert not at.warning
    assert "pixels of" in words(at)
    labelled(at, "Explain a class").set_value(True).run()
    rows, columns = (each for each in at.slider if each.label.endswith("(first and last)"))
    rows.set_value((1, 2))
    columns.set_value((4, 4)).run()
    labelled(at, "Class to explain").select("light").run()
    opened(at)
    of = named(plan, 2, "class 1", ((1, 3), (4, 5)))
    for which, shown in zip(("original", "pruned"), drawn(at, "heatmap"), strict=True):
        wanted = attribute(
            results.network(plan, which), results.one_input(plan, 2), of, "integrated_gradients",
            average=results.judged(plan).data.average,
        )  # fmt: skip
        np.testing.assert_allclose(shown, wanted.places.numpy(), rtol=1e-4, atol=1e-6)
    (spec, *_) = [json.loads(chart.proto.spec) for chart in at.get("plotly_chart")]
    (box, _) = [trace for trace in spec["data"] if trace.get("line", {}).get("width") == 2.5]
    assert (min(box["x"]), max(box["x"]), min(box["y"]), max(box["y"])) == (3.5, 4.5, 0.5, 2.5)
    assert "mean logit units" in json.dumps(spec["layout"])


def test_a_label_of_one_token_is_drawn_token_by_token(monkeypatch):
    plan = plan_of("tags", monkeypatch)
    at = opened(_open("attributions", plan, input="1"))
    labelled(at, "Explain a class").set_value(True).run()
    labelled(at, "Token").set_value(4).run()
    labelled(at, "Class to explain").select("b").run()
    opened(at)
    of = named(plan, 1, "class 1", ((4, 5),))
    wanted = attribute(
        results.network(plan, "original"), results.one_input(plan, 1), of, "integrated_gradients",
        average=results.judged(plan).data.average,
    )  # fmt: skip
    assert wanted.values[0].nonzero()[:, 0].tolist() == [3, 4]
    np.testing.assert_allclose(drawn(at, "heatmap")[0][0][:5], wanted.values[0, :5], rtol=1e-4)
    assert "1 token not shown" in words(at)
    assert "Tokens are whole numbers and have no gradient" in words(at)


def test_signs_of_a_text_are_shown_as_they_stand(monkeypatch):
    sign = "*[a](b)$"
    monkeypatch.setattr(maps, "pieces", lambda judged, tokens: [sign] * len(tokens))
    at = opened(_open("attributions", plan_of("tags", monkeypatch)))
    (said,) = [each.value for each in at.caption if "attribution is strongest" in each.value]
    assert sign not in said
    assert text.escape(f"“{sign}”") in said


def test_a_label_is_chosen_by_its_name_and_its_probability_is_said(monkeypatch):
    plan = plan_of("labels", monkeypatch)
    at = opened(_open("attributions", plan, input="0"))
    labelled(at, "Label to explain").select("greater than 4").run()
    opened(at)
    judged = results.judged(plan)
    for answers in (judged.original, judged.pruned):
        shown = f"{100 * float(answers[0, 1].double().sigmoid()):.1f}\u00a0%"
        assert f"**{shown}**" in words(at)
    there = "there" if judged.data.y[0, 1] > 0.5 else "not there"
    assert f"**greater than 4** is {there}." in words(at)
    assert not any("the class" in title for title in _titles(at))
