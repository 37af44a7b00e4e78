"""The jobs as plain records: their assets with their config. Most are a command each (`_` for `-`).

No Dagster is imported: commands that only look read these. The jobs as Dagster's are asset_jobs.py's.
"""

from collections.abc import Collection, Sequence
from functools import cache
from typing import Any, TypeVar

from pydantic import BaseModel

from strava_pipeline.core.providers import spec_of
from strava_pipeline.core.systems import parts
from strava_pipeline.core.tables import DAY_VALUES, FILES, MADE_WITH_TRACKS, MATCH_TABLES, PROPOSED_CHANGES, QUARANTINE
from strava_pipeline.core.tables.days import DAYS, NIGHTS
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.providers_file import enabled_providers, gives_days, used_sources
from strava_pipeline.orchestrate.job_records import COPIES, MATCHING, Group, Job, JobYears, Selected

LISTING, DETAILS, STREAMS = "bronze_activities", "bronze_activity_details", "bronze_activity_streams"
FILE_BRONZE, FILE_READINGS = "bronze_files", "file_readings"
DAY_TABLES = (DAY_VALUES.name, DAYS.name, NIGHTS.name)
IMPORT_JOB, MERGE_FILES_JOB = "import_files", "merge_files"  # the verb `import`; the first one not by year
IMPORT_ALL_JOB = "import_and_merge"  # both in one run: what a person starts on the dashboard
PROFILE_JOB, NEW_GEAR_JOB = "profile", "new_gear"  # not by year
RECONCILE_JOB = "reconcile"
REGION_JOB, MAP_REGION = "fetch_region", "map_region"  # not by year; a person asks for it on the dashboard
STREAMS_JOB = "streams"
MATCH_JOB = "match"  # it runs as soon as a person has decided
APPLIED_CHANGES = "applied_changes"
EVENTS, EVENTS_JOB = "webhook_events", "events"
IMPORTS_RECEIVED, EVENTS_RECEIVED, STREAMS_RECEIVED, PROVIDERS_RECEIVED, PROVIDER_FILES_RECEIVED = (
    "imports",
    "events_received",
    "streams_received",
    "providers_received",
    "provider_files_received",
)  # made by no run: assets/imports.py
INSIGHTS = "insights"
APPLY_JOB = "apply_changes"
SOURCES_JOB = "backfill_sources"  # of Strava and all enabled providers at once
MONTH_JOB = "sync_month"  # the same for a month
PULL_JOB = "pull_services"  # of the enabled providers, without Strava
REBUILD_JOB = "rebuild"  # all years at once: it stands in asset_jobs.py

_PULL = (LISTING, "activity_shards")
_GOLD, _DETAIL_TABLES = Group("gold"), Group("details")
_DETAILS_OF_FILES = Group("details", but=(QUARANTINE.name,))  # where no detail is fetched, none can fail
EXPORTS = Group("exported", also=("exported_gold",))  # gold elsewhere, where EXPORT_URL is set
# what readers see, the year's numbers of it, and its copies elsewhere
_PUBLISH = "published_warehouse", INSIGHTS, EXPORTS, COPIES
_MERGE = (_GOLD, *_PUBLISH)
_ENRICH = (DETAILS, _DETAIL_TABLES, *_PUBLISH)
_IMPORT = (FILE_BRONZE, FILE_READINGS)
_MERGE_FILES: tuple[Selected, ...] = (
    FILES.name,
    "activity_shards",
    _GOLD,
    _DETAILS_OF_FILES,
    *MADE_WITH_TRACKS,
    *_PUBLISH,
)
_ALL = (*_PULL, _GOLD, *_ENRICH)


JOBS: dict[str, Job] = {
    job.name: job
    for job in (
        Job(
            "run",
            (*_PULL, COPIES),
            JobYears.RECENT,
            "Pull what is new, and the lookback window again.",
            {LISTING: {"mode": "incremental"}},
        ),
        Job(
            "run_lite",
            (*_PULL, COPIES),
            JobYears.RECENT,
            "Pull what is new, without a lookback.",
            {LISTING: {"mode": "lite"}},
        ),
        Job(
            "run_all", (*_PULL, COPIES), JobYears.ALL, "Pull everything, back to day zero.", {LISTING: {"mode": "all"}}
        ),
        Job("compact", _MERGE, JobYears.WITH_DATA, "Merge shards into gold and publish."),
        Job(
            "recompact",
            _MERGE,
            JobYears.WITH_DATA,
            "Merge all shards again, changed or not, and publish.",
            {"activities": {"force": True}},
        ),
        Job(
            "enrich",
            _ENRICH,
            JobYears.RECENT,
            "Fetch details of the recent window, also where there is one.",
            {DETAILS: {"scope": "window"}},
        ),
        Job(
            "enrich_all",
            _ENRICH,
            JobYears.WITH_DATA,
            "Fetch every detail that is missing or was edited.",
            {DETAILS: {"scope": "all"}},
        ),
        Job(
            "flow",
            _ALL,
            JobYears.RECENT,
            "The daily run: pull what is new, merge, fetch recent details, publish.",
            {LISTING: {"mode": "incremental"}, DETAILS: {"scope": "flow"}},
        ),
        Job(
            "flow_backfill",
            _ALL,
            JobYears.ALL,
            "Everything: pull all, merge, fetch every missing detail, publish.",
            {LISTING: {"mode": "all"}, DETAILS: {"scope": "all"}},
        ),
        Job(
            "refresh",
            (*_PULL, *_MERGE),
            JobYears.RECENT,
            "Pull what is new, merge, publish; no details.",
            {LISTING: {"mode": "incremental"}},
        ),
        Job(
            "backfill",
            _ALL,
            JobYears.CHOSEN,
            "Whole years, a few of them a run: their listing, their details, publish.",
            {LISTING: {"mode": "year"}, DETAILS: {"scope": "all"}},
        ),
        Job(
            RECONCILE_JOB,
            _ALL,
            JobYears.LAST_TWO,
            "A whole year compared with Strava: what was deleted, edited or uploaded late; details of what changed.",
            {LISTING: {"mode": "year"}, DETAILS: {"scope": "changed"}},
        ),
        Job(
            MATCH_JOB,
            (*MATCH_TABLES, PROPOSED_CHANGES.name, *_PUBLISH),
            JobYears.WITH_DATA,
            "Tell again which activities of several sources are one, and publish.",
        ),
        Job(
            APPLY_JOB,
            (APPLIED_CHANGES, "activity_shards", _GOLD, _DETAIL_TABLES, *MADE_WITH_TRACKS, *_PUBLISH),
            JobYears.ALL,
            "Write the changes that a person approved at their services, read them back, merge, publish.",
        ),
        Job(
            STREAMS_JOB,
            (STREAMS, *MADE_WITH_TRACKS, *_PUBLISH),
            JobYears.WITH_DATA,
            "Fetch streams of activities that lack a track, with calls to spare, make tracks of them, publish what these tell.",
        ),
        Job(
            EVENTS_JOB,
            (EVENTS, "activity_shards", _GOLD, _DETAIL_TABLES, *_PUBLISH),
            JobYears.ALL,
            "Follow webhook events: fetch what changed, mark what is gone, merge, publish.",
        ),
        Job(
            IMPORT_JOB,
            (*_IMPORT, COPIES),
            JobYears.NONE,
            "Take in archives and files: their bytes, and what is read out of them. Makes no call.",
        ),
        Job(
            MERGE_FILES_JOB,
            _MERGE_FILES,
            JobYears.WITH_DATA,
            "Merge what was imported: activities, details, tracks; publish. Makes no call.",
        ),
        Job(
            IMPORT_ALL_JOB,
            (*_IMPORT, *_MERGE_FILES),
            JobYears.ALL,
            "Take in files and archives, merge what was read out of them, publish: all in one run. Makes no call.",
        ),
        Job(PROFILE_JOB, (Group("profile"), COPIES), JobYears.NONE, "Fetch the athlete and all gear again."),
        Job(
            NEW_GEAR_JOB,
            ("gear", COPIES),
            JobYears.NONE,
            "Fetch gear that appeared.",
            {"gear": {"new_gear_only": True}},
        ),
        Job(
            REGION_JOB,
            (MAP_REGION,),
            JobYears.NONE,
            "Fetch streets of the map around home, as a person asked on the dashboard's page /maps.",
        ),
        *(job for system in parts("jobs") for job in system.JOBS),
    )
}


def provider_listing(provider: str) -> str:
    """The asset of a provider's listings."""
    return LISTING if spec_of(provider).unnamed else f"bronze_{provider}"


def provider_files(provider: str) -> str:
    """The asset of the files of a provider's activities."""
    return f"bronze_{provider}_files"


def provider_days(provider: str) -> str:
    """The asset of a provider's answers about days and nights."""
    return f"bronze_{provider}_wellness"


def own_assets(provider: str) -> tuple[str, str, str]:
    """The assets of a service's answers, as far as there are such answers: listings, files, days and nights."""
    return provider_listing(provider), provider_files(provider), provider_days(provider)


def pulled_as(provider: str, **config: Any) -> dict[str, dict[str, Any]]:
    """The config of the assets that a pull asks for by years: of listings, and of days and nights."""
    assets = [provider_listing(provider), *([provider_days(provider)] if "wellness" in spec_of(provider).kinds else [])]
    return dict.fromkeys(assets, config)


def provider_of(asset: str) -> str:
    """The provider whose listings, files or days an asset contains: the inverse of the functions above."""
    return asset.removeprefix("bronze_").removesuffix("_files").removesuffix("_wellness")


def gives_files(provider: str) -> bool:
    """Whether the provider has files of activities."""
    return "files" in spec_of(provider).capabilities


@cache
def provider_job(provider: str, *, has_days: bool = False) -> Job:
    """The job of a provider beside Strava, which has the provider's name. `has_days`: with days and nights."""
    return Job(
        provider,
        _pulled([provider], with_days=(provider,) if has_days else ()),
        JobYears.OF_PROVIDER,
        f"List activities of {spec_of(provider).title}: of the year, or, by its schedule, what is new. Merge, "
        f"{'fetch files that lack, ' if gives_files(provider) else ''}{'days and nights, ' if has_days else ''}publish.",
    )


def pull_job(providers: Sequence[str], with_days: Collection[str] = ()) -> Job:
    """The job that pulls several providers in one run: all listings, one merge, then the files of each."""
    return Job(
        PULL_JOB,
        _pulled(providers, with_days=with_days),
        JobYears.OF_PROVIDERS,
        "List activities of all enabled services besides Strava: of the years that are chosen, or what is new. Every listing, "
        "one merge, files that lack, publish.",
    )


def _pulled(
    providers: Sequence[str],
    details: tuple[str, ...] = (),
    below: tuple[Selected, ...] = (),
    *,
    with_days: Collection[str] = (),
) -> tuple[Selected, ...]:
    """Every listing, one merge, `details`, the files of each, and everything made from them (`below`, by default); publish."""
    days = (*map(provider_days, with_days), *DAY_TABLES) if with_days else ()
    files = tuple(map(provider_files, filter(gives_files, providers)))
    below = below or ((_DETAILS_OF_FILES, *MADE_WITH_TRACKS) if files else ())
    return (*map(provider_listing, providers), "activity_shards", _GOLD, *details, *files, *below, *days, *_PUBLISH)


def sends_webhooks(provider: str) -> bool:
    """Whether the provider sends events about changes."""
    return "webhooks" in spec_of(provider).capabilities


@cache
def events_job(provider: str) -> Job:
    """The job that follows the webhook deliveries of a source."""
    if "details" in spec_of(provider).capabilities:
        return JOBS[EVENTS_JOB]
    listing, title = provider_listing(provider), spec_of(provider).title
    return Job(
        f"{provider}_events",
        (listing, "activity_shards", _GOLD, *_PUBLISH),
        JobYears.ALL,  # what changed may be of any year
        f"Follow webhook deliveries of {title}: ask for what changed, mark what is gone, merge, publish.",
        {listing: {"mode": "events"}},
    )


def sources_job(sources: Sequence[str], with_days: Collection[str] = ()) -> Job:
    """The job that backfills a year of all these services in one run: all listings, then one merge."""
    details = (DETAILS,) if any("details" in spec_of(name).capabilities for name in sources) else ()
    return Job(
        SOURCES_JOB,
        _pulled(sources, details, (_DETAIL_TABLES, *MADE_WITH_TRACKS), with_days=with_days),
        JobYears.CHOSEN,
        "Whole years of all enabled services, a few of them a run: every listing, details, files, one merge, publish.",
        {LISTING: {"mode": "year"}, DETAILS: {"scope": "all"}} if details else {},
    )


def month_job(sources: Sequence[str]) -> Job:
    """The job that lists a month of all these services in one run, and proposes the differences.

    The month stands in one place, `months` of the matching: the listings follow it.
    """
    listings = [*map(provider_listing, sources)]
    return Job(
        MONTH_JOB,
        (*listings, "activity_shards", _GOLD, *_PUBLISH),
        JobYears.CHOSEN,
        "A month of all enabled services, in the run of its year; write it into `months` of `matching`, as 2026-10. Every "
        "listing, one merge, a proposal of every change that would make the services agree, publish.",
        {MATCHING: {"months": []}, **{asset: {"mode": "month"} for asset in listings}},
    )


def jobs_of(settings: Settings) -> dict[str, Job]:
    """All jobs by name, including those of the enabled providers."""
    providers = enabled_providers(settings)
    with_days = [name for name, choice in providers.items() if gives_days(name, choice)]
    of_providers = [provider_job(name, has_days=name in with_days) for name in providers]
    of_providers += [events_job(name) for name in providers if sends_webhooks(name)]
    if providers:
        used = used_sources(settings)
        of_providers += [sources_job(used, with_days), month_job(used)]
    if len(providers) > 1:
        of_providers.append(pull_job([*providers], with_days))
    return JOBS | {job.name: job for job in of_providers}


def job_as_set_up(settings: Settings, provider: str) -> Job:
    """The job of a provider with what providers.toml asks for, which may have changed since it was enabled."""
    return jobs_of(settings).get(provider) or provider_job(provider)


_BACKFILLS: dict[str, dict[str, Any]] = {
    LISTING: {"mode": "year"},
    DETAILS: {"scope": "all"},
    "activities": {"force": False},
}
ConfigT = TypeVar("ConfigT", bound=BaseModel)


def resolved(config: ConfigT, job_name: str, asset: str) -> ConfigT:
    """The config of an asset, with the job's own values for missing ones, so that an empty config is the job's.

    Runs outside our jobs (a materialisation or a backfill from the asset graph) get a backfill's.
    """
    own = JOBS[job_name].config.get(asset, {}) if job_name in JOBS else {}
    defaults = {**_BACKFILLS[asset], **own}
    unset = {name: value for name, value in defaults.items() if getattr(config, name) in (None, "job")}
    return config.model_copy(update=unset)


PULLING_JOBS = frozenset(
    name for name, job in JOBS.items() if LISTING in job.assets and name not in ("backfill", RECONCILE_JOB)
)
"""Jobs that list from the watermark or everything: two at once would list the same pages."""

STEP_JOBS = frozenset(
    name for name, job in JOBS.items() if LISTING in job.assets and "published_warehouse" not in job.assets
)
"""Jobs that end before gold."""
