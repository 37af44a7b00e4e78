"""The command `devices`: how devices that recorded the same efforts agree."""

from datetime import UTC, datetime

from strava_pipeline.verbs.options import Json


def devices(as_json: Json = False) -> None:
    """Show how devices that recorded the same efforts agree, what changed, and the error of each where three met.

    Two devices that differ don't say which of them is wrong.
    """
    from strava_pipeline.core.pairs.report import answer_of
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.lake.gold.insights import athlete_of
    from strava_pipeline.lake.gold.publish import insights_snapshot
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.lake.user_files import goals_of
    from strava_pipeline.lookups import devices as read
    from strava_pipeline.verbs.views import show

    lake = Lake(Settings.load().data_dir)
    with insights_snapshot(lake) as connection:
        athlete = athlete_of(connection, goals_of(lake), datetime.now(UTC))
        units = athlete.units if athlete else "km"
        answer = answer_of(read.devices(connection, units), units)
    if not as_json:  # numbers stand in the words
        shown = {"errors": ("device", "words"), "pairs": ("pair", "words", "changes")}
        answer = {"devices": [*answer["devices"].values()], "summary": answer["summary"]} | {
            part: [
                {"quantity": quantity, **{name: row.get(name, key) for name in names}}
                for quantity, rows in answer[part].items()
                for key, row in rows.items()
            ]
            for part, names in shown.items()
        }
    show(answer, as_json=as_json, nothing="No activity was recorded by two devices.")
