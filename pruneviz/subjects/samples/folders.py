"""Where the weights, the card and whatever else ships with a sample lie."""

from __future__ import annotations

from pathlib import Path


def folder_of(name: str) -> Path:
    """Return the folder of a sample of this name."""
    here = Path(__file__).resolve()
    checkout = here.parents[3] / "sample_models"
    installed = here.parents[2] / "_app" / "sample_models"  # where the wheel puts them
    return (checkout if checkout.is_dir() else installed) / name
