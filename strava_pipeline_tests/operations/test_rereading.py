"""A folder that an older version of the readers made: the next run, or a rebuild, makes of it what a new folder holds."""

import shutil
from collections.abc import Callable, Iterable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.core.files.recording import VERSION
from strava_pipeline.core.limits import ImportLimits
from strava_pipeline.core.sources import FILE, hashed_id
from strava_pipeline.ingest.files.reading import read_whole
from strava_pipeline.lake.decisions import record_decisions
from strava_pipeline.lake.gold.matches import MatchDecision
from strava_pipeline.lake.imports.files import put_reading
from strava_pipeline.lake.providers import land_provider_file
from strava_pipeline.operations.reading_files import unread_files
from strava_pipeline.operations.rebuilding import bring_up_to_date, rebuild_all
from strava_pipeline_tests.imports import a_gpx
from strava_pipeline_tests.ingest.archive.exports import RUNKEEPER
from strava_pipeline_tests.ingest.files.made import file_id, fit, gpx, records, session, trkpt
from strava_pipeline_tests.operations.test_undoing import Folder, differing, sources
from strava_pipeline_tests.providers.subjects import register_toy
from strava_pipeline_tests.providers.test_lake import listed
from strava_pipeline_tests.rig import NOW

pytestmark = pytest.mark.dear

__all__ = ["sources"]  # a fixture
OLDER = {"imports.files.VERSION": 1, "rebuild.VERSION": 1, "made.tracks._THIS_READING": "file:v1:"}
ROUTE = gpx("".join(trkpt(None, 52 + at / 1e5) for at in range(9))).encode()
ONE, TWO = session(0, 5), records(5, start=90) + session(90, 5, sport=2)
FILES = {  # by name its bytes, and those of what an older version took it for
    "changed.gpx": (a_gpx(), a_gpx(latitude=49)),
    "joined.gpx": (a_gpx(minute=20), a_gpx(minute=21)),
    "same.gpx": (a_gpx(minute=40), a_gpx(minute=40)),
    "lost.gpx": (a_gpx(seconds=9), a_gpx(seconds=8)),
    "more.fit": (fit(file_id(), records(5), ONE, TWO), fit(file_id(), records(5), ONE)),
    "fewer.fit": (fit(file_id(), records(6), ONE), fit(file_id(), records(6), ONE, TWO)),
    "route.gpx": (ROUTE, a_gpx(minute=50)),
    "a.gpx": (a_gpx(seconds=7), a_gpx(seconds=6)),  # a provider's, as is the next
    "b.gpx": (ROUTE + b" ", a_gpx(minute=55)),
}
SAID = (
    "Files were read again by this version: 4 activities changed (end_latlng 3, distance 2, elapsed_time 2, start_date 1, "
    "start_date_local 1, start_latlng 1), 1 came, 2 left (fewer.fit, route.gpx)."
)
Made = tuple[Path, dict[str, list[tuple[Any, ...]]]]


def hash_of(name: str) -> str:
    return sha256(FILES[name][0]).hexdigest()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, sources: dict[str, Path]) -> Iterator[Made]:
    """A folder as an older version published it, with an archive, files and a provider's; and what a new folder holds."""
    top = tmp_path_factory.mktemp("rereading")
    older, new = Folder(top / "older"), Folder(top / "new")
    with pytest.MonkeyPatch.context() as patch:
        register_toy(patch)
        for folder in (older, new):
            take_in(folder, FILES.keys() - {"a.gpx", "b.gpx"}, sources["archive"])
            listed(folder.lake, "me", "a", "b")
            for key in "ab":
                name, toy_id = f"{key}.gpx", hashed_id("toy", key)
                land_provider_file(folder.lake, "toy", toy_id, key, "me", name, FILES[name][0], NOW)
            one, other = (hashed_id(FILE, f"{hash_of(name)}:0") for name in ("joined.gpx", "same.gpx"))
            record_decisions(folder.lake, MatchDecision(at=NOW, by="test", id=one, other_id=other, joined=True))
        publish_before(older)
        new.rebuild()
        yield older.path, new.state()


def take_in(folder: Folder, names: Iterable[str], *more: Path) -> None:
    rides = folder.path / "rides"
    rides.mkdir(parents=True)
    for name in names:
        (rides / name).write_bytes(FILES[name][0])
    folder.land(rides, *more)


def publish_before(folder: Folder) -> None:
    """Publish as an older version did."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in OLDER.items():
            patch.setattr(f"strava_pipeline.lake.{name}", value)
        for each in unread_files(folder.lake):
            if each.name in FILES:
                reading, tracks = read_whole(FILES[each.name][1], each.name, each.received_at, ImportLimits())
                put_reading(folder.lake, each.sha256, reading.model_copy(update={"content": each.sha256}), tracks)
        folder.rebuild()


@pytest.fixture
def older(made: Made, tmp_path: Path) -> Folder:
    shutil.copytree(made[0], tmp_path / "older")
    return Folder(tmp_path / "older")


def by_a_run(folder: Folder) -> str:
    return bring_up_to_date(folder.run, folder.settings).changes


def by_a_rebuild(folder: Folder) -> str:
    reports = {each.asset: each for each in rebuild_all(folder.run, folder.settings)}
    return str(reports["published_warehouse"].by_year[2025].get("changed_by_reading", ""))


def is_all_new(folder: Folder) -> bool:
    return {int(path.name.split(".v")[1].split(".")[0]) for path in (folder.lake.readings / "files").rglob("*.v*")} == {
        VERSION
    }


@pytest.mark.parametrize("update", [by_a_run, by_a_rebuild])
def test_an_update_makes_what_a_new_folder_holds(older: Folder, made: Made, update: Callable[[Folder], str]) -> None:
    assert differing(older.state(), made[1]).keys() >= {"activities_all", "activity_details", "files", "tracks"}
    assert update(older) == SAID
    assert (differing(older.state(), made[1]), is_all_new(older)) == ({}, True)
    assert made[1]["activity_members"]
    assert (by_a_run(older), by_a_rebuild(older)) == ("", "")


@pytest.mark.parametrize(
    "step", ["operations.reading_files.put_reading", "lake.rebuild._put_in_place", "operations.rebuilding.make_tracks"]
)
def test_an_update_that_dies_is_completed_by_the_next_run(
    older: Folder, made: Made, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*args: object, **named: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(f"strava_pipeline.{step}", die)
        with pytest.raises(KeyboardInterrupt):
            by_a_run(older)
    by_a_run(older)
    assert (differing(older.state(), made[1]), is_all_new(older)) == ({}, True)


def test_a_file_whose_bytes_are_lost_keeps_its_older_reading(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    take_in(folder, ["changed.gpx", "lost.gpx"])
    publish_before(folder)
    next(folder.lake.files.rglob(f"{hash_of('lost.gpx')}*")).unlink()
    assert "1 activities changed (end_latlng 1, start_latlng 1)" in by_a_run(folder)
    assert is_all_new(folder)


def test_another_loss_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FILES, "unreadable.fit", (b"no fit at all", a_gpx(minute=30)))
    folder = Folder(tmp_path)
    take_in(folder, ["changed.gpx", "unreadable.fit"])
    publish_before(folder)
    before = folder.state()
    for lost in ("activities_all: 1 of 2", "files: 2 of 2"):
        if lost.startswith("files"):
            shutil.rmtree(next(folder.lake.imports.glob("*")))
        for update in (by_a_run, by_a_rebuild):
            with pytest.raises(PipelineError, match=f"{lost} published are not in bronze"):
                update(folder)
        assert folder.state() == before


def test_a_row_whose_recording_is_read_now_is_one_activity_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "2025-06-01-123000.gpx"
    monkeypatch.setitem(FILES, name, (a_gpx(minute=30), b"nothing that could be read"))
    folder, export = Folder(tmp_path), tmp_path / "runkeeper"
    export.mkdir()
    (export / "cardioActivities.csv").write_text(
        f"{RUNKEEPER}r-1,2025-06-01 12:30:00,Running,Lake,0.3,0:30,,,,,,,,{name}\n"
    )
    (export / name).write_bytes(FILES[name][0])
    folder.land(export)
    publish_before(folder)
    both = "SELECT id, extra ->> '$.service_row', extra ->> '$.file.name' FROM activities"
    assert folder.rows(both) == [(hashed_id(FILE, "runkeeper:r-1"), None, None)]
    by_a_run(folder)
    assert folder.rows(both) == [(hashed_id(FILE, f"{hash_of(name)}:0"), "runkeeper:r-1", name)]
