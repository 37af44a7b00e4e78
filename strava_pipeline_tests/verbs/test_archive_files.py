"""`archive verify` of a warehouse that was filled from the archive: each thing that is changed in the archive is named."""

import csv
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from strava_pipeline_tests.imports import an_archive
from strava_pipeline_tests.rig import Rig, started
from strava_pipeline_tests.verbs.conftest import TypeOn

pytestmark = pytest.mark.slow  # an import
Files = dict[str, bytes]


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """A warehouse of one archive; no test here changes it."""
    with started(tmp_path_factory.mktemp("imported"), activities=30, years=(2025, 2026), settings={"first_year": 2025}) as rig:  # fmt: skip
        rig.import_files(an_archive(rig))
        yield rig


@pytest.fixture
def files(imported: Rig) -> Files:
    with zipfile.ZipFile(imported.folder / "export_1.zip") as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def cells(files: Files) -> list[list[str]]:
    return list(csv.reader(io.StringIO(files["activities.csv"].decode(), newline="")))


def put(files: Files, rows: list[list[str]]) -> None:
    out = io.StringIO(newline="")
    csv.writer(out).writerows(rows)
    files["activities.csv"] = out.getvalue().encode()


def a_recording(files: Files) -> str:
    return min(name for name in files if name.startswith("activities/"))


def with_cell(files: Files, column: int, change: Callable[[str], str]) -> None:
    rows = cells(files)
    row = next(row for row in rows[1:] if row[column])
    row[column] = change(row[column])
    put(files, rows)


def other_bytes(files: Files) -> str:
    name = a_recording(files)
    files[name] += b" "
    return f'"{name}", "problem": "other_content"'


def missing_file(files: Files) -> str:
    name = a_recording(files)
    del files[name]
    return f'"{name}", "problem": "not_in_archive"'


def anothers_file(files: Files) -> str:
    rows, at = cells(files), cells(files)[0].index("Filename")
    one, other = [row for row in rows[1:] if row[at]][:2]
    other[at] = one[at]
    put(files, rows)
    return f'"{one[at]}", "problem": "shared"'


def swapped_files(files: Files) -> str:
    rows, at = cells(files), cells(files)[0].index("Filename")
    one, other = [row for row in rows[1:] if row[at]][:2]
    one[at], other[at] = other[at], one[at]
    put(files, rows)
    return f'"{one[at]}", "problem": "other_activity"'


def missing_picture(files: Files) -> str:
    name = min(name for name in files if name.startswith("media/"))
    del files[name]
    return f'"{name}", "problem": "picture_missing"'


def other_picture(files: Files) -> str:
    name = min(name for name in files if name.startswith("media/"))
    files[name] += b" "
    return f'"{name}", "problem": "other_content"'


def other_gear(files: Files) -> str:
    with_cell(files, cells(files)[0].index("Activity Gear"), lambda name: f"{name} II")
    return '"gear_name": '


def other_brand(files: Files) -> str:
    head, *rows = csv.reader(io.StringIO(files["bikes.csv"].decode(), newline=""))
    rows[0][1] = "Unheard of"
    files["bikes.csv"] = "\n".join(",".join(f'"{cell}"' for cell in row) for row in (head, *rows)).encode()
    return f"{rows[0][0]}, Unheard of"


def first_commute(files: Files) -> str:
    at = cells(files)[0].index("Commute")
    with_cell(files, at, lambda text: "false" if text == "true" else "true")
    return '"commute_shown": '


def blank_at_the_end(files: Files) -> str:
    with_cell(files, cells(files)[0].index("Activity Name"), lambda name: f"{name} ")
    return ' ", "gold": '


def other_calories(files: Files) -> str:
    with_cell(files, cells(files)[0].index("Calories"), lambda text: str(float(text) + 5))
    return '"calories": '


CHANGES = [other_bytes, missing_file, anothers_file, swapped_files, missing_picture, other_picture, other_gear, other_brand, first_commute, blank_at_the_end, other_calories]  # fmt: skip


@pytest.mark.parametrize("change", [None, *CHANGES])
def test_whatever_differs_is_named_and_ends_with_4(
    imported: Rig, type_on: TypeOn, files: Files, tmp_path: Path, change: Callable[[Files], str] | None
) -> None:
    words = change(files) if change is not None else '"differing": []'
    with zipfile.ZipFile(tmp_path / "export.zip", "w") as archive:
        for name, body in files.items():
            archive.writestr(name, body)
    said = type_on(imported)("archive", "verify", str(tmp_path / "export.zip"), "--json")
    assert words in said.out
    assert said.code == (4 if change is not None else 0)
    told = json.loads(said.out)
    assert told["agrees"] is (change is None)
    assert told["files"]["compared"] > 20
