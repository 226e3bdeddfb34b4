"""A network's own tensors: which are the same in two networks, and held once by both."""

from __future__ import annotations

from torch import Tensor, nn

from pruneviz.reuse.calls import bytes_of, place_of


def tensors_of(model: nn.Module) -> list[tuple[str, Tensor]]:
    """Return a network's parameters and buffers, by each of their names."""
    return [
        *model.named_parameters(remove_duplicate=False),
        *model.named_buffers(remove_duplicate=False),
    ]


def same(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors lie alike in storages of the same bytes."""
    if one.device != other.device or place_of(one) != place_of(other):
        return False
    mine, theirs = one.untyped_storage(), other.untyped_storage()
    return mine.nbytes() == theirs.nbytes() and bytes_of(mine).equal(bytes_of(theirs))


def share(network: nn.Module, other: nn.Module) -> nn.Module:
    """Return a network, which now holds another's tensors in place of its own that are the same."""
    theirs = dict(tensors_of(other))
    for name, tensor in tensors_of(network):
        found = theirs.get(name)
        if found is not None and type(found) is type(tensor) and same(tensor, found):
            path, _, leaf = name.rpartition(".")
            setattr(network.get_submodule(path), leaf, found)
    return network
