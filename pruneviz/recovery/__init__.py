"""How accuracy comes back after pruning: one file for each way, one training loop, a library's.

A further way is one more file here, a further schedule one more function in `schedules.py`.
"""

from pruneviz.recovery.method import RECOVERIES, Recovery, RecoveryRequest
from pruneviz.recovery.rounds import spelled_out
from pruneviz.recovery.schedules import SCHEDULES, Schedule
from pruneviz.registry import import_all

import_all(__name__, list(__path__))

__all__ = ["RECOVERIES", "SCHEDULES", "Recovery", "RecoveryRequest", "Schedule", "spelled_out"]
