"""Shared by all tests: one thread for torch, fixed seeds, a home folder for each test.

Nothing here or in the tests takes a busy machine for a fault: examples have no deadline.
"""

from __future__ import annotations

import itertools
import os
import sys
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
import torch
from hypothesis import HealthCheck, settings

from pruneviz.cli import main
from pruneviz.history.folder import runs_directory
from pruneviz.jobs import control, spare, worker

settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")

# A spare process outlives the test that left it: those that ask for one turn it on.
os.environ[spare.SECONDS_VARIABLE] = "0"
# Jobs that step back would wait for the tests that wait for them.
os.environ[worker.NICENESS_VARIABLE] = "0"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with a long test, so that at the end of the suite nobody waits for it alone."""
    items.sort(key=lambda item: item.name != "test_the_commands_work_in_order")


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def _homes(tmp_path_factory):
    """Return where each test's home is: pytest counts all folders anew for each that it makes."""
    folder = tmp_path_factory.mktemp("homes")
    return (folder / f"home-{number:05}" for number in itertools.count())


@pytest.fixture(autouse=True)
def _own_home(_homes, monkeypatch):
    home = next(_homes)
    home.mkdir()
    monkeypatch.setenv("PRUNEVIZ_HOME", str(home))
    torch.manual_seed(0)
    yield
    if runs_directory(home).exists():
        end_processes(home)


def end_processes(home: Path) -> None:
    """End the jobs that a test left under way: nobody waits for them, and they slow the others."""
    for process in psutil.Process().children():
        with suppress(psutil.Error):
            if any(str(home) in part for part in process.cmdline()):
                process.kill()


@pytest.fixture
def pruneviz(monkeypatch, capsys):
    """Call the command line in this process; return exit code, standard output and error."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["pruneviz", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return ended.value.code or 0, captured.out, captured.err

    return call


@pytest.fixture
def _jobs_here(monkeypatch):
    """Do jobs in this process: how processes are started and stopped is not what is asked here."""
    monkeypatch.setattr(worker, "_step_back", lambda niceness, warm: None)
    monkeypatch.setattr(control, "_spawn", worker.work)
