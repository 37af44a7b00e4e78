"""`activity_history`: the versions that shards hold of each activity, with what changed. Made from shards, any time again."""

from collections.abc import Sequence

from strava_pipeline.core.tables import TABLES, Column
from strava_pipeline.lake.connections import spill
from strava_pipeline.lake.counts import one_number
from strava_pipeline.lake.listings import sources_of
from strava_pipeline.lake.locks import locked
from strava_pipeline.lake.merge import batches, shard_signature, sharing
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.shards import LOCK, shard_files
from strava_pipeline.lake.sql import sql
from strava_pipeline.lake.warehouse import Connection, changed, note, notes

HISTORY = "history:"  # + year: a note of which shards the history of a year was made from


def merge_history(connection: Connection, lake: Lake, years: Sequence[int]) -> None:
    """The versions of the activities of `years` whose shards changed, within the caller's transaction, after the merge."""
    known = notes(connection, HISTORY)
    written = 0
    with locked(lake, LOCK):
        files = {year: shard_files(lake, year) for year in years}
        signature = {year: shard_signature(files[year]) for year in years}
        due = [year for year in years if known.get(f"{HISTORY}{year}") != signature[year]]
        for some in batches(due, files):
            spill(connection)
            written += _merge_versions(connection, lake, some, [str(path) for year in some for path in files[year]])
    written += one_number(connection, sql("end_versions"))
    for year in due:
        note(connection, f"{HISTORY}{year}", signature[year])
    if written:
        changed(connection)


def _merge_versions(connection: Connection, lake: Lake, years: Sequence[int], shards: list[str]) -> int:
    """How many rows were written."""
    if not shards:
        return 0
    others = [str(path) for year in sharing(connection, years) for path in shard_files(lake, year)]
    files = {"shards": shards, "others": others}
    connection.execute(sql("incoming_versions"), {**files, "years": list(years), "sources": sources_of(lake)})
    connection.execute(sql("delete_versions"))
    insert = sql("insert_versions").format(differing=_differing(), before=_before())
    return int(connection.execute(insert, files).fetchall()[0][0])


def _differing() -> str:
    return ", ".join(f"CASE WHEN {_differs(column)} THEN '{column.name}' END" for column in _compared())


def _before() -> str:
    return ", ".join(
        f"CASE WHEN {_differs(column)} THEN {{'key': '{column.name}', 'value': to_json(earlier.{column.name})}} END"
        for column in _compared()
    )


def _compared() -> list[Column]:
    """What a listing says of an activity."""
    columns = TABLES["activities_all"].columns
    return [column for column in columns if column.source is not None or column.name == "extra"]


def _differs(column: Column) -> str:
    return f"earlier.id IS NOT NULL AND later.{column.name} IS DISTINCT FROM earlier.{column.name}"
