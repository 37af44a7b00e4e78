"""Everything that comes from outside: services, a folder each; archives, activity files, trips, cars. No Dagster, no DuckDB."""
