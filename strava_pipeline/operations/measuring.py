"""What is measured of a data folder, for whoever watches it with Prometheus: in parts, each read by itself. Makes no call.

A measure is described once, here or in a system's `measures`; docs/monitoring.md is compared with it. Labels have few values:
names of services, tables, jobs, kinds; never of activities, places or people. How the numbers are handed out is
verbs/metrics_collector.py's.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from strava_pipeline.ingest.failed_calls import failed_calls
from strava_pipeline.lake.bronze.listings import listings
from strava_pipeline.lake.copied import known_copy
from strava_pipeline.lake.gold.publish import current_snapshot, published_at
from strava_pipeline.lake.gold.quality import counts_by_year, newest_start, row_counts
from strava_pipeline.lake.notifications import Category, notifications
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.providers import last_outcomes
from strava_pipeline.lake.requests import latest_requests
from strava_pipeline.operations.service_statuses import service_statuses
from strava_pipeline.settings import Settings

PREFIX = "strava_pipeline_"
_ALL = 100_000  # requests: those of two weeks, which a person pressed


@dataclass(frozen=True, slots=True)
class Measure:
    """What is measured. `name`: without the prefix and, of a counter, `_total`; `about`: what it is, without a full stop."""

    name: str
    kind: Literal["gauge", "counter"]
    about: str
    labels: tuple[str, ...] = ()

    @property
    def full_name(self) -> str:
        """As Prometheus knows it."""
        return f"{PREFIX}{self.name}{'_total' if self.kind == 'counter' else ''}"


@dataclass(frozen=True, slots=True)
class Sample:
    """A value of a measure, with a value for each of its labels."""

    of: Measure
    value: float
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """Measures that are read together. `read`: their samples now; what it raises leaves the other parts alone."""

    name: str
    measures: tuple[Measure, ...]
    read: Callable[[Settings, datetime], Iterator[Sample]]


def moment(of: Measure, at: datetime | None, *labels: str) -> Iterator[Sample]:
    """The sample of a measure that is a moment, in epoch seconds; none where there is no such moment."""
    if at is not None:
        yield Sample(of, at.timestamp(), labels)


PUBLISHED_AT = Measure(
    "published_timestamp_seconds", "gauge", "When the warehouse that readers open was published last"
)
NEWEST = Measure("newest_activity_timestamp_seconds", "gauge", "When the newest published activity began")
ROWS = Measure("table_rows", "gauge", "Published rows of each table", ("table",))
MISSING = Measure("details_missing", "gauge", "Published activities whose detail was never fetched")
STALE = Measure("details_stale", "gauge", "Published activities that were edited since their detail was fetched")


def _published(settings: Settings, now: datetime) -> Iterator[Sample]:
    lake = Lake(settings.data_dir)
    with current_snapshot(lake) as connection:
        years = counts_by_year(connection)
        yield from moment(PUBLISHED_AT, published_at(lake))
        yield from moment(NEWEST, newest_start(connection))
        for table, count in row_counts(connection).items():
            yield Sample(ROWS, count, (table,))
    yield Sample(MISSING, sum(year.missing_details for year in years))
    yield Sample(STALE, sum(year.stale_details for year in years))


OF_LIMIT = ("source", "limit")
LEFT = Measure("calls_left", "gauge", "Calls that a limit of the service still allows in its present window", OF_LIMIT)
LIMIT = Measure("calls_limit", "gauge", "Calls that a limit of the service allows in a window", OF_LIMIT)
RESETS = Measure(
    "calls_reset_timestamp_seconds", "gauge", "When the present window of a limit of the service ends", OF_LIMIT
)
USABLE = Measure(
    "login_usable",
    "gauge",
    "Whether the login of the service is here, as far as can be told without a call",
    ("source",),
)
SUCCESS = Measure(
    "source_success_timestamp_seconds",
    "gauge",
    "When the service last answered with everything that was asked for",
    ("source",),
)
QUARANTINED = Measure(
    "quarantined_activities", "gauge", "Activities whose detail or file failed three times in a row", ("source",)
)
UNREADABLE = Measure("unreadable_rows", "gauge", "Rows of the service's lists that can't be read", ("source",))
EVENTS_WAITING = Measure("webhook_events_waiting", "gauge", "Webhook events that no run has followed yet", ("source",))
EVENTS = Measure(
    "webhook_events", "counter", "Webhook events so far: accepted, refused, or given up", ("source", "outcome")
)


def _services(settings: Settings, now: datetime) -> Iterator[Sample]:
    lake = Lake(settings.data_dir)
    for name, status in service_statuses(settings, now).items():
        for limit, state in status["limits"].items():
            yield Sample(LEFT, state["left"], (name, limit))
            yield Sample(LIMIT, state["limit"], (name, limit))
            yield from moment(RESETS, state["resets_at"], name, limit)
        yield Sample(USABLE, status["login_problem"] is None, (name,))
        yield from moment(SUCCESS, _last_success(lake, name), name)
        yield Sample(QUARANTINED, status["quarantined"], (name,))
        yield Sample(UNREADABLE, status["unreadable_rows"], (name,))
        if (events := status["webhooks"]) is not None:
            yield Sample(EVENTS_WAITING, events["unread"] + events["waiting"], (name,))
            counts = {**events, "refused": sum(events["refused"].values())}
            for outcome in ("accepted", "refused", "given_up"):
                yield Sample(EVENTS, counts[outcome], (name, outcome))


def _last_success(lake: Lake, source: str) -> datetime | None:
    """When the last complete listing ended, or the last step that listed without a new one, as of a feed that had nothing new."""
    manifests = (each.manifest for each in listings(lake, source, newest_first=True))
    listed = next((manifest.fetched_at for manifest in manifests if manifest.complete), None)
    step = last_outcomes(lake, source).get("listing")
    return max(filter(None, (listed, step.at if step is not None and step.succeeded else None)), default=None)


FAILED = Measure(
    "failed_calls", "counter", "Calls without a good answer so far, those that were tried again too", ("source", "kind")
)


def _failed_calls(settings: Settings, now: datetime) -> Iterator[Sample]:
    for source, counts in failed_calls(settings).items():
        for kind, count in counts.items():
            yield Sample(FAILED, count, (source, kind))


REQUESTS = Measure("requests", "gauge", "Requests made in the dashboard that have not ended", ("status",))


def _requests(settings: Settings, now: datetime) -> Iterator[Sample]:
    counts = Counter[str](each.status for each in latest_requests(Lake(settings.data_dir), now, _ALL))
    for status in ("waiting", "running"):
        yield Sample(REQUESTS, counts[status], (status,))


UNREAD = Measure("notifications_unread", "gauge", "Notifications that nobody has read", ("level",))


def _notifications(settings: Settings, now: datetime) -> Iterator[Sample]:
    counts = Counter(each.category for each in notifications(Lake(settings.data_dir)) if not each.read)
    for level in get_args(Category):
        yield Sample(UNREAD, counts[level], (level,))


COPIED = Measure("second_copy_timestamp_seconds", "gauge", "When the second copy was last brought up to date")


def _second_copy(settings: Settings, now: datetime) -> Iterator[Sample]:
    copy = known_copy(Lake(settings.data_dir))
    yield from moment(COPIED, None if copy is None else copy.at)


PARTS = (
    Part("published", (PUBLISHED_AT, NEWEST, ROWS, MISSING, STALE), _published),
    Part(
        "services",
        (LEFT, LIMIT, RESETS, USABLE, SUCCESS, QUARANTINED, UNREADABLE, EVENTS_WAITING, EVENTS),
        _services,
    ),
    Part("failed_calls", (FAILED,), _failed_calls),
    Part("requests", (REQUESTS,), _requests),
    Part("notifications", (UNREAD,), _notifications),
    Part("second_copy", (COPIED,), _second_copy),
)
