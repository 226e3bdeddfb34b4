"""What is published: whether its server answers, and the optional libraries that know it."""

from __future__ import annotations

import importlib
import threading
import urllib.request
from typing import Any
from urllib.error import URLError

from pruneviz.wording import RefusedError
from pruneviz.wording.refusals.subjects import opening

CONNECT_SECONDS = 5.0
NO_ANSWER = "their server does not answer"


def reachable(url: str) -> bool:
    """Say within CONNECT_SECONDS whether a server answers (looking its name up included)."""
    answers: list[bool] = []

    def ask() -> None:
        try:
            request = urllib.request.Request(url, method="HEAD")
            with urllib.request.urlopen(request, timeout=CONNECT_SECONDS):
                answers.append(True)
        except (URLError, OSError, ValueError):
            answers.append(False)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(CONNECT_SECONDS)
    return any(answers)


def hub_file(repository: str, file: str) -> str:
    """Return where a file of a repository of Hugging Face's hub is, or of the mirror in its place.

    The address asks for nothing; `HF_ENDPOINT` names another server, as for the hub's own library.
    """
    from huggingface_hub import hf_hub_url

    return str(hf_hub_url(repository, file))


def library(name: str, extra: str) -> Any:
    """Return an optional library; RefusedError says which extra brings it where it is missing."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise RefusedError(opening.needs_library(error.name or name, extra)) from error


def first_line(error: BaseException) -> str:
    """Return the first line of what an error says, or its kind."""
    return (str(error).splitlines() or [""])[0].strip() or type(error).__name__
