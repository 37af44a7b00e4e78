"""The inputs of the dashboard's routes: settings, data folder, time, and the published snapshot for the length of a request.

A route declares its needs as parameters of these types, and FastAPI passes them. Routes open nothing by themselves.
"""

from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from typing import TYPE_CHECKING, Annotated, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from fastapi import Depends, Request
from starlette.types import Scope

from strava_pipeline.core.errors import NothingPublishedError, PipelineError, UnusableSnapshotError
from strava_pipeline.core.insights.goals import Goals, Units
from strava_pipeline.core.start_times import zone_of
from strava_pipeline.core.systems import parts
from strava_pipeline.core.wellness import DaysSource
from strava_pipeline.environment.settings import Settings
from strava_pipeline.lake.gold.insights import athlete_of
from strava_pipeline.lake.gold.publish import published_at
from strava_pipeline.lake.gold.shared_snapshot import SharedSnapshot
from strava_pipeline.lake.gold.warehouse import Connection
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.user_files import UnusableGoalsError, goals_of
from strava_pipeline.lookups.bests import Owner, owner_of
from strava_pipeline.lookups.data_state import data_state, file_state
from strava_pipeline.lookups.rows import parts_with_content
from strava_pipeline.serve.addresses import dashboard_address
from strava_pipeline.serve.dashboard.kept import Kept
from strava_pipeline.serve.dashboard.pipeline import Pipeline
from strava_pipeline.serve.dashboard.records.store import Records, Session

if TYPE_CHECKING:  # where there are no accounts, nothing of them is imported
    from strava_pipeline.serve.dashboard.house import House

T = TypeVar("T")
LINK_COMMAND = "strava-pipeline dashboard link"
_FIRST = timezone(timedelta(hours=14))  # where a day begins first, and a month with it


def system_now() -> datetime:
    """This machine's time, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Site:
    """The shared state of the whole application."""

    settings: Settings
    lake: Lake
    pipeline: Pipeline
    now: Callable[[], datetime]
    records: Records
    snapshot: SharedSnapshot
    behind_proxy: bool = False  # which speaks https with browsers
    link_command: str = LINK_COMMAND
    has_dagster: bool = False  # whether Dagster's UI is below /dagster
    takes_files: bool = False  # whether its command imports dropped files where no daemon looks for requests
    house: "House | None" = None  # if there are accounts
    has_data: bool = True  # False: the pages before the login, and those of a person without an athlete
    facts: "SnapshotFacts" = field(default_factory=lambda: SnapshotFacts())
    kept: Kept = field(default_factory=Kept)

    @property
    def zone(self) -> tzinfo:
        """The zone of the athlete's clock, in which moments are shown; of the settings without an athlete."""
        return self.facts.of(self).zone or ZoneInfo(self.settings.timezone)

    @property
    def units(self) -> Units:
        """The units of pages: of goals.toml, or else of the athlete's profile."""
        return self.facts.of(self).units

    @property
    def holds(self) -> frozenset[str]:
        """Which of the pages `body`, `devices`, `trips`, `segments`, `gear`, `pairs` and `sync` have anything to show."""
        return self.facts.of(self).holds

    @property
    def days_sources(self) -> Mapping[str, DaysSource]:
        """The services that have days and nights; none if providers.toml can't be used, which *Services* reports."""
        try:
            return kept(self, "days sources", self.pipeline.days_sources)
        except PipelineError:
            return {}

    @property
    def today(self) -> date:
        """The day by the athlete's clock."""
        return self.now().astimezone(self.zone).date()

    @property
    def goals(self) -> Goals:
        """The present goals of goals.toml; empty if it can't be used, which pages report where it matters."""
        try:
            return goals_of(self.lake)
        except UnusableGoalsError:
            return Goals()

    @property
    def cookie(self) -> str:
        """The name of the session's cookie. Browsers don't distinguish ports, and a machine may have several dashboards.

        Browsers accept a name that begins with `__Host-` only over https, and for this host alone.
        """
        name = f"dashboard_{(dashboard_address(self.settings) or 'off').rpartition(':')[2]}"
        return f"__Host-{name}" if self.is_https else name

    @property
    def is_https(self) -> bool:
        """Whether browsers reach it by https: through a proxy, or by a certificate of its own."""
        return self.behind_proxy or self.settings.dashboard_cert is not None

    @property
    def is_overheard(self) -> bool:
        """Whether others of the network can read pages and typed texts."""
        return self.settings.dashboard_lan and not self.is_https

    @property
    def hosts(self) -> frozenset[str]:
        """Names besides this machine's own."""
        return frozenset(name for name in (self.settings.dashboard_hosts or "").split(",") if name)


@dataclass(slots=True)
class SnapshotFacts:
    """Facts from the published snapshot that each page needs, read once. `zone`, `units`: of the athlete, if there is one."""

    published: object = None
    zone: tzinfo | None = None
    units: Units = "km"
    holds: frozenset[str] = frozenset()

    def of(self, site: Site) -> "SnapshotFacts":
        """The facts of the present snapshot; empty if it can't be read, which the page itself reports."""
        published, default = (published_at(site.lake), file_state(site.lake.goals)), site.settings.timezone
        if self.zone is None or published != self.published:
            goals = site.goals
            zone, units = zone_of(goals.timezone or default), goals.units or "km"
            try:
                with site.snapshot.reader() as connection:
                    athlete = athlete_of(connection, goals, site.now())
                    holds = parts_with_content(connection)
                    if any(any(system.section(connection).values()) for system in parts("pages")):
                        holds |= {"trips"}
            except PipelineError:  # the next page tries again
                return SnapshotFacts(zone=zone, units=units)
            self.zone, self.units = (zone, units) if athlete is None else (athlete.clock(default), athlete.units)
            self.holds, self.published = holds, published
        return self


def site_of(request: Request) -> Site:
    site: Site = request.app.state.site
    return site


class Sees(NamedTuple):
    """Whether the answer to a request may contain places, and what days and nights told of the body."""

    places: bool
    body: bool


def seen_by(scope: Scope) -> Sees:
    """All, unless a token was made without."""
    session: Session | None = scope.get("state", {}).get("session")
    token = None if session is None else session.token
    return Sees(True, True) if token is None else Sees(token.places, token.body)


def _lake(request: Request) -> Lake:
    return site_of(request).lake


def _pipeline(request: Request) -> Pipeline:
    return site_of(request).pipeline


def _snapshot(request: Request) -> Iterator[Connection]:
    with site_of(request).snapshot.reader_or_empty() as connection:
        yield connection


@dataclass(frozen=True, slots=True)
class Published:
    """The published data, for a page that also works without it.

    Args:
        snapshot: None if nothing was published yet, or it can't be used.
        fault: why it can't be used and what to do, for a person.
    """

    snapshot: Connection | None = None
    fault: str | None = None


def _published(request: Request) -> Iterator[Published]:
    with ExitStack() as held:
        try:
            found = Published(held.enter_context(site_of(request).snapshot.reader()))
        except NothingPublishedError:
            found = Published()
        except UnusableSnapshotError as error:
            found = Published(fault=str(error))
        yield found


CurrentlyPublished = Annotated[Published, Depends(_published)]


def _snapshot_if_any(published: CurrentlyPublished) -> Connection | None:
    return published.snapshot


CurrentSite = Annotated[Site, Depends(site_of)]
CurrentLake = Annotated[Lake, Depends(_lake)]
CurrentPipeline = Annotated[Pipeline, Depends(_pipeline)]
Snapshot = Annotated[Connection, Depends(_snapshot)]  # read-only; closed after the answer; empty: nothing was published
SnapshotIfAny = Annotated[Connection | None, Depends(_snapshot_if_any)]  # None: nothing usable was published


def data_key(site: Site, *asked: Hashable) -> str | None:
    """A key for a value of the present data, or None if nothing is published.

    The key is made from the state of the data folder (lookups/data_state.py), the athlete's day, and `asked`.
    Readers compute it before they read and once more after: a value read during a change is shown, but not cached.
    `asked`: further inputs of the answer; values with distinct texts.
    """
    settings, now = site.settings, site.now()
    state = data_state(site.lake, (settings.providers_config, settings.secrets_dir))
    if state is None:
        return None
    zones = (site.zone, ZoneInfo(settings.timezone), UTC, _FIRST)  # UTC: the `current_date` of widgets
    days = [str(now.astimezone(zone).date()) for zone in zones]
    return site.kept.key(state, *days, *asked)


def kept(site: Site, asked: Hashable, make: Callable[[], T]) -> T:
    """The result of `make`, or a cached one if the data have not changed since.

    Args:
        asked: the value's name, and all of its inputs besides the data and the day.
        make: its result must be picklable. What it raises is raised.
    """
    key = data_key(site, "value", asked)
    if key is not None and (found := site.kept.get(key)) is not None:
        value: T = found[0]
        return value
    value = make()
    if key is not None and key == data_key(site, "value", asked):
        site.kept.put(key, value)
    return value


def kept_value(site: Site, asked: Hashable, make: Callable[[Connection], T]) -> T:
    """The result of `make` for the published snapshot, or a cached one if the data have not changed since.

    Args:
        asked: the value's name, and all of its inputs besides the data and the day.
        make: receives the snapshot, without a row if nothing is published. It must not read by a connection from
            outside, which may be older. Its result must be picklable.

    Raises what `make` raises, and UnusableSnapshotError.
    """

    def read() -> T:
        with site.snapshot.reader_or_empty() as connection:
            return make(connection)

    return kept(site, asked, read)


def shown_owner(site: Site) -> Owner | None:
    """The athlete of the insights, with their goals, or None without activities."""
    return kept_value(site, "owner", lambda snapshot: owner_of(snapshot, site.lake, site.now(), site.settings.timezone))


def _owner(request: Request) -> Owner:
    owner = shown_owner(site_of(request))
    if owner is None:
        raise NothingPublishedError("There is no activity yet.")
    return owner


CurrentOwner = Annotated[Owner, Depends(_owner)]  # without an activity, a page says how to begin
