"""The command `devices`: how devices that recorded the same efforts agree."""

from strava_pipeline.verbs.options import Json

_IN_WORDS = {"quantity", "device", "words", "changes"}


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
        answer = answer_of(read.devices(connection))
    numbers = {name for part in ("errors", "pairs") for row in answer[part] for name in row} - _IN_WORDS
    show(answer, as_json=as_json, hidden=numbers, nothing="No activity was recorded by two devices.")
