"""References: the short text in a plan that says where a model or its data comes from."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from pruneviz.plan import Plan
from pruneviz.subjects.tables.columns import Columns, taken_apart
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals.subjects import finding, image_files, sending, text_files

MODEL_KINDS = ("sample", "torchvision", "timm", "hf", "python")
DATA_KINDS = (
    "sample", "npz", "folder", "masks", "coco", "csv", "parquet", "text", "texts",
    "choices", "upload", "python",
)  # fmt: skip
TABLES = ("csv", "parquet")
HARMLESS = ("sample:", "torchvision:", "timm:", "upload:")
NOTHING_SAID = Columns()
ON_THE_HUB = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")  # OWNER/NAME
CHOICES = re.compile(r"(length|stride)=([1-9]\d{0,8})")  # of a text
IMAGES = re.compile(r"images=(all|[1-9]\d{0,8})")  # of a folder
EVERY = 10**9  # images: more than any folder has
WINDOWS = re.compile(r"\.txt\?(length|stride)=[^&]*(&(length|stride)=[^&]*)?$")
UPLOAD = re.compile(r"([0-9a-f]{64})(?:\.(npz|csv|parquet|zip|jsonl|txt))?")


@dataclass(frozen=True)
class Reference:
    """A reference taken apart: `csv:wine.csv?target=kind` is csv, wine.csv and kind.

    `length` and `stride` are those of the windows of `text:words.txt?length=128&stride=64`,
    `images` is how many are taken of `folder:pictures?images=5000`.
    """

    kind: str
    name: str
    columns: Columns = NOTHING_SAID
    length: int | None = None
    stride: int | None = None
    images: int | None = None


def parse_model(text: str) -> Reference:
    """Take a model's reference apart; ValueError shows the forms that exist."""
    reference = _parse(text, MODEL_KINDS)
    if reference is None:
        raise RefusedError(finding.names_no_model(text))
    return reference


def parse_data(text: str) -> Reference:
    """Take a data reference apart; ValueError shows the forms that exist."""
    reference = _parse(text, DATA_KINDS)
    if reference is None:
        raise RefusedError(finding.names_no_data(text))
    if reference.kind == "text":
        return _with_choices(reference)
    if reference.kind == "folder":
        return _with_count(reference)
    if reference.kind not in (*TABLES, "texts", "upload"):
        return reference
    if reference.kind == "upload" and WINDOWS.search(reference.name):
        return _with_choices(reference)
    name, columns = taken_apart(reference.name)
    table = reference.kind in TABLES or name.endswith(".parquet")
    if reference.kind != "texts" and table and (columns.text or columns.length):
        raise RefusedError(text_files.texts_in_a_table(name))
    return Reference(reference.kind, name, columns)


def _with_choices(reference: Reference) -> Reference:
    """Return a text's reference with what its end chooses; ValueError for what it does not know."""
    name, mark, end = reference.name.rpartition("?")
    if not mark or "=" not in end:
        return reference
    chosen: dict[str, int] = {}
    for given in end.split("&"):
        match = CHOICES.fullmatch(given)
        if match is None or match[1] in chosen:
            raise RefusedError(text_files.no_choice(given))
        chosen[match[1]] = int(match[2])
    length, stride = (chosen.get(each) for each in ("length", "stride"))
    # of a text with labels, a word a line, the length is a choice as of columns
    columns = Columns(length=(str(length),)) if length and not stride else NOTHING_SAID
    return Reference(reference.kind, name, columns, length=length, stride=stride)


def _with_count(reference: Reference) -> Reference:
    """Return a folder's reference with how many images are taken; ValueError for no number."""
    name, mark, end = reference.name.rpartition("?")
    if not mark or not end.startswith("images="):
        return reference
    match = IMAGES.fullmatch(end)
    if match is None:
        raise RefusedError(image_files.no_count_of_images(end))
    return replace(reference, name=name, images=EVERY if match[1] == "all" else int(match[1]))


def _parse(text: str, kinds: tuple[str, ...]) -> Reference | None:
    kind, _, name = text.partition(":")
    return Reference(kind, name) if kind in kinds and name else None


def parse_upload(name: str) -> tuple[str, str]:
    """Return (hash, file ending) of an upload's name; weights have none and end in safetensors.

    Only hexadecimal digits and seven endings pass, so no upload can name a file elsewhere.
    """
    match = UPLOAD.fullmatch(name)
    if match is None:
        raise RefusedError(sending.no_upload(f"upload:{name}"))
    return match[1], match[2] or "safetensors"


def kind_of(reference: Reference) -> str:
    """Return the kind of file that a data reference names, also of an upload.

    A table of which columns are texts is of texts, as are lines of JSON, and of words.
    """
    if reference.kind != "upload":
        return reference.kind
    ending = parse_upload(reference.name)[1]
    return "texts" if ending in ("jsonl", "txt") or reference.columns.text else ending


def own_paths(plan: Plan) -> list[Path]:
    """Return the paths of this machine that a plan's model, weights and data name, as typed."""
    files = []
    if needs_operator(plan.model):
        files += _model_paths(parse_model(plan.model))
    if plan.weights is not None and needs_operator(plan.weights):
        files.append(plan.weights)
    if plan.data is not None and needs_operator(plan.data):
        data = parse_data(plan.data)
        files.append(data.name.rpartition(":")[0] if data.kind == "python" else data.name)
    return [Path(file) for file in files]


def _model_paths(model: Reference) -> list[str]:
    """Return the path that a model names; OWNER/NAME of a hub is none, but where it is a folder."""
    if model.kind == "python":
        return [model.name.rpartition(":")[0]]
    elsewhere = ON_THE_HUB.fullmatch(model.name) and not Path(model.name).exists()
    return [] if elsewhere else [model.name]


def needs_operator(reference: str | None) -> bool:
    """Say whether a reference of a plan reads paths of this machine or runs code.

    Such a reference is for whoever started the program, never for whoever sent a link: files and
    folders, Python factories, paths of weights, and what anybody may put on a hub. Samples,
    torchvision, timm and uploads are harmless.
    """
    return reference is not None and not reference.startswith(HARMLESS)


def is_named(reference: str, named: Iterable[str]) -> bool:
    """Say whether a reference is one of those named, or reads a named table by other columns.

    What a name says to ignore stays ignored, and is neither asked nor grouped by.
    """
    return any(reference == each or _same_table(reference, each) for each in named)


def _same_table(reference: str, named: str) -> bool:
    asked, given = (_parse(text, TABLES) for text in (reference, named))
    if asked is None or given is None or asked.kind != given.kind:
        return False
    (file, read), (own, limits) = taken_apart(asked.name), taken_apart(given.name)
    hidden = {name.strip() for name in limits.ignore}
    seen = {name.strip() for name in (*read.target, ",".join(read.target), *read.groups)}
    ignored = {name.strip() for name in read.ignore}
    return bool(limits.target) and file == own and hidden <= ignored and not hidden & seen
