"""The question of `start` for the zone, where activities don't say it clearly. The answer is a line of goals.toml, for pages, and
of `.env`, for schedules, unless STRAVA_TIMEZONE is set.
"""

from collections.abc import Callable
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from strava_pipeline.core.errors import MisuseError, PipelineError

if TYPE_CHECKING:
    from strava_pipeline.environment.settings import Settings


def ask_zone(settings: "Settings", answered: Callable[[None, str, Callable[[str], None]], object]) -> None:
    """`answered`: asks a question until the function that reads the answer accepts it. The zone of the settings is proposed."""
    from strava_pipeline.core.insights.goals import GoalsError
    from strava_pipeline.core.start_times import zone_of
    from strava_pipeline.environment.setting_files import variables_set
    from strava_pipeline.environment.settings import env_file
    from strava_pipeline.ingest.clock import utc_now
    from strava_pipeline.lake.gold.insights import athlete_of
    from strava_pipeline.lake.gold.publish import current_snapshot
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.lake.user_files import goals_of, seal_of_goals, write_goals

    def write(text: str) -> None:
        try:
            if text or own:
                zone = None if own else zone_of(text)  # an offset is no zone of schedules
                is_set = isinstance(zone, ZoneInfo)
                with variables_set(env_file(), {"STRAVA_TIMEZONE": str(zone)}) if is_set else nullcontext():
                    write_goals(lake, {("timezone",): text or own}, seal_of_goals(lake))
        except GoalsError as error:
            raise MisuseError(str(error)) from None

    lake, own = Lake(settings.data_dir), settings.timezone if "timezone" in settings.model_fields_set else ""
    with suppress(PipelineError):  # nothing is published, or goals.toml can't be used, which `status` says
        with current_snapshot(lake) as connection:
            athlete = athlete_of(connection, goals_of(lake), utc_now())
        if athlete is not None and not athlete.is_zone_clear:
            here = own or athlete.clock(settings.timezone)
            answered(
                None, f"Your activities don't clearly say your time zone, such as Europe/Vienna (Enter: {here})", write
            )
