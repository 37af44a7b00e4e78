"""Everything that comes from outside: services over HTTP, a folder each, archives, activity files, trips, cars. No Dagster, no DuckDB."""
