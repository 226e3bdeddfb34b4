"""The proof that what is offered for cutting can be cut: masked and cut network answer alike."""

from pruneviz.proof.check import check
from pruneviz.proof.find import find_units
from pruneviz.proof.prove import TOLERANCE, CutError, prove

__all__ = ["TOLERANCE", "CutError", "check", "find_units", "prove"]
