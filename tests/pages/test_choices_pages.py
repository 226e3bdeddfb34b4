"""The pages for a language model that is asked questions with choices."""

from __future__ import annotations

import json

import pytest

from pruneviz.analyses.presets import preset_plan
from pruneviz.plan import Plan
from pruneviz.ui import settings
from pruneviz.ui.engine import results
from pruneviz.ui.session import link
from tests.pages.test_later_pages import _open
from tests.pages.test_other_tasks import words

QUESTIONS = [
    {"question": f"def read_{number}(self):", "choices": ["return value", "open"], "answer": 0}
    for number in range(16)
]


@pytest.fixture
def plan(tmp_path, monkeypatch) -> Plan:
    file = tmp_path / "questions.jsonl"
    file.write_text("\n".join(map(json.dumps, QUESTIONS)))
    data = f"choices:{file}"
    for variable, value in settings.variables([], [data]).items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setenv("PRUNEVIZ_HOME", str(tmp_path / "home"))
    return Plan(model="sample:stdlib-lm", data=data, granularity="head", sparsity=0.4)


def test_compare_says_both_accuracies_of_questions_and_which_choices_changed(plan):
    at = _open("compare", plan)
    assert not at.exception
    assert not at.error
    said = words(at)
    assert "On 12 of your questions, the choice accuracy" in said
    assert "Choice accuracy by length" in said
    (table,) = [each.value for each in at.dataframe if "text" in each.value.columns]
    row = table.iloc[0]
    number, choice = (int(each) for each in results.judged(plan).data.y[int(row["index"]), :2])
    asked = QUESTIONS[number]
    assert row["text"].startswith(asked["question"])
    right = " (right)" if choice == asked["answer"] else ""
    assert (
        row["name"] == f"line {number + 1}, choice {choice + 1}{right}: {asked['choices'][choice]}"
    )
    assert at.button(key="compare-write")


@pytest.mark.parametrize("page", ["tune", "attributions"])
def test_a_page_opens(page, plan):
    at = _open(page, plan)
    assert not at.exception
    assert not at.error


def shown(at) -> Plan:
    """Return the plan in a page's link."""
    given = at.query_params["plan"]
    return link.decode(given if isinstance(given, str) else given[0])


def test_a_published_way_is_a_button_that_makes_the_plan_of_the_command_line(plan):
    at = _open("methods", plan)
    for name in ("minitron_depth", "llm_pruner"):
        at.button(key=f"methods-preset-{name}").click().run()
        assert not at.exception
        assert not at.error
        made = preset_plan(name, results.cache.subject(plan), plan)
        assert shown(at) == made
        assert at.button(key=f"methods-preset-{name}").disabled
        assert "nothing is trained yet" in words(at)
        at.button(key="strip-undo").click().run()
        assert shown(at) == plan
        assert "nothing is trained yet" not in words(at)
