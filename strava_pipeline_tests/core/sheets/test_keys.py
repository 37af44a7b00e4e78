"""A row keeps its key: what its owner may do to a table, and which activities it is then."""

from dataclasses import asdict, replace
from typing import Any

import pytest

from strava_pipeline.core.sheets.keys import Identity, assign_keys, gone, identities
from strava_pipeline.core.sheets.rows import rows_of
from strava_pipeline_tests.core.sheets.test_rows import page

Rows = list[dict[str, Any]]
TABLE: Rows = [
    {"start_time": "2026-02-01 07:00", "distance": 10, "duration_hms": "1:00:00", "notes": "one"},
    {"start_time": "2026-02-02 07:00", "distance": 20, "duration_hms": "2:00:00", "notes": "two"},
    {"start_time": "2026-02-03", "distance": 30, "duration_hms": "3:00:00", "notes": "three"},
    {"start_time": "2026-02-04", "notes": "four"},
]


def read(rows: Rows) -> list[Identity]:
    return [replace(found, key="") for found in identities(list(rows_of(page(rows))))]


def keyed(rows: Rows, before: list[Identity] | None = None, former: list[Identity] | None = None) -> list[Identity]:
    found = read(rows)
    keys = assign_keys(found, before or [], former or [])
    return [replace(row, key=key) for row, key in zip(found, keys, strict=True)]


def keys(rows: list[Identity]) -> list[str]:
    return [row.key for row in rows]


BEFORE = keyed(TABLE)


def changed(number: int, **cells: Any) -> Rows:
    return [{**row, **cells} if place == number else row for place, row in enumerate(TABLE)]


@pytest.mark.parametrize(
    "rows",
    [
        changed(0, strava_id=123),
        changed(0, strava_id=123, garmin_id=456),
        changed(0, notes="a better name", city="Linz"),
        changed(0, distance=10.2),
        changed(0, duration_hms="1:00:05"),
        changed(0, distance=10.2, duration_hms="1:00:05", notes="x"),
        changed(0, distance=None, duration_hms=None),
        changed(0, start_time="2026-02-01 07:30"),
        changed(0, start_time="2026-02-01"),
        changed(0, start_time="2026-01-31 07:00"),
        changed(2, start_time="2026-02-03 18:00"),
        changed(2, notes="with another name"),
        changed(2, strava_id=123),
        changed(3, notes="with another name"),
    ],
    ids=lambda rows: repr([row for row, before in zip(rows, TABLE, strict=True) if row != before]),
)
def test_an_edited_row_is_the_same_activity(rows: Rows) -> None:
    assert keys(keyed(rows, BEFORE)) == keys(BEFORE)


def test_rows_may_move_and_come_and_go() -> None:
    new = {"start_time": "2026-02-09 07:00", "distance": 90, "duration_hms": "9:00:00"}
    found = keyed([TABLE[2], new, TABLE[0], TABLE[3]], BEFORE)
    assert [keys(found)[place] for place in (0, 2, 3)] == [keys(BEFORE)[place] for place in (2, 0, 3)]
    assert keys(found)[1] not in keys(BEFORE)
    assert keys(gone(keys(found), BEFORE, [])) == [keys(BEFORE)[1]]


def test_a_new_row_has_the_key_of_its_first_id_that_is_its_alone() -> None:
    rows = [
        {"start_time": "2026-02-01", "garmin_id": 7, "strava_id": 5},
        {"start_time": "2026-02-02", "garmin_id": 8},
        {"start_time": "2026-02-03", "strava_id": 6, "ridewithgps_id": 9},
        {"start_time": "2026-02-04", "strava_id": 6},
    ]
    found = keys(keyed(rows))
    assert found[:3] == ["strava-5", "garmin-8", "ridewithgps-9"]
    assert found[3].startswith("row-")


def test_twins_are_two_activities_and_keep_their_keys_when_one_goes_or_they_change_places() -> None:
    twin = {"start_time": "2026-02-01 07:00", "distance": 10, "duration_hms": "1:00:00"}
    both = keyed([{**twin, "notes": "a"}, {**twin, "notes": "b"}])
    assert keys(both)[1] == f"{keys(both)[0]}-2"
    assert keys(keyed([{**twin, "notes": "b"}, {**twin, "notes": "a"}], both)) == keys(both)[::-1]
    assert keys(keyed([{**twin, "notes": "b"}], both)) == keys(both)[1:]
    third = keyed([{**twin, "notes": "a"}, {**twin, "notes": "b"}, {**twin, "notes": "c"}], both)
    assert keys(third) == [*keys(both), f"{keys(both)[0]}-3"]


def test_an_id_wins_over_everything_else() -> None:
    before = keyed([{**TABLE[0], "strava_id": 1}, {**TABLE[1], "strava_id": 2}])
    after = keyed([{**TABLE[1], "strava_id": 1}, {**TABLE[0], "strava_id": 2}], before)
    assert keys(after) == keys(before)


def test_a_row_that_takes_over_an_old_start_is_another_one_where_the_old_row_is_still_there() -> None:
    moved = {**TABLE[0], "start_time": "2026-02-01 09:00"}
    found = keyed([moved, *TABLE], BEFORE)
    assert keys(found)[1:] == keys(BEFORE)
    assert keys(found)[0] not in keys(BEFORE)


def test_where_several_rows_fit_an_edited_one_none_is_guessed() -> None:
    commute = {"distance": 5, "duration_hms": "0:20:00", "notes": "to work"}
    before = keyed([{**commute, "start_time": f"2026-03-0{day} 07:00"} for day in (2, 3)])
    after = keyed([{**commute, "start_time": f"2026-03-0{day} 07:00"} for day in (4, 5)], before)
    assert not set(keys(after)) & set(keys(before))


def test_rows_that_were_gone_come_back_as_what_they_were() -> None:
    edited = keyed(changed(0, distance=10.5, strava_id=123), BEFORE)
    other_book = keyed([{"start_time": "2020-01-01", "distance": 1}], edited)
    former = [Identity(**asdict(row)) for row in gone(keys(other_book), edited, [])]
    assert keys(keyed(changed(0, distance=10.5, strava_id=123), other_book, former)) == keys(BEFORE)


def test_a_new_row_has_the_key_of_one_that_is_gone_only_where_it_is_surely_the_same() -> None:
    former = gone([], BEFORE, [])
    same = {"start_time": TABLE[0]["start_time"], "distance": 11}
    alike = {"start_time": "2026-02-02 19:00"} | {name: TABLE[1][name] for name in ("distance", "duration_hms")}
    found = keys(keyed([same, alike], [], former))
    assert found[0] == keys(BEFORE)[0]
    assert found[1] not in keys(BEFORE), "as long on the same day may be the way back"


def test_other_units_make_no_other_rows() -> None:
    assert identities(list(rows_of(page(TABLE, units="metric")))) == identities(list(rows_of(page(TABLE))))
