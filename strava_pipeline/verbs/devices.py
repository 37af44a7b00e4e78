"""The command `devices`: how devices that recorded the same efforts agree."""

from strava_pipeline.verbs.options import Json


def devices(as_json: Json = False) -> None:
    """Show how devices that recorded the same efforts agree, what changed, and the error of each where three met.

    Two devices that differ don't say which of them is wrong.
    """
    from strava_pipeline.core.pairs.report import answer_of
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.lake.dashboard import devices as read
    from strava_pipeline.lake.gold.publish import insights_snapshot
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.verbs.views import show

    settings = Settings.load()
    with insights_snapshot(Lake(settings.data_dir)) as connection:
        found = read.devices(connection)
    show(
        answer_of(found),
        as_json=as_json,
        hidden=("by_effort", "newest_id"),
        nothing="No activity was recorded by two devices.",
    )
