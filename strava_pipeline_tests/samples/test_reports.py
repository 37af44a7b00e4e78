"""Files that other people reported as read wrongly elsewhere (../shared/samples/reports), with the values that are right.

Deselected by default (`-m samples` runs them), and then red where they are absent. Local clocks and distances are what the file's
own source says (`activity_sources`); moving time and climb are what people see (`activity_list`).
"""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.core.sources import FILE, hashed_id
from strava_pipeline_tests.imports import import_by_dagster
from strava_pipeline_tests.rig import Rig, started

pytestmark = pytest.mark.samples

REPORTS = Path(__file__).parents[2].parent / "shared" / "samples" / "reports"
EXPECTED: dict[str, dict[str, Any]] = json.loads((REPORTS / "EXPECTED.json").read_bytes()) if REPORTS.exists() else {}
CLOCKS = ("start_date", "start_date_local")
NUMBERS = (
    "distance",
    "elapsed_time",
    "average_heartrate",
    "max_heartrate",
    "average_watts",
    "max_watts",
    "elev_low",
    "elev_high",
)
LISTED = ("moving_time", "total_elevation_gain")
Row = dict[str, Any]


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    folder = tmp_path_factory.mktemp("reports")
    with started(folder, logged_in=False, activities=1, settings={"first_year": 2010}) as rig:
        import_by_dagster(rig, REPORTS)
        yield rig


def activities(rig: Rig, name: str) -> list[Row]:
    """What became of a file, in the order of its starts: what its source says, and what the list shows."""
    names = ", ".join(f"said.{each}" for each in ("name", "sport_type", *CLOCKS, *NUMBERS))
    ((content, recordings),) = rig.gold(
        f"SELECT content, coalesce(recordings, 0) FROM files WHERE list_contains(names, '{name}')"
    )
    ids = [hashed_id(FILE, f"{content}:{place}") for place in range(recordings)]
    rows = rig.gold(
        f"SELECT {names}, list.moving_time, list.total_elevation_gain FROM activity_sources AS said "
        f"JOIN activity_list AS list ON list.id = said.activity_id WHERE list_contains({ids}, said.id) ORDER BY said.start_date"
    )
    return [dict(zip(("name", "sport_type", *CLOCKS, *NUMBERS, *LISTED), row, strict=True)) for row in rows]


def wrong(found: Row, right: Row) -> Row:
    """The fields whose value is not right."""
    bad = {}
    for field in (*NUMBERS, *LISTED):
        if field in right and not near(found[field], right[field], right, field):
            bad[field] = found[field]
    for field in ("name", "sport_type"):
        if field in right and found[field] != right[field]:
            bad[field] = found[field]
    for field in CLOCKS:
        if field in right and not same_moment(found[field], right[field], right.get("start_within", 0)):
            bad[field] = found[field]
    if right.get("name_is_not", "\0") in (found["name"] or ""):
        bad["name"] = found["name"]
    return bad


def near(found: Any, right: Any, told: Row, field: str) -> bool:
    if right is None or found is None:
        return found == right or (found is None and right == 0)
    within = {"moving_time": told.get("moving_within", 1), "elapsed_time": told.get("elapsed_within", 1)}
    return abs(found - right) <= within.get(field, max(told.get("within", 0.02) * abs(right), 0.5))


def same_moment(found: datetime | None, right: str | None, seconds: float) -> bool:
    if right is None or found is None:
        return found is None and right is None
    return abs((found.replace(tzinfo=None) - datetime.fromisoformat(right)).total_seconds()) <= seconds


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_reported_file_says_what_is_right(rig: Rig, name: str) -> None:
    right, found = EXPECTED[name]["activities"], activities(rig, name)
    assert len(found) == len(right)
    assert [wrong(*pair) for pair in zip(found, right, strict=True)] == [{}] * len(right)
