"""Files of an archive beside gold's: the same bytes, packed or not, for the same activity, or a difference."""

from dataclasses import replace

import pytest

from strava_pipeline.core.files.export_sides import ArchiveGear
from strava_pipeline.core.files.file_agreement import ArchiveFile, FileProblem, HeldFiles, compare_files, compare_gear

HELD = HeldFiles(
    contents={"a": "A", "b": "B", "picture": None},
    names=frozenset({"1.fit.gz", "2.gpx", "x.jpg"}),
    of_activity={1: "a", 2: "b"},
    gear=[(("Tarmac", "Old one"), "Specialized", "SL6")],
    of_archives=True,
)


@pytest.mark.parametrize(
    ("file", "problem"),
    [
        (ArchiveFile("activities/1.fit.gz", "a", "A", 1), None),
        (ArchiveFile("activities/1.fit", "unpacked", "A", 1), None),
        (ArchiveFile("activities/9.fit", "a", "A", None), None),
        (ArchiveFile("activities/9.fit", "a", "A", 3), None),  # gold knows no file of this activity
        (ArchiveFile("media/x.jpg", "picture"), None),
        (ArchiveFile("activities/1.fit.gz", "other", "OTHER", 1), FileProblem.OTHER_CONTENT),
        (ArchiveFile("activities/1.fit", "other", "OTHER", 1), FileProblem.OTHER_CONTENT),
        (ArchiveFile("media/x.jpg", "other"), FileProblem.OTHER_CONTENT),
        (ArchiveFile("activities/3.fit", "other", "OTHER", 3), FileProblem.NOT_IN_WAREHOUSE),
        (ArchiveFile("activities/2.gpx", "b", "B", 1), FileProblem.OTHER_ACTIVITY),
        (ArchiveFile("activities/1.fit.gz", None), FileProblem.UNREADABLE),
    ],
)
def test_a_file_is_the_same_by_what_it_holds(file: ArchiveFile, problem: FileProblem | None) -> None:
    assert [each.problem for each in compare_files([file], HELD)] == ([] if problem is None else [problem])


def test_where_gold_has_no_archives_files_only_what_can_not_be_read_differs() -> None:
    found = [ArchiveFile("1.fit", "other", "OTHER", 1), ArchiveFile("2.fit", None)]
    assert [str(each) for each in compare_files(found, HeldFiles())] == ["2.fit: can't be read in the archive"]


@pytest.mark.parametrize(
    ("piece", "differing"),
    [
        (ArchiveGear("bike", "Tarmac", "Specialized", "SL6"), {}),
        (ArchiveGear("bike", "Old one", None, None), {}),
        (ArchiveGear("bike", "Tarmac", "Specialized", "SL7"), {"Tarmac": ("Tarmac, Specialized, SL7", "Tarmac, Specialized, SL6")}),
        (ArchiveGear("shoes", "Grizl", "Canyon", None), {"Grizl": ("Grizl, Canyon", None)}),
    ],
)  # fmt: skip
def test_gear_is_the_same_by_name_brand_and_model(piece: ArchiveGear, differing: dict[str, object]) -> None:
    assert compare_gear([piece], HELD) == differing
    assert compare_gear([piece], replace(HELD, of_archives=False)) == {}
