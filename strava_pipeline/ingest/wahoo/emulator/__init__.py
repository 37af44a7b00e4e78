"""Wahoo as its clients see it."""
