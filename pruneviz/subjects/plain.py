"""A subject whose weights are plain tensors, whatever its network computes them from."""

from __future__ import annotations

from dataclasses import replace

from pruneviz.coupling.accept import check_folded
from pruneviz.network.folding import fold_notes, folded
from pruneviz.subjects.subject import Subject


def plainly(subject: Subject) -> Subject:
    """Return a subject whose model is folded, with a note that says so; itself where it is plain.

    `sha256` stays that of the weights as they were given. ValueError where a computed weight is
    not fixed, or where the model reads more of it than its value.
    """
    model = folded(subject.model)
    if model is subject.model:
        return subject
    check_folded(subject.model, model, subject.example)
    return replace(subject, model=model, notes=(*subject.notes, *fold_notes(subject.model)))


__all__ = ["plainly"]
