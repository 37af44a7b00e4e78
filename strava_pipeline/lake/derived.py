"""The warehouse's own views: activities that are one, what notebooks of another project read, and insights.

They are made with the tables, and again where a version changed.

A view costs a reader some milliseconds and is never behind: whatever writes gold (a merge, a match, a rebuild, a deletion)
has no insight to think of. What a view says stands in lake/sql/; the catalogue (core/tables/) names and explains its columns.
"""

import hashlib
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING

from strava_pipeline.core.sources import FILLED, IMPORTED
from strava_pipeline.core.tables import TABLES
from strava_pipeline.core.tables.insights import DISTANCES, GROUPS, INSIGHTS, TOTALS
from strava_pipeline.lake.sql import sql

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


@cache
def views_version() -> str:
    """A hash that changes whenever a view says something else."""
    return hashlib.blake2b(repr([*_gold(), *insights()]).encode(), digest_size=8).hexdigest()


def make_views(connection: "DuckDBPyConnection") -> None:
    """All of them, also where there are some; within the caller's transaction."""
    for statement in _gold():
        connection.execute(statement)
    for name, text in insights():
        connection.execute(f"CREATE OR REPLACE VIEW {name} AS {text}")


def insights() -> Iterator[tuple[str, str]]:
    """Each view of insights with its query, in the order in which one is made of another."""
    groups = ", ".join(f"('{sport}', '{group}')" for sport, group in GROUPS.items())
    lengths = ", ".join(f"('{record}', {metres}, {splits or 'NULL'})" for record, (metres, splits) in DISTANCES.items())
    texts = {
        "sport_groups": f"SELECT * FROM (VALUES {groups}) AS rows (sport_type, sport_group)",
        "standard_distances": f"SELECT * FROM (VALUES {lengths}) AS rows (record, distance_m, splits)",
        **{
            table.name: sql("insights/totals_by").format(period=period, columns=columns)
            for period, (columns, table) in TOTALS.items()
        },
        "records": sql("insights/records").format(**_stretches()),
    }
    for name in INSIGHTS:
        yield name, texts.get(name) or sql(f"insights/{name}")


def _gold() -> Iterator[str]:
    for table in TABLES.values():
        if table.follows:
            yield sql("following").format(name=table.name, stored=table.stored)
    told = [column.name for column in TABLES["activities_all"].columns if column.name in FILLED]
    others = ", ".join(f"arg_min({name}, member.place) AS {name}" for name in told)
    filled = ", ".join(f"coalesce(head.{name}, others.{name}) AS {name}" for name in told)
    imported = ", ".join(f"'{source}'" for source in sorted(IMPORTED))
    yield sql("views").format(others=others, filled=filled, imported=imported)
    yield sql("gold_activities")


def _stretches() -> dict[str, str]:
    """For each distance of whole kilometres: the time between so many splits, and the shortest of an activity."""
    lengths = {record: splits for record, (_, splits) in DISTANCES.items() if splits}
    between = [
        f"so_far - lag(so_far, {splits}, CASE WHEN place = {splits} THEN 0 END) OVER in_order AS {record}"
        for record, splits in lengths.items()
    ]
    return {
        "stretches": ",\n        ".join(between),
        "shortest": ", ".join(f"min({record}) AS {record}" for record in lengths),
    }
