"""Several people's files in one folder: one file of two people is two activities, whoever logs in and whatever comes first.

What the warehouse makes of that is looked at once, at the end; the ids are told by the activities on disk.
"""

import csv
import hashlib
import io
import json
import shutil
from datetime import UTC, datetime
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.core.files.objects import named_athlete_id
from strava_pipeline.core.limits import ImportLimits
from strava_pipeline.core.sources import hashed_id
from strava_pipeline.environment.settings import Settings
from strava_pipeline.lake.bronze.answers import land_athlete
from strava_pipeline.lake.imports.activities import imported_activities
from strava_pipeline.lake.imports.manifests import imports
from strava_pipeline.operations.importing import land_paths, make_activities
from strava_pipeline.operations.reading_files import read_files, unread_files
from strava_pipeline.operations.run_context import RunContext
from strava_pipeline.verbs.options import context_without_run
from strava_pipeline_tests.imports import a_gpx, tracks
from strava_pipeline_tests.ingest.archive.made import zipped
from strava_pipeline_tests.rig import Make

A, B = 1001, 1002
SHARED = a_gpx()
CONTENT = hashlib.sha256(SHARED).hexdigest()
PLAIN = hashed_id("file", f"{CONTENT}:0")
OF_A, OF_B = (hashed_id("file", f"{CONTENT}:0", athlete_id) for athlete_id in (A, B))
HEADER = ["Activity ID", "Activity Date", "Activity Name", "Activity Type", "Distance", "Filename"]


@pytest.fixture
def run(tmp_path: Path) -> RunContext:
    folders = {f"{name}_dir": tmp_path / name for name in ("data", "secrets", "logs")}
    return context_without_run(Settings.load(_env_file=None, first_year=2022, **folders))


def list_of(*rows: list[str]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows([HEADER, *rows])
    return text.getvalue().encode()


def archive_of(athlete_id: int | None, files: dict[str, bytes], *rows: list[str]) -> dict[str, bytes]:
    """The files of an archive; without a profile where nobody shall be named."""
    profile = {} if athlete_id is None else {"profile.csv": f"Athlete ID,Sex\n{athlete_id},\n".encode()}
    return {"activities.csv": list_of(*rows), **profile, **files}


def zip_of(folder: Path, name: str, files: dict[str, bytes]) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_bytes(zipped(files))
    return path


def row_of(athlete_id: int, number: int = 0) -> list[str]:
    """A ride by hand, of which Strava has the number."""
    return [str(athlete_id * 1000 + number), "Jun 2, 2025, 10:00:00 AM", "Ride", "Ride", "5.0", ""]


def own_archive(folder: Path, athlete_id: int, name: str = "loose.gpx") -> Path:
    """An archive of one ride and of a file that no row names."""
    return zip_of(folder, f"{athlete_id}.zip", archive_of(athlete_id, {name: SHARED}, row_of(athlete_id)))


def log_in(run: RunContext, athlete_id: int) -> None:
    land_athlete(run.lake, json.dumps({"id": athlete_id}).encode(), datetime(2026, 3, 10, tzinfo=UTC))


def take_in(run: RunContext, *paths: Path, of_older_version: bool = False) -> None:
    """Import the paths as the job does; `of_older_version`: with a manifest as it was before it named the own athlete."""
    report = land_paths(run, paths, ImportLimits())
    for one in report.imports if of_older_version else ():
        path = run.lake.imports / one.name / "manifest.json"
        manifest = json.loads(path.read_bytes())
        del manifest["own_athlete"]
        path.write_text(json.dumps(manifest))
    make(run)


def make(run: RunContext, *, of_all: bool = False) -> None:
    read_files(run.lake, unread_files(run.lake), lambda read: None, processes=1)
    make_activities(run, lambda made: None, of_all=of_all)


def owners(run: RunContext) -> dict[int, int | None]:
    """The athlete of each activity that Strava has not numbered, by its id, as the newest import says."""
    found = {}
    for each in imported_activities(run.lake):
        for _, activities in each.listing.pages():
            for activity in activities:
                if activity["id"] < 0:
                    found[activity["id"]] = named_athlete_id(activity) or each.listing.manifest.athlete_id
    return found


def assert_made_anew_the_same(run: RunContext) -> None:
    before = owners(run)
    shutil.rmtree(run.lake.readings)
    make(run, of_all=True)
    assert owners(run) == before


@pytest.mark.parametrize("when", ["never", "before", "between", "after"])
@pytest.mark.parametrize("came", list(permutations((A, B))))
def test_one_file_of_two_athletes_is_two_activities_whenever_one_logs_in(
    run: RunContext, tmp_path: Path, came: tuple[int, int], when: str
) -> None:
    for number, athlete_id in enumerate(came):
        if when == ("before", "between")[number]:
            log_in(run, A)
        take_in(run, own_archive(tmp_path / "zips", athlete_id))
        assert_made_anew_the_same(run)
    if when == "after":
        log_in(run, A)
        assert_made_anew_the_same(run)
    own = A if when == "before" else came[0]
    other = B if own == A else A
    assert owners(run) == {PLAIN: own, hashed_id("file", f"{CONTENT}:0", other): other}


def test_whose_ids_are_plain_stays_as_the_first_import_noted(run: RunContext, tmp_path: Path) -> None:
    for athlete_id in (B, A):
        take_in(run, own_archive(tmp_path / "zips", athlete_id))
        log_in(run, A)
    (tmp_path / "by itself.gpx").write_bytes(a_gpx(minute=20))
    take_in(run, tmp_path / "by itself.gpx")
    assert [one.manifest.own_athlete for one in imports(run.lake)] == [B, B, B]


@pytest.mark.parametrize(("login", "own"), [(None, A), (B, B)])
def test_without_a_note_it_is_the_login_or_the_first_athlete_of_an_older_import(
    run: RunContext, tmp_path: Path, login: int | None, own: int
) -> None:
    take_in(run, own_archive(tmp_path / "zips", A), of_older_version=True)
    if login is not None:
        log_in(run, login)
    take_in(run, own_archive(tmp_path / "zips", B))
    assert [one.manifest.own_athlete for one in imports(run.lake)] == [None, own]


def test_where_nobody_is_known_nothing_is_noted(run: RunContext, tmp_path: Path) -> None:
    (tmp_path / "by itself.gpx").write_bytes(SHARED)
    take_in(run, tmp_path / "by itself.gpx")
    assert [one.manifest.own_athlete for one in imports(run.lake)] == [None]


def test_a_later_archive_of_the_same_athlete_brings_the_same_activity(run: RunContext, tmp_path: Path) -> None:
    for athlete_id in (A, B):
        take_in(run, own_archive(tmp_path / "zips", athlete_id))
    for athlete_id in (B, A, B):
        later = archive_of(athlete_id, {"another name.gpx": SHARED}, row_of(athlete_id), row_of(athlete_id, 5))
        take_in(run, zip_of(tmp_path / "zips", "later.zip", later))
        assert owners(run) == {PLAIN: A, OF_B: B}
    assert_made_anew_the_same(run)


def test_what_older_versions_imported_keeps_its_ids_and_hides_nothing(run: RunContext, tmp_path: Path) -> None:
    """The plain id is another athlete's there: the folder's own athlete gets an id that is nobody else's."""
    take_in(run, own_archive(tmp_path / "zips", B), of_older_version=True)
    assert owners(run) == {PLAIN: B}
    log_in(run, A)
    for _ in range(2):
        for athlete_id in (A, B):
            later = archive_of(athlete_id, {"loose.gpx": SHARED}, row_of(athlete_id, len(list(imports(run.lake)))))
            take_in(run, zip_of(tmp_path / "zips", "later.zip", later))
            assert owners(run) == {PLAIN: B, OF_A: A}
    assert_made_anew_the_same(run)


def test_what_older_versions_took_for_one_activity_gets_no_third(run: RunContext, tmp_path: Path) -> None:
    for athlete_id in (A, B):
        take_in(run, own_archive(tmp_path / "zips", athlete_id), of_older_version=True)
    for athlete_id in (A, B):
        later = archive_of(athlete_id, {"loose.gpx": SHARED}, row_of(athlete_id, 5))
        take_in(run, zip_of(tmp_path / "zips", "later.zip", later))
        assert owners(run).keys() == {PLAIN}
    assert_made_anew_the_same(run)


@pytest.mark.parametrize("first", ["archive", "file"])
def test_a_file_that_names_nobody_is_the_own_athletes(run: RunContext, tmp_path: Path, first: str) -> None:
    (tmp_path / "by itself.gpx").write_bytes(SHARED)
    came = [own_archive(tmp_path / "zips", A), tmp_path / "by itself.gpx"]
    for path in came if first == "archive" else came[::-1]:
        take_in(run, path)
    take_in(run, own_archive(tmp_path / "zips", B))
    assert owners(run) == {PLAIN: A, OF_B: B}
    assert_made_anew_the_same(run)


def test_a_file_that_another_athlete_has_by_the_same_name_comes_in_too(run: RunContext, tmp_path: Path) -> None:
    log_in(run, A)
    take_in(run, own_archive(tmp_path / "zips", B, "run.gpx"))
    (tmp_path / "run.gpx").write_bytes(SHARED)
    for _ in range(2):
        take_in(run, tmp_path / "run.gpx")
        assert owners(run) == {PLAIN: None, OF_B: B}
    assert len(list(imports(run.lake))) == 2
    take_in(run, own_archive(tmp_path / "zips", A, "other.gpx"))
    (tmp_path / "other.gpx").write_bytes(SHARED)
    take_in(run, tmp_path / "other.gpx")
    assert len(list(imports(run.lake))) == 3, "the own athlete's archive brought it"


def test_a_file_is_of_the_athlete_in_whose_archive_it_lies(run: RunContext, tmp_path: Path) -> None:
    family = {
        f"{folder}/{name}": body
        for folder, athlete_id in (("one", A), ("two", B))
        for name, body in archive_of(athlete_id, {"loose.gpx": SHARED}, row_of(athlete_id)).items()
    }
    take_in(run, zip_of(tmp_path / "zips", "family.zip", family | {"beside both.gpx": a_gpx(minute=20)}))
    beside = hashed_id("file", f"{hashlib.sha256(a_gpx(minute=20)).hexdigest()}:0")
    assert owners(run) == {PLAIN: A, OF_B: B, beside: None}
    assert_made_anew_the_same(run)


def test_archives_that_name_nobody_are_read_as_one_athletes(run: RunContext, tmp_path: Path) -> None:
    for number in (1, 2):
        take_in(run, zip_of(tmp_path / "zips", "a.zip", archive_of(None, {"loose.gpx": SHARED}, row_of(A, number))))
    assert owners(run) == {PLAIN: None}
    log_in(run, A)
    assert_made_anew_the_same(run)


def test_archives_of_two_athletes_with_the_same_bytes_are_two_imports(run: RunContext, tmp_path: Path) -> None:
    """A list may have no row yet, and whose the archive is stands beside it."""
    for athlete_id in (A, B, A, B, None):
        take_in(run, zip_of(tmp_path / "zips", "a.zip", archive_of(athlete_id, {"loose.gpx": SHARED})))
    assert [one.manifest.athletes for one in imports(run.lake)] == [{"activities.csv": A}, {"activities.csv": B}]
    assert owners(run) == {PLAIN: A, OF_B: B}
    assert_made_anew_the_same(run)


def test_rows_without_an_id_are_two_athletes_own(run: RunContext, tmp_path: Path) -> None:
    row = ["", *row_of(A)[1:]]
    for athlete_id in (A, B, A, B):
        rows = row, row_of(athlete_id, len(list(imports(run.lake))))
        take_in(run, zip_of(tmp_path / "zips", "a.zip", archive_of(athlete_id, {}, *rows)))
    found = owners(run)
    assert sorted(found.values(), key=str) == [A, B]
    assert_made_anew_the_same(run)


def test_what_earlier_archives_said_fills_in_the_rows_of_the_same_athlete_alone(
    run: RunContext, tmp_path: Path
) -> None:
    """Of rows without an id too: neither athlete's distance is the other's."""
    for athlete_id, distance in ((A, "5.0"), (B, "")):
        rows = ["", *row_of(A)[1:4], distance, ""], row_of(athlete_id)
        take_in(run, zip_of(tmp_path / "zips", "a.zip", archive_of(athlete_id, {}, *rows)))
    said = [activity for each in imported_activities(run.lake) for _, page in each.listing.pages() for activity in page]
    assert {named_athlete_id(each): each.get("distance") for each in said if each["id"] < 0} == {A: 5000.0, B: None}


@pytest.mark.parametrize("named", ["activity_id", "run_id"])
def test_objects_are_of_the_athlete_whom_they_name(run: RunContext, tmp_path: Path, named: str) -> None:
    at = {"start_date": "2025-06-01T10:00:00Z", "type": "Run"}
    known = {"id": "a-tools-own"} if named == "activity_id" else {"run_id": 1_748_772_000_000}
    log_in(run, A)
    for athlete_id in (A, B, B, None):
        athlete: dict[str, Any] = {} if athlete_id is None else {"athlete": {"id": athlete_id, "firstname": "Kim"}}
        body = {**known, **at, **athlete, "name": f"of import {len(list(imports(run.lake)))}"}
        (tmp_path / "objects.json").write_text(json.dumps([body]))
        take_in(run, tmp_path / "objects.json")
    assert len(list(imports(run.lake))) == 4
    source, source_id = ("strava_json", "a-tools-own") if named == "activity_id" else ("running_page", "1748772000000")
    assert owners(run) == {hashed_id(source, source_id): A, hashed_id(source, source_id, B): B}
    assert_made_anew_the_same(run)


@pytest.mark.dear
def test_both_are_in_the_warehouse_with_their_tracks_and_nothing_mixes(make_rig: Make, tmp_path: Path) -> None:
    rig = make_rig(logged_in=False)
    held = {
        "rows": "SELECT * FROM activities_all ORDER BY id",
        "history": "SELECT * FROM activity_history ORDER BY ALL",
        "details": "SELECT * FROM activity_details ORDER BY ALL",
        "sessions": "SELECT * FROM activity_sessions ORDER BY ALL",
        "files": "SELECT * FROM files ORDER BY ALL",
    }
    both = {(PLAIN, A), (OF_B, B)}
    paths = [own_archive(tmp_path / "zips", athlete_id) for athlete_id in (A, B)]
    (tmp_path / "once more.gpx").write_bytes(SHARED)
    for path in (*paths, tmp_path / "once more.gpx"):
        rig.import_files(path)
        before = rig.golds(held), tracks(rig)
        rig.do("rebuild")
        assert (rig.golds(held), tracks(rig)) == before
    land_athlete(rig.lake, json.dumps({"id": B}).encode(), datetime(2026, 3, 10, tzinfo=UTC))
    rig.do("rebuild")
    assert rig.golds(held) == before[0]
    assert set(rig.gold("SELECT id, athlete_id FROM activities WHERE source = 'file'")) == both
    assert {activity_id for activity_id, *_ in tracks(rig)} == {PLAIN, OF_B}
    assert rig.gold("SELECT DISTINCT activity_id, athlete_id FROM activity_sessions ORDER BY 2") == [
        (PLAIN, A),
        (OF_B, B),
    ]
    assert rig.gold("FROM activity_matches") == rig.gold("FROM activity_members") == []
    counted = "SELECT athlete_id, count(*) FROM counted_activities GROUP BY 1 ORDER BY 1"
    assert rig.gold(counted) == [(A, 2), (B, 2)]
