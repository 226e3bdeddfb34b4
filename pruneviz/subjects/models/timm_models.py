"""timm's models: your weights, published ones where they can be had, else seeded random ones."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pruneviz.subjects.models.expectation import Expectation, Source
from pruneviz.subjects.models.published import NO_ANSWER, first_line, hub_file, library, reachable
from pruneviz.subjects.models.weights import fit_weights, other_classes, read_weights
from pruneviz.wording import Fact, RefusedError, opened
from pruneviz.wording.refusals.subjects import opening

RANDOM_SEED = 0
WEIGHTS = ("model.safetensors", "pytorch_model.bin")  # as the hub has them, the first before
INTERPOLATIONS = ("nearest", "bilinear", "bicubic")


def load_timm(name: str, weights: Path | None, pretrained: bool) -> Source:
    """Return a timm model with the given, published or random weights, in that order.

    Without `pretrained` no download is tried. Published weights come from the hub's cache or from
    the network; where neither has them, the weights are random, seeded, and labelled so. Only names
    that timm itself lists are opened: none that would fetch a stranger's files.
    """
    timm = library("timm", "timm")
    config = _config(timm, name)
    if weights is not None:
        model, label, note = _build_for(timm, name, read_weights(weights), weights.name), "", None
    else:
        model, label, note = _build_published(timm, name, config, pretrained)
    millions = sum(p.numel() for p in model.parameters()) / 1e6
    return Source(
        model=model,
        title=f"{name} (timm)",
        sentence=f"timm's {name}, {millions:.1f} M parameters.",
        weights_label=label or "your weights",
        expects=_expectation(timm, model),
        notes=(note,) if note else (),
    )


def _config(timm: Any, name: str) -> Any:
    """Return what timm says of the published weights; RefusedError for names it does not list."""
    architecture, _, tag = name.partition(".")
    if not timm.is_model(architecture):
        near = timm.list_models(f"{architecture[:5].lower()}*")[:10] or ["resnet18", "vit_tiny_…"]
        raise RefusedError(opening.no_timm(name, ", ".join(near)))
    tags = [each.partition(".")[2] for each in timm.list_pretrained(f"{architecture}.*")]
    if tag and tag not in tags:
        raise RefusedError(opening.no_timm_tag(architecture, tag, ", ".join(tags) or "none"))
    return timm.get_pretrained_cfg(name)


def _build(timm: Any, name: str, **options: Any) -> nn.Module:
    """Return the architecture with seeded random weights, the caller's random state untouched."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(RANDOM_SEED)
        model: nn.Module = timm.create_model(name, **options)
    return model


def _build_for(timm: Any, name: str, tensors: dict[str, Tensor], file: str) -> nn.Module:
    """Return the architecture with as many classes as the given weights have, and these weights."""
    model = _build(timm, name)
    classes = other_classes(model, tensors)
    if classes is not None:
        model = _build(timm, name, num_classes=classes)
    fit_weights(model, tensors, file)
    return model


def _build_published(
    timm: Any, name: str, config: Any, pretrained: bool
) -> tuple[nn.Module, str, Fact | None]:
    """Return the model with its published weights if they can be had, its label and a note."""
    if not pretrained:
        return _build(timm, name), "random weights", opened.random_weights()
    if not config.has_weights:
        return _build(timm, name), "random weights", opened.no_pretrained_weights("timm has none")
    fault = NO_ANSWER
    if _is_there(config):
        try:
            # timm reads safetensors where there are any, else with torch's reader of tensors alone
            return _build(timm, name, pretrained=True), "pretrained", None
        # What a library, a server and a damaged file can raise between them is without end.
        except Exception as error:
            fault = first_line(error)
    return _build(timm, name), "random weights", opened.no_pretrained_weights(fault)


def _is_there(config: Any) -> bool:
    """Say whether published weights lie in the hub's cache, or their server answers."""
    if not config.hf_hub_id:
        return reachable(config.url)
    from huggingface_hub import try_to_load_from_cache

    files = [config.hf_hub_filename] if config.hf_hub_filename else WEIGHTS
    if any(isinstance(try_to_load_from_cache(config.hf_hub_id, file), str) for file in files):
        return True
    return reachable(hub_file(config.hf_hub_id, files[0]))


def _expectation(timm: Any, model: nn.Module) -> Expectation:
    """Return the input's form from timm's own preprocessing for the model."""
    data = timm.data.resolve_model_data_config(model)
    interpolation = data["interpolation"]
    shape = tuple(int(size) for size in data["input_size"])
    cut = data["crop_mode"] == "center"  # the other modes take in the whole image
    return Expectation(
        shape=shape,
        mean=tuple(data["mean"]),
        std=tuple(data["std"]),
        classes=_classes(timm, model),
        resize=math.floor(min(shape[1:]) / data["crop_pct"]) if cut else None,
        interpolation=interpolation if interpolation in INTERPOLATIONS else "bicubic",
    )


def _classes(timm: Any, model: nn.Module) -> tuple[str, ...]:
    """Return the names of ImageNet's 1,000 classes where they are the model's, else ()."""
    if timm.data.infer_imagenet_subset(model) != "imagenet-1k":
        return ()
    import torchvision

    categories = torchvision.models.ResNet18_Weights.DEFAULT.meta["categories"]
    return tuple(map(str, categories))
