"""Keeps it: bronze, shards, the warehouse, publishing, locks. No Dagster, no HTTP, no ingest."""
