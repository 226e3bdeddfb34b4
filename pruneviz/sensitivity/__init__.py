"""What each layer can lose: accuracy when one layer alone is pruned, level by level."""

from pruneviz.sensitivity.points import COLUMNS, LEVELS, Point, read_points
from pruneviz.sensitivity.scan import Scan
from pruneviz.sensitivity.search import Probe, Search

__all__ = ["COLUMNS", "LEVELS", "Point", "Probe", "Scan", "Search", "read_points"]
