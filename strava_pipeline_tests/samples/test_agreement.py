"""Rows of real archives beside what the API would say of the same activities: rounded or cut, nothing differs.

No sample has one activity from both, so gold is made here: each number with as many decimals as real answers of the API have.
"""

import math
from collections.abc import Callable
from typing import Any

import pytest

from strava_pipeline.core.files.agreement import COMPARED, GoldActivity, compare_activities, differences
from strava_pipeline.core.files.archive_csv import ArchiveRow, read_activities_csv
from strava_pipeline.core.files.objects import row_id
from strava_pipeline_tests.samples.test_archives import EXPORTS, HEADERS

pytestmark = pytest.mark.samples

LISTS = {
    "2024": EXPORTS / "geo-activity-playground" / "activities.csv",
    "2024, French titles": EXPORTS / "sportiva" / "activities.csv",
    "2025": HEADERS / "odd_rows_en94.csv",
    "2026": HEADERS / "odd_rows_en99_swim.csv",
    "2026, Dutch": HEADERS / "rows_nl_99cols.csv",
}
DECIMALS = {"max_speed": 3, "average_temp": 0, "max_watts": 0, "weighted_average_watts": 0}
WHOLE = ("moving_time", "elapsed_time")


def rounded(value: float, decimals: int) -> float:
    return round(value, decimals)


def cut(value: float, decimals: int) -> float:
    return math.floor(value * 10**decimals) / 10**decimals


def held(row: ArchiveRow, how: Callable[[float, int], float]) -> GoldActivity:
    """What gold would hold of the activity."""
    values: dict[str, Any] = {name: row.summary.get(name) for name in COMPARED} | {"start_date": row.started_at}
    for name, value in values.items():
        if isinstance(value, float) and name not in WHOLE:
            values[name] = how(value, DECIMALS.get(name, 1))
    return GoldActivity(row_id(row), 7, None, values)


@pytest.mark.parametrize("how", [rounded, cut])
@pytest.mark.parametrize("name", LISTS)
def test_a_real_list_agrees_with_the_apis_numbers(name: str, how: Callable[[float, int], float]) -> None:
    rows = read_activities_csv(LISTS[name].read_bytes()).rows
    gold = {one.activity_id: one for one in (held(row, how) for row in reversed(rows))}
    found = compare_activities(rows, gold, {}, 7)
    assert (found.differing, found.agrees, found.in_both) == ((), True, len(gold))


@pytest.mark.parametrize("name", ["2025", "2026", "2026, Dutch"])
def test_a_list_that_only_shows_distances_agrees_too(name: str) -> None:
    raw = LISTS[name].read_bytes()
    head, rest = raw.split(b"\n", 1)
    cells = head.split(b",")
    cells[[at for at, cell in enumerate(cells) if cell in (b"Distance", b"Afstand")][1]] = b"Something else"
    shown = read_activities_csv(b",".join(cells) + b"\n" + rest).rows
    for row, other in zip(read_activities_csv(raw).rows, shown, strict=True):
        assert "distance" in other.from_display
        assert differences(other, held(row, rounded)) == {}
