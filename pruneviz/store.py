"""A run in a folder: plan, report, masks, cuts, and the pruned network as weights and recipe."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError
from safetensors.torch import save_file

from pruneviz.export import RECIPE_FILE, WEIGHTS_FILE, write_network
from pruneviz.export.hugging_face import write_hugging_face
from pruneviz.measure.packing import pack
from pruneviz.network.held import LIFTED, held_tensors
from pruneviz.plan import Plan, plan_faults
from pruneviz.report import Report
from pruneviz.subjects.models.hugging_face.folder import find_folder
from pruneviz.subjects.references import parse_model
from pruneviz.wording import Fact, RefusedError, judged, said_by
from pruneviz.wording.refusals import exporting, storing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor, nn

    from pruneviz.run import Prepared, Pruned

PLAN_FILE, REPORT_FILE, MASKS_FILE = "plan.yaml", "report.json", "masks.safetensors"
MOST_NAMED = 5  # tensors in a sentence
SURGERY_FILE = "surgery.json"  # of a network that was cut; where zeros were set, masks say all
# The report goes first and comes last: a folder with a report holds one whole run.
FILES = (REPORT_FILE, PLAN_FILE, MASKS_FILE, SURGERY_FILE, WEIGHTS_FILE, RECIPE_FILE)


def write_run(
    directory: Path, prepared: Prepared, pruned: Pruned, report: Report, force: bool = False
) -> list[str]:
    """Write a run into a folder and return what the user must know, one sentence each.

    Every file is complete or absent, and a folder with a report holds one run alone, also when
    the writing is interrupted. ValueError where the folder holds another run and `force` is not
    set, or cannot be written.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        _refuse_other_run(directory, report.digest, force)
        with tempfile.TemporaryDirectory(dir=directory, prefix=".writing-") as name:
            beside = Path(name)
            notes = _write_network(beside, prepared, pruned)
            masks = {name: mask.contiguous() for name, mask in pruned.masks.items()}
            save_file(masks, beside / MASKS_FILE)
            if pruned.is_cut:
                cuts = pruned.surgery.model_dump_json(indent=1)
                (beside / SURGERY_FILE).write_text(cuts, encoding="utf-8")
            (beside / PLAN_FILE).write_text(pruned.plan.to_yaml(), encoding="utf-8")
            (beside / REPORT_FILE).write_text(report.model_dump_json(indent=1), encoding="utf-8")
            for file in FILES:
                (directory / file).unlink(missing_ok=True)
            for file in reversed(FILES):
                if (beside / file).exists():
                    (beside / file).replace(directory / file)
    except OSError as error:
        reason = error.strerror or str(error)
        raise RefusedError(storing.run_not_written(str(directory), reason)) from error
    return [str(note) for note in notes]


def _refuse_other_run(directory: Path, digest: str, force: bool) -> None:
    if (directory / REPORT_FILE).exists() and not force:
        try:
            other = read_report(directory).digest
        except ValueError as error:
            raise RefusedError(storing.folder_in_the_way(said_by(error))) from error
        if other != digest:
            raise RefusedError(storing.holds_another_run(str(directory), other))


def _write_network(directory: Path, prepared: Prepared, pruned: Pruned) -> list[Fact]:
    """Write weights and recipe; a network without a recipe still gets its weights, and a note."""
    subject, packed = prepared.subject, {} if pruned.is_cut else pruned.masks
    data = subject.data
    about = {
        "classes": list(data.classes) if data else [],
        "features": list(data.features) if data else [],
        "mean": list(data.mean) if data else [],
        "std": list(data.std) if data else [],
    }
    try:
        write_network(directory, pruned.model, subject.example, packed, about)
    except ValueError as error:
        held = held_tensors(pruned.model)
        save_file(pack(held, packed), directory / WEIGHTS_FILE)
        return [
            judged.no_recipe(str(error)),
            *_beside_state(pruned.model, held),
        ]
    return []


def goes_home(reference: str) -> bool:
    """Return whether a model's reference is of transformers, which opens folders by itself."""
    return parse_model(reference).kind == "hf"


def check_home(directory: Path, reference: str) -> None:
    """Raise RefusedError unless such a folder can be begun: before the work, not after."""
    if not goes_home(reference):
        raise RefusedError(exporting.not_of_transformers())
    if directory.exists():
        raise RefusedError(exporting.folder_exists(str(directory)))


def write_home(directory: Path, prepared: Prepared, pruned: Pruned) -> None:
    """Write a pruned network of `hf:` as a folder that transformers opens without other code.

    The folder is complete or absent. RefusedError where there is one already, where no
    configuration describes the network, or where it came from elsewhere.
    """
    subject = prepared.subject
    check_home(directory, subject.reference)
    source = find_folder(parse_model(subject.reference).name, pretrained=False)
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=directory.parent, prefix=".writing-") as name:
            beside = Path(name) / directory.name
            beside.mkdir()
            write_hugging_face(
                beside, subject.model, pruned.model, pruned.bypassed, subject.example, source
            )
            beside.replace(directory)
    except OSError as error:
        raise RefusedError(
            storing.not_written(str(directory), error.strerror or str(error))
        ) from error


def _beside_state(model: nn.Module, held: Mapping[str, Tensor]) -> list[Fact]:
    """Return, as a note, which tensors of the weights file a state_dict knows nothing of."""
    state = model.state_dict()
    more = sorted((n for n in held if n not in state), key=lambda name: name.startswith(LIFTED))
    if not more:
        return []
    named = ", ".join(more[:MOST_NAMED]) + (", …" if len(more) > MOST_NAMED else "")
    return [judged.beside_the_state(WEIGHTS_FILE, named)]


def read_plan(directory: Path) -> Plan:
    """Read the plan of a run; ValueError where there is none or it is broken."""
    return Plan.from_text(_read(directory / PLAN_FILE))


def read_report(directory: Path) -> Report:
    """Read the report of a run; ValueError where there is none or it is broken."""
    path = directory / REPORT_FILE
    text = _read(path)
    try:
        return Report.model_validate_json(text)
    except ValidationError as error:
        raise RefusedError(storing.no_report(str(path), plan_faults(error))) from error


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise RefusedError(storing.not_read(str(path), error.strerror or str(error))) from error
    except UnicodeDecodeError as error:
        raise RefusedError(storing.no_utf_8(str(path))) from error


def check_writable(path: Path) -> None:
    """Raise ValueError unless a file can be written at `path`: before hours of work, not after."""
    if path.is_dir():
        raise RefusedError(storing.is_a_folder(str(path)))
    if not path.parent.is_dir():
        raise RefusedError(storing.no_folder(str(path.parent), path.name))
    if not os.access(path.parent, os.W_OK):
        raise RefusedError(storing.closed_folder(str(path.parent)))


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all; ValueError where that fails."""
    try:
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".writing-") as name:
            beside = Path(name) / path.name
            beside.write_text(text, encoding="utf-8")
            beside.replace(path)
    except OSError as error:
        raise RefusedError(storing.not_written(str(path), error.strerror or str(error))) from error
