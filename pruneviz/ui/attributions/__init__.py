"""The page Attributions: what is asked, by the task."""
