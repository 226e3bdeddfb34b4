"""Who computes when: a session's newest plan alone, and first answers before what can wait."""

from __future__ import annotations

import atexit
import threading
import weakref
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager

Stop = Callable[[], bool]
Work = Callable[[Stop], None]
END_SECONDS = 10.0  # in which a batch that is computed while the process ends may be finished


class Turns:
    """Lets one thread of the process compute at a time, and those that somebody waits for first."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._taken = False
        self._urgent = 0

    @contextmanager
    def taken(self, *, urgent: bool) -> Iterator[None]:
        """Compute inside; wait for whoever does, and where it can wait, for all that is urgent."""
        with self._condition:
            self._urgent += urgent
            self._condition.wait_for(lambda: not self._taken and (urgent or not self._urgent))
            self._urgent -= urgent
            self._taken = True
        try:
            yield
        finally:
            with self._condition:
                self._taken = False
                self._condition.notify_all()


class _Newest:
    """The number of what a session asked for last."""

    def __init__(self) -> None:
        self.number = 0

    def next(self) -> int:
        self.number += 1
        return self.number


class Background:
    """Computes for one session what its newest plan lacks; what is older stops at its next step."""

    def __init__(self) -> None:
        self._key: Hashable = None
        self._thread: threading.Thread | None = None
        self._newest = _Newest()
        weakref.finalize(self, self._newest.next)  # nobody waits any more when the session is gone

    def turn_to(self, key: Hashable) -> None:
        """Say what the session looks at now: work for anything else is to stop."""
        if key != self._key:
            self._key, self._thread = key, None
            self._newest.next()

    def go_on(self, key: Hashable, work: Work) -> None:
        """Do the work for what the session looks at in a thread, unless one does it already.

        `work` is given what says whether it must stop, and asks that between its steps.
        """
        self.turn_to(key)
        if self._thread is not None and self._thread.is_alive():
            return
        number, newest = self._newest.next(), self._newest

        def stop() -> bool:
            return newest.number != number or _ENDING.is_set()

        self._thread = threading.Thread(target=work, args=(stop,), name="live", daemon=True)
        _THREADS.add(self._thread)
        self._thread.start()

    def wait(self) -> None:
        """Wait until the work that was begun last is over."""
        if self._thread is not None:
            self._thread.join()


_ENDING = threading.Event()
_THREADS: weakref.WeakSet[threading.Thread] = weakref.WeakSet()


@atexit.register
def _end() -> None:
    """Let no thread compute while the interpreter is taken down under it."""
    _ENDING.set()
    for thread in list(_THREADS):
        if thread.is_alive():
            thread.join(END_SECONDS)
