"""intervals.icu's activities.csv: what the API would say, with the API's id as a link, and nothing about the body."""

from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.core.sources import hashed_id
from strava_pipeline.ingest.archive.exports.intervals_icu import is_intervals, read_intervals
from strava_pipeline.ingest.archive.survey import survey
from strava_pipeline_tests.ingest.archive.exports import activities_of, fields_of

TITLES = (
    "id,start_date_local,name,type,moving_time,distance,elapsed_time,average_heartrate,icu_average_watts,icu_normalized_watts,"
    "icu_training_load,hr_max,hr_z1,hr_z1_secs,icu_weight,icu_ftp,trainer,start_date,timezone,external_id,gear,description\n"
)
RIDE = 'i7,2026-04-16T07:28:47,"Loop, twice","Ride",3307,28451.0,3400,141,180,195,84,190,150,600,70.5,250,false,2026-04-16T05:28:47Z,,"22543294456","Blue bike","by the lake"\n'
LOCAL = "i8,2026-04-17T07:28:47,Lift,WeightTraining,600,,600\n"
STUB = '18728161934,2026-04-18T07:28:47,"",,,,\n'
STRAVA_S = "18728161935,2026-04-19T07:28:47,Run,Run,600,2000.0,610\n"


def one(cells: str) -> dict[str, Any]:
    (row,) = read_intervals(("\ufeff" + TITLES + cells).encode()).rows
    return dict(row.fields)


def test_a_row_says_what_the_api_would_say(tmp_path: Path) -> None:
    path = tmp_path / "activities.csv"
    path.write_bytes(("\ufeff" + TITLES + RIDE + LOCAL).encode())
    ride, lift = activities_of(path)
    fields = fields_of(ride)
    assert {name: fields[name] for name in ("name", "sport_type", "start_date", "start_date_local", "utc_offset", "distance")} == {
        "name": "Loop, twice", "sport_type": "Ride", "start_date": "2026-04-16T05:28:47Z",
        "start_date_local": "2026-04-16T07:28:47Z", "utc_offset": 7200, "distance": 28451.0,
    }  # fmt: skip
    assert (fields["average_watts"], fields["weighted_average_watts"], fields["trainer"]) == (180, 195, False)
    assert (fields["gear_name"], fields["links"]) == ("Blue bike", {"intervals_icu": "i7"})
    assert "start_date" not in fields_of(lift)
    assert (ride.source, ride.activity_id) == ("file", hashed_id("file", "intervals_icu:i7"))


def test_what_it_says_of_the_body_is_left_out() -> None:
    assert not {"icu_weight", "hr_max", "hr_z1", "icu_ftp"} & one(RIDE).keys()
    assert one(RIDE)["hr_z1_secs"] == 600


def test_what_came_from_strava_has_strava_s_id_and_a_stub_is_no_activity() -> None:
    found = read_intervals((TITLES + STUB + STRAVA_S).encode())
    assert [row.links for row in found.rows] == [{"strava": "18728161935", "intervals_icu": "18728161935"}]
    assert found.faults == ["1 of its rows say nothing of activities that came from Strava"]


@pytest.mark.parametrize(
    ("body", "rows", "faults"),
    [
        (b"", 0, 0),
        (TITLES.encode(), 0, 0),
        ((TITLES + ",2026-04-16T07:28:47,x,Ride\n").encode(), 0, 1),
        ((TITLES + "i1,no date,x,Ride\n").encode(), 0, 1),
        ((TITLES + RIDE).encode()[:-20], 1, 0),
        ((TITLES + "i1,2026-04-16T07:28:47,x,Ride,many,far\n").encode(), 1, 0),
        ((TITLES + RIDE).encode() + b"\xff\xfe\x00", 1, 1),
    ],
)
def test_odd_bytes_raise_nothing(body: bytes, rows: int, faults: int) -> None:
    found = read_intervals(body)
    assert (len(found.rows), len(found.faults)) == (rows, faults)


def test_a_value_that_can_not_be_read_stays_under_its_name() -> None:
    assert one("i1,2026-04-16T07:28:47,x,Ride,many,far\n")["distance"] == "far"
    assert one('i1,2026-04-16T07:28:47,x,Ride,600,"28451,5","3.400"\n')["elapsed_time"] == 3400


def test_strava_s_own_list_is_none() -> None:
    assert not is_intervals(["id", "start_date_local", "name", "type", "distance"])


def test_a_preview_counts_the_rows(tmp_path: Path) -> None:
    path = tmp_path / "i123_activities.csv"
    path.write_bytes((TITLES + RIDE + LOCAL + STUB).encode())
    found = survey(path)
    assert found.activities == {(2026, "Ride"): 1, (2026, "WeightTraining"): 1}
    assert len(found.problems) == 1
