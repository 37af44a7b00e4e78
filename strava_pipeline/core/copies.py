"""The snapshots of a second copy, as restic lists them, and which of them are outdated. Pure.

Each snapshot holds one kind of files, divided by how long they may be kept: `own`, `api` (only from Strava's API),
`published`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

OWN, API, PUBLISHED = "own", "api", "published"
KINDS = (OWN, API, PUBLISHED)
FOLDER, NAME = "folder:", "name:"  # before the id and the name of the data folder, in a snapshot's tags
MADE = "made:"  # before what tells the folder that made it from one that was restored
BESIDE = "beside:"  # before the kinds that the copy has, once the run is done that made the snapshot, with a + between
EXPIRED = "expired:"  # before the number of lines of expired.jsonl that were known when it was made
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
    def instance(self) -> str:
        """The installation that made it, of several with this folder id; empty if unknown."""
        return self._tagged(MADE)

    @property
    def beside(self) -> frozenset[str]:
        """The kinds that the copy had after the run that made this snapshot."""
        return frozenset(self._tagged(BESIDE).split("+")) & {*KINDS}

    @property
    def expired(self) -> int | None:
        """How many lines of expired.jsonl it knew; None: an older version made it."""
        return int(found) if (found := self._tagged(EXPIRED)).isdigit() else None

    def _tagged(self, mark: str) -> str:
        return next((tag.removeprefix(mark) for tag in sorted(self.tags) if tag.startswith(mark)), "")


def newest(snapshots: Iterable[CopySnapshot], until: datetime) -> CopySnapshot | None:
    """The newest snapshot up to a moment, or None."""
    return max((each for each in snapshots if each.at <= until), key=lambda each: each.at, default=None)


def outlived(snapshots: Iterable[CopySnapshot], purged: Sequence[bool | None], known: int) -> list[CopySnapshot]:
    """The snapshots that may hold what left for good later: a purged activity those of all kinds, the expired all but `own`.

    Args:
        purged: of each line of expired.jsonl, whether it tells of a purge; None: of nothing that left.
        known: the number of lines that a snapshot without one is taken to have known.
    """
    return [
        each
        for each in snapshots
        if any(
            one or (one is not None and each.kind != OWN)
            for one in purged[known if each.expired is None else each.expired :]
        )
    ]


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
