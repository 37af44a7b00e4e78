"""A real athlete's 2023 as another system published it, and real listings: pacing and sums come out the same.

Deselected by default (`-m samples` runs them), and then red where they are absent.
"""

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.core.insights.documents import MILES_PER_KM
from strava_pipeline.core.insights.goals import Goals
from strava_pipeline.core.insights.pacing import projection
from strava_pipeline.lake.gold.insight_differences import insight_differences
from strava_pipeline.lake.gold.insights import athlete_of, read_insights, write_insights
from strava_pipeline.lake.gold.publish import publish, snapshot
from strava_pipeline.lake.paths import Lake
from strava_pipeline_tests.lake.insight_rows import activity, put

pytestmark = pytest.mark.samples

SAMPLES = Path(__file__).parents[2].parent / "shared" / "samples" / "strava"


def read(name: str) -> Any:
    return json.loads((SAMPLES / name).read_bytes())


def written(lake: Lake, year: int, today: date) -> dict[str, Any]:
    publish(lake)
    with snapshot(lake) as connection:
        athlete = athlete_of(connection, Goals(), datetime.now(UTC))
        assert athlete is not None
        write_insights(connection, lake, athlete, Goals(), today, [year])
        assert insight_differences(connection, lake, athlete, [year], today) == {}
    return read_insights(lake, year)


def test_2023_as_published_elsewhere(tmp_path: Path) -> None:
    lake, summary = Lake(tmp_path / "data"), read("aggregates/desirelines_2023_summary_activities.json")
    series = read("aggregates/desirelines_2023_distances.json")["distance_traveled"]
    rows = []
    for day, told in summary.items():
        metres = told["distance_miles"] / MILES_PER_KM * 1000
        for place, one in enumerate(told["activity_ids"]):  # how a day's miles fell to its rides is not told
            rows.append(
                activity(one, f"{day}T{8 + place:02d}:00", distance=0.0 if place else metres, elapsed_time=40_000)
            )
    put(lake, rows)
    files = written(lake, 2023, date.fromisoformat(series[-1]["x"]))
    assert {day: sorted(each["activity_ids"]) for day, each in files["summary_activities.json"].items()} == {
        day: sorted(each["activity_ids"]) for day, each in summary.items()
    }
    for day, each in files["summary_activities.json"].items():
        assert each["distance_miles"] == pytest.approx(summary[day]["distance_miles"], rel=1e-12)
    points = files["distances.json"]["distance_traveled"]
    assert [point["x"] for point in points] == [point["x"] for point in series]
    assert [point["y"] for point in points] == pytest.approx([point["y"] for point in series], rel=1e-12)
    assert (len(summary), sum(len(each["activity_ids"]) for each in summary.values())) == (205, 336)
    assert points[-1]["y"] == pytest.approx(3018.34, abs=0.005)
    assert projection([point["y"] for point in points], 365) == pytest.approx(3018.338329 / 358 * 365)


@pytest.mark.parametrize("name", ["summary_2021_30", "summary_2025_98"])
def test_sums_of_real_listings(tmp_path: Path, name: str) -> None:
    lake, items = Lake(tmp_path / "data"), read(f"summary/{name}.json")
    fields = ("id", "distance", "moving_time", "elapsed_time", "total_elevation_gain", "sport_type", "type", "timezone")
    rows = [
        {
            **{field: item.get(field) for field in fields},
            "athlete_id": item["athlete"]["id"],
            "source": "strava",
            "start_date": datetime.fromisoformat(item["start_date"]),
            "start_date_local": datetime.fromisoformat(item["start_date_local"].replace("Z", "")),
        }
        for item in items
    ]
    put(lake, rows)
    years = {row["start_date_local"].year for row in rows}
    assert len(years) == 2, "each begins before a New Year"
    for year in years:
        everything = written(lake, year, date(2026, 1, 1))["pacing.json"]["groups"]["all"]
        mine = [row for row in rows if row["start_date_local"].year == year]
        assert everything["activities"]["total"] == len(mine)
        assert everything["distance_m"]["total"] == pytest.approx(sum(row["distance"] for row in mine))
        assert everything["moving_time_seconds"]["total"] == sum(row["moving_time"] for row in mine)
        assert everything["elevation_gain_m"]["total"] == pytest.approx(
            sum(row["total_elevation_gain"] for row in mine)
        )
