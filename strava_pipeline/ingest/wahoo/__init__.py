"""Wahoo: the client of its Cloud API, and what keeps it to the limits and logins there."""
