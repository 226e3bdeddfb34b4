"""Importance from what a layer's answers lose, and new values for the weights that stay."""

from __future__ import annotations

import torch
from torch import Tensor

from pruneviz.criteria.criterion import CRITERIA, Evidence
from pruneviz.criteria.reduce import reduce_layers, reduction
from pruneviz.granularity.units import Units
from pruneviz.registry import Parameter

MOST_INPUTS = Parameter(
    name="most_inputs",
    default=4608,
    minimum=1,
    maximum=65_536,
    unit="inputs",
    help="Layers that read more inputs are refused: memory grows with the square of them.",
)
DAMPING = Parameter(
    name="damping",
    default=0.01,
    minimum=1e-8,
    maximum=10.0,
    help="What is added to the diagonal of H, as a fraction of its mean.",
)


def hessian(products: Tensor, damping: float) -> Tensor:
    """Return H = 2·XᵀX / N + λ·I of a layer's inputs, (…, columns, columns), float64.

    λ is `damping` times the mean of the diagonal; where nothing was ever read, H is I.
    """
    found = 2 * products.double()
    mean = found.diagonal(dim1=-2, dim2=-1).mean(-1)
    added = torch.where(mean > 0, damping * mean, 1.0)
    return found + torch.diag_embed(added[..., None].expand(found.shape[:-1]))


def _inverse(products: Tensor, damping: float) -> Tensor:
    return torch.cholesky_inverse(torch.linalg.cholesky(hessian(products, damping)))


def obs_update(
    weight: Tensor, keep: Tensor, products: Tensor, damping: float, **settings: object
) -> Tensor:
    """Return the weights that stay, with what makes the layer's answers differ least.

    `weight`, `keep` are (outputs, columns), `products` (columns, columns). Row by row,
    w_S + H_SS⁻¹·H_SP·w_P: removing P one by one, each with its optimal update, ends there too.
    """
    matrix = hessian(products, damping)
    updated = torch.zeros_like(weight, dtype=torch.float64)
    for row, stays in enumerate(keep):
        gone = ~stays
        if bool(stays.any()):
            old = weight[row].double()
            pull = matrix[stays][:, gone] @ old[gone]
            lower = torch.linalg.cholesky(matrix[stays][:, stays])
            updated[row, stays] = old[stays] + torch.cholesky_solve(pull[:, None], lower)[:, 0]
    return updated


@CRITERIA.register(
    name="obs",
    title="Optimal brain surgeon",
    family="reconstruction",
    sentence="Removes what the rest of its layer can make up for, and lets the rest make up for "
    "it where single weights are set to zero.",
    formula="w_q² / [H⁻¹]_qq, H = 2·XᵀX + λ·I; then w_S ← w_S + H_SS⁻¹·H_SP·w_P",
    source="Hassibi and Stork 1993; Frantar and Alistarh 2022, arXiv 2208.11580",
    needs=("input_products",),
    parameters=(DAMPING, MOST_INPUTS, reduction("sum")),
    update=obs_update,
    cost="each layer",
)
def obs(
    units: Units, evidence: Evidence, damping: float, most_inputs: int, reduction: str
) -> Tensor:
    """Return the error in the layer's answers without each weight, the others making up for it."""

    def values(name: str) -> Tensor:
        inverse = _inverse(evidence.statistic("input_products", name), damping)
        spread = evidence.layer(name).by_column(inverse.diagonal(dim1=-2, dim2=-1))
        return evidence.weights[name].double().square() / spread

    return reduce_layers(units, evidence, values, reduction)


def sparsegpt_update(
    weight: Tensor, keep: Tensor, products: Tensor, damping: float, block: int, **settings: object
) -> Tensor:
    """Return the weights that stay, updated column by column, in blocks of columns.

    `weight`, `keep` are (outputs, columns), `products` (columns, columns). What a removed weight
    leaves undone is taken over by the columns after it; the size of a block changes no result.
    """
    upper = torch.linalg.cholesky(_inverse(products, damping), upper=True)
    updated, columns = weight.double().clone(), weight.shape[1]
    for start in range(0, columns, block):
        stop = min(start + block, columns)
        errors = torch.zeros(len(weight), stop - start, dtype=torch.float64)
        for at in range(start, stop):
            left = torch.where(keep[:, at], 0.0, updated[:, at]) / upper[at, at]
            updated[:, at:stop] -= left[:, None] * upper[at, at:stop]
            errors[:, at - start] = left
        updated[:, stop:] -= errors @ upper[start:stop, stop:]
    return updated.masked_fill(~keep, 0.0)


@CRITERIA.register(
    name="sparsegpt",
    title="SparseGPT",
    family="reconstruction",
    sentence="As optimal brain surgeon, in one sweep over the columns: fast on wide layers. The "
    "weights that stay make up for those that are set to zero.",
    formula="w_q² / [chol(H⁻¹)]_qq², H = 2·XᵀX + λ·I; then column by column w ← w − e·chol(H⁻¹)",
    source="Frantar and Alistarh 2023, arXiv 2301.00774",
    needs=("input_products",),
    parameters=(
        DAMPING,
        Parameter(
            name="block",
            label="Updated at a time",
            default=128,
            minimum=1,
            maximum=65_536,
            unit="columns",
            help="How many columns are updated at a time: it changes the time, not the result.",
        ),
        MOST_INPUTS,
        reduction("sum"),
    ),
    update=sparsegpt_update,
    cost="each layer",
)
def sparsegpt(
    units: Units,
    evidence: Evidence,
    damping: float,
    block: int,
    most_inputs: int,
    reduction: str,
) -> Tensor:
    """Return the error without each weight if the columns after it make up for it.

    The paper chooses the mask block by block on weights updated so far; here all are ranked on the
    original weights, so that amounts and locks hold, and the updates follow the choice.
    """

    def values(name: str) -> Tensor:
        inverse = _inverse(evidence.statistic("input_products", name), damping)
        upper = torch.linalg.cholesky(inverse, upper=True)
        spread = evidence.layer(name).by_column(upper.diagonal(dim1=-2, dim2=-1).square())
        return evidence.weights[name].double().square() / spread

    return reduce_layers(units, evidence, values, reduction)


@CRITERIA.register(
    name="wanda",
    title="Wanda",
    family="reconstruction",
    sentence="A weight matters as much as its size times the size of what it is multiplied with. "
    "Single weights are compared within the row of their output.",
    formula="|w_ij| · ‖x_j‖₂, ranked within each output row",
    source="Sun et al. 2023, arXiv 2306.11695",
    needs=("input_squares",),
    parameters=(
        Parameter(
            name="compare",
            label="Weights compete in",
            default="row",
            choices=("row", "layer"),
            help="Single weights compete within their output's row, as published, or in the layer; "
            "larger units always in the layer.",
        ),
        reduction("mean"),
    ),
    cost="forward",
)
def wanda(units: Units, evidence: Evidence, compare: str, reduction: str) -> Tensor:
    """Return |w|·‖x‖ of each unit, or each single weight's place in its row, in [0, 1)."""
    alone = bool((units.sizes() == 1).all())

    def values(name: str) -> Tensor:
        score = evidence.weights[name].abs() * evidence.statistic("input_squares", name).sqrt()
        if compare == "layer" or not alone:
            return score
        layer = evidence.layer(name)
        places = layer.matrix(score).argsort(stable=True, dim=-1).argsort(-1).double()
        return layer.weight(places / layer.columns)

    return reduce_layers(units, evidence, values, reduction)
