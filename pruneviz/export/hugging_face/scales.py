"""Numbers that a class computes from its sizes, and that a cut leaves as they were.

A head that got smaller is still divided by the root of its old size, and keeps some of the places'
frequencies: a network that is built anew has others. The scale goes into the queries' weights, and
the frequencies into the configuration, whose kind `longrope` has a factor for each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from pruneviz.export.hugging_face.sizes import HEAD, Settings

FREQUENCIES = "inv_freq"
SHARE = "partial_rotary_factor"  # of a head, that its place turns
CHANGING = ("dynamic", "longrope")  # kinds whose frequencies depend on how long a text is
SCALES = ("scaling", "inv_norm_factor")
QUERIES = ("q_norm", "q_proj", "query", "q_lin")
ROUNDING = 2  # last digits of a factor that are tried, so that a frequency is the same to the bit


def with_frequencies(settings: Settings, small: nn.Module, made: nn.Module) -> Settings:
    """Return settings by which a class makes the frequencies that a cut network has.

    `made` is what it makes by the given ones, which are returned where nothing differs.
    """
    theirs = dict(made.named_buffers())
    rope = settings.get("rope_parameters")
    for name, buffer in small.named_buffers():
        leaf = name.rpartition(".")[2]
        if not leaf.endswith(FREQUENCIES) or "original" in leaf or not isinstance(rope, dict):
            continue
        kind = leaf.removesuffix(FREQUENCIES).rstrip("_")  # of the layers that they are for
        own = rope.get(kind) if kind else rope
        if not isinstance(own, dict) or own.get("rope_type") in CHANGING:
            continue
        turned = int(_head(made.config) * own.get(SHARE, 1.0))
        if turned == 2 * len(buffer) and torch.equal(theirs[name], buffer):
            continue
        module = small.get_submodule(name.rpartition(".")[0])
        scale = getattr(module, f"{kind}_attention_scaling" if kind else "attention_scaling", 1.0)
        changed = _listed(own, buffer, float(scale), made.config)
        rope = {**rope, kind: changed} if kind else changed
    return settings if rope is settings.get("rope_parameters") else {**settings,
        "rope_parameters": rope, HEAD: _head(made.config)}  # fmt: skip


def _head(config: Any) -> int:
    size = getattr(config, HEAD, None)
    return int(size or config.hidden_size // config.num_attention_heads)


def _listed(own: dict[str, Any], wanted: Tensor, scale: float, config: Any) -> dict[str, Any]:
    """Return parameters of places with a factor for each frequency."""
    count = len(wanted)
    share = 2 * count / _head(config)
    powers = float(own["rope_theta"]) ** (torch.arange(0, 2 * count, 2).float() / (2 * count))
    if own.get("rope_type", "default") == "default" and torch.equal(1.0 / powers, wanted):
        return {**own, SHARE: share}
    factors = _factors(powers, wanted)
    listed = {"rope_type": "longrope", "rope_theta": own["rope_theta"], "short_factor": factors,
              "long_factor": factors, "factor": 1.0, "attention_factor": scale,
              "original_max_position_embeddings": config.max_position_embeddings}  # fmt: skip
    return listed if share == 1 else {**listed, SHARE: share}


def _factors(powers: Tensor, wanted: Tensor) -> list[float]:
    """Return the factors by which powers give the wanted frequencies, to the last bit if any do."""
    plain = 1.0 / (wanted.double() * powers.double())
    best = plain.float()
    for step in range(-ROUNDING, ROUNDING + 1):
        tried = (plain * (1 + step * torch.finfo(torch.float32).eps / 2)).float()
        best = torch.where(1.0 / (tried * powers) == wanted, tried, best)
    return [float(factor) for factor in best]


def keep_scales(small: nn.Module, made: nn.Module, name: Callable[[str], str | None]) -> None:
    """Change a network's weights so that it computes with the scales of a cut one.

    `name` says what a module of the cut network is called in it. Tensors that are shared change
    once.
    """
    with torch.no_grad():
        for path, module in small.named_modules():
            there = name(path) if path else path
            if there is None:
                continue
            other = made.get_submodule(there)
            for ratio in _ratios(module, other):
                for part in _queries(other):
                    part.mul_(ratio)
            scale, now = (getattr(each, "embed_scale", None) for each in (module, other))
            if scale is not None and now is not None and float(scale) != float(now):
                _keep_embedded(made, other, float(scale) / float(now))


def _ratios(module: nn.Module, other: nn.Module) -> Iterator[float]:
    for name in SCALES:
        old, new = vars(module).get(name), vars(other).get(name)
        if isinstance(old, float) and isinstance(new, float) and old != new:
            yield old / new


def _queries(attention: Any) -> list[Tensor]:
    """Return what of an attention's parameters the queries are proportional to."""
    for name in QUERIES:
        part = getattr(attention, name, None)
        if isinstance(part, nn.Module):
            return list(part.parameters())
    conv, rows, mixed = (
        getattr(attention, name, None) for name in ("c_attn", "qkv_proj", "query_key_value")
    )
    if conv is not None:  # (inputs, queries | keys | values)
        return [tensor.tensor_split(3, -1)[0] for tensor in conv.parameters()]
    if rows is not None:  # (queries | keys | values, inputs)
        return [tensor[: attention.o_proj.weight.shape[1]] for tensor in rows.parameters()]
    if mixed is not None:  # (heads × (queries | keys | values), inputs)
        size = int(attention.head_size if hasattr(attention, "head_size") else attention.head_dim)
        return [tensor.unflatten(0, (-1, 3, size))[:, 0] for tensor in mixed.parameters()]
    return []


def _keep_embedded(made: Any, embedding: nn.Module, ratio: float) -> None:
    """Let an embedding give what it gave; where the scores share its weights, the norm before them
    takes the ratio back."""
    weight: Any = embedding.weight
    weight.mul_(ratio)
    last = made.get_output_embeddings()
    norm: Any = getattr(made.base_model, "norm", None)
    if last is None or last.weight is not weight or norm is None:
        return
    probe = torch.ones_like(norm.weight)
    before = norm.weight.clone()
    norm.weight.zero_()
    plus_one = bool(norm(probe[None]).any())  # such norms multiply by 1 + weight
    norm.weight.copy_((before + 1) / ratio - 1 if plus_one else before / ratio)


__all__ = ["keep_scales", "with_frequencies"]
