"""A run's recovery, epoch by epoch."""

from __future__ import annotations

from pydantic import TypeAdapter, ValidationError

from pruneviz.history.folder import CURVE_FILE, RunFolder
from pruneviz.plan import plan_faults
from pruneviz.report import EpochRow
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import keeping

ROWS = TypeAdapter(tuple[EpochRow, ...])


def read_curve(folder: RunFolder) -> tuple[EpochRow, ...]:
    """Return the epochs so far, none where the run has no recovery; ValueError when damaged."""
    try:
        return ROWS.validate_json(folder.file(CURVE_FILE).read_bytes())
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise RefusedError(
            keeping.curve_unreadable(CURVE_FILE, error.strerror or str(error))
        ) from error
    except ValidationError as error:
        raise RefusedError(keeping.curve_damaged(CURVE_FILE, plan_faults(error))) from error
