"""The frame of every page: the strip on top, its style, its keys."""
