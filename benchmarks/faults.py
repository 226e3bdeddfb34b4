"""Kill workers, index writers and the server at random moments; then prove that nothing was lost.

A training and scans run as jobs in a scratch home, while another process writes labels into the
history and the app is served. Again and again one of them is killed with SIGKILL. After each kill
the index must be whole and say what the folders say, and finished results must be untouched; at the
end the training that was broken again and again must give the very files of an unbroken one. Then
the disk is filled (a tmpfs of a few megabytes) and made read-only, where this system lets us.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from cifar import scratch
from common import finish, quick_asked

from pruneviz import jobs
from pruneviz.history.folder import RunFolder, runs_directory
from pruneviz.history.index import History
from pruneviz.plan import Plan, RecoveryStep
from pruneviz.run import bind
from pruneviz.subjects import load_subject

KILLS, QUICK_KILLS = 50, 6
LONGEST_SECONDS = 4.0
MEGABYTES = 6
RESULTS = (
    "plan.yaml", "weights.safetensors", "masks.safetensors", "surgery.json", "recipe.json",
    "points.csv",
)  # fmt: skip
WRITER = """
import random, sys
from pathlib import Path
from pruneviz.history.index import History
home = Path(sys.argv[1])
while True:
    history = History(home)
    for row in history.search():
        history.label(row.digest, note=str(random.random()))
"""


def training(seed: int, epochs: int) -> Plan:
    """Return a bound plan that trains for some seconds."""
    settings = {"epochs": epochs, "batch_size": 32}
    plan = Plan(
        model="sample:digits-cnn",
        sparsity=0.5,
        seed=seed,
        recovery=(RecoveryStep(method="finetune", parameters=settings),),
    )
    return bind(plan, load_subject(plan))


def scan(seed: int) -> Plan:
    """Return a bound plan whose sensitivity scan takes some seconds."""
    plan = Plan(model="sample:digits-resnet", seed=seed)
    return bind(plan, load_subject(plan))


def prints(folder: RunFolder) -> dict[str, str]:
    """Return the hash of every result file of a run."""
    found = {name: folder.file(name) for name in RESULTS if folder.file(name).exists()}
    return {name: hashlib.sha256(p.read_bytes()).hexdigest() for name, p in found.items()}


def ended(folder: RunFolder) -> str:
    """Follow a job to its end, begun again whenever it lost its process; return its state."""
    while True:
        for _ in jobs.follow(folder):
            pass
        if folder.state() != "interrupted":
            return folder.state()
        jobs.resume(folder)


@dataclass
class Trial:
    """A home folder under attack, and what was found after each kill."""

    home: Path
    generator: random.Random
    killed: dict[str, int] = field(default_factory=dict)
    finished: dict[str, dict[str, str]] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)

    def strike(self, what: str, find: Callable[[], psutil.Process | None]) -> None:
        """Kill a process after a random while, if it still lives, and check everything."""
        time.sleep(self.generator.uniform(0, LONGEST_SECONDS))
        victim = find()
        with contextlib.suppress(psutil.NoSuchProcess):
            if victim is not None:
                os.kill(victim.pid, signal.SIGKILL)
                victim.wait(10)
                self.killed[what] = self.killed.get(what, 0) + 1
        start = time.perf_counter()
        self.check()
        self.seconds.append(time.perf_counter() - start)

    def check(self) -> None:
        """Raise AssertionError unless index and folders agree and no result has changed."""
        history = History(self.home)
        database = sqlite3.connect(runs_directory(self.home) / "index.sqlite")
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        database.close()
        rows = {row.digest: row for row in history.search()}
        folders = [RunFolder(p) for p in runs_directory(self.home).iterdir() if len(p.name) == 64]
        assert rows.keys() == {folder.digest for folder in folders}
        for folder in folders:
            state = folder.state()
            assert state in ("queued", "running", "finished", "stopped", "interrupted"), (
                state, folder.status(), folder.file("log.txt").read_text()[-2000:],
            )  # fmt: skip
            if state == "finished":
                before = self.finished.setdefault(folder.digest, prints(folder))
                assert prints(folder) == before, "a finished result has changed"


def worker_of(folder: RunFolder) -> psutil.Process | None:
    """Return the process of a job, None where it has none."""
    status = folder.status()
    if status is None or status.pid is None or not folder.alive():
        return None
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(status.pid)
    return None


@contextmanager
def process(command: list[str], home: Path) -> Iterator[list[psutil.Process]]:
    """Run a process until the block ends; the list holds the present one, to be put back."""
    env = {**os.environ, "PRUNEVIZ_HOME": str(home)}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    holder = [psutil.Popen(command, env=env, **quiet)]
    try:
        yield holder
    finally:
        holder[0].kill()


def again(holder: list[psutil.Process], command: list[str], home: Path) -> None:
    """Start a process anew if it was killed."""
    if not holder[0].is_running() or holder[0].status() == psutil.STATUS_ZOMBIE:
        env = {**os.environ, "PRUNEVIZ_HOME": str(home)}
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        holder[0] = psutil.Popen(command, env=env, **quiet)


def serve_command() -> tuple[list[str], str]:
    """Return how to serve the app on a free port, and where its health is asked for."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = str(free.getsockname()[1])
    command = [sys.executable, "-m", "pruneviz", "app", "--headless", "--port", port]
    return command, f"http://localhost:{port}/_stcore/health"


def attack(trial: Trial, kills: int, broken: RunFolder) -> str:
    """Kill one thing after another; return how the server answered at the end."""
    server, health = serve_command()
    writer = [sys.executable, "-c", WRITER, str(trial.home)]
    with process(server, trial.home) as served, process(writer, trial.home) as writing:
        for number in range(kills):
            scanning = jobs.submit(trial.home, "sensitivity", scan(seed=number // 4))
            for folder in (broken, scanning):
                if folder.state() == "interrupted":
                    jobs.resume(folder)
            targets: dict[str, Callable[[], psutil.Process | None]] = {
                "training": lambda: worker_of(broken),
                "scan": lambda scanning=scanning: worker_of(scanning),
                "index writer": lambda: writing[0],
                "server": lambda: served[0],
            }
            what = list(targets)[number % len(targets)]
            trial.strike(what, targets[what])
            again(writing, writer, trial.home)
            again(served, server, trial.home)
            print(f"{number + 1} of {kills}: {what} killed, history whole", flush=True)
        return answer(health)


def answer(url: str) -> str:
    """Return what the server says of its health, within a minute."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        with contextlib.suppress(OSError), urllib.request.urlopen(url) as response:
            return str(response.read().decode())
        time.sleep(0.3)
    return "no answer"


def full_disk(plan: Plan, expected: dict[str, str]) -> list[tuple[str, str]]:
    """Fill a small disk under a training, make it read-only, give room again; what was said."""
    disk = scratch()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        return [("full disk, read-only folder", "not tried: no tmpfs can be mounted here")]
    try:
        return _on_small_disk(disk, plan, expected)
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=False)


def _on_small_disk(disk: Path, plan: Plan, expected: dict[str, str]) -> list[tuple[str, str]]:
    home = disk / "home"
    other = jobs.submit(home, "sensitivity", scan(seed=0))
    assert ended(other) == "finished"
    before = prints(other)
    folder = jobs.submit(home, "run", plan)
    while (folder.status() or jobs.control.Status()).fraction < 0.2:
        time.sleep(0.05)
    fill = disk / "fill"
    with contextlib.suppress(OSError), fill.open("wb") as out:
        while True:
            out.write(b"0" * 4096)
            out.flush()
    for _ in jobs.follow(folder):
        pass
    status = folder.status()
    assert status is not None
    said = [("full disk", f"{folder.state()}: {status.error.replace(str(disk), '…')}")]
    assert "No space left" in status.error, status
    assert prints(other) == before
    fill.unlink()
    _remount(disk, "ro")
    try:
        jobs.submit(home, "sensitivity", scan(seed=1))
        said.append(("read-only folder", "no error, which is wrong"))
    except ValueError as error:
        said.append(("read-only folder", str(error).replace(str(disk), "…")))
    assert {row.digest for row in History(home).search()} == {other.digest, folder.digest}
    _remount(disk, "rw")
    jobs.resume(folder)
    assert ended(folder) == "finished"
    assert prints(folder) == expected
    said.append(("room again", "resumed, ended with the unbroken training's files"))
    return said


def _remount(disk: Path, how: str) -> None:
    """Mount the disk in another way, once the process that writes its log there has left."""
    for _ in range(200):
        command = ["mount", "-o", f"remount,{how}", str(disk)]
        if not subprocess.run(command, capture_output=True, check=False).returncode:
            return
        time.sleep(0.1)
    raise RuntimeError(f"the disk cannot be mounted {how}: something still writes there")


def main() -> None:
    """Run the trial, print what was killed and found."""
    quick = quick_asked(__doc__)
    kills = QUICK_KILLS if quick else KILLS
    plan = training(seed=0, epochs=40 if quick else 300)
    home = scratch()
    unbroken = jobs.submit(home / "unbroken", "run", plan)
    start = time.perf_counter()
    assert ended(unbroken) == "finished", unbroken.status()
    alone_s = time.perf_counter() - start
    expected = prints(unbroken)
    print(f"the unbroken training took {alone_s:.1f} s", flush=True)
    trial = Trial(home / "attacked", random.Random(0))
    broken = jobs.submit(trial.home, "run", plan)
    health = attack(trial, kills, broken)
    left = [folder for folder in jobs.active(trial.home) if folder.state() == "interrupted"]
    for folder in left:
        jobs.resume(folder)
    states = [ended(folder) for folder in (broken, *left)]
    trial.check()
    assert set(states) == {"finished"}, states
    assert prints(broken) == expected, "the broken training ended with other files"
    status = broken.status()
    assert status is not None
    rows = [(what, f"killed {count} times; index and folders agreed after each")
            for what, count in sorted(trial.killed.items())]  # fmt: skip
    rows += [
        ("broken training", f"{status.attempt} attempts; the very files of the unbroken one"),
        ("server afterwards", health),
        ("looking at everything after a kill", f"{max(trial.seconds):.2f} s at most"),
        *full_disk(training(seed=1, epochs=40), _reference(home)),
    ]
    notes = f"The unbroken training took {alone_s:.0f} s. The ratio is attempts to attempts needed."
    finish("faults", ["what", "found"], rows, notes, float(status.attempt))
    shutil.rmtree(home)


def _reference(home: Path) -> dict[str, str]:
    """Return the files of the training that the small disk breaks, unbroken."""
    folder = jobs.submit(home / "unbroken", "run", training(seed=1, epochs=40))
    assert ended(folder) == "finished"
    return prints(folder)


if __name__ == "__main__":
    main()
