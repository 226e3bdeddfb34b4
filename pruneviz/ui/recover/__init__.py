"""The page Recover: what a recovery takes, how far it is, what came of it."""
