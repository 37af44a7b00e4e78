"""N activities of eighteen years, half of them with splits, and every view, to a PostgreSQL of its own: beside plain ADBC.

The server is another process, whose CPU is not counted. Stages have the shape of product.py's. No printing.
"""

import atexit
from contextlib import ExitStack
from typing import TYPE_CHECKING

from benchmarks.insights import fill, prepare
from benchmarks.insights import one_more as add_one
from benchmarks.place import Place
from benchmarks.product import Work

if TYPE_CHECKING:
    from strava_pipeline.lake.gold.postgres import Target

__all__ = ["STAGES", "all_of_it", "files", "files_unchanged", "floor", "one_more", "prepare", "unchanged"]
STAGES = {
    "all_of_it": "everything to PostgreSQL",
    "unchanged": "again, nothing changed",
    "one_more": "again, after one more activity",
    "files": "everything to Parquet files",
    "files_unchanged": "again, nothing changed, to files",
}


def floor(place: Place) -> Work:
    """Copy every table and view as it is by ADBC, which makes the tables: no keys, hashes, transactions or comparison."""
    from strava_pipeline.core.tables.exported import exported_tables
    from strava_pipeline.lake.gold.postgres import _session
    from strava_pipeline.lake.gold.staging import staging

    target, tables = _published(place), exported_tables(with_positions=True)

    def work() -> int:
        with staging(place.lake) as connection, _session(target, 0) as elsewhere:
            for exported in tables.values():
                rows = connection.sql(f"SELECT {exported.column_list} FROM strava.main.{exported.name}")
                elsewhere.cursor.adbc_ingest(exported.name, rows, mode="create")
            return int(connection.execute("SELECT count(*) FROM activities").fetchall()[0][0])

    return work


def all_of_it(place: Place) -> Work:
    """The first export."""
    return _to_postgres(place, _published(place))


def unchanged(place: Place) -> Work:
    """The second export, which writes nothing."""
    target = _published(place)
    _to_postgres(place, target)()
    return _to_postgres(place, target)


def one_more(place: Place) -> Work:
    """The second export, after one more activity in one year."""
    target = _published(place)
    _to_postgres(place, target)()
    add_one(place)  # and publish
    return _to_postgres(place, target)


def files(place: Place) -> Work:
    """The first export to a folder."""
    import shutil

    _publish(place)
    shutil.rmtree(place.folder / "out", ignore_errors=True)
    return files_unchanged(place)


def files_unchanged(place: Place) -> Work:
    """The second one, which writes nothing."""
    from strava_pipeline.core.tables.exported import exported_tables
    from strava_pipeline.lake.gold.export_files import PARQUET, export_files

    def work() -> int:
        tables = exported_tables(with_positions=True)
        export_files(place.lake, place.folder / "out", tables, PARQUET, lambda _: None, as_text=False)
        return _count(place)

    return work


def _to_postgres(place: Place, target: "Target") -> Work:
    """The years compared are those of a daily run."""
    from strava_pipeline.core.tables.exported import exported_tables
    from strava_pipeline.lake.gold.postgres import export_gold

    def work() -> int:
        report = export_gold(place.lake, target, exported_tables(with_positions=True), [2025], lambda _: None)
        assert not report.unequal
        return _count(place)

    return work


def _published(place: Place) -> "Target":
    """The published warehouse, and an empty database on a server that ends with this process."""
    from pydantic import SecretStr

    from strava_pipeline.environment.setting_values import postgres_parameters
    from strava_pipeline.lake.gold.postgres import Target
    from strava_pipeline_tests.postgres import started

    running = ExitStack()
    atexit.register(running.close)
    parameters = postgres_parameters(SecretStr(running.enter_context(started()).new_database()))
    _publish(place)
    return Target(parameters, parameters.pop("password"), "strava")


def _publish(place: Place) -> None:
    from strava_pipeline.lake.gold.publish import publish

    fill(place)
    publish(place.lake)


def _count(place: Place) -> int:
    from strava_pipeline.lake.gold.publish import snapshot

    with snapshot(place.lake) as connection:
        return int(connection.execute("SELECT count(*) FROM activities").fetchall()[0][0])
