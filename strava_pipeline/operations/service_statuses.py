"""How every service stands, Strava among them, as the dashboard shows it. Nothing here makes a call.

What is kept here of the services is provider_access.py's. Strava's limits are its budget's.
"""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from strava_pipeline.core.providers import spec_of
from strava_pipeline.core.sources import STRAVA
from strava_pipeline.ingest import registry
from strava_pipeline.ingest.clock import system_clock
from strava_pipeline.ingest.providers_file import enabled_in_file
from strava_pipeline.lake.gold.publish import published_at
from strava_pipeline.lake.notifications import notifications
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.providers import last_allowance
from strava_pipeline.operations.provider_access import provider_statuses
from strava_pipeline.operations.used import is_strava_used
from strava_pipeline.settings import Settings


def service_statuses(settings: Settings, now: datetime) -> dict[str, dict[str, Any]]:
    """The status of Strava, where it is used, and of each enabled service, by name, each with its `limits` of calls.

    Raises UnusableProvidersError.
    """
    lake, others = Lake(settings.data_dir), enabled_in_file(settings)
    names = [*([STRAVA] if is_strava_used(settings) else []), *others]
    statuses = provider_statuses(settings, now, names)
    return {
        name: asdict(one)
        | (_budget(name, settings) if "budget" in spec_of(name).capabilities else _limits(lake, name, now))
        for name, one in statuses.items()
    }


def services_overseen(settings: Settings, now: datetime) -> dict[str, Any]:
    """What an admin of several athletes sees of one: sources, their calls, and when anything last came. No word of activities.

    Each value is named here, since what else is known of a service may tell where somebody was. Raises UnusableProvidersError.
    """
    lake, found = Lake(settings.data_dir), service_statuses(settings, now)
    services = {
        name: {
            "title": one["title"],
            "needs_login": one["login_problem"] is not None,
            "last_pull": one["last_pull"] and one["last_pull"]["at"],
            "limits": one["limits"],
        }
        for name, one in found.items()
    }
    return {
        "services": services,
        "not_enabled": [spec_of(name).title for name in registry.sources() if name not in found],
        "published_at": published_at(lake),
        "failures": sum(each.category == "error" and not each.read for each in notifications(lake)),
    }


def _budget(name: str, settings: Settings) -> dict[str, Any]:
    """What the status says of limits that are all known by a budget."""
    remaining = registry.budget(name, settings, system_clock(settings)).remaining()
    full = remaining.governing if remaining.governing.left <= 0 else None
    limits = {
        str(each.ceiling): {"limit": each.limit, "used": each.used, "left": each.left, "resets_at": each.resets_at}
        for each in remaining.ceilings
    }
    in_force = None if full is None else "short_term" if full.ceiling.window == "15min" else "long_term"
    return {"rate_limit": in_force, "rate_limit_ends_at": full and full.resets_at, "limits": limits}


def _limits(lake: Lake, name: str, now: datetime) -> dict[str, Any]:
    """What the service said last of its limit, while that holds; empty: it says nothing, or the limit has started again since."""
    said = last_allowance(lake, name)
    if said is None or said.resets_at is None or said.resets_at <= now:
        return {"limits": {}}
    used = max(said.limit - said.left, 0)
    return {"limits": {"calls": {"limit": said.limit, "used": used, "left": said.left, "resets_at": said.resets_at}}}
