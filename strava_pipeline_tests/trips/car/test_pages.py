"""Trips by car on the dashboard: over a warehouse with a hostile name."""

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
def test_trips_are_shown_without_positions_and_where_there_is_none_the_page_says_how_to_begin(
    tmp_path: Path, new_lake: NewLake
) -> None:
    lake = new_lake(tmp_path / "data")
    publish(lake)
    assert "cars.toml" in words(shown(tmp_path))
    car = {"user_id": "ann", "car_name": HOSTILE, "start_lat": 48.2037, "start_location": "Clinic", "distance_km": 12.0}
    put(lake, [{"trip_id": "ann:1", "start_time": NOW, "end_time": NOW, "classification": "B", **car}], "car_trips")
    put(lake, [{"athlete_id": ME, "fetched_at": "2024-01-01"}], "athlete")
    publish(lake)
    text = shown(tmp_path)
    assert "ann business 12.0 km" in words(text)
    assert words(text).count("&lt;script&gt;alert(1)") == 1
    assert ("48.2" in text, "Clinic" in text) == (False, False)
