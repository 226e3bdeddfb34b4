"""The tokens that a text never uses, cut out of a network and out of its tokenizer together."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pruneviz.evaluate import answers
from pruneviz.metrics import METRICS
from pruneviz.network.inputs import call, some
from pruneviz.plan import Plan
from pruneviz.pruned.surgery import Cut, cut
from pruneviz.report import Interval
from pruneviz.subjects import Subject, load_subject
from pruneviz.subjects.models.hugging_face.folder import Folder, find_folder, read_json
from pruneviz.subjects.references import Reference, parse_data, parse_model
from pruneviz.subjects.texts.windows import LENGTH, read_plain, windows
from pruneviz.tasks.language_modelling import logits_of_tokens
from pruneviz.vocabulary.tokens import kept_tokens, renumbered, rewritten
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import exporting, working

TOKENIZER, CONFIG = "tokenizer.json", "tokenizer_config.json"
NETWORK, GENERATION = "config.json", "generation_config.json"
ENDING = "_token_id"  # of an entry that names tokens
SUPPRESSED = ("suppress_tokens", "begin_suppress_tokens")  # entries that name them in a list
CARRIED = ("special_tokens_map.json", "chat_template.jinja")
TOLERANCE = 1e-5  # of the largest logit: above it the new network is not the old one
PARTS = 4  # of a text, the last of which is judged
BITS = METRICS.get("bits_per_byte")


@dataclass(frozen=True, kw_only=True)
class Fewer:
    """What a cut of the vocabulary came to.

    `judged_tokens` are how many the text's last quarter, by its characters, is cut into, before and
    after, which nobody looked at when tokens were chosen; `bits_per_byte` what both networks need
    for it, with its 95 % intervals. `error` is the largest difference of a kept token's logit, of
    the largest logit.
    """

    tokens: tuple[int, int]
    parameters: tuple[int, int]
    judged_tokens: tuple[int, int]
    bits_per_byte: tuple[float, float]
    intervals: tuple[Interval, Interval]
    error: float


def cut_vocabulary(plan: Plan, out: Path) -> Fewer:
    """Write a folder with the plan's language model without the tokens its text does not use.

    Kept are the tokens of the text's first three quarters, what they are made of, single
    characters and special tokens; these quarters are cut as before. RefusedError where the plan
    names no language model in a folder with tokenizer.json, or no text, or `out` is in use.
    """
    folder, text = _named(plan, out)
    settings = read_json(folder.path / TOKENIZER)
    subject = load_subject(plan)
    model: Any = subject.model
    words = read_plain(text)
    before = words[: len(words) - len(words) // PARTS]
    special = _special_ids(model, _generation(folder.path))
    used = _encoded(settings, before)
    kept = kept_tokens(settings, used, special, _count(model))
    new = rewritten(settings, kept)
    if [kept[number] for number in _encoded(new, before)] != used:
        raise RefusedError(working.cuts_otherwise())
    smaller = _cut(model, kept)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f"{out.name}-") as unproved:
        written = Path(unproved) / "written"
        _as_stored(smaller, folder.path).save_pretrained(written)
        _write_tokenizer(folder.path, written, new, kept)
        own = {"model": f"hf:{written}", "weights": None, "weights_sha256": None}
        fewer = load_subject(plan.changed(**own, data_sha256=None))
        ids = [_encoded(each, words[len(before) :]) for each in (settings, new)]
        # the last token before it, so that every one of them is judged
        judged = ([used[-1], *ids[0]], [kept.index(used[-1]), *ids[1]])
        found = _compared(subject, fewer, kept, judged, parse_data(plan.data or ""))
        if out.exists():
            out.rmdir()  # it is empty
        written.rename(out)
    return found


def _named(plan: Plan, out: Path) -> tuple[Folder, Path]:
    """Return the folder of the network and the file of the text that a plan names."""
    model = parse_model(plan.model)
    if model.kind != "hf":
        raise RefusedError(working.no_folder_of_blocks(plan.model))
    if plan.data is None or parse_data(plan.data).kind != "text":
        raise RefusedError(working.no_text_of_tokens())
    folder = find_folder(model.name, pretrained=True)
    if folder.gguf or not (folder.path / TOKENIZER).is_file():
        raise RefusedError(working.no_tokenizer_file(str(folder.path)))
    if out.exists() and not out.is_dir():
        raise RefusedError(exporting.folder_exists(str(out)))
    if out.exists() and any(out.iterdir()):
        raise RefusedError(working.folder_in_use(str(out), next(out.iterdir()).name))
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        why = error.strerror or str(error)
        raise RefusedError(working.no_directory(str(out.parent), why)) from error
    return folder, Path(parse_data(plan.data).name)


def _encoded(settings: Any, text: str) -> list[int]:
    from tokenizers import Tokenizer

    found = Tokenizer.from_str(json.dumps(settings)).encode(text, add_special_tokens=False)
    return list(found.ids)


def _generation(path: Path) -> dict[str, Any]:
    """Return what a folder says of generating."""
    return dict(read_json(path / GENERATION)) if (path / GENERATION).is_file() else {}


def _special_ids(model: Any, generation: Mapping[str, Any]) -> set[int]:
    """Return the numbers of all tokens that the network's configurations name."""
    found: set[int] = set()
    own = [vars(c) for c in (model.config, model.config.get_text_config(), model.generation_config)]
    for config in (*own, generation):
        for name, value in config.items():
            if name.endswith(ENDING):
                found |= {each for each in _listed(value) if isinstance(each, int)}
    return found


def _as_stored(model: Any, source: Path) -> Any:
    """Return the network in the precision that its folder names, where no number changes by it."""
    said = read_json(source / NETWORK)
    dtype = getattr(torch, str(said.get("dtype", said.get("torch_dtype"))), None)
    if not isinstance(dtype, torch.dtype) or not dtype.is_floating_point:
        return model
    same = all(torch.equal(p, p.to(dtype).to(p.dtype)) for p in model.parameters())
    return model.to(dtype) if same else model


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _cut(model: Any, kept: list[int]) -> Any:
    """Return a network whose embedding and output layer know the kept tokens alone."""
    names = {id(p): name for name, p in model.named_parameters()}
    count = int(model.config.get_text_config().vocab_size)
    ends = (model.get_input_embeddings(), model.get_output_embeddings())
    rows = {names[id(p)] for end in ends if end is not None for p in end.parameters()}
    others = [
        name
        for name, tensor in [*model.named_parameters(), *model.named_buffers()]
        if name not in rows and count in tensor.shape
    ]
    if others:
        raise RefusedError(working.more_rows_of_tokens(others[0], count))
    smaller: Any = cut(model, [Cut(name, 0, tuple(kept), count) for name in sorted(rows)])
    new = {number: at for at, number in enumerate(kept)}
    smaller.config.get_text_config().vocab_size = len(kept)
    configs = (smaller.config, smaller.config.get_text_config(), smaller.generation_config)
    for config in {id(each): each for each in configs}.values():
        for name, value in list(vars(config).items()):
            if name.endswith(ENDING) and value is not None:
                setattr(config, name, _moved(value, new))
    return smaller


def _moved(value: Any, new: Mapping[int, int]) -> Any:
    """Return an entry that names tokens with their new numbers; one that no token has stays."""
    moved = [new.get(each, each) for each in _listed(value)]
    return moved if isinstance(value, list) else moved[0]


def _write_tokenizer(source: Path, out: Path, settings: Any, kept: list[int]) -> None:
    """Write a tokenizer with fewer tokens, and what is said of it, with their new numbers."""
    new = {number: at for at, number in enumerate(kept)}
    text = json.dumps(settings, ensure_ascii=False)
    (out / TOKENIZER).write_text(text, encoding="utf-8")
    if (source / CONFIG).is_file():
        said = read_json(source / CONFIG)
        named = said.pop("added_tokens_decoder", {})
        said = renumbered(said, new)
        if named:
            stay = {int(n): token for n, token in named.items() if int(n) in new}
            said["added_tokens_decoder"] = {str(new[n]): token for n, token in stay.items()}
        (out / CONFIG).write_text(json.dumps(said, indent=1, ensure_ascii=False), encoding="utf-8")
    generation = _generation(source)
    for name, value in generation.items():
        if name in SUPPRESSED and isinstance(value, list):
            generation[name] = [new[n] for n in value if n in new]  # one that goes is never said
        elif name.endswith(ENDING) and value is not None:
            generation[name] = _moved(value, new)
    if generation:
        (out / GENERATION).write_text(json.dumps(generation, indent=1), encoding="utf-8")
    for name in CARRIED:
        if (source / name).is_file():
            (out / name).write_bytes((source / name).read_bytes())


def _compared(
    subject: Subject,
    fewer: Subject,
    kept: list[int],
    judged: tuple[list[int], list[int]],
    cuts: Reference,
) -> Fewer:
    """Return what both networks are worth, and how far apart their logits of kept tokens are."""
    assert fewer.data is not None
    x = some(fewer.data.calibration_x, slice(2))
    assert isinstance(x, Tensor)
    tokens = torch.tensor(kept)
    before, after = _logits(subject.model, tokens[x])[..., tokens], _logits(fewer.model, x)
    error = float((before - after).abs().max() / before.abs().max())
    if not error <= TOLERANCE:
        raise RefusedError(working.other_logits(error))
    tallies = [_tally(s, ids, cuts) for s, ids in zip((subject, fewer), judged, strict=True)]
    first, last = (sum(p.numel() for p in s.model.parameters()) for s in (subject, fewer))
    one, other = (len(ids) - 1 for ids in judged)
    return Fewer(
        tokens=(_count(subject.model), len(kept)),
        parameters=(first, last),
        judged_tokens=(one, other),
        bits_per_byte=(BITS.combine(tallies[0]), BITS.combine(tallies[1])),
        intervals=(BITS.interval(tallies[0]), BITS.interval(tallies[1])),
        error=error,
    )


def _count(model: Any) -> int:
    return int(model.config.get_text_config().vocab_size)


def _logits(model: nn.Module, tokens: Tensor) -> Tensor:
    with torch.inference_mode():
        found: Tensor = logits_of_tokens(call(model, tokens))
    return found


def _tally(subject: Subject, ids: list[int], cuts: Reference) -> Any:
    """Return what is counted of a text's tokens but the first, in windows as the data has them."""
    length = LENGTH if cuts.length is None else cuts.length
    x, y = windows(torch.tensor(ids), length, length if cuts.stride is None else cuts.stride)
    return subject.task.tally(answers(subject.model, x, y, subject.task, 16), y)
