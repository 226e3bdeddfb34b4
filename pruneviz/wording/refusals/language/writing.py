"""Why a language model cannot go on with a text."""

from __future__ import annotations

from pruneviz.wording.fact import fact


@fact()
def nothing_to_go_on() -> str:
    return "the prompt has no token: write a few words that the networks can go on from"


@fact()
def no_tokens_asked(given: int) -> str:
    return f"at least one new token must be asked for, got {given:,}"


@fact()
def too_few_to_time(given: int) -> str:
    return (
        f"two tokens or more must be written to be timed, the first and one after it, got {given}"
    )


@fact()
def no_temperature(given: float) -> str:
    return (
        "the temperature must be a number from 0 on, where 0 takes the likeliest token, "
        f"got {given:g}"
    )


@fact()
def prompt_too_long(tokens: int, places: int, new: int) -> str:
    left = "a place is" if new == 1 else f"{new:,} places are"
    return (
        f"the prompt has {tokens:,} tokens and the network {places:,} places: shorten it, so that "
        f"{left} left to write"
    )


@fact()
def no_writer(title: str) -> str:
    return f"{title} cannot go on with a text: only language models that have a tokenizer can"
