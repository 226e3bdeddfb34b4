"""Runs in MLflow: parameters, metrics, curves and files, in whatever store it is pointed at.

Needs `pip install 'pruneviz[mlflow]'`. MLflow's own usage telemetry is switched off: nothing is
sent anywhere but to the store that is named.
"""

from __future__ import annotations

import importlib
import logging
import math
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pruneviz.history.curve import read_curve
from pruneviz.history.folder import RunFolder
from pruneviz.history.index import History
from pruneviz.history.row import REPORT_FILE, Row
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import packing

EXPERIMENT = "PruneViz"
DIGEST_TAG, PARENT_TAG = "pruneviz.digest", "pruneviz.parent"
URI_VARIABLE = "MLFLOW_TRACKING_URI"
SQLITE = "sqlite:///"
ARTIFACTS = ("plan.yaml", REPORT_FILE)
METRICS = ("achieved", "samples", "accuracy_original", "accuracy", "accuracy_low", "accuracy_high",
           "macs_original", "macs", "parameters_original", "parameters", "bytes_original", "bytes",
           "latency_original_ms", "latency_ms", "speedup")  # fmt: skip
BATCH = 1_000  # metrics; MLflow takes no more at once
MOST_PARAMETERS = 100
REMEDY = "install it with: pip install 'pruneviz[mlflow]'"


@dataclass(frozen=True)
class Tracked:
    """Digests of the runs written into the store, and of those that it had already."""

    added: tuple[str, ...]
    present: tuple[str, ...]


def default_uri(home: Path) -> str:
    """Return the store to write to: MLFLOW_TRACKING_URI, or an SQLite file in the home folder."""
    return os.environ.get(URI_VARIABLE) or f"{SQLITE}{(home / 'mlflow.db').absolute()}"


def export_to_mlflow(
    history: History, digests: Iterable[str], uri: str, experiment: str = EXPERIMENT
) -> Tracked:
    """Write finished runs into a tracking store, such as sqlite:///FILE or http://HOST:PORT.

    A run that the store has is left as it is; one that was begun from another is shown below it.
    ValueError where MLflow is not installed, the store cannot be used, or a run has no report.
    """
    rows = [history.get(digest) for digest in dict.fromkeys(digests)]
    for row in rows:
        if row.state != "finished" or row.kind != "run":
            raise RefusedError(packing.no_report(row.kind or "run", row.digest[:12], row.state))
    mlflow, sqlalchemy = _load()
    try:
        store = _Store(mlflow, uri, experiment)
        added, present = [], []
        for row in sorted(rows, key=lambda row: row.created):  # so parents come before children
            if store.find(row.digest):
                present.append(row.digest)
            else:
                store.add(row, RunFolder(history.directory / row.digest))
                added.append(row.digest)
    except (
        mlflow.exceptions.MlflowException, sqlalchemy.exc.SQLAlchemyError, ImportError, OSError
    ) as error:  # fmt: skip
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        open_uri = without_password(uri)
        raise RefusedError(
            packing.mlflow_cannot_write(open_uri, reason.replace(uri, open_uri)[:300])
        ) from error
    return Tracked(tuple(added), tuple(present))


def _load() -> tuple[Any, Any]:
    """Return the modules mlflow, its telemetry off and its retries few, and sqlalchemy."""
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = os.environ["DO_NOT_TRACK"] = "true"
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    try:
        modules = importlib.import_module("mlflow"), importlib.import_module("sqlalchemy")
    except ImportError as error:
        raise RefusedError(packing.no_mlflow(REMEDY)) from error
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    return modules


class _Store:
    """One experiment in a tracking store."""

    def __init__(self, mlflow: Any, uri: str, experiment: str) -> None:
        self._mlflow = mlflow
        location = _check_uri(uri)
        self._client = mlflow.MlflowClient(tracking_uri=uri)
        found = self._client.get_experiment_by_name(experiment)
        if found is None:
            self._experiment = self._client.create_experiment(experiment, location)
        else:
            self._experiment = found.experiment_id

    def find(self, digest: str) -> str | None:
        """Return the store's own name of a whole run; what was left half written is removed."""
        wanted = f"tags.`{DIGEST_TAG}` = '{digest}'"
        whole = None
        for run in self._client.search_runs([self._experiment], wanted):
            if run.info.status == "FINISHED":
                whole = run.info.run_id
            else:
                self._client.delete_run(run.info.run_id)
        return whole

    def add(self, row: Row, folder: RunFolder) -> None:
        """Write one run."""
        entities = self._mlflow.entities
        begun = _milliseconds(row.created)
        tags = {DIGEST_TAG: row.digest, **{f"pruneviz.tag.{tag}": "true" for tag in row.tags}}
        if row.note:
            tags["mlflow.note.content"] = row.note
        if row.parent:
            tags[PARENT_TAG] = row.parent
            above = self.find(row.parent)
            if above:
                tags["mlflow.parentRunId"] = above
        run = self._client.create_run(
            self._experiment, begun, tags, run_name=row.name or row.digest[:12]
        )
        name = run.info.run_id
        asked = [entities.Param(key, text) for key, text in _parameters(folder)]
        self._client.log_batch(name, params=asked[:MOST_PARAMETERS])
        points = [entities.Metric(*point) for point in _metrics(row, folder, begun or 0)]
        for batch in _batches(points):
            self._client.log_batch(name, metrics=batch)
        for file in ARTIFACTS:
            self._client.log_artifact(name, str(folder.file(file)))
        self._client.set_terminated(name, "FINISHED", _milliseconds(row.finished or ""))


def _check_uri(uri: str) -> str | None:
    """Return where a new SQLite store keeps its files; ValueError where it cannot lie there."""
    if not uri.startswith("sqlite:"):
        return None
    path = Path(uri.removeprefix(SQLITE))
    if not uri.startswith(SQLITE) or not path.name:
        raise RefusedError(packing.no_store_name(uri[:200]))
    if not path.parent.is_dir():
        raise RefusedError(packing.no_folder_for_store(str(path.parent)))
    return (path.absolute().parent / "mlartifacts").as_uri()


def _parameters(folder: RunFolder) -> Iterator[tuple[str, str]]:
    """Yield what the plan asks for, each method's parameters under its name."""
    spec = folder.spec()
    if spec is None:
        return
    plan = spec.plan.model_dump(mode="json")
    recovery = plan.pop("recovery")
    for name in ("layers", "locks"):
        plan[name] = len(plan[name])  # they are in plan.yaml, and may be longer than MLflow takes
    for key, value in plan.items():
        if isinstance(value, dict):
            family = key.removesuffix("_parameters")
            yield from ((f"{family}.{name}", str(given)) for name, given in value.items())
        elif value is not None:
            yield key, str(value)
    for number, step in enumerate(recovery, start=1):
        yield f"recovery.{number}", step["method"]
        for name, given in step["parameters"].items():
            yield f"recovery.{number}.{name}", str(given)


def _metrics(row: Row, folder: RunFolder, begun: int) -> Iterator[tuple[str, float, int, int]]:
    """Yield (name, value, milliseconds, step); the curve's step is the epoch."""
    known = {name: getattr(row, name) for name in METRICS}
    for found in row.quality:  # accuracy is among those already, under the same names
        parts = {"original": found.original, "low": found.pruned_low, "high": found.pruned_high}
        known |= {found.metric: found.pruned}
        known |= {f"{found.metric}_{part}": value for part, value in parts.items()}
    for name, value in known.items():
        if value is not None:
            yield name, float(value), begun, 0
    for position, point in enumerate(read_curve(folder)):
        for name, value in point.model_dump(exclude={"epoch"}).items():
            if isinstance(value, int | float) and math.isfinite(value):
                yield f"curve.{name}", float(value), begun + position, point.epoch


def _batches(points: Sequence[Any]) -> Iterator[Sequence[Any]]:
    return (points[start : start + BATCH] for start in range(0, len(points), BATCH))


def _milliseconds(moment: str) -> int | None:
    try:
        return int(datetime.fromisoformat(moment).timestamp() * 1000)
    except ValueError:
        return None


def without_password(uri: str) -> str:
    """Return an address as a message may show it."""
    scheme, slashes, rest = uri.partition("://")
    return f"{scheme}{slashes}{rest.rpartition('@')[2]}"
