"""Everything that PruneViz finds to say: facts as data, and the sentences that they come to.

A fact is made where it is found, decided on by its kind, and worded where somebody reads it.
"""

from pruneviz.wording import (
    amounts,
    folds,
    judged,
    misfits,
    named,
    offers,
    opened,
    passes,
    refusals,
    retrained,
    scanned,
    stays,
    unseen,
)
from pruneviz.wording.fact import Fact, FactKind, RefusedError, Share, said_by, words

__all__ = [
    "Fact",
    "FactKind",
    "RefusedError",
    "Share",
    "amounts",
    "folds",
    "judged",
    "misfits",
    "named",
    "offers",
    "opened",
    "passes",
    "refusals",
    "retrained",
    "said_by",
    "scanned",
    "stays",
    "unseen",
    "words",
]
