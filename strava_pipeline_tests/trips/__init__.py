"""Tests of the systems beside activities, a folder each."""
