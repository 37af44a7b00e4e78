"""The plain columns of all trips, for which no key is needed: which trips there are, and when each was.

What the encrypted columns hold is read.py's.
"""

import sys
from collections.abc import Iterator
from typing import Any

from strava_pipeline.ingest.trips.read import in_order, portions
from strava_pipeline.ingest.trips.rows import name_of, plain_json
from strava_pipeline.ingest.trips.table import PLAIN, TripSource

_AT_ONCE = 2_000  # rows: about 2 MB of plain columns


def plain_rows(source: TripSource) -> Iterator[list[dict[str, Any]]]:
    """All trips in portions: the plain columns as JSON has them, `external_id` never empty, and `key`, by which the source
    finds the row again. Raises SourceError.
    """
    for keys in portions(in_order(source), _AT_ONCE, sys.maxsize):
        rows = source.rows(keys, PLAIN)
        yield [
            {**plain_json(row), "external_id": name_of(row), "key": key}
            for key, row in ((key, rows[key]) for key in keys if key in rows)
        ]
