"""Comparing what providers have of the same months, and what could be changed so that they agree. Nothing is sent or written.

`compared_months` is what commands and pages show, `proposals_now` what runs propose. Whose name counts is core's
(core/changes/comparison.py), as is what a difference leads to (core/changes/proposals.py).
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from strava_pipeline.core.changes.comparison import Party, Row, compared
from strava_pipeline.core.changes.proposals import proposals_of
from strava_pipeline.core.changes.records import Change
from strava_pipeline.core.providers import naming_order, spec_of
from strava_pipeline.core.sources import STRAVA
from strava_pipeline.ingest.providers_file import ChangesChoice, ProviderChoice, providers_file
from strava_pipeline.lake.bronze.listings import withheld_ids
from strava_pipeline.lake.bronze.months import Pulled, pulled
from strava_pipeline.lake.gold.efforts import efforts
from strava_pipeline.lake.gold.warehouse import Connection
from strava_pipeline.lake.paths import Lake
from strava_pipeline.settings import Settings

MonthStatus = Literal["not_pulled", "in_sync", "requires_action"]
MOST_PROPOSED = 50  # undecided proposals that runs make by themselves: what a person reads through in a sitting


@dataclass(frozen=True, slots=True)
class Comparing:
    """Who takes part in comparisons: the enabled providers that were listed, Strava among them.

    Args:
        chosen: by provider, the first whose name counts comes first.
        pulls: what the listings of each cover.
        now: UTC.
    """

    lake: Lake
    chosen: Mapping[str, ProviderChoice]
    pulls: Mapping[str, Pulled]
    changes: ChangesChoice
    now: datetime

    def parties(self, months: Collection[str]) -> list[Party]:
        """The providers in a comparison of these months. A write_only one whose data are too old is left out."""
        return [self._party(name, months) for name in self.chosen if not self._is_stale(name)]

    def _is_stale(self, name: str) -> bool:
        newest, choice = self.pulls[name].newest_at, self.chosen[name]
        return choice.write_only and (newest is None or self.now - newest > timedelta(days=choice.stale_days))

    def _party(self, name: str, months: Collection[str]) -> Party:
        spec, choice = spec_of(name), self.chosen[name]
        return Party(
            name=name,
            leads=not choice.write_only,
            edits=spec.edits,
            write=choice.write,
            link=spec.link,
            months={month for month in months if self.pulls[name].covers(month, self.now)},
            withheld=withheld_ids(self.lake, name),
        )

    def first_days(self) -> dict[str, date]:
        """From which local day on changes are proposed without being asked for, by provider."""
        since = self.changes.propose_since
        return {name: since or _month_before(found.connected_at) for name, found in self.pulls.items()}


def comparing(settings: Settings, now: datetime) -> Comparing:
    """Who takes part in comparisons, by providers.toml and what was listed. Raises UnusableProvidersError."""
    file, lake, zone = providers_file(settings.providers_config), Lake(settings.data_dir), ZoneInfo(settings.timezone)
    enabled = {name: choice for name, choice in file.providers.items() if choice.enabled}
    enabled[STRAVA] = file.providers.get(STRAVA, ProviderChoice())
    priorities = {name: choice.priority for name, choice in enabled.items() if choice.priority is not None}
    ranked = [name for name in naming_order([*enabled], priorities) if name in enabled]
    pulls = {name: found for name in ranked if (found := pulled(lake, name, zone)) is not None}
    return Comparing(lake, {name: enabled[name] for name in pulls}, pulls, file.changes, now)


def _month_before(moment: datetime) -> date:
    return (moment.date().replace(day=1) - timedelta(days=1)).replace(day=1)


def compared_months(connection: Connection, who: Comparing, months: Collection[str]) -> Iterator[Row]:
    """Every effort of these local months, the newest first, beside what each provider has of it."""
    parties = who.parties(months)
    accounts = {party.name: who.pulls[party.name].account for party in parties}
    for effort in efforts(connection, months, accounts):
        yield compared(effort, parties)


@dataclass(frozen=True, slots=True)
class Proposals:
    """Changes that can be proposed now, the newest efforts first; `left`: how many more there are beyond the most."""

    changes: list[Change]
    left: int = 0


def proposals_now(
    settings: Settings,
    connection: Connection,
    *,
    months: Collection[str] | None,
    now: datetime,
    standing: Collection[Change] = (),
    decided: Collection[str] = (),
) -> list[Change]:
    """The changes that the data call for now, the newest efforts first. Raises UnusableProvidersError.

    Args:
        months: exactly these, as 2026-10; None: what runs propose by themselves, since `propose_since` and at most
            MOST_PROPOSED that nobody has decided.
        standing: what was proposed before: each is in the result for as long as the data call for it.
        decided: the ids of those of them that a person approved or rejected.
    """
    return find_proposals(settings, connection, months=months, now=now, standing=standing, decided=decided).changes


def find_proposals(
    settings: Settings,
    connection: Connection,
    *,
    months: Collection[str] | None,
    now: datetime,
    standing: Collection[Change] = (),
    decided: Collection[str] = (),
) -> Proposals:
    """As `proposals_now`, with how many were left out."""
    who = comparing(settings, now)
    if months is not None:
        return Proposals([change for _, change in _changes(connection, who, months)])
    since, known = who.first_days(), {change.id for change in standing}
    wanted = {change.month for change in standing}.union(months_between(min(since.values(), default=None), now))
    found = list(_changes(connection, who, wanted))
    kept = {change.id for _, change in found if change.id in known}
    fresh = [change.id for day, change in found if change.id not in kept and _is_due(day, change, since)]
    room = max(MOST_PROPOSED - len(kept.difference(decided)), 0)
    chosen = kept.union(fresh[:room])
    return Proposals([change for _, change in found if change.id in chosen], len(fresh[room:]))


def _changes(connection: Connection, who: Comparing, months: Collection[str]) -> Iterator[tuple[date, Change]]:
    """What could be changed, each with the local day of its effort."""
    parties = who.parties(months)
    for row in compared_months(connection, who, months):
        for change in proposals_of([row], parties):
            yield row.effort.local_start.date(), change


def _is_due(day: date, change: Change, since: Mapping[str, date]) -> bool:
    """Whether a run proposes it: both the place and the source of its value were connected for that day."""
    return day >= max(since[name] for name in (change.provider, change.source) if name is not None and name in since)


def months_between(first: date | None, now: datetime) -> set[str]:
    """The months, as 2026-10, from that of a day to the one that has begun anywhere; none without a day."""
    newest = now + timedelta(hours=14)  # the zone that is furthest ahead of UTC
    if first is None:
        return set()
    places = range(first.year * 12 + first.month - 1, newest.year * 12 + newest.month)
    return {f"{place // 12}-{place % 12 + 1:02}" for place in places}


@dataclass(frozen=True, slots=True)
class ProviderMonth:
    """A month at one provider: its state, how many of its activities are there, when it was pulled last (UTC)."""

    status: MonthStatus
    activities: int
    pulled_at: datetime | None


@dataclass(frozen=True, slots=True)
class Month:
    """A month: the worst state of its providers, and how many efforts there are."""

    status: MonthStatus
    activities: int
    providers: dict[str, ProviderMonth]


def month_states(
    connection: Connection, who: Comparing, months: Collection[str], rejected: Collection[str] = ()
) -> dict[str, Month]:
    """How these months stand, by month, the newest first. `rejected`: ids of changes that call for no action."""
    parties = who.parties(months)
    efforts_of: Counter[str] = Counter()
    present: Counter[tuple[str, str]] = Counter()
    due: set[tuple[str, str]] = set()
    for row in compared_months(connection, who, months):
        month = row.effort.month
        efforts_of[month] += 1
        present.update((month, name) for name, cell in row.cells.items() if cell.present)
        due |= {(month, change.provider) for change in proposals_of([row], parties) if change.id not in rejected}
    covered = {(month, party.name) for party in parties for month in party.months}
    found = {}
    for month in sorted(months, reverse=True):
        of_month = {
            name: ProviderMonth(
                _status((month, name) in covered, (month, name) in due), present[month, name], found_of.last_at(month)
            )
            for name, found_of in who.pulls.items()
        }
        found[month] = Month(_worst(each.status for each in of_month.values()), efforts_of[month], of_month)
    return found


def _status(is_covered: bool, is_due: bool) -> MonthStatus:
    if not is_covered:
        return "not_pulled"
    return "requires_action" if is_due else "in_sync"


def _worst(states: Iterable[MonthStatus]) -> MonthStatus:
    found = {*states}
    order: tuple[MonthStatus, ...] = ("requires_action", "not_pulled", "in_sync")
    return next((state for state in order if state in found), "not_pulled")
