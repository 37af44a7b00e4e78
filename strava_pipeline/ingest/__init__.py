"""Speaks to the outside: HTTP, OAuth, providers. No Dagster, no DuckDB."""
