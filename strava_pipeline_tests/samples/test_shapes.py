"""Real lists have what their record is read from, in the known types; what nothing names of them is counted.

Deselected by default (`-m samples` runs them), and then red where they are absent.
"""

import json
from pathlib import Path

import pytest

from strava_pipeline.ingest.shapes import Shape, known_shape

pytestmark = pytest.mark.samples

SAMPLES = Path(__file__).parents[2].parent / "shared" / "samples"
OLD_LIST = [
    *("[].display_hide_heartrate_option", "[].end_latlng", "[].heartrate_opt_out"),
    *("[].sport_type", "[].start_latlng", "[].visibility"),
]


@pytest.mark.parametrize(
    ("source", "path", "never_came", "unknown"),
    [
        ("garmin", "garmin/activities_search_page1.json", [], 39),
        ("garmin", "providers/garmin/garth/test_activity_list_0.json", [], 42),
        ("garmin", "providers/garmin/pest/activitylist-service.json", ["[].manufacturer"], 71),  # of 2018
        ("intervals_icu", "intervals_icu/activities_list_mixed.json", [], 1),
        ("intervals_icu", "providers/intervals/activities-list.json", ["[].source"], 1),  # of the documentation
        ("ridewithgps", "ridewithgps/legacy_trips_list_30.json", [], 5),
        ("strava", "strava/summary/summary_2025_98.json", [], 0),
        ("strava", "strava/summary/summary_2021_30.json", ["[].sport_type"], 0),
        ("strava", "strava/bzimmer/activities.json", OLD_LIST, 0),
    ],
)
def test_a_real_list_differs_where_it_is_old_alone(source: str, path: str, never_came: list[str], unknown: int) -> None:
    content = json.loads((SAMPLES / path).read_bytes())
    seen = Shape(source)
    seen.add(content["body"] if isinstance(content, dict) else content)
    found = known_shape(source).differences(seen)
    assert (found.never_came, found.other_types) == (never_came, {})
    assert len(found.unknown) == unknown
