"""What a user must know of how a table's columns became a network's inputs."""

from __future__ import annotations

from pruneviz.wording.fact import Fact, fact

REASONS = {
    "counts": "{columns} (numbers of the rows)",
    "names": "{columns} (names of the rows: nearly all differ)",
    "unnamed": "{columns} (without a name)",
    "empty": "{columns} (empty)",
    "same": "{columns} (alike in all rows that are trained on)",
}


@fact()
def because(reason: str, columns: str) -> str:
    return REASONS[reason].format(columns=columns)


@fact(field="data")
def left_out(columns: tuple[Fact, ...]) -> str:
    return (
        f"Not learned from: {'; '.join(map(str, columns))}. To keep one, add &keep=COLUMN, or "
        "choose it on Home under Your data."
    )


@fact(field="data")
def month_first(columns: str) -> str:
    return (
        f"The dates in {columns} were read with the month before the day, and could be meant the "
        "other way round: if so, write them as 2024-12-31."
    )


@fact(field="data")
def prepared(features: int, words: int, gaps: int, rows: int) -> str:
    parts = []
    if words:
        parts.append(
            f"{words:,} {'column' if words == 1 else 'columns'} of words as 0 or 1 for each"
        )
    if gaps:
        parts.append(f"{gaps:,} with gaps, filled with the median and marked")
    said = f": {', '.join(parts)}" if parts else ""
    return f"The table became {features:,} features, prepared by {rows:,} training rows{said}."
