"""The floor: the bare work of each stage with the product's own libraries; and a peer that inserts row by row.

No budget, retries, checks, clocks, locks, manifests, hashes, history, unknown fields or reports: only what any program must do
that stores the same bytes as durably and merges the same columns. Stages have the shape of product.py's.
"""

import gzip
import os
import shutil
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import duckdb
import orjson
import polars as pl
import urllib3

from benchmarks.place import Place
from benchmarks.product import Work
from strava_pipeline.core.tables import ACTIVITIES_ALL, ACTIVITY_DETAILS, CHILDREN, Table
from strava_pipeline.core.tables.model import Kind

BATCH = 1000  # details parsed at once, so that memory is bounded
PEER_ACTIVITIES = 200  # some 10,000 rows


def listing(place: Place) -> Work:
    pool, url, floor = _pool(place), f"{place.url}/api/v3/athlete/activities?per_page=200&page=", place.floor

    def work() -> int:
        page = 1
        while (body := pool.request("GET", f"{url}{page}").data) != b"[]":
            _store(floor / "pages" / f"{page:05}.json.gz", body)
            page += 1
        return page

    return work


def read_bronze(place: Place) -> Work:
    """Unpack and parse every answer in the product's bronze, and nothing more."""

    def work() -> int:
        for folder in (place.lake.listings, place.lake.details):
            for path in folder.rglob("*.json.gz"):
                orjson.loads(gzip.decompress(path.read_bytes()))
        return 0

    return work


def shards(place: Place) -> Work:
    def work() -> int:
        pages = [
            _frame(orjson.loads(gzip.decompress(path.read_bytes())), ACTIVITIES_ALL)
            for path in sorted((place.floor / "pages").iterdir())
        ]
        rows = pl.concat(pages).with_columns(year=pl.col("start_date_local").dt.year().cast(pl.Int32))
        for (year,), of_year in rows.group_by("year"):
            path = place.floor / "shards" / f"{year}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            of_year.write_parquet(path, compression="zstd")
        return 0

    return work


def merge_summaries(place: Place) -> Work:
    def work() -> int:
        with duckdb.connect(str(place.floor / "floor.duckdb")) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            for table in (ACTIVITIES_ALL, ACTIVITY_DETAILS, *(table for table, _ in CHILDREN.values())):
                columns = ", ".join(f'"{column.name}" {column.kind.value}' for column in table.columns)
                connection.execute(f"CREATE TABLE {table.name} ({columns})")
            _merge(connection, ACTIVITIES_ALL, "id", place.floor / "shards" / "*.parquet")
        return 0

    return work


def details(place: Place) -> Work:
    pool, url, floor = _pool(place), f"{place.url}/api/v3/activities", place.floor
    ids = [
        activity["id"]
        for path in sorted((floor / "pages").iterdir())
        for activity in orjson.loads(gzip.decompress(path.read_bytes()))
    ]

    def work() -> int:
        for activity_id in ids:
            body = pool.request("GET", f"{url}/{activity_id}?include_all_efforts=true").data
            _store(floor / "details" / f"{activity_id}.json.gz", body)
        return len(ids)

    return work


def merge_details(place: Place) -> Work:
    def work() -> int:
        staged = place.floor / "staged"
        paths = sorted((place.floor / "details").iterdir())
        for number, first in enumerate(range(0, len(paths), BATCH)):
            objects = [orjson.loads(gzip.decompress(path.read_bytes())) for path in paths[first : first + BATCH]]
            for table, rows in _detail_rows(objects):
                path = staged / table.name / f"{number}.parquet"
                path.parent.mkdir(parents=True, exist_ok=True)
                rows.write_parquet(path, compression="lz4")
        with duckdb.connect(str(place.floor / "floor.duckdb")) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            connection.execute("SET preserve_insertion_order = false")
            connection.execute("BEGIN")
            _merge(connection, ACTIVITY_DETAILS, "activity_id", staged / ACTIVITY_DETAILS.name / "*.parquet")
            for table, _ in CHILDREN.values():
                connection.execute(
                    f"INSERT INTO {table.name} BY NAME SELECT * FROM read_parquet('{staged / table.name / '*.parquet'}')"
                )
            connection.execute("COMMIT")
        return 0

    return work


def merge_details_row_by_row(place: Place) -> Work:
    """A peer that inserts details row by row, as many programs do. The product gives the columns, so that only that differs.

    Of PEER_ACTIVITIES activities: its time grows with the rows, so it can be scaled.
    """
    from strava_pipeline.core.activities import detail_frames
    from strava_pipeline.core.tables import TABLES
    from strava_pipeline.lake.bronze.answers import detail_files, read_details

    found = (files for year in place.years.all for files in detail_files(place.lake, year).values())

    def work() -> int:
        frames, _ = detail_frames(list(read_details(islice(found, PEER_ACTIVITIES))), athlete_id=None)
        with duckdb.connect(str(place.floor / "peer.duckdb")) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            connection.execute("BEGIN")
            for name, rows in frames.items():
                connection.execute(f"CREATE TABLE {name} ({TABLES[name].ddl})")
                insert = f"INSERT INTO {name} VALUES ({', '.join('?' * rows.width)})"
                for row in rows.iter_rows():
                    connection.execute(insert, row)
            connection.execute("COMMIT")
        return 0

    return work


def publish(place: Place) -> Work:
    def work() -> int:
        source, copy = place.floor / "floor.duckdb", place.floor / "snapshot.tmp"
        with duckdb.connect(str(source)) as connection:
            connection.execute("CHECKPOINT")
        shutil.copyfile(source, copy)
        with copy.open("rb") as file:
            os.fsync(file.fileno())
        copy.replace(place.floor / "snapshot.duckdb")
        _sync(place.floor)
        return 0

    return work


def imports(place: Place) -> Work:
    """Import the libraries and nothing else, for the memory that they hold."""

    def work() -> int:
        import dagster

        return len({dagster, duckdb, pl}) - 3

    return work


def one_statement(place: Place) -> Work:
    """The product's shards copied into a table by one statement."""

    def work() -> int:
        with duckdb.connect(str(place.floor / "one_statement.duckdb")) as connection:
            connection.execute(f"CREATE TABLE copied AS SELECT * FROM '{place.lake.data_dir}/activities/*/*.parquet'")
        return 0

    place.floor.mkdir(parents=True, exist_ok=True)
    return work


def _pool(place: Place) -> urllib3.PoolManager:
    return urllib3.PoolManager(headers={"Authorization": f"Bearer {place.token}", "Accept-Encoding": "gzip"})


def _store(path: Path, body: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    with temporary.open("wb") as file:
        file.write(gzip.compress(body, compresslevel=6))
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    _sync(path.parent)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    os.fsync(handle)
    os.close(handle)


def _merge(connection: duckdb.DuckDBPyConnection, table: Table, key: str, files: Path) -> None:
    connection.execute(
        f"MERGE INTO {table.name} AS gold USING (SELECT * FROM read_parquet('{files}')) AS new ON gold.{key} = new.{key} "
        "WHEN MATCHED THEN UPDATE BY NAME WHEN NOT MATCHED THEN INSERT BY NAME"
    )


def _detail_rows(objects: Sequence[dict[str, Any]]) -> Iterator[tuple[Table, pl.DataFrame]]:
    yield ACTIVITY_DETAILS, _frame(objects, ACTIVITY_DETAILS)
    for name, (table, _) in CHILDREN.items():
        nested = [(activity["id"], item) for activity in objects for item in activity.get(name) or ()]
        rows = _frame([item for _, item in nested], table)
        yield table, rows.with_columns(activity_id=pl.Series([owner for owner, _ in nested], dtype=pl.Int64))


def _frame(objects: Sequence[dict[str, Any]], table: Table) -> pl.DataFrame:
    return pl.DataFrame([_series(objects, column) for column in table.sourced])


def _series(objects: Sequence[dict[str, Any]], column: Any) -> pl.Series:
    first, *rest = column.source
    values = [item.get(first) for item in objects]
    for name in rest:
        values = [value.get(name) if value else None for value in values]
    match column.kind:
        case Kind.INSTANT:
            return pl.Series(column.name, values, dtype=pl.String).str.to_datetime(
                "%Y-%m-%dT%H:%M:%SZ", time_zone="UTC"
            )
        case Kind.WALL:
            return pl.Series(column.name, values, dtype=pl.String).str.to_datetime("%Y-%m-%dT%H:%M:%SZ")
        case Kind.JSON:
            values = [None if value is None else orjson.dumps(value).decode() for value in values]
    return pl.Series(column.name, values, dtype=column.kind.polars, strict=False)
