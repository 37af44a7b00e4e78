"""Marking deleted activities: `deleted_at` of every activity is always derived from bronze and decisions.

A listing that would mark more than a fifth of a year, and more than five rows, is more likely to be wrong than the
athlete to have deleted that much: it marks nothing there until a person confirms it. No activity is ever removed.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import ClassVar

import polars as pl

from strava_pipeline.core.activities import start_instants
from strava_pipeline.core.numbers import Numbers
from strava_pipeline.core.providers import spec_of
from strava_pipeline.core.sources import STRAVA
from strava_pipeline.core.years import YearRange
from strava_pipeline.lake.bronze.listing import Listing, source_of_listing
from strava_pipeline.lake.bronze.listings import (
    Proof,
    Span,
    gaps,
    is_within,
    listings,
    proofs,
    proven_spans,
    span_columns,
)
from strava_pipeline.lake.decisions import Decision, decisions, record_decisions
from strava_pipeline.lake.gold.making import stage, staging
from strava_pipeline.lake.gold.merge import (
    end_versions,
    merged_pages,
    shard_signature,
    shards_of_activities,
    unmerged_years,
)
from strava_pipeline.lake.gold.notes import MADE, TOLD, mark_changed, note, notes
from strava_pipeline.lake.gold.warehouse import (
    Connection,
    DamagedWarehouseError,
    OtherCatalogueError,
    reading,
    transaction,
)
from strava_pipeline.lake.locks import locked
from strava_pipeline.lake.made.shards import LOCK, damage_reported, shard_files
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.sql import sql

_JUDGED = f"{MADE}deletions:"  # + year and source, of the inputs of the year's last marks
_GONE = f"{TOLD}gone:"  # + listing of events: its judged deletions
FEW = 5  # rows that a listing may always mark
SHARE = 5  # … and a fifth of the year

Missing = list[tuple[int, int, list[int]]]  # id, year, numbers of the proofs that apply to it, ascending


class Confirmation(Decision):
    """A person confirms the deletions that `listing` would mark in `year`."""

    kind: ClassVar[str] = "shrinks"
    listing: str
    year: int
    activities: int


@dataclass(frozen=True, slots=True)
class Shrink:
    """A year that a listing would shrink too much: by `missing` of `present` activities."""

    year: int
    listing: str
    missing: int
    present: int

    @property
    def source(self) -> str:
        """The source of the listing."""
        return source_of_listing(self.listing)


def confirmation(shrink: Shrink, at: datetime, by: str) -> Confirmation:
    """The decision that confirms a shrink."""
    return Confirmation(at=at, by=by, listing=shrink.listing, year=shrink.year, activities=shrink.missing)


@dataclass(slots=True)
class AbsenceReport(Numbers):
    """The changes in the marks of some years. `held`: shrinks that wait for a person."""

    deleted: int = 0
    restored: int = 0
    held: list[Shrink] = field(default_factory=list, repr=False)

    def __iadd__(self, other: "AbsenceReport") -> "AbsenceReport":
        self.deleted += other.deleted
        self.restored += other.restored
        self.held += other.held
        return self


def mark_absent(
    connection: Connection,
    lake: Lake,
    years: Sequence[int],
    within: YearRange,
    *,
    confirm: Callable[[Shrink], Confirmation | None] | None = None,
) -> AbsenceReport:
    """Set `deleted_at` of the activities of `years`, within the caller's transaction and after their merge.

    `within`: all partitions. `confirm` returns a person's decision on a shrink that would be held back, or None.
    """
    report = AbsenceReport()
    in_gold = {source for (source,) in connection.execute("SELECT DISTINCT source FROM activities_all").fetchall()}
    shards_of = cache(lambda years: shards_of_activities(connection, lake, years))
    for source in lake.listed_sources:  # a provider's listings prove nothing about another's activities
        if source in in_gold:  # else nothing of it can be absent
            report += _mark_absent_at(source, connection, lake, years, shards_of, within, confirm)
    return report


def _mark_absent_at(
    source: str,
    connection: Connection,
    lake: Lake,
    years: Sequence[int],
    shards_of: Callable[[tuple[int, ...]], list[str]],
    within: YearRange,
    confirm: Callable[[Shrink], Confirmation | None] | None,
) -> AbsenceReport:
    report = AbsenceReport()
    known = list(listings(lake, source))
    found = list(proofs(known))
    confirmed = _confirmed(lake)
    common = repr((found, sorted(confirmed)))
    with locked(lake, LOCK):
        name_of = {year: f"{year}{spec_of(source).suffix(':')}" for year in years}
        judged = notes(connection, _JUDGED)
        files = {year: shards for year in years if (shards := shard_files(lake, year))}
        signature = {year: _digest(shard_signature(of_year), common) for year, of_year in files.items()}
        due = tuple(year for year in files if judged.get(name_of[year]) != signature[year])
        if not due:
            return report
        seen_in = shards_of(due)
        with damage_reported([Path(path) for path in seen_in]):
            connection.execute(sql("sightings"), {"source": source, "shards": seen_in, "years": due})
    missing = _without_seen(connection, _missing(connection, lake, found), found, _unmerged(connection, known, within))
    verdicts, report.held = judge(missing, found, confirmed, _present_in(connection))
    if confirm is not None and (confirmations := [decision for shrink in report.held if (decision := confirm(shrink))]):
        record_decisions(lake, *confirmations)
        verdicts, report.held = judge(missing, found, _confirmed(lake), _present_in(connection))
    _set_marks(connection, lake, verdicts, report)
    for year in {*due} - {shrink.year for shrink in report.held}:  # held shrinks are judged and reported each time
        note(connection, f"{_JUDGED}{name_of[year]}", signature[year])
    _note_gone(connection, known, due)
    return report


def absence(connection: Connection, lake: Lake, years: Sequence[int], within: YearRange) -> AbsenceReport:
    """What `mark_absent` would report of `years`. Changes nothing."""
    with transaction(connection, is_kept=False):
        return mark_absent(connection, lake, years, within)


def event_listings(known: Iterable[Listing]) -> Iterator[Listing]:
    """The listings that contain a day's webhook events."""
    return (listing for listing in known if listing.manifest.window.mode == "event")


def judged_deletions(connection: Connection) -> dict[str, set[int]]:
    """By listing, the deletions by events that gold has judged: marked or held back."""
    return {name: {*json.loads(ids)} for name, ids in notes(connection, _GONE).items()}


def _note_gone(connection: Connection, known: Iterable[Listing], years: Sequence[int]) -> None:
    """Record which deletions were judged with `years`; those in other years wait for a run that covers them."""
    judged = judged_deletions(connection)
    reported = {listing.name: {one.activity_id for one in listing.manifest.gone} for listing in event_listings(known)}
    new = {name: ids - judged.get(name, set()) for name, ids in reported.items()}
    if not any(new.values()):
        return
    of_years = connection.execute(
        sql("years_of_events"), {"source": STRAVA, "ids": sorted(set().union(*new.values()))}
    ).fetchall()
    here = {key for key, year in of_years if year in years}
    for name, ids in new.items():
        if ids & here:
            note(connection, f"{_GONE}{name}", json.dumps(sorted(judged.get(name, set()) | (ids & here))))


def doubtful_spans(lake: Lake, listing: Listing, within: YearRange) -> list[Span]:
    """The spans where a complete listing proves nothing and lacks an activity that gold or another, not yet merged listing has.

    They are to be asked for again. `within`: all partitions.
    """
    spans = gaps(listing.manifest) if list(proven_spans(listing.manifest)) else []
    if not spans or not lake.working.exists():
        return []
    seen = {activity["id"] for _, activities in listing.pages() for activity in activities}
    query = (
        "SELECT id, epoch_us(start_date) / 1e6 FROM activities_all "
        "WHERE source = $source AND deleted_at IS NULL AND start_date IS NOT NULL"
    )
    values = {"source": listing.manifest.source}
    with suppress(OtherCatalogueError, DamagedWarehouseError), reading(lake) as connection:
        starts = dict(connection.execute(query, values).fetchall())
        for other in _unmerged(connection, list(listings(lake, listing.manifest.source)), within):
            rows = (one for _, activities in other.pages() for one in activities if one["id"] not in seen)
            starts |= {one["id"]: at.timestamp() for one in rows for at in start_instants([one])}
        missing = [start for key, start in starts.items() if key not in seen]
        found = [span for span in spans if any(is_within(start, span) for start in missing)]
        return found if len(found) <= FEW else []  # so many are the listing's fault; the next listing decides
    return []  # the warehouse has to be rebuilt


def judge(
    missing: Missing,
    found: Sequence[Proof],
    confirmed: set[tuple[str, int]],
    present_in: Callable[[int, Sequence[Proof]], set[int]],
) -> tuple[dict[int, datetime], list[Shrink]]:
    """When each activity was found gone, by id; and the shrinks that are held back, one per year, of the newest listing.

    `confirmed`: (listing, year) pairs. `present_in`: the activities seen in a year where a listing's proofs apply;
    shares are measured against them.
    """
    verdicts: dict[int, datetime] = {}
    held: dict[int, tuple[Shrink, set[int]]] = {}
    windows: dict[str, list[Proof]] = {}
    for proof in found:
        windows.setdefault(proof.listing, []).extend([proof] if proof.activity_id is None else [])
    for listing, by_year in _by_listing(missing, found).items():
        for year, hits in by_year.items():
            gone = {key: number for key, number in hits.items() if key not in verdicts}
            spans = windows[listing] or [found[min(hits.values())]]  # events: the whole year
            present = len(present_in(year, spans) - verdicts.keys()) if len(gone) > FEW else 0
            if is_suspicious(len(gone), present) and (listing, year) not in confirmed:
                believed = 0 if windows[listing] else _believed(len(gone), present)
                first = sorted(gone, key=lambda key: (gone[key], key))[:believed]
                held[year] = Shrink(year, listing, len(gone) - believed, present), gone.keys() - {*first}
                gone = {key: gone[key] for key in first}
            verdicts.update({key: found[number].found_at for key, number in gone.items()})
    return verdicts, [shrink for _, (shrink, waiting) in sorted(held.items()) if waiting - verdicts.keys()]


def _by_listing(missing: Missing, found: Sequence[Proof]) -> dict[str, dict[int, dict[int, int]]]:
    """By listing (in order) and year: the activities that it proves gone, each with its first proof."""
    ordered: dict[str, dict[int, dict[int, int]]] = {proof.listing: {} for proof in found}
    for activity_id, year, numbers in missing:
        for number in reversed(numbers):
            ordered[found[number].listing].setdefault(year, {})[activity_id] = number
    return ordered


def _believed(gone: int, present: int) -> int:
    """The maximum number of deletions in a day that events alone may mark."""
    return next(count - 1 for count in range(1, gone + 1) if is_suspicious(count, present))


def is_suspicious(missing: int, present: int) -> bool:
    """Whether so many missing activities are more likely a fault than deletions by a person."""
    return missing > FEW and missing * SHARE > present


def _unmerged(connection: Connection, known: Sequence[Listing], within: YearRange) -> list[Listing]:
    """The listings with unmerged pages: another run is merging them, or they belong to another year's run."""
    merged = merged_pages(connection)
    return [listing for listing in known if unmerged_years(merged, listing, within)]


def _without_seen(
    connection: Connection, missing: Missing, found: Sequence[Proof], unmerged: Iterable[Listing]
) -> Missing:
    """`missing` without the activities that an unmerged listing shows, after the proof or with another start; they are
    judged after its merge.

    Activities that are already marked are not looked up: a later sighting restores them.
    """
    if not missing:
        return missing
    query = "SELECT id, epoch_us(last_at), start FROM sightings ANTI JOIN deleted_activities USING (id)"
    known = {key: (last, start) for key, last, start in connection.execute(query).fetchall()}
    new = {key: min(found[number].began_at for number in numbers) for key, _, numbers in missing if key in known}
    if not new:
        return missing
    earliest = min(known[key][0] for key in new)
    seen: set[int] = set()
    for listing in unmerged:
        for page, activities in listing.pages() if _microseconds(listing.manifest.fetched_at) >= earliest else ():
            for one in activities:
                if one["id"] in new and one["id"] not in seen:
                    last, start = known[one["id"]]
                    moved = [at.timestamp() for at in start_instants([one])] != [start]
                    if page.fetched_at >= new[one["id"]] or (moved and _microseconds(page.fetched_at) > last):
                        seen.add(one["id"])
    return [row for row in missing if row[0] not in seen]


def _missing(connection: Connection, lake: Lake, found: Sequence[Proof]) -> Missing:
    if not found:
        return []
    columns = {
        "number": range(len(found)),
        "activity_id": [proof.activity_id for proof in found],
        "athlete_id": [proof.athlete_id for proof in found],
        "account": [proof.account for proof in found],
        "began_at": [proof.began_at for proof in found],
        **span_columns((proof.after, proof.before) for proof in found),
    }
    schema = {
        "activity_id": pl.Int64(),
        "athlete_id": pl.Int64(),
        "account": pl.String(),
        "began_at": pl.Datetime("us", "UTC"),
    }
    with staging(lake) as folder:
        path = stage(folder, "proofs", pl.DataFrame(columns, schema_overrides=schema))
        return connection.execute(sql("absent"), {"proofs": path}).fetchall()


def _present_in(connection: Connection) -> Callable[[int, Sequence[Proof]], set[int]]:
    def present(year: int, of_listing: Sequence[Proof]) -> set[int]:
        values = {
            "year": year,
            "at": of_listing[0].found_at,
            **span_columns((proof.after, proof.before) for proof in of_listing),
        }
        return {key for (key,) in connection.execute(sql("present_in"), values).fetchall()}

    return present


def _set_marks(connection: Connection, lake: Lake, verdicts: Mapping[int, datetime], report: AbsenceReport) -> None:
    query = "SELECT id, epoch_us(deleted_at) FROM activities_all SEMI JOIN sightings USING (id) WHERE deleted_at IS NOT NULL"
    before = dict(connection.execute(query).fetchall())
    restored = before.keys() - verdicts.keys()
    marks = {key: at for key, at in verdicts.items() if before.get(key) != _microseconds(at)}
    report.deleted, report.restored = len(verdicts.keys() - before.keys()), len(restored)
    if not (marks or restored):
        return
    columns = {"id": [*marks, *restored], "deleted_at": [*marks.values(), *[None] * len(restored)]}
    with staging(lake) as folder:
        rows = pl.DataFrame(columns, schema={"id": pl.Int64(), "deleted_at": pl.Datetime("us", "UTC")})
        connection.execute(sql("mark_deleted"), {"marks": stage(folder, "marks", rows)})
    end_versions(connection)
    mark_changed(connection)


def _confirmed(lake: Lake) -> set[tuple[str, int]]:
    return {(decision.listing, decision.year) for decision in decisions(lake, Confirmation).all}


def _digest(*parts: str) -> str:
    """A hash of everything that determines a year's marks: its shards, proofs and confirmations."""
    return hashlib.blake2b("".join(parts).encode(), digest_size=8).hexdigest()


def _microseconds(at: datetime) -> int:
    return round(at.timestamp() * 1_000_000)
