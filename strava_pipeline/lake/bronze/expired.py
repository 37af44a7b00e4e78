"""The activities that left the lake for good: by a limit on storage (retention.py), or because a person purged one.

This is the one exception from append-only bronze. The ids are kept for good: a listing shows an activity for as long as
it exists, and without the ids the next listing would bring it back.
"""

from hashlib import sha256
from typing import ClassVar

from pydantic import ValidationError

from strava_pipeline.core.copies import API, KINDS, PUBLISHED
from strava_pipeline.core.sources import STRAVA
from strava_pipeline.lake.decisions import Decision, decision_lines, decisions
from strava_pipeline.lake.paths import Lake

LIMITED = STRAVA  # the source whose terms limit how long data may be stored


class Expired(Decision):
    """The activities (their ids in the lake) that left at one time.

    Args:
        by: the setting or the command that caused it.
        ids: of the limited source's API; of a purged activity all of them, of every source.
        purged: the id of the activity that a person purged; None: a limit expired.
        files: hashes of files that only told of a purged activity.
        imports: names of imports that brought nothing else.
        readmits: nothing left; what had expired by a limit until then may come in again.
        adopts: nothing left; states of this file in snapshots of the second copy that a person gave up. They know all until then.
        unites: nothing left; states whose lines were brought back from there. They know nothing of what other lines name.
    """

    kind: ClassVar[str] = "expired"
    ids: list[int]
    purged: int | None = None
    files: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()
    readmits: bool = False
    adopts: tuple[str, ...] = ()
    unites: tuple[str, ...] = ()


_KNOWN: dict[Lake, tuple[tuple[int, int], list[Expired]]] = {}


def expired_ids(lake: Lake, source: str = LIMITED) -> frozenset[int]:
    """The activities of which nothing of a source may come in. What a person purged comes in by none."""
    return limited_ids(lake, source).union(*(each.ids for each in purges(lake)))


def limited_ids(lake: Lake, source: str = LIMITED) -> frozenset[int]:
    """The activities of a source that expired by a limit on storage."""
    every = expired_lines(lake) if source == LIMITED else []
    since = max((number for number, each in enumerate(every, start=1) if each.readmits), default=0)
    return frozenset(key for each in every[since:] if each.purged is None for key in each.ids)


def purges(lake: Lake) -> list[Expired]:
    """What was recorded of each purge of an activity."""
    return [each for each in expired_lines(lake) if each.purged is not None]


def purged_files(lake: Lake) -> frozenset[str]:
    """The hashes of the files that left with purged activities, and don't come in again."""
    return frozenset(digest for each in expired_lines(lake) for digest in each.files)


def expired_since(lake: Lake) -> dict[str, frozenset[str]]:
    """By each state that the lines had, the present one first, the kinds of copied files that may hold what left after it.

    A state is a hash of all lines up to then: another folder's lines, or lost ones, have states that are not in it. A purged
    activity may be in files of all kinds, an expired one is not in a person's `own`.
    """
    lines, so_far = [], sha256()
    for line in decision_lines(lake.decisions / f"{Expired.kind}.jsonl"):
        lines.append((so_far.hexdigest(), line))
        so_far.update(line)
    since, kinds, united = {so_far.hexdigest(): frozenset[str]()}, frozenset[str](), set[str]()
    for before, line in reversed(lines):
        try:
            one = Expired.model_validate_json(line)
        except ValidationError:
            one = None
        if one is not None:
            since |= dict.fromkeys(one.adopts, kinds)
            united.update(one.unites)
            kinds |= {*KINDS} if one.purged is not None else {API, PUBLISHED} if one.ids else {*()}
        since[before] = kinds
    return since | dict.fromkeys(united - since.keys(), kinds)


def expired_lines(lake: Lake) -> list[Expired]:
    """All lines, in order. Read only if the file has changed."""
    try:
        seen = (lake.decisions / f"{Expired.kind}.jsonl").stat()
    except FileNotFoundError:
        return []
    state = (seen.st_mtime_ns, seen.st_size)
    known = _KNOWN.get(lake)
    if known is None or known[0] != state:
        known = _KNOWN[lake] = (state, decisions(lake, Expired).all)
    return known[1]
