"""Which import a name means, and what an undone import is to whoever looks."""

from datetime import timedelta
from pathlib import Path

import pytest

from strava_pipeline.core.errors import MisuseError
from strava_pipeline.lake.imported import made_folder
from strava_pipeline.lake.imports import Import, ImportedFile, ImportManifest, imports, land_import, undone_imports
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.undoing import find_import, undo
from strava_pipeline_tests.rig import NOW


def land(lake: Lake, came_as: str, day: int, sha256: str = "aa") -> Import:
    files = [ImportedFile(name="a.fit", sha256=sha256, size=1, role="activity")]
    at = NOW + timedelta(days=day)
    return land_import(lake, ImportManifest(came_as=came_as, kind="file", received_at=at, files=files))


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path)


def test_an_import_is_found_by_its_name_and_by_what_it_came_as(lake: Lake) -> None:
    one, other = land(lake, "export.zip", 1), land(lake, "rides", 2)
    assert find_import(lake, one.name).name == find_import(lake, "export.zip").name == one.name
    assert find_import(lake, "rides").name == other.name


def test_a_name_of_two_is_refused_with_both(lake: Lake) -> None:
    names = [land(lake, "rides", day).name for day in (1, 2)]
    with pytest.raises(MisuseError, match="2 imports came as rides") as caught:
        find_import(lake, "rides")
    assert [name in str(caught.value) for name in names] == [True, True]


@pytest.mark.parametrize("name", ["nothing", "../imports", "", "/"])
def test_an_unknown_name_is_refused_with_those_there_are(lake: Lake, name: str) -> None:
    with pytest.raises(MisuseError, match="None: nothing was imported"):
        find_import(lake, name)
    one = land(lake, "export.zip", 1)
    with pytest.raises(MisuseError, match="There is no import") as caught:
        find_import(lake, name)
    assert str(caught.value).endswith(f"\n  {one.name}  export.zip, 1 files, 2026-03-11 12:00 UTC")


def test_an_undone_import_counts_for_nothing_and_is_found_only_while_something_is_left_of_it(lake: Lake) -> None:
    one = land(lake, "export.zip", 1)
    made_folder(lake, one.name).mkdir(parents=True)
    undo(lake, one, NOW)
    assert (list(imports(lake)), [each.name for each in undone_imports(lake)]) == ([], [one.name])
    assert find_import(lake, "export.zip").undone_at == NOW
    made_folder(lake, one.name).rmdir()
    with pytest.raises(MisuseError, match=r"export\.zip.* was undone before, at 2026-03-10 12:00 UTC"):
        find_import(lake, one.name)


@pytest.mark.parametrize("body", [b"", b"{}", b'{"undone_at": 7}'[:9]])
def test_a_damaged_note_is_a_note(lake: Lake, body: bytes) -> None:
    one = land(lake, "export.zip", 1)
    undo(lake, one, NOW)
    (lake.imports / one.name / "undone.json").write_bytes(body)
    assert list(imports(lake)) == []


def test_what_comes_again_at_the_same_moment_is_another_import(lake: Lake) -> None:
    one = land(lake, "export.zip", 1)
    undo(lake, one, NOW)
    again = land(lake, "export.zip", 1)
    assert again.name != one.name
    assert again.digest == one.digest
    assert [each.name for each in imports(lake)] == [again.name]
