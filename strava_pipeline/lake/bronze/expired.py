"""The activities that left the lake for good: by a limit on storage (retention.py), or because a person purged one.

This is the one exception from append-only bronze. The ids are kept for good: a listing shows an activity for as long as
it exists, and without the ids the next listing would bring it back.
"""

from dataclasses import dataclass
from typing import ClassVar

from strava_pipeline.core.sources import STRAVA
from strava_pipeline.lake.decisions import Decision, decisions
from strava_pipeline.lake.paths import Lake

LIMITED = STRAVA  # the source whose terms limit how long data may be stored


class Expired(Decision):
    """The activities (their ids in the lake) that left at one time.

    Args:
        by: the setting or the command that caused it.
        ids: of the limited source's API; of a purged activity all of them, of every source.
        purged: the id of the activity that a person purged; None: a limit expired.
        files: hashes of files that only told of a purged activity.
    """

    kind: ClassVar[str] = "expired"
    ids: list[int]
    purged: int | None = None
    files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Known:
    limited: frozenset[int]
    purged: frozenset[int]
    files: frozenset[str]


_KNOWN: dict[Lake, tuple[tuple[int, int], _Known]] = {}
_NOTHING = _Known(frozenset(), frozenset(), frozenset())


def expired_ids(lake: Lake, source: str = LIMITED) -> frozenset[int]:
    """The activities of which nothing of a source may come in. What was purged comes in by none."""
    known = _known(lake)
    return known.limited | known.purged if source == LIMITED else known.purged


def limited_ids(lake: Lake, source: str = LIMITED) -> frozenset[int]:
    """The activities of a source that expired by a limit on storage."""
    return _known(lake).limited if source == LIMITED else frozenset()


def purged_files(lake: Lake) -> frozenset[str]:
    """The hashes of the files that left with purged activities, and don't come in again."""
    return _known(lake).files


def purges(lake: Lake) -> list[Expired]:
    """What was recorded of each purge of an activity."""
    return [each for each in decisions(lake, Expired).all if each.purged is not None]


def _known(lake: Lake) -> _Known:
    """The file's content; read only if it has changed."""
    try:
        seen = (lake.decisions / f"{Expired.kind}.jsonl").stat()
    except FileNotFoundError:
        return _NOTHING
    state = (seen.st_mtime_ns, seen.st_size)
    known = _KNOWN.get(lake)
    if known is None or known[0] != state:
        every = decisions(lake, Expired).all
        limited, purged = (
            frozenset(key for each in every if (each.purged is not None) is by_person for key in each.ids)
            for by_person in (False, True)
        )
        files = frozenset(digest for each in every for digest in each.files)
        known = _KNOWN[lake] = (state, _Known(limited, purged, files))
    return known[1]
