"""Merging the athlete and all gear as last received into their tables, inside the caller's transaction."""

from strava_pipeline.core.rows import Rows, frame, typed_rows
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
    gear = list(newest_gear(lake))
    if gear:
        told = imported_gear(lake)  # what Strava no longer shows keeps the names that an archive gave it
        named = {
            gear_id: {"name": item["name"], "brand_name": item["brand_name"]} for gear_id, (_, item) in told.items()
        }
        rows = typed_rows([found or named.get(gear_id, {}) for gear_id, _, found in gear], GEAR)
        rows.values.update(
            {
                "gear_id": [gear_id for gear_id, _, _ in gear],
                "athlete_id": [athlete_id] * len(gear),
                "source": [STRAVA] * len(gear),
                "found": [found is not None for _, _, found in gear],
                "fetched_at": [at for _, at, _ in gear],
            }
        )
        report.count(_merge_small(connection, lake, GEAR, rows))
    if others := list(provider_gear(lake)):
        rows = typed_rows([fields for *_, fields in others], GEAR)
        rows.values.update(
            {
                "source": [source for source, *_ in others],
                "gear_id": [gear_id for _, gear_id, *_ in others],
                "athlete_id": [athlete_id] * len(others),
                "found": [True] * len(others),
                "fetched_at": [at for *_, at, _ in others],
            }
        )
        report.count(_merge_small(connection, lake, GEAR, rows))
    if report.wrote:
        changed(connection)
    return report


def merge_imported_gear(connection: Connection, lake: Lake) -> None:
    """The gear of archives; what Strava itself answered of a piece stays. `found` is unknown of what only an archive names."""
    gear = imported_gear(lake)
    if not gear:
        return
    told = [{name: value for name, value in item.items() if name != "athlete_id"} for _, item in gear.values()]
    rows = typed_rows(told, GEAR)
    rows.values.update(
        {
            "gear_id": list(gear),
            "athlete_id": [item.get("athlete_id") for _, item in gear.values()],
            "source": (sources := [gear_source(STRAVA_ARCHIVE, gear_id) for gear_id in gear]),
            "found": [None if source == STRAVA else True for source in sources],
            "fetched_at": [one.manifest.received_at for one, _ in gear.values()],
        }
    )
    if _merge_small(connection, lake, GEAR, rows):
        changed(connection)


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
