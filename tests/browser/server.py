"""Serve the app as a user does, from its command line, and read what it logs."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from pruneviz import jobs

ROOT = Path(__file__).parents[2]
COMPLAINT = re.compile(r"traceback|error|warning", re.IGNORECASE)
START_SECONDS = 300  # a machine that is busy takes its time


@dataclass(frozen=True)
class Server:
    """A running app: its address, its home folder and the file with its log."""

    url: str
    home: Path
    log: Path

    def complaints(self) -> list[str]:
        """Return the log, from the first line that tells of something wrong; else nothing."""
        lines = self.log.read_text().splitlines()
        first = next((place for place, line in enumerate(lines) if COMPLAINT.search(line)), None)
        return [] if first is None else lines[first:]


def end_jobs(home: Path) -> None:
    """Stop the jobs that a test left under way, so that nothing waits for them or outlives them."""
    for folder in jobs.active(home):
        jobs.cancel(folder)
        for _ in jobs.follow(folder):
            pass


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("localhost", 0))
        return int(free.getsockname()[1])


@contextmanager
def serve(folder: Path, *options: str) -> Iterator[Server]:
    """Serve the app on a free port until the block ends; `options` are the command line's."""
    server = Server(f"http://localhost:{free_port()}", folder / "home", folder / "server.log")
    port = server.url.rpartition(":")[2]
    command = [sys.executable, "-m", "pruneviz", "app", "--headless", "--port", port, *options]
    env = {**os.environ, "PRUNEVIZ_HOME": str(server.home)}
    with server.log.open("w") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=log, stderr=log)
    try:
        wait_for_health(server, process)
        yield server
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_for_health(server: Server, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        with suppress(OSError), urllib.request.urlopen(f"{server.url}/_stcore/health", timeout=2):
            return
        time.sleep(0.1)
    raise AssertionError(f"the app did not start; its log says:\n{server.log.read_text()}")
