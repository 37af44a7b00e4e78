"""The Dagster objects, one file per concept. Glue: no parsing, SQL or HTTP of its own."""
