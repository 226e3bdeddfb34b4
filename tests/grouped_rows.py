"""A table whose rows are in groups, one of them of a single row."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from pruneviz.plan import Plan
from pruneviz.subjects import load_subject


def reference(folder: Path) -> str:
    """Write the tumours' evaluated rows with two columns of groups; return what names them."""
    data = load_subject(Plan(model="sample:tumour-mlp")).data
    assert data is not None
    table = pd.DataFrame(data.raw(data.x).numpy(), columns=list(data.features))
    table = table.assign(
        kind=[data.classes[label] for label in data.y.tolist()],
        sex=np.where(np.arange(len(table)) % 3, "f", "m"),
        row=np.where(np.arange(len(table)) == 0, "first", "other"),
    )
    table.to_csv(folder / "rows.csv", index=False)
    return f"csv:{folder / 'rows.csv'}?target=kind&groups=sex,row&ignore=sex,row"
