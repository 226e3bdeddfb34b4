"""How many threads torch computes with, for a while."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache

import torch


@dataclass
class _Threads:
    """Who asks for a number of threads now; the last one to go restores what there was before."""

    users: int = 0
    before: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


_THREADS = _Threads()


@contextmanager
def computing_threads(count: int) -> Iterator[None]:
    """Let this thread compute with `count` threads; torch keeps one number for new threads.

    Two at once, each of which restored what it found, would leave the other's number behind.
    """
    with _THREADS.lock:
        if not _THREADS.users:
            _THREADS.before = torch.get_num_threads()
        _THREADS.users += 1
        torch.set_num_threads(count)
    try:
        yield
    finally:
        with _THREADS.lock:
            _THREADS.users -= 1
            torch.set_num_threads(_THREADS.before)


@cache
def usual_threads() -> int:
    """Return how many threads torch computes with where nobody asks for another number.

    It stays what it was when it was first asked for: a thread that is begun while another one
    asks for a number keeps that number for itself.
    """
    with _THREADS.lock:
        return _THREADS.before if _THREADS.users else torch.get_num_threads()
