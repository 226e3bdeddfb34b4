"""Why a text is refused: its bytes, its tokens, how it is cut into windows."""

from __future__ import annotations

from pruneviz.wording.fact import fact

FORM = "text:FILE?length=128&stride=128"


@fact(field="data")
def no_choice(given: str) -> str:
    return f"'{given}' is no choice for a text; write {FORM}, with whole numbers from 1"


@fact(field="data")
def stride_beyond(stride: int, length: int) -> str:
    return (
        f"with a stride of {stride:,} and windows of {length:,} tokens some are never judged; "
        f"choose a stride of 1 to {length:,}"
    )


@fact(field="data")
def too_large(file: str, megabytes: float, most: float) -> str:
    return f"'{file}' has {megabytes:,.0f} MB; give a text of at most {most:,.0f} MB, a part of it"


@fact(field="data")
def no_text(file: str) -> str:
    return f"'{file}' is a binary file; give a text in UTF-8"


@fact(field="data")
def no_utf8(file: str, byte: int) -> str:
    return f"'{file}' is no UTF-8: byte {byte:,} cannot be read; save it as UTF-8"


@fact(field="data")
def empty(file: str) -> str:
    return f"'{file}' has no text; give one with words in it"


@fact(field="data")
def too_short(file: str, tokens: int, windows: int, length: int, fits: int) -> str:
    """`windows`: how many its last quarter must hold; `fits`: their longest length, 0 for none."""
    shorter = f", or shorter windows: ?length={fits}" if fits else ""
    return (
        f"'{file}' has {tokens:,} tokens, and {windows} windows of {length:,} do not fit into the "
        f"last quarter, which is judged; give a longer text{shorter}"
    )


@fact(field="data")
def too_many_windows(windows: int, length: int, most: int, stride: int) -> str:
    """`stride`: the least that is few enough."""
    return (
        f"{windows:,} windows of {length:,} tokens are more than {most:,} values; choose a larger "
        f"stride, {stride:,} or more, or a part of the text"
    )


@fact(field="data")
def no_language_model(model: str) -> str:
    return (
        f"{model} is no language model, and a text is nothing else's data; choose one, such as "
        "sample:stdlib-lm, or other data"
    )


@fact(field="reading")
def no_reading() -> str:
    return "a text is read in one way alone; leave the reading out of the plan"


@fact(field="data")
def no_tokenizer(model: str) -> str:
    return (
        f"a text is read by a model's tokenizer, and {model} has none; choose a language model "
        "with its tokenizer, such as sample:stdlib-lm"
    )


@fact(field="data")
def token_beyond(token: int, tokens: int) -> str:
    return (
        f"the tokenizer gives token {token:,}, and the model knows 0 to {tokens - 1:,}; give the "
        "tokenizer that the model was trained with"
    )
