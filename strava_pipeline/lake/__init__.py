"""Storage: bronze, shards, the warehouse, publishing, locks. No Dagster, no HTTP, no ingest."""

import sys
from importlib.util import find_spec

if find_spec("pandas") is None:
    # DuckDB 1.5.5 tries to import pandas for every value that is bound: a list of 1,000 ids took 80 ms of CPU, and takes 8 now.
    sys.modules["pandas"] = None  # type: ignore[assignment]
