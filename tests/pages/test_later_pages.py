"""The pages that look, judge and ship, each run alone as a user would open it by its link."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest
import torch
from streamlit.testing.v1 import AppTest

from pruneviz.explain import Attribution
from pruneviz.export import rebuild
from pruneviz.plan import Plan
from pruneviz.ui.engine import cache, explaining, results
from pruneviz.ui.frame import speeds
from pruneviz.ui.session import link

PAGES = Path(__file__).parents[2] / "pages"
PLANS = {
    "nothing removed": Plan(),
    "channels": Plan(sparsity=0.5),
    "weights": Plan(sparsity=0.9, granularity="weight", scope="global"),
    "table": Plan(model="sample:tumour-mlp", sparsity=0.7),
    "residual": Plan(model="sample:digits-resnet", sparsity=0.3),
}


def _open(page: str, plan: Plan, **query: str) -> AppTest:
    at = AppTest.from_file(str(PAGES / f"{page}.py"), default_timeout=300)
    at.query_params["plan"] = link.encode(plan)
    for name, value in query.items():
        at.query_params[name] = value
    return at.run()


def _titles(at: AppTest) -> list[str]:
    charts = at.get("plotly_chart")
    return [json.loads(c.proto.spec)["layout"]["title"]["text"] for c in charts]


def _select(at: AppTest, key: str) -> AppTest:
    return next(box for box in at.selectbox if box.key == key)


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("page", ["weights", "attributions", "compare", "export"])
def test_every_page_opens_on_every_plan_with_something_to_see(page, plan):
    at = _open(page, PLANS[plan])
    assert not at.exception
    assert not at.error
    assert at.get("plotly_chart") or at.code


@pytest.mark.parametrize("page", ["weights", "attributions"])
def test_the_layer_of_the_link_is_shown_and_a_choice_goes_into_the_link(page):
    at = _open(page, PLANS["channels"], layer="conv3")
    assert any(title.startswith("conv3: ") for title in _titles(at))
    _select(at, f"{page}-layer").set_value("conv2").run()
    assert any(title.startswith("conv2: ") for title in _titles(at))
    assert at.query_params["layer"] == "conv2"


def test_a_layer_that_this_model_lacks_is_passed_over():
    at = _open("weights", PLANS["table"], layer="conv3")
    assert not at.exception
    assert _titles(at)[0].split(": ")[0].startswith("fc")


def test_the_input_of_the_link_is_explained_and_the_next_disagreement_is_another():
    at = _open("attributions", PLANS["channels"], input="7")
    field = next(n for n in at.number_input if n.key == "attributions-input")
    assert field.value == 7
    next(b for b in at.button if b.label == "Next disagreement").click().run()
    field = next(n for n in at.number_input if n.key == "attributions-input")
    assert field.value != 7
    assert at.query_params["input"] == str(field.value)


def test_inputs_are_named_and_found_by_name():
    at = _open("attributions", PLANS["channels"], input="7")
    assert any("The truth of test row 7 is" in m.value for m in at.markdown)
    box = _select(at, "attributions-name")
    assert box.options[12] == "test row 12"
    box.set_value(12).run()
    assert at.query_params["input"] == "12"
    assert any("The truth of test row 12 is" in m.value for m in at.markdown)
    judged = _open("compare", PLANS["channels"])
    assert any(":gray[test row " in m.value for m in judged.markdown)
    table = _open("compare", PLANS["table"]).dataframe
    assert any("name" in t.value and t.value["name"][0].startswith("test row") for t in table)


@pytest.mark.parametrize("wrong", ["-1", "599", "x", "9" * 30])
def test_an_input_that_does_not_exist_is_passed_over(wrong):
    at = _open("attributions", PLANS["channels"], input=wrong)
    assert not at.exception
    assert not at.error


def test_a_method_that_does_not_fit_is_a_sentence_and_the_rest_stays():
    at = _open("attributions", PLANS["table"])
    _select(at, "attributions-method").set_value("grad_cam").run()
    assert "needs a convolution" in at.warning[0].value
    assert any("matters most" in title for title in _titles(at))


def test_without_data_the_pages_say_what_to_do():
    plan = Plan(model="torchvision:squeezenet1_1", input_shape=(3, 64, 64), sparsity=0.3)
    judged, explained = _open("compare", plan), _open("attributions", plan)
    for at in (judged, explained):
        assert not at.exception
        assert any("Choose data on Home" in info.value for info in at.info)
    assert any("left of the" in title for title in _titles(judged))


def test_what_export_gives_rebuilds_the_pruned_network(tmp_path):
    for plan in (PLANS["channels"], PLANS["weights"]):
        files = results.files(plan, speeds.pair_at_length)
        with zipfile.ZipFile(io.BytesIO(files.archive)) as archive:
            assert set(archive.namelist()) == set(files.parts)
            archive.extractall(tmp_path)
        rebuilt = rebuild(tmp_path / "recipe.json", tmp_path / "weights.safetensors")
        answers = results.answers(plan)
        with torch.no_grad():
            logits = rebuilt(answers.data.x)
        assert torch.allclose(logits, answers.pruned, rtol=1e-5, atol=1e-5)
        assert rebuilt.about["classes"] == list(answers.data.classes)
        report = json.loads(files.parts["report.json"])
        strip = cache.live(plan).report.latency_ms
        assert report["latency_ms"] == strip.model_dump(mode="json"), "one measurement for both"
        assert report["bytes"]["pruned"] == len(files.parts["weights.safetensors"])
        assert Plan.from_text(files.parts["plan.yaml"].decode()).digest() == report["digest"]


def test_without_a_chosen_layer_a_page_opens_on_one_that_loses_something():
    plan = Plan(layers={"conv2": 0.5})
    for page, title in (("weights", "conv2: "), ("attributions", "conv2: 32 of 64")):
        assert any(text.startswith(title) for text in _titles(_open(page, plan)))


def test_an_explanation_that_fails_its_check_offers_more_steps_and_takes_them(monkeypatch):
    asked: list[dict] = []

    def fails(model, x, of, method, settings, average, axis, progress):
        asked.append(dict(settings))
        steps = int(settings.get("steps", 50))
        valid = steps >= 400
        more = 0 if valid else 400
        return Attribution(
            method, of.name, torch.ones_like(x), 0.5, valid, "a note", steps, more, 2
        )

    monkeypatch.setattr(explaining, "attribute", fails)
    explaining.explanation.clear()
    at = _open("attributions", Plan(sparsity=0.41), input="3")
    assert asked == [{}, {}]
    assert any("fails its own check" in title.replace("<br>", " ") for title in _titles(at))
    offer = at.button(key="attributions-more-steps")
    assert offer.label == "Take 400 steps (about 32 s)", "two networks, 2 s for 50 steps of each"
    offer.click().run()
    assert asked[2:] == [{"steps": 400}] * 2
    assert not any(button.key == "attributions-more-steps" for button in at.button)
    explaining.explanation.clear()


def test_the_headline_of_a_wrong_answer_begins_with_it():
    at = _open("attributions", Plan(sparsity=0.5))
    title = _titles(at)[0].replace("<br>", " ")
    assert title.startswith("Right before, now wrong: ")
    assert any("right before, now wrong" in each.value for each in at.markdown)
    assert any("explains no skill" in each.value for each in at.warning)
