"""The catalogue: every table of the warehouse, in the order of creation. The columns stand in the modules of this folder."""

import hashlib
from functools import cache

from strava_pipeline.core.systems import parts
from strava_pipeline.core.tables.activities import (
    ACTIVITIES_ALL as ACTIVITIES_ALL,
)
from strava_pipeline.core.tables.activities import (
    ACTIVITY_HISTORY as ACTIVITY_HISTORY,
)
from strava_pipeline.core.tables.activities import (
    ACTIVITY_MATCHES as ACTIVITY_MATCHES,
)
from strava_pipeline.core.tables.activities import (
    ACTIVITY_MEMBERS as ACTIVITY_MEMBERS,
)
from strava_pipeline.core.tables.activities import (
    ATHLETE as ATHLETE,
)
from strava_pipeline.core.tables.activities import (
    FILES as FILES,
)
from strava_pipeline.core.tables.activities import (
    GEAR as GEAR,
)
from strava_pipeline.core.tables.activities import (
    GOLD_ACTIVITIES as GOLD_ACTIVITIES,
)
from strava_pipeline.core.tables.activities import (
    IMPORTED_ACTIVITIES as IMPORTED_ACTIVITIES,
)
from strava_pipeline.core.tables.activities import (
    QUARANTINE as QUARANTINE,
)
from strava_pipeline.core.tables.changes import PROPOSED_CHANGES as PROPOSED_CHANGES
from strava_pipeline.core.tables.computed import CUT_SUMMARIES as CUT_SUMMARIES
from strava_pipeline.core.tables.computed import TRACK_SUMMARIES as TRACK_SUMMARIES
from strava_pipeline.core.tables.days import DAY_VALUES as DAY_VALUES
from strava_pipeline.core.tables.details import (
    ACTIVITY_DETAILS as ACTIVITY_DETAILS,
)
from strava_pipeline.core.tables.details import (
    CHILDREN as CHILDREN,
)
from strava_pipeline.core.tables.details import (
    CURVES as CURVES,
)
from strava_pipeline.core.tables.details import (
    HEAT_CELLS as HEAT_CELLS,
)
from strava_pipeline.core.tables.details import (
    HEAT_TILES as HEAT_TILES,
)
from strava_pipeline.core.tables.details import (
    TRACK_CELLS as TRACK_CELLS,
)
from strava_pipeline.core.tables.details import (
    TRACKS as TRACKS,
)
from strava_pipeline.core.tables.details import (
    VALUE_SECONDS as VALUE_SECONDS,
)
from strava_pipeline.core.tables.model import Column as Column
from strava_pipeline.core.tables.model import Kind as Kind
from strava_pipeline.core.tables.model import Table as Table
from strava_pipeline.core.tables.pairs import PAIR_AGREEMENTS as PAIR_AGREEMENTS
from strava_pipeline.core.tables.ways import (
    ROUTE_MEMBERS as ROUTE_MEMBERS,
)
from strava_pipeline.core.tables.ways import (
    TILE_VISITS as TILE_VISITS,
)
from strava_pipeline.core.tables.ways import (
    TRACK_WAYS as TRACK_WAYS,
)
from strava_pipeline.core.tables.ways import (
    WAY_CELLS as WAY_CELLS,
)

TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        ACTIVITIES_ALL,
        ACTIVITY_HISTORY,
        IMPORTED_ACTIVITIES,
        ACTIVITY_MEMBERS,
        ACTIVITY_MATCHES,
        ACTIVITY_DETAILS,
        *(child for child, _ in CHILDREN.values()),
        QUARANTINE,
        ATHLETE,
        GEAR,
        FILES,
        PROPOSED_CHANGES,
        DAY_VALUES,
        *(table for system in parts("tables") for table in system.TABLES),
    )
}

PARQUET_TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        TRACKS,
        CURVES,
        VALUE_SECONDS,
        TRACK_SUMMARIES,
        CUT_SUMMARIES,
        TRACK_CELLS,
        HEAT_CELLS,
        HEAT_TILES,
        TRACK_WAYS,
        WAY_CELLS,
        ROUTE_MEMBERS,
        TILE_VISITS,
        PAIR_AGREEMENTS,
    )
}
"""Tables stored as Parquet by year, not in the warehouse."""

MADE_WITH_TRACKS: tuple[str, ...] = (TRACKS.name, ROUTE_MEMBERS.name, TILE_VISITS.name, PAIR_AGREEMENTS.name)
"""Those that are assets, of one step; the others are computed in the same step."""

MATCH_TABLES: tuple[str, ...] = (IMPORTED_ACTIVITIES.name, ACTIVITY_MEMBERS.name, ACTIVITY_MATCHES.name)

DETAIL_TABLES: tuple[str, ...] = (ACTIVITY_DETAILS.name, *(child.name for child, _ in CHILDREN.values()))


def catalogue_version() -> str:
    """A hash that changes when the content of a table or a shard would: by columns, types, sources, keys, fingerprints."""
    return _version(tuple(sorted(TABLES.values(), key=lambda table: table.name)))


@cache  # called some hundred times a run
def _version(tables: tuple[Table, ...]) -> str:
    shape = [
        (
            table.name,
            table.stored,
            sorted(table.ignored),
            [(c.name, c.kind.value, c.source, c.key, c.edited) for c in table.columns],
        )
        for table in tables
    ]
    return hashlib.blake2b(repr(shape).encode(), digest_size=8).hexdigest()
