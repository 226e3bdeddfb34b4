"""What a network of several inputs, or of tokens, was given, in words beside its answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
import torch
from torch import Tensor

from pruneviz.network.inputs import Inputs, is_batched
from pruneviz.subjects.subject import Data
from pruneviz.subjects.texts.tokenizer import Tokenizer

LONGEST = 300  # characters of a text
FEW = 6  # numbers of one input that are written out
READ = "input_ids"  # as transformers calls the tokens of a text


def beside(table: pd.DataFrame, data: Data, tokenizer: Tokenizer | None) -> pd.DataFrame:
    """Return a table of inputs, by their "index", with what each was given.

    That is a column for each tensor; nothing of one tensor of numbers, which other figures draw.
    Tokens are a text where there is a tokenizer; masks of ones and zeros are left out beside them.
    """
    if data.kind not in ("several", "text"):
        return table
    found = _columns(data, tokenizer, table["index"].tolist())
    names = {name: f"given {name}" if name in table.columns else name for name in found}
    return table.assign(**{names[name]: values for name, values in found.items()})


def _columns(
    data: Data, tokenizer: Tokenizer | None, indices: Sequence[int]
) -> Mapping[str, list[str]]:
    named = data.x.named() if isinstance(data.x, Inputs) else [(READ, data.x)]
    rows = {name: leaf[indices] for name, leaf in named if is_batched(leaf)}
    found = {}
    for name, leaf in rows.items():
        if tokenizer is not None and READ in rows and name != READ and _is_mask(leaf):
            continue
        if name == READ and tokenizer is not None:
            mask = rows.get("attention_mask", torch.ones_like(leaf)) > 0
            texts = [tokenizer.decode(r[m].tolist()) for r, m in zip(leaf, mask, strict=True)]
            found["text"] = [each[:LONGEST] + "…" * (len(each) > LONGEST) for each in texts]
        else:
            found[name] = [_in_words(row) for row in leaf]
    return found


def _is_mask(rows: Tensor) -> bool:
    return not rows.is_floating_point() and bool(((rows == 0) | (rows == 1)).all())


def _in_words(row: Tensor) -> str:
    """Return few numbers as they are, of many their form and between which values they lie."""
    if row.numel() <= FEW:
        return ", ".join(f"{value:.4g}" for value in row.flatten().tolist())
    form = " × ".join(map(str, row.shape))
    return f"{form} numbers, {row.min().item():.4g} to {row.max().item():.4g}"
