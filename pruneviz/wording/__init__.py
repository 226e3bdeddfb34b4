"""Everything that PruneViz finds to say: facts as data, and the sentences that they come to.

A fact is made where it is found, decided on by its kind, and worded where somebody reads it.
"""

from pruneviz.wording import amounts, passes, scanned, stays, unseen
from pruneviz.wording.fact import Fact, Kind, RefusedError, Share, words

__all__ = [
    "Fact",
    "Kind",
    "RefusedError",
    "Share",
    "amounts",
    "passes",
    "scanned",
    "stays",
    "unseen",
    "words",
]
