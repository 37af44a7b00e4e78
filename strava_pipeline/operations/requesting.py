"""Whether a person's request can be carried out, before it is stored, and its years. Nothing is sent or written."""

from collections.abc import Collection
from datetime import datetime, timedelta
from importlib.util import find_spec
from pathlib import Path

from strava_pipeline.core.changes.states import approved, year_of
from strava_pipeline.core.errors import MisuseError, PipelineError
from strava_pipeline.core.sources import STRAVA
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.map_region import LACKING
from strava_pipeline.ingest.providers_file import enabled_providers, used_sources
from strava_pipeline.ingest.registry import missing_login
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.requests import (
    ApplyWanted,
    BackfillWanted,
    ImportWanted,
    MonthWanted,
    PullWanted,
    RegionWanted,
    Wanted,
)
from strava_pipeline.operations.changes.months import known_since
from strava_pipeline.operations.changes.proposing import states_now
from strava_pipeline.operations.years import year_range


def refuse_request(settings: Settings, wanted: Wanted, now: datetime) -> None:
    """Raise MisuseError if a run would have nothing to do, or could not do it."""
    match wanted:
        case PullWanted(provider=name):
            _refuse_service(settings, name)
        case MonthWanted(month=month):
            if month > f"{now + timedelta(hours=14):%Y-%m}":  # the zone that is furthest ahead of UTC
                raise MisuseError(f"{month} has not begun.")
            if month < (first := f"{settings.first_year:04}-01") and not _is_known(settings, month):
                raise MisuseError(f"{month} lies before all years: they begin with {first} (STRAVA_FIRST_YEAR).")
            _refuse_nobody(settings)
        case BackfillWanted(year=year):
            years = year_range(settings.first_year, now)
            if year not in years.all:
                raise MisuseError(
                    f"{year} has no partition: years go from {years.all[0]} (STRAVA_FIRST_YEAR) to {years.newest}."
                )
            _refuse_nobody(settings)
        case ApplyWanted(ids=ids):
            years_of_approved(settings, ids, now)
        case ImportWanted(names=names):
            paths_of_import(Lake(settings.data_dir), names)
        case RegionWanted() if find_spec("pmtiles") is None:
            raise MisuseError(LACKING)


def _is_known(settings: Settings, month: str) -> bool:
    """Whether an activity of this month or an earlier one is published."""
    try:
        return month >= known_since(settings)
    except PipelineError:  # nothing usable is
        return False


def _refuse_service(settings: Settings, name: str) -> None:
    enabled = [STRAVA, *enabled_providers(settings)]
    if name not in enabled:
        raise MisuseError(f"No service of that name is enabled. Enabled: {', '.join(enabled)}.")
    if (reason := missing_login(name, settings)) is not None:
        raise MisuseError(reason)


def _refuse_nobody(settings: Settings) -> None:
    """Raise MisuseError if there is no service to ask."""
    reasons = [missing_login(name, settings) for name in used_sources(settings)]
    if not reasons:
        raise MisuseError("There is no service to ask yet: `strava-pipeline start` logs in to one.")
    if all(reasons):
        raise MisuseError(" ".join(filter(None, reasons)))


def years_of_approved(settings: Settings, ids: Collection[str], now: datetime) -> list[int]:
    """The partitions of the approved changes, or of those among `ids`. Raises MisuseError if none of them is approved."""
    years = year_range(settings.first_year, now)
    states = states_now(Lake(settings.data_dir), settings, now)
    if others := [key for key in ids if key not in states or states[key].state != "approved"]:
        raise MisuseError(f"Not approved, so not written: {', '.join(others)}.")
    chosen = approved(states, ids, years.all, years)
    if not chosen:
        raise MisuseError("Nothing is approved.")
    return sorted({year_of(state.change, years) or years.newest for state in chosen})


def paths_of_import(lake: Lake, names: Collection[str]) -> list[Path]:
    """The files and folders in data/inbox/files to import; all without names. Raises MisuseError."""
    folder = lake.inbox_files
    there = {path.name: path for path in folder.iterdir() if path.name[0] != "."} if folder.is_dir() else {}
    if unknown := [name for name in names if name not in there]:
        raise MisuseError(f"{len(unknown)} of the names are of nothing in {folder}.")
    if not there:
        raise MisuseError(f"There is nothing in {folder}.")
    return sorted(there[name] for name in names or there)
