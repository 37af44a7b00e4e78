"""The same real activity by two sources: which of the samples are one, and that no others are taken for one.

The pairs are those of ../shared/samples/TWINS.md.
"""

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline_tests.imports import tracks
from strava_pipeline_tests.rig import Rig, started

pytestmark = pytest.mark.samples

SAMPLES = Path(__file__).parents[2].parent / "shared" / "samples"
FOLDERS = ("fit", "gpx", "tcx", "derived", "running_page", "strava/detailed", "strava/summary")
TWINS = {
    frozenset({"12070555079", "2022-05-29-15-53-35_Laufen_Landal_Park.fit"}),
    frozenset({"4437021783", "runpandas_2020-12-06T06_36_21_Running.tcx"}),
    frozenset({"activereader_testdata.gpx", "activereader_testdata.tcx"}),
    frozenset({"10kUNLP2014-Garmin15.fit", "10kUNLP2014-Garmin15.tcx"}),
}
VARIANTS = {  # one recording, spoilt in several ways for somebody's tests; one with five times among 296 points is only proposed
    frozenset({"no_hr.tcx", "malformed.tcx", "python-tcxparser_test.tcx"}),
    frozenset(
        f"cerknicko-jezero{name}.gpx" for name in ("", "-with-elevations-zero", "-no-creator", "-without-elevations")
    ),
    frozenset(
        {"Activity.fit", "activity-settings.fit", "activity_truncated.fit"}
        | {
            f"activity-{name}.fit"
            for name in ("settings-nodata", "activity-filecrc", "filecrc", "settings-corruptheader", "unexpected-eof")
        }
    ),
}
SPORTIVA = "bulk_export/sportiva"


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """One data folder with every sample in it, the archives last."""
    folder = tmp_path_factory.mktemp("twins")
    with started(folder, logged_in=False, activities=1, settings={"first_year": 2010}) as rig:
        rig.import_files(*(SAMPLES / name for name in FOLDERS))
        rig.import_files(SAMPLES / "bulk_export/geo-activity-playground", SAMPLES / SPORTIVA)
        yield rig


def test_the_twins_are_one_and_no_others(everything: Rig) -> None:
    rows = everything.gold(
        "SELECT member.activity_id, CASE WHEN member.id > 0 THEN member.id::VARCHAR ELSE said.external_id END "
        "FROM activity_members AS member JOIN activities_all AS said ON said.id = member.id"
    )
    found: dict[int, set[str]] = {}
    for activity, name in rows:
        found.setdefault(activity, set()).add(name)
    assert {frozenset(names) for names in found.values()} == TWINS | VARIANTS


def test_a_twin_fills_in_what_strava_s_file_lacks_and_corrects_nothing(everything: Rig) -> None:
    columns = "source, average_heartrate, max_heartrate, has_heartrate, total_elevation_gain, distance, moving_time, elapsed_time"
    ((source, mean, most, has, gain, distance, moving, elapsed),) = everything.gold(
        f"SELECT {columns} FROM activities WHERE id = 12070555079"
    )
    assert (source, mean, most, has) == ("strava_archive", 136, 169, True)
    assert (moving, elapsed) == (1411, 1428), "the file's timer says 1428"
    assert (gain, distance) == (pytest.approx(61.88, abs=0.01), pytest.approx(3322.95)), "the file climbed 109 m"
    points = {one: count for one, count, *_ in tracks(everything)}
    assert points[12070555079] == 326
    assert points[4437021783] == 1747
    assert everything.one("SELECT count(*) FROM activity_laps WHERE activity_id = 4437021783") == 13


def test_a_shifted_copy_and_a_route_are_nobody_s_twin(everything: Rig) -> None:
    names = "('antimeridian.gpx', 'dst_fall_back.gpx')"
    assert everything.one(f"SELECT count(*) FROM activities WHERE external_id IN {names}") == 2
    assert everything.one("SELECT count(*) FROM activities_all WHERE external_id LIKE 'Berlin_0_9_km%'") == 0


def test_files_of_an_archive_that_lie_about_add_no_row(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("loose")
    (folder / "watch").mkdir()
    for place, path in enumerate(sorted((SAMPLES / SPORTIVA / "activities").iterdir())):
        body: Any = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        (folder / "watch" / f"ride {place}.gpx").write_bytes(body + b"\n")  # other bytes, and a name that tells nothing
    with started(folder, logged_in=False, activities=1, settings={"first_year": 2010}) as rig:
        rig.import_files(SAMPLES / SPORTIVA)
        before = rig.gold("SELECT id, name, distance FROM activities ORDER BY id")
        rig.import_files(folder / "watch")
        after = rig.gold("SELECT id, name, distance FROM activities ORDER BY id")
        alone = rig.gold("SELECT external_id, start_date, elapsed_time, distance FROM activities WHERE source = 'file'")
        print(alone, rig.gold("SELECT verdict, score, reasons FROM activity_matches WHERE NOT joined"))
        assert after == before
