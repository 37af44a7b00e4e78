"""Tests of ingest/files, on files made in `made.py`."""
