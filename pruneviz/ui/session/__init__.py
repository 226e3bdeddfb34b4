"""A session's plan: its history, link, snapshots, drafts, and what widgets do to it."""
