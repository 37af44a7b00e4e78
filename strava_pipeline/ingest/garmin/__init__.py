"""Garmin Connect, called in the same way as its own app does: the login on disk, the client, and how a person logs in."""
