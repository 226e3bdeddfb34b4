"""For each granularity a sample in which every layer, or what has such units, can be pruned so."""

from __future__ import annotations

from typing import Any

from pruneviz.granularity import GRANULARITIES

MLP, CNN, RESNET = "sample:tumour-mlp", "sample:digits-cnn", "sample:digits-resnet"
NEED_OTHERS = {"head", "expert"}  # of which the samples have none
FITTING = [name for name in GRANULARITIES.names() if name not in NEED_OTHERS]
OTHERS: dict[str, dict[str, Any]] = {
    "depth": {"model": RESNET},
    "n_m": {"model": MLP, "granularity_parameters": {"n": 1, "m": 2}},
    "vector": {"model": CNN},
    "kernel": {"model": CNN},
    "pattern": {"model": CNN},
}


def fitting(granularity: str) -> dict[str, Any]:
    """Return the fields of a plan that prunes a small sample by this granularity."""
    return {"granularity": granularity, **OTHERS.get(granularity, {"model": MLP})}
