"""The data of the first page: facts that need a person's attention, and what runs next by itself."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from strava_pipeline.core.facts import Fact
from strava_pipeline.lake.looks import due_runs, is_anybody_looking
from strava_pipeline.lake.requests import RequestView
from strava_pipeline.lookups.data_state import entries
from strava_pipeline.serve.dashboard.site import Site, kept


def present_facts(site: Site) -> Sequence[Fact]:
    """All facts, read once for each state of the folder, and once a minute, because logins end and limits start again."""
    state = (entries(site.lake.state), site.now().replace(second=0, microsecond=0))
    return kept(site, ("facts", *state), site.pipeline.facts)


def matters(site: Site, fault: str | None) -> list[Fact]:
    """Facts that need a person, and limits that keep a run waiting; `fault`: the page's own message about the published data."""
    return [
        fact for fact in present_facts(site) if fact.text != fault and (fact.needs_a_person or fact.name == "limited")
    ]


@dataclass(frozen=True, slots=True)
class NextRun:
    """What runs next by itself. `due`: when each schedule that is on begins a run, and what that does, the next one first;
    empty where nobody looks.

    `is_answering`: without a schedule, requests on the pages still run, as in the demo. `of_many`: the dashboard is
    that of all athletes, whose Dagster may start the run instead.
    """

    due: list[tuple[datetime, str]]
    is_on: bool
    is_awake: bool
    is_answering: bool
    of_many: bool


def next_run(site: Site) -> NextRun:
    """What Dagster's daemon noted of its schedules, if it is at work."""
    settings, now = site.settings, site.now()
    is_awake = is_anybody_looking(site.lake, now)
    return NextRun(
        due_runs(site.lake, now),
        settings.automation,
        is_awake,
        is_awake and settings.dashboard_requests,
        site.house is not None,
    )


def why_waiting(site: Site, views: Iterable[RequestView]) -> str | None:
    """Why some of these requests wait until a person acts, and what to do, or None if none does."""
    settings, taken = site.settings, {"import"} if site.takes_files else set()
    waits = any(view.status == "waiting" and view.request.wanted.kind not in taken for view in views)
    if not waits or is_anybody_looking(site.lake, site.now()):
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
