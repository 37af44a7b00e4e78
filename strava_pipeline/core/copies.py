"""The snapshots of a second copy, as restic lists them, and which of them are outdated. Pure.

Each snapshot holds one kind of files, divided by how long they may be kept: `own`, `api` (only from Strava's API),
`published`.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

OWN, API, PUBLISHED = "own", "api", "published"
KINDS = (OWN, API, PUBLISHED)
FOLDER, NAME = "folder:", "name:"  # before the id and the name of the data folder, in a snapshot's tags
MADE = "made:"  # before the mark of the copy that made it; in earlier versions before an id of the folder that made it
BESIDE = "beside:"  # before the kinds that the copy has, once the run is done that made the snapshot, with a + between
EXPIRED = "expired:"  # before the state of expired.jsonl when it was made, a hash of its lines; earlier ones have none
# of so many days, weeks and months that have snapshots, the newest one each
_KEPT = (14, lambda at: at.date()), (8, lambda at: at.isocalendar()[:2]), (24, lambda at: (at.year, at.month))


@dataclass(frozen=True, slots=True)
class CopySnapshot:
    """A snapshot. `at`: when it was made, by the clock there; `paths`: the copied paths on that machine."""

    id: str
    at: datetime
    host: str
    tags: frozenset[str]
    paths: tuple[str, ...]

    @classmethod
    def of(cls, item: Mapping[str, Any]) -> "CopySnapshot":
        """Read one element of `restic snapshots --json`. Raises LookupError, TypeError or ValueError for others."""
        at = datetime.fromisoformat(item["time"]).astimezone(UTC)
        return cls(item["id"], at, item["hostname"], frozenset(item.get("tags") or ()), tuple(item["paths"]))

    @property
    def kind(self) -> str | None:
        """The kind of files in it, or None if this program did not make it."""
        return next((kind for kind in KINDS if kind in self.tags), None) if self.folder else None

    @property
    def folder(self) -> str:
        """The id of the data folder; empty if this program did not make it."""
        return self._tagged(FOLDER)

    @property
    def name(self) -> str:
        """The name of the data folder."""
        return self._tagged(NAME)

    @property
    def mark(self) -> str:
        """The mark of the copy that made it, which its folder noted before; empty if unknown."""
        return self._tagged(MADE)

    @property
    def beside(self) -> frozenset[str]:
        """The kinds that the copy had after the run that made this snapshot."""
        return frozenset(self._tagged(BESIDE).split("+")) & {*KINDS}

    @property
    def expired(self) -> str:
        """The state of expired.jsonl that it knew; empty: an older version made it."""
        return "" if (found := self._tagged(EXPIRED)).isdigit() else found

    def knowing(self, state: str) -> "CopySnapshot":
        """The snapshot with a state of expired.jsonl that was found otherwise."""
        return replace(self, tags=self.tags - {f"{EXPIRED}{self._tagged(EXPIRED)}"} | {f"{EXPIRED}{state}"})

    def _tagged(self, mark: str) -> str:
        return next((tag.removeprefix(mark) for tag in sorted(self.tags) if tag.startswith(mark)), "")


def marks_of(snapshots: Iterable[CopySnapshot]) -> tuple[str, ...]:
    """The marks of the copies that made them."""
    return tuple(sorted({each.mark for each in snapshots}))


def newest(snapshots: Iterable[CopySnapshot], until: datetime) -> CopySnapshot | None:
    """The newest snapshot up to a moment, or None."""
    return max((each for each in snapshots if each.at <= until), key=lambda each: each.at, default=None)


def outlived(snapshots: Iterable[CopySnapshot], since: Mapping[str, Collection[str]]) -> list[CopySnapshot]:
    """The snapshots that may hold what left for good later.

    `since`: by each state that expired.jsonl had, the kinds of snapshots that may hold what left after it.
    """
    return [each for each in snapshots if each.kind in since.get(each.expired, ())]


def outdated(snapshots: Iterable[CopySnapshot], now: datetime) -> list[CopySnapshot]:
    """The snapshots of one kind beyond 14 days, 8 weeks and 24 months of them.

    Snapshots dated later than `now` by a wrong clock are never outdated and take no place from the others. (restic's
    own `forget --keep-within` counts back from the newest time in the repository, so one such snapshot would remove all
    others.)
    """
    past = sorted((each for each in snapshots if each.at <= now), key=lambda each: each.at, reverse=True)
    kept = set[str]()
    for most, period in _KEPT:
        newest_of: dict[Any, str] = {}
        for each in past:
            newest_of.setdefault(period(each.at), each.id)
        kept.update([*newest_of.values()][:most])
    return [each for each in past if each.id not in kept]
