"""A tokenizer's file: how it cuts a text, and how many bytes of it each token stands for."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from pruneviz.subjects.models.hugging_face.folder import Folder

BYTE = re.compile(r"<0x[0-9A-Fa-f]{2}>")  # one byte, where no token has it
SPACE = "\u2581"  # what stands for a space in pieces of sentences


class FileTokenizer:
    """A tokenizer of the library `tokenizers`, for a network of so many tokens."""

    def __init__(self, cuts: Any, tokens: int) -> None:
        cuts.no_truncation()
        cuts.no_padding()
        self._cuts, self._tokens = cuts, tokens

    def encode(self, text: str) -> list[int]:
        """Return the numbers of a text's tokens, without any that stand at its ends."""
        return list(self._cuts.encode(text, add_special_tokens=False).ids)

    def decode(self, tokens: Sequence[int]) -> str:
        """Return the text that tokens stand for."""
        return str(self._cuts.decode(list(tokens), skip_special_tokens=False))

    @cached_property
    def token_bytes(self) -> Tensor:
        """How many bytes of text each token stands for, int64 (tokens,); 0 for special ones.

        And for those that the network has beside the tokenizer's.
        """
        added = self._cuts.get_added_tokens_decoder()
        kinds = set(_kinds(json.loads(self._cuts.to_str()).get("decoder")))
        return torch.tensor([self._bytes(token, added, kinds) for token in range(self._tokens)])

    def _bytes(self, number: int, added: dict[int, Any], kinds: set[str]) -> int:
        token = self._cuts.id_to_token(number)
        if token is None or (number in added and added[number].special):
            return 0
        if number in added:
            return len(token.encode())
        if "ByteLevel" in kinds:
            return len(token)  # each character stands for one byte
        if "ByteFallback" in kinds and BYTE.fullmatch(token):
            return 1
        if "WordPiece" in kinds:
            token = token.removeprefix("##")
        return len(token.replace(SPACE, " ").encode())


def _kinds(part: Any) -> Iterator[str]:
    """Yield the kinds of a decoder, which may be a sequence of others."""
    if isinstance(part, dict):
        yield str(part.get("type"))
        for each in part.get("decoders", ()):
            yield from _kinds(each)


def tokenizer_of(folder: Folder, tokens: int) -> FileTokenizer:
    """Return a folder's tokenizer, for a network of so many tokens; any error of its reader."""
    file = folder.path / "tokenizer.json"
    if file.is_file():
        from tokenizers import Tokenizer

        return FileTokenizer(Tokenizer.from_file(str(file)), tokens)
    from transformers import AutoTokenizer

    found = AutoTokenizer.from_pretrained(folder.path, **folder.options)
    return FileTokenizer(found.backend_tokenizer, tokens)
