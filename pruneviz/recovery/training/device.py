"""Where a recovery computes: one device, or several processes, by Lightning Fabric."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import training

if TYPE_CHECKING:
    from lightning_fabric import Fabric

DEVICES = ("cpu", "auto", "cuda")
PRECISIONS = ("32-true", "bf16-mixed")


def torch_device(device: str) -> torch.device:
    """Return the device that a name means; ValueError where it is unknown or not there."""
    if device not in DEVICES:
        raise RefusedError(training.unknown_device(device, DEVICES))
    if device == "cuda" and not torch.cuda.is_available():
        raise RefusedError(training.no_cuda())
    return torch.device("cuda" if device != "cpu" and torch.cuda.is_available() else "cpu")


def device_name(device: torch.device) -> str:
    """Return what a device is called: "cpu", or "cuda: " and the card's name."""
    if device.type != "cuda":
        return device.type
    return f"cuda: {torch.cuda.get_device_name(device)}"


def world_size() -> int:
    """Return how many processes train together: those that `torchrun` started, else one."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def make_fabric(device: str, precision: str) -> Fabric:
    """Return the Fabric of this process: one device, or its part under `torchrun`."""
    from lightning_fabric import Fabric  # here, because importing it takes seconds

    where = torch_device(device)
    world = world_size()
    local = int(os.environ.get("LOCAL_WORLD_SIZE", str(world)))
    fabric = Fabric(
        accelerator=where.type,
        devices=local,
        num_nodes=world // local,
        strategy="ddp" if world > 1 else "auto",
        precision=precision,  # type: ignore[arg-type]
    )
    if world > 1:
        fabric.launch()
    return fabric


def everywhere(fabric: Fabric, value: Tensor, how: str) -> Tensor:
    """Return the sum or mean of a value over all processes, so that all decide alike."""
    if fabric.world_size == 1:
        return value
    together = fabric.all_reduce(value.clone(), reduce_op=how)
    assert isinstance(together, Tensor)
    return together
