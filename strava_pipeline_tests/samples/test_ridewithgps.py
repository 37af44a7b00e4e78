"""What Ride with GPS really answered, and what its documentation shows, read as activities, gear and changes."""

import json
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.core.activities import summary_frame
from strava_pipeline.core.providers import UnreadableRowError
from strava_pipeline.core.sports import FIT_SPORTS, FIT_SUB_SPORTS
from strava_pipeline.core.years import YearRange
from strava_pipeline.ingest.ridewithgps.changes import read_changes
from strava_pipeline.ingest.ridewithgps.record import SPEC, SPORTS, gear_alone, gear_of_trips, read_gear, read_row, rows
from strava_pipeline_tests.providers.toy_service import NOW

pytestmark = pytest.mark.samples

SAMPLES = Path(__file__).parents[2].parent / "shared" / "samples"
RECORDED, OLDER = SAMPLES / "ridewithgps", SAMPLES / "providers" / "ridewithgps"


def content(path: Path) -> Any:
    return json.loads(path.read_text())


def frame_of(trips: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows of gold's columns."""
    page = SPEC.read_page({"trips": trips})
    assert (page.unreadable, page.foreign) == ([], 0)
    years = YearRange(2008, 2026)
    found, _ = summary_frame(page.activities, years=years, ingestion_ts=NOW, athlete_id=None, source="ridewithgps")
    return found.to_dicts()


def test_recorded_trips_are_read_as_expected() -> None:
    expected = content(RECORDED / "EXPECTED.json")["legacy_trips_list_30.json"]
    trips = content(RECORDED / "legacy_trips_list_30.json")["body"]["results"]
    found = frame_of(trips)
    assert len(found) == len(expected) == 30
    for row, wanted in zip(found, expected, strict=True):
        at = {"start_date": f"{row['start_date']:%Y-%m-%dT%H:%M:%SZ}"}
        at["start_date_local"] = f"{row['start_date_local']:%Y-%m-%dT%H:%M:%S}"
        row |= {**at, "source_id": int(row["source_id"]), "timezone": row["timezone"].partition(" ")[2]}
        assert {key: row[key] for key in wanted} == wanted
        assert (row["total_elevation_gain"] is None) == ("total_elevation_gain" not in wanted)
        kept = json.loads(row["extra"])
        assert not [key for key in kept if "_lat" in key or "_lng" in key or "privacy" in key]
    assert {**gear_of_trips(content(RECORDED / "legacy_trips_list_30.json")["body"])} == {
        str(trip["id"]): trip["gear_id"] for trip in trips
    }


def test_a_detail_of_the_web_site_is_read_from_its_metrics() -> None:
    (row,) = frame_of(rows(content(OLDER / "trip_94.json")))
    assert f"{row['start_date']:%Y-%m-%dT%H:%M:%SZ}" == "2008-07-20T16:18:59Z"
    assert (row["source_id"], row["name"], row["gear_id"]) == ("94", "Peak To Peak", "17")
    assert (row["distance"], row["elapsed_time"], row["moving_time"]) == (42990.7, 6586, 6475)
    assert row["average_speed"] == pytest.approx(23.902175393152824 / 3.6)
    assert row["average_heartrate"] == pytest.approx(154.62715368711233)
    assert row["average_cadence"] == pytest.approx(73.61418047882137)
    assert (row["max_heartrate"], row["total_elevation_gain"], row["trainer"]) == (196, 754.317, False)
    assert row["start_latlng"] == [45.384904, -122.758382]
    assert "Athlete Name" not in json.dumps(row, default=str)


def test_a_documented_trip_is_read_with_its_gear_and_an_estimate_is_no_measure() -> None:
    (row,) = frame_of(rows(content(OLDER / "docs_trips_1.json")))
    assert f"{row['start_date']:%Y-%m-%dT%H:%M:%SZ}" == "2008-01-05T19:25:03Z"
    assert (row["sport_type"], row["gear_id"], row["device_name"]) == ("GravelRide", "1", "Garmin Edge 540")
    assert (row["average_watts"], row["device_watts"], row["distance"]) == (289, False, 16146)
    assert row["average_speed"] == pytest.approx(23.7 / 3.6)
    assert not {"track_points", "photos"} & json.loads(row["extra"]).keys()


def test_the_documented_page_has_shortened_trips_which_are_reported() -> None:
    page = SPEC.read_page(content(OLDER / "docs_trips_0.json"))
    assert (page.activities, len(page.unreadable)) == ([], 2)


def test_the_documented_feed_names_one_trip_of_the_account() -> None:
    found = read_changes(content(OLDER / "docs_sync_0.json"), "1")
    assert found.cursor == "2024-09-09T22:53:52+00:00"
    assert ([*found.changed], found.deleted) == (["738"], [])
    assert SPEC.read_page(content(OLDER / "docs_sync_0.json")).foreign == 3


def test_of_a_user_only_the_gear_is_kept() -> None:
    kept = gear_alone(content(OLDER / "user_1122.json"))
    assert [(key, fields["name"], fields.get("weight")) for key, fields in read_gear(kept)] == [
        ("3066", "Nice Bike", None),
        ("2479050", "Nicer Bike", 10.8862),
    ]
    text = json.dumps(kept)
    assert not [word for word in ("REDACTED", "example.invalid", "auth_token", "dob", "lat") if word in text]


def test_the_documented_sports_and_numbers_are_those_of_the_record() -> None:
    text = (OLDER / "activity_types.md").read_text()
    listed = text.split("```")[1].split()
    assert sorted(listed) == sorted(SPORTS)
    numbers = [
        line.split()[:3] for line in text.split("```")[3].splitlines() if line.startswith(("sport ", "sub_sport "))
    ]
    named = {(kind, int(number)): name for kind, number, name in numbers}
    assert {("sport", number): word for number, word in FIT_SPORTS.items()}.items() <= named.items()
    assert {("sub_sport", number): word for number, word in FIT_SUB_SPORTS.items()}.items() <= named.items()


@pytest.mark.parametrize("name", ["docs_users_0.json", "docs_webhooks_0.json", "docs_routes_0.json"])
def test_what_is_no_list_of_trips_is_refused(name: str) -> None:
    with pytest.raises(UnreadableRowError):
        SPEC.read_page(content(OLDER / name))


def test_a_deleted_trip_is_passed_over() -> None:
    trip = content(RECORDED / "legacy_trips_list_30.json")["body"]["results"][0]
    assert read_row({**trip, "deleted_at": "2026-02-21T00:00:00Z"}) is None
