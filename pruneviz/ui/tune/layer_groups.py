"""Layers in groups that fit a page: the stages that module paths tell of, or runs of a dozen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

UNGROUPED = 16  # as many sliders are shown without any grouping
RUN = 12  # layers of a run, where nothing tells where a stage begins
SMALL = 6  # a part with fewer layers is no stage of its own: a block, or a first convolution


@dataclass(frozen=True)
class LayerGroup:
    """A group of layers in forward order, under a name for people."""

    name: str
    layers: tuple[str, ...]


@dataclass(frozen=True)
class _Part:
    """The layers of one module path."""

    path: str
    layers: tuple[str, ...]


def layer_groups(names: Sequence[str]) -> tuple[LayerGroup, ...]:
    """Return the layers in groups of at most UNGROUPED; one group where they are so few.

    A stage is what lies under one module path, such as `layer1` of `layer1.0.conv1`. One that is
    too large is split where its own modules part, and small neighbours are runs of about RUN.
    """
    if len(names) <= UNGROUPED:
        return (LayerGroup("all layers", tuple(names)),)
    return tuple(_named(packed) for packed in _packed(_fitting(tuple(names), 1)))


def group_of(groups: Sequence[LayerGroup], layer: str) -> LayerGroup:
    """Return the group that a layer is in, the first where it is in none."""
    return next((group for group in groups if layer in group.layers), groups[0])


def matching(
    names: Sequence[str], wanted: str, others: Callable[[str], Sequence[str]]
) -> list[str]:
    """Return the names that hold every word of a text, in them or in `others` of the name."""
    words = wanted.lower().split()
    return [
        name for name in names
        if all(word in " ".join((name, *others(name))).lower() for word in words)
    ]  # fmt: skip


def _fitting(names: tuple[str, ...], depth: int) -> list[_Part]:
    """Return what lies under each path of `depth` steps; what is too large by longer paths."""
    parts: dict[str, list[str]] = {}
    for name in names:
        parts.setdefault(".".join(name.split(".")[:depth]), []).append(name)
    found = []
    for path, layers in parts.items():
        fits = len(layers) <= UNGROUPED
        found += [_Part(path, tuple(layers))] if fits else _fitting(tuple(layers), depth + 1)
    return found


def _packed(parts: Sequence[_Part]) -> list[list[_Part]]:
    """Return stages alone, and small neighbours together."""
    packed: list[list[_Part]] = []
    for part in parts:
        last = packed[-1] if packed else []
        size = sum(len(each.layers) for each in last)
        small = all(len(each.layers) < SMALL for each in (*last, part))
        if last and small and size + len(part.layers) <= RUN and _beside(last[0], part):
            last.append(part)
        else:
            packed.append([part])
    return packed


def _beside(first: _Part, second: _Part) -> bool:
    """Return whether two parts lie under one module."""
    return first.path.rpartition(".")[0] == second.path.rpartition(".")[0]


def _named(parts: Sequence[_Part]) -> LayerGroup:
    first, last = parts[0].path, parts[-1].path
    end = last.rpartition(".")[2]
    name = first if first == last else f"{first} to {last if end.isdigit() else end}"
    return LayerGroup(name, tuple(layer for part in parts for layer in part.layers))
