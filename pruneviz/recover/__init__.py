"""Plan → recovered network: rounds of pruning and recovering, what they cost, what they left."""

from pruneviz.recover.cost import Cost, cost, epochs_within
from pruneviz.recover.finished import load_recovered
from pruneviz.recover.recovering import Recovering, recovery_key
from pruneviz.recovery.rounds import with_epochs

__all__ = [
    "Cost",
    "Recovering",
    "cost",
    "epochs_within",
    "load_recovered",
    "recovery_key",
    "with_epochs",
]
