"""One activity from API, archive and files: one row in any order of arrival, nothing counted twice, a person's decision kept."""

import json
import re
import shutil
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.core.tables import DETAIL_TABLES
from strava_pipeline.lake.decisions import record_decisions
from strava_pipeline.lake.gold.matches import MatchDecision, pair_evidence
from strava_pipeline.lake.gold.publish import current_snapshot
from strava_pipeline_tests.imports import a_gpx, an_archive, loose_files, shown, tracks
from strava_pipeline_tests.ingest.files import made
from strava_pipeline_tests.rig import Make, Rig

pytestmark = pytest.mark.dear

FEW: dict[str, Any] = {"activities": 5, "years": (2025, 2026), "settings": {"first_year": 2025}}


def test_files_of_activities_that_the_api_listed_add_no_row_and_their_tracks_follow(make_rig: Make) -> None:
    rig = make_rig(**FEW)
    rig.begin_with("flow_backfill")
    before = shown(rig)
    folder = loose_files(rig)
    matches = rig.import_files(folder).matched
    recorded = len(list(folder.iterdir()))
    rig.assert_true_to_source()
    after = shown(rig)
    assert matches.activities_with_several_sources == recorded
    assert rig.one("SELECT count(*) FROM activities_all") == len(before["activities"]) + recorded
    nested = [name for name in DETAIL_TABLES if name not in ("activity_sessions", "activity_lengths")]
    for name in nested:
        assert after[name] == before[name], name
    assert [row[:1] for row in after["activities"]] == [row[:1] for row in before["activities"]]
    sessions = rig.gold("SELECT activity_id, source FROM activity_sessions")
    assert len(sessions) == recorded
    assert all(one > 0 and source == "file" for one, source in sessions)
    assert {one for one, *_ in tracks(rig)} <= {row[0] for row in rig.gold("SELECT id FROM activities")}
    assert len(tracks(rig)) == len({one for one, _ in sessions})
    assert rig.calls()["by_endpoint"] == {}


def test_in_whatever_order_api_archive_and_files_come_readers_see_the_same(make_rig: Make, tmp_path: Path) -> None:
    rig = make_rig(**FEW)
    archive, folder = an_archive(rig, "export_9.zip"), loose_files(rig)
    steps: dict[str, Callable[[], object]] = {
        "api": lambda: rig.do("flow_backfill"),
        "archive": lambda: rig.import_files(archive),
        "files": lambda: rig.import_files(folder),
    }
    found = []
    for order in (["api", "archive", "files"], ["files", "archive", "api"], ["archive", "api", "files"]):
        shutil.rmtree(rig.settings.data_dir, ignore_errors=True)
        for step in order:
            steps[step]()
        rig.do("match")
        rig.assert_true_to_source()
        members = rig.gold("SELECT id, activity_id, place, source FROM activity_members ORDER BY 1")
        sources = rig.gold(
            "SELECT source, count(*), count(DISTINCT activity_id) FROM activity_sources GROUP BY 1 ORDER BY 1"
        )
        found.append((members, sources, tracks(rig), shown(rig)))
    assert found[0] == found[1]
    assert found[0] == found[2]
    assert [source for source, *_ in found[0][1]] == ["file", "strava", "strava_archive"]


def test_an_archive_in_a_warehouse_that_the_api_filled_adds_no_row_and_loses_none(make_rig: Make) -> None:
    rig = make_rig(**FEW)
    rig.begin_with("flow_backfill")
    before = rig.gold("FROM activities ORDER BY id"), rig.gold("FROM activities_all ORDER BY id")
    rig.import_files(an_archive(rig))
    assert (rig.gold("FROM activities ORDER BY id"), rig.gold("FROM activities_all ORDER BY id")) == before
    listed = rig.one("SELECT count(*) FROM activity_sources WHERE source = 'strava_archive'")
    assert listed == len(before[0]), "and every row of its list is kept"


def test_no_stream_is_asked_for_whose_track_a_file_of_one_s_own_holds(make_rig: Make) -> None:
    rig = make_rig(**FEW)
    rig.begin_with("flow_backfill")
    rig.import_files(loose_files(rig))
    with_track = {one for one, *_ in tracks(rig)}
    rig.calls()
    rig.do("streams")
    asked = rig.calls()["by_endpoint"]
    recorded = {item["id"] for item in rig.truth() if not item["manual"]}
    assert sum(asked.values()) == len(recorded - with_track)


def test_a_file_of_a_wrong_clock_tells_the_zone_and_not_the_time(make_rig: Make) -> None:
    rig = make_rig(logged_in=False, activities=10)
    with zipfile.ZipFile(an_archive(rig)) as archive:
        (rig.folder / "activities.csv").write_bytes(archive.read("activities.csv"))
    rig.import_files(rig.folder / "activities.csv")
    rig.import_files(loose_files(rig))
    truth = {item["id"]: item["start_date_local"] for item in rig.truth()}
    local = rig.gold("SELECT id, start_date_local FROM activities WHERE start_date_local IS NOT NULL AND id > 0")
    assert len(local) > 5
    assert {key: f"{at:%Y-%m-%dT%H:%M:%S}Z" for key, at in local} == {key: truth[key] for key, _ in local}
    wrong = "start_date_local <> timezone('UTC', start_date) + to_seconds(utc_offset)"
    assert rig.one(f"SELECT count(*) FROM activities WHERE {wrong}") == 0


@pytest.mark.parametrize("ends_of_lengths", [(), (25, 300, 600)], ids=["laps alone", "a point per length"])
def test_the_fit_and_the_tcx_of_a_swim_in_a_pool_are_one(make_rig: Make, ends_of_lengths: tuple[int, ...]) -> None:
    rig = make_rig(logged_in=False, settings={"first_year": 2024})
    points = [made.trackpoint(at, at * 3.0).replace("Position>", "Gone>") for at in ends_of_lengths]
    (rig.folder / "a.fit").write_bytes(made.fit(made.file_id(), made.session(0, 600, sport=5)))
    (rig.folder / "b.tcx").write_text(made.tcx(made.activity(made.tcx_lap(0, 540, 1800, *points), sport="Other")))
    rig.import_files(rig.folder / "a.fit", rig.folder / "b.tcx")
    rows = rig.gold("SELECT sport_type, elapsed_time, moving_time FROM activities")
    assert rows == [("Swim", 600, 540)]
    assert rig.one("SELECT count(*) FROM activities_all") == 2


def test_a_file_whose_clock_leaps_by_years_is_joined_to_nothing_by_its_length(make_rig: Make) -> None:
    rig = make_rig(logged_in=False, settings={"first_year": 2024})
    leap = made.trkpt(0) + made.trkpt(60) + made.trkpt(2 * 365 * 86_400)
    (rig.folder / "morning-lake.gpx").write_text(made.gpx(leap))
    began = made.BEGAN + timedelta(days=400)
    listed = {
        "id": 12_345_678,
        "sport_type": "Run",
        "start_date": f"{began:%Y-%m-%dT%H:%M:%SZ}",
        "elapsed_time": 60,
        "distance": 9.0,
    }
    named = {
        "start_date_local": f"{began:%Y-%m-%dT%H:%M:%SZ}",
        "external_id": "morning-lake.gpx",
        "name": "Lake",
        "moving_time": 60,
    }
    (rig.folder / "api.json").write_text(
        json.dumps([listed | named | {"type": "Run", "athlete": {"id": 1}, "resource_state": 2}])
    )
    rig.import_files(rig.folder / "morning-lake.gpx", rig.folder / "api.json")
    assert rig.one("SELECT count(*) FROM activities") == 2
    assert rig.gold("SELECT verdict, joined FROM activity_matches WHERE joined") == []


def test_when_nothing_came_nothing_is_published_anew(make_rig: Make) -> None:
    rig = make_rig(logged_in=False, **FEW)
    for name, minute in (("one", 0), ("two", 20)):
        (rig.folder / f"{name}.gpx").write_bytes(a_gpx(minute=minute))
    rig.import_files(rig.folder / "one.gpx", rig.folder / "two.gpx")
    assert rig.one("SELECT count(*) FROM activities") == 2, "one after the other"
    done = rig.do("match")
    assert not done["published_warehouse"].replaced
    assert done.matched.matches_changed == 0


@pytest.mark.parametrize("names", [("4567890123.gpx", "copy.gpx"), ("copy.gpx", "4567890123.gpx")])
def test_a_file_that_came_under_two_names_is_known_by_either(make_rig: Make, names: tuple[str, str]) -> None:
    rig = make_rig(logged_in=False, **FEW)
    summary = {
        "id": 15_000_000_001, "name": "Cropped", "type": "Run", "sport_type": "Run",
        "start_date": "2025-06-01T10:00:20Z", "start_date_local": "2025-06-01T12:00:20Z", "elapsed_time": 15,
        "moving_time": 15, "distance": 40.0, "external_id": "garmin_push_4567890123", "athlete": {"id": 7},
    }  # fmt: skip
    (rig.folder / "summary.json").write_text(json.dumps([summary]))
    rig.import_files(rig.folder / "summary.json")
    for name in names:
        (rig.folder / name).write_bytes(a_gpx(60))
        rig.import_files(rig.folder / name)
    assert rig.gold("SELECT id FROM activities") == [(summary["id"],)]
    assert rig.gold("SELECT verdict, joined FROM activity_matches") == [("certain", True)]
    assert rig.gold("SELECT names FROM files WHERE role = 'activity'") == [(sorted(names),)]


def cropped(body: bytes, first: int, last: int) -> bytes:
    """A GPX file without the points before the second `first` and behind `last`."""
    points = re.findall(rb"<trkpt.*?</trkpt>", body)
    kept = [point for point in points if first <= int(re.findall(rb":(\d\d)Z", point)[0]) <= last]
    return body.replace(b"".join(points), b"".join(kept))


@pytest.fixture
def one_recording(make_rig: Make) -> Rig:
    """A run, a copy of it that was cut at both ends, and a cut run of somebody 22 m aside."""
    rig = make_rig(logged_in=False, **FEW)
    (rig.folder / "whole.gpx").write_bytes(a_gpx(60))
    (rig.folder / "cut.gpx").write_bytes(cropped(a_gpx(60), 20, 54))
    (rig.folder / "aside.gpx").write_bytes(cropped(a_gpx(60, latitude=48.0002), 26, 50))
    rig.import_files(*(rig.folder / f"{name}.gpx" for name in ("whole", "cut", "aside")))
    return rig


def joined(rig: Rig) -> set[str]:
    """What the files of the activity that comes from several are called."""
    query = "SELECT external_id FROM activity_members JOIN activities_all USING (id)"
    return {name for (name,) in rig.gold(query)}


def decide_something(rig: Rig) -> None:
    """A person's word about two that are nothing alike, so that all is matched again."""
    record_decisions(
        rig.lake, MatchDecision(at=datetime(2026, 1, 1, tzinfo=UTC), by="a test", id=-1, other_id=-2, joined=False)
    )


def test_two_files_of_one_recording_are_one_by_their_points(one_recording: Rig) -> None:
    assert joined(one_recording) == {"whole.gpx", "cut.gpx"}
    ((reasons,),) = one_recording.gold("SELECT reasons FROM activity_matches WHERE joined")
    assert "100.0 % of 35 common seconds at one place" in reasons
    one, other = (row[0] for row in one_recording.gold("SELECT id FROM activity_members"))
    with current_snapshot(one_recording.lake) as connection:
        found = pair_evidence(connection, one_recording.lake, one, other)
    assert (found.verdict, found.reasons) == ("probable", reasons)
    assert str(48.0) not in str(reasons)


def test_points_are_compared_once_and_what_they_came_to_is_kept(one_recording: Rig) -> None:
    shutil.rmtree(one_recording.lake.readings / "files")
    decide_something(one_recording)
    assert one_recording.do("match").matched.matches_changed == 0
    assert joined(one_recording) == {"whole.gpx", "cut.gpx"}


def test_points_that_were_lost_are_compared_when_they_are_back(one_recording: Rig) -> None:
    lake = one_recording.lake
    (kept,) = lake.readings.glob("compared*")
    kept.unlink()
    (lake.readings / "files").rename(lake.readings / "moved")
    decide_something(one_recording)
    one_recording.do("match")
    assert joined(one_recording) == set()
    (lake.readings / "moved").rename(lake.readings / "files")
    one_recording.do("match")
    assert joined(one_recording) == {"whole.gpx", "cut.gpx"}


@pytest.mark.parametrize("seed", [11, 12])
def test_every_listed_row_is_in_gold_or_joined_for_a_reason(make_rig: Make, seed: int) -> None:
    rig = make_rig(activities=1500, years=(2012, 2026), seed=seed, settings={"first_year": 2012})
    rig.do("flow_backfill")
    truth = {one["id"]: one for one in rig.truth()}
    rows = rig.golds(
        {
            "shown": "SELECT id FROM activities",
            "hidden": "SELECT id, activity_id FROM activity_members WHERE place > 0",
            "why": "SELECT id, other_id FROM activity_matches WHERE joined AND len(reasons) > 0",
            "details": "SELECT activity_id FROM activity_details",
        }
    )
    assert len(truth) == 1500
    assert {one for (one,) in rows["shown"]} | {one for one, _ in rows["hidden"]} == truth.keys()
    assert {one for (one,) in rows["details"]} == {one for (one,) in rows["shown"]}
    starts = {key: datetime.fromisoformat(one["start_date"]) for key, one in truth.items()}
    for one, other in rows["hidden"]:  # only a second device of the generator's begins at the same second
        assert starts[one] == starts[other]
        assert (min(one, other), max(one, other)) in rows["why"]
