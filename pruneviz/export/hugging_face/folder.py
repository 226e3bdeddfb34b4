"""Write a pruned network of transformers as a folder that it opens by itself, and open it again."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pruneviz.export.hugging_face.blocks import Stage, renamed, stages_of
from pruneviz.export.hugging_face.scales import keep_scales, with_frequencies
from pruneviz.export.hugging_face.sizes import Settings, Trial, fits, without_blocks
from pruneviz.network.duplicate import duplicate
from pruneviz.network.inputs import Given, call
from pruneviz.subjects.models.hugging_face.folder import Folder, told
from pruneviz.subjects.models.hugging_face.scores import Scores
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import exporting

TOLERANCE = 1e-5  # relative to the largest output
ROUNDING = 1e-3  # what single precision may make of the last digits, layer by layer
CARRIED = (
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
    "vocab.json", "vocab.txt", "merges.txt", "tokenizer.model", "spiece.model",
    "sentencepiece.bpe.model", "chat_template.jinja", "chat_template.json",
    "generation_config.json", "preprocessor_config.json",
)  # fmt: skip


def write_hugging_face(
    directory: Path,
    original: nn.Module,
    small: nn.Module,
    bypassed: Sequence[str],
    example: Given,
    source: Folder,
) -> tuple[Path, ...]:
    """Write a network that was cut from `original` into an empty folder, and return its files.

    `bypassed` are the blocks that are left out, `example` inputs on which the folder, opened again,
    must answer as the network does; `source` is the folder that the original came from, whose
    tokenizer goes along. RefusedError where no configuration describes the network.
    """
    inner, cut = _of_transformers(original), _of_transformers(small)
    start = "" if inner is original else "network."
    stages = stages_of(inner, [path.removeprefix(start) for path in bypassed])
    with told(source):
        made = _made(inner, cut, stages, small, example)
        made.save_pretrained(directory)
        _carry(source, directory)
        options = {"local_files_only": True, "trust_remote_code": False}
        again = type(made).from_pretrained(directory, dtype=torch.float32, **options).eval()
    error = _difference(small, again, example)
    if not error <= TOLERANCE:
        raise RefusedError(exporting.folder_differs(error))
    return tuple(sorted(directory.iterdir()))


def _of_transformers(model: nn.Module) -> Any:
    """Return the network that transformers made, out of what takes its scores."""
    from transformers import PreTrainedModel

    inner = model.network if isinstance(model, Scores) else model
    if not isinstance(inner, PreTrainedModel):
        raise RefusedError(exporting.not_of_transformers())
    return inner


def _made(inner: Any, cut: Any, stages: Sequence[Stage], small: nn.Module, example: Given) -> Any:
    """Return a network that its configuration describes wholly, and that answers as `small`."""
    kind, trial = type(inner), Trial(type(inner))
    state = {renamed(name, stages): tensor for name, tensor in cut.state_dict().items()}
    tensors = {name: tensor for name, tensor in state.items() if name is not None}
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    settings = inner.config.to_dict()
    if hasattr(kind.config_class(), "use_cache"):
        settings["use_cache"] = kind.config_class().use_cache  # it was switched off to be looked at
    if stages:
        settings = without_blocks(trial, settings, stages, set(shapes))
    errors = []
    for each in fits(trial, settings, shapes):
        try:
            made = _filled(trial, each, cut, stages, tensors)
            errors.append(_difference(small, made, example))
        # Sizes that fit may be shared out otherwise among heads, and what a class raises then is
        # without end.
        except Exception:
            errors.append(float("inf"))
            continue
        if errors[-1] <= TOLERANCE:
            return made
    raise RefusedError(exporting.folder_differs(min(errors)))


def _filled(
    trial: Trial, settings: Settings, cut: Any, stages: Sequence[Stage], tensors: dict[str, Tensor]
) -> Any:
    """Return a network of these settings with a cut one's weights, frequencies and scales."""
    made = _of(type(cut), trial.config(settings), tensors)
    listed = with_frequencies(settings, cut, made)
    if listed is not settings:
        made = _of(type(cut), trial.config(listed), tensors)
    keep_scales(cut, made, lambda path: renamed(path, stages))
    return made


def _of(kind: Any, config: Any, tensors: dict[str, Tensor]) -> Any:
    own = {name: tensor.detach().clone() for name, tensor in tensors.items()}
    config._attn_implementation = "sdpa" if kind._supports_sdpa else "eager"
    made = kind.from_pretrained(None, config=config, state_dict=own, dtype=torch.float32)
    return made.eval().requires_grad_(False)


def _difference(small: nn.Module, made: nn.Module, example: Given) -> float:
    """Return the largest difference of scores, relative to the largest.

    Many layers make much of the last digits: where these alone may differ, doubles are compared.
    """
    other = type(small)(made) if isinstance(small, Scores) else made
    error = _relative(small, other, example)
    if TOLERANCE < error < ROUNDING:
        error = _relative(duplicate(small).double(), duplicate(other).double(), example)
    return error


def _relative(one: nn.Module, other: nn.Module, example: Given) -> float:
    with torch.inference_mode():
        expected, found = _scores(call(one, example)), _scores(call(other, example))
    if expected.shape != found.shape:
        return float("inf")
    return float((expected - found).abs().max()) / max(float(expected.abs().max()), 1e-12)


def _scores(output: Any) -> Tensor:
    scores: Tensor = output if isinstance(output, Tensor) else output["logits"]
    return scores


def _carry(source: Folder, directory: Path) -> None:
    """Copy the files of a tokenizer and of what is said about generating; never code.

    A GGUF file has its tokenizer inside.
    """
    for name in CARRIED:
        if (source.path / name).is_file():
            shutil.copyfile(source.path / name, directory / name)
    if source.gguf:
        from transformers import AutoTokenizer

        AutoTokenizer.from_pretrained(source.path, **source.options).save_pretrained(directory)


__all__ = ["write_hugging_face"]
