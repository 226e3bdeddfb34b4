"""How far two language models lie apart, beside the formula on whole logits in double precision."""

from __future__ import annotations

import math

import pytest
import torch

from pruneviz.compare import next_tokens
from pruneviz.compare.next_tokens import apart_by_token, apart_metrics, divergences
from pruneviz.subjects.samples.small_llama import SmallLlama
from pruneviz.tasks import IGNORED


def network(seed: int, scale: float = 4.0):
    torch.manual_seed(seed)
    made = SmallLlama(tokens=37, width=16, blocks=1, heads=2, groups=1, size=8, hidden=12).eval()
    made.head.weight.data *= scale
    return made


X = torch.randint(37, (11, 9), generator=torch.Generator().manual_seed(5))
Y = torch.randint(37, (11, 9), generator=torch.Generator().manual_seed(6))
Y[0, :4] = IGNORED
Y[3] = IGNORED


def by_formula(first, second) -> tuple[list[float], list[int]]:
    with torch.no_grad():
        both = [network(X).double().softmax(2).tolist() for network in (first, second)]
    kl, agreed = [], []
    for text, target in enumerate(Y.tolist()):
        places = [at for at, y in enumerate(target) if y != IGNORED]
        rows = [(both[0][text][at], both[1][text][at]) for at in places]
        pairs = [zip(p, q, strict=True) for p, q in rows]
        kl.append(sum(a * math.log(a / b) for pair in pairs for a, b in pair))
        agreed.append(sum(p.index(max(p)) == q.index(max(q)) for p, q in rows))
    return kl, agreed


@pytest.mark.parametrize("most", [1, 37 * 9 * 4, 2**24])
def test_both_numbers_are_those_of_the_formula_however_few_texts_are_read_at_once(
    monkeypatch, most
):
    monkeypatch.setattr(next_tokens, "MOST_LOGITS", most)
    first, second = network(0), network(0)
    second.blocks[0].attention.out.weight.data[:] *= 0.1
    found = apart_by_token(first, second, X, Y)
    kl, agreed = by_formula(first, second)
    assert found["kl"].tolist() == pytest.approx(kl, rel=1e-6)
    assert found["agreed"].tolist() == agreed
    assert found["tokens"].tolist() == (Y != IGNORED).sum(1).tolist()
    by_token, agreement = apart_metrics()
    judged = int((Y != IGNORED).sum())
    assert 0 < sum(agreed) < judged, "an example that shows something"
    assert by_token.combine(found) == pytest.approx(sum(kl) / judged, rel=1e-6)
    assert agreement.combine(found) == pytest.approx(sum(agreed) / judged)
    for metric in (by_token, agreement):
        low, high = metric.interval(found)
        assert low < metric.combine(found) < high


def test_no_more_logits_are_made_at_once_than_may_be(monkeypatch):
    monkeypatch.setattr(next_tokens, "MOST_LOGITS", 37 * 9 * 4)
    made, sizes = network(0), []
    made.register_forward_hook(lambda module, given, output: sizes.append(len(output)))
    apart_by_token(made, made, X, Y)
    assert sizes == [1, 1, 4, 4, 4, 4, 2, 2]


def test_a_network_is_not_apart_from_itself():
    found = apart_by_token(network(1), network(1), X, Y)
    assert found["kl"].tolist() == [0.0] * len(X)
    assert torch.equal(found["agreed"], found["tokens"])


def test_what_the_original_rules_out_adds_nothing_and_what_the_pruned_rules_out_is_infinite():
    never = torch.tensor([[0.0, 1.0, -torch.inf]])
    assert divergences(never, never).tolist() == [0.0]
    some = divergences(never, torch.tensor([[0.0, 1.0, 0.0]]))
    p = 1 / (1 + math.e)
    q = [1 / (2 + math.e), math.e / (2 + math.e)]
    expected = p * math.log(p / q[0]) + (1 - p) * math.log((1 - p) / q[1])
    assert some.tolist() == pytest.approx([expected])
    assert divergences(torch.zeros(1, 3), never).tolist() == [math.inf]
