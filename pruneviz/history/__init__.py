"""Where results live: one folder a run, and an index over them."""
