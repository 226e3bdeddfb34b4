"""The scales of BatchNorm layers, and whose outputs they scale."""

from __future__ import annotations

from torch import Tensor, nn

from pruneviz.network.inputs import first_input
from pruneviz.statistics.observer import find_norms
from pruneviz.statistics.statistic import STATISTICS, StatisticRequest, Table
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import choosing


@STATISTICS.register(
    name="norm_scales",
    title="BatchNorm scales",
    family="forward",
    sentence="The size of the scale by which BatchNorm multiplies each channel.",
    formula="|γ|",
    source="Liu et al. 2017, arXiv 1708.06519",
    needs=("norms",),
)
def norm_scales(asked: StatisticRequest) -> Table:
    """Return |γ| under each BatchNorm's own name, and spread over the weights that it follows."""
    found = scales(asked)
    following = find_norms(asked.looked_at, first_input(asked.example))
    spread = {
        name: asked.layers[name].by_output(found[norm])
        for name, norm in following.items()
        if name in asked.layers and norm in found
    }
    return {**found, **spread}


def scales(asked: StatisticRequest) -> dict[str, Tensor]:
    """Return |γ| by the BatchNorm's name; ValueError where the model has none with scales."""
    names = {id(parameter): name for name, parameter in asked.model.named_parameters()}
    found = {
        names[id(module.weight)]: module.weight.detach().abs()
        for module in asked.model.modules()
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and id(module.weight) in names
    }
    if not found:
        raise RefusedError(choosing.no_norm_scales(asked.criterion))
    return found
