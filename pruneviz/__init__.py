"""PruneViz: see what pruning does to a neural network, and prove that the result is sound."""

__version__ = "0.1.0"
