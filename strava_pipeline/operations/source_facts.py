"""The state of each used source: its login, listings, limits, failures, withheld activities. Makes no call."""

from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any

from strava_pipeline.core.errors import NothingPublishedError, PipelineError, UnusableSnapshotError
from strava_pipeline.core.facts import Fact, Measure, State, ok, problem, skipped, warning
from strava_pipeline.core.providers import ProviderSpec, spec_of
from strava_pipeline.core.sources import STRAVA, UnusableSourceError, refused_sources
from strava_pipeline.core.text import at_minute, counted, counts_that_matter
from strava_pipeline.core.years import years_by_day
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest import registry
from strava_pipeline.ingest.clock import system_clock
from strava_pipeline.ingest.providers_file import enabled_in_file, providers_file
from strava_pipeline.lake.bronze.comparisons import compared_years
from strava_pipeline.lake.bronze.deliveries import deliveries_of
from strava_pipeline.lake.bronze.listings import last_pull, listings, withheld_ids
from strava_pipeline.lake.gold.publish import current_snapshot
from strava_pipeline.lake.gold.quality import rows_of_source
from strava_pipeline.lake.gold.quarantine import FailingActivity, failing_now, unreadable_rows
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.providers import last_allowance, last_outcomes, limited_until, paused_until
from strava_pipeline.operations.provider_access import rest_in_words, resting_kind
from strava_pipeline.operations.used import is_strava_set_up, is_strava_used
from strava_pipeline.operations.years import year_range

PROVIDERS = "providers"
_MODES = {
    "all": "everything",
    "year": "of a year",
    "month": "of a month",
    "incremental": "what is new",
    "feed": "what changed",
}
_SOURCE, _LIMIT = ("source",), ("source", "limit")
LEFT = Measure("calls_left", "gauge", "Calls that a limit of the service still allows in its present window", _LIMIT)
LIMIT = Measure("calls_limit", "gauge", "Calls that a limit of the service allows in a window", _LIMIT)
RESETS = Measure(
    "calls_reset_timestamp_seconds", "gauge", "When the present window of a limit of the service ends", _LIMIT
)
USABLE = Measure(
    "login_usable", "gauge", "Whether the login of the service is here, as far as can be told without a call", _SOURCE
)
SUCCESS = Measure(
    "source_success_timestamp_seconds",
    "gauge",
    "When the service last answered with everything that was asked for",
    _SOURCE,
)
QUARANTINED = Measure(
    "quarantined_activities", "gauge", "Activities whose detail or file failed three times in a row", _SOURCE
)
UNREADABLE = Measure("unreadable_rows", "gauge", "Rows of the service's lists that can't be read", _SOURCE)
EVENTS_WAITING = Measure("webhook_events_waiting", "gauge", "Webhook events that no run has followed yet", _SOURCE)
EVENTS = Measure(
    "webhook_events", "counter", "Webhook events so far: accepted, refused, or given up", ("source", "outcome")
)


def source_facts(settings: Settings, now: datetime) -> Iterator[Fact]:
    """The facts of Strava, if used, and of each enabled source; of providers.toml if it can't be used.

    Raises UnusableProvidersError.
    """
    lake = Lake(settings.data_dir)
    yield from _not_used(lake)
    others = enabled_in_file(settings)
    yield from _enabled(settings, others)
    names = [*([STRAVA] if is_strava_used(settings) else []), *others]
    unreadable = Counter(row.source for row in unreadable_rows(lake))
    held = [each for each, _ in failing_now(lake) if each.files.is_quarantined]
    for name in names:
        try:
            spec = spec_of(name)
        except UnusableSourceError as error:
            yield problem(
                "login", str(error), f"Correct or remove it; else take it out of {settings.providers_config}.", of=name
            )
            continue
        # archives and files alone need no login, nor do the services of the demo, which are gone
        needs_none = settings.is_demo_alone or (name == STRAVA and not is_strava_set_up(settings))
        yield from _login(settings, spec, now, needs_none=needs_none)
        if needs_none and last_pull(lake) is None:
            continue
        yield from _lists(settings, lake, spec)
        limits = _limits(settings, lake, name, now)
        yield from limits
        yield from _steps(settings, lake, spec, limits, now)
        yield from _events(lake, name)
        if withheld := len(withheld_ids(lake, name)):
            text = f"{counted(withheld, 'activity')} withheld by {spec.title}. {spec.withheld}".rstrip()
            yield ok("withheld", text, of=name, values={"activities": withheld})
        yield _quarantine(name, [each for each in held if each.source == name], unreadable[name])


def _login(settings: Settings, spec: ProviderSpec, now: datetime, *, needs_none: bool) -> Iterator[Fact]:
    name, own = spec.name, registry.login_facts(spec.name, settings)
    missing, login = registry.missing_login(name, settings), registry.kept_login(name, settings)
    values: dict[str, Any] = {"usable": USABLE(missing is None, name)}
    if login is not None:
        values |= {"way": login.way, "ends_on": login.ends_on}
    if needs_none:
        found = [skipped("login", missing or "there")]
    elif own:
        found = [*own]
    elif login is not None and (ending := login.warning(spec.title, now.date())) is not None:
        found = [warning("login", ending, login.renewal)]
    else:
        words = [login.described if login is not None else "there", *registry.assumptions(name, settings)]
        found = [ok("login", "; ".join(dict.fromkeys(words)))]
    if missing is not None and all(fact.state is State.OK for fact in found):
        found = [problem("login", missing, "Without a login nothing is pulled; what is here stays.")]
    yield replace(found[0], of=name, values={**found[0].values, **values})
    yield from (replace(each, of=name) for each in found[1:])


def _lists(settings: Settings, lake: Lake, spec: ProviderSpec) -> Iterator[Fact]:
    name, pull, step = spec.name, last_pull(lake, spec.name), last_outcomes(lake, spec.name).get("listing")
    if pull is None:
        yield skipped("pull", "nothing was pulled yet", of=name)
        return
    complete = (each.manifest for each in listings(lake, name, newest_first=True))
    listed = next((manifest.fetched_at for manifest in complete if manifest.complete), None)
    success = max(filter(None, (listed, step.at if step is not None and step.succeeded else None)), default=None)
    ending = "" if pull.complete else ", it broke off, and the next pull goes on"
    what = _MODES.get(pull.window.mode, pull.window.mode)
    older = f"; older pages are as of {at_minute(pull.as_of)}" if pull.as_of is not None else ""
    yield ok(
        "pull",
        f"{at_minute(pull.fetched_at)}, {what}, {counted(pull.rows, 'row')}{ending}{older}",
        of=name,
        values={
            "at": pull.fetched_at,
            "mode": pull.window.mode,
            "complete": pull.complete,
            "rows": pull.rows,
            "as_of": pull.as_of,
            "success_at": SUCCESS(success, name),
        },
    )
    if compared := compared_years(lake, year_range(settings.first_year), name):
        yield ok("compared", f"with all that it has: {years_by_day(compared)}", of=name, values={"at": compared})
    with suppress(NothingPublishedError, UnusableSnapshotError), current_snapshot(lake) as connection:
        published = sum(rows_of_source(connection, name).values())
        yield ok("published", counted(published, "row"), of=name, values={"rows": published})


def _steps(settings: Settings, lake: Lake, spec: ProviderSpec, limits: list[Fact], now: datetime) -> Iterator[Fact]:
    """How its last steps ended, and the limit that keeps the next ones waiting. A step that a limit stopped has not failed."""
    used_up = [fact.values["resets_at"].value for fact in limits if fact.values["left"].value <= 0]
    long = max(filter(None, [limited_until(lake, spec.name), *used_up]), default=None)
    for until, then in ((long, "a later run goes on"), (paused_until(lake, spec.name), "a run waits for it")):
        if until is not None and until > now:
            text = f"{spec.title} lets no more calls through until {at_minute(until)}; {then}"
            yield ok("limited", text, of=spec.name, values={"until": until})
            return
    for operation, step in last_outcomes(lake, spec.name).items():
        values = {"at": step.at, "succeeded": step.succeeded, "limited_until": step.limited_until}
        if step.succeeded or step.limited_until is not None:
            ending = "succeeded" if step.succeeded else "stopped by a limit"
            text = f"{ending} {at_minute(step.at)}" + (f"; {step.message}" if step.succeeded and step.message else "")
            yield ok(operation, text, of=spec.name, values=values)
        else:
            text = f"failed {at_minute(step.at)}: {step.message}"
            then = "No run goes on before you log in." if step.needs_login else "The next run goes on there."
            refused = resting_kind(settings, spec.name, "wellness", now) if operation == "wellness" else None
            advice = rest_in_words(spec.name, refused) if refused else f"What came before is kept. {then}"
            yield warning(operation, text, advice, of=spec.name, values=values)


def _limits(settings: Settings, lake: Lake, name: str, now: datetime) -> list[Fact]:
    """The calls that are left: of a budget, or by the service's last statement while that is valid."""
    if "budget" in spec_of(name).capabilities:
        remaining = registry.budget(name, settings, system_clock(settings)).remaining()
        found = [(str(each.ceiling), each.limit, each.left, each.resets_at) for each in remaining.ceilings]
    elif (said := last_allowance(lake, name)) is not None and said.resets_at is not None and said.resets_at > now:
        found = [("calls", said.limit, said.left, said.resets_at)]
    else:
        found = []
    return [
        ok(
            f"limit: {limit}",
            f"{left:,} of {most:,} {limit} left until {at_minute(resets_at)}",
            of=name,
            values={
                "left": LEFT(left, name, limit),
                "limit": LIMIT(most, name, limit),
                "resets_at": RESETS(resets_at, name, limit),
            },
        )
        for limit, most, left, resets_at in found
    ]


def _events(lake: Lake, name: str) -> Iterator[Fact]:
    if (found := deliveries_of(lake, name)) is None:
        return
    refused = "".join(f", {count} refused ({why})" for why, count in sorted(found.refused.items()))
    given_up = f", {found.given_up} left to the next listing" if found.given_up else ""
    waiting = (
        f"; {found.unread} unread, {counted(found.waiting, 'activity')} waiting" if found.unread + found.waiting else ""
    )
    yield ok(
        "events",
        f"{counted(found.accepted, 'event')}{refused}{given_up}{waiting}",
        of=name,
        values={
            "waiting": EVENTS_WAITING(found.unread + found.waiting, name),
            "events": [
                EVENTS(found.accepted, name, "accepted"),
                EVENTS(sum(found.refused.values()), name, "refused"),
                EVENTS(found.given_up, name, "given_up"),
            ],
        },
    )


def _quarantine(name: str, held: list[FailingActivity], rows: int) -> Fact:
    asked = [each.files.first_failed_at for each in held if not each.dropped_at and each.files.first_failed_at]
    dropped = len(held) - len(asked)
    values = {
        "activities": len(asked),
        "held": QUARANTINED(len(held), name),
        "since": min(asked, default=None),
        "dropped": dropped,
        "unreadable_rows": UNREADABLE(rows, name),
    }
    since = f" since {at_minute(min(asked))}" if asked else ""
    parts = {
        f"of its activities failing each time{since}": len(asked),
        "given up by you": dropped,
        "of its rows that can't be read": rows,
    }
    text = counts_that_matter(parts)
    if not asked and not rows:
        return ok("quarantine", text, of=name, values=values)
    return warning("quarantine", text, "strava-pipeline quarantine list", of=name, values=values)


def _not_used(lake: Lake) -> Iterator[Fact]:
    """Sources that other packages bring in vain, and those of another version whose data are here."""
    for error in refused_sources():
        yield problem(PROVIDERS, str(error), "The others are used.")
    for name in lake.listed_sources[1:]:
        try:
            spec_of(name)
        except PipelineError as error:
            yield problem(PROVIDERS, str(error), f"No run works until then: {lake.providers / name}", of=name)


def _enabled(settings: Settings, enabled: Collection[str]) -> Iterator[Fact]:
    """The sources that providers.toml enables, and its lines without effect."""
    path = settings.providers_config
    if unread := providers_file(path).without_effect():
        text = f"keys of {path} without effect: {'; '.join(unread)}"
        yield warning(PROVIDERS, text, "Take them out, or correct them.")
    none = "none besides Strava" if is_strava_used(settings) else "none"
    yield ok(PROVIDERS, f"enabled: {', '.join(enabled)}" if enabled else f"{none}; `strava-pipeline start` adds one")
