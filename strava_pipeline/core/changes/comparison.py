"""One effort as every provider has it: whose name and gear lead, and where another provider differs. Pure.

`compared` is the only place that judges this; commands, proposals and pages show what it returns. Which rows are one
effort is decided elsewhere (core/matching). Values are compared as core/changes/records.py does.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from strava_pipeline.core.changes.linked_gear import LinkedGear
from strava_pipeline.core.changes.names import is_default_name
from strava_pipeline.core.changes.records import is_same
from strava_pipeline.core.sports import FAMILY

PERSON = "you"
"""Who leads where the person said something of an activity here (`corrections`)."""

Status = Literal["authority", "ok", "missing", "wrong", "withheld", "unsupported"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One provider's row of an effort.

    Args:
        gear_id: of the gear at the provider; where gear is a text in the row, that text.
        place: the provider's name of the place where it began.
        by_hand: a person wrote the row.
        is_deleted: it was there once, and is gone from the provider.
        is_counted: false for a row that no total includes, such as a leg of another activity.
        elapsed_time: seconds.
    """

    provider: str
    source_id: str
    name: str | None = field(default=None, repr=False)
    gear_id: str | None = None
    place: str | None = field(default=None, repr=False)
    elapsed_time: int | None = None
    by_hand: bool = False
    is_deleted: bool = False
    is_counted: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """A matched activity.

    Args:
        key: the activity's id in the warehouse, as text; all its sources share it.
        month: the athlete's local month of the start, as 2026-10.
        start: UTC, or None if only the day is known.
        local_start: as the athlete's clock showed it.
        distance: metres.
        said: the providers' rows, the best of each provider first.
        counts: whether totals count it.
        towns: the nearest town, and the city of its time zone, as far as known.
        own_name, own_gear: what the person, or a rule of theirs, says here: it leads. Gear as its provider and its id there.
    """

    key: str
    month: str
    start: datetime | None
    local_start: datetime
    distance: float | None = None
    sport: str | None = None
    said: Sequence[Said] = field(default=(), repr=False)
    own_name: str | None = field(default=None, repr=False)
    own_gear: tuple[str, str] | None = None
    towns: Sequence[str] = field(default=(), repr=False)
    counts: bool = True

    @property
    def is_compared(self) -> bool:
        """Whether it takes part in comparisons; legs of another activity, and drives, do not."""
        there = [said for said in self.said if not said.is_deleted]
        return not there or any(said.is_counted for said in there)

    @property
    def places(self) -> list[str]:
        """The names that providers give the place where it began."""
        return [said.place for said in self.said if said.place]

    def of(self, provider: str) -> Said | None:
        """The provider's row, the best match if it has several, or None."""
        for said in self.said:  # the commonest question of a comparison: a generator costs twice as much
            if said.provider == provider and not said.is_deleted:
                return said
        return None

    @property
    def family(self) -> str | None:
        """The family of sports by which several providers may call one activity, or None if unknown."""
        return FAMILY.get(self.sport, self.sport) if self.sport else None

    def measured_time(self, but: str) -> tuple[str, int] | None:
        """The elapsed time (s) of the best row that a device measured, with its provider; rows of the provider `but`
        are ignored.
        """
        return next(
            (
                (said.provider, said.elapsed_time)
                for said in self.said
                if said.provider != but and said.elapsed_time and not said.is_deleted and not said.by_hand
            ),
            None,
        )

    def was_deleted_at(self, provider: str) -> bool:
        """Whether the provider once had it, and no longer does."""
        return self.of(provider) is None and any(said.provider == provider for said in self.said)


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """A provider that takes part in a comparison, with the person's choices for it.

    Args:
        leads: false where its name and gear never count (write_only).
        by_hand: whether a person wrote its rows.
        edits: what can be changed there at all.
        write: what the person allows to be changed there; nothing else is ever proposed.
        obstacle: why nothing can be changed there although the person allows it, for a person.
        adds, uploads, creates_gear: whether rows, files and gear may be added there.
        columns, empty_ids: of a person's table the words of its columns, and those of a row's empty cells for ids.
        downloads: the activities whose file may be fetched when a person asks for it.
        link: the address of an activity, with `{source_id}`; None: the service has none.
        months: the months that were listed completely; in others, it is unknown what it lacks.
        withheld: the activities that it has but does not show, by their ids at the service they came from.
        gear_asked: the activities whose gear was asked for, where rows do not name it; None if its rows name the gear.
    """

    name: str
    leads: bool = True
    by_hand: bool = False
    edits: Collection[str] = frozenset()
    write: Collection[str] = frozenset()
    obstacle: str | None = None
    adds: bool = False
    columns: Collection[str] = frozenset()
    empty_ids: Mapping[str, Collection[str]] = field(default_factory=dict, repr=False)
    uploads: bool = False
    creates_gear: bool = False
    downloads: Collection[str] = field(default=frozenset(), repr=False)
    link: str | None = None
    months: Collection[str] = frozenset()
    withheld: Collection[str] = field(default=frozenset(), repr=False)
    gear_asked: Collection[str] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Cell:
    """An effort at one provider.

    Args:
        name_status, gear_status: None where nobody knows: the provider lacks the effort in a month that was not listed whole,
            or was never asked for its gear.
        gear: its name, as the provider shows it.
        link: the activity's address there.
    """

    present: bool
    source_id: str | None = None
    name: str | None = field(default=None, repr=False)
    name_status: Status | None = None
    gear: str | None = field(default=None, repr=False)
    gear_status: Status | None = None
    link: str | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """An effort with each provider's cell.

    `name_from`, `gear_from`: the providers that lead, PERSON, or None. `name`: the leading one. `item`: the person's name
    of the leading gear.
    """

    effort: Effort
    cells: Mapping[str, Cell]
    name_from: str | None = None
    gear_from: str | None = None
    item: str | None = None
    name: str | None = field(default=None, repr=False)

    @property
    def differs(self) -> bool:
        """Whether a service lacks it, or has another name or gear than the leading one."""
        gear = [cell.gear_status for cell in self.cells.values() if self.gear_from is not None]
        return not {"ok", "authority", None}.issuperset([*gear, *(cell.name_status for cell in self.cells.values())])

    def to_json(self) -> dict[str, Any]:
        """The shape in docs/formats.md, without the key."""
        return {
            "month": self.effort.month,
            "start": self.effort.start,
            "start_local": self.effort.local_start,
            "distance": self.effort.distance,
            "name_authority": self.name_from,
            "gear_authority": self.gear_from,
            "providers": self.cells,
        }


def compared(effort: Effort, parties: Sequence[Party], gear: LinkedGear) -> Row:
    """The effort's cells, by provider. `parties` are in order: the first one's name and gear lead."""
    there = {party.name: said for party in parties if (said := effort.of(party.name)) is not None}
    leading = [(party, there[party.name]) for party in parties if party.leads and party.name in there]
    name_from, name = _leading_name(leading, effort)
    gear_from, item = _own_gear(effort, gear) if effort.own_gear else _leading_gear(leading, gear)
    cells: dict[str, Cell] = {}
    for party in parties:
        said = there.get(party.name)
        if said is None:
            absent = _absent(effort, party)
            cells[party.name] = Cell(False, name_status=absent, gear_status=absent)
            continue
        cells[party.name] = Cell(
            True,
            said.source_id,
            said.name,
            "authority" if party.name == name_from else _name_status(said.name, party, name),
            gear.name(party.name, said.gear_id) if is_given(said.gear_id) and said.gear_id else None,
            "authority" if party.name == gear_from else _gear_status(said, party, item, gear),
            party.link.format(source_id=said.source_id) if party.link else None,
        )
    return Row(effort, cells, name_from, gear_from, item, name)


def is_given(text: str | None) -> bool:
    """Whether a text is given and not empty."""
    return text is not None and text.strip() != ""


def _leading_name(leading: Sequence[tuple[Party, Said]], effort: Effort) -> tuple[str | None, str | None]:
    if effort.own_name is not None:
        return PERSON, effort.own_name
    return next((found for found in (_name(each, effort) for each in leading) if found), (None, None))


def _own_gear(effort: Effort, gear: LinkedGear) -> tuple[str | None, str | None]:
    """The item of the gear that the person said; gear that isn't linked leads nowhere, as nobody knows what it is elsewhere."""
    item = gear.item(*effort.own_gear) if effort.own_gear else None
    return (None, None) if item is None else (PERSON, item)


def _name(leading: tuple[Party, Said], effort: Effort) -> tuple[str, str] | None:
    """A provider and its name for the effort, if a person wrote that name."""
    party, said = leading
    if said.name is None or not is_given(said.name):
        return None
    is_fixed = bool(said.place) or party.by_hand
    is_default = is_default_name(said.name, places=effort.places, towns=effort.towns, can_be_any=not is_fixed)
    return None if is_default else (party.name, said.name)


def _leading_gear(leading: Sequence[tuple[Party, Said]], gear: LinkedGear) -> tuple[str | None, str | None]:
    """The provider whose gear leads, and the item.

    If gear is unknown or not linked, no provider after it leads, because the gear may be another one.
    """
    for party, said in leading:
        if party.gear_asked is not None and said.source_id not in party.gear_asked:
            return None, None
        if said.gear_id is not None and is_given(said.gear_id):
            item = gear.item(party.name, said.gear_id)
            return (None, None) if item is None else (party.name, item)
    return None, None


def _absent(effort: Effort, party: Party) -> Status | None:
    """The status of an effort that the provider does not show, or None if unknown."""
    if party.withheld and any(said.source_id in party.withheld for said in effort.said):
        return "withheld"
    return "missing" if effort.month in party.months else None


def _name_status(said: str | None, party: Party, name: str | None) -> Status:
    if name is None or said == name or is_same("update_name", said, name):
        return "ok"
    if "name" not in party.edits:
        return "unsupported"
    return "wrong" if is_given(said) else "missing"


def _gear_status(said: Said, party: Party, item: str | None, gear: LinkedGear) -> Status | None:
    if party.gear_asked is not None and said.source_id not in party.gear_asked:
        return None
    is_named = said.gear_id is not None and is_given(said.gear_id)
    own = gear.item(party.name, said.gear_id) if said.gear_id is not None and is_named else None
    if is_named and own is None:
        return "unsupported"
    if item is None or own == item:
        return "ok"
    if "gear" not in party.edits or gear.at(item, party.name) is None:
        return "unsupported"
    return "wrong" if is_named else "missing"
