"""What a reader must know of a scan, and which levels it cannot take."""

from __future__ import annotations

from pruneviz.wording.fact import fact


@fact()
def refitted() -> str:
    return (
        "BatchNorm statistics were taken anew after each pruning, and in the original that every "
        "point is compared with: the change is what pruning costs beyond what new statistics alone "
        "do"
    )


@fact()
def unmeasured(first: str, why: str, more: int = 0) -> str:
    also = f", and {more} more" if more else ""
    return f"{first} could not be measured{also}" + (f": {why}" if why else "")


@fact()
def no_interval(fewest: int) -> str:
    return (
        "Cross-entropy and KL divergence have no interval, nor has AUROC of more than two classes: "
        f"that takes {fewest} held-out inputs or more"
    )


@fact()
def widest(fewest: int) -> str:
    return (
        "The inputs are too few to tell how far a number is from that of others, so an interval "
        f"may hold all that can be: that takes {fewest} held-out inputs or more"
    )


@fact()
def no_auroc(why: str) -> str:
    return f"There is no AUROC: {why}"


@fact()
def thresholds_as_all_levels(points: str) -> str:
    return (
        "Each threshold is the one that a scan of all levels finds, provided that a layer which "
        f"loses {points} of accuracy at one level does so at every higher one; between the highest "
        "level that keeps it and the lowest that does not, accuracy is taken to fall. The "
        "intervals say how far the change at the level that keeps it is known from these inputs, "
        "as if the level had been fixed before: it was chosen on the same inputs, so the change "
        "looks better than it is, by about a point where there are 100 inputs and by less where "
        "there are more."
    )


@fact()
def thresholds_by(amount: str, metric: str, verb: str) -> str:
    return (
        "Each threshold is the one that a scan of all levels finds, provided that a layer which "
        f"{verb}s {amount} at one level does so at every higher one; between the highest level "
        f"that keeps it and the lowest that does not, {metric} is taken to get worse. The "
        "intervals say how far the change at the level that keeps it is known from these inputs, "
        "as if the level had been fixed before: it was chosen on the same inputs, so the change "
        "looks better than it is, and less so where there are more inputs."
    )


@fact()
def pairs_looked_at(looked: int, every: int) -> str:
    how = ", neighbours in the network and others at random" if looked < every else ""
    return (
        f"{looked} of {every} pairs of layers were looked at{how}. The intervals hold for all of "
        "these together with 95 % (empirical likelihood; Bonferroni), so that a pair whose "
        "interval lies below 0 loses more than its layers alone, and not by the luck of so many "
        "looks. Above 0 it loses less than the sum, also where one layer alone costs so much that "
        "little is left to lose."
    )


@fact()
def levels_not_rising(levels: str) -> str:
    return (
        "levels are fractions above 0 and at most 1, each larger than the one before, "
        f"got {levels or 'none'}: sort them, each once"
    )


@fact()
def no_levels(text: str) -> str:
    return f"levels read 0.1,0.2,0.5, got '{text}'"
