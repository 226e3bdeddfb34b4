"""What every command shares: its output apart from its models' chatter, notes and failures."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from contextvars import ContextVar
from functools import wraps
from typing import Any, NoReturn, ParamSpec, TextIO

import typer
from rich.console import Console

P = ParamSpec("P")
OUTPUT: ContextVar[TextIO] = ContextVar("OUTPUT")  # standard output while commands set it aside

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="See what pruning does to a neural network, and prove that the result is sound.",
)


def aside(command: Callable[P, None]) -> Callable[P, None]:
    """Send what a command's models print to standard error: the output is the command's alone."""

    @wraps(command)
    def run_aside(*args: P.args, **kwargs: P.kwargs) -> None:
        with redirect_stdout(sys.stderr):
            command(*args, **kwargs)

    return run_aside


def output() -> Console:
    """Return the console on the standard output."""
    return Console(file=OUTPUT.get(sys.stdout))


def note(sentence: str) -> None:
    """Tell the user something beside the output."""
    Console(stderr=True, soft_wrap=True).print(f"note: {sentence}", markup=False)


def fail(sentence: str) -> NoReturn:
    """End with one sentence and exit code 1."""
    Console(stderr=True, soft_wrap=True).print(
        f"pruneviz: {sentence}", markup=False, highlight=False
    )
    raise SystemExit(1)


def print_json(value: Any) -> None:
    """Write one JSON object to standard output, whole or not at all."""
    text = json.dumps(value, indent=1, allow_nan=False)  # whole, or nothing is written
    OUTPUT.get(sys.stdout).write(f"{text}\n")
    OUTPUT.get(sys.stdout).flush()
