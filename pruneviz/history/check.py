"""What a zip file of runs must be before any of it is unpacked."""

from __future__ import annotations

import json
import re
import stat
import zipfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from pruneviz.history.folder import (
    BASELINE_CLASSES_FILE,
    BASELINE_FILE,
    CLASSES_FILE,
    CURVE_FILE,
    ENVIRONMENT_FILE,
    LABEL_FILE,
    LOG_FILE,
    NOTES_FILE,
    PAIRS_FILE,
    POINTS_FILE,
    PROBES_FILE,
    PROPOSAL_FILE,
    SPEC_FILE,
    STATUS_FILE,
    THRESHOLDS_FILE,
    UNDER_WAY,
    Spec,
    Status,
    run_digest,
)
from pruneviz.history.label import Label, plain
from pruneviz.history.row import REPORT_FILE
from pruneviz.plan import Plan, plan_faults, shown
from pruneviz.registry import Listing
from pruneviz.report import EpochRow, Report
from pruneviz.wording import RefusedError, said_by
from pruneviz.wording.refusals import packing

PLAN_FILE, RECIPE_FILE, SURGERY_FILE = "plan.yaml", "recipe.json", "surgery.json"
TENSORS = ("weights.safetensors", "masks.safetensors")
MAX_TENSOR_BYTES = 2_000_000_000
MAX_TEXT_BYTES = 50_000_000
MAX_TOTAL_BYTES = 20_000_000_000
MAX_MEMBERS = 60_000  # of 5,000 runs
MAX_RATIO = 200  # of what is unpacked to what is packed, beyond RATIO_BYTES: of each and of all
RATIO_BYTES = 10_000_000
KIND = re.compile("[a-z_0-9]{1,40}")
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
MEMBER = re.compile(r"([0-9a-f]{64})/([a-z_]+\.[a-z]+)?")

R = TypeVar("R", bound=BaseModel)
Members = dict[str, zipfile.ZipInfo]


def check_members(archive: zipfile.ZipFile, name: str) -> dict[str, Members]:
    """Return the files of each run by name; ValueError unless all are small, known and in place."""
    infos = archive.infolist()
    if len(infos) > MAX_MEMBERS:
        raise RefusedError(packing.too_many_files(name, len(infos), MAX_MEMBERS))
    runs: dict[str, Members] = {}
    for info in infos:
        digest, file = _place(info)
        members = runs.setdefault(digest, {})
        if not file:
            continue
        if file in members:
            raise RefusedError(packing.twice(name, _shown(info)))
        _check_kind(info)
        _check_size(info, file)
        members[file] = info
    if sum(info.file_size for info in infos) > MAX_TOTAL_BYTES:
        raise RefusedError(packing.too_large(name, MAX_TOTAL_BYTES // 1_000_000_000))
    if _is_bomb(infos):
        raise RefusedError(packing.bomb_of_many(name, MAX_RATIO))
    if not runs:
        raise RefusedError(packing.holds_no_runs(name))
    return runs


def _place(info: zipfile.ZipInfo) -> tuple[str, str]:
    """Return the run and the file that a member is; ValueError where it is anything else."""
    # `orig_filename` is the name before Python mended it: cut at NUL, with slashes turned.
    found = MEMBER.fullmatch(info.orig_filename)
    if not found or info.filename != info.orig_filename or found[2] not in (None, *KNOWN):
        raise RefusedError(packing.no_file_of_a_run(_shown(info)))
    return found[1], found[2] or ""


def _check_kind(info: zipfile.ZipInfo) -> None:
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG):
        raise RefusedError(packing.link_or_device(_shown(info)))
    if info.flag_bits & 1:
        raise RefusedError(packing.encrypted(_shown(info)))
    if info.compress_type not in METHODS:
        raise RefusedError(packing.packed_unusually(_shown(info)))


def _check_size(info: zipfile.ZipInfo, file: str) -> None:
    most = MAX_TENSOR_BYTES if file in TENSORS else MAX_TEXT_BYTES
    if info.file_size > most:
        raise RefusedError(packing.member_too_large(_shown(info), info.file_size, most))
    if _is_bomb([info]):
        raise RefusedError(packing.bomb(_shown(info), MAX_RATIO))


def _is_bomb(infos: Sequence[zipfile.ZipInfo]) -> bool:
    packed = sum(info.compress_size for info in infos)
    return sum(info.file_size for info in infos) > max(RATIO_BYTES, MAX_RATIO * packed)


def _shown(info: zipfile.ZipInfo) -> str:
    return plain(info.orig_filename, 100)


def check_run(archive: zipfile.ZipFile, digest: str, members: Members) -> None:
    """Raise ValueError unless the files of a run are valid and belong together."""

    def text(file: str) -> str:
        return _text(archive, digest, members[file])

    where = f"the run {digest[:12]}"
    needed = [file for file in (SPEC_FILE, STATUS_FILE) if file not in members]
    if needed:
        raise RefusedError(packing.lacks_files(where, " and no ".join(needed)))
    spec = _record(text(SPEC_FILE), Spec, f"'{SPEC_FILE}' of {where}")
    if run_digest(spec.kind, spec.plan, spec.settings) != digest:
        raise RefusedError(packing.asks_for_another(where, SPEC_FILE))
    _check_names(spec, where)
    status = _record(text(STATUS_FILE), Status, f"'{STATUS_FILE}' of {where}")
    if status.state in UNDER_WAY:
        raise RefusedError(packing.has_not_ended(where))
    if spec.kind == "run" and status.state == "finished":
        missing = [file for file in (PLAN_FILE, REPORT_FILE, *TENSORS) if file not in members]
        if missing:
            raise RefusedError(packing.lacks_files(where, ", no ".join(missing)))
    for file, info in members.items():
        if file in TENSORS:
            _check_tensors(archive, info)
        else:
            KNOWN[file](text(file), f"'{file}' of {where}")
    _check_alike(spec, digest, {file: text(file) for file in (PLAN_FILE, REPORT_FILE)
                                if file in members}, where)  # fmt: skip


def _check_names(spec: Spec, where: str) -> None:
    """Raise ValueError where a run is of a kind that cannot be, or its plan asks for the unknown.

    Which kinds there are the jobs know, which build on the history; a name is plain at least.
    """
    from pruneviz.metrics import METRICS  # brings torch
    from pruneviz.recovery import RECOVERIES, SCHEDULES
    from pruneviz.tasks import TASKS

    if not KIND.fullmatch(spec.kind):
        raise RefusedError(packing.no_kind(where, shown(spec.kind)))
    plan = spec.plan
    asked: list[tuple[Listing[Any], str | None]] = [
        (SCHEDULES, plan.schedule), (TASKS, plan.task), (METRICS, plan.metric),
        *((RECOVERIES, step.method) for step in plan.recovery),
    ]  # fmt: skip
    named = [(known, name) for known, name in asked if name is not None]
    unknown = [(known.kind, name) for known, name in named if name not in known.names()]
    if unknown:
        what = ", ".join(f"{kind} {shown(name)}" for kind, name in unknown[:3])
        raise RefusedError(packing.asks_for_unknown(where, what))


def _check_alike(spec: Spec, digest: str, texts: Mapping[str, str], where: str) -> None:
    """Raise ValueError unless plan and report are those of the run."""
    if PLAN_FILE in texts and Plan.from_text(texts[PLAN_FILE]) != spec.plan:
        raise RefusedError(packing.another_plan(PLAN_FILE, where))
    if REPORT_FILE in texts:
        report = Report.model_validate_json(texts[REPORT_FILE])
        if report.digest != digest or report.plan != spec.plan:
            raise RefusedError(packing.another_report(REPORT_FILE, where))
        _check_metrics(report, where)


def _check_metrics(report: Report, where: str) -> None:
    """Raise ValueError where a report has numbers of a metric that there is none of."""
    from pruneviz.metrics import METRICS  # brings torch

    for pair in report.quality:
        if pair.metric not in METRICS.names():
            what = f"metric {shown(pair.metric)}"
            raise RefusedError(packing.asks_for_unknown(where, what))


def _text(archive: zipfile.ZipFile, digest: str, info: zipfile.ZipInfo) -> str:
    """Return a small file's text, reading no more than it announces."""
    with archive.open(info) as source:
        content = source.read(info.file_size + 1)
    if len(content) > info.file_size:
        raise RefusedError(packing.more_than_announced(_shown(info)))
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise RefusedError(packing.no_utf8(_shown(info))) from error


def _record(text: str, record: type[R], where: str) -> R:
    try:
        return record.model_validate_json(text)
    except ValidationError as error:
        raise RefusedError(packing.record_damaged(where, plan_faults(error))) from error


def _check_tensors(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> None:
    """Raise ValueError unless a member is safetensors by its header, all that is read of it."""
    from pruneviz.subjects.models.weights import MAX_HEADER_BYTES, check_header

    with archive.open(info) as source:
        start = source.read(8)
        length = min(int.from_bytes(start, "little"), MAX_HEADER_BYTES, info.file_size)
        check_header(_shown(info).rpartition("/")[2], start + source.read(length), info.file_size)


def _check_record(record: type[BaseModel], text: str, where: str) -> None:
    _record(text, record, where)


def _check_json(text: str, where: str) -> None:
    try:
        json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RefusedError(packing.no_json(where)) from error


def _check_surgery(text: str, where: str) -> None:
    from pruneviz.pruned.surgery import Surgery  # brings torch

    _record(text, Surgery, where)


def _check_curve(text: str, where: str) -> None:
    _check_json(text, where)
    rows = json.loads(text)
    if not isinstance(rows, list):
        raise RefusedError(packing.no_epochs(where))
    for row in rows:
        _record(json.dumps(row), EpochRow, where)


def _check_plan(text: str, where: str) -> None:
    try:
        Plan.from_text(text)
    except ValueError as error:
        raise RefusedError(packing.no_plan(where, said_by(error))) from error


def _check_text(text: str, where: str) -> None:
    if "\0" in text:
        raise RefusedError(packing.no_text(where))


KNOWN: dict[str, Callable[[str, str], None]] = {
    SPEC_FILE: partial(_check_record, Spec),
    STATUS_FILE: partial(_check_record, Status),
    LABEL_FILE: partial(_check_record, Label),
    REPORT_FILE: partial(_check_record, Report),
    PLAN_FILE: _check_plan,
    CURVE_FILE: _check_curve,
    ENVIRONMENT_FILE: _check_json,
    PROPOSAL_FILE: _check_json,
    RECIPE_FILE: _check_json,
    SURGERY_FILE: _check_surgery,
    LOG_FILE: _check_text,
    POINTS_FILE: _check_text,
    BASELINE_FILE: _check_text,
    BASELINE_CLASSES_FILE: _check_text,
    CLASSES_FILE: _check_text,
    PROBES_FILE: _check_text,
    THRESHOLDS_FILE: _check_text,
    PAIRS_FILE: _check_text,
    NOTES_FILE: _check_json,
    **dict.fromkeys(TENSORS, _check_text),  # by their headers alone, in `_check_tensors`
}
