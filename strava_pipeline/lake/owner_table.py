"""A person's own table as it was read last: which columns it has, and in which rows the cells for ids are empty."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from strava_pipeline.core.sheets.cells import is_blank
from strava_pipeline.core.sheets.header import IDS, columns_of
from strava_pipeline.lake.bronze.listings import listings
from strava_pipeline.lake.files import unpacked_json
from strava_pipeline.lake.paths import Lake


@dataclass(frozen=True, slots=True)
class OwnerTable:
    """A table, or several.

    Args:
        columns: the words of the columns that each of them has (core/sheets/header.py).
        empty_ids: the words of the empty cells for ids, by the row's key.
    """

    columns: frozenset[str] = frozenset()
    empty_ids: Mapping[str, frozenset[str]] = field(default_factory=dict)


def owner_table(lake: Lake, source: str) -> OwnerTable:
    """The newest complete reading of a provider that is a person's table; an empty one, where there is none."""
    newest = next((each for each in listings(lake, source, newest_first=True) if each.manifest.complete), None)
    pages = newest.manifest.pages[:1] if newest is not None else []
    if newest is None or not pages or pages[0].lost:
        return OwnerTable()
    words: list[set[str]] = []
    empty: dict[str, frozenset[str]] = {}
    for book in unpacked_json(newest.folder / pages[0].file)["books"]:
        places = {column.word: column.place for column in columns_of(book["titles"]) if column.word is not None}
        words.append({*places})
        ids = {word: place for word, place in places.items() if word in IDS}
        for _, key, *cells in book["rows"]:
            if key:
                empty[key] = frozenset(word for word, at in ids.items() if at >= len(cells) or is_blank(cells[at]))
    return OwnerTable(frozenset(set.intersection(*words)) if words else frozenset(), empty)
