"""Tests of what only Wahoo has."""
