"""A person's own table at its last reading: its columns, and the rows whose cells for ids are empty."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from strava_pipeline.core.sheets.cells import is_blank
from strava_pipeline.core.sheets.header import IDS, columns_of
from strava_pipeline.lake.bronze.listings import listings
from strava_pipeline.lake.files import DamagedFileError, unpacked_json
from strava_pipeline.lake.paths import Lake


@dataclass(frozen=True, slots=True)
class OwnerTable:
    """One table, or several.

    Args:
        columns: the words of the columns that each of them has (core/sheets/header.py).
        empty_ids: the words of the empty cells for ids, by the row's key.
    """

    columns: frozenset[str] = frozenset()
    empty_ids: Mapping[str, frozenset[str]] = field(default_factory=dict)


def owner_table(lake: Lake, source: str) -> OwnerTable:
    """The newest complete reading of a provider that is a person's table; an empty one if it can't be read."""
    newest = next((each for each in listings(lake, source, newest_first=True) if each.manifest.complete), None)
    pages = newest.manifest.pages[-1:] if newest is not None else []  # of several readings, the last one
    if newest is None or not pages:
        return OwnerTable()
    try:
        return _read(unpacked_json(newest.folder / pages[0].file)["books"])
    except (OSError, DamagedFileError, LookupError, TypeError, ValueError):
        return OwnerTable()  # the reader of the page for gold reports its faults


def _read(books: Sequence[Mapping[str, Any]]) -> OwnerTable:
    words: list[set[str]] = []
    empty: dict[str, frozenset[str]] = {}
    for book in books:
        places = {column.word: column.place for column in columns_of(book["titles"]) if column.word is not None}
        words.append({*places})
        ids = {word: place for word, place in places.items() if word in IDS}
        for _, key, *cells in book["rows"]:
            if key:
                empty[key] = frozenset(word for word, at in ids.items() if at >= len(cells) or is_blank(cells[at]))
    return OwnerTable(frozenset(set.intersection(*words)) if words else frozenset(), empty)
