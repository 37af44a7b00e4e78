"""What the first page puts together: what needs a person's attention, and when the pipeline runs next."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from strava_pipeline.core.errors import NothingPublishedError, PipelineError, UnusableSnapshotError
from strava_pipeline.core.schedules import next_daily_run
from strava_pipeline.core.sources import STRAVA
from strava_pipeline.core.text import counted
from strava_pipeline.lake.copied import COMMAND, known_copy
from strava_pipeline.lake.dashboard.activities import quarantined, undecided_pairs
from strava_pipeline.lake.gold.warehouse import Connection
from strava_pipeline.lake.notifications import notifications
from strava_pipeline.lake.requests import is_anybody_looking
from strava_pipeline.serve.dashboard.display import moment, month, service
from strava_pipeline.serve.dashboard.kept import kept_value
from strava_pipeline.serve.dashboard.site import Site

MOST_NOTES = 3
MOST_MONTHS = 3


@dataclass(frozen=True, slots=True)
class Matter:
    """Something to look at: a sentence, and where to look. `address`: a page; `command`: a line to type."""

    text: str
    address: str | None = None
    command: str | None = None


def matters(site: Site, snapshot: Connection | None) -> list[Matter]:
    """What needs attention, what a person can decide first. What can't be read is one of them."""
    found: list[Matter] = []
    for read in (_proposals, _services, _pairs, _quarantine, _copy, _failures):
        try:
            found += read(site, snapshot)
        except (NothingPublishedError, UnusableSnapshotError):
            continue  # the page says so by itself
        except PipelineError as error:
            found.append(Matter(str(error)))
    return list(dict.fromkeys(found))


def _proposals(site: Site, snapshot: Connection | None) -> Iterator[Matter]:
    changes = site.pipeline.changes().values()
    yield from months_to_decide(Counter(one["month"] for one in changes if one["status"] == "proposed"))
    if approved := sum(one["status"] == "approved" for one in changes):
        yield Matter(
            f"{counted(approved, 'change')} approved, and not yet written", None, "strava-pipeline changes apply"
        )


def months_to_decide(proposed: Mapping[str, int]) -> Iterator[Matter]:
    """The months that have changes to decide about, the newest first; many earlier ones together, so that numbers stay in sight.

    `proposed`: how many changes, by month (`2026-10`).
    """
    newest = sorted(proposed, reverse=True)
    shown = newest if len(newest) <= MOST_MONTHS + 1 else newest[:MOST_MONTHS]
    for each in shown:
        yield Matter(f"{month(each)}: {counted(proposed[each], 'change')} to decide about", f"/month/{each}")
    if earlier := newest[len(shown) :]:
        count = sum(proposed[each] for each in earlier)
        yield Matter(f"{len(earlier)} earlier months: {counted(count, 'change')} to decide about", "/sync")


def _services(site: Site, snapshot: Connection | None) -> Iterator[Matter]:
    for name, one in site.pipeline.providers().items():
        is_set_up = name != STRAVA or site.settings.client_id is not None or one["last_pull"] is not None
        if one["login_problem"]:
            if not is_set_up and snapshot is not None:
                continue  # an archive alone came in: that is a choice
            yield Matter(f"{one['title']}: {one['login_problem']}")
        elif one["rate_limit"]:
            ends = one["rate_limit_ends_at"]
            until = f" until {moment(ends, site.zone, site.goals.dates)}" if ends else ""
            yield Matter(f"{one['title']} lets no more calls through{until}. The next run goes on by itself.")
        elif one["success"] is False and one["message"]:
            yield Matter(f"{one['title']}: {one['message']}")


def _pairs(site: Site, snapshot: Connection | None) -> Iterator[Matter]:
    if snapshot is not None and (pairs := kept_value(site, "pairs", undecided_pairs)):
        text = f"{counted(pairs, 'pair')} of activities may be one, and count twice until you decide"
        yield Matter(text, None, "strava-pipeline matches list")


def _quarantine(site: Site, snapshot: Connection | None) -> Iterator[Matter]:
    if snapshot is None:
        return
    for source, count in kept_value(site, "quarantined", quarantined).items():
        text = f"{service(source)}: {counted(count, 'activity')} failed three times in a row and rest in quarantine"
        yield Matter(text, None, "strava-pipeline quarantine list")


def _copy(site: Site, snapshot: Connection | None) -> Iterator[Matter]:
    known = known_copy(site.lake) if site.settings.is_copied else None
    if known is not None and known.problem:
        yield Matter(f"Second copy: {known.problem}", None, COMMAND)


def _failures(site: Site, snapshot: Connection | None) -> Iterator[Matter]:
    failed = [each for each in notifications(site.lake) if each.category == "error" and not each.read]
    for each in failed[:MOST_NOTES]:
        yield Matter(each.message, "/notifications")
    if len(failed) > MOST_NOTES:
        rest = counted(len(failed) - MOST_NOTES, "more failure")
        yield Matter(rest, "/notifications")


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
        "Nothing runs by itself, because of `STRAVA_AUTOMATION=false`, so the request waits. Set `DASHBOARD_REQUESTS=true` and "
        "start Dagster again (`strava-pipeline dev`), or switch on its sensor `requests` in its web interface."
    )
