"""A language model goes on with a text, token by token, with its cache where that is right."""

from __future__ import annotations

import inspect
import math
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from pruneviz.network.inputs import call
from pruneviz.subjects.texts.tokenizer import Tokenizer
from pruneviz.tasks.language_modelling import logits_of_tokens
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals.language import writing

Ended = Literal["", "most", "end", "places"]
CACHE = "past_key_values"  # as transformers calls what is remembered of earlier tokens


@dataclass(frozen=True, kw_only=True)
class Way:
    """How a text goes on: by `most` tokens, the likeliest ones where `temperature` is 0.

    Else they are drawn with `seed`: the likeliest one of softmax(z / temperature) after noise
    (Gumbel 1954), which is the same for all networks at a seed. So two networks that say the same
    write the same, and two that differ little differ seldom. RefusedError for impossible values.
    """

    most: int = 40
    temperature: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.most < 1:
            raise RefusedError(writing.no_tokens_asked(self.most))
        if not 0 <= self.temperature < math.inf:
            raise RefusedError(writing.no_temperature(self.temperature))

    def chosen(self, logits: Tensor, at: int) -> int:
        """Return the new token number `at` of its logits (tokens,); NaN is never drawn."""
        known = logits.double().nan_to_num(-math.inf, math.inf, -math.inf)
        if not self.temperature:
            return int(known.argmax())
        # a token's noise is decided by its number and the place alone
        generator = torch.Generator().manual_seed((self.seed * 1_000_003 + at) % 2**63)
        even = torch.rand(len(known), generator=generator, dtype=torch.double)
        return int((known.cpu() / self.temperature - (-even.log()).log()).argmax())


class Writer:
    """A network that goes on with a prompt: each `step` writes one token.

    The cache of transformers' networks is used where it works: its first answer must be that of a
    whole pass, but for rounding. Else, and for networks without one, each token takes a whole pass.
    """

    def __init__(
        self,
        network: nn.Module,
        prompt: Sequence[int],
        way: Way,
        *,
        cache: bool = True,
        ends: frozenset[int] | None = None,
    ) -> None:
        """Begin with a prompt's tokens; RefusedError where it has none, or leaves no place.

        A text ends at one of the tokens `ends`, at the network's own where nothing is said.
        """
        if not prompt:
            raise RefusedError(writing.nothing_to_go_on())
        self.places = places_of(network)
        if self.places is not None and len(prompt) >= self.places:
            raise RefusedError(writing.prompt_too_long(len(prompt), self.places, 1))
        self.prompt, self.written, self.ended = tuple(prompt), list[int](), _ended("")
        self._network: nn.Module | None = network
        self._way, self._ends = way, end_tokens(network) if ends is None else ends
        self.has_cache = remembers(network)
        self._remembers = cache and self.has_cache
        self._kept: Any = None

    @property
    def cached(self) -> bool:
        """Return whether tokens are written with a cache, as far as is known."""
        return self._remembers

    def step(self) -> int | None:
        """Write and return the next token; None where the text has ended."""
        if self.ended or self._network is None:
            return None
        with torch.inference_mode():
            token = self._way.chosen(self._next(self._network), len(self.written))
        self.written.append(token)
        self.ended = self._ending(token)
        if self.ended:
            self._network = self._kept = None
        return token

    def _ending(self, token: int) -> Ended:
        if token in self._ends:
            return "end"
        if len(self.written) == self._way.most:
            return "most"
        full = self.places is not None and len(self.prompt) + len(self.written) >= self.places
        return "places" if full else ""

    def _next(self, network: nn.Module) -> Tensor:
        """Return the logits (tokens,) of what comes after all that is there."""
        every = torch.tensor([*self.prompt, *self.written])[None]
        if not self._remembers:
            return last_logits(call(network, every))
        if not self.written:
            output = call(network, every, beside={"use_cache": True})
            self._kept = kept_of(output)
            self._remembers = self._kept is not None
            return last_logits(output)
        if len(self.written) > 1:
            return self._continued(network, every)
        whole = last_logits(call(network, every))
        self._remembers = self._is_right(network, every, whole)
        self._kept = self._kept if self._remembers else None
        return whole

    def _continued(self, network: nn.Module, every: Tensor) -> Tensor:
        output = call(network, every[:, -1:], beside=remembered(network, self._kept, every))
        self._kept = kept_of(output)
        return last_logits(output)

    def _is_right(self, network: nn.Module, every: Tensor, whole: Tensor) -> bool:
        """Return whether the cache's answer to the last token is that of a whole pass."""
        try:
            found = self._continued(network, every)
        # What is cut may have lost what its cache relies on, and fail in any way of any code.
        except Exception:
            return False
        allowed = math.sqrt(torch.finfo(whole.dtype).eps) * whole.abs().max().clamp_min(1e-30)
        return found.shape == whole.shape and bool(((found - whole).abs() <= allowed).all())


class SideBySide:
    """Two networks that go on with one prompt in the same way, the original's token first."""

    def __init__(
        self, original: nn.Module, pruned: nn.Module, prompt: Sequence[int], way: Way
    ) -> None:
        """Begin; RefusedError as of a `Writer`."""
        self.original, self.pruned = (Writer(each, prompt, way) for each in (original, pruned))
        self._lock = threading.Lock()

    @property
    def done(self) -> bool:
        """Return whether both texts have ended."""
        return bool(self.original.ended and self.pruned.ended)

    def step(self) -> None:
        """Write a token of each whose text has not ended; several threads may ask for it."""
        with self._lock:
            self.original.step()
            self.pruned.step()

    def steps(self) -> Iterator[None]:
        """Write a token of each, and yield, until both texts have ended."""
        while not self.done:
            self.step()
            yield


def prompt_tokens(tokenizer: Tokenizer, prompt: str) -> list[int]:
    """Return a prompt's tokens, with those that its tokenizer puts around a text of its own."""
    return tokenizer.encode_texts([(prompt,)], None)[0].tokens if prompt else []


def remembers(network: nn.Module) -> bool:
    """Return whether a network takes a cache of keys and values, as transformers' do."""
    named = inspect.signature(network.forward).parameters
    return CACHE in named and "use_cache" in named


def kept_of(output: Any) -> Any:
    """Return what an output says to remember for the next token, None for nothing."""
    return output.get(CACHE) if isinstance(output, Mapping) else None


def remembered(network: nn.Module, kept: Any, every: Tensor) -> dict[str, Any]:
    """Return what a network is given by name with the last token of `every`, (1, places).

    Its place is named where it can be: a cut layer may have been the one that counted.
    """
    beside = {CACHE: kept, "use_cache": True}
    if "position_ids" in inspect.signature(network.forward).parameters:
        beside["position_ids"] = torch.tensor([[every.shape[1] - 1]])
    return beside


def last_logits(output: Any) -> Tensor:
    """Return the logits (tokens,) at the last place of an output for one text."""
    found: Tensor = logits_of_tokens(output)[0, -1]
    return found


def end_tokens(network: nn.Module) -> frozenset[int]:
    """Return the tokens at which a network's text ends, as its own configuration says."""
    for name in ("generation_config", "config"):
        found = getattr(getattr(network, name, None), "eos_token_id", None)
        if found is not None:
            return frozenset(found if isinstance(found, Iterable) else (found,))
    return frozenset()


def places_of(network: nn.Module) -> int | None:
    """Return how many tokens a network reads at most; None where it says nothing of it."""
    found = getattr(getattr(network, "config", None), "max_position_embeddings", None)
    return found if isinstance(found, int) and found > 0 else None


def _ended(how: Ended) -> Ended:
    return how
