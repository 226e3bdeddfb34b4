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
from pruneviz.subjects.texts.tokenizer import Encoded
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals.subjects import hub_folders

BYTE = re.compile(r"<0x[0-9A-Fa-f]{2}>")  # one byte, where no token has it
SPACE = "\u2581"  # what stands for a space in pieces of sentences


class FileTokenizer:
    """A tokenizer of the library `tokenizers`, for a network of so many tokens."""

    def __init__(self, cuts: Any, tokens: int) -> None:
        cuts.no_truncation()
        cuts.no_padding()
        self._cuts, self._tokens = cuts, tokens

    @property
    def known(self) -> int:
        """Return how many tokens a text may have, without those that were added, of no text."""
        return int(self._cuts.get_vocab_size(with_added_tokens=False))

    def encode(self, text: str) -> list[int]:
        """Return the numbers of a text's tokens, without any that stand at its ends."""
        return list(self._cuts.encode(text, add_special_tokens=False).ids)

    def least(self, pairs: bool) -> int:
        """Return how many tokens stand at the ends of a text, or of two."""
        return int(self._cuts.num_special_tokens_to_add(pairs))

    def encode_texts(self, texts: Sequence[tuple[str, ...]], most: int | None) -> list[Encoded]:
        """Return the tokens of texts, or of pairs of these, each of `most` tokens at most."""
        given = [text if len(text) > 1 else text[0] for text in texts]
        return _encoded(type(self._cuts).from_str(self._cuts.to_str()), given, most)

    def encode_words(self, texts: Sequence[Sequence[str]], most: int | None) -> list[Encoded]:
        """Return the tokens of texts that are words already, each of `most` tokens at most.

        A blank stands before each word, where the tokenizer takes blanks for a part of words.
        """
        settings = json.loads(self._cuts.to_str())
        for part in _parts(settings.get("pre_tokenizer"), "pretokenizers"):
            if part.get("type") == "ByteLevel":
                part["add_prefix_space"] = True
        cuts = type(self._cuts).from_str(json.dumps(settings))
        return _encoded(cuts, list(map(list, texts)), most, is_pretokenized=True)

    def decode(self, tokens: Sequence[int]) -> str:
        """Return the text that tokens stand for."""
        return str(self._cuts.decode(list(tokens), skip_special_tokens=False))

    @cached_property
    def token_bytes(self) -> Tensor:
        """How many bytes of text each token stands for, int64 (tokens,); 0 for special ones.

        And for those that the network has beside the tokenizer's.
        """
        added = self._cuts.get_added_tokens_decoder()
        decoder = json.loads(self._cuts.to_str()).get("decoder")
        kinds = {str(part.get("type")) for part in _parts(decoder, "decoders")}
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


def _parts(part: Any, inside: str) -> Iterator[dict[str, Any]]:
    """Yield a part of a tokenizer's settings, and those `inside` it where it is a sequence."""
    if isinstance(part, dict):
        yield part
        for each in part.get(inside, ()):
            yield from _parts(each, inside)


def _encoded(cuts: Any, texts: list[Any], most: int | None, **how: bool) -> list[Encoded]:
    """Return the tokens of texts, cut by a tokenizer that is changed for it."""
    if most is not None:
        cuts.enable_truncation(most)
    found = cuts.encode_batch(texts, add_special_tokens=True, **how)
    return [Encoded(e.ids, e.type_ids, e.word_ids, bool(e.overflowing)) for e in found]


def tokenizer_of(folder: Folder, tokens: int) -> FileTokenizer:
    """Return a folder's tokenizer, for a network of so many tokens; any error of its reader.

    RefusedError where the folder has none: transformers makes one that knows no word, then.
    """
    file = folder.path / "tokenizer.json"
    if file.is_file():
        from tokenizers import Tokenizer

        return FileTokenizer(Tokenizer.from_file(str(file)), tokens)
    from transformers import AutoTokenizer

    found = AutoTokenizer.from_pretrained(folder.path, **folder.options)
    files = sorted(found.vocab_files_names.values())
    if not folder.gguf and not any((folder.path / name).is_file() for name in files):
        raise RefusedError(hub_folders.no_vocabulary(tuple(files)))
    return FileTokenizer(found.backend_tokenizer, tokens)
