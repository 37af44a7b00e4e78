"""The command `readmit`: what expired by a limit on storage may come in again."""

from strava_pipeline.verbs.options import Json
from strava_pipeline.verbs.views import show


def readmit(as_json: Json = False) -> None:
    """Let what expired by STRAVA_API_KEEP_DAYS come in again, once that is no longer set. What was purged stays away."""
    from strava_pipeline.core.errors import MisuseError
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.ingest.registry import primed_clock
    from strava_pipeline.lake.bronze.expired import Expired, limited_ids
    from strava_pipeline.lake.decisions import record_decisions
    from strava_pipeline.lake.paths import Lake

    settings = Settings.load()
    lake = Lake(settings.data_dir)
    if settings.api_keep_days is not None:
        raise MisuseError("STRAVA_API_KEEP_DAYS is set, so it would expire again. Unset it first; nothing was changed.")
    if ids := limited_ids(lake):
        record_decisions(
            lake, Expired(at=primed_clock(settings).now(), by="strava-pipeline readmit", ids=[], readmits=True)
        )
    show(
        {"readmitted": len(ids)},
        as_json=as_json,
        advice=["`strava-pipeline run-all` brings it in again."] if ids else [],
    )
