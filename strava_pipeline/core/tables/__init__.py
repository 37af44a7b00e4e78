"""The catalogue: every table of the warehouse, in the order of creation. The columns stand in the modules beside this one."""

import hashlib
from functools import cache

from strava_pipeline.core.systems import parts
from strava_pipeline.core.tables.activities import (
    ACTIVITIES_ALL,
    ACTIVITY_HISTORY,
    ACTIVITY_MATCHES,
    ACTIVITY_MEMBERS,
    ATHLETE,
    FILES,
    GEAR,
    GOLD_ACTIVITIES,
    IMPORTED_ACTIVITIES,
    QUARANTINE,
)
from strava_pipeline.core.tables.changes import PROPOSED_CHANGES
from strava_pipeline.core.tables.computed import TRACK_SUMMARIES
from strava_pipeline.core.tables.details import (
    ACTIVITY_DETAILS,
    CHILDREN,
    CURVES,
    HEAT_CELLS,
    HEAT_TILES,
    TRACK_CELLS,
    TRACKS,
    VALUE_SECONDS,
)
from strava_pipeline.core.tables.model import Column, Kind, Table
from strava_pipeline.core.tables.ways import ROUTE_MEMBERS, TILE_VISITS, TRACK_WAYS, WAY_CELLS

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
        TRACK_CELLS,
        HEAT_CELLS,
        HEAT_TILES,
        TRACK_WAYS,
        WAY_CELLS,
        ROUTE_MEMBERS,
        TILE_VISITS,
    )
}
"""Tables that lie as Parquet by year and not in the warehouse."""

MADE_WITH_TRACKS: tuple[str, ...] = (TRACKS.name, ROUTE_MEMBERS.name, TILE_VISITS.name)
"""Those that are assets, of one step; the others are computed in it, too."""

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


__all__ = [
    "ACTIVITIES_ALL",
    "ACTIVITY_DETAILS",
    "ACTIVITY_HISTORY",
    "ACTIVITY_MATCHES",
    "ACTIVITY_MEMBERS",
    "ATHLETE",
    "CHILDREN",
    "CURVES",
    "DETAIL_TABLES",
    "FILES",
    "GEAR",
    "GOLD_ACTIVITIES",
    "HEAT_CELLS",
    "HEAT_TILES",
    "IMPORTED_ACTIVITIES",
    "MADE_WITH_TRACKS",
    "MATCH_TABLES",
    "PARQUET_TABLES",
    "PROPOSED_CHANGES",
    "QUARANTINE",
    "ROUTE_MEMBERS",
    "TABLES",
    "TILE_VISITS",
    "TRACKS",
    "TRACK_CELLS",
    "TRACK_SUMMARIES",
    "TRACK_WAYS",
    "VALUE_SECONDS",
    "WAY_CELLS",
    "Column",
    "Kind",
    "Table",
    "catalogue_version",
]
