"""Why questions with choices cannot be asked of a language model."""

from __future__ import annotations

from pruneviz.wording.fact import fact

FORMS = (
    "question, choices and answer or answerKey; ctx, endings and label; or goal, sol1, sol2 and "
    "label"
)


@fact(field="data")
def no_choices(file: str, line: int) -> str:
    return f"line {line:,} of '{file}' is no question with choices: give {FORMS}"


@fact(field="data")
def too_few_choices(file: str, line: int, count: int) -> str:
    return (
        f"line {line:,} of '{file}' has {count} choice{'' if count == 1 else 's'}: a question "
        "needs two or more"
    )


@fact(field="data")
def labels_otherwise(file: str, line: int, labels: int, choices: int) -> str:
    return (
        f"line {line:,} of '{file}' has {labels} labels for {choices} choices: give each choice "
        "one label"
    )


@fact(field="data")
def no_words(file: str, line: int, what: str) -> str:
    return f"line {line:,} of '{file}' has no text as its {what}: write one, or leave the line out"


@fact(field="data")
def answer_beyond(file: str, line: int, answer: str, choices: int) -> str:
    return (
        f"line {line:,} of '{file}' says that '{answer}' is right, which is none of its {choices} "
        "choices: give the number of one, from 0, its letter, or its label"
    )


@fact(field="data")
def too_few_questions(file: str, count: int, least: int) -> str:
    return f"'{file}' has {count} question{'' if count == 1 else 's'}: give {least} or more"


@fact(field="data")
def question_too_long(file: str, line: int, tokens: int, places: int) -> str:
    return (
        f"the question and a choice in line {line:,} of '{file}' have {tokens:,} tokens, and the "
        f"model reads {places:,}: shorten them, or leave the line out"
    )


@fact(field="data")
def too_many_values(rows: int, places: int, most: int) -> str:
    return (
        f"{rows:,} choices of up to {places:,} tokens are more than {most:,} values: give a part "
        "of the questions"
    )


@fact(field="data")
def choice_without_tokens(file: str, line: int, choice: str) -> str:
    return (
        f"line {line:,} of '{file}': the tokenizer makes no token of the choice '{choice}' behind "
        "its question, so that nothing of it can be judged: write it otherwise"
    )
