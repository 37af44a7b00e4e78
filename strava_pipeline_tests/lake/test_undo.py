"""What counts when imports are undone: each file belongs to the first import left whose path held it."""

from datetime import timedelta
from pathlib import Path

import pytest

from strava_pipeline.lake.imports.manifests import (
    Import,
    ImportedFile,
    ImportManifest,
    UndoneNote,
    all_imports,
    effective_imports,
    files_of_path,
    imports,
    land_import,
    note_known_files,
    note_undone,
)
from strava_pipeline.lake.paths import Lake
from strava_pipeline_tests.rig import NOW

UNDONE = UndoneNote(undone_at=NOW)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path)


def files(names: str) -> list[ImportedFile]:
    """`"a b/c"`: a file for each name; its bytes are those of every file with the same last part."""
    return [
        ImportedFile(name=name, sha256=name.rpartition("/")[2] * 8, size=1, role="activity") for name in names.split()
    ]


def land(lake: Lake, own: str, known: str | None = "", came_as: str = "rides") -> Import:
    """An import of `own` files, whose path held `known` ones, too; None: by a version that did not note them."""
    came = all_imports(lake)
    at = NOW + timedelta(minutes=len(came))
    manifest = ImportManifest(came_as=came_as, kind="folder", received_at=at, files=files(own))
    return land_import(lake, manifest if known is None else note_known_files(came, manifest, files(known)))


def undo(lake: Lake, one: Import) -> None:
    note_undone(lake, one, UNDONE)


def held(lake: Lake) -> list[str]:
    """The names of the files of each import that counts."""
    return [" ".join(file.name for file in one.manifest.files) for one in imports(lake)]


def test_a_later_import_takes_over_what_its_path_held_too(lake: Lake) -> None:
    first = land(lake, "a b c")
    land(lake, "d", known="b")
    land(lake, "", known="b c", came_as="another")
    assert held(lake) == ["a b c", "d"], "as they came, while nothing is undone"
    undo(lake, first)
    assert held(lake) == ["b d", "c"], "in the order of names, each once"


def test_what_is_taken_over_is_given_on_when_its_import_is_undone_too(lake: Lake) -> None:
    first, second = land(lake, "a b"), land(lake, "c", known="a")
    land(lake, "", known="a c", came_as="another")
    undo(lake, first)
    assert held(lake) == ["a c"]
    undo(lake, second)
    assert held(lake) == ["a c"], "by the last one, in the same order"


def test_an_import_that_is_undone_takes_nothing_over(lake: Lake) -> None:
    first, second = land(lake, "a"), land(lake, "b", known="a")
    undo(lake, second)
    undo(lake, first)
    assert held(lake) == []


def test_a_file_in_another_folder_of_the_path_is_known_by_its_last_name_and_its_bytes(lake: Lake) -> None:
    first = land(lake, "2025/a 2025/b")
    land(lake, "", known="all/a", came_as="another")
    undo(lake, first)
    assert held(lake) == ["all/a"], "with the name that it has there"


def test_imports_of_an_earlier_version_are_read_and_take_over_nothing(lake: Lake) -> None:
    first = land(lake, "a b", known=None)
    land(lake, "c", known=None)
    undo(lake, first)
    assert held(lake) == ["c"]


def test_files_that_are_kept_and_not_read_stand_behind_the_others(lake: Lake) -> None:
    first = land(lake, "b")
    large = files("a")[0].model_copy(update={"held_back": "too large"})
    manifest = ImportManifest(came_as="another", kind="folder", received_at=NOW + timedelta(days=1), files=[large])
    land_import(lake, note_known_files(all_imports(lake), manifest, files("b")))
    undo(lake, first)
    assert held(lake) == ["b a"], "as a path is read"


@pytest.mark.parametrize(
    ("before", "own", "known", "noted", "without"),
    [
        ("a b c", "d", "a b c", [], []),
        ("a b c d", "e", "b c d", [], ["a"]),
        ("a b c", "d", "a b c x/e", ["x/e"], []),
        ("a b c", "d", "c", ["c"], None),
        ("a b", "d", "e f", ["e", "f"], None),
        ("a b c", "d", "x/a b c", ["x/a"], ["a"]),
    ],
)
def test_a_folder_that_came_before_makes_the_note_short(
    lake: Lake, before: str, own: str, known: str, noted: list[str], without: list[str] | None
) -> None:
    first = land(lake, before)
    manifest = land(lake, own, known=known).manifest
    assert [file.name for file in manifest.known or []] == noted
    assert manifest.continues == (None if without is None else first.name)
    assert manifest.without == (without or [])
    came = all_imports(lake)
    told = files_of_path({one.name: one for one in came}, came[-1])
    assert {file.name for file in told} == {*own.split(), *known.split()}


def test_a_folder_that_grew_for_years_is_told_by_short_notes(lake: Lake) -> None:
    first = land(lake, "f0")
    for day in range(1, 40):
        land(lake, f"f{day}", known=" ".join(f"f{each}" for each in range(day)))
    came = all_imports(lake)
    assert [len(one.manifest.known or []) for one in came] == [0] * 40
    assert len(files_of_path({one.name: one for one in came}, came[-1])) == 40
    undo(lake, first)
    undo(lake, came[1])
    assert held(lake)[:2] == ["f0 f1 f2", "f3"]


def test_a_note_that_goes_on_from_an_undone_import_still_tells_all(lake: Lake) -> None:
    first, second = land(lake, "a b"), land(lake, "c", known="a b")
    assert second.manifest.continues == first.name
    undo(lake, first)
    assert held(lake) == ["a b c"]


def test_what_comes_after_the_clock_was_set_back_comes_behind(lake: Lake) -> None:
    for name, at in (("of next year", NOW + timedelta(days=400)), ("now", NOW)):
        land_import(lake, ImportManifest(came_as=name, kind="file", received_at=at, files=files(name[0])))
    assert [one.manifest.came_as for one in all_imports(lake)] == ["of next year", "now"]


def test_two_that_come_at_one_moment_are_two(lake: Lake) -> None:
    came = [ImportManifest(came_as=name, kind="file", received_at=NOW, known=files("a")) for name in ("a", "b")]
    assert len({land_import(lake, manifest).name for manifest in came}) == 2
    assert [one.manifest.came_as for one in all_imports(lake)] == ["a", "b"]


@pytest.mark.parametrize("body", [b"", b"{}", b'{"undone_at": 7', b"\xff\x00"])
def test_a_damaged_note_is_a_note(lake: Lake, body: bytes) -> None:
    one = land(lake, "a")
    undo(lake, one)
    (lake.imports / one.name / "undone.json").write_bytes(body)
    assert list(imports(lake)) == []
    assert effective_imports(all_imports(lake)) == []
