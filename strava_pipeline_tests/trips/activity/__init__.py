"""Tests of activity trips, and their made-up sources."""
