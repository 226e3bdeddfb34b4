"""A home folder with runs in it, and a tracking store to write them to."""

from __future__ import annotations

import pytest


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory):
    """An SQLite file that MLflow has made its tables in, which takes it seconds."""
    mlflow = pytest.importorskip("mlflow")
    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    mlflow.MlflowClient(tracking_uri=f"sqlite:///{path}").search_experiments()
    return path
