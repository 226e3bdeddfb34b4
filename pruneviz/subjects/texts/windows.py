"""Texts: read as UTF-8, tokenised, cut into windows in which each token is judged once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import pad

from pruneviz.subjects.texts.tokenizer import Tokenizer
from pruneviz.tasks.task import IGNORED
from pruneviz.wording import RefusedError, opened
from pruneviz.wording.refusals.subjects import text_files

MAX_TEXT_BYTES = 20_000_000
MAX_VALUES = 50_000_000  # places of all windows together
PARTS = 4  # of a text, the last of which is judged
LEAST_WINDOWS = 2  # an interval needs more than one
LENGTH = 128


@dataclass(frozen=True, eq=False, kw_only=True)
class Windows:
    """What is read of a text and what comes next at each place, int64 (N, places) each.

    `x`, `y` is its last part, `train_x`, `train_y` what stands before that; `note` says how it was
    cut, `names` where each window of `x` begins.
    """

    x: Tensor
    y: Tensor
    train_x: Tensor
    train_y: Tensor
    note: str
    names: tuple[str, ...]


def read_windows(
    path: Path, tokenizer: Tokenizer, known: int | None, length: int | None, stride: int | None
) -> Windows:
    """Return the windows of a file's text, of `length` tokens, each `stride` after the one before.

    RefusedError where it is no text, too short, too long, or a token is not below `known`.
    """
    length = LENGTH if length is None else length
    stride = length if stride is None else stride
    if stride > length:
        raise RefusedError(text_files.stride_beyond(stride, length))
    text = read_plain(path)
    tokens = torch.tensor(tokenizer.encode(text), dtype=torch.int64)
    border = len(tokens) - len(tokens) // PARTS
    judged, before = tokens[border:], tokens[:border]
    fits = max(0, (len(judged) - 1) // LEAST_WINDOWS)
    if fits < length:
        raise RefusedError(
            text_files.too_short(path.name, len(tokens), LEAST_WINDOWS, length, fits)
        )
    if known is not None and int(tokens.max()) >= known:
        raise RefusedError(text_files.token_beyond(int(tokens.max()), known))
    _refuse_many(len(judged), length, stride)
    (x, y), (train_x, train_y) = windows(judged, length, stride), windows(before, length, length)
    note = (
        f"Judged on {len(judged) - 1:,} tokens, the last quarter of the text's {len(tokens):,} but "
        f"for its first, once each: {len(x):,} windows of length {length:,} and stride "
        f"{stride:,}; trained and calibrated on the {len(before):,} tokens before"
    )
    if len(tokens) > len(text):  # more than a token a character
        note += f". {opened.spelled_in_bytes(len(tokens) / len(text))}"
    names = tuple(f"token {border + at * stride:,}" for at in range(len(x)))
    return Windows(x=x, y=y, train_x=train_x, train_y=train_y, note=note, names=names)


def read_plain(path: Path, most: int | None = None) -> str:
    """Return a file's text; RefusedError where it is too large, empty, binary or no UTF-8."""
    size, most = path.stat().st_size, MAX_TEXT_BYTES if most is None else most
    if size > most:
        raise RefusedError(text_files.too_large(path.name, size / 1e6, most / 1e6))
    return as_text(path.read_bytes(), path.name)


def as_text(content: bytes, name: str) -> str:
    """Return the text of bytes; RefusedError where it is empty, binary or no UTF-8."""
    if b"\0" in content:
        raise RefusedError(text_files.no_text(name))
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RefusedError(text_files.no_utf8(name, error.start)) from error
    if not text.strip():
        raise RefusedError(text_files.empty(name))
    return text


def windows(tokens: Tensor, length: int, stride: int) -> tuple[Tensor, Tensor]:
    """Return what is read and what comes next at each place, int64 (N, length), of tokens (T,).

    Every token but the first is a target once: IGNORED is what an earlier window judges, and the
    padding behind the text. A window begins `stride` tokens after the one before it, so all but
    the first know `length` − `stride` tokens before the first that they judge.
    """
    targets = len(tokens) - 1
    count = _count(targets, length, stride)
    behind = (count - 1) * stride + length - targets
    read = pad(tokens[:-1], (0, behind)).unfold(0, length, stride).clone()
    after = pad(tokens[1:], (0, behind), value=IGNORED).unfold(0, length, stride).clone()
    after[1:, : length - stride] = IGNORED
    return read, after


def _count(targets: int, length: int, stride: int) -> int:
    return 1 + max(0, -(-(targets - length) // stride))


def _refuse_many(tokens: int, length: int, stride: int) -> None:
    targets = tokens - 1
    count = _count(targets, length, stride)
    if count * length > MAX_VALUES:
        most = MAX_VALUES // length
        least = -(-(targets - length) // (most - 1))
        raise RefusedError(text_files.too_many_windows(count, length, MAX_VALUES, least))
