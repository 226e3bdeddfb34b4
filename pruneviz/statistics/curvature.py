"""The Hessian of the loss, through its products with vectors."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from pruneviz.network.inputs import Batch
from pruneviz.statistics.derivatives import whole_gradient
from pruneviz.statistics.loss import leaves_of, logits_with
from pruneviz.statistics.statistic import STATISTICS, StatisticRequest, Table
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import choosing

Vector = Mapping[str, Tensor]
PROBED_NUMBERS = 2**23  # signs held at once, with as many sums: 64 MB each


def hessian_products(
    asked: StatisticRequest, vectors: Iterable[Vector], temperature: float = 1.0
) -> Iterator[dict[str, Tensor]]:
    """Yield H·v for each vector, float64; H is that of the mean loss over all samples."""
    vectors, samples = list(vectors), asked.samples
    shapes = {name: p.shape for name, p in asked.model.named_parameters()}
    totals = [
        {name: torch.zeros(shape, dtype=torch.float64) for name, shape in shapes.items()}
        for _ in vectors
    ]
    for x, y in samples.batches():
        try:
            _add_products(asked, (x, y), temperature, vectors, totals)
        except RuntimeError as error:
            reason = (str(error).splitlines() or [""])[0]
            raise RefusedError(choosing.no_second_derivatives(asked.criterion, reason)) from error
    for total in totals:
        yield {name: each / len(samples.y) for name, each in total.items()}


def _add_products(
    asked: StatisticRequest,
    batch: tuple[Batch, Tensor],
    temperature: float,
    vectors: list[Vector],
    totals: list[dict[str, Tensor]],
) -> None:
    """Add a batch's products to the totals; the first derivatives are shared."""
    leaves = leaves_of(asked.model)
    with torch.enable_grad(), sdpa_kernel(SDPBackend.MATH):  # it alone is derived twice
        logits = logits_with(asked.model, leaves, batch[0]) / temperature
        loss = asked.task.loss(logits, batch[1], "sum")
        first = torch.autograd.grad(
            loss, list(leaves.values()), create_graph=True, materialize_grads=True
        )
        for vector, total in zip(vectors, totals, strict=True):
            _add_product(dict(zip(leaves, first, strict=True)), leaves, vector, total)


def _add_product(first: Vector, leaves: Vector, vector: Vector, total: dict[str, Tensor]) -> None:
    parts = [(g * vector[name].to(g.dtype)).sum() for name, g in first.items()]
    product = torch.stack(parts).sum()
    if not product.requires_grad:
        return  # a loss that is linear in the weights has no curvature
    found = torch.autograd.grad(
        product, list(leaves.values()), retain_graph=True, materialize_grads=True
    )
    for name, each in zip(leaves, found, strict=True):
        total[name] += each


@STATISTICS.register(
    name="hessian_gradient",
    title="Hessian times gradient",
    family="second order",
    sentence="How the size of the gradient changes with each weight.",
    formula="H·g",
    source="Wang et al. 2020, arXiv 2002.07376",
    needs=("data", "labels", "derivatives"),
)
def hessian_gradient(asked: StatisticRequest) -> Table:
    """Return H·g in each parameter's shape, float64; g over all samples, logits / temperature."""
    temperature = float(asked.settings["temperature"])
    weights = leaves_of(asked.model)
    gradient = whole_gradient(asked, weights, temperature)
    return next(hessian_products(asked, [gradient], temperature))


@STATISTICS.register(
    name="hessian_diagonal",
    title="Diagonal of the Hessian",
    family="second order",
    sentence="An estimate of the loss's curvature along each weight, from random signs.",
    formula="mean over probes of z ⊙ (H·z), z = ±1 at random",
    source="Hutchinson 1989; Bekas et al. 2007",
    needs=("data", "labels", "derivatives"),
)
def hessian_diagonal(asked: StatisticRequest) -> Table:
    """Return Hutchinson's estimate of diag(H) in each parameter's shape, float64."""
    probes = int(asked.settings["probes"])
    parameters = dict(asked.model.named_parameters())
    together = max(1, PROBED_NUMBERS // max(1, sum(p.numel() for p in parameters.values())))
    total: dict[str, Tensor] = {}
    for start in range(0, probes, together):
        signs = [
            {
                name: _signs(p.shape, f"{asked.seed}:{probe}:{name}")
                for name, p in parameters.items()
            }
            for probe in range(start, min(start + together, probes))
        ]
        for z, product in zip(signs, hessian_products(asked, signs), strict=True):
            for name, each in product.items():
                total[name] = total.get(name, 0.0) + z[name] * each
    return {name: each / probes for name, each in total.items()}


def _signs(shape: torch.Size, key: str) -> Tensor:
    generator = torch.Generator().manual_seed(zlib.crc32(key.encode()))
    return torch.randint(0, 2, shape, generator=generator).double() * 2 - 1
