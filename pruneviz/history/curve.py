"""A run's recovery, epoch by epoch."""

from __future__ import annotations

from pydantic import TypeAdapter, ValidationError

from pruneviz.history.folder import CURVE_FILE, RunFolder
from pruneviz.plan import plan_faults
from pruneviz.report import EpochRow

ROWS = TypeAdapter(tuple[EpochRow, ...])


def read_curve(folder: RunFolder) -> tuple[EpochRow, ...]:
    """Return the epochs so far, none where the run has no recovery; ValueError when damaged."""
    try:
        return ROWS.validate_json(folder.file(CURVE_FILE).read_bytes())
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise ValueError(
            f"'{CURVE_FILE}' cannot be read: {error.strerror or error}; check the folder's rights"
        ) from error
    except ValidationError as error:
        raise ValueError(
            f"'{CURVE_FILE}' is damaged: {plan_faults(error)}; compute the run again"
        ) from error
