"""The app as a server: how it starts and what it answers."""
