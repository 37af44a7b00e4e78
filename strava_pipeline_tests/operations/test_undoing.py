"""An undone import leaves what a folder holds that never had it, in whatever order the imports came, and wherever it died."""

import csv
import io
import itertools
import logging
import os
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from strava_pipeline.core.errors import MisuseError, PipelineError
from strava_pipeline.core.tables import TABLES
from strava_pipeline.core.years import YearRange
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.clock import ServerClock
from strava_pipeline.ingest.strava.emulator.application import EmulatorConfig
from strava_pipeline.ingest.strava.emulator.archive import Oddities, write_archive
from strava_pipeline.lake.decisions import record_decisions
from strava_pipeline.lake.gold.matches import MatchDecision
from strava_pipeline.lake.imports.manifests import Import, all_imports, imports, undone_names
from strava_pipeline.lake.imports.undo import find_import, is_undo_finished
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.rebuild import rebuild
from strava_pipeline.operations.importing import LandReport, land_paths
from strava_pipeline.operations.progress import LogProgress
from strava_pipeline.operations.rebuilding import bring_up_to_date, remake_imports
from strava_pipeline.operations.run_context import run_context
from strava_pipeline.operations.tracking import make_tracks
from strava_pipeline.operations.undoing import UndoPlan, plan_undo, undo
from strava_pipeline_tests.imports import a_gpx
from strava_pipeline_tests.rig import NOW

MOMENTS = {  # columns that tell when and in which import something came: others in a folder that was told it later
    "ingestion_ts",
    "edited_at",
    "fetched_at",
    "valid_from",
    "valid_to",
    "received_at",
    "import_name",
}
CONFIG = EmulatorConfig(activities=8, years=(2025, 2026), seed=5, now=NOW)
WHAT = ("archive", "folder", "file", "list")
SOAK = pytest.mark.soak(part="damage")


class Folder:
    """A data folder, and what is done with it without Dagster, by a clock of its own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        settings = Settings.load(_env_file=None, data_dir=path / "data", secrets_dir=path / "secrets", first_year=2025)
        seconds = itertools.count()
        clock = ServerClock(lambda: NOW + timedelta(seconds=next(seconds)), lambda: 0.0, lambda seconds: None)
        self.settings = settings
        run = run_context(settings, LogProgress(logging.getLogger(__name__)), clock=clock)
        self.run = replace(run, years=YearRange(2025, 2026))

    @property
    def lake(self) -> Lake:
        return self.run.lake

    def land(self, *paths: Path, also_undone: bool = False) -> LandReport:
        report = LandReport()
        for path in paths:
            report = land_paths(self.run, [path], self.settings.import_limits, also_undone=also_undone)
        return report

    def rebuild(self) -> None:
        rebuild(self.lake, self.run.years, self.run.progress, make_imports=self.remake_imports)
        make_tracks(self.run, self.run.years.all)

    def remake_imports(self) -> None:
        remake_imports(self.run, self.settings.import_limits)

    def take_in(self, *paths: Path) -> None:
        self.land(*paths)
        self.rebuild()

    def plan(self, name: str) -> UndoPlan:
        return plan_undo(self.lake, find_import(self.lake, name), self.run.now())

    def note(self, name: str) -> Import:
        one = find_import(self.lake, name)
        undo(self.lake, one, self.run.now())
        return one

    def undo(self, name: str) -> Import:
        one = self.note(name)
        self.rebuild()
        return one

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.lake.snapshot), read_only=True) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            return connection.execute(query).fetchall()

    def ids(self) -> dict[str, set[Any]]:
        columns = {"activities_all": "id", "files": "sha256"}
        return {table: {one for (one,) in self.rows(f"SELECT {key} FROM {table}")} for table, key in columns.items()}

    def state(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of every table but for the moments, and of every track."""
        found = {}
        for name, table in TABLES.items():
            columns = ", ".join(f'"{column.name}"' for column in table.columns if column.name not in MOMENTS)
            found[name] = self.rows(f"SELECT {columns} FROM {table.stored} ORDER BY ALL")
        tracks = f"FROM '{self.lake.tracks}/*/*.parquet' ORDER BY activity_id, part, point"
        there = any(self.lake.tracks.rglob("*.parquet"))
        return found | {"tracks": duckdb.sql(tracks).fetchall() if there else []}


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "one")


@pytest.fixture(scope="session")
def sources(shared_by_workers: Path) -> dict[str, Path]:
    """What is imported: each holds something that another one holds, too."""
    top = shared_by_workers / "undoing"
    paths = {
        "archive": top / "export_1.zip",
        "folder": top / "rides",
        "file": top / "shared.gpx",
        "list": top / "list" / "activities.csv",
    }
    if not top.exists():
        made = top.with_name(f"{top.name}.{os.getpid()}")
        made.mkdir()
        write_archive(CONFIG, made / "export_1.zip", oddities=Oddities(missing=1, unlisted=1))
        with zipfile.ZipFile(made / "export_1.zip") as whole:
            recorded = sorted(name for name in whole.namelist() if name.startswith("activities/"))
            (made / "rides").mkdir()
            for name in recorded[:2]:
                (made / "rides" / Path(name).name).write_bytes(whole.read(name))
            listed = whole.read("activities.csv").decode()
        (made / "rides" / "own.gpx").write_bytes(a_gpx(minute=20))
        (made / "rides" / "shared.gpx").write_bytes(a_gpx())
        (made / "shared.gpx").write_bytes(a_gpx())
        (made / "list").mkdir()
        (made / "list" / "activities.csv").write_text(edited(listed), newline="")
        try:
            made.rename(top)
        except OSError:  # another worker was faster
            shutil.rmtree(made)
    return paths


def edited(listed: str) -> str:
    """The list with other names, without descriptions, without its last row, and with one that nobody else knows."""
    head, *lines = csv.reader(io.StringIO(listed, newline=""))
    name, description = head.index("Activity Name"), head.index("Activity Description")
    for line in lines:
        line[name], line[description] = f"{line[name]}, edited", ""
    text = io.StringIO(newline="")
    csv.writer(text).writerows([head, *lines[:-1], ["77", *lines[0][1:]]])
    return text.getvalue()


Rows = dict[str, list[tuple[Any, ...]]]


def differing(found: Rows, wanted: Rows) -> dict[str, Any]:
    """The tables that differ, with a row that is too much and one that is missing."""
    return {
        name: [next((row for row in these if row not in those), None) for these, those in both]
        for name in wanted
        if found[name] != wanted[name]
        for both in [((found[name], wanted[name]), (wanted[name], found[name]))]
    }


@pytest.mark.dear
@pytest.mark.parametrize(
    ("order", "undone"),
    [
        (("list", "file", "folder", "archive"), "file"),
        pytest.param(WHAT, "archive", marks=SOAK),
        *(pytest.param(WHAT, undone, marks=SOAK) for undone in ("list", "file", "folder")),
        pytest.param(("folder", "archive", "list", "file"), "folder", marks=SOAK),
        pytest.param(("list", "file", "folder", "archive"), "archive", marks=SOAK),
    ],
)
def test_what_is_left_is_what_the_others_alone_make(
    tmp_path: Path, sources: dict[str, Path], order: tuple[str, ...], undone: str
) -> None:
    without = Folder(tmp_path / "without")
    without.take_in(*(sources[name] for name in order if name != undone))
    folder = Folder(tmp_path / "all")
    folder.take_in(*(sources[name] for name in order))
    wanted = without.state()
    assert all(wanted[name] for name in ("activities_all", "files", "tracks", "activity_history"))
    plan, before = folder.plan(sources[undone].name), folder.ids()
    folder.undo(sources[undone].name)
    assert differing(folder.state(), wanted) == {}
    after = folder.ids()
    assert plan.activities_leaving == len(before["activities_all"] - after["activities_all"])
    assert plan.files_leaving == len(before["files"] - after["files"])
    assert is_undo_finished(folder.lake)


@pytest.mark.dear
def test_two_undone_one_after_the_other_leave_what_the_others_alone_make(
    tmp_path: Path, sources: dict[str, Path]
) -> None:
    without = Folder(tmp_path / "without")
    without.take_in(sources["folder"], sources["file"])
    folder = Folder(tmp_path / "all")
    folder.take_in(*(sources[name] for name in WHAT))
    folder.note("export_1.zip")
    folder.undo("activities.csv")
    assert differing(folder.state(), without.state()) == {}


def a_folder(path: Path, **bodies: bytes) -> Path:
    path.mkdir(exist_ok=True)
    for name, body in bodies.items():
        (path / f"{name}.gpx").write_bytes(body)
    return path


ONE, TWO, THREE = a_gpx(), a_gpx(minute=20), a_gpx(minute=40)


def names(folder: Folder) -> list[str]:
    return [name for (name,) in folder.rows("SELECT name FROM files ORDER BY name")]


class KilledError(BaseException):
    """What ends a process anywhere."""


@pytest.fixture
def dying(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, int], None]:
    """`dying(step, after)`: the process ends when it comes to the step for the time after so many."""

    def at(step: str, after: int) -> None:
        module, _, name = step.rpartition(".")
        real, seen = getattr(__import__(module, fromlist=[name]), name), itertools.count()

        def dies(*args: Any, **more: Any) -> Any:
            if next(seen) >= after:
                raise KilledError
            return real(*args, **more)

        monkeypatch.setattr(step, dies)

    return at


@pytest.mark.slow
@pytest.mark.parametrize(
    ("step", "after"),
    [
        ("operations.importing.write_activities", 1),
        pytest.param("lake.rebuild._put_in_place", 0, marks=SOAK),
        pytest.param("lake.made.shards.sync_folder", 1, marks=SOAK),
        pytest.param("lake.rebuild._merge_all", 0, marks=SOAK),
        pytest.param("lake.rebuild.remove_activities", 0, marks=SOAK),
        pytest.param("operations.importing.write_activities", 0, marks=SOAK),
        pytest.param("lake.rebuild.drop_imported_rows", 0, marks=SOAK),
        pytest.param("lake.made.shards.sync_folder", 0, marks=SOAK),
        pytest.param("lake.rebuild.write_shards", 0, marks=SOAK),
        pytest.param("lake.rebuild.publish", 0, marks=SOAK),
    ],
)
def test_what_died_is_ended_by_the_next_run_of_whatever_kind(
    tmp_path: Path,
    sources: dict[str, Path],
    monkeypatch: pytest.MonkeyPatch,
    dying: Callable[[str, int], None],
    step: str,
    after: int,
) -> None:
    without = Folder(tmp_path / "without")
    without.take_in(sources["folder"], sources["list"])
    folder = Folder(tmp_path / "all")
    folder.take_in(sources["archive"], sources["folder"], sources["list"])
    folder.note("export_1.zip")
    dying(f"strava_pipeline.{step}", after)
    with pytest.raises(KilledError):
        folder.rebuild()
    monkeypatch.undo()
    bring_up_to_date(folder.run, folder.settings)  # of a flow, say
    assert differing(folder.state(), without.state()) == {}
    assert is_undo_finished(folder.lake)


@pytest.mark.dear
def test_a_rebuild_that_broke_off_before_an_undo_is_not_gone_on_with(
    folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dying: Callable[[str, int], None]
) -> None:
    folder.take_in(a_folder(tmp_path / "a", one=ONE), a_folder(tmp_path / "b", two=TWO))
    dying("strava_pipeline.lake.rebuild._put_in_place", 0)
    with pytest.raises(KilledError):
        folder.rebuild()
    monkeypatch.undo()
    folder.note("a")
    bring_up_to_date(folder.run, folder.settings)
    assert names(folder) == ["two.gpx"]
    assert len(folder.rows("FROM activities_all")) == 1


@pytest.mark.dear
def test_tracks_of_others_stay_though_their_readings_are_gone(folder: Folder, tmp_path: Path) -> None:
    folder.take_in(a_folder(tmp_path / "a", one=ONE), a_folder(tmp_path / "b", two=TWO))
    ((kept,),) = folder.rows(
        "SELECT id FROM activities_all WHERE json_extract_string(extra, '$.file.name') = 'two.gpx'"
    )
    (digest,) = (one.manifest.files[0].sha256 for one in imports(folder.lake) if one.manifest.came_as == "b")
    for path in (*folder.lake.readings.rglob(f"{digest}-*.parquet"), *folder.lake.files.rglob(f"{digest}*")):
        path.unlink()  # its points can't be made again
    folder.note("a")
    bring_up_to_date(folder.run, folder.settings)
    assert [path.stem for path in folder.lake.tracks.rglob("*.parquet")] == [str(kept)]


def _damaged_shard(folder: Folder) -> Path:
    path = next(iter(sorted(folder.lake.shards.glob("year=2025/*.parquet"))))
    body = bytearray(path.read_bytes())
    body[4:200] = bytes(196)  # its rows, not its footer
    path.write_bytes(body)
    return path


@pytest.mark.dear
@pytest.mark.parametrize("merged", [False, True])
def test_a_damaged_shard_is_set_aside_and_made_again(
    folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, merged: bool
) -> None:
    if merged:
        monkeypatch.setattr("strava_pipeline.lake.made.shards.SHARDS_PER_YEAR", 1)
    folder.take_in(a_folder(tmp_path / "a", one=ONE))
    folder.take_in(a_folder(tmp_path / "b", two=TWO))
    assert any(folder.lake.shards.rglob("*.merged.parquet")) is merged
    _damaged_shard(folder)
    folder.undo("b")
    assert names(folder) == ["one.gpx"]
    assert len(folder.rows("FROM activities_all")) == 1


@pytest.mark.dear
def test_what_a_person_decided_applies_again_when_it_comes_back(folder: Folder, tmp_path: Path) -> None:
    a, b = a_folder(tmp_path / "a", one=ONE), a_folder(tmp_path / "b", two=TWO)
    folder.take_in(a, b)
    ids = [key for (key,) in folder.rows("SELECT id FROM activities_all ORDER BY id")]
    record_decisions(folder.lake, MatchDecision(at=NOW, by="a test", id=ids[0], other_id=ids[1], joined=True))
    folder.rebuild()
    assert len(folder.rows("FROM activities")) == 1
    folder.undo("a")
    assert len(folder.rows("FROM activities")) == len(folder.rows("FROM activities_all")) == 1
    folder.take_in(a)
    assert len(folder.rows("FROM activities")) == 1
    assert len(folder.rows("FROM activities_all")) == 2


def test_what_leaves_is_told_before(folder: Folder, tmp_path: Path) -> None:
    a, b = a_folder(tmp_path / "a", one=ONE, two=TWO), a_folder(tmp_path / "b", two=TWO, three=THREE)
    folder.land(a, b)
    folder.remake_imports()
    plan = folder.plan("a")
    assert (plan.activities, plan.activities_leaving, plan.files, plan.files_leaving) == (2, 1, 2, 1)
    assert (plan.unnoted, plan.unclear) == (0, [])
    assert undone_names(folder.lake) == []


def test_what_an_earlier_version_did_not_note_is_told(folder: Folder, tmp_path: Path) -> None:
    a, b, c = (
        a_folder(tmp_path / "a", one=ONE, two=TWO),
        a_folder(tmp_path / "b", two=TWO, three=THREE),
        a_folder(tmp_path / "c", one=ONE),
    )
    folder.land(a, b)
    for one in all_imports(folder.lake):  # as that version left them
        old = one.manifest.model_dump_json(exclude={"known", "continues", "without"})
        (folder.lake.imports / one.name / "manifest.json").write_text(old)
    folder.land(c)
    folder.remake_imports()
    plan = folder.plan("a")
    assert (plan.files_leaving, plan.unnoted) == (1, 1), "one.gpx lies in c, which a later import noted"
    assert [one.manifest.came_as for one in plan.unclear] == ["b"]
    folder.land(b)  # what the person is told to do
    folder.remake_imports()
    plan = folder.plan("a")
    assert (plan.files_leaving, plan.unnoted, plan.unclear) == (0, 0, [])


def test_nothing_is_undone_while_a_file_that_stays_was_not_read(folder: Folder, tmp_path: Path) -> None:
    folder.land(a_folder(tmp_path / "a", one=ONE), a_folder(tmp_path / "b", one=ONE, two=TWO))
    with pytest.raises(PipelineError, match="was not read yet"):
        folder.plan("a")
    folder.remake_imports()
    shutil.rmtree(folder.lake.readings / "files")
    with pytest.raises(PipelineError, match=r"one\.gpx.*Import b again"):
        folder.note("a")
    assert undone_names(folder.lake) == []


# --- what comes again


def test_a_path_whose_files_are_all_known_is_noted_once(folder: Folder, tmp_path: Path) -> None:
    a, b = a_folder(tmp_path / "a", one=ONE, two=TWO), a_folder(tmp_path / "b", one=ONE)
    folder.land(a)
    assert folder.land(b).paths_already_imported == 1
    assert folder.land(b).paths_already_imported == 1
    assert folder.land(a).paths_already_imported == 1
    assert [one.manifest.came_as for one in all_imports(folder.lake)] == ["a", "b"]
    assert [one.manifest.came_as for one in imports(folder.lake)] == ["a"]


def test_what_came_again_after_an_undo_is_a_new_import(folder: Folder, tmp_path: Path) -> None:
    a, b = a_folder(tmp_path / "a", one=ONE, two=TWO), a_folder(tmp_path / "b", one=ONE)
    folder.land(a, b)
    folder.remake_imports()
    folder.note("a")
    folder.remake_imports()
    assert len(folder.land(a).imports) == 1
    held = [[file.name for file in one.manifest.files] for one in imports(folder.lake)]
    assert held == [["one.gpx"], ["two.gpx"]]


@pytest.fixture
def inbox(folder: Folder) -> Path:
    folder.lake.inbox_files.mkdir(parents=True)
    return folder.lake.inbox_files


def undone_from(inbox: Path, folder: Folder) -> Path:
    dropped = a_folder(inbox / "rides", one=ONE, two=TWO)
    folder.land(dropped)
    folder.remake_imports()
    folder.note("rides")
    return dropped


def test_what_lies_in_the_inbox_stays_out(folder: Folder, inbox: Path) -> None:
    dropped = undone_from(inbox, folder)
    assert folder.land(dropped).paths_already_imported == 1
    a_folder(dropped, three=THREE)
    assert len(folder.land(dropped).imports) == 1
    assert [[file.name for file in one.manifest.files] for one in imports(folder.lake)] == [["three.gpx"]]
    assert all_imports(folder.lake)[-1].manifest.known == []


@pytest.mark.parametrize("packed", [False, True])
def test_what_is_put_into_the_inbox_again_comes_in(folder: Folder, inbox: Path, *, packed: bool) -> None:
    dropped = undone_from(inbox, folder) if not packed else inbox / "rides.zip"
    if packed:
        with zipfile.ZipFile(dropped, "w") as archive:
            archive.writestr("one.gpx", ONE)
        folder.land(dropped)
        folder.remake_imports()
        folder.note("rides.zip")
        assert folder.land(dropped).paths_already_imported == 1
    aside = inbox.parent / "aside"
    dropped.rename(aside)
    for each in aside.rglob("*.gpx"):  # a person's move changes each, as a copy with its times does
        shutil.copy2(each, each.with_suffix(".new"))
        each.with_suffix(".new").replace(each)
    shutil.copy2(aside, dropped) if packed else shutil.copytree(aside, dropped)
    assert len(folder.land(dropped).imports) == 1
    assert len(list(imports(folder.lake))) == 1


def test_the_command_takes_in_what_lies_in_the_inbox(folder: Folder, inbox: Path) -> None:
    dropped = undone_from(inbox, folder)
    assert len(folder.land(dropped, also_undone=True).imports) == 1


# --- which import a name means


def test_an_import_is_found_by_its_name_and_by_what_it_came_as(folder: Folder, tmp_path: Path) -> None:
    folder.land(a_folder(tmp_path / "a", one=ONE), a_folder(tmp_path / "b", two=TWO))
    one, other = imports(folder.lake)
    assert find_import(folder.lake, one.name).name == find_import(folder.lake, "a").name == one.name
    assert find_import(folder.lake, "b").name == other.name


def test_a_name_of_two_is_refused_with_both(folder: Folder, tmp_path: Path) -> None:
    folder.land(a_folder(tmp_path / "a", one=ONE))
    folder.land(a_folder(tmp_path / "a", two=TWO))
    with pytest.raises(MisuseError, match="2 imports came as a") as caught:
        find_import(folder.lake, "a")
    assert all(one.name in str(caught.value) for one in imports(folder.lake))


@pytest.mark.parametrize("name", ["nothing", "../imports", "", "/"])
def test_an_unknown_name_is_refused_with_those_there_are(folder: Folder, tmp_path: Path, name: str) -> None:
    with pytest.raises(MisuseError, match="None: nothing was imported"):
        find_import(folder.lake, name)
    folder.land(a_folder(tmp_path / "a", one=ONE))
    with pytest.raises(MisuseError, match="There is no import") as caught:
        find_import(folder.lake, name)
    (one,) = imports(folder.lake)
    assert f"\n  {one.name}  a, 1 files, 2026-03-10 12:0" in str(caught.value)
