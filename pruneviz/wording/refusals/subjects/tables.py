"""Why a CSV file is refused: its text, its columns, and how it writes numbers."""

from __future__ import annotations

from pruneviz.wording.fact import fact


def _is_no_table(file: str) -> str:
    return f"'{file}' is not a UTF-8 CSV table with a header line"


@fact(field="data")
def no_table(file: str, reason: str) -> str:
    return _is_no_table(file) + (f": {reason}" if reason else "")


@fact(field="data")
def no_utf8(file: str, byte: int) -> str:
    return f"{_is_no_table(file)}: byte {byte:,} is no UTF-8; save it as UTF-8"


@fact(field="data")
def other_cells(file: str, line: int, cells: int, header: int) -> str:
    return (
        f"{_is_no_table(file)}: line {line:,} has {cells} cells and the header {header}; "
        "give every line as many"
    )


@fact(field="data")
def no_target(file: str, columns: str) -> str:
    return f"'{file}' names no target column; add ?target=COLUMN with one of {columns}"


@fact(field="data")
def no_such_target(file: str, target: str, columns: str) -> str:
    return f"'{file}' has no column '{target}'; add ?target=COLUMN with one of {columns}"


@fact(field="data")
def no_features() -> str:
    return "the table has no column besides the target; add the features"


@fact(field="data")
def columns_of_words(file: str, columns: str) -> str:
    return f"'{file}' has columns that are not numbers: {columns}; remove them or encode them"


@fact(field="data")
def no_number(file: str, column: str, value: str) -> str:
    return (
        f"'{file}' has columns that are not numbers: {column} holds '{value}'; "
        "remove them or encode them"
    )


@fact(field="data")
def perhaps_thousands(file: str, column: str, value: str) -> str:
    return (
        f"'{file}' has '{value}' in column {column}, whose mark may separate thousands or "
        "decimals; write numbers without thousands separators and with a decimal point, such as "
        "1234.5"
    )


@fact(field="data")
def two_decimal_marks(file: str, with_comma: str, with_point: str, column: str) -> str:
    return (
        f"'{file}' has numbers with a comma, such as {with_comma}, and with a point, such as "
        f"{with_point} in column {column}; write all with a decimal point"
    )


@fact(field="data")
def no_class(column: str, value: str) -> str:
    return (
        f"column {column} holds {value} beside numbers of classes; "
        "remove those rows, or give all classes names"
    )
