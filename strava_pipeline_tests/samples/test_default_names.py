"""Which names of real activities services gave by themselves."""

import json
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.core.changes.names import is_default_name

pytestmark = pytest.mark.samples

SAMPLES = Path(__file__).parents[2].parent / "shared" / "samples"


def names(path: str, of: str = "name") -> set[str]:
    content: Any = json.loads((SAMPLES / path).read_text())
    rows = content if isinstance(content, list) else [content]
    return {row[of] for row in rows if row.get(of)}


def by_a_service(found: set[str]) -> set[str]:
    return {name for name in found if is_default_name(name)}


def test_of_a_year_at_strava_the_capitalised_times_of_day_are_strava_s() -> None:
    for path in ("strava/summary/summary_2021_30.json", "strava/summary/summary_2025_98.json"):
        found = names(path)
        times = ("Morning ", "Lunch ", "Afternoon ", "Evening ", "Night ")
        assert by_a_service(found) == {name for name in found if name.startswith(times)}


def test_every_name_in_a_running_page_is_strava_s() -> None:
    found = names("running_page/activities_61.json")
    assert len(found) >= 7
    assert by_a_service(found) == found


def test_of_garmin_a_place_or_nothing_beside_the_sport_is_garmin_s() -> None:
    found = names("garmin/activities_search_page1.json", "activityName")
    assert "Cuajimalpa de Morelos Hiking" in by_a_service(found)
    page = json.loads((SAMPLES / "garmin" / "activities_search_page1.json").read_text())
    for row in page:
        assert is_default_name(row["activityName"], places=[row["locationName"]], can_be_any=False)
    assert by_a_service(names("providers/garmin/pest/activities-list.json", "activityName")) == {"Run", "Walk"}
