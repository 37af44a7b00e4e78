"""Every fact that is known without Dagster, in groups, each read by itself. Makes no call.

`status`, the page of services, `/api/status` and the metrics show them all, the first page and `doctor` some. A group
is a function of the settings and the time that yields facts; an error of it becomes a fact, too.
"""

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, suppress
from datetime import datetime
from typing import Any, get_args

from strava_pipeline.core.errors import NothingPublishedError, PipelineError
from strava_pipeline.core.facts import Fact, Measure, ok, problem, skipped, warning
from strava_pipeline.core.systems import parts
from strava_pipeline.core.text import at_minute, counted, counts_that_matter
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.failed_calls import KINDS, failed_calls
from strava_pipeline.lake.changes import has_changes
from strava_pipeline.lake.copied import COPY, copy_health, known_copy
from strava_pipeline.lake.gold.publish import current_snapshot
from strava_pipeline.lake.notifications import DEVICES, Category, notifications
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.requests import latest_requests
from strava_pipeline.operations import published_facts, source_facts

Group = Callable[[Settings, datetime], Iterable[Fact]]
FAILED = Measure(
    "failed_calls", "counter", "Calls without a good answer so far, those that were tried again too", ("source", "kind")
)
REQUESTS = Measure("requests", "gauge", "Requests made in the dashboard that have not ended", ("status",))
UNREAD = Measure("notifications_unread", "gauge", "Notifications that nobody has read", ("level",))
COPIED = Measure("second_copy_timestamp_seconds", "gauge", "When the second copy was last brought up to date")
_ALL = 100_000  # requests: those of two weeks, which a person pressed
_MOST_FAILURES = 3


def facts(settings: Settings, now: datetime, names: Iterable[str] | None = None) -> list[Fact]:
    """The facts of these groups, or of all. They share one opening of the snapshot, which costs 20 ms of CPU."""
    wanted = all_groups() if names is None else {name: GROUPS[name] for name in names}
    with ExitStack() as held:
        with suppress(PipelineError):  # a group that needs it says why
            held.enter_context(current_snapshot(Lake(settings.data_dir)))
        return [fact for name, group in wanted.items() for fact in looked_at(name, lambda: group(settings, now))]  # noqa: B023


def looked_at(name: str, look: Callable[[], Fact | Iterable[Fact]]) -> list[Fact]:
    """The result of `look`. A failure becomes a fact; a foreign error's text is not shown, as it could contain anything."""
    found: list[Fact] = []
    try:
        seen = look()
        for fact in [seen] if isinstance(seen, Fact) else seen:
            found.append(fact)
    except NothingPublishedError:
        found.append(skipped(name, "nothing is published yet"))
    except Exception as error:  # noqa: BLE001 - reported as a fact; one broken look must not hide the others
        why = str(error) if isinstance(error, PipelineError) else f"looking at it failed: {type(error).__name__}"
        if isinstance(error, OSError) and error.filename:
            why += f", {error.filename}: {error.strerror}"
        found.append(problem(name, why, "Look at what it names; all other lines hold."))
    return found


def _failed_calls(settings: Settings, now: datetime) -> Iterator[Fact]:
    for source, counts in failed_calls(settings).items():
        kinds = counts_that_matter({words: counts[kind] for kind, words in KINDS.items()})
        values = {"by_kind": [FAILED(count, source, kind) for kind, count in counts.items()]}
        yield ok("failed calls", kinds, of=source, values=values)


def _requests(settings: Settings, now: datetime) -> Iterator[Fact]:
    counts = Counter[str](each.status for each in latest_requests(Lake(settings.data_dir), now, _ALL))
    values = {"open": [REQUESTS(counts[status], status) for status in ("waiting", "running")]}
    yield ok("requests", counts_that_matter({each: counts[each] for each in ("waiting", "running")}), values=values)


def _notifications(settings: Settings, now: datetime) -> Iterator[Fact]:
    unread = [each for each in notifications(Lake(settings.data_dir)) if not each.read]
    counts = Counter(each.category for each in unread)
    values = {"unread": [UNREAD(counts[level], level) for level in get_args(Category)], "errors": counts["error"]}
    yield ok("notifications", counts_that_matter({"unread": len(unread)}), values=values)
    for each in unread:
        if each.link == DEVICES:
            yield warning("devices", each.message, "strava-pipeline devices", page="/notifications")
    failures = [each.message for each in unread if each.category == "error"]
    rest = [f"{counted(len(failures) - _MOST_FAILURES, 'more failure')}"] if len(failures) > _MOST_FAILURES else []
    for text in [*dict.fromkeys(failures[:_MOST_FAILURES]), *rest]:
        yield warning("notifications", text, "strava-pipeline notifications list", page="/notifications")


def _left_settings(settings: Settings, now: datetime) -> Iterator[Fact]:
    for setting in settings.left:
        yield warning("settings", f"{setting}.", "Take it out of the environment, .env or /run/secrets.")


def _second_copy(settings: Settings, now: datetime) -> Iterator[Fact]:
    lake, known = Lake(settings.data_dir), known_copy(Lake(settings.data_dir))
    if known is not None:
        yield ok(COPY, f"in {known.where}", values={"at": COPIED(known.at)})
    yield from copy_health(lake, now, settings.copy_place)


def _retention(settings: Settings, now: datetime) -> Iterator[Fact]:
    if settings.api_keep_days is None:
        return
    from strava_pipeline.operations.retention import retention  # what lets expire imports whatever makes tables

    kept = retention(Lake(settings.data_dir), settings.api_keep_days, now)
    values = {"due": kept.due, "staying": kept.staying, "expired": kept.expired, "not_before": kept.not_before}
    when = f" from {at_minute(kept.not_before)} on" if kept.not_before else ""
    text = (
        f"what Strava's API told leaves after {counted(kept.days, 'day')}: {counted(kept.expired, 'activity')} so far, "
    )
    text += f"{kept.due} with a coming run{when}, of which {kept.staying} stay with what others say"
    yield ok("retention", text, values=values)


def _changes(settings: Settings, now: datetime) -> Iterator[Fact]:
    lake = Lake(settings.data_dir)
    if not has_changes(lake):
        return
    from strava_pipeline.operations.changes.proposing import left_out_now, states_now  # only for comparisons

    counts = Counter[str](state.state for state in states_now(lake, settings, now).values())
    left_out = left_out_now(lake)
    values: dict[str, Any] = {**counts, "left_out": left_out}
    if counts["proposed"]:
        more = f", and {left_out} more when these are decided" if left_out else ""
        text = f"{counted(counts['proposed'], 'change')} to decide about{more}"
        yield warning("changes", text, "strava-pipeline changes list", values=values, page="/sync")
    if counts["approved"]:
        text = f"{counted(counts['approved'], 'change')} approved, and not yet written"
        yield warning("changes", text, "strava-pipeline changes apply", values=values, page="/sync")
    if not counts["proposed"] and not counts["approved"]:
        yield ok("changes", "none waits", values=values)


def measures_of(*modules: Any) -> list[Measure]:
    """The measures that modules of facts declare for Prometheus, as constants."""
    return [each for module in modules for each in vars(module).values() if isinstance(each, Measure)]


MEASURES = measures_of(published_facts, source_facts, sys.modules[__name__])
GROUPS: dict[str, Group] = {
    "left_settings": _left_settings,
    "published": published_facts.published,
    "imports": published_facts.imported,
    "services": source_facts.source_facts,
    "changes": _changes,
    "failed_calls": _failed_calls,
    "requests": _requests,
    "notifications": _notifications,
    "second_copy": _second_copy,
    "retention": _retention,
}


def all_groups() -> dict[str, Group]:
    """The groups, those of systems last."""
    return {**GROUPS, **{name: group for each in parts("facts") for name, group in each.GROUPS.items()}}
