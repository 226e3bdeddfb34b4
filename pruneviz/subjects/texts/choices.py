"""The Data of questions with choices: each choice behind its question, judged on its tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from pruneviz.subjects.models.expectation import Source, first_layer
from pruneviz.subjects.references import Reference
from pruneviz.subjects.split import CALIBRATION_LIMIT, stratified
from pruneviz.subjects.subject import Data
from pruneviz.subjects.texts.data import data_of
from pruneviz.subjects.texts.questions import Question, read_questions
from pruneviz.subjects.texts.tokenizer import Tokenizer
from pruneviz.subjects.texts.windows import MAX_VALUES, Windows
from pruneviz.tasks import IGNORED, Task
from pruneviz.tasks.language_modelling import LanguageModelling
from pruneviz.tasks.multiple_choice import MultipleChoice
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals.language import choices as refused
from pruneviz.wording.refusals.subjects import finding, text_files

KIND, SENT_ENDING = "choices", ".jsonl"
LEAST, FRACTION, SEED = 8, 0.25, 0
DELIMITER = " "  # between a question and a choice, as lm-evaluation-harness has it
MOST_SHOWN = 60  # characters of a choice that name it


@dataclass(frozen=True)
class Choice:
    """One choice: the tokens of question and choice together, from where on the choice's own."""

    tokens: list[int]
    begin: int
    said: tuple[int, ...]  # question, choice, choices, whether it is right, characters
    name: str


def task_for(reference: str | None, own: Task | None) -> Task | None:
    """Return the task of a model with such data: a language model's choices are its own task."""
    asked = reference is not None and (reference.startswith(f"{KIND}:") or is_sent(reference))
    return MultipleChoice() if asked and isinstance(own, LanguageModelling) else own


def is_sent(reference: str) -> bool:
    """Return whether an upload is lines of JSON that no column is named of.

    To a language model these are questions: texts with labels judge other networks.
    """
    return reference.startswith("upload:") and reference.endswith(SENT_ENDING)


def load_choices(text: str, reference: Reference, source: Source, task: Task | None) -> Data:
    """Return the Data of a file of questions, cut by the model's own tokenizer.

    A quarter of the questions, at most 512, calibrates and trains with its right choices; the rest
    evaluates. RefusedError where the model is no language model or has no tokenizer, and for
    questions that cannot be asked.
    """
    if not isinstance(task, MultipleChoice):
        raise RefusedError(text_files.no_language_model(source.title))
    if source.tokenizer is None:
        raise RefusedError(text_files.no_tokenizer(source.title))
    path = Path(reference.name)
    if not path.exists():
        raise RefusedError(finding.no_path(str(path)))
    questions = read_questions(path)
    if len(questions) < LEAST:
        raise RefusedError(refused.too_few_questions(path.name, len(questions), LEAST))
    places = source.expects.places
    found = [
        [choice_of(path.name, source.tokenizer, number, asked, at, places) for at in _each(asked)]
        for number, asked in enumerate(questions)
    ]
    _refuse_unknown_tokens(source, found)
    part = min(FRACTION, CALIBRATION_LIMIT / len(found))
    first, rest = stratified(np.zeros(len(found), dtype=np.int64), part, SEED)
    calibrating = [found[at][questions[at].right] for at in first.tolist()]
    judged = [each for at in rest.tolist() for each in found[at]]
    filler = (source.tokenizer.encode(DELIMITER) or [0])[0]
    return data_of(text, _windows(judged, calibrating, (len(rest), len(first)), filler))


def _each(question: Question) -> range:
    return range(len(question.choices))


def choice_of(
    file: str, tokenizer: Tokenizer, number: int, question: Question, at: int, places: int | None
) -> Choice:
    """Return one choice of a question behind it, cut together, as lm-evaluation-harness does.

    Blanks at the question's end belong to the choice: many tokenizers join them with the next word.
    """
    context, said = question.text, question.choices[at]
    blanks = len(context) - len(context.rstrip())
    begin = context[: len(context) - blanks]
    whole = tokenizer.encode(context + DELIMITER + said)
    before = len(tokenizer.encode(begin))
    if not 0 < before < len(whole):
        raise RefusedError(refused.choice_without_tokens(file, question.line, said))
    if places is not None and len(whole) - 1 > places:
        raise RefusedError(refused.question_too_long(file, question.line, len(whole) - 1, places))
    right = int(at == question.right)
    shown = " ".join(said.split())
    name = f"line {question.line:,}, choice {at + 1}{' (right)' if right else ''}: "
    return Choice(
        tokens=whole,
        begin=before,
        said=(number, at, len(question.choices), right, len(said)),
        name=name + shown[:MOST_SHOWN] + "…" * (len(shown) > MOST_SHOWN),
    )


def _windows(
    judged: Sequence[Choice], calibrating: Sequence[Choice], asked: tuple[int, int], filler: int
) -> Windows:
    """Return what is read of choices, and what is said of them with the tokens after each place.

    `asked` are the questions that they are of; the token `filler` stands behind shorter ones.
    """
    length = max(len(each.tokens) for each in (*judged, *calibrating)) - 1
    rows = len(judged) + len(calibrating)
    if rows * length > MAX_VALUES:
        raise RefusedError(refused.too_many_values(rows, length, MAX_VALUES))
    (x, y), (train_x, train_y) = (_filled(part, length, filler) for part in (judged, calibrating))
    note = (
        f"Judged on {asked[0]:,} questions with {len(judged):,} choices, each read behind its "
        f"question; trained and calibrated on the right choices of {asked[1]:,} others; split with "
        f"seed {SEED}"
    )
    names = tuple(each.name for each in judged)
    return Windows(x=x, y=y, train_x=train_x, train_y=train_y, note=note, names=names)


def _filled(choices: Sequence[Choice], length: int, filler: int) -> tuple[Tensor, Tensor]:
    """Return tokens (N, length) and targets (N, 5 + length); behind a choice nothing is judged."""
    x = torch.full((len(choices), length), filler, dtype=torch.int64)
    y = torch.full((len(choices), length), IGNORED, dtype=torch.int64)
    for row, each in enumerate(choices):
        count = len(each.tokens) - 1
        x[row, :count] = torch.tensor(each.tokens[:-1])
        y[row, each.begin - 1 : count] = torch.tensor(each.tokens[each.begin :])
    said = torch.tensor([each.said for each in choices], dtype=torch.int64)
    return x, torch.cat([said, y], 1)


def _refuse_unknown_tokens(source: Source, found: Sequence[Sequence[Choice]]) -> None:
    first = first_layer(source.model)
    known = first.num_embeddings if isinstance(first, nn.Embedding) else None
    most = max(max(each.tokens) for choices in found for each in choices)
    if known is not None and most >= known:
        raise RefusedError(text_files.token_beyond(most, known))
