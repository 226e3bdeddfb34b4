"""Sentences about a file that was sent name it as the user does."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save

from pruneviz.plan import Plan
from pruneviz.subjects import load_subject
from pruneviz.subjects import uploads as sent_files
from pruneviz.subjects.tables.columns import Columns
from pruneviz.tasks.multiple_choice import MultipleChoice
from pruneviz.ui.home import uploads
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals.language import choices
from pruneviz.wording.refusals.subjects import sending, weight_files


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRUNEVIZ_HOME", str(tmp_path))


def test_weights_that_do_not_fit_are_named_as_they_were_sent(tmp_path: Path) -> None:
    content = save({"w": torch.zeros(3)})
    with pytest.raises(ValueError, match=r"the weights 'my net\.safetensors' do not fit") as caught:
        uploads.plan_with_weights(Plan(), "sample:digits-cnn", content, "C:\\my net.safetensors")
    stored = next((tmp_path / "uploads").iterdir())
    assert stored.stem not in str(caught.value)
    assert str(tmp_path) not in str(caught.value)


def test_data_that_do_not_fit_are_named_as_they_were_sent(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"'wine\.csv'") as caught:
        uploads.plan_with_data(
            Plan(), b"a,b,class\n1,2,\n3,4,\n", "wine.csv", Columns(target=("class",))
        )
    assert next((tmp_path / "uploads").iterdir()).stem not in str(caught.value)


def test_a_table_needs_a_target() -> None:
    with pytest.raises(ValueError, match="choose the column"):
        uploads.plan_with_data(Plan(), b"a,b\n1,2\n", "wine.csv", Columns())


def test_it_stays_of_its_kind_and_of_its_field(tmp_path: Path) -> None:
    content = save({"w": torch.zeros(3)})
    with pytest.raises(RefusedError) as caught:
        uploads.plan_with_weights(Plan(), "sample:digits-cnn", content, "net.safetensors")
    found = caught.value.fact
    assert found in weight_files.not_fitting
    assert (found.field, found.values["file"]) == ("weights", "net.safetensors")
    assert found.values["faults"][-1] == weight_files.unexpected("w")


def questions(**changed: object) -> bytes:
    """Return twelve questions with choices as lines of JSON, the third with what is `changed`."""
    rows = [
        {"question": f"def read_{at}(self):", "choices": ["return value", "open"], "answer": at % 2}
        for at in range(12)
    ]
    rows[2].update(changed)
    return "\n".join(map(json.dumps, rows)).encode()


def test_questions_with_choices_are_those_of_the_same_file_on_the_command_line(tmp_path) -> None:
    model = Plan(model="sample:stdlib-lm")
    plan = uploads.plan_with_data(model, questions(), "quiz.jsonl", Columns())
    assert uploads.has_columns("quiz.jsonl", Plan(model="sample:digits-cnn"))
    assert not uploads.has_columns("quiz.jsonl", plan)
    assert [each.name for each in uploads.sent(plan)] == ["quiz.jsonl"]
    sent = load_subject(plan)
    (tmp_path / "quiz.jsonl").write_bytes(questions())
    named = load_subject(model.changed(data=f"choices:{tmp_path / 'quiz.jsonl'}"))
    assert isinstance(sent.task, MultipleChoice)
    assert sent.metrics[0].name == named.metrics[0].name == "choice_accuracy"
    for one, other in ((sent.data.x, named.data.x), (sent.data.y, named.data.y)):
        assert torch.equal(one, other)
    assert sent.data.names == named.data.names


@pytest.mark.parametrize(
    ("changed", "kind"),
    [
        ({"answer": 7}, choices.answer_beyond),
        ({"choices": ["one"]}, choices.too_few_choices),
        ({"choices": None}, choices.no_choices),
    ],
)
def test_a_question_that_is_none_is_named_by_its_line_as_it_was_sent(changed, kind) -> None:
    with pytest.raises(RefusedError) as caught:
        uploads.plan_with_data(
            Plan(model="sample:stdlib-lm"), questions(**changed), "quiz.jsonl", Columns()
        )
    assert caught.value.fact in kind
    assert "line 3 of 'quiz.jsonl'" in str(caught.value)


def test_questions_are_no_larger_than_other_files(monkeypatch) -> None:
    monkeypatch.setattr(sent_files, "MAX_FILE_BYTES", 100)
    with pytest.raises(RefusedError) as caught:
        uploads.plan_with_data(Plan(model="sample:stdlib-lm"), questions(), "quiz.jsonl", Columns())
    assert caught.value.fact in sending.too_large
