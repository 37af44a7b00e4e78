"""Garmin Connect, asked as its own app asks: the login on disk, the client, and how a person logs in."""
