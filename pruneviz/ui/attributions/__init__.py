"""The page Attributions: what is asked, in the words of the task, and what is shown."""
