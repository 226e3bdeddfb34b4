"""Compare lets both networks go on with a text, shows it as text, and says where they part."""

from __future__ import annotations

import re
from html import unescape
from types import SimpleNamespace

import numpy as np
import pytest

from pruneviz.language.generate import Way, Writer, prompt_tokens
from pruneviz.language.speed import WritingTimes
from pruneviz.measure.latency import Timings
from pruneviz.plan import Plan
from pruneviz.ui.compare import rate, writing
from pruneviz.ui.engine import results
from pruneviz.ui.engine import writing as engine
from pruneviz.ui.session import link
from tests.pages.test_later_pages import _open

PLAN = Plan(model="sample:stdlib-lm", sparsity=0.3, granularity="head")
PROMPT = "def read(path):\n    *a* <b>"


def asked(at, **values):
    at.text_area(key="compare-prompt").set_value(values.pop("prompt", PROMPT))
    at.number_input(key="compare-new-tokens").set_value(values.pop("most", 6))
    return at.button(key="compare-write").click().run()


def texts(at) -> list[str]:
    """Return what both wrote, each with the prompt, without the marks and signs."""
    found = [e.proto.body for e in at.get("html") if 'class="written"' in e.proto.body]
    bodies = [each.split("<div", 1)[1].split(">", 1)[1].removesuffix("</div>") for each in found]
    return [unescape(re.sub(r"</?(span|mark)[^>]*>", "", each)) for each in bodies]


def test_both_write_what_the_engine_writes_and_it_is_no_markup():
    at = asked(_open("compare", PLAN))
    assert not at.exception
    assert not at.error
    tokenizer = results.cache.subject(PLAN).tokenizer
    tokens = prompt_tokens(tokenizer, PROMPT)
    for which, shown in zip(("original", "pruned"), texts(at), strict=True):
        writer = Writer(results.network(PLAN, which), tokens, Way(most=6))
        while writer.step() is not None:
            pass
        assert shown.replace("⏎", "") == tokenizer.decode([*tokens, *writer.written])
    body = next(e.proto.body for e in at.get("html") if 'class="written"' in e.proto.body)
    assert "&lt;b&gt;" in body
    assert "<b>" not in body
    assert any("each token took a whole pass" in each.value for each in at.caption)
    at.query_params["plan"] = link.encode(PLAN.changed(sparsity=0.5))
    assert not texts(at.run()), "it was asked of another plan"


def test_what_is_unpruned_writes_the_same_with_the_same_seed():
    at = _open("compare", PLAN.changed(sparsity=0.0))
    at = at.segmented_control(key="compare-drawn").set_value(writing.DRAWN).run()
    at = asked(at, most=12)
    first, second = texts(at)
    assert first == second
    assert any("Both write the same 12 tokens" in each.value for each in at.caption)


def test_nothing_to_go_on_with_is_said_in_place():
    at = asked(_open("compare", PLAN), prompt="")
    assert not at.exception
    assert [e.value for e in at.error if "prompt has no token" in e.value.replace("\\", "")]
    assert not texts(at)


def timed(cached: tuple[bool, bool]) -> WritingTimes:
    turns = np.arange(24) % 3
    first, each = (
        Timings(scale * (12.0 + turns), scale * (6.0 + turns / 2), 1, 1) for scale in (2.0, 1.0)
    )
    return WritingTimes(first, each, cached, (4_400_000, 2_200_000), prompt=7, tokens=16)


def test_the_speed_of_writing_is_said_with_its_interval_and_how_it_was_measured():
    said = rate.in_words(timed((True, True)), dense=False).replace("\u00a0", " ")
    assert "2.00 × as fast (2.00 to 2.00)" in said
    assert "**153.8 tokens** a second" in said, "1000 / 6.5 ms"
    assert "**76.9 tokens** a second" in said
    assert "It is there after 13.0 ms, in the original after 26.0 ms." in said
    assert "at most 2.2 MB in the pruned network and 4.4 MB in the original" in said
    for cached, word in (
        ((True, True), "(a cache)"), ((False, False), "a whole pass"),
        ((True, False), "in the original alone"),
    ):  # fmt: skip
        assert word in rate.conditions(timed(cached))


def test_both_are_timed_on_request(monkeypatch):
    monkeypatch.setattr(engine, "TURNS_TIMED", 2)
    at = _open("compare", PLAN)
    at.text_area(key="compare-prompt").set_value(PROMPT)
    assert at.button(key="compare-write-time").label == "Measure the speed of writing"
    at = at.button(key="compare-write-time").click().run()
    assert not at.exception
    assert at.button(key="compare-write-time").label == "Measure again", "as the sentence says"
    assert any("not measured well enough" in each.value for each in at.markdown)
    assert any(each.value.startswith("2 turns") for each in at.caption)
    made = []
    timer = engine.WritingTimer
    monkeypatch.setattr(engine, "WritingTimer", lambda *given: made.append(1) or timer(*given))
    at = at.run()
    assert not made, "what is measured stays"
    at.button(key="compare-write-time").click().run()
    assert len(made) == 1, "and is measured again where that is asked for"


@pytest.mark.parametrize("model", ["sample:digits-cnn", "sample:diabetes-mlp"])
def test_other_networks_write_nothing(model):
    assert not engine.can_write(Plan(model=model))


def test_one_token_is_said_as_one():
    writer = SimpleNamespace(written=[3], ended="most", has_cache=False)
    both = SimpleNamespace(original=writer, pruned=writer)
    assert writing.in_words(both, None)[0] == "Both write the same token."


def test_marks_show_what_shows_nothing_and_no_token_is_markup():
    found = writing.markup("<i>", ["a\n", "<script>"], [True, False], "red", "x")
    assert "&lt;i&gt;" in found
    assert "<mark>a⏎\n</mark>" in found
    assert "<script>" not in found
