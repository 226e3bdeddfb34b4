"""Shared by all tests: one thread for torch, fixed seeds, a home folder for each test.

Nothing here or in the tests takes a busy machine for a fault: examples have no deadline.
"""

from __future__ import annotations

import sys

import pytest
import torch
from hypothesis import HealthCheck, settings

from pruneviz.cli import main

settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest test, so that at the end of the suite nobody waits for it alone."""
    items.sort(key=lambda item: item.name != "test_the_commands_work_in_order")


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _own_home(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("PRUNEVIZ_HOME", str(tmp_path_factory.mktemp("home")))
    torch.manual_seed(0)


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
