"""Matching, by made-up activities."""
