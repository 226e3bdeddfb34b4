"""Every family of networks that users prune: cut equals masked, what is left, what is held.

Small networks with drawn weights (`family_models.py`), half of each layer's channels, heads,
blocks, weights and experts removed by magnitude, and each cut proved before it is offered. *Error*
is the largest difference between the masked and the cut network, relative as a proof takes it, on
texts that are whole, filled up on the left and filled up on the right. *Goes on* says whether the
cut network goes on with these texts as the masked one does, token by token: without a cache, with a
growing one and with one of a fixed size. Each family and granularity has a process of its own: what
crashes is a row. The ratio is the largest error to the tolerance of a proof.
"""

from __future__ import annotations

import argparse
import inspect
import time
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import torch
import transformers
from apart import Found, tried
from common import finish
from family_models import FAMILIES, MIXTURES, Family
from torch import Tensor, nn

from pruneviz.allocate import Ranking, allocate
from pruneviz.apply import Applied, apply
from pruneviz.criteria import Evidence, score
from pruneviz.granularity import Units
from pruneviz.granularity.units import choosing_of
from pruneviz.network.inputs import Inputs
from pruneviz.network.masks import masked
from pruneviz.plan import Plan
from pruneviz.proof import find_units
from pruneviz.proof.prove import TOLERANCE
from pruneviz.pruned.side_by_side import answers
from pruneviz.pruned.surgery import joined_keep
from pruneviz.report import LeftOut
from pruneviz.wording import unseen

GRANULARITIES = ("channel", "head", "depth", "weight")
QUICK = ("Llama 3", "T5")
MORE = 6  # tokens
COLUMNS = ("family", "what goes", "units", "parameters left", "error", "goes on", "held", "s")
CACHES: dict[str, dict[str, Any]] = {
    "dynamic": {"use_cache": True},
    "static": {"use_cache": True, "cache_implementation": "static"},
}


def halved(model: nn.Module, units: Sequence[Units], granularity: str) -> Applied:
    """Remove half of each layer's units by magnitude."""
    weights = {name: p.detach() for name, p in model.named_parameters()}
    ranking = Ranking(score("magnitude_l1", {}, tuple(units), Evidence(weights, {}, 0)))
    plan = Plan(sparsity=0.5, granularity=granularity)
    return apply(model, tuple(units), allocate(tuple(units), ranking, plan).keep)


def kept(applied: Applied) -> int:
    """Return how many parameters are left, of single weights those that are no zero."""
    if applied.is_cut:
        return sum(p.numel() for p in applied.model.parameters())
    sizes = {name: p.numel() for name, p in applied.original.named_parameters()}
    gone = sum(int((~mask).sum()) for mask in applied.masks.values())
    return sum(sizes.values()) - gone


def measured(task: str) -> Found:
    """Prune a family by a granularity, and say what became of it."""
    transformers.logging.set_verbosity_error()
    name, granularity = task.split("|")
    family = FAMILIES[name]()
    first = next(iter(family.batches.values()))
    before = sum(p.numel() for p in family.model.parameters())
    begun = time.perf_counter()
    units, left_out = find_units(family.model, first, granularity)
    applied = halved(family.model, units, granularity)
    seconds = time.perf_counter() - begun
    errors = {side: applied.max_relative_error(b) for side, b in family.batches.items()}
    return {
        "units": sum(layer.count for layer in units), "layers": len(units),
        "left": kept(applied) / before, "errors": errors, "seconds": seconds,
        "goes_on": list(_goes_on(family, applied)) if family.begun else None,
        "held": _held(left_out),
    }  # fmt: skip


def _held(left_out: Sequence[LeftOut]) -> tuple[int, str]:
    """Return how many layers are held, and the reason that most of them are held for.

    Those that are of another kind than what goes are none of them.
    """
    other_kind = (unseen.no_heads, unseen.reads_heads, unseen.no_experts)
    reasons = (
        [why for why in item.why if not any(why in kind for kind in other_kind)]
        for item in left_out
    )
    held = [why for why in reasons if why]
    told = Counter(str(why[0]) for why in held)
    return len(held), told.most_common(1)[0][0] if told else ""


def _goes_on(family: Family, applied: Applied) -> Iterator[tuple[str, str, bool]]:
    """Yield by the text and the cache whether both networks go on alike; a fault says so."""
    for side in family.begun:
        batch = family.batches[side]
        for cache in ("none", *family.caches):
            how = CACHES.get(cache, {"use_cache": False})
            yield side, cache, torch.equal(written(applied.model, batch, how), told(applied, batch))


def written(model: Any, batch: Inputs, how: dict[str, Any]) -> Tensor:
    """Return the tokens that a network goes on with by its own `generate`, (B, MORE)."""
    given = {key: value for key, value in batch.kwargs.items() if key != "use_cache"}
    torch.manual_seed(0)
    out = model.generate(**given, **how, max_new_tokens=MORE, do_sample=False,
                         eos_token_id=None, pad_token_id=0)  # fmt: skip
    return out[:, -MORE:]


def told(applied: Applied, batch: Inputs) -> Tensor:
    """Return the tokens that the masked network finds the likeliest, a whole pass each, (B, MORE).

    Where places are counted, what fills a text up has none, as `generate` counts them.
    """
    touched = applied.touched
    stays = joined_keep(layer.call_keep(applied.keep[layer.name]) for layer in touched)
    given = dict(batch.kwargs)
    grows = "decoder_input_ids" if "decoder_input_ids" in given else "input_ids"
    placed = "position_ids" in inspect.signature(type(applied.original).forward).parameters
    for _ in range(MORE):
        if grows == "input_ids" and placed:
            places = given["attention_mask"].cumsum(-1) - 1
            given["position_ids"] = places.masked_fill(given["attention_mask"] == 0, 0)
        logits = _logits(applied, Inputs(kwargs=given), stays)
        new = logits[:, -1].argmax(-1, keepdim=True)
        given[grows] = torch.cat([given[grows], new], 1)
        if grows == "input_ids":
            mask = given["attention_mask"]
            given["attention_mask"] = torch.cat([mask, torch.ones_like(mask[:, :1])], 1)
    return given[grows][:, -MORE:]


def _logits(applied: Applied, batch: Inputs, stays: Any) -> Tensor:
    def preview() -> nn.Module:
        return masked(applied.original, applied.masks)

    choosing = tuple(path for layer in applied.touched for path in choosing_of(layer))
    first, _ = answers(preview, applied.model, batch, stays, None, applied.bypassed, choosing)
    words = applied.original.config.vocab_size
    return next(t for t in first if t.ndim == 3 and t.shape[-1] == words)


def row(name: str, granularity: str, found: Found) -> list[str]:
    """Return a line of the table."""
    if "fault" in found:
        return [name, granularity, "", "", "", found["fault"], "", ""]
    other = [f"{cache} cache{f', {s}' * bool(s)}" for s, cache, same in found["goes_on"] or []
             if not same]  # fmt: skip
    alike = "" if found["goes_on"] is None else f"differs: {'; '.join(other)}" if other else "alike"
    count, why = found["held"]
    held = f"{count}: {why}" if count else "0"
    return [
        name, granularity, f"{found['units']:,} in {found['layers']}", f"{found['left']:.1%}",
        f"{max(found['errors'].values()):.0e}", alike, held, f"{found['seconds']:.1f}",
    ]  # fmt: skip


def summary(found: dict[tuple[str, str], Found]) -> tuple[str, float]:
    """Return what the table says in words, and the ratio."""
    whole = [f for f in found.values() if "fault" not in f]
    worst = max((e for f in whole for e in f["errors"].values()), default=float("nan"))
    texts = [same for f in whole for *_, same in f["goes_on"] or []]
    words = (
        f"{len({name for name, _ in found})} families, {len(found) - len(whole)} faults in "
        f"{len(found)} rows; the largest error is {worst:.0e}. {sum(texts)} of {len(texts)} texts "
        f"of {MORE} tokens go on as the masked network has them. transformers "
        f"{transformers.__version__}, small networks, drawn weights; one thread."
    )
    return words, worst / TOLERANCE


def main() -> None:
    """Prune each family by each granularity, and write the section."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a version under two minutes")
    parser.add_argument("--only", nargs="+", metavar="FAMILY", help="these alone, and no section")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    chosen = options.only or (QUICK if options.quick else tuple(FAMILIES))
    found = {}
    asked = [(n, g) for n in chosen for g in (*GRANULARITIES, *["expert"] * (n in MIXTURES))]
    for name, granularity in asked:
        found[name, granularity] = tried(measured, f"{name}|{granularity}")
        print(*row(name, granularity, found[name, granularity]), sep=" | ", flush=True)
    words, ratio = summary(found)
    if not options.only:
        finish("families", COLUMNS, [row(*key, each) for key, each in found.items()], words, ratio)


if __name__ == "__main__":
    main()
