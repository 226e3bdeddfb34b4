"""What decides a computed value: parts of the plan, and the files that it reads."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from pruneviz import run
from pruneviz.plan import Part, Plan
from pruneviz.subjects import needs_operator
from pruneviz.subjects.tables.columns import taken_apart

Key = tuple[str, ...]  # begins with the digest of model and data


def subject_key(plan: Plan) -> Key:
    """Return the digest of the fields that say which model and data, and of files' last changes."""
    changed = [_last_change(name) for name in (plan.model, plan.weights, plan.data)]
    text = json.dumps([plan.values_of(Part.SUBJECT), changed], sort_keys=True)
    return (hashlib.sha256(text.encode()).hexdigest(),)


def prepared_key(plan: Plan) -> Key:
    """Return the digests of all that scores depend on: model and data, and how units are ranked."""
    return *subject_key(plan), run.preparation_key(plan)


def asked_key(plan: Plan) -> Key:
    """Return the digests of the whole plan and of the files it reads."""
    return *subject_key(plan), plan.digest()


def _last_change(reference: str | None) -> list[float]:
    """Return time and size of a named file, so that an edited file is read anew."""
    if reference is None or not needs_operator(reference):
        return []
    name = reference.split(":")[1] if ":" in reference else reference
    path = Path(taken_apart(name)[0])
    if not path.is_file():
        return []
    return [path.stat().st_mtime, float(path.stat().st_size)]
