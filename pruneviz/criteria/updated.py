"""New values for the weights that stay, from criteria that know how to make up for the others."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from pruneviz.criteria.criterion import CRITERIA, Evidence
from pruneviz.network.masks import Masks, with_parameters
from pruneviz.registry import Value

PRODUCTS = "input_products"


def updates(criterion: str) -> bool:
    """Return whether a criterion gives the weights that stay new values."""
    return CRITERIA.get(criterion).update is not None


def updated(
    model: nn.Module,
    criterion: str,
    settings: Mapping[str, Value],
    masks: Masks,
    evidence: Evidence,
) -> nn.Module:
    """Return a copy of the model whose weights make up for what the masks remove.

    The model itself, where the criterion knows no such update. Weights under no mask stay, and so
    do biases, norms, and everything of a layer that loses nothing.
    """
    entry = CRITERIA.get(criterion)
    touched = {name: mask for name, mask in masks.items() if not bool(mask.all())}
    if entry.update is None or not touched:
        return model
    values = entry.settings(settings)
    parameters, replaced = dict(model.named_parameters()), dict[str, Tensor]()
    for name, mask in touched.items():
        if name not in evidence.layers:
            continue
        layer, products = evidence.layers[name], evidence.statistic(PRODUCTS, name)
        weight, keep = layer.matrix(parameters[name].detach()), layer.matrix(mask)
        groups = zip(weight, keep, products, strict=True)
        found = torch.stack([entry.update(w, k, xx, **values) for w, k, xx in groups])
        replaced[name] = layer.weight(found).to(parameters[name].dtype)
    return with_parameters(model, replaced)
