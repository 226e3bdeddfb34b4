"""torchvision's models: pretrained weights where they can be had, seeded random ones otherwise."""

from __future__ import annotations

from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor, nn

from pruneviz.subjects.models.expectation import FRAMES, SIDE, Expectation, Source
from pruneviz.subjects.models.published import NO_ANSWER, first_line, reachable
from pruneviz.subjects.models.weights import fit_weights, other_classes, read_weights
from pruneviz.wording import Fact, RefusedError, opened
from pruneviz.wording.refusals.subjects import opening

RANDOM_SEED = 0
LEFT_OUT = "quantized_"  # integer arithmetic, which has no float weights to prune
FLOW_MEAN = FLOW_STD = (0.5,) * 3  # pixels from -1 to 1
WITH_AUXILIARY = ("googlenet", "inception_v3")
WITH_BACKBONE = (
    "fasterrcnn",
    "maskrcnn",
    "keypointrcnn",
    "fcos",
    "retinanet",
    "ssd",
    "deeplab",
    "fcn",
    "lraspp",
)
# What a model of each of torchvision's folders does.
DOES = {
    "detection": "finds objects in images: for each a box, a class and a score",
    "segmentation": "gives each pixel of an image a class",
    "optical_flow": "follows motion: for each pixel of an image, where it is in a second one",
    "video": "gives a film of {frames} frames a class",
}


def list_torchvision() -> list[str]:
    """Return the names of the torchvision models that can be loaded."""
    import torchvision

    return [n for n in torchvision.models.list_models() if not n.startswith(LEFT_OUT)]


def _every_name() -> list[str]:
    import torchvision

    return list(torchvision.models.list_models())


def load_torchvision(name: str, weights: Path | None, pretrained: bool) -> Source:
    """Return a torchvision model with the given, pretrained or random weights, in that order.

    Without `pretrained` no download is tried. Pretrained weights come from torch's cache or from
    the network; where neither has them, the weights are random, seeded, and labelled so.
    """
    names = list_torchvision()
    if name.startswith(LEFT_OUT) and name in _every_name():
        raise RefusedError(opening.quantised(name, name.removeprefix(LEFT_OUT)))
    if name not in names:
        near = ", ".join(n for n in names if n[:3] == name[:3].lower()) or "resnet18, vit_b_16, …"
        raise RefusedError(opening.no_torchvision(name, near))
    import torchvision

    default = torchvision.models.get_model_weights(name).DEFAULT
    if weights is not None:
        label = "your weights"
        note = opened.colours_not_rescaled() if name in WITH_AUXILIARY else None
        model = _build_for(name, read_weights(weights), weights.name)
    else:
        model, label, note = _build_pretrained(name, default, pretrained)
    return Source(
        model=model,
        title=f"{name} (torchvision)",
        sentence=_sentence(model, name),
        weights_label=label,
        expects=_expectation(default),
        notes=tuple(fact for fact in (note, _not_judged(_folder(name))) if fact),
    )


def _build_pretrained(
    name: str, default: Any, pretrained: bool
) -> tuple[nn.Module, str, Fact | None]:
    """Return the model with its pretrained weights if they can be had, its label and a note."""
    if not pretrained:
        return _build(name), "random weights", opened.random_weights()
    cached = Path(torch.hub.get_dir()) / "checkpoints" / Path(default.url).name
    fault = NO_ANSWER
    if cached.is_file() or reachable(default.url):
        try:
            # torch.load's default refuses everything but tensors.
            return _build(name, weights=default, progress=False), "pretrained", None
        except (UnpicklingError, EOFError):
            fault = f"'{cached.name}' in torch's cache is damaged; remove it"
        except (OSError, RuntimeError) as error:
            fault = first_line(error)
    return _build(name), "random weights", opened.no_pretrained_weights(fault)


def _not_judged(folder: str) -> Fact | None:
    return opened.not_judged(folder) if folder in DOES else None


def _build(name: str, **options: Any) -> nn.Module:
    """Return the architecture with seeded random weights, the caller's random state untouched."""
    import torchvision

    if name.startswith(WITH_BACKBONE) and options.get("weights") is None:
        options["weights_backbone"] = None  # or torchvision downloads a backbone
    if name in WITH_AUXILIARY:
        # The auxiliary classifiers serve training alone.
        options = {"aux_logits": False, "init_weights": True, **options}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(RANDOM_SEED)
        model: nn.Module = torchvision.models.get_model(name, **{"weights": None, **options})
    return model


def _build_for(name: str, tensors: dict[str, Tensor], file: str) -> nn.Module:
    """Return the architecture with as many classes as the given weights have, and these weights."""
    options: dict[str, Any] = {}
    if name in WITH_AUXILIARY and any(k.lower().startswith("aux") for k in tensors):
        options["aux_logits"] = True
    model = _build(name, **options)
    classes = other_classes(model, tensors)
    if classes is not None:
        model = _build(name, num_classes=classes, **options)
    fit_weights(model, tensors, file)
    return model


def _folder(name: str) -> str:
    """Return the folder of torchvision's models in which one is, "" for the image classifiers."""
    import torchvision

    parts = torchvision.models.get_model_builder(name).__module__.split(".")
    return parts[2] if len(parts) > 3 else ""


def _sentence(model: nn.Module, name: str) -> str:
    millions = sum(p.numel() for p in model.parameters()) / 1e6
    does = DOES.get(_folder(name), "").format(frames=FRAMES)
    what = f"{name} {does}" if does else name
    return f"torchvision's {what}, {millions:.1f} M parameters."


def _expectation(default: Any) -> Expectation:
    """Return the input's form from the preprocessing that belongs to the pretrained weights."""
    transforms = default.transforms()
    crop = getattr(transforms, "crop_size", None)
    sides = tuple(int(s) for s in crop) if crop else (SIDE,)
    height, width = sides[0], sides[-1]
    resize = getattr(transforms, "resize_size", None) if crop else None
    is_video = "Video" in type(transforms).__name__
    mean, std = getattr(transforms, "mean", None), getattr(transforms, "std", None)
    mode = getattr(transforms, "interpolation", None)
    if "OpticalFlow" in type(transforms).__name__:
        least = tuple(default.meta["min_size"])  # a whole image would take long at each look
        return Expectation(shape=(3, *least), mean=FLOW_MEAN, std=FLOW_STD, beside=2)
    return Expectation(
        shape=(3, FRAMES, height, width) if is_video else (3, height, width),
        mean=tuple(mean) if mean else None,
        std=tuple(std) if std else None,
        classes=tuple(default.meta.get("categories") or ()),
        resize=int(resize[0]) if resize else None,
        interpolation=str(getattr(mode, "value", "bilinear")),
    )
