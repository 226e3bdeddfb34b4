"""Why texts are refused: their bytes, their tokens, how they are cut, and their labels."""

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
        f"a text is read by a model's tokenizer, and {model} has none; choose a model with its "
        "tokenizer, such as sample:stdlib-lm, or put tokenizer.json into its folder"
    )


@fact(field="data")
def token_beyond(token: int, tokens: int) -> str:
    return (
        f"the tokenizer gives token {token:,}, and the model knows 0 to {tokens - 1:,}; give the "
        "tokenizer that the model was trained with"
    )


@fact(field="data")
def texts_in_a_table(file: str) -> str:
    return f"columns with texts are read as texts:{file}?text=COLUMN&target=COLUMN; write that"


@fact(field="data")
def no_column_choice(key: str, choices: tuple[str, ...]) -> str:
    return f"'{key}' says nothing of texts; choose from {', '.join(choices)}, or leave it out"


@fact(field="data")
def no_such_column(file: str, key: str, name: str, columns: str) -> str:
    return f"'{file}' has no column '{name}'; add {key}=COLUMN with one of {columns}"


@fact(field="data")
def text_is_asked_for(file: str, name: str) -> str:
    return (
        f"the column '{name}' of '{file}' is both text and target; add text=COLUMN and "
        "target=COLUMN with one each"
    )


@fact(field="data")
def wrong_line(file: str, line: int, what: str) -> str:
    return (
        f"line {line:,} of '{file}' has {what}; give a table with a header (csv), a JSON object a "
        "line (jsonl), or a word with its class a line and blank lines between texts"
    )


@fact(field="data")
def too_many_texts(columns: tuple[str, ...]) -> str:
    return f"a network reads one text or two together, not {len(columns)}; name fewer columns"


@fact(field="data")
def one_column_of_words() -> str:
    return "words lie in one column and their classes in another; name one each"


@fact(field="data")
def no_text_in(file: str, line: int, column: str, words: bool) -> str:
    """`words` says that it holds a list."""
    if words:
        return (
            f"'{column}' of line {line:,} of '{file}' is a list of words, and the model gives one "
            "answer a text; name a column with whole texts: text=COLUMN"
        )
    return f"'{column}' of line {line:,} of '{file}' is no text; name another column: text=COLUMN"


@fact(field="data")
def texts_empty(file: str, column: str, count: int, lines: str) -> str:
    are = "is empty" if count == 1 else f"are empty in {count:,} rows"
    return f"texts in '{column}' of '{file}' {are} ({lines}); leave these rows out or fill them"


@fact(field="data")
def no_list_in(file: str, line: int, column: str) -> str:
    return (
        f"'{column}' of line {line:,} of '{file}' is no list of words or classes, and the model "
        "labels each word; give JSON lines with lists (text=COLUMN, target=COLUMN), or a word with "
        "its class a line"
    )


@fact(field="data")
def not_a_tag_each(file: str, line: int, words: int, tags: int) -> str:
    return (
        f"line {line:,} of '{file}' has {words:,} words and {tags:,} classes; give one class for "
        "each word"
    )


@fact(field="data")
def no_length(given: str) -> str:
    return f"length={given} is no number of tokens; write a whole number from 1"


@fact(field="data")
def length_beyond(length: int, most: int) -> str:
    return f"the model takes {most:,} tokens of a text at most, not {length:,}; write length={most}"


@fact(field="data")
def length_too_short(length: int, least: int) -> str:
    return f"with {length:,} tokens nothing of a text is left; write length={least} or more"


@fact(field="data")
def too_many_places(texts: int, length: int, most: int, fits: int) -> str:
    return (
        f"{texts:,} texts of up to {length:,} tokens are more than {most:,} values; cut them with "
        f"length={fits}, or give fewer"
    )


@fact(field="data")
def no_padding() -> str:
    return (
        "texts differ in length, and neither does the model take an attention mask nor does its "
        "config.json name a pad_token_id; add that to it"
    )


@fact(field="data")
def texts_of_another_task(model: str, whole: bool) -> str:
    """`whole` says that the model continues whole texts."""
    remedy = "give it a text as a whole: text:FILE" if whole else "choose other data"
    return f"{model} judges no texts with labels; {remedy}"


@fact(field="data")
def nothing_made_of(count: int, first: int) -> str:
    return (
        f"the tokenizer makes nothing of {count:,} text{'s' if count > 1 else ''}, the first of "
        f"which is number {first:,}; leave them out"
    )
