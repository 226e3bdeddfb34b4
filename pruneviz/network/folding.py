"""Weights that are computed from others, such as a direction and a length, as plain weights.

What a layer multiplies by is what counts: where torch computes that anew for each pass
(`torch.nn.utils.parametrize`, and the older hooks of `weight_norm`, `spectral_norm` and `prune`),
everything here looks at a copy in which the result of the computation stands as a plain tensor.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar, cast

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize, prune, remove_spectral_norm, remove_weight_norm
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm

from pruneviz.network.duplicate import Memo, duplicate
from pruneviz.network.plain_layers import KINDS, plain_layer
from pruneviz.wording import Fact, RefusedError, folds
from pruneviz.wording.refusals import tracing

M = TypeVar("M", bound=nn.Module)
HOOKS = (WeightNorm, SpectralNorm, prune.BasePruningMethod)
WORDS = {
    "_WeightNorm": "weight_norm",
    "WeightNorm": "weight_norm",
    "_SpectralNorm": "spectral_norm",
    "SpectralNorm": "spectral_norm",
    "_Orthogonal": "orthogonal",
}
MASK = "a mask of torch.nn.utils.prune"
MOST_NAMED = 3


def folded(model: M) -> M:
    """Return a copy in which each computed weight is a plain one of its usual name and value.

    The model itself where nothing in it is computed. The value is that in eval mode; ValueError
    where it is another each time, so that no plain tensor can stand for it.
    """
    if not computed(model):
        return model
    made = unfolded(model)
    tied: dict[tuple[int, ...], nn.Parameter] = {}
    for path, module in made.named_modules():
        names = [*_unhook(module), *_unparametrize(path, module, tied)]
        if names:
            _put_in_order(module, names)
    for path, layer in _plain_layers(made).items():
        if not path:
            return cast("M", layer)
        made.set_submodule(path, layer)
    return made


def unfolded(model: M) -> M:
    """Return a deep copy of a model that may keep computed tensors, which Python's way refuses."""
    memo: Memo = {id(tensor): tensor.detach().clone() for tensor in _kept(model)}
    return duplicate(model, memo)


def computed(model: nn.Module) -> dict[str, str]:
    """Return the name of each tensor that is computed from others, and what computes it."""
    found = {}
    for path, module in model.named_modules():
        start = f"{path}." if path else ""
        if "parametrizations" in path.split("."):
            continue  # a part of the computation of a weight that is named already
        for hook, name in _hooks(module):
            found[start + name] = MASK if isinstance(hook, HOOKS[2]) else _word(hook)
        for name, parts in _parametrized(module):
            found[start + name] = " and ".join(dict.fromkeys(map(_word, parts)))
        if f"{start}weight" not in found and plain_layer(module) is not None:
            kind = type(module)
            found[f"{start}weight"] = "a hook of its own" if kind in KINDS else kind.__name__
    return found


def _plain_layers(model: nn.Module) -> dict[str, nn.Module]:
    """Return by path the plain layers for those whose own code computes the weight.

    A layer that stands in several places is one in each of them.
    """
    made: dict[int, nn.Module | None] = {}
    found: dict[str, nn.Module] = {}
    for path, module in model.named_modules(remove_duplicate=False):
        if any(path.startswith(f"{done}.") for done in found):
            continue  # a part of what is a plain layer now
        if id(module) not in made:
            made[id(module)] = plain_layer(module)
        layer = made[id(module)]
        if layer is not None:
            found[path] = layer
    return found


def computed_names(module: nn.Module) -> frozenset[str]:
    """Return which attributes of a module hold what one of torch's hooks computes."""
    return frozenset(name for _, name in _hooks(module))


def fold_notes(model: nn.Module) -> tuple[Fact, ...]:
    """Return what a user must know of a model that is looked at folded; () where nothing is."""
    found = computed(model)
    if not found:
        return ()
    named, more = list(found)[:MOST_NAMED], len(found) - MOST_NAMED
    names = ", ".join(named) + (f" and {more} more" if more > 0 else "")
    kinds = ", ".join(dict.fromkeys(found.values()))
    notes = [folds.computed(names, len(found), kinds)]
    if any(isinstance(hook, HOOKS[2]) for module in model.modules() for hook, _ in _hooks(module)):
        notes.append(folds.masks_are_zeros())
    half = [name for name in found if _frozen_in_part(model, name)]
    if half:
        notes.append(folds.frozen_in_part(", ".join(half[:MOST_NAMED]), len(half)))
    return tuple(notes)


def _frozen_in_part(model: nn.Module, name: str) -> bool:
    """Whether some of the tensors that a weight is computed from are frozen, and some are not."""
    path, _, weight = name.rpartition(".")
    module = model.get_submodule(path)
    lists: Any = getattr(module, "parametrizations", None)
    if lists is not None and weight in lists:
        parts = [*lists[weight].parameters()]
    else:
        parts = [p for n, p in module.named_parameters() if n.startswith(f"{weight}_")]
    return len({p.requires_grad for p in parts}) == 2


def _word(part: object) -> str:
    name = type(part).__name__
    return WORDS.get(name, name)


def _hooks(module: nn.Module) -> Iterator[tuple[Any, str]]:
    """Yield the hooks by which older torch computes a weight, each with the weight's name."""
    for hook in module._forward_pre_hooks.values():
        if isinstance(hook, HOOKS):
            yield hook, str(getattr(hook, "name", None) or getattr(hook, "_tensor_name", None))


def _parametrized(module: nn.Module) -> Iterator[tuple[str, parametrize.ParametrizationList]]:
    """Yield the names of a module's parametrized tensors, each with what computes it."""
    if parametrize.is_parametrized(module):
        lists: Any = module.parametrizations
        yield from lists.items()


def _kept(model: nn.Module) -> Iterator[Tensor]:
    """Yield the computed tensors that modules keep from the last pass."""
    for module in model.modules():
        kept = [vars(module).get(name) for name in computed_names(module)]
        if isinstance(module, nn.RNNBase):
            kept += module._flat_weights
        yield from (t for t in kept if isinstance(t, Tensor) and not t.is_leaf)


def _unhook(module: nn.Module) -> list[str]:
    """Take torch's older hooks off a module, and return which weights are plain ones now."""
    names = []
    for hook, name in reversed([*_hooks(module)]):  # the last one may compute a part of the first
        parts = [module._parameters.get(f"{name}_{part}") for part in ("orig", "g", "v")]
        trained = any(part is not None and part.requires_grad for part in parts)
        if isinstance(hook, WeightNorm):
            remove_weight_norm(module, name)
        elif isinstance(hook, SpectralNorm):
            remove_spectral_norm(module, name)
        else:
            prune.remove(module, name)
        plain = module.get_parameter(name).detach().clone()
        module._parameters[name] = nn.Parameter(plain, trained)
        names.append(name)
    return names


def _unparametrize(
    path: str, module: nn.Module, tied: dict[tuple[int, ...], nn.Parameter]
) -> list[str]:
    """Give a module back its class and plain tensors, and return the names of these.

    torch's own way changes the class and the tensors, which copies share.
    """
    made = []
    for name, parts in _parametrized(module):
        originals = [*parts.parameters(recurse=False), *parts.buffers(recurse=False)]
        value = _value(f"{path}.{name}" if path else name, parts)
        learned = any(isinstance(part, nn.Parameter) for part in originals)
        if learned:
            trained = any(p.requires_grad for p in parts.parameters())
            value = _shared(tuple(map(id, originals)), nn.Parameter(value, trained), tied)
        made.append((name, value))
    if made:
        del module._modules["parametrizations"]
        module.__class__ = type(module).__bases__[0]
    for name, value in made:
        if isinstance(value, nn.Parameter):
            module.register_parameter(name, value)
        else:
            module.register_buffer(name, value)
    return [name for name, _ in made]


def _shared(
    originals: tuple[int, ...], value: nn.Parameter, tied: dict[tuple[int, ...], nn.Parameter]
) -> nn.Parameter:
    """Return the weight that another module has computed of the same tensors, if it is the same."""
    first = tied.setdefault(originals, value)
    return first if torch.equal(first, value) else value


def _value(name: str, parts: parametrize.ParametrizationList) -> Tensor:
    """Return what a parametrization comes to in eval mode; ValueError where that is not fixed."""
    kinds = " and ".join(dict.fromkeys(map(_word, parts)))
    parts.eval()
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        try:
            first: Tensor = parts().detach().clone()
            second: Tensor = parts()
        # Any code of any user: whatever it raises, there is no weight.
        except Exception as error:
            line = (str(error).splitlines() or [""])[0]
            raise RefusedError(
                tracing.weight_not_computed(name, kinds, type(error).__name__, line)
            ) from error
    if not bool(((first == second) | ((first != first) & (second != second))).all()):
        raise RefusedError(tracing.weight_not_fixed(name, kinds))
    return first.contiguous()


def _put_in_order(module: nn.Module, names: list[str]) -> None:
    """Put a module's parameters in the order of one whose weights were always plain."""
    own = module._parameters
    usual = list(getattr(module, "_flat_weights_names", ()))
    order = [n for n in usual if n in own] or sorted(
        own, key=lambda name: ("bias" in name, name not in names)
    )
    for name in order:
        own[name] = own.pop(name)
    if isinstance(module, nn.RNNBase):
        module._flat_weights = [getattr(module, name, None) for name in usual]


__all__ = ["computed", "computed_names", "fold_notes", "folded", "unfolded"]
