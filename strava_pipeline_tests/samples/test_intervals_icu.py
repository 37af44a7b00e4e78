"""Real answers of intervals.icu, read as ../shared/samples/intervals_icu/EXPECTED.json says.

Nothing of them is copied here. Deselected by default (`-m samples` runs them), and then red where they are absent.
"""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.core.providers import spec_of
from strava_pipeline.core.sports import GROUP_OF
from strava_pipeline.ingest.intervals_icu.record import OTHER_SPORTS, read_gear, read_row

pytestmark = pytest.mark.samples

SAMPLES = Path(__file__).parents[2].parent / "shared" / "samples"
FOLDER, OLDER = SAMPLES / "intervals_icu", SAMPLES / "providers" / "intervals"
LISTED = [
    "activities_list_mixed.json",
    "activity_nulls_wahoo.json",
    "activity_strava_stub.json",
    "webhook_activity_uploaded_virtualride.json",
]
ELSEWHERE = {"link", "no_row"}  # what EXPECTED.json says beside the columns


def items(name: str) -> list[Any]:
    content = json.loads((FOLDER / name).read_bytes())
    if isinstance(content, list):
        return content
    return [event["activity"] for event in content["events"]] if "events" in content else [content]


@pytest.mark.parametrize("name", LISTED)
def test_a_sample_reads_as_expected(name: str) -> None:
    expected = json.loads((FOLDER / "EXPECTED.json").read_bytes())[name]
    read = spec_of("intervals_icu").read_page(items(name))
    assert not read.unreadable
    assert [row.source_id for row in read.withheld] == [row["source_id"] for row in expected if "no_row" in row]
    rows = [row for row in expected if "no_row" not in row]
    assert len(read.activities) == len(rows)
    for found, wanted in zip(read.activities, rows, strict=True):
        # Expected are clocks without Strava's false Z, and a zone without Strava's label.
        shown = {**found, "start_date_local": found["start_date_local"].removesuffix("Z")}
        shown["timezone"] = found.get("timezone", "").rpartition(" ")[2] or None
        assert {key: shown.get(key) for key in wanted.keys() - ELSEWHERE} == {
            key: value for key, value in wanted.items() if key not in ELSEWHERE
        }
        link = dict([wanted["link"].split()]) if "link" in wanted else {}
        assert found.get("links", {}) == link


@pytest.mark.parametrize("name", ["activities-list.json", "activity.json"])
def test_older_samples_have_a_local_start_alone(name: str) -> None:
    content = json.loads((OLDER / name).read_bytes())
    for item in content if isinstance(content, list) else [content]:
        row = read_row(item)
        assert row is not None
        assert row.source_id == item["id"]
        assert row.summary["start_date_local"] == f"{item['start_date_local']}Z"
        assert "start_date" not in row.summary


def test_every_field_and_every_sport_of_the_specification_is_read() -> None:
    schemas = json.loads(gzip.decompress((OLDER / "openapi.json.gz").read_bytes()))["components"]["schemas"]
    empty: dict[str, Any] = dict.fromkeys(schemas["Activity"]["properties"])
    row = read_row(
        {**empty, "id": "i1", "start_date": "2026-04-16T05:28:47Z", "start_date_local": "2026-04-16T07:28:47"}
    )
    assert row is not None
    assert row.summary.keys() == {"start_date", "start_date_local", "utc_offset"}
    sports = schemas["SportInfo"]["properties"]["type"]["enum"]
    assert {OTHER_SPORTS.get(sport, sport) for sport in sports} <= GROUP_OF.keys()
    assert OTHER_SPORTS.keys() == {*sports} - GROUP_OF.keys()
    assert read_gear([{**dict.fromkeys(schemas["Gear"]["properties"]), "id": "b1"}]) == [("b1", {"retired": False})]
