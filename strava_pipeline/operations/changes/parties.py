"""The participants of a comparison: enabled providers with listings, the person's choices for them, and their gear.

Their data are compared in comparing.py. Nothing is sent.
"""

from collections.abc import Callable, Collection, Mapping, Set
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from strava_pipeline.core.changes.comparison import Party
from strava_pipeline.core.changes.linked_gear import LinkedGear
from strava_pipeline.core.gear_links import Links
from strava_pipeline.core.providers import naming_order, spec_of
from strava_pipeline.core.sheets.header import DURATION, NAME
from strava_pipeline.core.sources import STRAVA
from strava_pipeline.core.years import YearRange
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.providers_file import (
    ChangesChoice,
    ProviderChoice,
    enabled_providers,
    providers_file,
    used_sources,
)
from strava_pipeline.ingest.registry import offered, write_problem
from strava_pipeline.lake.bronze.expired import limited_ids
from strava_pipeline.lake.bronze.listings import withheld_ids
from strava_pipeline.lake.bronze.months import Pulled, pulled
from strava_pipeline.lake.gold.fetch_selection import files_wanted_in, tracked_activities
from strava_pipeline.lake.gold.gear import gear_pieces
from strava_pipeline.lake.gold.warehouse import Connection
from strava_pipeline.lake.owner_table import OwnerTable, owner_table
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.provider_gear import gear_asked_of
from strava_pipeline.operations.years import year_range

_COLUMN_OF = {"name": NAME, "gear": "equipment", "duration": DURATION}
"""The column of a person's table that a change of each kind is written to."""


@dataclass(frozen=True, slots=True)
class Comparing:
    """The participants of comparisons, and since when.

    Args:
        chosen: the choices for each enabled provider, including Strava; the first one's name and gear count first.
        pulls: the coverage of each one's listings; a provider without listings is missing, and doesn't take part.
        links: gear, as a person linked it.
        edits: what can be changed with each one's login.
        obstacles: why a login can't make the changes that the person allows, by provider.
        years: the partitions.
        now: UTC.
    """

    lake: Lake
    chosen: Mapping[str, ProviderChoice]
    pulls: Mapping[str, Pulled]
    changes: ChangesChoice
    links: Links
    edits: Mapping[str, Set[str]]
    obstacles: Mapping[str, str]
    years: YearRange
    now: datetime

    def parties(self, connection: Connection, months: Collection[str]) -> list[Party]:
        """The providers in a comparison of these months. A write_only one whose data are too old is left out."""
        tracked = cache(lambda: tracked_activities(self.lake))  # looked up once for all of them, where any asks
        return [self._party(connection, name, months, tracked) for name in self.pulls if not self._is_stale(name)]

    def gear(self, connection: Connection) -> LinkedGear:
        """The gear of all of them, and how it is linked: without links, names alone."""
        by_text = {name for name in self.chosen if spec_of(name).by_hand}
        return LinkedGear(self.links, gear_pieces(connection, [*self.chosen]), by_text)

    def first_days(self) -> dict[str, date]:
        """The local day from which runs propose changes, by provider: a person's choice, or the month before it was connected.

        Older differences are a backlog that a person asks for month by month.
        """
        since = self.changes.propose_since
        return {name: since or _month_before(found.connected_at) for name, found in self.pulls.items()}

    def _is_stale(self, name: str) -> bool:
        newest, choice = self.pulls[name].newest_at, self.chosen[name]
        return choice.write_only and (newest is None or self.now - newest > timedelta(days=choice.stale_days))

    def _party(
        self, connection: Connection, name: str, months: Collection[str], tracked: Callable[[], Set[int]]
    ) -> Party:
        spec, choice, found = spec_of(name), self.chosen[name], self.pulls[name]
        obstacle, can = self.obstacles.get(name), spec.capabilities
        writes = bool(choice.write) and obstacle is None
        table = owner_table(self.lake, name) if "adds" in can else OwnerTable()
        edits = {edit for edit in self.edits[name] if "adds" not in can or _COLUMN_OF[edit] in table.columns}
        edits = edits if obstacle is None else set()
        wanted = []
        if not choice.auto_files and "files" in can:
            years = sorted({self.years.clamp(int(month[:4])) for month in months})
            wanted = files_wanted_in(connection, self.lake, name, found.account, years, tracked())
        return Party(
            name=name,
            leads=not choice.write_only,
            by_hand=spec.by_hand,
            edits=edits,
            write=choice.write,
            obstacle=obstacle,
            adds=writes and "adds" in can and self.changes.add_activities,
            columns=table.columns,
            empty_ids=table.empty_ids,
            uploads=writes and "uploads" in can and self.changes.upload_activities,
            creates_gear=writes and "creates_gear" in can and self.changes.create_gear,
            downloads={each.source_id for each in wanted},
            link=spec.link,
            months={month for month in months if found.covers(month, self.now) and not limited_ids(self.lake, name)},
            withheld=withheld_ids(self.lake, name),
            gear_asked=None if spec.gear_of_activity is None else gear_asked_of(self.lake, name),
        )


def comparing(settings: Settings, now: datetime) -> Comparing:
    """The participants of comparisons, by providers.toml and the listings. Raises UnusableProvidersError."""
    file, lake, zone = providers_file(settings.providers_config), Lake(settings.data_dir), ZoneInfo(settings.timezone)
    enabled = enabled_providers(settings)
    enabled[STRAVA] = file.providers.get(STRAVA, ProviderChoice())
    priorities = {name: choice.priority for name, choice in enabled.items() if choice.priority is not None}
    ranked = [name for name in naming_order([*enabled], priorities) if name in enabled]
    pulls = {name: found for name in ranked if (found := pulled(lake, name, zone)) is not None}
    taking_part = {*pulls, *used_sources(settings)}
    chosen = {name: enabled[name] for name in ranked if name in taking_part}
    asked = {name: write_problem(name, settings) for name, choice in enabled.items() if choice.write}
    obstacles = {name: why for name, why in asked.items() if why is not None}
    edits = {name: offered(name, settings).edits for name in pulls}
    years = year_range(settings.first_year)
    return Comparing(lake, chosen, pulls, file.changes, file.gear, edits, obstacles, years, now)


def _month_before(moment: datetime) -> date:
    return (moment.date().replace(day=1) - timedelta(days=1)).replace(day=1)
