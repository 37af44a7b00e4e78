"""The route of each way, as Parquet by year: a way is compared with the first way of each route, never with all ways.

Ways find their routes in the order of their starts, so the result depends on the ways alone and not on their order of
arrival: if any way is new, changed or gone, the later ways of its kind look again. The rules:
docs/adr/0097-similar-routes.md.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter

import duckdb
import polars as pl

from strava_pipeline.core.tables import ROUTE_MEMBERS, TRACK_WAYS, WAY_CELLS, Table
from strava_pipeline.lake.gold.sessions import INTERRUPTIBLE, interruptible
from strava_pipeline.lake.gold.warehouse import Connection
from strava_pipeline.lake.made.made_files import made_from, table_file, table_years, write_made
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.sql import sql

ALIKE = 0.80  # of 92 pairs of one route 89 were found, and 11 others (docs/adr/0097-similar-routes.md)
VARIANT = 0.65  # the same road with another turning point or branch; of laps: the same place
_LENGTHS = 0.9  # the shorter as a share of the longer
_LAP_EXTENT_M = 500.0  # within it every way is in the same few cells
_LEAST_M = 300.0
_BLOCK = 128  # ways that look for their route at once
_KIND = ("athlete_id", "sport_group", "is_lap")  # ways of two kinds are never on one route
_ORDER = (pl.col("start_date_local").fill_null(pl.datetime(9999, 12, 31)), pl.col("activity_id"))


@dataclass(slots=True)
class _Found:
    """The results of the search, by the ways' places in order: places of the first ways of their routes, and resemblances."""

    firsts: set[int]
    route: dict[int, int] = field(default_factory=dict)
    similarity: dict[int, float] = field(default_factory=dict)
    variant: dict[int, tuple[int, float]] = field(default_factory=dict)
    direction: dict[int, float] = field(default_factory=dict)


def sync_routes(lake: Lake) -> int:
    """Update the files of routes from the ways; returns how many ways looked for their route."""
    years = sorted(table_years(lake, [TRACK_WAYS, ROUTE_MEMBERS]))
    ways = {year: made_from(lake, year, [TRACK_WAYS, WAY_CELLS]) or {} for year in years}
    known = {year: made_from(lake, year, [ROUTE_MEMBERS]) or {} for year in years}
    if ways == known:
        return 0
    present = _ways(lake, ways)
    held = _rows(lake, ROUTE_MEMBERS, known)
    looking = _looking(present, held, _changed(ways, known))
    kept = held.join(present.select("activity_id"), on="activity_id", how="semi").join(
        looking.select("activity_id"), on="activity_id", how="anti"
    )
    found = _find(lake, ways, present, looking, kept)
    _write(lake, pl.concat([kept, _members(present, looking, found)]), held, ways, known)
    return looking.height


def _ways(lake: Lake, years: Mapping[int, object]) -> pl.DataFrame:
    """The ways that can be on a route, in order: the columns of `track_ways`, year, place, is_lap, kind."""
    return (
        _rows(lake, TRACK_WAYS, years)
        .filter(pl.col("sport_group").is_not_null() & (pl.col("length_m") >= _LEAST_M))
        .unique("activity_id", keep="last")  # a track that moved may still be in the other year's file
        .with_columns(is_lap=pl.col("extent_m") < _LAP_EXTENT_M)
        .sort(*_ORDER)
        .with_row_index("place")
        .with_columns(pl.col("place").cast(pl.Int64), kind=pl.struct(_KIND).rank("dense").cast(pl.Int64))
    )


def _rows(lake: Lake, table: Table, years: Mapping[int, object]) -> pl.DataFrame:
    """The rows of the years that have any, with their year."""
    schema = pl.Schema({**table.polars_schema, "year": pl.Int32()})
    files = [(year, table_file(lake, table, year)) for year, rows in years.items() if rows]
    return pl.concat(
        [
            pl.DataFrame(schema=schema),
            *(
                pl.read_parquet(path, hive_partitioning=False).with_columns(year=pl.lit(year, pl.Int32))
                for year, path in files
            ),
        ]
    )


def _changed(ways: Mapping[int, Mapping[int, str]], known: Mapping[int, Mapping[int, str]]) -> list[int]:
    """The activities whose way is new, changed, or gone."""
    return sorted({one for year in ways for one, _ in ways[year].items() ^ known[year].items()})


def _looking(present: pl.DataFrame, held: pl.DataFrame, changed: list[int]) -> pl.DataFrame:
    """The ways that look for their route: for each kind, all from the first changed way on, in its old or new place."""
    order = [*_KIND, "start_date_local", "activity_id"]
    first = (
        pl.concat([present.select(order), held.select(order)])
        .filter(pl.col("activity_id").is_in(changed))
        .sort(*_ORDER)
        .group_by(_KIND)
        .agg(pl.struct(*_ORDER).first().alias("since"))
    )
    since_start, since_id = pl.col("since").struct[0], pl.col("since").struct[1]
    start, one = _ORDER
    later = (start > since_start) | ((start == since_start) & (one >= since_id))
    return present.join(first, on=_KIND).filter(later).drop("since").sort("place")


def _find(
    lake: Lake, years: Mapping[int, object], present: pl.DataFrame, looking: pl.DataFrame, kept: pl.DataFrame
) -> _Found:
    """The route of each way that looks for one."""
    if looking.is_empty():
        return _Found(set())
    alike_in_size = pl.col("cells").is_between(looking["cells"].min() * VARIANT, looking["cells"].max() / VARIANT)  # type: ignore[operator]
    firsts = (
        present.join(kept.filter(pl.col("route_id") == pl.col("activity_id")), on="activity_id", how="semi")
        .join(looking, on="kind", how="semi")
        .filter(alike_in_size)
    )
    compared = pl.concat([looking.with_columns(looks=True), firsts.with_columns(looks=False)])
    found = _Found({*firsts["place"]})
    length = dict(compared.select("place", "length_m").iter_rows())
    laps = {*compared.filter("is_lap")["place"]}
    with duckdb.connect(config={"temp_directory": str(lake.staging)}) as connection, interruptible(connection):
        connection.execute(INTERRUPTIBLE)
        files = [str(table_file(lake, WAY_CELLS, year)) for year, rows in years.items() if rows]
        asked = compared.select("place", "activity_id", "kind", "cells", "looks").write_json()
        connection.execute(sql("ways/cells"), {"files": files, "ways": asked})
        connection.execute(sql("ways/often"))
        places = looking["place"].to_list()
        for block in (places[first : first + _BLOCK] for first in range(0, len(places), _BLOCK)):
            _settle(connection, found, block, length, laps)
        followed = {one: route for one, route in found.route.items() if one != route and one not in laps}
        found.direction = _directions(connection, followed)
    return found


def _settle(
    connection: Connection, found: _Found, block: list[int], length: Mapping[int, float], laps: set[int]
) -> None:
    """Let each way of a block join the route whose first way it resembles most, or begin one.

    Only a way without a route before the block can begin one, so the block is compared with those, and not all of it
    with itself.
    """

    def joins(place: int, other: int, similarity: float) -> bool:
        lengths = min(length[place], length[other]) / max(length[place], length[other])
        return place in laps or (similarity >= ALIKE and lengths >= _LENGTHS)

    before = _alike(connection, block, found.firsts)
    without = [place for place in block if not any(joins(place, *each) for each in before.get(place, []))]
    within = _alike(connection, block, without)
    for place in block:  # a loop: each depends on those before it
        routes = [*before.get(place, []), *(each for each in within.get(place, []) if each[0] in found.firsts)]
        routes.sort(key=lambda each: (-each[1], each[0]))
        route = next((each for each in routes if joins(place, *each)), None)
        found.route[place], found.similarity[place] = route or (place, 1.0)
        if route is None:
            found.firsts.add(place)
            found.variant.update({place: routes[0]} if routes else {})


def _alike(connection: Connection, block: list[int], others: Iterable[int]) -> dict[int, list[tuple[int, float]]]:
    """For each way of a block, the earlier ones of the others that it resembles, and how much."""
    asked = {"block": json.dumps(block), "others": json.dumps([*others]), "least": VARIANT}
    rows = connection.execute(sql("ways/alike"), asked).fetchall()
    return {place: [(other, value) for _, other, value in found] for place, found in groupby(rows, key=itemgetter(0))}


def _directions(connection: Connection, routes: Mapping[int, int]) -> dict[int, float]:
    pairs = json.dumps([{"place": place, "route": route} for place, route in routes.items()])
    return dict(connection.execute(sql("ways/directions"), {"pairs": pairs}).fetchall())


def _members(present: pl.DataFrame, looking: pl.DataFrame, found: _Found) -> pl.DataFrame:
    """The rows of `route_members`, with their year, of the ways that looked for their route."""
    ids = dict(present.select("place", "activity_id").iter_rows())
    places = looking["place"].to_list()
    variants = [found.variant.get(place) for place in places]
    said = {
        "route_id": [ids[found.route[place]] for place in places],
        "similarity": [found.similarity[place] for place in places],
        "direction": [found.direction.get(place) for place in places],
        "variant_of": [ids[variant[0]] if variant else None for variant in variants],
        "variant_similarity": [variant[1] if variant else None for variant in variants],
    }
    schema = ROUTE_MEMBERS.polars_schema
    return looking.with_columns(pl.Series(name, values, schema[name]) for name, values in said.items()).select(
        *schema, "year"
    )


def _write(
    lake: Lake,
    rows: pl.DataFrame,
    held: pl.DataFrame,
    ways: Mapping[int, Mapping[int, str]],
    known: Mapping[int, Mapping[int, str]],
) -> None:
    """Write the files of the years whose rows changed. All files to be written are removed first.

    So an interruption never leaves an old file next to a new one that looks up to date.
    """
    due = {
        year: of_year
        for year, of_year in _by_year(rows, ways)
        if ways[year] != known[year] or not of_year.equals(dict(_by_year(held, [year]))[year])
    }
    for year in due:
        table_file(lake, ROUTE_MEMBERS, year).unlink(missing_ok=True)
    for year, of_year in due.items():
        if ways[year]:
            write_made(lake, ROUTE_MEMBERS, year, of_year, ways[year])


def _by_year(rows: pl.DataFrame, years: Iterable[int]) -> Iterator[tuple[int, pl.DataFrame]]:
    for year in years:
        yield year, rows.filter(pl.col("year") == year).drop("year").sort(*ROUTE_MEMBERS.key)
