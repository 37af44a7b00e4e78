"""The dashboard's data from the published warehouse and the Parquet next to it: read-only, in metric units."""
