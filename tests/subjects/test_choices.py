"""Questions with choices: counted as lm-evaluation-harness counts them, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from pruneviz.metrics import METRICS
from pruneviz.plan import Plan
from pruneviz.run import run
from pruneviz.subjects import load_subject
from pruneviz.subjects.models.expectation import Expectation, Source
from pruneviz.subjects.references import parse_data
from pruneviz.subjects.texts.choices import load_choices
from pruneviz.subjects.texts.questions import read_questions
from pruneviz.tasks import IGNORED
from pruneviz.tasks.multiple_choice import HEAD, MultipleChoice, tokens_of
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals.language import choices as refused
from pruneviz.wording.refusals.subjects import text_files

WORDS = "open close read write path file line item value name".split()


class Letters:
    """A tokenizer whose tokens are a text's bytes, but for a blank that is one with its letter."""

    def encode(self, text: str) -> list[int]:
        joined, at, given = [], 0, text.encode()
        while at < len(given):
            pair = given[at] == 32 and at + 1 < len(given) and given[at + 1] != 32
            joined.append(128 + given[at + 1] % 128 if pair else given[at] % 128)
            at += 2 if pair else 1
        return joined


def rows(count: int = 24, seed: int = 0) -> list[dict]:
    draw = np.random.default_rng(seed)
    found = []
    for number in range(count):
        choices = [" ".join(draw.choice(WORDS, size=draw.integers(1, 4))) for _ in range(3)]
        blanks = "  " if number % 5 == 0 else ""
        found.append({
            "question": f"def {draw.choice(WORDS)}_{number}(self):{blanks}",
            "choices": choices, "answer": int(draw.integers(3)),
        })  # fmt: skip
    return found


@pytest.fixture
def file(tmp_path):
    def written(questions) -> str:
        path = tmp_path / "questions.jsonl"
        path.write_text("\n".join(map(json.dumps, questions)))
        return str(path)

    return written


def by_harness(network, tokenizer, questions) -> tuple[float, float]:
    """Return acc and acc_norm as lm-evaluation-harness has them, in double precision."""
    right, by_length = [], []
    for asked in questions:
        likelihoods = []
        for choice in asked["choices"]:
            context, continuation = asked["question"], " " + choice
            spaces = len(context) - len(context.rstrip())
            if spaces:
                continuation = context[-spaces:] + continuation
                context = context[:-spaces]
            whole = tokenizer.encode(context + continuation)
            begin = len(tokenizer.encode(context))
            with torch.no_grad():
                output = network(torch.tensor([whole[:-1]]))
            logits = output if isinstance(output, torch.Tensor) else output.logits
            table = logits[0].double().log_softmax(1)
            likelihoods.append(
                sum(float(table[at - 1, whole[at]]) for at in range(begin, len(whole)))
            )
        lengths = np.array([float(len(choice)) for choice in asked["choices"]])
        right.append(int(np.argmax(likelihoods)) == asked["answer"])
        by_length.append(int(np.argmax(np.array(likelihoods) / lengths)) == asked["answer"])
    return float(np.mean(right)), float(np.mean(by_length))


def judged_rows(data, questions) -> list[dict]:
    """Return the questions that are judged, in their order."""
    return [questions[number] for number in dict.fromkeys(data.y[:, 0].tolist())]


def llama():
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    return LlamaForCausalLM(LlamaConfig(
        vocab_size=256, hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, intermediate_size=48, initializer_range=0.3, use_cache=False,
    )).eval()  # fmt: skip


def source(**changes) -> Source:
    return Source(**{
        "model": llama(), "title": "Llama", "sentence": "", "weights_label": "",
        "expects": Expectation(places=changes.pop("places", None)), "tokenizer": Letters(),
        **changes,
    })  # fmt: skip


def test_both_accuracies_are_those_of_the_harness_of_a_small_llama(file):
    questions, given = rows(), source()
    reference = f"choices:{file(questions)}"
    data = load_choices(reference, parse_data(reference), given, MultipleChoice())
    task = MultipleChoice()
    with torch.no_grad():
        output = given.model(data.x)
    assert task.misfit(task.scores(output), data.y) is None
    tally = task.tally(task.answers(task.scores(output), data.y), data.y)
    found = [METRICS.get(name) for name in task.metrics]
    expected = by_harness(given.model, Letters(), judged_rows(data, questions))
    assert tuple(metric.combine(tally) for metric in found) == expected
    assert expected[0] != expected[1], "an example that shows something"
    assert [metric.samples(tally) for metric in found] == [18, 18]
    assert "Judged on 18 questions with 54 choices" in data.note


def test_a_run_of_the_sample_says_what_the_harness_says_of_both_networks(file):
    questions = rows(16, seed=1)
    plan = Plan(
        model="sample:stdlib-lm", data=f"choices:{file(questions)}", granularity="channel",
        criterion="taylor", sparsity=0.5,
    )  # fmt: skip
    subject = load_subject(plan)
    assert isinstance(subject.task, MultipleChoice)
    _, result, report = run(plan)
    expected = by_harness(subject.model, subject.tokenizer, judged_rows(subject.data, questions))
    assert tuple(pair.original for pair in report.quality) == expected
    expected = by_harness(result.model, subject.tokenizer, judged_rows(subject.data, questions))
    assert tuple(pair.pruned for pair in report.quality) == expected
    assert [pair.metric for pair in report.quality] == [*subject.task.metrics]
    assert [pair.samples for pair in report.quality] == [12, 12]


def test_only_a_choice_s_own_tokens_are_judged_and_trained_on_are_right_choices_alone(file):
    questions = rows()
    reference = f"choices:{file(questions)}"
    data = load_choices(reference, parse_data(reference), source(), MultipleChoice())
    cuts = Letters()
    for x, y in zip(data.x, data.y, strict=True):
        number, choice, count, truth, characters = y[:HEAD].tolist()
        asked = questions[number]
        said = asked["choices"][choice]
        assert (count, truth, characters) == (3, choice == asked["answer"], len(said))
        whole = cuts.encode(f"{asked['question']} {said}")
        assert x[: len(whole) - 1].tolist() == whole[:-1]
        own = [token for token in y[HEAD:].tolist() if token != IGNORED]
        assert own == whole[len(cuts.encode(asked["question"].rstrip())) :]
    assert (data.train_y[:, 3] == 1).all()
    assert not {*data.train_y[:, 0].tolist()} & {*data.y[:, 0].tolist()}
    assert tokens_of(data.y).shape == data.x.shape


FORMS = {
    "arc": (
        {"question": "Why?", "choices": {"text": ["a", "b"], "label": ["1", "2"]},
         "answerKey": "2"},
        ("Question: Why?\nAnswer:", ("a", "b"), 1),
    ),
    "letters": (
        {"question": "Why?", "choices": ["a", "b"], "answer": "B"}, ("Why?", ("a", "b"), 1)
    ),
    "context": (
        {"context": "It rains.", "question": "Why?", "choices": ["a", "b"], "answer": 0},
        ("It rains.\nWhy?", ("a", "b"), 0),
    ),
    "only a context": (
        {"context": "It rains", "choices": ["a", "b"], "answer": "1"}, ("It rains", ("a", "b"), 1)
    ),
    "hellaswag": (
        {"ctx": "x", "activity_label": "Fishing", "ctx_a": "He sits [title] still.",
         "ctx_b": "then he", "endings": ["[step] eats  .", "sleeps"], "label": "1"},
        ("Fishing: He sits. still. Then he", (" eats .", "sleeps"), 1),
    ),
    "piqa": (
        {"goal": "Boil", "sol1": "heat", "sol2": "cool", "label": 0},
        ("Question: Boil\nAnswer:", ("heat", "cool"), 0),
    ),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_files_are_read_as_the_harness_asks_them(form, file):
    given, (text, choices, right) = FORMS[form]
    (found,) = read_questions(Path(file([given])))
    assert (found.text, found.choices, found.right, found.line) == (text, choices, right, 1)


GOOD = {"question": "Why?", "choices": ["a", "b"], "answer": 0}
REFUSED = {
    "no choices": ({"question": "Why?", "answer": 0}, refused.no_choices),
    "choices are no list": ({**GOOD, "choices": "ab"}, refused.no_choices),
    "one choice": ({**GOOD, "choices": ["a"]}, refused.too_few_choices),
    "answer outside": ({**GOOD, "answer": 2}, refused.answer_beyond),
    "answer below": ({**GOOD, "answer": -1}, refused.answer_beyond),
    "no letter": ({**GOOD, "answer": "C"}, refused.answer_beyond),
    "answer is none": ({**GOOD, "answer": None}, refused.answer_beyond),
    "yes": ({**GOOD, "answer": True}, refused.answer_beyond),
    "empty question": ({**GOOD, "question": " "}, refused.no_words),
    "empty choice": ({**GOOD, "choices": ["a", ""]}, refused.no_words),
    "a number of 5,000 digits": ({**GOOD, "answer": "1" * 5000}, refused.answer_beyond),
    "half a character": ({**GOOD, "choices": ["a", "\ud83d"]}, refused.no_words),
    "a label too many": (
        {
            "question": "Why?",
            "choices": {"text": ["a", "b"], "label": ["A", "B", "C"]},
            "answerKey": "C",
        },
        refused.labels_otherwise,
    ),
    "labels are a number": (
        {"question": "Why?", "choices": {"text": ["a", "b"], "label": 5}, "answerKey": "5"},
        refused.answer_beyond,
    ),
    "question is no text": ({**GOOD, "question": 3}, refused.no_words),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_question_is_refused_by_its_line(name, file):
    row, kind = REFUSED[name]
    reference = f"choices:{file([GOOD] * 8 + [row])}"
    with pytest.raises(RefusedError) as caught:
        load_choices(reference, parse_data(reference), source(), MultipleChoice())
    assert caught.value.fact in kind
    assert caught.value.fact.values["line"] == 9


def test_what_a_model_cannot_read_is_refused(file):
    reference = f"choices:{file(rows())}"

    def fault(task=None, reference=reference, **changes):
        with pytest.raises(RefusedError) as caught:
            load_choices(reference, parse_data(reference), source(**changes),
                         MultipleChoice() if task is None else task)  # fmt: skip
        return caught.value.fact

    assert fault(tokenizer=None) == text_files.no_tokenizer("Llama")
    assert fault(task=object()) == text_files.no_language_model("Llama")
    assert fault(places=9) in refused.question_too_long
    assert fault(reference=f"choices:{file(rows(7))}") in refused.too_few_questions

    class Swallowing(Letters):
        def encode(self, text):
            return super().encode(text)[:6]

    file(rows())
    assert fault(tokenizer=Swallowing()) in refused.choice_without_tokens


def test_a_plan_that_asks_for_the_next_token_of_choices_is_refused(file):
    plan = Plan(model="sample:stdlib-lm", data=f"choices:{file(rows())}", task="language_modelling")
    with pytest.raises(RefusedError):
        load_subject(plan)
    with pytest.raises(RefusedError):
        load_subject(Plan(model="sample:digits-cnn", data=plan.data))
