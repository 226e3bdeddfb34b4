"""The browser's side: the plan in session and link, cached calls, the frame of every page."""
