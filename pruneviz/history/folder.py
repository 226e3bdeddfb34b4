"""One folder a run: what was asked, how far it is, and what came of it, as files that last."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, TypeVar

from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, field_validator

from pruneviz.plan import Part, Plan, Setting, checked_settings, plan_faults
from pruneviz.wording import Fact, RefusedError
from pruneviz.wording.refusals import keeping

SPEC_FILE, STATUS_FILE, LOCK_FILE, CANCEL_FILE = "job.json", "status.json", "lock", "cancel"
LOG_FILE, LABEL_FILE, ENVIRONMENT_FILE = "log.txt", "label.json", "environment.json"
CHECKPOINTS, CURVE_FILE, POINTS_FILE = "checkpoints", "curve.json", "points.csv"
# What scans leave: the original's own point, each class at each point, what a reader must know,
# the evaluations of a search with what they say of each layer, and the pairs of layers.
BASELINE_FILE, CLASSES_FILE, NOTES_FILE = "baseline.csv", "classes.csv", "notes.json"
BASELINE_CLASSES_FILE = "baseline_classes.csv"
PROBES_FILE, THRESHOLDS_FILE, PAIRS_FILE = "probes.csv", "thresholds.csv", "pairs.csv"
PROPOSAL_FILE = "proposal.json"
DIGEST_LENGTH = 64
DIGEST = re.compile(rf"[0-9a-f]{{{DIGEST_LENGTH}}}")
LOADING_SHARE = 0.1  # of a bar
START_SECONDS = 15  # in which a process that was just spawned takes its lock

Written = Literal["queued", "running", "finished", "failed", "stopped"]
State = Literal["queued", "running", "finished", "failed", "stopped", "interrupted"]
R = TypeVar("R", bound=BaseModel)
UNDER_WAY = ("queued", "running")


def now() -> str:
    """Return the time as ISO 8601 in UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


class Spec(BaseModel):
    """What a run is: its kind, the plan that decides its result, where it began, what it may use.

    `settings` are what the kind asks beyond the plan, such as a level. `parent` is the digest of
    the run it was begun from. `options` decide how it is computed (device, threads, limits), never
    what comes out, so they are no part of the digest.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    kind: str
    plan: Plan
    settings: Mapping[str, Setting] = {}
    parent: str | None = None
    created: str = Field(default_factory=now)
    options: dict[str, bool | int | float | str] = {}

    @field_validator("settings", mode="before")
    @classmethod
    def _check_settings(cls, value: Any) -> dict[str, Setting]:
        return checked_settings(value, "this kind of work")


class Status(BaseModel):
    """How far a run is. `fraction` of its work is done, `loaded` of what comes before it, 0 to 1;

    `seconds_left` is None while it cannot be told. `error` says why it failed, and `refusal` is the
    state of the fact that this sentence tells, None where there is no more than the sentence.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    state: Written = "queued"
    fraction: float = 0.0
    loaded: float = 0.0
    sentence: str = ""
    seconds_left: float | None = None
    attempt: int = 0
    pid: int | None = None
    started: str | None = None
    updated: str = Field(default_factory=now)
    finished: str | None = None
    error: str = ""
    refusal: dict[str, JsonValue] | None = None

    @field_validator("refusal")
    @classmethod
    def _can_be_told(cls, given: dict[str, JsonValue] | None) -> dict[str, JsonValue] | None:
        try:
            str(Fact.read(given or ""))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise RefusedError(keeping.unknown_fact()) from error
        return given

    @property
    def trouble(self) -> Fact | None:
        """Return why it failed, None where nothing says so; before facts were kept, a sentence."""
        told = self.refusal or self.error
        return Fact.read(told) if told else None

    @field_validator("state", mode="before")
    @classmethod
    def _by_its_present_name(cls, given: object) -> object:
        return "stopped" if given == "cancelled" else given

    def bar(self, fraction: float | None = None) -> float:
        """Return how full a bar is, 0 to 1: loading fills its first part, then `fraction` does."""
        done = min(1.0, max(0.0, self.fraction if fraction is None else fraction))
        if self.state not in UNDER_WAY:
            return done
        return LOADING_SHARE * self.loaded + (1 - LOADING_SHARE) * done


def runs_directory(home: Path) -> Path:
    """Return the folder that holds all runs."""
    return home / "runs"


def is_digest(name: str) -> bool:
    """Return whether a name is that of a run: 64 digits of 0-9 and a-f."""
    return DIGEST.fullmatch(name) is not None


class RunFolder:
    """A run by its folder; reading never fails because a part is missing or broken."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def digest(self) -> str:
        """Return the run's digest: the folder's name, after which a number comes in the trash."""
        return self.path.name[:DIGEST_LENGTH]

    def file(self, name: str) -> Path:
        """Return where a file of the run lies, whether it is there or not."""
        return self.path / name

    def spec(self) -> Spec | None:
        """Return what was asked, None where job.json is missing or broken."""
        return _read(self.file(SPEC_FILE), Spec)

    def status(self) -> Status | None:
        """Return what was last written of its progress, None where that is missing or broken."""
        return _read(self.file(STATUS_FILE), Status)

    def write_status(self, status: Status) -> None:
        """Put a status in the place of the one before, whole or not at all."""
        write_json(self.file(STATUS_FILE), status.model_dump(mode="json"), durable=False)

    def alive(self) -> bool:
        """Return whether a process works on the run: whoever does holds its lock."""
        # Longer than another look at the same moment holds it.
        lock = FileLock(self.file(LOCK_FILE), timeout=0.05, poll_interval=0.01)
        if not self.file(LOCK_FILE).exists():
            return False
        try:
            with lock:
                return False
        except Timeout:
            return True
        except OSError:  # a folder that is being deleted, or that nothing may be written into
            return False

    def state(self) -> State:
        """Return the run's state; one that was under way and lost its process is interrupted."""
        status = self.status()
        if status is None:
            return "queued" if self.alive() else "interrupted"
        if status.state not in UNDER_WAY or self.alive() or _is_starting(status):
            return status.state
        again = self.status()  # it may have ended between the two looks
        return again.state if again and again.state not in UNDER_WAY else "interrupted"

    def stopping(self, state: State | None) -> bool:
        """Return whether a run in this state was asked to stop and has not yet.

        What ends says so a moment before it takes the request away.
        """
        return state in UNDER_WAY and self.file(CANCEL_FILE).exists()

    def size_bytes(self) -> int:
        """Return what the folder takes on the disk."""
        total = 0
        for directory, _, files in os.walk(self.path):
            for name in files:
                try:
                    total += (Path(directory) / name).stat().st_size
                except OSError:  # it was deleted since
                    continue
        return total


def _is_starting(status: Status) -> bool:
    """Return whether the process may be on its way: it was asked for moments ago."""
    try:
        age = datetime.now(UTC) - datetime.fromisoformat(status.updated)
    except (ValueError, TypeError):  # no time, or one without a zone
        return False
    return status.state == "queued" and age < timedelta(seconds=START_SECONDS)


def write_json(path: Path, value: Any, *, durable: bool = True) -> None:
    """Write JSON whole or not at all; ValueError where that fails, such as on a full disk."""
    write_bytes(path, json.dumps(value, indent=1, allow_nan=False).encode(), durable=durable)


def write_bytes(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Write a file whole or not at all, when `durable` onto the disk; ValueError on a failure."""
    temporary = None
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
        with os.fdopen(handle, "wb") as out:
            out.write(content)
            out.flush()
            if durable:
                os.fsync(out.fileno())
        Path(temporary).replace(path)
    except OSError as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        raise RefusedError(
            keeping.file_not_written(str(path), error.strerror or str(error))
        ) from error


def _read(path: Path, record: type[R]) -> R | None:
    return read_record(path, record)[0]


def explain_broken(path: Path, record: type[R]) -> str:
    """Return in one sentence why a record cannot be read, "" where it can."""
    return read_record(path, record)[1]


def read_record(path: Path, record: type[R]) -> tuple[R | None, str]:
    """Return a record and "", or None and in one sentence why it cannot be read."""
    try:
        return record.model_validate_json(path.read_text(encoding="utf-8")), ""
    except OSError as error:
        return None, f"'{path.name}' cannot be read: {error.strerror or error}"
    except UnicodeDecodeError:
        return None, f"'{path.name}' is no UTF-8 text"
    except ValidationError as error:
        return None, f"'{path.name}' is damaged: {plan_faults(error)}"


def scan_plan(plan: Plan) -> Plan:
    """Return the part of a plan that decides a sensitivity scan: neither amounts nor recovery."""
    return plan.without(Part.AMOUNT | Part.RECOVERY)


def run_digest(kind: str, plan: Plan, settings: Mapping[str, Setting] | None = None) -> str:
    """Return the digest of a run: that of its plan for the kind "run", one of kind and plan else.

    `plan` is bound, and reduced to what decides the result of this kind; `settings` are spelled
    out, and where there are none the digest is as if there could be none.
    """
    if kind == "run" and not settings:
        return plan.digest()
    more = f":{json.dumps(dict(settings), sort_keys=True)}" if settings else ""
    return hashlib.sha256(f"{kind}:{plan.digest()}{more}".encode()).hexdigest()
