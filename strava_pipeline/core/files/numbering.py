"""Ids of recordings that Strava has not numbered, in a folder that holds several people's: one id per recording and person.

The folder's own athlete has plain hashes, which are the same on every machine. Another athlete's hash includes the athlete,
so that one file of two people is two activities. How an id is hashed stands in objects.py. Pure.
"""

from collections.abc import Callable
from dataclasses import dataclass

from strava_pipeline.core.files.objects import hashed_id
from strava_pipeline.core.rows import Json

HeldBy = Callable[[str, int], frozenset[int]]


def held_by_nobody(source: str, activity_id: int) -> frozenset[int]:
    """The `HeldBy` of a folder's first import."""
    return frozenset()


@dataclass(frozen=True, slots=True)
class Identity:
    """The id of a recording, and the athlete who recorded it, where that is known."""

    activity_id: int
    athlete_id: int | None


@dataclass(frozen=True, slots=True)
class Numbering:
    """The ids of one import.

    `own_athlete`: who has plain ids in this folder; None: everybody, as in the imports of older versions.
    `held_by`: the athletes of whom earlier imports hold an activity, by its source and id.
    """

    own_athlete: int | None = None
    held_by: HeldBy = held_by_nobody

    def identify(self, source: str, source_id: str, athlete_id: int | None) -> Identity:
        """The identity of the recording `source_id` of a source. `athlete_id`: who recorded it, as far as the import says.

        An id that earlier imports gave stays: with another athlete's activity, or with the same athlete's. A recording
        that names no athlete and came in before belongs to the athlete it belonged to then.
        """
        plain = hashed_id(source, source_id)
        if self.own_athlete is None:
            return Identity(plain, athlete_id)
        holders = self.held_by(source, plain)
        if athlete_id is None:
            return Identity(plain, next(iter(holders)) if len(holders) == 1 else None)
        if athlete_id in holders or (athlete_id == self.own_athlete and not holders):
            return Identity(plain, athlete_id)
        return Identity(hashed_id(source, source_id, athlete_id), athlete_id)


def athlete_named(activity: Json) -> int | None:
    """The id of the athlete whom an object of the API names, if it names one."""
    athlete = activity.get("athlete")
    athlete_id = athlete.get("id") if isinstance(athlete, dict) else None
    return athlete_id if type(athlete_id) is int else None
