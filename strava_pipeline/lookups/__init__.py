"""What pages, the API and commands show, out of the published warehouse and the Parquet beside it: read-only, in metric units."""
