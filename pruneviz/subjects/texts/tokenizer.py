"""What a language model cuts its texts with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor


@dataclass(frozen=True)
class Encoded:
    """The tokens of one text with those that stand at its ends, and what each of them is.

    `parts` are 0 and, in the second text of a pair, 1; `words` the number of each token's word,
    None of one that stands for none. `cut` says that the text had more tokens than were asked for.
    """

    tokens: list[int]
    parts: list[int]
    words: list[int | None]
    cut: bool


class Tokenizer(Protocol):
    """How a text becomes the tokens of a network, and these a text again."""

    @property
    def token_bytes(self) -> Tensor:
        """How many bytes of text each token stands for, int64 (tokens,); 0 for special ones."""

    def encode(self, text: str) -> list[int]:
        """Return the numbers of a text's tokens, without any that stand at its ends."""

    def least(self, pairs: bool) -> int:
        """Return how many tokens stand at the ends of a text, or of two."""

    def encode_texts(self, texts: Sequence[tuple[str, ...]], most: int | None) -> list[Encoded]:
        """Return the tokens of texts, or of pairs of these, each of `most` tokens at most."""

    def encode_words(self, texts: Sequence[Sequence[str]], most: int | None) -> list[Encoded]:
        """Return the tokens of texts that are words already, each of `most` tokens at most."""

    def decode(self, tokens: Sequence[int]) -> str:
        """Return the text that tokens stand for."""
