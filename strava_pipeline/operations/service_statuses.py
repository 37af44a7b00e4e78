"""How every service stands, Strava among them, as the dashboard shows it. Nothing here makes a call.

What is kept here of the services beside Strava is provider_access.py's, of Strava strava_access.py's.
"""

from dataclasses import asdict
from datetime import datetime
from typing import Any, Literal

from strava_pipeline.core.providers import spec_of
from strava_pipeline.core.sources import STRAVA
from strava_pipeline.ingest.providers_file import enabled_providers
from strava_pipeline.lake.bronze.comparisons import compared_years
from strava_pipeline.lake.bronze.listings import listings
from strava_pipeline.lake.gold.quality import published_activities
from strava_pipeline.lake.gold.quarantine import failing_now, unreadable_rows
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.providers import last_allowance
from strava_pipeline.operations.provider_access import ProviderStatus, Pull, provider_statuses
from strava_pipeline.operations.strava_access import has_login, login_problem, remaining_calls
from strava_pipeline.operations.years import year_range
from strava_pipeline.settings import Settings


def service_statuses(settings: Settings, now: datetime) -> dict[str, dict[str, Any]]:
    """The status of Strava, where it is used, and of each enabled service, by name, each with its `limits` of calls.

    Raises UnusableProvidersError.
    """
    lake, others = Lake(settings.data_dir), enabled_providers(settings)
    published = published_activities(lake, [STRAVA, *others])
    found: dict[str, dict[str, Any]] = {}
    if is_strava_used(settings, others):
        found[STRAVA] = _of_strava(settings, lake, published)
    statuses = provider_statuses(settings, now, published)
    return found | {name: {**asdict(one), "limits": _limits(lake, name, now)} for name, one in statuses.items()}


def is_strava_used(settings: Settings, others: object) -> bool:
    """Whether Strava is one of the services: it is set up, or something of it is here, or there is no other one (`others`)."""
    if settings.client_id is not None or not others or has_login(settings):
        return True
    return any(True for _ in listings(Lake(settings.data_dir)))


def _of_strava(settings: Settings, lake: Lake, published: dict[str, int] | None) -> dict[str, Any]:
    remaining = remaining_calls(settings)
    full = remaining.governing if remaining.governing.left <= 0 else None
    limit: Literal["short_term", "long_term"] = (
        "short_term" if remaining.governing.ceiling.window == "15min" else "long_term"
    )
    status = ProviderStatus(
        title=spec_of(STRAVA).title,
        login_problem=login_problem(settings),
        operation=None,
        at=None,
        success=None,
        message=None,
        rate_limit=limit if full else None,
        rate_limit_ends_at=full.resets_at if full else None,
        last_pull=_last_pull(lake),
        compared_at=compared_years(lake, year_range(settings.first_year)),
        activities=None if published is None else published[STRAVA],
        unreadable_rows=sum(row.source == STRAVA for row in unreadable_rows(lake)),
        quarantined=sum(each.source == STRAVA and each.files.is_quarantined for each, _ in failing_now(lake)),
        withheld=0,
        withheld_advice="",
        webhooks=None,
    )
    limits = {
        str(each.ceiling): {"limit": each.limit, "used": each.used, "left": each.left, "resets_at": each.resets_at}
        for each in remaining.ceilings
    }
    return {**asdict(status), "limits": limits}


def _limits(lake: Lake, name: str, now: datetime) -> dict[str, dict[str, Any]]:
    """What the service said last of its limit, while that holds; empty: it says nothing, or the limit has started again since."""
    said = last_allowance(lake, name)
    if said is None or said.resets_at is None or said.resets_at <= now:
        return {}
    used = max(said.limit - said.left, 0)
    return {"calls": {"limit": said.limit, "used": used, "left": said.left, "resets_at": said.resets_at}}


def _last_pull(lake: Lake) -> Pull | None:
    every = (listing.manifest for listing in listings(lake, newest_first=True))
    last = next((manifest for manifest in every if not manifest.window.names_single_activities), None)
    return None if last is None else Pull(last.fetched_at, last.window.mode, last.complete, last.rows, last.unreadable)
