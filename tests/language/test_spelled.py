"""What tokens spell adds up to their text, and what two texts have in common is marked once."""

from __future__ import annotations

import random

from pruneviz.language.spelled import alike, apart, pieces
from pruneviz.subjects.samples.standard_library import tokenizer


class Bytes:
    """A tokenizer whose tokens are a text's bytes."""

    def decode(self, tokens):
        return bytes(tokens).decode(errors="replace")


def test_pieces_add_up_to_the_text_also_where_several_tokens_spell_a_character():
    text = "für 日本 <b>"
    tokens = list(text.encode())
    found = pieces(Bytes(), tokens[:1], tokens[1:])
    assert "".join(found) == text[1:]
    assert found[:3] == ["", "ü", "r"]
    cuts = tokenizer()
    words = cuts.encode("def read(path):\n    return path\n")
    whole = cuts.decode(words)
    assert cuts.decode(words[:3]) + "".join(pieces(cuts, words[:3], words[3:])) == whole


def test_an_unfinished_character_at_the_end_is_shown():
    assert pieces(Bytes(), [65], ["ü".encode()[0]]) == ["\ufffd"]


def test_what_is_not_marked_is_the_same_in_both_texts_and_texts_alike_have_no_mark():
    draw = random.Random(0)
    for _ in range(50):
        first, second = ([draw.randrange(4) for _ in range(draw.randrange(12))] for _ in range(2))
        one, other = apart(first, second)
        assert len(one) == len(first)
        assert len(other) == len(second)
        shared = [
            [token for token, mark in zip(tokens, marks, strict=True) if not mark]
            for tokens, marks in ((first, one), (second, other))
        ]
        assert shared[0] == shared[1]
        assert not any(apart(first, first)[0])
        same = alike(first, second)
        assert first[:same] == second[:same]
        assert first[same : same + 1] != second[same : same + 1] or not first[same:]
    assert apart([1, 2, 3], [1, 9, 3]) == ([False, True, False], [False, True, False])
    assert apart([1, 2], [7, 1, 2]) == ([False, False], [True, False, False])
