"""`archive verify` as a person and a program type it: what it says, what it ends with, and that it changes nothing."""

import csv
import io
import json
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest

from strava_pipeline.ingest.strava.emulator.archive import Layout, Oddities, write_archive
from strava_pipeline_tests.rig import Rig, started
from strava_pipeline_tests.verbs.conftest import Type, Typed, TypeOn

pytestmark = pytest.mark.slow

KEYS = {
    "path", "agrees", "athlete_id", "other_athletes", "rows", "newest_start", "in_both", "stood_for",
    "only_in_archive", "only_in_gold", "deleted_in_gold", "differing", "fields", "problems", "tracks",
    "files", "gear",
}  # fmt: skip


@pytest.fixture(scope="module")
def pulled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """A warehouse of the API alone; no test here changes it."""
    with started(tmp_path_factory.mktemp("pulled")) as rig:
        rig.do("flow_backfill")
        rig.calls()
        yield rig


@pytest.fixture
def typed(pulled: Rig, type_on: TypeOn) -> Type:
    return type_on(pulled)


def an_archive(
    rig: Rig, path: Path, layout: Layout | None = None, oddities: Oddities | None = None, **changes: Any
) -> Path:
    write_archive(replace(rig.emulator.state.config, **changes), path, layout, oddities or Oddities())
    return path


def cells(rig: Rig, folder: Path) -> list[list[str]]:
    """The list of an archive: its header, then its rows, oldest first."""
    with zipfile.ZipFile(an_archive(rig, folder / "export.zip")) as archive:
        return list(csv.reader(io.StringIO(archive.read("activities.csv").decode(), newline="")))


def put(folder: Path, rows: list[list[str]]) -> Path:
    """A list by itself, as an archive of nothing else."""
    path = folder / "activities.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def told(said: Typed) -> dict[str, Any]:
    assert said.err == ""
    return dict(json.loads(said.out))


def files(rig: Rig) -> dict[str, int]:
    folder = rig.settings.data_dir
    return {str(path): path.stat().st_mtime_ns for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.dear
def test_an_archive_of_what_was_pulled_agrees(pulled: Rig, typed: Type, tmp_path: Path) -> None:
    before = files(pulled)
    path = an_archive(pulled, tmp_path / "export.zip")
    said = typed("archive", "verify", str(path), "--json")
    found = told(said)
    assert said.code == 0
    assert found.keys() == KEYS
    truth = pulled.truth()
    assert (found["path"], found["agrees"]) == (str(path), True)
    assert found["athlete_id"] == pulled.emulator.state.athlete["id"]
    assert found["rows"] == found["in_both"] == len(truth)
    assert found["newest_start"] == max(item["start_date"] for item in truth)
    for name in ("only_in_archive", "only_in_gold", "deleted_in_gold", "differing", "problems", "other_athletes"):
        assert found[name] == []
    assert found["fields"] == {}
    assert found["tracks"]["rows_with_file"] > 15
    assert found["tracks"]["with_track"] == 0, "the API gave none"
    person = typed("archive", "verify", str(path))
    assert person.code == 0
    assert f"in both: {len(truth)}" in person.out
    assert files(pulled) == before
    assert pulled.calls()["by_endpoint"] == {}


def test_what_differs_ends_with_4_and_is_told(pulled: Rig, typed: Type, tmp_path: Path) -> None:
    head, _, _, third, *rows = cells(pulled, tmp_path)
    path = put(tmp_path, [head, ["77", *third[1:]], *rows])
    said = typed("archive", "verify", str(path), "--json")
    found = told(said)
    assert (said.code, found["agrees"]) == (4, False)
    truth = sorted(pulled.truth(), key=lambda item: item["start_date"])
    missing = [{"id": item["id"], "start_date": item["start_date"], "name": item["name"]} for item in truth[:3]]
    assert found["only_in_gold"] == missing
    assert found["only_in_archive"] == [missing[2] | {"id": 77}]
    person = typed("archive", "verify", str(path))
    assert (person.code, "77" in person.out, "reconcile" in person.out) == (4, True, True)


def test_a_field_that_differs_is_told_with_both_values(pulled: Rig, typed: Type, tmp_path: Path) -> None:
    rows = cells(pulled, tmp_path)
    name, old = rows[0].index("Activity Name"), rows[5][2]
    new = "A name\x1bfar too long to be shown in one line of a terminal,\nand then some"
    rows[5][name] = new
    path = put(tmp_path, rows)
    (one,) = [item for item in pulled.truth() if str(item["id"]) == rows[5][0]]
    found = told(typed("archive", "verify", str(path), "--json"))
    assert found["differing"] == [
        {
            "id": one["id"],
            "start_date": one["start_date"],
            "name": new,
            "fields": {"name": {"archive": new, "gold": old}},
        }
    ]
    assert found["fields"] == {"name": 1}
    assert "\x1b" not in typed("archive", "verify", str(path)).out


def test_another_athletes_archive_is_told_first(pulled: Rig, typed: Type, tmp_path: Path) -> None:
    path = an_archive(pulled, tmp_path / "export.zip", athlete_id=99, seed=6)
    found = told(typed("archive", "verify", str(path), "--json"))
    own = pulled.emulator.state.athlete["id"]
    assert (found["athlete_id"], found["other_athletes"], found["in_both"], found["only_in_gold"]) == (99, [own], 0, [])
    person = typed("archive", "verify", str(path))
    assert person.code == 4
    assert "reconcile" not in person.out


def test_an_activity_that_another_one_stands_for_is_found(
    pulled: Rig, type_on: TypeOn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = an_archive(pulled, tmp_path / "export.zip")
    shutil.copytree(pulled.settings.data_dir / "warehouse", tmp_path / "data" / "warehouse")
    published = tmp_path / "data" / "warehouse" / "strava.duckdb"
    published.chmod(0o644)
    with duckdb.connect(str(published)) as connection:
        connection.execute(
            "INSERT INTO activity_members BY NAME SELECT id, -id AS activity_id, 1 AS place FROM activities_all LIMIT 1"
        )
        connection.execute("UPDATE activities_all SET id = -id WHERE id IN (SELECT id FROM activity_members)")
    typed = type_on(pulled)
    monkeypatch.setenv("STRAVA_DATA_DIR", str(tmp_path / "data"))
    found = told(typed("archive", "verify", str(path), "--json"))
    assert (found["agrees"], found["stood_for"]) == (True, 1)


def test_what_does_not_read_in_the_list_is_named(pulled: Rig, typed: Type, tmp_path: Path) -> None:
    head, first, *rows = cells(pulled, tmp_path)
    number = first[0]
    path = put(tmp_path, [head, ["no number", *first[1:]], *rows])
    said = typed("archive", "verify", str(path), "--json")
    found = told(said)
    assert said.code == 4
    assert [one["id"] for one in found["only_in_gold"]] == [int(number)]
    assert found["only_in_archive"][0]["id"] < 0
    assert "line 2, Activity ID: no id" in found["problems"]


def test_what_can_not_be_compared_says_why_and_ends_with_1_or_2(
    pulled: Rig, typed: Type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = an_archive(pulled, tmp_path / "export.zip")
    for folder in (tmp_path / "two" / "a", tmp_path / "two" / "b", tmp_path / "none"):
        folder.mkdir(parents=True)
        with zipfile.ZipFile(path) as archive:
            name = "activities.csv" if folder.name != "none" else "one.txt"
            (folder / name).write_bytes(archive.read("activities.csv"))
    for name, code, word in (
        ("none", 1, "is no archive of Strava's"),
        ("two", 2, "a/activities.csv, b/activities.csv"),
    ):
        said = typed("archive", "verify", str(tmp_path / name))
        assert (said.code, said.out, word in said.err) == (code, "", True), said.err
    monkeypatch.setenv("STRAVA_DATA_DIR", str(tmp_path / "empty"))
    said = typed("archive", "verify", str(path))
    assert (said.code, said.out, "There is no published warehouse" in said.err) == (1, "", True)
    assert not (tmp_path / "empty").exists()


def test_an_archive_that_lacks_a_file_differs_though_none_came_in(pulled: Rig, typed: Type, tmp_path: Path) -> None:
    path = an_archive(pulled, tmp_path / "export.zip", oddities=Oddities(missing=2))
    said = typed("archive", "verify", str(path), "--json")
    found = told(said)
    assert (said.code, found["agrees"], found["differing"], found["files"]["compared"]) == (4, False, [], 0)
    assert [each["problem"] for each in found["files"]["differing"]] == ["not_in_archive", "not_in_archive"]
    assert typed("archive", "verify", str(path)).out.count("not in archive") == 2
