"""What a pruning block by block reads: the network's form, its files, its tokenizer and a text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pruneviz.blockwise.choices import Choices
from pruneviz.blockwise.skeleton import Skeleton, wanted_of
from pruneviz.blockwise.stored import StoredTensors
from pruneviz.plan import Plan
from pruneviz.subjects.models.hugging_face.folder import find_folder, told
from pruneviz.subjects.models.hugging_face.load import configuration
from pruneviz.subjects.models.hugging_face.tokenizer import tokenizer_of
from pruneviz.subjects.models.published import library
from pruneviz.subjects.references import parse_data, parse_model
from pruneviz.subjects.texts.windows import read_windows
from pruneviz.tasks.language_modelling import LanguageModelling
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import working


class Opened:
    """A folder's language model without its weights, and the windows of a text.

    `calibration` are tokens of the text's first three quarters, int64 (N, places), `judged_x` and
    `judged_y` windows of the last and what comes next in them. RefusedError where the plan names
    no such folder or text.
    """

    def __init__(self, plan: Plan, choices: Choices) -> None:
        model = parse_model(plan.model)
        if model.kind != "hf":
            raise RefusedError(working.no_folder_of_blocks(plan.model))
        if plan.data is None or parse_data(plan.data).kind != "text":
            raise RefusedError(working.no_text_for_blocks())
        library("transformers", "language")
        self.folder = find_folder(model.name, pretrained=True)
        with told(self.folder):
            network, config = self._empty()
        if network is None:
            raise RefusedError(working.no_folder_of_blocks(plan.model))
        text = config.get_text_config()
        self.width = int(text.hidden_size)
        self.stored = StoredTensors(self.folder, wanted_of(network), str(network.base_model_prefix))
        self.skeleton = Skeleton(network, int(text.num_hidden_layers), self.stored)
        self._read_text(plan.data, int(text.vocab_size), choices)

    def _empty(self) -> tuple[nn.Module | None, Any]:
        import transformers

        config, kind, architecture = configuration(self.folder)
        if kind != "language":
            return None, config
        with torch.device("meta"):
            return getattr(transformers, architecture)._from_config(config).eval(), config

    def _read_text(self, data: str, tokens: int, choices: Choices) -> None:
        reference = parse_data(data)
        try:
            with told(self.folder):
                tokenizer = tokenizer_of(self.folder, tokens)
        except RefusedError as error:  # what a library says of it names no file that helps
            raise RefusedError(working.no_tokenizer_of_blocks(str(self.folder.path))) from error
        cut = read_windows(
            Path(reference.name), tokenizer, tokens, reference.length, reference.stride
        )
        # the last window may be filled up, and a block sees no padding
        whole = cut.train_x[: max(1, len(cut.train_x) - 1)]
        self.calibration = _spread(whole, choices.windows)
        self.judged_x, self.judged_y = cut.x[: choices.judged], cut.y[: choices.judged]
        self.task = LanguageModelling(tokenizer.token_bytes)


def _spread(windows: Tensor, most: int) -> Tensor:
    """Return at most so many windows, at equal distances."""
    return windows[torch.linspace(0, len(windows) - 1, min(most, len(windows))).round().long()]
