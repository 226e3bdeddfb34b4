"""Images in bytes that are a tensor to everybody: its numbers are made when they are asked for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, Self, overload

import torch
from torch import Tensor
from torch.utils._pytree import tree_map_only

WHITE = 255.0
WHOLE_BYTES = 2**28  # of numbers: fewer are made at once, and are a tensor like any other
ROUNDING = 1e-5  # of the largest number: what single precision leaves of a mean taken off
AT_ONCE = 4_000_000  # numbers that are made at a time
PROPERTIES = (
    "shape", "dtype", "device", "ndim", "layout", "requires_grad", "is_leaf", "nbytes", "itemsize",
    "is_cuda", "is_sparse", "is_meta", "is_quantized", "is_nested", "is_mps", "is_mkldnn",
)  # fmt: skip
METHODS = (
    "__len__", "dim", "size", "numel", "nelement", "element_size", "is_floating_point",
    "is_complex", "is_contiguous", "stride", "type", "is_inference", "__hash__", "get_device",
)  # fmt: skip


class Rows(Protocol):
    """Where the bytes of images lie."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, C, H, W)."""

    @property
    def digests(self) -> Tensor | None:
        """By what each image is known, uint8 (N, 32); None where it is by its bytes."""

    def read(self, which: Tensor) -> Tensor:
        """Return the images of these numbers, uint8 (B, C, H, W)."""


@dataclass(frozen=True, eq=False)
class InMemory:
    """Bytes (N, C, H, W) that memory holds."""

    values: Tensor
    digests: None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, C, H, W)."""
        return tuple(self.values.shape)

    def read(self, which: Tensor) -> Tensor:
        """Return the images of these numbers, uint8 (B, C, H, W)."""
        return self.values[which]


@dataclass(frozen=True, eq=False)
class Form:
    """What numbers are made of bytes: (byte / 255 - mean) / std by channel, in single precision.

    They are then brought to a precision and a device.
    """

    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    dtype: torch.dtype = torch.float32
    device: str = "cpu"

    def of(self, values: Tensor) -> Tensor:
        """Return the numbers of bytes (B, C, H, W)."""
        found = torch.div(values, WHITE)
        if self.mean is not None and self.std is not None:
            mean, std = (torch.tensor(each).view(1, -1, 1, 1) for each in (self.mean, self.std))
            found = found.sub_(mean).div_(std)
        return found.to(self.device, self.dtype)


class StoredImages(Tensor):
    """Images (N, C, H, W) of floating point, each made of its bytes when it is asked for.

    Some of them, by a slice or by their numbers, are a plain tensor where they are few, and are
    stored images otherwise, as are those in another precision or on another device. Every other
    operation makes all of them first. Nothing writes to them: RuntimeError.
    """

    rows: Rows
    chosen: Tensor
    form: Form

    @staticmethod
    def __new__(cls, rows: Rows, chosen: Tensor | None = None, form: Form | None = None) -> Self:
        """Return the images `chosen` by their numbers, int64 (N,), of those in `rows`."""
        chosen = torch.arange(rows.shape[0]) if chosen is None else chosen
        form = form or Form()
        made = Tensor._make_wrapper_subclass(
            cls, (len(chosen), *rows.shape[1:]), dtype=form.dtype, device=torch.device(form.device)
        )
        made.rows, made.chosen, made.form = rows, chosen, form
        return made

    def __repr__(self, **_: Any) -> str:  # type: ignore[override]
        return f"StoredImages{tuple(self.shape)}"

    def normalised(self, mean: tuple[float, ...], std: tuple[float, ...]) -> StoredImages:
        """Return the same images as (byte / 255 - mean) / std by channel."""
        return StoredImages(self.rows, self.chosen, replace(self.form, mean=mean, std=std))

    def extremes(self) -> Tensor:
        """Return what black and white come to, (2, C, 1, 1): all other numbers lie between."""
        ends = torch.tensor([0, int(WHITE)], dtype=torch.uint8).view(2, 1, 1, 1)
        return self.form.of(ends.expand(2, self.shape[1], 1, 1))

    def average(self) -> Tensor:
        """Return the mean by channel, (1, C, 1, 1); 0 for what is left of a mean taken off."""
        total = torch.zeros(1, self.shape[1], 1, 1, dtype=torch.float64)
        largest = torch.zeros_like(total)
        for part in self.parts():
            total += part.sum((0, 2, 3), keepdim=True, dtype=torch.float64).cpu()
            largest = torch.maximum(largest, part.abs().amax((0, 2, 3), True).cpu())
        mean = total / (self.numel() // self.shape[1])
        return torch.where(mean.abs() <= ROUNDING * largest, 0.0, mean).to(self.form.dtype)

    def known_by(self) -> Iterator[Tensor]:
        """Yield what a digest of the images is made of: their numbers, or what stands for them."""
        digests = self.rows.digests
        if digests is None:
            yield from self.parts()
            return
        yield digests[self.chosen]
        yield torch.tensor((self.form.mean or (), self.form.std or ()), dtype=torch.float64)

    def parts(self) -> Iterator[Tensor]:
        """Yield all images in their order, some at a time, as plain tensors."""
        size = max(1, AT_ONCE // max(1, self.shape[1:].numel()))
        for which in self.chosen.split(size):
            yield self.form.of(self.rows.read(which))

    def whole(self) -> Tensor:
        """Return all images as a plain tensor."""
        found = torch.empty(self.shape, dtype=self.form.dtype, device=self.form.device)
        start = 0
        for part in self.parts():
            found[start : start + len(part)] = part
            start += len(part)
        return found

    def taken(self, chosen: Tensor) -> Tensor:
        """Return those of these numbers in `rows`, as a plain tensor where they are few."""
        found = StoredImages(self.rows, chosen, self.form)
        few = found.numel() * found.element_size() <= WHOLE_BYTES
        return found.whole() if few else found

    @classmethod
    def __torch_function__(
        cls,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        with torch._C.DisableTorchFunctionSubclass():
            if func in DESCRIBING:
                return func(*args, **kwargs)
            if func in LAZY and isinstance(args[0], cls):
                found = LAZY[func](*args, **kwargs)
                if found is not None:
                    return found
            if func in WRITING or IN_PLACE.fullmatch(func.__name__):
                raise RuntimeError(f"{func.__name__} would write to images that are only read")
            args, kwargs = tree_map_only(cls, cls.whole, (args, dict(kwargs)))
            return func(*args, **kwargs)

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]
        cls,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        # what reaches an operator without a function of torch's before it, as in compiled code
        args, kwargs = tree_map_only(cls, cls.whole, (args, dict(kwargs or {})))
        return func(*args, **kwargs)


@dataclass(frozen=True, eq=False)
class Parts(Sequence[Tensor]):
    """What stored images are split into: each part is a plain tensor, made when its turn comes."""

    images: StoredImages
    chosen: tuple[Tensor, ...]

    def __len__(self) -> int:
        return len(self.chosen)

    @overload
    def __getitem__(self, place: int) -> Tensor: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Tensor]: ...
    def __getitem__(self, place: int | slice) -> Tensor | Sequence[Tensor]:
        if isinstance(place, slice):
            return Parts(self.images, self.chosen[place])
        return StoredImages(self.images.rows, self.chosen[place], self.images.form).whole()


def _getitem(x: StoredImages, which: Any) -> Tensor | None:
    if isinstance(which, int):
        return StoredImages(x.rows, x.chosen[which].view(1), x.form).whole()[0]
    if isinstance(which, Tensor):
        which = which.cpu()
    elif not isinstance(which, slice | list):
        return None
    chosen = x.chosen[which]
    return x.taken(chosen) if chosen.dim() == 1 else None


def _split(x: StoredImages, size: int, dim: int = 0) -> Parts | None:
    return None if dim else Parts(x, x.chosen.split(size))


def _same(x: StoredImages) -> Tensor:
    return x


def _to(x: StoredImages, *where: Any, **named: Any) -> Tensor | None:
    values = (*where, *named.values())
    if not all(isinstance(each, torch.dtype | torch.device | str) for each in values):
        return None
    form = x.form
    for each in values:
        if not isinstance(each, torch.dtype):
            form = replace(form, device=str(each))
        elif each.is_floating_point:
            form = replace(form, dtype=each)
        else:
            return None
    return StoredImages(x.rows, x.chosen, form)


LAZY: Mapping[Any, Callable[..., Any]] = {
    Tensor.__getitem__: _getitem,
    Tensor.split: _split,
    Tensor.detach: _same,
    Tensor.contiguous: _same,
    Tensor.to: _to,
    Tensor.cpu: lambda x: _to(x, "cpu"),
    Tensor.float: lambda x: _to(x, torch.float32),
    Tensor.double: lambda x: _to(x, torch.float64),
}
DESCRIBING = {
    *(getattr(Tensor, name).__get__ for name in PROPERTIES),
    *(getattr(Tensor, name) for name in METHODS),
}
WRITING = {Tensor.__setitem__}
IN_PLACE = re.compile(r"[a-z]\w*_")
