"""Any number of stored runs beside their original."""

from pruneviz.history.beside.lines import COSTS, Comparison, Line, compared

__all__ = ["COSTS", "Comparison", "Line", "compared"]
