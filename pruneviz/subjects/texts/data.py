"""The Data of texts: windows of tokens, each with the tokens that come next."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from pruneviz.subjects.augmentation import Augmentation
from pruneviz.subjects.models.expectation import Source, first_layer
from pruneviz.subjects.references import Reference
from pruneviz.subjects.split import spread
from pruneviz.subjects.subject import Data, data_sha256
from pruneviz.subjects.texts.windows import Windows, read_windows
from pruneviz.tasks import Task
from pruneviz.tasks.language_modelling import LanguageModelling
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals.subjects import finding, text_files


def load_text(text: str, reference: Reference, source: Source, task: Task | None) -> Data:
    """Return the Data of a text's file, cut by the model's own tokenizer.

    RefusedError where the model is no language model or has no tokenizer, and for what is no text.
    """
    if not isinstance(task, LanguageModelling):
        raise RefusedError(text_files.no_language_model(source.title))
    if source.tokenizer is None:
        raise RefusedError(text_files.no_tokenizer(source.title))
    path = Path(reference.name)
    if not path.exists():
        raise RefusedError(finding.no_path(str(path)))
    first = first_layer(source.model)
    known = first.num_embeddings if isinstance(first, nn.Embedding) else None
    cut = read_windows(path, source.tokenizer, known, reference.length, reference.stride)
    return data_of(text, cut)


def data_of(
    reference: str, cut: Windows, augmentation: Augmentation | None = None, held_out: bool = False
) -> Data:
    """Return the Data of windows: the judged ones to evaluate, the others to train and calibrate.

    `held_out` says that no training of the model saw what is judged.
    """
    chosen = spread(len(cut.train_x))
    tensors = {
        "x": cut.x,
        "y": cut.y,
        "train_x": cut.train_x,
        "train_y": cut.train_y,
        "calibration_x": cut.train_x[chosen],
        "calibration_y": cut.train_y[chosen],
    }
    return Data(
        reference=reference,
        classes=(),
        features=(),
        mean=(),
        std=(),
        sha256=data_sha256(tensors, (), ()),
        note=cut.note,
        augmentation=augmentation or Augmentation(),
        held_out=held_out,
        names=cut.names,
        x=cut.x,
        y=cut.y,
        train_x=cut.train_x,
        train_y=cut.train_y,
        calibration_x=tensors["calibration_x"],
        calibration_y=tensors["calibration_y"],
    )
