"""The plain columns of all trips, for which no key is needed: which trips there are, and when each was.

What the encrypted columns hold is read.py's.
"""

from collections.abc import Iterator
from typing import Any

from strava_pipeline.ingest.trips.read import in_order
from strava_pipeline.ingest.trips.rows import name_of, plain_json
from strava_pipeline.ingest.trips.table import PLAIN, TripSource

_AT_ONCE = 2_000  # rows: about 2 MB of plain columns


def plain_rows(source: TripSource) -> Iterator[list[dict[str, Any]]]:
    """All trips in portions, latest first: the plain columns as JSON has them, `external_id` never empty, and `listed`, by
    which the trip is read again. Raises SourceError.
    """
    order = in_order(source)
    for begin in range(0, len(order), _AT_ONCE):
        portion = order[begin : begin + _AT_ONCE]
        rows = source.rows([entry.key for entry in portion], PLAIN)
        yield [
            {**plain_json(rows[entry.key]), "external_id": name_of(rows[entry.key]), "listed": entry}
            for entry in portion
            if entry.key in rows
        ]
