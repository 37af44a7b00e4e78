"""The data of the first page: facts that need a person's attention, and the next run of the pipeline."""

from dataclasses import dataclass
from datetime import datetime

from strava_pipeline.core.facts import Fact
from strava_pipeline.core.schedules import next_daily_run
from strava_pipeline.lake.dashboard.data_state import entries
from strava_pipeline.lake.requests import is_anybody_looking
from strava_pipeline.serve.dashboard.site import Site, kept


def matters(site: Site, fault: str | None) -> list[Fact]:
    """Facts that need a person, and limits that keep a run waiting.

    Facts are read once for each state of the folder, and once a minute, because logins end and limits start again.

    Args:
        site: the athlete's.
        fault: the page's own message about the published data.
    """
    state = (entries(site.lake.state), site.now().replace(second=0, microsecond=0))
    found = kept(site, ("facts", *state), site.pipeline.facts)
    return [fact for fact in found if fact.text != fault and (fact.needs_a_person or fact.name == "limited")]


@dataclass(frozen=True, slots=True)
class NextRun:
    """The daily run. `at`: when it is due, or None if the schedule isn't daily; `is_awake`: whether Dagster's daemon is at work.

    `is_answering`: without a schedule, requests on the pages still run, as in the demo. `of_many`: the dashboard is
    that of all athletes, whose Dagster may start the run instead.
    """

    at: datetime | None
    schedule: str
    zone: str
    is_on: bool
    is_awake: bool
    is_answering: bool
    of_many: bool


def next_run(site: Site) -> NextRun:
    """When the daily run is due by the settings, and whether anything would start it."""
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
    """Why requests are not carried out, and what to do about it, or None if the sensor looked for requests lately."""
    settings = site.settings
    if is_anybody_looking(site.lake, site.now()):
        return None
    if settings.automation:
        return (
            "The service is not running, or its sensor `requests` is switched off, so the request waits. Start it: "
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
