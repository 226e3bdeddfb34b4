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
def no_such_columns(file: str, missing: str, columns: str) -> str:
    return f"'{file}' has no column {missing}; its columns are {columns}"


@fact(field="data")
def target_ignored(file: str, target: str) -> str:
    return f"the target {target} of '{file}' is to be ignored, too; ignore other columns"


@fact(field="data")
def no_preparation(given: str, always: str) -> str:
    return f"prepare={given} says nothing of a table; write prepare={always}, or leave it out"


@fact(field="data")
def nothing_to_learn(file: str) -> str:
    return (
        f"nothing in '{file}' can be learned from: besides the target its columns are empty, alike "
        "in all rows, or name the rows; add columns, or keep one with &keep=COLUMN"
    )


@fact(field="data")
def too_wide(file: str, rows: int, features: int, most: int) -> str:
    return (
        f"'{file}' becomes {rows:,} rows of {features:,} features, more than {most:,} numbers; "
        "leave columns out with &ignore=COLUMN,COLUMN"
    )


@fact(field="data")
def no_features() -> str:
    return "the table has no column besides the target; add the features"


@fact(field="data")
def no_number(file: str, column: str, value: str) -> str:
    return (
        f"'{file}' has columns that are not numbers: {column} holds '{value}' beside numbers; "
        "leave such cells empty, or ignore the column with &ignore=COLUMN"
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


@fact(field="data")
def no_parquet(file: str) -> str:
    return f"'{file}' is no whole Parquet file; write it again"


@fact(field="data")
def too_large(file: str, rows: int, columns: int, most: int) -> str:
    return (
        f"'{file}' has {rows:,} rows of {columns:,} columns, which is more than {most:,} cells or "
        "1 GB: give fewer rows or columns"
    )


@fact(field="data")
def nested_columns(file: str, columns: str) -> str:
    return f"'{file}' has columns of lists, records or bytes: {columns}; leave them out of the file"


@fact(field="data")
def no_number_to_foretell(column: str, cell: str) -> str:
    return (
        f"column '{column}' holds '{cell}', and its numbers are to be foretold: mend the cell, or "
        "choose classification as the task"
    )


@fact(field="data")
def several_targets(columns: tuple[str, ...]) -> str:
    return (
        f"columns {', '.join(columns)} are several targets, which a classification of one label "
        "does not have: name one of them, or choose regression or several labels as the task"
    )
