"""What the dashboard shows out of the published warehouse and the Parquet beside it: read-only, in metric units."""
