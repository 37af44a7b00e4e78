"""What bronze has of a source is counted once, and named where it is not as expected. Entries as Garmin lists them."""

import json
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.core.providers import spec_of
from strava_pipeline.core.years import YearRange
from strava_pipeline.lake.bronze.answers import land_of_kind
from strava_pipeline.lake.bronze.listing import begin_listing
from strava_pipeline.lake.bronze.manifests import Mode, Window
from strava_pipeline.lake.paths import Lake
from strava_pipeline.operations import shapes
from strava_pipeline.operations.shapes import seen_of, shape_finding, shape_report
from strava_pipeline_tests.lake.bronze import NOW

SECRET = "Anna's ride to 47.3769, 8.5417"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "data")


def land(lake: Lake, source: str, content: Any, mode: Mode = "all") -> Path:
    listing = begin_listing(lake, Window(mode=mode, after=None, before=None), athlete_id=None, at=NOW, source=source)
    body = json.dumps(content).encode()
    listing.land(spec_of(source).read_page(content), body, {}, NOW, YearRange(2020, 2026))
    return listing.folder / listing.manifest.pages[-1].file


def entry(**fields: Any) -> dict[str, Any]:
    """An entry of Garmin's list with what each has."""
    kind = {"typeId": 2, "typeKey": fields.pop("kind", "cycling"), "parentTypeId": 17, "isHidden": False}
    at, privacy = {"startTimeLocal": "2026-05-05 08:00:00"}, {"typeId": 2, "typeKey": "private"}
    lengths = {"duration": 600.0, "elapsedDuration": 600.0}
    of_all = {
        "activityId": 1,
        "activityName": SECRET,
        "activityType": kind,
        "privacy": privacy,
        "manufacturer": "GARMIN",
    }
    return {**of_all, **at, **lengths, **fields}


def test_what_is_as_expected_holds_whatever_else_came(lake: Lake) -> None:
    land(lake, "garmin", [entry(waterEstimated=5, kind="gravel_cycling"), entry(kind="driving_general")])
    found = shape_finding(lake, "garmin")
    assert (found.holds, found.refuses, found.advice) == (True, False, "")
    assert found.counts == {"rows": 2, "unknown_fields": ["[].water?"]}


def test_each_difference_is_named_and_no_value(lake: Lake) -> None:
    rows = [
        entry(activityName=None, duration="600", kind="moon_walking"),
        entry(activityName=None, kind="moon_walking"),
    ]
    land(lake, "garmin", rows)
    found = shape_finding(lake, "garmin")
    assert found.counts == {
        "rows": 2,
        "never_came": ["[].activityName"],
        "other_types": {"[].duration": ["text"]},
        "unmapped_sports": {"moon_walking": 2},
    }
    assert (found.holds, found.refuses) == (False, False)
    assert "never came, other types, unmapped sports" in found.advice


def test_gear_that_no_answer_shows_is_named(lake: Lake) -> None:
    row = {"id": "i1", "source": "WAHOO", "start_date_local": "2026-05-05T08:00:00", "type": "Ride"}
    land(lake, "intervals_icu", [{**row, "gear": {"id": "b1"}}, {**row, "gear": {"id": "b2"}}])
    assert shape_report(lake, "intervals_icu")["unmapped_gear"] == ["b1", "b2"]
    land_of_kind(lake, "intervals_icu", "gear", b'[{"id": "b1"}]', NOW)
    assert shape_report(lake, "intervals_icu")["unmapped_gear"] == ["b2"]
    assert shape_report(lake, "intervals_icu")["unmapped_sports"] == {}


def test_a_page_is_looked_at_once_until_the_record_is_another(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    first = land(lake, "garmin", [entry()])
    assert seen_of(lake, "garmin").rows == 1
    first.write_bytes(b"damaged")
    land(lake, "garmin", [entry(), entry()])
    land(lake, "garmin", [entry()], "event")
    assert [seen_of(lake, "garmin").rows for _ in range(2)] == [3, 3]
    assert seen_of(lake, "garmin").paths["[].duration"] == {"number": 3}
    with monkeypatch.context() as patch:
        patch.setattr(shapes, "record_file", lambda _: Path(__file__))
        assert seen_of(lake, "garmin").rows == 2, "the damaged page holds nothing any more"
    (lake.state / "shapes" / "garmin.json").write_text("{}")
    assert seen_of(lake, "garmin").rows == 2


def test_what_is_kept_of_it_holds_no_value(lake: Lake) -> None:
    land(lake, "garmin", [entry(comments=[{"displayName": "Anna"}], byDay={"2026-05-05": 1, "Anna": 47.3769})])
    seen_of(lake, "garmin")
    text = (lake.state / "shapes" / "garmin.json").read_text()
    assert [word for word in ("Anna", "47.3", "2026", "GARMIN", "cycling") if word in text] == []
