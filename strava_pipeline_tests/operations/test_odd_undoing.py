"""Undoing imports that rest on each other in odd ways: it comes to its end, or nothing is noted."""

import json
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.lake.bronze.answers import land_athlete
from strava_pipeline.lake.imports.manifests import imports, undone_names
from strava_pipeline.lake.imports.undo import is_undo_finished
from strava_pipeline_tests.lake.bronze import activity
from strava_pipeline_tests.operations.test_undoing import Folder
from strava_pipeline_tests.rig import NOW

COLUMNS = "Activity ID,Activity Date,Activity Name,Activity Type,Elapsed Time,Distance,Filename"


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "one")


def objects(path: Path, **files: Any) -> Path:
    path.mkdir()
    for name, content in files.items():
        (path / f"{name}.json").write_text(json.dumps(content))
    return path


def an_export(path: Path, *rows: str, bikes: str = "") -> Path:
    path.mkdir()
    (path / "activities.csv").write_text("\n".join([COLUMNS, *rows]) + "\n")
    if bikes:
        (path / "bikes.csv").write_text(f"Bike Name,Bike Brand,Bike Model,Bike Default Sport Types\n{bikes}\n")
    return path


def ids(folder: Folder, table: str = "activities_all", column: str = "id") -> list[Any]:
    return [key for (key,) in folder.rows(f"SELECT {column} FROM {table} ORDER BY ALL")]


@pytest.mark.dear
def test_a_second_undo_before_the_first_one_has_ended(folder: Folder, tmp_path: Path) -> None:
    shared = activity(11)
    a, b = objects(tmp_path / "a", one=shared), objects(tmp_path / "b", one=shared, two=activity(12))
    folder.take_in(a, b)
    folder.note("a")
    folder.note("b")
    folder.rebuild()
    assert is_undo_finished(folder.lake)
    assert ids(folder) == []


@pytest.mark.dear
def test_a_detail_leaves_though_another_import_knows_the_activity(folder: Folder, tmp_path: Path) -> None:
    detailed = activity(
        11, resource_state=3, description="hello", calories=5.0, laps=[], segment_efforts=[], splits_metric=[]
    )
    folder.take_in(objects(tmp_path / "a", one=detailed), objects(tmp_path / "b", two=[activity(11)]))
    assert ids(folder, "activity_details", "activity_id") == [11]
    folder.undo("a")
    assert is_undo_finished(folder.lake)
    assert (ids(folder), ids(folder, "activity_details", "activity_id")) == ([11], [])


@pytest.mark.dear
def test_gear_of_an_archive_without_activities_leaves(folder: Folder, tmp_path: Path) -> None:
    folder.take_in(an_export(tmp_path / "export_7", bikes="Mine,Canyon,X,Ride"))
    assert len(ids(folder, "gear", "gear_id")) == 1
    folder.undo("export_7")
    assert is_undo_finished(folder.lake)
    assert ids(folder, "gear", "gear_id") == []


def test_nothing_is_undone_while_a_list_that_stays_is_lost(folder: Folder, tmp_path: Path) -> None:
    row = '{},"May 1, 2025, 10:00:00 AM",x,Ride,100,1.0,'
    folder.land(*(an_export(tmp_path / f"export_{number}", row.format(number)) for number in (7, 8)))
    folder.remake_imports()
    stays = next(one for one in imports(folder.lake) if one.manifest.came_as == "export_8")
    for path in folder.lake.files.rglob(f"{stays.manifest.files[0].sha256}*"):
        path.unlink()
    with pytest.raises(PipelineError, match=r"Nothing was undone\. Import export_8 again"):
        folder.note("export_7")
    assert undone_names(folder.lake) == []


def test_nothing_is_undone_on_which_the_numbers_of_others_rest(folder: Folder, tmp_path: Path) -> None:
    of_another = activity(0, athlete={"id": 5}) | {"id": "icu77"}
    folder.land(objects(tmp_path / "a", one=of_another))
    land_athlete(folder.lake, b'{"id": 9}', NOW)
    folder.land(objects(tmp_path / "b", one=[of_another, of_another | {"id": "icu78"}]))
    folder.remake_imports()
    with pytest.raises(PipelineError, match="numbers of later imports rest on it"):
        folder.note("a")
    assert undone_names(folder.lake) == []
