"""For each granularity a sample in which every layer, or the convolutions, can be pruned so."""

from __future__ import annotations

from typing import Any

MLP, CNN = "sample:tumour-mlp", "sample:digits-cnn"
FITTING: dict[str, dict[str, Any]] = {
    "n_m": {"model": MLP, "granularity_parameters": {"n": 1, "m": 2}},
    "vector": {"model": CNN},
    "kernel": {"model": CNN},
    "pattern": {"model": CNN},
}


def fitting(granularity: str) -> dict[str, Any]:
    """Return the fields of a plan that prunes a small sample by this granularity."""
    return {"granularity": granularity, **FITTING.get(granularity, {"model": MLP})}
