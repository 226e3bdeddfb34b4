"""The pages with texts that have labels: sent on Home, their columns chosen, and compared."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from pruneviz.plan import Plan
from pruneviz.ui import settings
from pruneviz.ui.session import link
from tests.pages.test_other_tasks import words
from tests.pages.test_several_inputs_pages import opened
from tests.subjects.test_labelled_texts import SENTIMENT, rows, saved


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    saved(tmp_path / "net", "BertForSequenceClassification", id2label=SENTIMENT)
    reference = f"hf:{tmp_path / 'net'}"
    for variable, value in settings.variables([reference], []).items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setenv("PRUNEVIZ_HOME", str(tmp_path / "home"))
    return reference


def plan_of(at: AppTest) -> Plan:
    sent = at.query_params["plan"]
    return link.decode(sent if isinstance(sent, str) else sent[0])


def test_texts_are_sent_their_columns_chosen_and_both_networks_compared(model: str) -> None:
    at = opened("home", Plan(model=model, sparsity=0.5))
    content = "\n".join(map(json.dumps, rows())).encode()
    at.file_uploader(key="home-data").upload("said.jsonl", content).run()
    assert at.multiselect(key="home-data-text").value == ["text"]
    assert at.multiselect(key="home-data-targets").value == ["label"]
    at.multiselect(key="home-data-groups").set_value(["site"]).run()
    at.button(key="home-use-data").click().run()
    assert not at.exception
    assert not at.error
    plan = plan_of(at)
    assert plan.data is not None
    assert plan.data.endswith(".jsonl?target=label&groups=site&text=text")
    (form,) = [each for each in at.expander if each.label == "Which columns"]
    (groups,) = [each for each in form.multiselect if each.label == "Columns that group the texts"]
    groups.set_value([])
    next(each for each in at.button if each.label == "Take these columns").click().run()
    assert not at.exception
    assert plan_of(at).data == plan.data.replace("&groups=site", "")
    at = opened("compare", plan)
    assert "Accuracy" in words(at) or "accuracy" in words(at)
    names = [
        name for table in at.dataframe if "name" in table.value for name in table.value["name"]
    ]
    assert names
    assert all(name.startswith("line ") and ":" in name for name in names)
    texts = [t for table in at.dataframe if "text" in table.value for t in table.value["text"]]
    spoken = " ".join(row["text"] for row in rows()).lower()
    assert len(texts) == len(names)
    pieces = {word.strip("#") for each in texts for word in each.lower().split()}
    assert {each for each in pieces if each not in spoken} <= {"[cls]", "[sep]"}
    assert any("film" in each for each in texts)
    said = " ".join(str(each.value) for each in opened("attributions", plan).info)
    assert "Attributions lie over one tensor" in said


def test_a_table_with_a_classifier_of_texts_asks_which_column_is_the_text(model: str) -> None:
    at = opened("home", Plan(model=model))
    table = "id,text,label\n" + "\n".join(
        f"{i},{row['text']},{row['label']}" for i, row in enumerate(rows())
    )
    at.file_uploader(key="home-data").upload("said.csv", table.encode()).run()
    assert at.multiselect(key="home-data-text").value == ["text"]
    at.button(key="home-use-data").click().run()
    assert not at.error
    assert str(plan_of(at).data).endswith(".csv?target=label&text=text")
