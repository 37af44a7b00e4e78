"""An archive's list and files beside gold: each kind of difference, and what is none."""

import csv
import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from strava_pipeline.core.files.agreement import (
    COMPARED,
    Agreement,
    ArchiveFile,
    DeletedActivity,
    FileDifference,
    FileProblem,
    GoldActivity,
    GoldFiles,
    NamedActivity,
    compare_activities,
    compare_files,
    compare_gear,
    differences,
    gold_id,
)
from strava_pipeline.core.files.archive_csv import ArchiveGear, ArchiveRow, read_activities_csv
from strava_pipeline.core.files.objects import row_content, row_id
from strava_pipeline.core.sources import hashed_id

START = datetime(2026, 3, 1, 10, tzinfo=UTC)
RAW = {
    "Activity ID": "1001",
    "Activity Date": "Mar 1, 2026, 10:00:00 AM",
    "Activity Name": "Lunch",
    "Activity Type": "Ride",
    "Activity Description": "",
    "Elapsed Time": "4000",
    "Distance": "25.12",
    "Max Heart Rate": "171",
    "Relative Effort": "",
    "Commute": "false",
    "Activity Private Note": "",
    "Activity Gear": "",
    "Filename": "activities/7.fit.gz",
}
SHOWN = list(RAW)
BLOCK = {  # the raw block behind it, of which some names stand in the first one too
    "Elapsed Time": "4000.0",
    "Moving Time": "3600.0",
    "Distance": "25123.44921875",
    "Max Speed": "13.456789",
    "Elevation Gain": "61.878849029541016",
    "Elevation Low": "357.20001220703125",
    "Elevation High": "376.70001220703125",
    "Max Heart Rate": "171.0",
    "Average Heart Rate": "150.00758361816406",
    "Average Cadence": "71.25904846191406",
    "Max Watts": "",
    "Average Watts": "",
    "Average Temperature": "22.0",
    "Relative Effort": "",
    "Perceived Exertion": "",
    "Weighted Average Power": "",
    "Commute": "0.0",
    "Bike": "12345.0",
    "Gear": "",
    "Calories": "",
}
GOLD: dict[str, Any] = {
    "start_date": START,
    "name": "Lunch",
    "sport_type": "Ride",
    "gear_id": "b12345",
    "commute": False,
    "distance": 25123.4,
    "moving_time": 3600,
    "elapsed_time": 4000,
    "total_elevation_gain": 61.9,
    "elev_low": 357.2,
    "elev_high": 376.7,
    "max_speed": 13.457,
    "max_heartrate": 171.0,
    "average_heartrate": 150.0,
    "average_cadence": 71.3,
    "average_temp": 22.0,
}


def rows(*row_cells: dict[str, str], raw: bool = True) -> list[ArchiveRow]:
    """Rows of a list, each as RAW and BLOCK but for what is row_cells; `raw=False`: of a layout that has the display block alone.

    A key that stands in both blocks means the raw one, "shown …" the other.
    """
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([*RAW, *(BLOCK if raw else [])])
    for each in row_cells:
        shown = [each.get(f"shown {name}", RAW[name] if name in BLOCK else each.get(name, RAW[name])) for name in RAW]
        writer.writerow([*shown, *([each.get(name, BLOCK[name]) for name in BLOCK] if raw else [])])
    found = read_activities_csv(out.getvalue().encode())
    return list(found.rows)


def held(
    activity_id: int = 1001, deleted_at: datetime | None = None, athlete_id: int | None = 7, **values: Any
) -> GoldActivity:
    """An activity of gold that tells what the row of RAW does."""
    return GoldActivity(activity_id, athlete_id, deleted_at, {**dict.fromkeys(COMPARED), **GOLD, **values})


def compared(
    listed: list[ArchiveRow], *gold: GoldActivity, stand_ins: dict[int, int] | None = None, athlete_id: int | None = 7
) -> Agreement:
    return compare_activities(listed, {one.activity_id: one for one in gold}, stand_ins or {}, athlete_id)


def differing(row_cells: dict[str, str], raw: bool = True, **values: Any) -> dict[str, tuple[Any, Any]]:
    (row,) = rows(row_cells, raw=raw)
    return differences(row, held(**values))


def test_the_floats_behind_the_apis_numbers_are_the_same_numbers() -> None:
    found = compared(rows({}), held())
    assert (found.agrees, found.rows, found.in_both, found.differing, found.fields) == (True, 1, 1, (), {})
    assert found.newest_start == START


@pytest.mark.parametrize(
    ("row_cells", "values", "field"),
    [
        ({"Activity Date": "Mar 1, 2026, 10:00:01 AM"}, {}, "start_date"),
        ({"Activity Name": "Supper"}, {}, "name"),
        ({"Activity Type": "Gravel Ride"}, {}, "sport_type"),
        ({"Activity Description": "windy"}, {"description": "calm"}, "description"),
        ({"Activity Description": "windy"}, {}, "description"),
        ({"Activity Private Note": "sore"}, {"private_note": "fine"}, "private_note"),
        ({"Bike": "", "Gear": "12345.0"}, {}, "gear_id"),
        ({"Commute": "1.0"}, {}, "commute"),
        ({"Commute": "1.0"}, {"commute": None}, "commute"),
        ({"Distance": "25123.5"}, {}, "distance"),
        ({}, {"distance": 25123.3}, "distance"),
        ({}, {"distance": 25123.6}, "distance"),
        ({}, {"distance": None}, "distance"),
        ({"Moving Time": "3601.0"}, {}, "moving_time"),
        ({"Elapsed Time": "4001.0"}, {}, "elapsed_time"),
        ({"Elevation Gain": "62.0"}, {}, "total_elevation_gain"),
        ({"Elevation Low": "357.3"}, {}, "elev_low"),
        ({"Elevation High": "376.6"}, {}, "elev_high"),
        ({"Max Speed": "13.6"}, {}, "max_speed"),
        ({"Max Heart Rate": "172.0"}, {}, "max_heartrate"),
        ({"Average Heart Rate": "151.0"}, {}, "average_heartrate"),
        ({"Average Cadence": "72.3"}, {}, "average_cadence"),
        ({"Average Watts": "200.4"}, {"average_watts": 201.5}, "average_watts"),
        ({"Weighted Average Power": "210.0"}, {"weighted_average_watts": 211.0}, "weighted_average_watts"),
        ({"Max Watts": "800.0"}, {}, "max_watts"),
        ({"Average Temperature": "23.0"}, {}, "average_temp"),
        ({"Perceived Exertion": "4.0"}, {"perceived_exertion": 5.0}, "perceived_exertion"),
        ({"Calories": "612.0"}, {"calories": 613.5}, "calories"),
        ({"Activity Name": "Lunch "}, {}, "name"),
        ({"Activity Name": " Lunch"}, {}, "name"),
        ({"Activity Description": "a  b"}, {"description": "a b"}, "description"),
    ],
)
def test_fields_that_differ_are_told_no_other(row_cells: dict[str, str], values: dict[str, Any], field: str) -> None:
    found = compared(rows(row_cells), held(**values))
    assert found.fields == {field: 1}
    assert not found.agrees
    (one,) = found.differing
    assert one.id == 1001
    assert one.fields[field]["gold"] == (GOLD | values).get(field), (
        "what gold holds stands behind what the archive tells"
    )
    assert one.fields[field]["archive"] != one.fields[field]["gold"]


@pytest.mark.parametrize(
    ("row_cells", "values"),
    [
        ({}, {"distance": 25123.5}),  # rounded up
        ({"Distance": "25123.4"}, {}),  # as the newest archives write it
        ({"Average Heart Rate": "150.0"}, {"average_heartrate": 150.9}),  # whole in the newest
        ({"Average Heart Rate": "151.0"}, {"average_heartrate": 150.4}),
        ({"Average Cadence": "71.0"}, {}),
        ({"Average Watts": "200.0"}, {"average_watts": 200.6}),
        ({"Max Speed": "13.4"}, {}),  # one decimal in the oldest
        ({"Calories": "612.4"}, {"calories": 613.0}),
        ({"Activity Gear": "Tarmac"}, {}),  # of an id of which no name is known
        ({"Activity Description": "one\r\ntwo\n"}, {"description": "one\ntwo"}),
        ({"Commute": ""} | {"shown Commute": "false"}, {}),
        # an empty cell claims nothing
        ({name: "" for name in BLOCK if name not in RAW} | {"Activity Description": ""}, {"description": "gold knows"}),
        ({"Activity Name": ""}, {}),
        ({"Activity Type": ""}, {}),
        ({"Elevation Gain": "not a number"}, {}),
        # nothing in the archive is nothing in gold: where the API is silent, archives write 0 and false
        ({"Average Heart Rate": "0.0"}, {"average_heartrate": None}),
        ({"Elevation Low": "0.0"}, {"elev_low": None}),
        ({}, {"commute": None}),
        ({"Activity Name": "  "}, {"name": None}),
    ],
)
def test_what_is_rounded_cut_reflowed_or_empty_does_not_differ(
    row_cells: dict[str, str], values: dict[str, Any]
) -> None:
    assert differing(row_cells, **values) == {}


@pytest.mark.parametrize(
    ("row_cells", "field"),
    [
        ({"shown Commute": "true"}, "commute_shown"),
        ({"shown Elapsed Time": "4001"}, "elapsed_time_shown"),
        ({"shown Distance": "25.20"}, "distance_shown"),
        ({"shown Max Heart Rate": "172"}, "max_heartrate_shown"),
    ],
)
def test_the_cells_for_display_are_compared_too(row_cells: dict[str, str], field: str) -> None:
    assert set(differing(row_cells)) == {field}


@pytest.mark.parametrize(
    ("row_cells", "names", "gear_id", "differs"),
    [
        ("Tarmac", ("Tarmac",), "b12345", False),
        ("Tarmac", ("Specialized Tarmac", "Tarmac"), "b12345", False),
        ("Tarmac ", ("Tarmac",), "b12345", False),
        ("Tarmac", ("Tarmac\u00a0",), "b12345", False),
        ("Grizl", ("Tarmac",), "b12345", True),
        ("", ("Tarmac",), "b12345", False),
    ],
)
def test_gear_is_compared_by_its_names(row_cells: str, names: tuple[str, ...], gear_id: str, differs: bool) -> None:
    (row,) = rows({"Activity Gear": row_cells})
    gold = replace(held(gear_id=gear_id), gear_names=names)
    assert differences(row, gold) == ({"gear_name": (row_cells, names[0])} if differs else {})


def test_gear_that_gold_lacks_differs() -> None:
    assert differing({"Activity Gear": "Tarmac", "Bike": ""}, gear_id=None) == {"gear_name": ("Tarmac", None)}


def test_a_sport_that_no_table_knows_is_not_compared() -> None:
    assert differing({"Activity Type": "Radeln mit Anhänger"}) == {}


@pytest.mark.parametrize(
    ("shown", "sport", "name", "distance", "same"),
    [
        ("25.12", "Ride", "Ride", 25129.9, True),  # cut to two decimals
        ("25.12", "Ride", "Ride", 25115.0, True),  # rounded
        ("25.12", "Ride", "Ride", 25130.0, False),
        ("25.12", "Ride", "Ride", 25110.0, False),
        ("1,250", "Swim", "Swim", 1250.4, True),  # metres
        ("1,250", "Swim", "Swim", 1249.6, True),
        ("1,250", "Swim", "Swim", 1251.0, False),
    ],
)
def test_a_list_that_only_shows_distances_is_as_coarse_as_it_shows(
    shown: str, sport: str, name: str, distance: float, same: bool
) -> None:
    row_cells = {"shown Distance": shown, "Activity Type": name}
    found = differing(row_cells, raw=False, distance=distance, sport_type=sport)
    assert (found == {}) is same
    assert set(found) <= {"distance"}


def test_what_else_is_only_shown_is_exact() -> None:
    assert set(differing({"shown Elapsed Time": "4001", "shown Max Heart Rate": "172"}, raw=False)) == {
        "elapsed_time",
        "max_heartrate",
    }


def test_what_only_one_of_both_has_is_named_in_the_order_of_starts() -> None:
    listed = rows(
        {"Activity ID": "3", "Activity Name": "Late"},
        {"Activity ID": "2", "Activity Date": "Jan 1, 2020, 10:00:00 AM", "Activity Name": "Early"},
        {},
    )
    gold = [held(), held(11, start_date=START, name="Same moment"), held(12, start_date=START - timedelta(days=1))]
    found = compared(listed, *gold)
    early = datetime(2020, 1, 1, 10, tzinfo=UTC)
    assert found.only_in_archive == (NamedActivity(2, early, "Early"), NamedActivity(3, START, "Late"))
    assert [each.id for each in found.only_in_gold] == [12, 11]
    assert found.only_in_gold[1] == NamedActivity(11, START, "Same moment")
    assert (found.rows, found.in_both, found.agrees) == (3, 1, False)


def test_either_of_these_alone_is_a_difference() -> None:
    assert not compared(rows({})).agrees
    assert not compared(rows({}), held(), held(5)).agrees


@pytest.mark.parametrize(
    "one",
    [
        held(5, start_date=START + timedelta(seconds=1)),  # began after what the archive tells of
        held(5, start_date=None),
        held(-5),  # of a file: Strava never had it
        held(5, deleted_at=START),
        held(5, athlete_id=8),  # of another athlete's archive, imported beside this one's
    ],
)
def test_what_the_archive_can_not_have_is_no_difference(one: GoldActivity) -> None:
    found = compared(rows({}), held(), one)
    assert (found.only_in_gold, found.agrees) == ((), True)


def test_an_archive_that_does_not_tell_whose_it_is_is_held_against_all_of_gold() -> None:
    one = held(5, athlete_id=8)
    assert [each.id for each in compared(rows({}), held(), one, athlete_id=None).only_in_gold] == [5]
    of_nobody = held(6, athlete_id=None)
    assert [each.id for each in compared(rows({}), held(), of_nobody).only_in_gold] == [6]


def test_a_deletion_that_the_archive_is_too_old_to_know_of_is_told_and_no_difference() -> None:
    later = START + timedelta(days=3)
    found = compared(rows({}), held(deleted_at=later, name="Other"))
    assert found.deleted_in_gold == (DeletedActivity(1001, START, "Lunch", later, archive_is_newer=False),)
    assert (found.in_both, found.differing, found.only_in_archive, found.agrees) == (0, (), (), True)


def test_a_deletion_that_the_archive_contradicts_is_a_difference() -> None:
    listed = rows({}, {"Activity ID": "2", "Activity Date": "Jan 1, 2020, 10:00:00 AM"})
    found = compared(listed, held(), held(2, deleted_at=START - timedelta(days=1)))
    (one,) = found.deleted_in_gold
    assert (one.id, one.archive_is_newer, found.agrees) == (2, True, False)


def test_a_row_without_an_id_is_found_by_its_hash() -> None:
    (row,) = rows({"Activity ID": ""})
    assert row_id(row) < 0
    assert compared([row], held(row_id(row))).agrees
    missing = compared([row], held()).only_in_archive
    assert missing == (NamedActivity(row_id(row), START, "Lunch"),)


def test_a_row_without_an_id_is_found_under_the_id_of_its_athlete() -> None:
    """A folder can hold several people's activities: the hash of another athlete than its own includes the athlete."""
    (row,) = rows({"Activity ID": ""})
    usual, of_athlete = row_id(row), hashed_id("strava_archive", row_content(row), 7)
    for holders, expected in (
        ({}, usual),
        ({usual: 7}, usual),
        ({usual: None}, usual),
        ({usual: 8}, of_athlete),
        ({of_athlete: 7}, of_athlete),
        ({usual: 8, of_athlete: 7}, of_athlete),
    ):
        gold = {key: held(key, athlete_id=athlete_id) for key, athlete_id in holders.items()}
        assert gold_id(row, gold, 7) == expected
        assert gold_id(row, gold, None) == usual
    (numbered,) = rows({})
    assert gold_id(numbered, {}, 7) == 1001


def test_of_two_rows_with_one_id_the_first_counts() -> None:
    found = compared(rows({}, {"Activity Name": "Again"}), held())
    assert (found.rows, found.in_both, found.agrees) == (1, 1, True)


def test_an_activity_that_another_one_stands_for_is_there_and_its_fields_are_not_compared() -> None:
    other = held(-9, name="By the watch", distance=25100.0)
    found = compared(rows({}), other, stand_ins={1001: -9})
    assert (found.in_both, found.stood_for, found.differing, found.agrees) == (1, 1, (), True)
    assert compared(rows({}), other).only_in_archive, "without it, it is missing"
    assert compared(rows({}), other, stand_ins={1001: -10}).only_in_archive, "gold has no such one"


def test_its_own_row_comes_before_the_one_that_stands_for_it_unless_it_is_deleted() -> None:
    other = held(-9)
    own = compared(rows({}), held(name="Own"), other, stand_ins={1001: -9})
    assert (own.stood_for, own.fields) == (0, {"name": 1})
    gone = held(deleted_at=START + timedelta(days=1))
    assert compared(rows({}), gone, other, stand_ins={1001: -9}).stood_for == 1
    both_gone = compared(rows({}), gone, held(-9, deleted_at=START), stand_ins={1001: -9})
    assert [each.deleted_at for each in both_gone.deleted_in_gold] == [gone.deleted_at]


def test_the_activity_that_stands_for_one_is_not_only_in_gold() -> None:
    assert compared(rows({}), held(55), stand_ins={1001: 55}).only_in_gold == ()


def test_an_archive_of_another_athlete_is_told() -> None:
    found = compared(rows({"Activity ID": "2"}), held(), held(5, athlete_id=9), athlete_id=8)
    assert (found.other_athletes, found.only_in_gold, found.agrees) == ((7, 9), (), False)
    assert compared([], held(), athlete_id=8).other_athletes == (7,)
    assert not compared([], held(), athlete_id=8).agrees
    for athlete_id, gold in ((7, held()), (None, held()), (8, held(athlete_id=None))):
        assert compared(rows({}), gold, athlete_id=athlete_id).other_athletes == ()


def test_an_empty_archive_tells_nothing_and_contradicts_nothing() -> None:
    found = compared([], held())
    assert (found.rows, found.newest_start, found.agrees) == (0, None, True)


HELD = GoldFiles(
    contents={"a": "A", "b": "B", "picture": None},
    names=frozenset({"1.fit.gz", "2.gpx", "x.jpg"}),
    of_activity={1: "a", 2: "b"},
    gear=[(("Tarmac", "Old one"), "Specialized", "SL6"), (("Grail ",), "Canyon", None)],
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
    assert compare_files(found, GoldFiles()) == [FileDifference("2.fit", FileProblem.UNREADABLE)]


@pytest.mark.parametrize(
    ("piece", "differing"),
    [
        (ArchiveGear("bike", "Tarmac", "Specialized", "SL6"), {}),
        (ArchiveGear("bike", "Old one", None, None), {}),
        (ArchiveGear("bike", "Grail", "Canyon", None), {}),
        (ArchiveGear("bike", "Tarmac", "Specialized", "SL7"), {"Tarmac": ("Tarmac, Specialized, SL7", "Tarmac, Specialized, SL6")}),
        (ArchiveGear("shoes", "Grizl", "Canyon", None), {"Grizl": ("Grizl, Canyon", None)}),
    ],
)  # fmt: skip
def test_gear_is_the_same_by_name_brand_and_model(piece: ArchiveGear, differing: dict[str, object]) -> None:
    assert compare_gear([piece], HELD) == differing
    assert compare_gear([piece], replace(HELD, of_archives=False)) == {}
