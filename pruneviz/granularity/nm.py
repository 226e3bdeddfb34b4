"""N:M: of every M consecutive inputs N stay, which some hardware multiplies faster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from pruneviz.granularity.matrix import Axes, LeftOutError, MatrixView
from pruneviz.granularity.tiles import tiled
from pruneviz.granularity.units import GRANULARITIES, NO_INTERPRETATIONS, Found, Interpretations
from pruneviz.registry import Parameter
from pruneviz.wording import RefusedError, unseen
from pruneviz.wording.refusals import choosing


@dataclass(frozen=True)
class BestOf:
    """The rule of N:M: of a group's scores the `stay` highest stay; of equals the later ones."""

    of: int
    stay: int

    def spared(self, scores: Tensor) -> Tensor:
        """Return where the highest scores of each group are, bool (groups, of)."""
        order = scores.argsort(dim=1, stable=True)
        spared = torch.ones(scores.shape, dtype=torch.bool)
        return spared.scatter_(1, order[:, : self.of - self.stay], False)


@GRANULARITIES.register(
    name="n_m",
    title="N:M",
    family="semi-structured",
    sentence="Of every M consecutive inputs N stay, so 1 − N/M of the weights go at most; a "
    "smaller amount prunes the groups of the lowest scores and leaves the others whole.",
    formula="unit = one weight; in each group of M inputs (at one kernel place) M − N go together",
    source="Mishra et al. 2021, arXiv 2104.08378",
    unit="weight",
    parameters=(
        Parameter(
            name="n",
            label="N that stay",
            default=2,
            minimum=1,
            maximum=63,
            help="How many of a group stay.",
        ),
        Parameter(
            name="m",
            label="of M inputs",
            default=4,
            minimum=2,
            maximum=64,
            help="How many inputs are a group.",
        ),
    ),
)
def n_of_m(
    model: nn.Module,
    example: Any,
    interpretations: Interpretations = NO_INTERPRETATIONS,
    n: int = 2,
    m: int = 4,
) -> Found:
    """Return all weights in groups of M inputs; layers whose inputs M does not divide stay whole.

    Unit u is the u-th weight with the kernel's places before the inputs. ValueError unless n < m.
    """
    if n >= m:
        raise RefusedError(choosing.all_of_a_group(n, m))

    def see(layer: Axes) -> tuple[MatrixView, BestOf]:
        if layer.width % m:
            raise LeftOutError(unseen.not_divided(layer.width, m))
        view = layer.view(layer.columns, (1, 1), lines=m, inputs_last=True)
        return view, BestOf(m, n)

    return tiled(model, see)
