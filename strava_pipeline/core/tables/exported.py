"""The tables that are copied out of the warehouse, into PostgreSQL or files: every table and view of the catalogue. Pure.

Rows are assigned to local years: by their own year column, or by their activity's; a table without either is copied
whole, as year 0. If privacy zones are set, columns that may hold a position are not copied.
"""

from dataclasses import dataclass, replace

from strava_pipeline.core.tables import ACTIVITIES_ALL, TABLES
from strava_pipeline.core.tables.insights import INSIGHTS, PUBLISH_TABLES
from strava_pipeline.core.tables.lists import COUNTS, HAS_TIME, IMPOSSIBLE
from strava_pipeline.core.tables.model import Column, Kind, Table

WHOLE = 0  # the "year" of a table without years
POSITIONS = frozenset(
    f"{place}{axis}"
    for place in ("", "start_", "end_")
    for axis in ("lat", "lng", "latlng", "latitude", "longitude", "address")
) | {"polyline", "summary_polyline", "latitude_100", "longitude_100", "x", "y"}
"""Columns that hold positions. Any JSON may too: it has fields without a column, and versions from before an edit."""
ACTIVITIES = replace(
    ACTIVITIES_ALL,
    name="activities",
    meaning="Activities that are present, one of several sources once.",
    columns=(
        *(column for column in ACTIVITIES_ALL.columns if column.name != "deleted_at"),
        COUNTS,
        HAS_TIME,
        IMPOSSIBLE,
    ),
)
_YEARS = {"year": "year", "local_year": "local_year", "iso_year": "iso_year", "on_day": "year(on_day)"}
_OF_ACTIVITY = "(SELECT year FROM activity_years WHERE activity_years.id = copied.{})"


@dataclass(frozen=True, slots=True)
class Exported:
    """A table as it is copied: its columns in order, the SQL of a row's `year`, and whether its key is certainly unique."""

    table: Table
    columns: tuple[Column, ...]
    year: str
    is_keyed: bool

    @property
    def name(self) -> str:
        return self.table.name

    @property
    def column_list(self) -> str:
        return ", ".join(f'"{column.name}"' for column in self.columns)


def exported_tables(*, with_positions: bool) -> dict[str, Exported]:
    """The tables to copy, by name. Without positions: no column that could hold one, and no table of places."""
    tables = (*TABLES.values(), ACTIVITIES, *PUBLISH_TABLES.values(), *INSIGHTS.values())
    keyed = {*TABLES, ACTIVITIES.name}  # which checks look after
    found = [Exported(each, _columns(each, with_positions), _year_of(each), each.name in keyed) for each in tables]
    return {each.name: each for each in found if with_positions or POSITIONS.isdisjoint(each.table.key)}


def _columns(table: Table, with_positions: bool) -> tuple[Column, ...]:
    return tuple(
        column
        for column in table.columns
        if with_positions or (column.name not in POSITIONS and column.kind is not Kind.JSON)
    )


def _year_of(table: Table) -> str:
    kinds = {column.name: column.kind for column in table.columns}
    for name, year in _YEARS.items():
        if name in kinds:
            return year
    activity = next((name for name in ("activity_id", "id") if kinds.get(name) is Kind.BIGINT), None)
    return _OF_ACTIVITY.format(activity) if activity else "NULL"
