"""Questions with choices, in the forms in which such files are found."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pruneviz.subjects.texts.rows import objects
from pruneviz.subjects.texts.windows import read_plain
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals.language import choices as refused

MAX_BYTES = 100_000_000
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
QUESTION = "Question: {}\nAnswer:"  # as lm-evaluation-harness asks ARC and PIQA
HALVES = re.compile("[\ud800-\udfff]")  # of characters beyond 16 bits, which no tokenizer takes
MOST_SHOWN = 60  # characters of an answer that is no choice
MOST_DIGITS = 9  # of the number of a choice
BRACKETS = re.compile(r"\[.*?\]")
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Question:
    """What is asked at a line of a file: the text, its choices, and the number of the right one."""

    line: int
    text: str
    choices: tuple[str, ...]
    right: int


def read_questions(path: Path) -> list[Question]:
    """Return the questions of a file of JSON objects, a line each, or of one list of them.

    RefusedError for a line of no known form, with one choice, without a text, or whose answer is
    none of its choices.
    """
    found = objects(read_plain(path, MAX_BYTES), path.name)
    return [_question(path.name, line, row) for line, row in found]


def _question(file: str, line: int, row: Row) -> Question:
    form = next((form for keys, form in FORMS.items() if all(key in row for key in keys)), None)
    if form is None:
        raise RefusedError(refused.no_choices(file, line))
    text, choices, labels, answer = form(row)
    if not isinstance(choices, list | tuple):
        raise RefusedError(refused.no_choices(file, line))
    if labels and len(labels) != len(choices):
        raise RefusedError(refused.labels_otherwise(file, line, len(labels), len(choices)))
    if len(choices) < 2:
        raise RefusedError(refused.too_few_choices(file, line, len(choices)))
    if not _is_text(text):
        raise RefusedError(refused.no_words(file, line, "question"))
    wrong = next((at for at, choice in enumerate(choices) if not _is_text(choice)), None)
    if wrong is not None:
        raise RefusedError(refused.no_words(file, line, f"choice {wrong + 1}"))
    right = _right(answer, choices, labels)
    if right is None:
        shown = (answer if _is_text(answer) else ascii(answer))[:MOST_SHOWN]
        raise RefusedError(refused.answer_beyond(file, line, shown, len(choices)))
    return Question(line, text, tuple(choices), right)


def _is_text(given: object) -> bool:
    """Return whether a value is words; half a character, as JSON can write it, is none."""
    return isinstance(given, str) and bool(given.strip()) and not HALVES.search(given)


def _right(answer: Any, choices: Sequence[str], labels: Sequence[Any]) -> int | None:
    """Return the number of the right choice: of its label, its number from 0, or its letter."""
    if isinstance(answer, bool):
        return None
    named = [str(label) for label in labels]
    if str(answer) in named:
        return named.index(str(answer))
    text = str(answer).strip()
    if text.lstrip("-").isdecimal():
        number = int(text) if len(text) <= MOST_DIGITS else -1
        return number if 0 <= number < len(choices) else None
    letter = LETTERS.find(text) if len(text) == 1 else -1
    return letter if 0 <= letter < len(choices) else None


Form = tuple[Any, Any, Sequence[Any], Any]  # text, choices, their labels, the answer


def _arc(row: Row) -> Form:
    """Return a question of ARC: its choices have labels of their own."""
    given = row["choices"]
    if not isinstance(given, Mapping):
        return row["question"], given, (), row["answerKey"]
    labels = given.get("label")
    labels = labels if isinstance(labels, list) else ()
    return _asked(row["question"]), given.get("text"), labels, row["answerKey"]


def _piqa(row: Row) -> Form:
    return _asked(row["goal"]), [row["sol1"], row["sol2"]], (), row["label"]


def _hellaswag(row: Row) -> Form:
    """Return a text that goes on, with the signs of WikiHow taken out, as the harness does."""
    text = row["ctx"]
    if all(isinstance(row.get(key), str) for key in ("activity_label", "ctx_a", "ctx_b")):
        text = f"{row['activity_label']}: {row['ctx_a']} {row['ctx_b'].capitalize()}"
    endings = row["endings"]
    if isinstance(endings, list):
        endings = [_plain(each) for each in endings]
    return _plain(text), endings, (), row["label"]


def _own(row: Row) -> Form:
    """Return a question as it stands, behind its context where it has one."""
    texts = [row[key] for key in ("context", "question") if row.get(key) is not None]
    if not all(isinstance(each, str) for each in texts):
        return None, row["choices"], (), row["answer"]
    return "\n".join(texts), row["choices"], (), row["answer"]


def _asked(text: Any) -> Any:
    return QUESTION.format(text) if _is_text(text) else text


def _plain(text: Any) -> Any:
    if not isinstance(text, str):
        return text
    return BRACKETS.sub("", text.strip().replace(" [title]", ". ")).replace("  ", " ")


FORMS: Mapping[tuple[str, ...], Callable[[Row], Form]] = {
    ("question", "choices", "answerKey"): _arc,
    ("ctx", "endings", "label"): _hellaswag,
    ("goal", "sol1", "sol2", "label"): _piqa,
    ("question", "choices", "answer"): _own,
    ("context", "choices", "answer"): _own,
}
