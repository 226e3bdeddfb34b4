"""The folder where this machine keeps uploads, runs and decoded images."""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import user_data_path


def default_home() -> Path:
    """Return the folder for all these: PRUNEVIZ_HOME, or the user's data folder."""
    chosen = os.environ.get("PRUNEVIZ_HOME")
    return Path(chosen) if chosen else user_data_path("pruneviz", appauthor=False)
