"""One effort as every provider has it: whose name and gear count, and where another one differs. Pure.

`compared` is the only place that judges this; commands, proposals and pages show what it returns. Which rows are one effort is
decided elsewhere (core/matching). Values are compared as core/changes/records.py does.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from strava_pipeline.core.changes.names import is_default_name
from strava_pipeline.core.changes.records import is_same

Status = Literal["authority", "ok", "missing", "wrong", "withheld", "unsupported"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a provider says of an effort: one of its rows.

    Args:
        gear_id: of the gear at the provider; of a person's own table, the text that stands there.
        links: ids of the same effort at other sources, by source, as far as the row gives them.
        is_deleted: it was there once, and is gone from the provider.
        is_counted: false for what is in no total, such as a leg of another activity.
        elapsed_time: seconds.
    """

    provider: str
    source_id: str
    name: str | None = field(default=None, repr=False)
    gear_id: str | None = None
    links: Mapping[str, str] = field(default_factory=dict)
    elapsed_time: int | None = None
    is_deleted: bool = False
    is_counted: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """A matched activity.

    Args:
        key: the id of the activity that all sources are, as text.
        month: the athlete's local month of the start, as 2026-10.
        start: UTC; None: only the day is known.
        local_start: as the athlete's clock showed it.
        distance: metres.
        said: the providers' rows, the best of each provider first.
    """

    key: str
    month: str
    start: datetime | None
    local_start: datetime
    distance: float | None = None
    sport: str | None = None
    said: Sequence[Said] = field(default=(), repr=False)

    @property
    def is_compared(self) -> bool:
        """Whether it counts: legs of another activity, and what is no activity of an athlete, are compared with nothing."""
        there = [said for said in self.said if not said.is_deleted]
        return not there or any(said.is_counted for said in there)

    def of(self, provider: str) -> Said | None:
        """The row that the provider has; of several, the one that matches best."""
        return next((said for said in self.said if said.provider == provider and not said.is_deleted), None)

    def was_deleted_at(self, provider: str) -> bool:
        """Whether the provider had it, and has it no more."""
        return self.of(provider) is None and any(said.provider == provider for said in self.said)


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """A provider that takes part in a comparison, with what was chosen about it.

    Args:
        leads: false where its name and gear never count (write_only).
        edits: what can be changed there at all.
        write: what the person allows to be changed there.
        link: the address of an activity, with `{source_id}`; None: the service has none.
        months: the months of which all that it has was listed; what it lacks in others is not known.
        withheld: ids, at the service where they came from, of the activities that it has and does not show.
    """

    name: str
    leads: bool = True
    edits: Collection[str] = frozenset()
    write: Collection[str] = frozenset()
    link: str | None = None
    months: Collection[str] = frozenset()
    withheld: Collection[str] = field(default=frozenset(), repr=False)


@dataclass(frozen=True, slots=True)
class Cell:
    """An effort at one provider.

    Args:
        name_status, gear_status: None where the provider lacks the effort in a month that was not listed whole.
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

    def to_json(self) -> dict[str, Any]:
        """The shape in docs/formats.md."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


@dataclass(frozen=True, slots=True)
class Row:
    """An effort beside what each provider has of it. `name_from`, `gear_from`: the authorities; None: nobody leads."""

    effort: Effort
    cells: Mapping[str, Cell]
    name_from: str | None = None
    gear_from: str | None = None


def compared(effort: Effort, parties: Sequence[Party]) -> Row:
    """The effort's cells, by provider. `parties`: the first whose name counts comes first."""
    name_from = _name_authority(effort, parties)
    leading = effort.of(name_from) if name_from else None
    cells = {party.name: _cell(effort, party, name_from, leading.name if leading else None) for party in parties}
    return Row(effort, cells, name_from)


def _name_authority(effort: Effort, parties: Sequence[Party]) -> str | None:
    for party in parties:
        said = effort.of(party.name)
        if party.leads and said is not None and is_given(said.name) and not _is_default(effort, said):
            return party.name
    return None


def is_given(text: str | None) -> bool:
    """Whether a text says anything: an empty one does not."""
    return not is_same("update_name", text, None)


def _is_default(effort: Effort, said: Said) -> bool:
    return is_default_name(said.name or "", said.provider, effort.sport)


def _cell(effort: Effort, party: Party, name_from: str | None, name: str | None) -> Cell:
    said = effort.of(party.name)
    if said is None:
        absent = _absent(effort, party)
        return Cell(False, name_status=absent, gear_status=absent)
    return Cell(
        True,
        said.source_id,
        said.name,
        _name_status(said, party, name_from, name),
        link=party.link.format(source_id=said.source_id) if party.link else None,
    )


def _absent(effort: Effort, party: Party) -> Status | None:
    """How it stands with an effort that the provider does not show."""
    if any(said.source_id in party.withheld for said in effort.said):
        return "withheld"
    return "missing" if effort.month in party.months else None


def _name_status(said: Said, party: Party, name_from: str | None, name: str | None) -> Status:
    if name_from is None or is_same("update_name", said.name, name):
        return "authority" if name_from == party.name else "ok"
    if "name" not in party.edits:
        return "unsupported"
    return "wrong" if is_given(said.name) else "missing"
