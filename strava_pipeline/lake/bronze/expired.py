"""The expired activities: data of an API whose terms limit storage left the lake, and never comes back.

This is the one exception from append-only bronze. The ids are kept for good: a listing shows an activity for as long as
it exists, and without the ids the next listing would bring it back.
"""

from typing import ClassVar

from strava_pipeline.core.sources import STRAVA
from strava_pipeline.lake.decisions import Decision, decisions
from strava_pipeline.lake.paths import Lake

_KNOWN: dict[Lake, tuple[tuple[int, int], frozenset[int]]] = {}
LIMITED = STRAVA  # the source whose terms limit how long data may be stored


class Expired(Decision):
    """The activities (their ids at the API) that expired at one time. `by`: the setting or the command that caused it."""

    kind: ClassVar[str] = "expired"
    ids: list[int]


def expired_ids(lake: Lake, source: str = LIMITED) -> frozenset[int]:
    """The activities of a source that have expired. The file is read only if it has changed."""
    if source != LIMITED:
        return frozenset()
    try:
        seen = (lake.decisions / f"{Expired.kind}.jsonl").stat()
    except FileNotFoundError:
        return frozenset()
    state = (seen.st_mtime_ns, seen.st_size)
    known = _KNOWN.get(lake)
    if known is None or known[0] != state:
        ids = frozenset(key for each in decisions(lake, Expired).all for key in each.ids)
        known = _KNOWN[lake] = (state, ids)
    return known[1]
