"""The key of each row: stable for the same activity, wherever in the table it stands. Pure.

A row takes its key from the reading before, if a row there has the same cells, the same id, the same start, distance
and duration, or all but one of these. So an id that is filled in later, or a corrected distance, makes no new activity.
The keys are stored in the reading, which bronze keeps, so a rebuild has them too. A new row gets a key from its id, or
from its start, distance and duration. The row's number is ignored, because sorting changes it.
"""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass

from strava_pipeline.core.sheets.cells import read_number, read_text
from strava_pipeline.core.sheets.header import IDS, NAME
from strava_pipeline.core.sheets.rows import Row, shared_ids

CONTENT = "row-"  # begins the keys that come from no id


@dataclass(frozen=True, slots=True)
class Identity:
    """The marks that identify a row. Numbers are in the owner's units, so changing a setting doesn't change them.

    Args:
        key: empty if the row has none yet.
        ids: by source, without ids that several rows have.
        cells: a hash of all its cells.
    """

    key: str
    ids: dict[str, str]
    start: str | None = None
    day: str | None = None
    has_time: bool = False
    distance: float | None = None
    seconds: int | None = None
    name: str | None = None
    cells: str = ""

    def content(self) -> tuple[Hashable, ...]:
        """Start, distance and duration."""
        return self.start, self.distance, self.seconds


def identities(rows: Sequence[Row]) -> list[Identity]:
    """The identity of each row."""
    shared = shared_ids(list(rows))
    return [_identity(row, shared) for row in rows]


def _identity(row: Row, shared: set[tuple[str, str]]) -> Identity:
    start = row.start
    distance = read_number(row.cells.get("distance"), decimal=row.decimal)
    cells = json.dumps([row.cells, row.others], sort_keys=True, ensure_ascii=False)
    return Identity(
        row.key,
        {source: found for source, found in row.ids.items() if (source, found) not in shared},
        start.text if start else None,
        start.day.isoformat() if start else None,
        start is not None and start.clock is not None,
        None if distance is None else round(distance, 4),
        row.seconds(),
        read_text(row.cells.get(NAME)),
        hashlib.blake2b(cells.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest(),
    )


def assign_keys(rows: Sequence[Identity], before: Sequence[Identity], former: Sequence[Identity]) -> list[str]:
    """A key for each row, in the same order.

    Args:
        before: the rows of the reading before.
        former: rows of earlier readings that had gone by then; they come back only if they are surely the same.
    """
    keys: dict[int, str] = {}
    _pair(rows, before, keys, _STAGES)
    _pair(rows, former, keys, _SURE)
    taken = {*keys.values(), *(each.key for each in (*before, *former))}
    twins = Counter[str]()
    for place, row in enumerate(rows):
        if place not in keys:
            keys[place] = next(key for key in _new_keys(row, twins) if key not in taken)
            taken.add(keys[place])
    return [keys[place] for place in range(len(rows))]


def gone(rows: Iterable[str], before: Sequence[Identity], former: Sequence[Identity]) -> list[Identity]:
    """The rows of earlier readings whose keys are not among `rows`, each once."""
    here = set(rows)
    found = {each.key: each for each in (*former, *before) if each.key not in here}
    return list(found.values())


_Mark = Callable[[Identity], Hashable | None]


def _of_id(source: str) -> _Mark:
    return lambda row: row.ids.get(source)


def _of_content(row: Identity) -> Hashable | None:
    return row.content() if row.start else None


def _of_named_content(row: Identity) -> Hashable | None:
    return (*row.content(), row.name) if row.start else None


def _of_start(row: Identity) -> Hashable | None:
    return row.start if row.has_time else None


def _of_day(row: Identity) -> Hashable | None:
    return (row.day, row.distance, row.seconds) if row.day and (row.distance or row.seconds) else None


def _of_effort(row: Identity) -> Hashable | None:
    return (row.distance, row.seconds, row.name) if row.distance and row.seconds else None


def _of_lone_day(row: Identity) -> Hashable | None:
    return (row.day, row.distance) if row.distance and not row.has_time else None


_SURE: list[tuple[_Mark, bool]] = [
    (lambda row: row.cells, True),
    *((_of_id(source), False) for source in IDS.values()),
    (_of_named_content, True),
    (_of_content, True),
    (_of_start, False),  # nobody has two activities at one time
]
_STAGES = [*_SURE, (_of_day, False), (_of_effort, False), (_of_lone_day, False)]
"""Marks that identify rows, the surest first; and whether several rows with one mark are paired in their order."""


def _pair(
    rows: Sequence[Identity], others: Sequence[Identity], keys: dict[int, str], stages: Sequence[tuple[_Mark, bool]]
) -> None:
    """Give rows the keys of the others with the same mark; each key is given once."""
    used = set(keys.values())
    for mark, in_order in stages:
        ours: dict[Hashable, list[int]] = defaultdict(list)
        theirs: dict[Hashable, list[str]] = defaultdict(list)
        for place, row in enumerate(rows):
            if place not in keys and (found := mark(row)) is not None:
                ours[found].append(place)
        for other in others:
            if other.key not in used and (found := mark(other)) is not None:
                theirs[found].append(other.key)
        for found, places in ours.items():
            same = theirs.get(found, [])
            if in_order or len(places) == len(same) == 1:
                for place, key in zip(places, same, strict=False):
                    keys[place] = key
                    used.add(key)


def _new_keys(row: Identity, twins: Counter[str]) -> Iterable[str]:
    """Keys for a new row, the best first: from its first id, or else from its content, with a number for twins; none again."""
    for source in IDS.values():
        if source in row.ids:
            yield f"{source}-{row.ids[source]}"
    content = content_key(row.start, row.distance, row.seconds)
    while True:
        twins[content] += 1
        yield f"{content}-{twins[content]}" if twins[content] > 1 else content


def content_key(start: str | None, distance: float | None, seconds: int | None) -> str:
    """The key of a row without ids: a hash of its start as written, its distance in the owner's unit, and its duration."""
    content = json.dumps([start, distance, seconds])
    return CONTENT + hashlib.blake2b(content.encode(), digest_size=8).hexdigest()
