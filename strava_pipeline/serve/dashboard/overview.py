"""What the first page puts together: what needs a person's attention, and when the pipeline runs next."""

from dataclasses import dataclass
from datetime import datetime

from strava_pipeline.core.facts import Fact
from strava_pipeline.core.schedules import next_daily_run
from strava_pipeline.lake.requests import is_anybody_looking
from strava_pipeline.serve.dashboard.site import Site

MOST_NOTES = 3
MOST_MONTHS = 3


def matters(site: Site, fault: str | None) -> list[Fact]:
    """What needs a person, and limits that keep a run waiting. `fault`: what the page says of the published data by itself."""
    found = [fact for fact in site.pipeline.facts() if fact.needs_a_person or fact.name == "limited"]
    return [fact for fact in found if fact.text != fault]


@dataclass(frozen=True, slots=True)
class NextRun:
    """The daily run. `at`: when it is due, None where the schedule is no daily one; `is_awake`: Dagster's daemon is at work.

    `is_answering`: without a schedule, what a person asks for on the pages runs all the same, as in the demo. `of_many`: the
    dashboard is that of all athletes, whose Dagster may start the run instead.
    """

    at: datetime | None
    schedule: str
    zone: str
    is_on: bool
    is_awake: bool
    is_answering: bool
    of_many: bool


def next_run(site: Site) -> NextRun:
    """When the daily run is due by the settings, and whether anybody would start it."""
    settings, now = site.settings, site.now()
    due = next_daily_run(settings.schedule, settings.timezone, now)
    return NextRun(
        due,
        settings.schedule,
        settings.timezone,
        settings.automation,
        is_anybody_looking(site.lake, now),
        settings.dashboard_requests,
        site.house is not None,
    )


def why_waiting(site: Site) -> str | None:
    """Why nobody carries out what is asked for, and what to do about it; None: somebody looked for requests lately."""
    settings = site.settings
    if is_anybody_looking(site.lake, site.now()):
        return None
    if settings.automation:
        return (
            "Dagster’s daemon is not at work, or its sensor `requests` is switched off, so the request waits. Start it: "
            "`strava-pipeline service up`"
        )
    if settings.dashboard_requests:
        return (
            "Nobody carries out requests now, so this one waits. Start `strava-pipeline dev`, for the demo "
            "`strava-pipeline dev --demo`."
        )
    return (
        "Nothing runs by itself, because of `STRAVA_AUTOMATION=false`, so the request waits. Switch on the sensor `requests` in "
        "Dagster’s web interface."
    )
