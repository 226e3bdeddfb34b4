"""The page Tune: sliders, goals, proposals, snapshots."""
