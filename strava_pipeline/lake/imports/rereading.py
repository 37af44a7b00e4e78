"""The effect of new readers on the warehouse: whether an older version made it, and what changed.

As long as a reading of another version is on disk, files have to be read again, or tracks made from the new readings.
The warehouse is rebuilt first (lake/rebuild.py), then the tracks are made, and the old readings are removed last: the
next run completes a run that is killed in between.
"""

from collections.abc import Sequence
from contextlib import closing, suppress

import duckdb

from strava_pipeline.core.sources import STRAVA
from strava_pipeline.core.tables import ACTIVITY_DETAILS
from strava_pipeline.core.tables.model import Kind
from strava_pipeline.core.text import printable
from strava_pipeline.lake.gold.warehouse import attach
from strava_pipeline.lake.paths import Lake

READINGS = "readings"  # what is made of them: by which version of the readers, at the last rebuild
_COLUMNS = "SELECT column_name FROM duckdb_columns() WHERE database_name = 'before' AND table_name = $table"
_COUNTS = (
    "SELECT count(*) FILTER (before.source IS NULL), {counts} FROM now.{table} AS now LEFT JOIN before.{table} AS before "
    "USING (activity_id, source) WHERE source <> $source"
)


def changes_of_reading(lake: Lake, new: Lake, left: Sequence[str]) -> str:
    """A sentence: how many activities of files changed, by which field, since the published warehouse.

    Args:
        new: the lake with the newly made working warehouse; nobody has it open.
        left: the names of files that lost an activity, one entry for each.
    """
    found = dict[str, int]()
    with closing(duckdb.connect()) as both, suppress(duckdb.Error):  # a snapshot with the tables of another version
        attach(both, new.working, "now", "READ_ONLY")
        attach(both, lake.snapshot, "before", "READ_ONLY")
        table = ACTIVITY_DETAILS.stored  # all that a file says of its activity, whichever source's row is shown
        there = {name for (name,) in both.execute(_COLUMNS, {"table": table}).fetchall()}
        columns = [column for column in ACTIVITY_DETAILS.sourced[1:] if column.name in there]
        names = [column.name for column in columns]
        # sums have an order
        shown = ('round({}."{}", 6)' if column.kind is Kind.DOUBLE else '{}."{}"' for column in columns)
        differs = [
            f"before.source IS NOT NULL AND {value.format('now', name)} IS DISTINCT FROM {value.format('before', name)}"
            for value, name in zip(shown, names, strict=True)
        ]
        counts = ", ".join(f"count(*) FILTER ({each})" for each in (" OR ".join(differs), *differs))
        rows = both.execute(_COUNTS.format(counts=counts, table=table), {"source": STRAVA}).fetchall()
        found = dict(zip(("came", "changed", *names), rows[0], strict=True))
    came, changed = found.pop("came", 0), found.pop("changed", 0)
    by_field = sorted(((name, count) for name, count in found.items() if count), key=lambda each: (-each[1], each[0]))
    fields = ", ".join(f"{name} {count}" for name, count in by_field)
    said = f"Files were read again by this version: {changed} activities changed" + (f" ({fields})" if fields else "")
    said += f", {came} came" if came else ""
    said += f", {len(left)} left ({', '.join(map(printable, left))})" if left else ""
    return f"{said}."
