"""The gear of single activities, from providers whose lists do not name it: an answer per activity, in bronze.

It lies in data/bronze/providers/NAME/activity_gear, and is added to the rows of listings before these become shards. A
row has the gear that was known before the next listing began: so a rebuild makes the same versions as the runs did.
"""

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import BaseModel

from strava_pipeline.core.providers import spec_of
from strava_pipeline.core.rows import Json
from strava_pipeline.lake.bronze.answers import AnswerFiles, answer_files, land_answer, land_evidence, landing_of
from strava_pipeline.lake.bronze.listings import answer_times, listings
from strava_pipeline.lake.files import record_in
from strava_pipeline.lake.paths import Lake


class ActivityGear(BaseModel, frozen=True):
    """A provider's answer about the gear of an activity, and a hash of the row that the activity had then."""

    source_id: str
    row: str
    gear: Any


@dataclass(slots=True)
class GearOfActivities:
    """Adds the gear of activities to the rows of listings, one listing after the other, in the order in which `shards`
    reads them.
    """

    lake: Lake
    _known: dict[str, dict[int, list[tuple[int, str | None]]]] = field(default_factory=dict)
    _starts: dict[str, list[int]] = field(default_factory=dict)

    def added(
        self, source: str, landed: int | None, activities: Sequence[Json], before: Callable[[], Mapping[int, str]]
    ) -> Sequence[Json]:
        """The activities, with their gear if known.

        Args:
            landed: the number of the listing that contains them.
            before: the gear by activity before that listing, for a source whose calls for gear may fail.
        """
        has_gear_apart = (self.lake.providers / source).exists() and spec_of(source).has_gear_apart
        if has_gear_apart and any("gear_id" not in activity for activity in activities):
            return [
                {**activity, "gear_id": activity.get("gear_id", before().get(activity["id"]))}
                for activity in activities
            ]
        known = self._of(source)
        if not known:
            return activities
        starts = self._starts[source]
        place = bisect_right(starts, landed or 0)
        until = starts[place] if place < len(starts) else None
        return [_with_gear(activity, known.get(activity["id"], ()), until) for activity in activities]

    def _of(self, source: str) -> dict[int, list[tuple[int, str | None]]]:
        """By activity, the number and the gear of each answer, in the order of their arrival."""
        if source not in self._known:
            self._known[source] = _answers(self.lake, source)
            if self._known[source]:
                self._starts[source] = sorted(each.manifest.landed or 0 for each in listings(self.lake, source))
        return self._known[source]


def _answers(lake: Lake, source: str) -> dict[int, list[tuple[int, str | None]]]:
    found: dict[int, list[tuple[int, str | None]]] = {}
    folder = lake.gear_of_activities(source)
    read = spec_of(source).gear_of_activity if folder.is_dir() else None
    for path in folder.glob("*/*.json.gz") if read is not None else ():
        with suppress(ValueError):  # another program's file
            number = landing_of(path)[1] or 0
            if read is not None and (record := record_in(path, ActivityGear)) is not None:
                found.setdefault(int(path.parent.name), []).append((number, read(record.gear)))
    for answers in found.values():
        answers.sort(key=lambda answer: answer[0])
    return found


def _with_gear(activity: Json, answers: Sequence[tuple[int, str | None]], until: int | None) -> Json:
    gear = next((gear for number, gear in reversed(answers) if until is None or number < until), None)
    return activity if gear is None else {**activity, "gear_id": gear}


def land_gear_of_activity(lake: Lake, source: str, activity_id: int, record: ActivityGear, at: datetime) -> None:
    """Put an answer on disk."""
    folder = lake.gear_of_activities(source)
    land_answer(lake, folder, activity_id, record.model_dump_json().encode(), at)


def land_no_gear(lake: Lake, source: str, activity_id: int, body: bytes, status: int | None, at: datetime) -> None:
    """Store a failed or empty answer, so that it is not asked for in every run."""
    land_evidence(lake, lake.gear_of_activities(source), activity_id, body, status, at)


def gear_answers(lake: Lake, source: str) -> dict[int, tuple[AnswerFiles, ActivityGear | None]]:
    """By activity, its files on disk and the newest answer."""
    found = answer_files(answer_times(lake, source), [lake.gear_of_activities(source)])
    return {
        key: (files, None if files.good is None else record_in(files.good, ActivityGear))
        for key, files in found.items()
    }


def gear_asked_of(lake: Lake, source: str) -> set[str]:
    """The activities, by the source's own ids, whose gear was asked for and answered."""
    return {record.source_id for _, record in gear_answers(lake, source).values() if record is not None}
