"""The next token against the formulas, token by token in double precision."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from pruneviz import evaluate
from pruneviz.tasks import IGNORED, TASKS, language_modelling
from pruneviz.tasks.language_modelling import LanguageModelling
from pruneviz.wording import misfits

TASK = TASKS.get("language_modelling").implementation()
DRAWN = torch.Generator().manual_seed(0)
Z = torch.randn(3, 6, 11, generator=DRAWN, dtype=torch.float64)  # 3 texts, 6 places, 11 tokens
Y = torch.randint(0, 11, (3, 6), generator=DRAWN)
Y[1, 2] = Z[1, 2].argmax()
Y[0, :4] = IGNORED
Y[2] = IGNORED


def log_likelihoods(text: int) -> list[float]:
    """Return that of each judged token of a text."""
    rows = zip(Z[text].tolist(), Y[text].tolist(), strict=True)
    return [-math.log(sum(math.exp(z - row[y]) for z in row)) for row, y in rows if y != IGNORED]


TEXTS = [log_likelihoods(text) for text in range(3)]


def test_the_loss_is_the_mean_over_a_text_s_judged_tokens():
    expected = [-sum(TEXTS[0]) / 2, -sum(TEXTS[1]) / 6, 0.0]
    assert TASK.loss(Z, Y, "none").tolist() == pytest.approx(expected, rel=1e-12)
    assert float(TASK.loss({"logits": Z}, Y)) == pytest.approx(sum(expected) / 3)


def test_each_token_s_likelihood_is_kept_and_no_logits():
    kept = TASK.answers(Z, Y)
    assert all(each.shape == Y.shape for each in kept.values())
    found = [row[row != 0].tolist() for row in kept["log_likelihood"]]
    for mine, expected in zip(found, TEXTS, strict=True):
        assert mine == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("tokens", [5, 11_003])
def test_many_logits_are_looked_at_in_parts_and_come_to_the_same_bits(monkeypatch, tokens):
    z, y = torch.randn(2, 9, tokens), torch.randint(0, tokens, (2, 9))
    expected = z.double().log_softmax(2).gather(2, y[..., None])[..., 0]
    whole = TASK.answers(z, y)
    torch.testing.assert_close(whole["log_likelihood"], expected, rtol=1e-12, atol=0)
    wide: list[int] = []
    found = language_modelling.log_likelihoods
    monkeypatch.setattr(language_modelling, "AT_ONCE", 4 * tokens)
    monkeypatch.setattr(
        language_modelling, "log_likelihoods", lambda z, y: wide.append(z.numel()) or found(z, y)
    )
    some = TASK.answers(z, y)
    assert max(wide) == 4 * tokens
    assert all(torch.equal(whole[name], some[name]) for name in whole)


def test_tokens_bytes_and_what_is_right_are_counted():
    lengths = torch.arange(1, 12)
    task = LanguageModelling(token_bytes=lengths)
    found = task.tally(task.answers(Z, Y), Y)
    assert found["tokens"].tolist() == [2, 6, 0]
    assert found["nll"].tolist() == pytest.approx([-sum(text) for text in TEXTS])
    judged = [[y for y in row if y != IGNORED] for row in Y.tolist()]
    assert found["bytes"].tolist() == [sum(y + 1 for y in row) for row in judged]
    right = (Z.argmax(2) == Y).sum(1).tolist()
    assert found["correct"].tolist() == right
    assert sum(right) > 0
    ranks = (Z.gather(2, Y.clamp_min(0)[..., None]) < Z).sum(2)  # how many are likelier
    among = ((ranks < 5) & (Y != IGNORED)).sum(1).tolist()
    assert found["among_five"].tolist() == among
    assert sum(right) < sum(among) < sum(found["tokens"].tolist())


def test_of_few_tokens_all_are_among_the_likeliest():
    z, y = torch.randn(1, 4, 3), torch.tensor([[0, 1, 2, IGNORED]])
    assert TASK.answers(z, y)["among_five"].tolist() == [[True, True, True, False]]


def test_bits_a_byte_fit_where_it_is_known_how_many_bytes_tokens_have():
    assert TASK.metrics == ("perplexity", "token_accuracy", "top5_token_accuracy")
    assert "bytes" not in TASK.tally(TASK.answers(Z, Y), Y)
    assert LanguageModelling(torch.ones(11)).reported == ("perplexity", "bits_per_byte")


def test_a_place_whose_logits_are_no_number_is_no_right_one_and_its_text_has_no_number():
    z = Z.clone()
    z[1, 2] = math.nan
    found = TASK.tally(TASK.answers(z, Y), Y)
    assert found["nll"].isnan().tolist() == [False, True, False]
    assert not TASK.answers(z, Y)["right"][1, 2]
    assert not TASK.answers(z, Y)["among_five"][1, 2]


def test_a_student_is_apart_from_its_teacher_place_by_place():
    student, total = Z.flip(0), 0.0
    for text in range(3):
        for place in range(6):
            t, s = (each[text, place].tolist() for each in (Z, student))
            p = [math.exp(z / 2) / sum(math.exp(v / 2) for v in t) for z in t]
            q = [math.exp(z / 2) / sum(math.exp(v / 2) for v in s) for z in s]
            total += sum(a * math.log(a / b) for a, b in zip(p, q, strict=True)) / 6
    assert float(TASK.distil(student, Z, 2.0, "sum")) == pytest.approx(total, rel=1e-12)


def test_what_can_be_explained_is_how_likely_the_token_at_each_place_is():
    text, *places = TASK.explained(Z[1:2], Y[1:2])
    assert float(text.of(Z[1:2])) == pytest.approx(sum(TEXTS[1]))
    assert [float(each.of(Z[1:2])) for each in places] == pytest.approx(TEXTS[1])
    alone = TASK.explained(Z[:1])
    most = Z[:1].log_softmax(2).amax(2)[0].tolist()
    assert [float(each.of({"logits": Z[:1]})) for each in alone] == pytest.approx(most)


def test_texts_are_split_as_they_come():
    assert TASK.strata(Y) is None


@pytest.mark.parametrize(
    ("output", "target", "expected"),
    [
        (Z, Y, None),
        (Z[:1], Y, None),
        ({"logits": Z}, Y, None),
        (Z[0], Y, misfits.answers_otherwise((6, 11), "(inputs, places, tokens)")),
        (Z, Y[:, :5], misfits.targets_otherwise((5,), "one token for each of 6 places")),
        (Z[..., :3], Y.clamp_min(4), misfits.labels_beyond_outputs(4, int(Y.max()), 3)),
    ],
)
def test_outputs_and_texts_of_another_task_are_told(output, target, expected):
    assert TASK.misfit(output, target) == expected


def test_a_student_is_not_apart_where_nothing_is_judged():
    student, judged = Z.clone(), Y != IGNORED
    student[~judged] = math.nan
    assert float(TASK.distil(student, Z, target=Y)) == 0
    student[judged] += torch.arange(Z.shape[2])
    assert float(TASK.distil(student, Z, target=Y)) > 0


def test_texts_are_answered_so_many_at_once_as_their_logits_fit(monkeypatch):
    """A vocabulary of 50,000 tokens would take gigabytes for 256 texts together."""
    sizes: list[int] = []

    class Noting(nn.Module):
        def forward(self, tokens: Tensor) -> Tensor:
            sizes.append(len(tokens))
            return torch.nn.functional.one_hot(tokens, 10).float()

    x = torch.randint(10, (9, 4))
    whole = evaluate.answers(Noting(), x, x, TASK)
    assert max(sizes) == 9
    sizes.clear()
    monkeypatch.setattr(evaluate, "MOST_LOGITS", 4 * 10 * 2)
    some = evaluate.answers(Noting(), x, x, TASK)
    assert max(sizes) == 2
    assert all(torch.equal(whole[name], some[name]) for name in whole)
    monkeypatch.setattr(evaluate, "MOST_LOGITS", 1)
    assert len(evaluate.answers(Noting(), x, x, TASK)["right"]) == 9
