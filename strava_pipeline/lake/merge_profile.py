"""Merging the athlete and all gear as last received into their tables, inside the caller's transaction."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from strava_pipeline.core.rows import Json, Rows, frame, typed_rows
from strava_pipeline.core.sources import STRAVA, STRAVA_ARCHIVE, gear_source
from strava_pipeline.core.tables import ATHLETE, GEAR, Table
from strava_pipeline.lake.imported import imported_gear
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.profile_files import newest_athlete, newest_gear, provider_gear
from strava_pipeline.lake.sql import sql
from strava_pipeline.lake.staging import MergeReport, staged, staging
from strava_pipeline.lake.warehouse import Connection, changed


def merge_profile(connection: Connection, lake: Lake) -> MergeReport:
    """The athlete and all gear as last received, into their tables."""
    report = MergeReport()
    athlete = newest_athlete(lake)
    athlete_id = None
    if athlete is not None:
        rows = typed_rows([athlete[1]], ATHLETE)
        athlete_id = rows.values["athlete_id"][0]
        rows.values.update({"source": [STRAVA], "fetched_at": [athlete[0]]})
        report.count(_merge_small(connection, lake, ATHLETE, rows))
    gear = [*_strava_gear(lake, athlete_id), *_provider_gear(lake, athlete_id)]
    report.count(_merge_gear(connection, lake, gear))
    if report.wrote:
        changed(connection)
    return report


def merge_imported_gear(connection: Connection, lake: Lake) -> None:
    """The gear of archives; what Strava itself answered of a piece stays. `found` is unknown of what only an archive names."""
    pieces = []
    for gear_id, (one, item) in imported_gear(lake).items():
        source = gear_source(STRAVA_ARCHIVE, gear_id)
        fields = {name: value for name, value in item.items() if name != "athlete_id"}
        found = None if source == STRAVA else True
        pieces.append(_Piece(source, gear_id, item.get("athlete_id"), fields, found, one.manifest.received_at))
    if _merge_gear(connection, lake, pieces):
        changed(connection)


@dataclass(frozen=True, slots=True)
class _Piece:
    """A piece of gear as one source has it. `fields`: by the names of the source."""

    source: str | None
    gear_id: str
    athlete_id: int | None
    fields: Json
    found: bool | None
    fetched_at: datetime


def _strava_gear(lake: Lake, athlete_id: int | None) -> Iterator[_Piece]:
    gear = list(newest_gear(lake))
    named = imported_gear(lake) if gear else {}  # what Strava no longer shows keeps the names that an archive gave it
    for gear_id, at, found in gear:
        item = named[gear_id][1] if gear_id in named else {}
        fields = found or {name: item[name] for name in ("name", "brand_name") if item}
        yield _Piece(STRAVA, gear_id, athlete_id, fields, found is not None, at)


def _provider_gear(lake: Lake, athlete_id: int | None) -> Iterator[_Piece]:
    for source, gear_id, at, fields in provider_gear(lake):
        yield _Piece(source, gear_id, athlete_id, fields, True, at)


def _merge_gear(connection: Connection, lake: Lake, pieces: Sequence[_Piece]) -> list[tuple[str]]:
    if not pieces:
        return []
    rows = typed_rows([piece.fields for piece in pieces], GEAR)
    for name in ("source", "gear_id", "athlete_id", "found", "fetched_at"):
        rows.values[name] = [getattr(piece, name) for piece in pieces]
    return _merge_small(connection, lake, GEAR, rows)


def _merge_small(connection: Connection, lake: Lake, table: Table, rows: Rows) -> list[tuple[str]]:
    text = sql("merge_profile").format(
        table=table.name,
        same_key=" AND ".join(f"gold.{key} = staged.{key}" for key in table.key),
        outranked=_OUTRANKED if table is GEAR else "false",
    )
    with staging(lake) as folder:
        path = staged(folder, table.name, frame(rows.values, table))
        return connection.execute(text, {"rows": path}).fetchall()


_OUTRANKED = "staged.found IS NULL AND gold.found IS NOT NULL"
