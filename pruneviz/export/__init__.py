"""Weights and a recipe that leave the house, and the way back."""

from pruneviz.export.loader import rebuild
from pruneviz.export.program import RECIPE_FILE, WEIGHTS_FILE, write_network

__all__ = ["RECIPE_FILE", "WEIGHTS_FILE", "rebuild", "write_network"]
