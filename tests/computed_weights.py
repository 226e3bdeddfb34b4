"""Networks whose weights are computed from others, and what they come to, for tests of folding."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize, prune

Wrap = Callable[[nn.Module], nn.Module]


class Softplus(nn.Module):
    """Positive weights, with a gain of its own that is learned."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(0.7))

    def forward(self, weight: Tensor) -> Tensor:
        return self.gain * nn.functional.softplus(weight)


class Mixed(nn.Module):
    """Each row takes a part of the next one: no element stands for itself."""

    def forward(self, weight: Tensor) -> Tensor:
        return weight + 0.5 * weight.roll(1, 0)

    def right_inverse(self, weight: Tensor) -> Tensor:
        return weight.clone()


class Parts(nn.Module):
    """The sum of two tensors."""

    def forward(self, one: Tensor, other: Tensor) -> Tensor:
        return one + other

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        return 2 * weight, -weight


def with_parametrization(kind: Callable[[], nn.Module], name: str = "weight") -> Wrap:
    def wrap(module: nn.Module) -> nn.Module:
        parametrize.register_parametrization(module, name, kind())
        return module

    return wrap


def masked(module: nn.Module) -> nn.Module:
    prune.l1_unstructured(module, "weight", amount=0.3)
    return prune.l1_unstructured(module, "weight", amount=0.3)


def nested(module: nn.Module) -> nn.Module:
    return with_parametrization(Mixed)(parametrizations.weight_norm(module))


def masked_direction(module: nn.Module) -> nn.Module:
    module = torch.nn.utils.weight_norm(module)
    prune.l1_unstructured(module, "weight_v", amount=0.3)
    return module


def with_bias(module: nn.Module) -> nn.Module:
    return with_parametrization(Mixed, "bias")(parametrizations.weight_norm(module))


WRAPS: dict[str, Wrap] = {
    "weight_norm": parametrizations.weight_norm,
    "weight_norm, dim 1": lambda m: parametrizations.weight_norm(m, dim=1),
    "weight_norm, whole": lambda m: parametrizations.weight_norm(m, dim=None),
    "spectral_norm": parametrizations.spectral_norm,
    "orthogonal": parametrizations.orthogonal,
    "positive": with_parametrization(Softplus),
    "mixed": with_parametrization(Mixed),
    "two parts": with_parametrization(Parts),
    "nested": nested,
    "with bias": with_bias,
    "old weight_norm": torch.nn.utils.weight_norm,
    "old weight_norm, whole": lambda m: torch.nn.utils.weight_norm(m, dim=None),
    "old spectral_norm": torch.nn.utils.spectral_norm,
    "mask": masked,
    "mask of a direction": masked_direction,
}
LAYERS: dict[str, Callable[[], nn.Module]] = {
    "Linear": lambda: nn.Linear(6, 8),
    "Conv1d": lambda: nn.Conv1d(6, 8, 3, padding=1),
    "Conv2d": lambda: nn.Conv2d(6, 8, 3, padding=1),
    "ConvTranspose2d": lambda: nn.ConvTranspose2d(6, 8, 3, padding=1),
}
SHAPES = {"Linear": (6,), "Conv1d": (6, 5), "Conv2d": (6, 4, 4), "ConvTranspose2d": (6, 4, 4)}


class Network(nn.Module):
    """Two layers of one kind, the second of them and perhaps both wrapped, and a head."""

    def __init__(self, layer: str, wrap: Wrap) -> None:
        super().__init__()
        self.first = wrap(LAYERS[layer]())
        second = nn.Linear(8, 8) if layer == "Linear" else nn.Conv1d(8, 8, 3, padding=1)
        self.second = wrap(second)
        self.head = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.first(x))
        if x.ndim > 2:
            x = x.flatten(2)
        x = torch.relu(self.second(x))
        return self.head(x.flatten(2).mean(2) if x.ndim > 2 else x)


def network(layer: str, wrap: str, seed: int = 0) -> tuple[nn.Module, Tensor]:
    """Return a network in eval mode with wrapped weights that have moved, and 16 inputs."""
    torch.manual_seed(seed)
    x = torch.randn(16, *SHAPES[layer])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        model = Network(layer, WRAPS[wrap])
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.3)
        for _ in range(3):
            model(x)  # in training mode, where power iterations go on
    return model.eval(), x


def by_hand(layer: str, wrap: str, seed: int = 0) -> tuple[nn.Module, Tensor]:
    """Return the network of plain layers that are given the weights that `network` computes."""
    model, x = network(layer, wrap, seed)
    with torch.no_grad():
        model(x)  # hooks keep what they computed
    plain = Network(layer, lambda module: module).eval()
    with torch.no_grad():
        for name in ("first", "second", "head"):
            mine, theirs = plain.get_submodule(name), model.get_submodule(name)
            mine.weight.copy_(theirs.weight)
            mine.bias.copy_(theirs.bias)
    return plain, x
