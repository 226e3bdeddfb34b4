"""Shared by all tests: one thread for torch, fixed seeds, a home folder for each test."""

from __future__ import annotations

import pytest
import torch


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _own_home(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("PRUNEVIZ_HOME", str(tmp_path_factory.mktemp("home")))
    torch.manual_seed(0)
