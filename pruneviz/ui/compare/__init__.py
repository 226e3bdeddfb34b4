"""The page Compare, for tasks without one label an input."""
