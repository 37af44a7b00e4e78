"""Activity trips on the dashboard: over a warehouse with a hostile name."""

from pathlib import Path

import pytest

from strava_pipeline.lake.gold.publish import publish
from strava_pipeline_tests.lake.conftest import NewLake
from strava_pipeline_tests.lake.insight_rows import ME, put
from strava_pipeline_tests.serve.dashboard.conftest import served
from strava_pipeline_tests.serve.dashboard.test_api import settings_of
from strava_pipeline_tests.serve.dashboard.test_pages import HOSTILE, NOW, page, words


def shown(folder: Path) -> str:
    with served(settings_of(folder), time=NOW) as made:
        return page(made.browser(), "/trips")


@pytest.mark.dear
def test_trips_are_shown_and_where_there_is_none_the_page_says_how_to_begin(tmp_path: Path, new_lake: NewLake) -> None:
    lake = new_lake(tmp_path / "data")
    publish(lake)
    text = shown(tmp_path)
    assert ("TRIPS_SOURCE" in words(text), ">Trips</a>" in text) == (True, False)
    trips = [("t1", "rejected", "too_fast"), ("t2", "rejected", "too_fast"), (HOSTILE, "accepted", None)]
    rows = [{"external_id": one, "verdict": said, "primary_reason": why} for one, said, why in trips]
    put(lake, rows, "trip_diagnostics")
    put(lake, [{"external_id": one, "started_at": NOW, "distance_m": 5000.0} for one, *_ in trips], "trip_index")
    put(lake, [{"athlete_id": ME, "fetched_at": "2024-01-01"}], "athlete")
    publish(lake)
    text = shown(tmp_path)
    seen = words(text)
    assert ("cars.toml" in seen, ">Trips</a>" in text) == (False, True), "the menu has the page where it shows trips"
    assert "rejected 2 most often: too fast accepted 1" in seen
    assert "1 Jul 2025, 13:00" in seen
    assert seen.count("&lt;script&gt;alert(1)") == 1
