"""Wahoo: the client of its Cloud API, with its limits and logins."""
