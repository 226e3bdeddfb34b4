"""How a network is looked at: a copy that shares its tensors, on one path, call by call."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from functools import cache
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from pruneviz.network.cuttable_forms import make_explicit
from pruneviz.network.duplicate import sharing
from pruneviz.network.plain_layers import call_as_linear

REGIONS = 16
NO_THRESHOLD = -1.0  # every score is above it
SIDE = 128  # pixels: what a detector that resizes its inputs is studied with


class OperatorMode(TorchDispatchMode):
    """Sees each operator that runs while it is on."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Return False: or torch imports its compiler, for seconds, just to switch it off."""
        return False


def study(model: nn.Module, others: Mapping[int, Tensor] = MappingProxyType({})) -> nn.Module:
    """Return a copy with the same tensors, so that hooks and sizes of it are nobody else's.

    `others` gives by identity the tensors that stand there instead. The copy is in eval mode
    whatever the model is in, its attention in the form that can be cut, and all its linear layers
    call `linear`, whichever way their weights lie. A detector that resizes
    its inputs gets small ones, and reports even what it doubts: what goes together does not depend
    on it, and an answer without any box proves nothing.
    """
    return studied(sharing(model, others), model)


def studied(own: nn.Module, model: nn.Module) -> nn.Module:
    """Make `own`, a copy that is nobody else's, one that is looked at as `study` says."""
    make_explicit(own, model)
    call_as_linear(own)
    for module in own.modules():
        _look_at_little(module)
    return own.eval()


def _look_at_little(module: nn.Module) -> None:
    """Give a part of torchvision's detectors small images, few regions and no doubts."""
    own = vars(module)  # what a module does not have, it takes long to say
    sizes = own.get("min_size"), own.get("max_size")
    if isinstance(sizes[0], tuple) and isinstance(sizes[1], int) and sizes[1] > SIDE:
        _set(module, min_size=(SIDE,), max_size=SIDE)
    if isinstance(own.get("score_thresh"), float):
        _set(module, score_thresh=NO_THRESHOLD)
    if isinstance(own.get("detections_per_img"), int):
        _set(module, detections_per_img=REGIONS)
    if isinstance(own.get("_post_nms_top_n"), dict):
        _set(module, _post_nms_top_n={"training": REGIONS, "testing": REGIONS})


def _set(module: nn.Module, **values: object) -> None:
    for name, value in values.items():
        setattr(module, name, value)


@cache
def name_of(op: Any) -> str:
    """Return an operator's name without its overload."""
    return str(op.overloadpacket.__name__)


class Counted:
    """Names the operator calls of a forward pass: `mean#3` is the fourth call of `mean`."""

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()

    def key(self, op: Any) -> str:
        """Return the name of this call, and count it."""
        name = name_of(op)
        self._seen[name] += 1
        return f"{name}#{self._seen[name] - 1}"


@contextmanager
def path_through(
    model: nn.Module,
    owners: list[str],
    failed: list[str] | None = None,
    taken: dict[str, Any] | None = None,
) -> Iterator[None]:
    """Keep in `owners` the paths of the modules that are under way, the innermost last.

    Those that an error ends are put into `failed`, the innermost first; what each is called with is
    in `taken` while it is under way.
    """
    hooks = []

    def entering(path: str) -> Any:
        def enter(_: nn.Module, args: Any, kwargs: Any) -> None:
            owners.append(path)
            if taken is not None:
                taken[path] = (args, kwargs)

        return enter

    def leaving(module: Any, args: Any, out: Any) -> None:
        path = owners.pop()
        if taken is not None:
            taken.pop(path, None)
        if failed is not None and (failed or sys.exc_info()[0] is not None or out is None):
            failed.append(path)

    try:
        for path, module in model.named_modules():
            hooks.append(module.register_forward_pre_hook(entering(path), with_kwargs=True))
            hooks.append(module.register_forward_hook(leaving, always_call=True))
        yield
    finally:
        for hook in hooks:
            hook.remove()


@contextmanager
def where(model: nn.Module, failed: list[str]) -> Iterator[None]:
    """Put the path of the module in which a forward pass fails into `failed`."""
    owners: list[str] = []
    with path_through(model, owners, failed):
        yield


@contextmanager
def slowly(model: nn.Module) -> Iterator[None]:
    """Switch off torch's fused shortcuts of whole layers, through which nothing can be followed."""
    before = torch.backends.mha.get_fastpath_enabled()
    recurrent = any(isinstance(module, nn.RNNBase) for module in model.modules())
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with torch.backends.mkldnn.flags(enabled=False) if recurrent else nullcontext():
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)
