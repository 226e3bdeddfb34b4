"""Long work in its own process: progress, cancel, resume; the next kind of job is one file."""

from pruneviz.jobs.control import active, cancel, dismiss, enforce, follow, resume, submit

__all__ = ["active", "cancel", "dismiss", "enforce", "follow", "resume", "submit"]
