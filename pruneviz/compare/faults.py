"""On which inputs a pruned model answers worse than the original, whatever the task."""

from __future__ import annotations

import pandas as pd
from torch import Tensor

from pruneviz.tasks import Answers, Task


def worsened(task: Task, before: Answers, after: Answers, target: Tensor) -> pd.DataFrame:
    """Return one row an input, what became worse by most first; targets (N, …).

    Columns: index (into the inputs), original and pruned: how far each answer is from the target,
    as the task has it, and change: by how much more the pruned model's is.
    """
    first, second = (task.fault(task.tally(each, target)) for each in (before, after))
    table = pd.DataFrame(
        {
            "index": range(len(first)),
            "original": first.numpy(),
            "pruned": second.numpy(),
            "change": (second - first).numpy(),
        }
    )
    return table.sort_values("change", ascending=False, kind="stable", ignore_index=True)
