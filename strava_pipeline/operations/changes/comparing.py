"""Comparing the providers' data of the same months, and the changes that would make them agree. Nothing is sent or written.

Commands and pages show the result of `compare_months`, runs propose the result of `find_proposals`. Whose name counts
is decided in core/changes/comparison.py, the resulting changes in core/changes/proposals.py.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from strava_pipeline.core.changes.comparison import Party, Row, compared
from strava_pipeline.core.changes.linked_gear import LinkedGear
from strava_pipeline.core.changes.proposals import DISK, alone_at, needs_facts, proposals_of
from strava_pipeline.core.changes.records import Change
from strava_pipeline.environment.settings import Settings
from strava_pipeline.lake.gold.efforts import effort_facts, efforts
from strava_pipeline.lake.gold.warehouse import Connection
from strava_pipeline.operations.changes.parties import Comparing, comparing

MonthStatus = Literal["not_pulled", "in_sync", "requires_action"]
_FURTHEST = timedelta(hours=14)  # ahead of UTC: there, a month begins first
MOST_PROPOSED = 1_000  # undecided proposals that runs make by themselves: years of one service; each run reads them all


@dataclass(frozen=True, slots=True)
class Comparison:
    """Efforts with each provider's data, the newest first; `changes`: possible changes, by the row's key."""

    parties: list[Party]
    rows: list[Row]
    gear: LinkedGear
    changes: dict[str, list[Change]]


def compare_months(connection: Connection, who: Comparing, months: Collection[str]) -> Comparison:
    """Compare all efforts of these local months, in a warehouse, working or published."""
    parties, gear = who.parties(connection, months), who.gear(connection)
    accounts = {party.name: who.pulls[party.name].account for party in parties}
    rows = [compared(effort, parties, gear) for effort in efforts(connection, months, accounts)]
    lacking = [row.effort.key for row in rows if needs_facts(row, parties)]
    facts = effort_facts(connection, who.lake, lacking, frozenset(filter(None, map(alone_at, rows))))
    known: set[str] = set()
    changes: dict[str, list[Change]] = {}
    for row in rows:
        found = {change.id: change for change in proposals_of(row, parties, gear, facts)}
        changes[row.effort.key] = [change for key, change in found.items() if key not in known]
        known.update(found)
    return Comparison(parties, rows, gear, changes)


@dataclass(frozen=True, slots=True)
class Proposals:
    """Changes that can be proposed now, the newest efforts first; `left`: the ids of those beyond the maximum."""

    changes: list[Change]
    left: frozenset[str] = frozenset()


def find_proposals(
    settings: Settings,
    connection: Connection,
    *,
    months: Collection[str] | None,
    now: datetime,
    standing: Collection[Change] = (),
    decided: Collection[str] = (),
    ended: Collection[str] = (),
) -> Proposals:
    """The changes that the data call for now. Raises UnusableProvidersError.

    Args:
        months: exactly these, as 2026-10; None: the runs' own proposals, since `propose_since` and at most
            MOST_PROPOSED that nobody has decided.
        standing: earlier proposals: each is in the result as long as the data call for it.
        decided: the ids of those of them that a person approved or rejected.
        ended: the ids of those of them that ended long ago: no month is compared for them.
    """
    who = comparing(settings, now)
    if months is not None:
        return Proposals([change for _, change in _dated(compare_months(connection, who, months))])
    since, known = who.first_days(), {change.id for change in standing}
    wanted = {change.month for change in standing if change.id not in ended}.union(
        months_between(min(since.values(), default=None), now)
    )
    found = list(_dated(compare_months(connection, who, wanted)))
    kept = {change.id for _, change in found if change.id in known}
    fresh = [change.id for day, change in found if change.id not in kept and _is_due(day, change, since)]
    room = max(MOST_PROPOSED - len(kept.difference(decided)), 0)
    chosen = kept.union(fresh[:room])
    return Proposals([change for _, change in found if change.id in chosen], frozenset(fresh[room:]))


def _dated(comparison: Comparison) -> Iterator[tuple[date, Change]]:
    """The changes, each with the local day of its effort."""
    for row in comparison.rows:
        for change in comparison.changes[row.effort.key]:
            yield row.effort.local_start.date(), change


def _is_due(day: date, change: Change, since: Mapping[str, date]) -> bool:
    """Whether a run proposes it: both its place and the source of its value were connected for that day."""
    return all(day >= since[name] for name in (change.provider, change.source) if name is not None and name in since)


def months_between(first: date | None, now: datetime) -> set[str]:
    """The months, as 2026-10, from the month of a day to the present one; empty without a day."""
    if first is None:
        return set()
    newest = now + _FURTHEST
    return months_back((newest.year - first.year) * 12 + newest.month - first.month + 1, now)


def months_back(count: int, now: datetime) -> set[str]:
    """The last `count` months, as 2026-10, including the present one."""
    newest = now + _FURTHEST
    last = newest.year * 12 + newest.month
    return {f"{place // 12:04}-{place % 12 + 1:02}" for place in range(last - count, last)}


@dataclass(frozen=True, slots=True)
class ProviderMonth:
    """A month at one provider: its state, its number of activities, when it was pulled last (UTC)."""

    status: MonthStatus
    activities: int
    pulled_at: datetime | None


@dataclass(frozen=True, slots=True)
class Month:
    """A month: the worst state of its providers, and its number of activities that count."""

    status: MonthStatus
    activities: int
    providers: dict[str, ProviderMonth]


def month_states(
    connection: Connection, who: Comparing, months: Collection[str], rejected: Collection[str] = ()
) -> dict[str, Month]:
    """The state of these months, by month, the newest first. `rejected`: ids of changes that need no action."""
    comparison = compare_months(connection, who, months)
    return _states(comparison, who, months, rejected)


def state_of(comparison: Comparison, who: Comparing, month: str, rejected: Collection[str] = ()) -> Month:
    """The state of a comparison's month. `rejected`: ids of changes that need no action."""
    return _states(comparison, who, [month], rejected)[month]


def _states(
    comparison: Comparison, who: Comparing, months: Collection[str], rejected: Collection[str]
) -> dict[str, Month]:
    efforts_of = Counter(row.effort.month for row in comparison.rows if row.effort.counts)
    present = Counter(
        (row.effort.month, name) for row in comparison.rows for name, cell in row.cells.items() if cell.present
    )
    due = {
        (change.month, change.source if change.provider == DISK else change.provider)
        for found in comparison.changes.values()
        for change in found
        if change.id not in rejected
    }
    covered = {(month, party.name) for party in comparison.parties for month in party.months}
    found = {}
    for month in sorted(months, reverse=True):
        of_month = {
            name: ProviderMonth(
                _status((month, name) in covered, (month, name) in due),
                present[month, name],
                who.pulls[name].last_at(month) if name in who.pulls else None,
            )
            for name in who.chosen
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
