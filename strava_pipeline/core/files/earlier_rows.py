"""A row of an archive and the row of an earlier one: what is empty in the later is as the earlier one told. Pure."""

from dataclasses import replace

from strava_pipeline.core.files.activities_csv import ArchiveRow


def filled(row: ArchiveRow, earlier: ArchiveRow) -> ArchiveRow:
    """The row with the values of an earlier archive's row of the same activity where its own cells are empty.

    Layouts and languages lack columns, so an empty cell takes nothing back. Gear is a name and an id that belong together.
    """
    own = row.summary
    same_gear = row.gear_id is None and row.gear_name in (None, earlier.gear_name)
    kept = {name: value for name, value in earlier.summary.items() if name not in own and name != "gear_id"}
    gear_id = earlier.gear_id if same_gear else row.gear_id
    summary = {**kept, **own} | ({"gear_id": gear_id} if gear_id is not None else {})
    return replace(
        row,
        name=row.name or earlier.name,
        description=row.description or earlier.description,
        sport_type=row.sport_type or earlier.sport_type,
        sport_shown=row.sport_shown or earlier.sport_shown,
        started_at=row.started_at or earlier.started_at,
        elapsed_s=summary.get("elapsed_time"),
        moving_s=summary.get("moving_time"),
        distance_m=summary.get("distance"),
        ascent_m=summary.get("total_elevation_gain"),
        commute=summary.get("commute"),
        gear_name=row.gear_name or (earlier.gear_name if same_gear else None),
        gear_id=gear_id,
        filename=row.filename or earlier.filename,
        media=row.media or earlier.media,
        from_display=row.from_display | (earlier.from_display & kept.keys()),
        summary=summary,
        shown={**earlier.shown, **row.shown},
        extra={**earlier.extra, **row.extra},
    )
