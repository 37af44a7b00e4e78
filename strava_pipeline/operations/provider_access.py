"""The local records about enabled providers other than Strava: the login, the newest listing, how the last step ended.

For `status`, `doctor`, `plan` and `purge`. Nothing here makes a call. The calls of a run are providers.py's.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from math import ceil, inf

from strava_pipeline.core.errors import LimitReachedError, NeedsLoginError, PipelineError
from strava_pipeline.core.providers import NEVER_FIRST, Kind, spec_of
from strava_pipeline.core.sources import UnusableSourceError
from strava_pipeline.core.text import at_minute
from strava_pipeline.core.years import years_of_runs
from strava_pipeline.environment.settings import Settings, env_file
from strava_pipeline.ingest.providers_file import chosen_priorities, enabled_in_file, enabled_providers
from strava_pipeline.ingest.registry import kept_login, missing_login, offered, provider_names
from strava_pipeline.ingest.service_tables import seal_of_file
from strava_pipeline.lake.bronze.listings import is_by_start, listings, newest_watermark
from strava_pipeline.lake.gold.fetch_selection import WantedFile, wanted_files
from strava_pipeline.lake.gold.quality import rows_of_source
from strava_pipeline.lake.gold.warehouse import read_if_usable, reading
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.providers import Outcome, Refusal, keep_outcome, limited_until, refusal
from strava_pipeline.operations.pulling import Stopped
from strava_pipeline.operations.run_context import RunContext


@dataclass(frozen=True, slots=True)
class PossibleProvider:
    """A provider that this version knows, enabled or not.

    Args:
        enabled: by `providers.toml`.
        login_problem: why the provider can't be asked, for a person; None: its login is there. Nothing was asked.
        priority: whose name and gear count where several services have an activity: the lowest number that gives any. Strava
            has 3.
        capabilities, kinds: what the service gives besides the list of activities, to the login that is here.
        edits: the fields that approved changes can change at the service.
    """

    title: str
    enabled: bool
    login_problem: str | None
    priority: int
    capabilities: list[str]
    edits: list[str]
    kinds: list[str]


def possible_providers(settings: Settings) -> dict[str, PossibleProvider]:
    """Every provider besides Strava that this version knows, by name. Nothing is sent."""
    enabled, chosen = enabled_in_file(settings), chosen_priorities(settings.providers_config)
    found = {}
    for name in provider_names():
        try:
            spec = offered(name, settings)
        except UnusableSourceError as error:
            found[name] = PossibleProvider(name, name in enabled, str(error), chosen.get(name, NEVER_FIRST), [], [], [])
            continue
        missing, rank = missing_login(name, settings), chosen.get(name, spec.priority)
        given: list[list[str]] = [sorted(spec.capabilities), sorted(spec.edits), sorted(spec.kinds)]
        found[name] = PossibleProvider(spec.title, name in enabled, missing, rank, *given)
    return found


@dataclass(frozen=True, slots=True)
class ProviderPlan:
    """The minimum number of calls for listing some years of a provider.

    Args:
        listing_calls: for listing the years, with their days and nights where these are wanted. They count against no limit
            of Strava's.
        files_calls: for the files that are known to be missing, where `auto_files` is on.
        is_known: all of the provider's activities were listed before; false: these are the fewest calls possible.
        quiet_day_calls: what a daily run takes where nothing is new.
    """

    title: str
    listing_calls: int
    files_calls: int
    is_known: bool
    quiet_day_calls: int


def plan_providers(run: RunContext, settings: Settings, years: Sequence[int]) -> dict[str, ProviderPlan]:
    """The plan of each enabled provider, by name. Their calls count against no limit of Strava's."""
    found = {}
    for name, choice in enabled_providers(settings).items():
        rows: dict[int, int] = {}
        if run.lake.working.exists():
            with reading(run.lake) as connection:
                rows = rows_of_source(connection, name)
        spec = offered(name, settings)
        # Without a list by year, one of everything serves the runs of all years.
        listed = years_of_runs(years) if is_by_start(name) else [list(rows)]
        counts = [sum(rows.get(year, 0) for year in several) for several in listed]
        size = min(settings.per_page, spec.rows_a_call) if spec.paged else inf
        calls = 0 if "whole" in spec.capabilities else sum(max(1, ceil(count / size)) for count in counts)
        of_week, of_year = spec.days_calls if choice.wellness and "wellness" in spec.kinds else (0, 0)
        is_known = newest_watermark(run.lake, name) is not None
        files = len(lacking_files(run.lake, name, years, run.now())) if choice.auto_files else 0
        calls, quiet = calls + of_year * len(years), spec.quiet_day_calls + of_week
        found[name] = ProviderPlan(spec.title, calls, files, is_known, quiet)
    return found


def lacking_files(lake: Lake, provider: str, years: Sequence[int], now: datetime) -> list[WantedFile]:
    """The activities whose file can be fetched now, after a limit or a failure prevented it before."""
    newest = next(listings(lake, provider, newest_first=True), None)
    if newest is None or "files" not in spec_of(provider).capabilities:
        return []
    account = newest.manifest.account
    wanted = read_if_usable(lake, lambda _: wanted_files(lake, provider, account, years)) or []
    return [activity for activity in wanted if not activity.is_resting(now)]


def pulled_providers(lake: Lake) -> list[str]:
    """The titles of the providers other than Strava with any data here."""
    return [spec_of(name).title for name in provider_names() if (lake.providers / name).exists()]


class Ending:
    """How a step ends, for its outcome. `stopped`: the limit that ended it; `problem`: unfinished work; `without`: what lacks."""

    stopped: Stopped | None = None
    problem: str = ""
    without: str = ""


@contextmanager
def outcome_kept(
    run: RunContext, provider: str, operation: str, note: Callable[[], object] = lambda: None
) -> Iterator[Ending]:
    """Record how the body ends as the outcome of the operation; an exception of the body is recorded in its words, and re-raised.

    `note`: called at the end in any case.
    """
    ending = Ending()
    try:
        yield ending
    except Exception as error:
        # The text of any other error may hold anything.
        message = str(error) if isinstance(error, PipelineError) else type(error).__name__
        failed = Outcome(at=run.now(), succeeded=False, message=message, needs_login=isinstance(error, NeedsLoginError))
        keep_outcome(run.lake, provider, operation, failed)
        raise
    finally:
        note()
    limit = ending.stopped
    message = str(limit) if limit is not None else ending.problem
    until = limit.resumes_at if isinstance(limit, LimitReachedError) else None
    outcome = Outcome(at=run.now(), succeeded=not message, message=message or ending.without, limited_until=until)
    keep_outcome(run.lake, provider, operation, outcome)


def limit_in_force(run: RunContext, provider: str) -> LimitReachedError | None:
    """The limit that stopped an earlier step of the provider, while it lasts: until then each call would be refused."""
    until = limited_until(run.lake, provider)
    return None if until is None or until <= run.now() else LimitReachedError(spec_of(provider).title, until)


REFUSED_FOR = timedelta(days=7)


def resting_kind(settings: Settings, provider: str, kind: Kind, now: datetime) -> Refusal | None:
    """The refusal because of which the kind is not asked for: of the last week, with this login and these settings."""
    last = refusal(Lake(settings.data_dir), provider, kind)
    rests = last and timedelta(0) <= now - last.at < REFUSED_FOR and last.asked_with == asked_with(settings, provider)
    return last if rests else None


def rest_in_words(provider: str, refused: Refusal) -> str:
    """Until when a kind rests, and what asks for it at once."""
    until = at_minute(refused.at + REFUSED_FOR)
    return f"No run asks again before {until}. To ask at once: `strava-pipeline providers pull {provider}`."


def asked_with(settings: Settings, provider: str) -> str:
    """A hash of the files of settings and of the kind of login."""
    files = [seal_of_file(path) for path in (env_file(), settings.providers_config)]
    return sha256(repr((files, kept_login(provider, settings))).encode()).hexdigest()
