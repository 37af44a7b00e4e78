"""Everything that comes from outside: services over HTTP, archives, activity files, trips, cars. No Dagster, no DuckDB."""
