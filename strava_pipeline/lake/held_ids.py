"""Of which athletes earlier imports hold activities that Strava has not numbered, out of the activities on disk. Reads only.

Read when an import asks, and then only the listings of one source: most imports never ask. Which ids follow from it is
core/files/objects.py's.
"""

from collections.abc import Iterator, Sequence
from functools import partial

from strava_pipeline.core.files.objects import Holders, named_athlete_id
from strava_pipeline.core.sources import IMPORTED
from strava_pipeline.lake.imported import imported_from
from strava_pipeline.lake.imports import Import
from strava_pipeline.lake.paths import Lake


def athletes_of_hashed(lake: Lake, one: Import) -> set[int]:
    """The athletes whose activities an import holds that Strava has not numbered, as far as its activities on disk name them."""
    held = HeldIds(lake, [one])
    return {athlete_id for source in IMPORTED for _, athlete_id in held.hashed(one, source)}


class HeldIds:
    """`came`: every import, in order. The activities of those before the one that asks are on disk."""

    def __init__(self, lake: Lake, came: Sequence[Import]) -> None:
        self._lake, self._came = lake, came
        self._read: dict[str, int] = {}  # by source: how many imports were read
        self._held: dict[str, dict[int, dict[int, int]]] = {}  # by source, id and athlete: the first import with it

    def before(self, number: int) -> Holders:
        """Who holds an id in the imports before the one at place `number` of `came`."""
        return partial(self._held_before, number)

    def _held_before(self, number: int, source: str, activity_id: int) -> frozenset[int]:
        held = self._held.setdefault(source, {})
        for place in range(self._read.get(source, 0), number):
            for found, athlete_id in self.hashed(self._came[place], source):
                held.setdefault(found, {}).setdefault(athlete_id, place)
        self._read[source] = max(number, self._read.get(source, 0))
        return frozenset(athlete_id for athlete_id, place in held.get(activity_id, {}).items() if place < number)

    def hashed(self, one: Import, source: str) -> Iterator[tuple[int, int]]:
        """Id and athlete of the activities of a source that Strava has not numbered and that name an athlete."""
        if not one.manifest.may_name_athletes or (found := imported_from(self._lake, one.name, source)) is None:
            return
        for _, activities in found.listing.pages():
            for activity in activities:
                athlete_id = named_athlete_id(activity) or found.listing.manifest.athlete_id
                if activity["id"] < 0 and athlete_id is not None:
                    yield activity["id"], athlete_id
