"""Proposed changes that would make providers agree, made from compared efforts for a person to approve. Pure.

Only changes that the person allows at a provider, and that the provider supports, are proposed. Earlier decisions about
a proposal are handled elsewhere (core/changes/states.py).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from strava_pipeline.core.changes.comparison import Cell, Party, Row
from strava_pipeline.core.changes.linked_gear import LinkedGear
from strava_pipeline.core.changes.records import Change, Kind, Value
from strava_pipeline.core.sheets.header import IDS, NAME

DISK = "disk"
"""The target of `download_file`, which isn't a provider."""


Alone = tuple[str, str, str | None]
"""An effort that only one provider has: the provider, the local day as 2026-10-18, the family of the sport."""


@dataclass(frozen=True, slots=True)
class OriginalFile:
    """The file of an effort as its device wrote it: the hash of its bytes, and its name when it arrived."""

    sha256: str
    name: str


@dataclass(frozen=True, slots=True)
class Facts:
    """Facts about efforts beyond name and gear, by key, as far as a change needs them (`needs_facts`).

    Args:
        cells: of a row in a table, by the words of its header, in SI units; without ids, name and gear.
        files: the file that may be uploaded.
        alone: efforts that only one provider has: such a row may be another provider's effort that was not recognised.
    """

    cells: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)
    files: Mapping[str, OriginalFile] = field(default_factory=dict, repr=False)
    alone: frozenset[Alone] = frozenset()


def needs_facts(row: Row, parties: Sequence[Party]) -> bool:
    """Whether a change of the effort may need more than its cells."""
    return any((party.adds or party.uploads) and _is_lacking(row, party) for party in parties)


def alone_at(row: Row) -> Alone | None:
    """The only provider that has the effort, with its day and sport, or None if none or several have it."""
    there = [name for name, cell in row.cells.items() if cell.present]
    return (there[0], row.effort.local_start.date().isoformat(), row.effort.family) if len(there) == 1 else None


def proposals_of(row: Row, parties: Sequence[Party], gear: LinkedGear, facts: Facts) -> Iterator[Change]:
    """The changes that would bring the effort's cells in line, provider by provider."""
    for party in parties:
        cell = row.cells[party.name]
        if cell.present:
            yield from _edits(row, party, cell, gear)
        elif _is_lacking(row, party):
            yield from _additions(row, party, gear, facts)
    yield from _download(row, parties)


def _edits(row: Row, party: Party, cell: Cell, gear: LinkedGear) -> Iterator[Change]:
    make = _maker(row, party, cell)
    if row.name is not None and "name" in party.write and cell.name_status in ("wrong", "missing"):
        yield make("update_name", row.name, old=cell.name, source=row.name_from)
    if row.gear_from is not None and row.item is not None and "gear" in party.write:
        yield from _gear(row, party, cell, gear)
    if "duration" in party.write and "duration" in party.edits:
        said, measured = row.effort.of(party.name), row.effort.measured_time(party.name)
        if said is not None and measured is not None and said.elapsed_time != measured[1]:
            yield make("update_metadata", measured[1], old=said.elapsed_time, source=measured[0])
    if party.adds:
        yield from _links(row, party, cell)


def _gear(row: Row, party: Party, cell: Cell, gear: LinkedGear) -> Iterator[Change]:
    assert row.item is not None, "somebody's gear leads"
    if cell.gear_status in ("wrong", "missing"):
        piece, said = gear.at(row.item, party.name), row.effort.of(party.name)
        assert piece is not None, "gear is wrong only where the right one is linked"
        assert said is not None, "the provider has the effort"
        old_id = None if piece.gear_id is None or cell.gear is None else said.gear_id
        yield _maker(row, party, cell)(
            "update_gear", piece.name, old=cell.gear, source=row.gear_from, old_id=old_id, new_id=piece.gear_id
        )
    elif party.creates_gear and (name := dict(gear.to_create(party.name)).get(row.item)) is not None:
        # of no effort: whichever needs it, it is the same change
        yield Change(
            kind="create_gear",
            provider=party.name,
            month=row.effort.month,
            new=name,
            source=row.gear_from,
            details={"sport_type": row.effort.sport} if row.effort.sport else {},  # which says whether it is a bike
        )


def _links(row: Row, party: Party, cell: Cell) -> Iterator[Change]:
    """Ids of the effort at other providers, for the cells that are empty."""
    empty = party.empty_ids.get(cell.source_id or "", ())
    if missing := {word: found for word, found in _ids(row).items() if word in empty}:
        yield _maker(row, party, cell)("link_activity", missing, old=dict.fromkeys(missing))


def _ids(row: Row) -> dict[str, str]:
    """The ids of the effort where providers have it, by the word of a table's column."""
    there = {word: row.effort.of(source) for word, source in IDS.items()}
    return {word: said.source_id for word, said in there.items() if said is not None}


def _is_lacking(row: Row, party: Party) -> bool:
    """Whether the provider certainly lacks the effort: its whole month was listed, and nobody deleted it there."""
    return row.cells[party.name].name_status == "missing" and not row.effort.was_deleted_at(party.name)


def _additions(row: Row, party: Party, gear: LinkedGear, facts: Facts) -> Iterator[Change]:
    effort, make = row.effort, _maker(row, party, None)
    known = facts.cells.get(effort.key)
    if party.adds and known is not None and not _may_be_there(row, party, facts):
        piece = gear.at(row.item, party.name) if row.item is not None else None
        cells: dict[str, Any] = {
            **known,
            **_ids(row),
            NAME: row.name,
            "equipment": piece.name if piece is not None else None,
        }
        given = {word: value for word, value in cells.items() if value is not None and word in party.columns}
        details = {"start": effort.start.isoformat()} if effort.start is not None else {}
        yield make("add_activity", given, source=row.name_from, details=details)
    file = facts.files.get(effort.key)
    if party.uploads and file is not None:
        change = make("upload_activity", file.sha256)
        of_file: dict[str, Any] = {
            "sha256": file.sha256,
            "name": file.name,
            "sport_type": effort.sport,
            "title": row.name,
            "external_id": f"strava_pipeline_{change.id}",
        }
        yield replace(change, details=of_file)


def _may_be_there(row: Row, party: Party, facts: Facts) -> bool:
    """Whether an unmatched row of the same day and sport may be the effort; then adding one would make a duplicate."""
    day = row.effort.local_start.date().isoformat()
    return any((party.name, day, sport) in facts.alone for sport in (row.effort.family, None))


def _download(row: Row, parties: Sequence[Party]) -> Iterator[Change]:
    """A download of the effort's file, if no source has it, from the first provider that offers it."""
    for party in parties:
        cell = row.cells[party.name]
        if cell.present and cell.source_id in party.downloads:
            yield replace(_maker(row, party, cell)("download_file", party.name, source=party.name), provider=DISK)
            return


def _maker(row: Row, party: Party, cell: Cell | None) -> Callable[..., Change]:
    """A function that makes changes of the effort at the provider."""
    effort = row.effort
    names = (cell.name for cell in row.cells.values() if cell.name)
    title = row.name or next(names, None)

    def make(kind: Kind, new: Value, **more: Any) -> Change:
        return Change(
            kind=kind,
            provider=party.name,
            month=effort.month,
            new=new,
            source_id=cell.source_id if cell is not None else None,
            effort=effort.key,
            start=effort.start,
            title=title,
            **more,
        )

    return make
