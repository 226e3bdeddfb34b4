"""Cached calls of the engine, shared by all sessions, in the foreground and behind it."""
