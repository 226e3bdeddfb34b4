"""The page Runs: the list, one run, two runs, the disk."""
