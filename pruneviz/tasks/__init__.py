"""What networks are for: one file a task, which everything that judges outputs asks."""

from pruneviz.registry import import_all
from pruneviz.tasks.classification import CLASSIFICATION
from pruneviz.tasks.task import (
    IGNORED,
    TASKS,
    Answers,
    Explained,
    Reduction,
    Tally,
    Task,
    Within,
)  # fmt: skip

import_all(__name__, list(__path__))

__all__ = [
    "CLASSIFICATION", "IGNORED", "TASKS", "Answers", "Explained", "Reduction", "Tally", "Task",
    "Within",
]  # fmt: skip
