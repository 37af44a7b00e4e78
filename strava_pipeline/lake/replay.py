"""What a replay of events is measured by: which activities are published, and what of each changed since. Reads only."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from strava_pipeline.core.sources import STRAVA
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.publish import snapshot, snapshot_file
from strava_pipeline.lake.sql import sql

_MOVING = {"fetched_at"}  # new with each answer


@dataclass(frozen=True, slots=True)
class Change:
    """An activity that an answer showed to be another: the columns of its detail that differ."""

    activity_id: int
    fields: list[str]


@dataclass(frozen=True, slots=True)
class Picture:
    """Details as published, by activity (without one: no columns), and which activities are deleted."""

    details: dict[int, dict[str, Any]]
    deleted: frozenset[int]

    def changes_to(self, later: "Picture") -> list[Change]:
        """What differs in a later picture of the same."""
        found = []
        for key, before in self.details.items():
            after = later.details.get(key, {})
            fields = [name for name in after if name not in _MOVING and after[name] != before.get(name)]
            if fields:
                found.append(Change(key, sorted(fields)))
        return found

    def followed_in(self, later: "Picture") -> list[int]:
        """Those of which another answer came."""
        return [
            key
            for key, before in self.details.items()
            if later.details.get(key, {}).get("fetched_at") != before.get("fetched_at")
        ]


def known_activities(lake: Lake, years: Sequence[int]) -> list[int]:
    """The present activities of the API's in `years` as published, newest first. PipelineError where nothing is."""
    snapshot_file(lake)
    with snapshot(lake) as connection:
        return [
            key for (key,) in connection.execute(sql("replayed"), {"source": STRAVA, "years": list(years)}).fetchall()
        ]


def picture(lake: Lake, ids: Sequence[int]) -> Picture:
    """These activities as they are published now."""
    with snapshot(lake) as connection:
        rows = connection.execute(sql("replayed_details"), {"source": STRAVA, "ids": list(ids)}).fetchall()
    details = {key: json.loads(row) if row else {} for key, row, _ in rows}
    return Picture(details, frozenset(key for key, _, is_deleted in rows if is_deleted))
