"""kill -9 at any durable step of an undo, then another command: as if the undone import had never been, nothing else lost."""

import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.lake.imports.manifests import undone_names
from strava_pipeline.lake.imports.undo import is_undo_finished
from strava_pipeline_tests.e2e.mortals import Mortals, mortals
from strava_pipeline_tests.e2e.test_kill_import import an_archive, made
from strava_pipeline_tests.e2e.witness import assert_nothing_is_half, deaths
from strava_pipeline_tests.imports import a_gpx
from strava_pipeline_tests.rig import Make, Rig

GOLD = (
    "activities_all", "activity_history", "activity_details", "activity_laps", "activity_sessions", "gear", "tracks",
)  # fmt: skip
UNDO = ("import", "undo", "export_1.zip", "--yes")


def a_folder(rig: Rig, archive: Path) -> Path:
    """A file of the archive, and one of its own."""
    folder = rig.folder / "rides"
    folder.mkdir()
    with zipfile.ZipFile(archive) as whole:
        name = next(name for name in sorted(whole.namelist()) if name.startswith("activities/"))
        (folder / Path(name).name).write_bytes(whole.read(name))
    (folder / "own.gpx").write_bytes(a_gpx())
    return folder


def gold(rig: Rig) -> dict[str, Any]:
    found = made(rig)
    return {name: found[name] for name in GOLD} | {"files": [row[0] for row in found["files"]]}


def imported(living: Mortals, *paths: Path) -> None:
    for path in paths:
        life = living.run("import", str(path), in_memory=True)
        assert life.code == 0, life.said


@pytest.mark.soak(part="damage")
@pytest.mark.parametrize("next_command", [("rebuild",), ("compact",), UNDO], ids=" ".join)
def test_killed_anywhere_a_command_ends_the_undo(make_rig: Make, tmp_path: Path, next_command: tuple[str, ...]) -> None:
    rig = make_rig(logged_in=False, activities=8, years=(2025, 2026), settings={"first_year": 2025})
    archive = an_archive(rig)
    folder, data, whole_data = a_folder(rig, archive), rig.settings.data_dir, tmp_path / "both"
    with mortals(rig.settings, tmp_path) as living:
        imported(living, folder)
        wanted = gold(rig)
        shutil.rmtree(data)
        imported(living, archive, folder)
        before = gold(rig)
        shutil.copytree(data, whole_data)
        whole = living.run(*UNDO, in_memory=True)
        assert whole.code == 0, whole.said
        assert gold(rig) == wanted
        for step in deaths(living, rig, UNDO, whole, seed=1, most=20, start=whole_data):
            noted = bool(undone_names(rig.lake))
            again = living.run(*next_command, in_memory=True)
            was_finished = "was undone at" in again.said
            assert again.code == (2 if was_finished else 0), f"died at {step}: {again.said}"
            assert "Traceback" not in again.said, f"died at {step}: {again.said}"
            assert_nothing_is_half(rig, tmp_path)
            found = gold(rig)
            undone = noted or next_command[0] == "import"
            differing = [name for name in wanted if found[name] != (wanted if undone else before)[name]]
            assert differing == [], f"died at {step}, noted: {noted}"
            assert is_undo_finished(rig.lake), f"died at {step}"
    assert rig.calls()["by_endpoint"] == {}
