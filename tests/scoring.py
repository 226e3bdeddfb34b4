"""Scores of small networks in one line, for tests of criteria."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pruneviz.criteria import CRITERIA, Scored, score_asked
from pruneviz.granularity import GRANULARITIES, Units
from pruneviz.granularity.units import choosing_of
from pruneviz.statistics import Samples, StatisticRequest, layers_of
from pruneviz.statistics.inputs import readers


def asked(
    model: nn.Module,
    x: Tensor,
    criterion: str,
    granularity: str = "channel",
    labels: Tensor | None = None,
    seed: int = 0,
    classes: tuple[str, ...] = (),
    **settings: object,
) -> StatisticRequest:
    """Return what a criterion may look at: x, (N, …), with labels, all 0 where none are given."""
    units, _ = GRANULARITIES.get(granularity).implementation(model, x[:2])
    labels = torch.zeros(len(x), dtype=torch.long) if labels is None else labels
    return StatisticRequest(
        criterion=criterion, model=model, example=x[:2], units=units, seed=seed,
        settings=CRITERIA.get(criterion).settings(settings),
        given=Samples(x=x, y=labels, classes=classes),
    )  # fmt: skip


def scored(*args: object, **options: object) -> tuple[tuple[Units, ...], dict[str, Tensor]]:
    """Return the units and their scores by name; the arguments are those of `asked`."""
    question = asked(*args, **options)
    return question.units, dict(score_asked(question).scores)


def all_scored(*args: object, **options: object) -> Scored:
    """Return scores and evidence; the arguments are those of `asked`."""
    return score_asked(asked(*args, **options))


def is_refused(criterion: str, model: nn.Module, units: tuple[Units, ...]) -> bool:
    """Return whether a criterion asks for what a model or units lack: norms, layers that read.

    Or for blocks or experts, or for what is none.
    """
    experts = bool(units) and all(bool(choosing_of(each)) for each in units)
    if experts or (units and criterion == "reap"):
        return not experts if criterion == "reap" else _looks_at_layers(criterion)
    blocks = all(bool(each.places) for each in units)
    if units and criterion in ("fpgm", "similarity", "block_influence"):
        return blocks == (criterion != "block_influence")
    norms = any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in model.modules())
    read = all(readers(each, layers_of(model)) for each in units)
    return (criterion == "bn_scale" and not norms) or (criterion == "thinet" and not read)


def _looks_at_layers(criterion: str) -> bool:
    """Return whether a criterion asks what layers read or answer, or puts zeros into them."""
    others = {"ablation", "attribution", "block_influence", "bn_scale", "fisher_activation",
              "taylor_activation"}  # fmt: skip
    return criterion in others or CRITERIA.get(criterion).family in ("activation", "reconstruction")


def perceptron(seed: int = 0) -> nn.Module:
    """Return a small network for (N, 8) inputs and 3 classes, in eval mode."""
    torch.manual_seed(seed)
    layers = (nn.Linear(8, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 5), nn.ReLU())
    model = nn.Sequential(*layers, nn.Linear(5, 3)).eval()
    nn.init.normal_(model[1].weight)
    return model
