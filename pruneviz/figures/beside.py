"""Stored runs beside their original, as Markdown and as a page of HTML."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

from pruneviz.figures.kit import format as fmt
from pruneviz.figures.kit import quality
from pruneviz.history.beside import Comparison, Line
from pruneviz.metrics.metric import sentence_case

COST_TITLES = {"parameters": "Parameters", "macs": "MACs", "bytes": "Size", "latency_ms": "Latency"}
FRONT, BEST = "front", "best"
STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:75rem;margin:2rem auto;padding:0 1rem;"
    "color:#1f1f23;background:#fff}table{border-collapse:collapse;width:100%}"
    "th,td{padding:.4rem .6rem;text-align:right;border-bottom:1px solid #ddd}"
    "th:first-child,td:first-child,th:nth-child(2),td:nth-child(2){text-align:left}"
    "@media(prefers-color-scheme:dark){body{color:#f0f0f2;background:#15161a}"
    "th,td{border-color:#3a3b40}}"
)


def header(shown: Comparison) -> list[str]:
    """Return the titles of the columns."""
    judged = sentence_case(quality.title(shown.found))
    return ["Network", "Plan", "Removed", f"{judged} (95 % interval)", "Change",
            *COST_TITLES.values(), f"Front by {COST_TITLES[shown.by]}"]  # fmt: skip


def cells(shown: Comparison) -> list[list[str]]:
    """Return a line of texts for each network, the best of a column marked by a word."""
    return [_cells(shown, at, line) for at, line in enumerate(shown.lines)]


def _cells(shown: Comparison, at: int, line: Line) -> list[str]:
    first = shown.lines[0]
    written = {
        "quality": quality.pruned(line.found) if line.digest else quality.original(line.found),
        "parameters": _amount(fmt.count, line.parameters, first.parameters),
        "macs": _amount(fmt.count, line.macs, first.macs),
        "bytes": _amount(fmt.size, line.bytes, first.bytes),
        "latency_ms": "" if line.latency_ms is None else fmt.milliseconds(line.latency_ms),
    }
    marked = {
        name: f"{text} ({BEST})" if text and at in shown.best[name] else text
        for name, text in written.items()
    }
    removed = "" if line.removed is None else fmt.percent(line.removed)
    change = quality.change(line.found) if line.digest else ""
    return [line.name, line.plan, removed, marked["quality"], change,
            *(marked[name] for name in COST_TITLES), FRONT if line.on_front else ""]  # fmt: skip


def _amount(write: Callable[[float], str], number: int | None, original: int | None) -> str:
    if number is None:
        return ""
    if original is None or number == original:
        return write(number)
    return f"{write(number)}, {fmt.change(original, number)}"


def notes(shown: Comparison) -> list[str]:
    """Return what to know of a comparison: of which inputs, and what its marks mean."""
    cost = COST_TITLES[shown.by]
    return [
        f"All on the same {shown.found.samples:,} inputs of {shown.data or 'its own data'}; a "
        "change is from the original's answers to these.",
        f"“{BEST}” is the best number of a column, be the next within its interval or not. "
        f"“{FRONT}”: no other network is as good with as little ({cost}), and better at one of "
        "both.",
        "Latencies of different runs were measured at different times: each compares with its "
        "own original alone (pruneviz runs show).",
    ]


def markdown(comparisons: Sequence[Comparison]) -> str:
    """Return a table for each comparison; what a user named is text, no markup."""
    parts = []
    for shown in comparisons:
        head = header(shown)
        lines = [head, ["---"] * 2 + ["---:"] * (len(head) - 2), *cells(shown)]
        table = "\n".join("| " + " | ".join(map(_plain, line)) + " |" for line in lines)
        said = "\n\n".join(map(_plain, notes(shown)))
        parts.append(f"## {_plain(_title(shown))}\n\n{table}\n\n{said}\n")
    return "\n".join(parts)


def _plain(text: str) -> str:
    """Return a text whose characters mean nothing to Markdown, on one line."""
    marked = "".join(f"\\{c}" if c in "\\`*_[]<>&|#~" else c for c in " ".join(text.split()))
    return marked if text.strip("-:") else text


def page(comparisons: Sequence[Comparison]) -> str:
    """Return a page of HTML that needs nothing beside it and runs no script."""
    parts = []
    for shown in comparisons:
        head = "".join(f'<th scope="col">{escape(title)}</th>' for title in header(shown))
        body = "".join(
            f'<tr><th scope="row">{escape(first)}</th>'
            + "".join(f"<td>{escape(cell)}</td>" for cell in rest)
            + "</tr>"
            for first, *rest in cells(shown)
        )
        said = "".join(f"<p>{escape(note)}</p>" for note in notes(shown))
        parts.append(
            f"<section><h2>{escape(_title(shown))}</h2><table><thead><tr>{head}</tr></thead>"
            f"<tbody>{body}</tbody></table>{said}</section>"
        )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Runs compared</title>'
        f"<style>{STYLE}</style></head><body><h1>Runs compared</h1>{''.join(parts)}</body></html>\n"
    )


def _title(shown: Comparison) -> str:
    return shown.title or shown.model
