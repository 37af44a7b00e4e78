"""What Garmin Connect really answered, read as activities, gear and files."""

import json
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.core.activities import summary_frame
from strava_pipeline.core.limits import ImportLimits
from strava_pipeline.core.providers import UnreadableRowError
from strava_pipeline.core.years import YearRange
from strava_pipeline.ingest.files.reading import read_file
from strava_pipeline.ingest.garmin.client import wrong_gear, wrong_profile
from strava_pipeline.ingest.garmin.downloads import only_file
from strava_pipeline.ingest.garmin.gear import read_gear
from strava_pipeline.ingest.garmin.record import NO_SPORT, SPEC, SPORT_OF, rows
from strava_pipeline_tests.providers.toy_service import NOW

pytestmark = pytest.mark.samples

SAMPLES = Path(__file__).parents[2].parent / "shared" / "samples"
GARMIN, OLDER = SAMPLES / "garmin", SAMPLES / "providers" / "garmin"
EXPECTED: dict[str, list[dict[str, Any]]] = (
    json.loads((GARMIN / "EXPECTED.json").read_text()) if GARMIN.is_dir() else {}
)


def content(path: Path) -> Any:
    return json.loads(path.read_text())


def details_in(found: Any) -> list[Any]:
    """The activities of a sample: a page, a detail, or the details among recorded calls."""
    if isinstance(found, list) and found and "request" in found[0]:
        return [call["body"] for call in found if call["status"] == 200 and isinstance(call["body"], dict)]
    return found if isinstance(found, list) else [found]


def read(path: Path) -> list[dict[str, Any]]:
    page = SPEC.read_page(details_in(content(path)))
    assert (page.unreadable, page.foreign) == ([], 0)
    return [dict(activity) for activity in page.activities]


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_sample_is_read_as_expected(name: str) -> None:
    activities = read(GARMIN / name)
    assert len(activities) == len(EXPECTED[name])
    rows = summary_frame(activities, years=YearRange(2018, 2026), ingestion_ts=NOW, athlete_id=None, source="garmin")[0]
    for row, expected in zip(rows.to_dicts(), EXPECTED[name], strict=True):
        at = {key: row[key].isoformat().replace("+00:00", "Z") for key in ("start_date", "start_date_local")}
        found = {**row, **at, "source_id": int(row["source_id"])}
        assert {key: found[key] for key in expected} == expected
        unsaid = {"gear_id", "timezone", "external_id", "commute", "kilojoules", "device_watts"}
        assert {row[key] for key in unsaid} == {None}


def test_the_samples_are_there() -> None:
    assert len(EXPECTED) == 5


@pytest.mark.parametrize("path", sorted(OLDER.rglob("*activit*.json")), ids=lambda path: path.name)
def test_no_sample_holds_a_name_or_a_place_in_extra(path: Path) -> None:
    if path.name in {"activityTypes.json", "activity-search-service-1.2.json"} or "zones" in path.name:
        pytest.skip("no activities in the shape of today's list")
    for activity in read(path):
        years = YearRange(2011, 2026)
        rows = summary_frame([activity], years=years, ingestion_ts=NOW, athlete_id=None, source="garmin")[0]
        extra = rows["extra"][0] or ""
        for word in ("owner", "userRoles", "ROLE_", "Athlete Name", "avatar", "atitude", "ongitude"):
            assert word not in extra


def test_old_lists_have_milliseconds_and_centimetres() -> None:
    (listed,) = read(OLDER / "pest" / "activitylist-service.json")
    (detail,) = read(OLDER / "pest" / "activity_2541953812.json")
    same = [
        "start_date",
        "utc_offset",
        "elapsed_time",
        "moving_time",
        "elev_high",
        "elev_low",
        "sport_type",
        "visibility",
    ]
    assert {name: listed[name] for name in same} == {
        name: pytest.approx(detail[name], abs=0.01) if name.startswith("elev") else detail[name] for name in same
    }
    assert (listed["elapsed_time"], listed["elev_high"]) == (2627, pytest.approx(1374.8))
    walk, parent, run = read(OLDER / "pest" / "activities-list.json")
    assert (walk["elapsed_time"], walk["elev_low"]) == (2703, pytest.approx(620.4))
    assert (parent["elapsed_time"], parent["moving_time"], parent["sport_type"]) == (11184, 10226, "Triathlon")
    assert (run["elapsed_time"], run["moving_time"]) == (4677, 3108)


def test_the_list_and_the_detail_of_a_run_say_the_same() -> None:
    (listed,) = read(OLDER / "garth" / "test_activity_get_0.json")
    (detail,) = read(OLDER / "garth" / "test_activity_get_1.json")
    for name in ("source_id", "name", "sport_type", "start_date", "start_date_local", "elapsed_time", "moving_time"):
        assert listed[name] == detail[name]
    for name in ("distance", "average_speed", "average_cadence", "average_watts", "weighted_average_watts"):
        assert listed[name] == pytest.approx(detail[name], rel=1e-5)


def test_a_leg_of_a_multisport_activity_is_in_no_total() -> None:
    (leg,) = read(GARMIN / "activity_multisport_child.json")
    assert (leg["parentId"], "leg" in leg["not_counted"]) == (6588349056, True)
    assert not any("not_counted" in activity for activity in read(GARMIN / "activities_search_page1.json"))


def test_every_type_has_a_sport() -> None:
    types = {each["typeKey"] for each in content(OLDER / "pest" / "activityTypes.json")}
    assert len(types) == 152
    assert types <= SPORT_OF.keys() | NO_SPORT


def test_gear_of_both_lists() -> None:
    older, newer = content(GARMIN / "gear_filterGear.json"), content(GARMIN / "gear_v2_list.json")
    assert wrong_gear(older) is wrong_gear(newer) is None
    found = dict(read_gear({"legacy": older, "v2": [newer]}))
    assert {key: fields["name"] for key, fields in found.items()} == {
        "4f5119d6a65d47b9bb235904f9ff927b": "Giro Sector",
        "522f1e2108224 51d88a3b0b661802c2f".replace(" ", ""): "Mizuno Neo Vista",
        "789dccf8b6694903bf467d8d9369124e": "Nova",
    }
    assert found["789dccf8b6694903bf467d8d9369124e"]["distance"] == 17226955.28363037
    assert not any(fields["retired"] for fields in found.values())


def test_other_answers_are_recognised() -> None:
    assert wrong_profile(content(GARMIN / "social_profile.json")) is None
    with pytest.raises(UnreadableRowError, match="it is no list of activities"):
        rows(content(GARMIN / "error_403_not_owner.json")["body"])


def test_a_download_holds_the_recording() -> None:
    name, body = only_file((GARMIN / "download_12129115726.zip").read_bytes(), "12129115726", ImportLimits())
    assert name == "12129115726_ACTIVITY.fit"
    assert body == zipfile.ZipFile(BytesIO((GARMIN / "download_12129115726.zip").read_bytes())).read(name)
    assert len(read_file(body, name, NOW).recordings) == 1
