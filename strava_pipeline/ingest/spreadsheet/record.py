"""The spreadsheet's record: the owner's own table of activities. How its cells and rows are read is core/sheets'.

Its page is a reading of the whole table, which bronze keeps with all cells. Rows have no id of a service: their keys stand in
the reading (core/sheets/keys.py).
"""

from collections.abc import Set
from dataclasses import asdict, dataclass
from typing import Any

from strava_pipeline.core.providers import ProviderSpec, ReadPage, UnreadableRowError
from strava_pipeline.core.rows import Json
from strava_pipeline.core.sheets.header import START
from strava_pipeline.core.sheets.keys import CONTENT, Identity, identities
from strava_pipeline.core.sheets.rows import Row, rows_of, shared_ids, summary_of
from strava_pipeline.core.sources import hashed_id
from strava_pipeline.core.unreadable import UnreadableItem, digest_of

NAME = "spreadsheet"


def read_page(content: Any) -> ReadPage:
    """The activities of a reading. An id that several rows have links none of them, because it is ambiguous."""
    try:
        rows = list(rows_of(content))
        zone, units = content["zone"], content["units"]
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise UnreadableRowError("it is no reading of a spreadsheet") from error
    shared = shared_ids(rows)
    activities: list[Json] = []
    faulty: list[UnreadableItem] = []
    for row in rows:
        if row.is_faulty:
            faulty.append(UnreadableItem(row.number, _fault(row), digest_of(dict(row.cells))))
            continue
        links = {source: found for source, found in row.ids.items() if (source, found) not in shared}
        found = {**summary_of(row, zone, units), "id": hashed_id(NAME, row.key), "source_id": row.key}
        activities.append({**found, "links": links} if links else found)
    return ReadPage(activities, faulty)


def _fault(row: Row) -> str:
    cell = f"{row.columns[START].letters}{row.number}"
    return (
        f"{row.table}, row {row.number}: the start in {cell} can't be read; write it as a date, or as text with the year "
        "first, such as 2025-07-18 06:30"
    )


@dataclass(frozen=True, slots=True)
class _SheetSpec(ProviderSpec):
    def without(self, content: Any, ids: Set[int]) -> Any:
        """A reading in which the rows of these activities are blank. One that is unchanged later has its key again: from its
        id, or by a hash of its cells, which stays.
        """
        rows = [*rows_of(content)] if content else []
        former = [Identity(**each) for each in content["former"]] if content else []
        keys = {row.key for row in rows} | {each.key for each in former}
        gone = {key for key in keys if self.activity_id(key) in ids}
        if not gone:
            return content
        places = {(row.book, row.number) for row in rows if row.key in gone}
        books = [
            {**book, "rows": [[row[0], ""] if (place, row[0]) in places else row for row in book["rows"]]}
            for place, book in enumerate(content["books"])
        ]
        left = [each for each in former if each.key not in gone]
        for each in (*identities(rows), *former):
            if each.key in gone and each.key.startswith(CONTENT):
                left.append(Identity(each.key, {}, cells=each.cells))
        return {**content, "books": books, "former": [asdict(each) for each in left]}

    def originals_with(self, content: Any, ids: Set[int]) -> set[str]:
        rows = rows_of(content) if content else ()
        return {content["books"][row.book]["sha256"] for row in rows if self.activity_id(row.key) in ids}


SPEC = _SheetSpec(
    name=NAME,
    title="Spreadsheet",
    link=None,
    precedence=5,
    priority=1,
    by_hand=True,
    quiet_day_calls=0,
    read_page=read_page,
    capabilities=frozenset({"whole", "adds"}),
    edits=frozenset({"name", "gear", "duration"}),
)
