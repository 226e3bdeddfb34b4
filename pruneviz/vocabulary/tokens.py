"""A tokenizer's file with fewer tokens, which cuts the texts that it was made for as before."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import working

Settings = dict[str, Any]  # what tokenizer.json holds
Renumbered = Mapping[int, int]  # a kept token's number before → after
IDS = ("id", "pad_id")
NAMING = ("added_tokens", "post_processor", "padding")  # parts that name tokens by number
PAIRS = ("sep", "cls")  # of the older post-processors: a token with its number


def kept_tokens(
    settings: Settings, used: Iterable[int], special: Iterable[int], rows: int = 0
) -> list[int]:
    """Return the numbers of the tokens that stay, in their order.

    These are the used ones, all that they are made of, every single character, whatever the
    tokenizer treats as special, and `special`, those that a network's configuration names: these
    also where the tokenizer has none of the number, and the network has, in its `rows`.
    """
    vocabulary = _vocabulary(settings)
    by_number = {number: token for token, number in vocabulary.items()}
    added = {int(token["id"]) for token in settings.get("added_tokens") or ()}
    stay = {number for number in used if number in by_number} | added
    stay |= {number for number in special if number in by_number or 0 <= number < rows}
    named = {number for part in NAMING for number in _named(settings.get(part))}
    stay |= {number for number in named if number in by_number}
    unknown = settings["model"].get("unk_token")
    stay |= {n for token, n in vocabulary.items() if _is_single(token) or token == unknown}
    if isinstance(settings["model"].get("unk_id"), int):
        stay.add(settings["model"]["unk_id"])
    return sorted(_with_parts(settings, vocabulary, by_number, stay))


def _named(value: Any) -> Iterator[int]:
    """Yield the numbers of the tokens that a part of a tokenizer's settings names."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in IDS and isinstance(inner, int):
                yield inner
            elif key == "ids" and isinstance(inner, list):
                yield from inner
            elif key in PAIRS and isinstance(inner, list) and len(inner) == 2:
                yield inner[1]
            else:
                yield from _named(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _named(inner)


def _is_single(token: str) -> bool:
    """Return whether a token is one character, also within a word, or one byte."""
    return len(token.removeprefix("##")) <= 1 or (len(token) == 6 and token.startswith("<0x"))


def _vocabulary(settings: Settings) -> dict[str, int]:
    """Return the number of each token; RefusedError for a kind of tokenizer that is not known."""
    model = settings.get("model") or {}
    vocabulary, kind = model.get("vocab"), model.get("type")
    if kind == "Unigram" and isinstance(vocabulary, list):
        return {str(token): number for number, (token, _) in enumerate(vocabulary)}
    if kind in ("BPE", "WordPiece", "WordLevel") and isinstance(vocabulary, dict):
        return {str(token): int(number) for token, number in vocabulary.items()}
    raise RefusedError(working.other_tokenizer(str(kind)))


def _with_parts(
    settings: Settings, vocabulary: Mapping[str, int], by_number: Mapping[int, str], stay: set[int]
) -> set[int]:
    """Return the tokens with the parts that merges make them of, and the parts of these."""
    parts: dict[str, list[tuple[str, str]]] = {}
    for left, right in _merges(settings):
        parts.setdefault(left + right, []).append((left, right))
    found, waiting = set(stay), list(stay)
    while waiting:
        for pair in parts.get(by_number.get(waiting.pop(), ""), ()):
            more = {vocabulary[part] for part in pair if part in vocabulary} - found
            found |= more
            waiting += more
    return found


def _merges(settings: Settings) -> list[tuple[str, str]]:
    """Return the pairs that are merged, the first first; older files write them with a blank."""
    merges: Sequence[Any] = settings["model"].get("merges") or ()
    return [
        (str(each[0]), str(each[1])) if isinstance(each, list) else _split(str(each))
        for each in merges
    ]


def _split(merge: str) -> tuple[str, str]:
    left, _, right = merge.partition(" ")
    return left, right


def rewritten(settings: Settings, kept: Sequence[int]) -> Settings:
    """Return a tokenizer's settings with the kept tokens alone, numbered from 0 in their order."""
    new = {number: at for at, number in enumerate(kept)}
    found: Settings = json.loads(json.dumps(settings))  # a copy of plain values
    model = found["model"]
    if model["type"] == "Unigram":
        entries = model["vocab"]
        model["vocab"] = [entries[number] for number in kept if number < len(entries)]
        if isinstance(model.get("unk_id"), int):
            model["unk_id"] = new[model["unk_id"]]
    else:
        model["vocab"] = {t: new[n] for t, n in _vocabulary(settings).items() if n in new}
    if "merges" in model:
        model["merges"] = [
            merge
            for merge, (left, right) in zip(model["merges"], _merges(settings), strict=True)
            if {left, right, left + right} <= model["vocab"].keys()
        ]
    for part in NAMING:
        found[part] = renumbered(found.get(part), new)
    return found


def renumbered(value: Any, new: Renumbered) -> Any:
    """Return a part of a tokenizer's settings with the new numbers of the tokens it names."""
    if isinstance(value, dict):
        return {key: _of_key(key, inner, new) for key, inner in value.items()}
    return [renumbered(each, new) for each in value] if isinstance(value, list) else value


def _of_key(key: str, value: Any, new: Renumbered) -> Any:
    if key in IDS and isinstance(value, int):
        return new.get(value, value)  # a number that no token has stays
    if key == "ids" and isinstance(value, list):
        return [new.get(number, number) for number in value]
    if key in PAIRS and isinstance(value, list) and len(value) == 2:
        return [value[0], new.get(value[1], value[1])]
    return renumbered(value, new)
