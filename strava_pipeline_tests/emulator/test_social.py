"""Comments, kudos and photos of an activity: as many as its counts say, in pages, the same each time."""

import json
from pathlib import Path

import pytest

from strava_pipeline_tests.emulator.conftest import Start

COUNTS = {"comments": ("comment_count", 3), "kudos": ("kudos_count", 70), "photos": ("total_photo_count", 2)}
PRIMARY = {"primary": {"unique_id": "6D1E4A0B", "type": 1}, "count": 2}
ACTIVITY = {"id": 12, "start_date": "2021-05-01T08:00:00Z", "name": "Ride", "photos": PRIMARY} | dict(COUNTS.values())


@pytest.mark.parametrize("what", COUNTS)
def test_there_are_as_many_as_the_activity_of_a_dataset_says(start: Start, tmp_path: Path, what: str) -> None:
    file = tmp_path / "dataset.json"
    file.write_text(json.dumps([ACTIVITY, {"id": 13, "start_date": "2021-05-02T08:00:00Z"}]))
    client = start(dataset=file)
    whole = client.get(f"/activities/12/{what}?per_page=200").json()
    assert len(whole) == COUNTS[what][1]
    assert client.get(f"/activities/12/{what}?per_page=200").json() == whole
    pages = [client.get(f"/activities/12/{what}?per_page=30&page={page}").json() for page in (1, 2, 3, 4)]
    assert [row for page in pages for row in page] == whole
    assert client.get(f"/activities/13/{what}").json() == []
    assert client.get(f"/activities/14/{what}").status_code == 404
    assert client.get(f"/activities/12/{what}?page=0").status_code == 400


def test_what_the_detail_says_of_its_photo_is_said_again(start: Start, tmp_path: Path) -> None:
    file = tmp_path / "dataset.json"
    file.write_text(json.dumps([ACTIVITY]))
    first, second = start(dataset=file).get("/activities/12/photos").json()
    assert (first["unique_id"], first["default_photo"], second["default_photo"]) == ("6D1E4A0B", True, False)


def test_made_up_activities_have_them_too(start: Start) -> None:
    client = start(activities=10)
    for row in client.get("/athlete/activities").json():
        for what, (count, _) in COUNTS.items():
            assert len(client.get(f"/activities/{row['id']}/{what}?per_page=200").json()) == row[count]
