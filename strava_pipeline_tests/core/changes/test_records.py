"""A change: what makes its id, and which values are the same."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from strava_pipeline.core.changes.records import ID_LENGTH, KINDS, Change, is_same

RENAME = Change(
    kind="update_name",
    provider="toy",
    month="2026-10",
    source_id="9",
    effort="123",
    old="Morning Ride",
    new="Col de la Loze",
    source="strava",
    start=datetime(2026, 10, 3, 6, 30, tzinfo=UTC),
    title="Col de la Loze",
)
GEAR = replace(RENAME, kind="update_gear", old="Trek", old_id="b1", new="Domane", new_id="b2")
ROW = replace(RENAME, kind="add_activity", source_id=None, old=None, new={"distance": 12.5, "notes": "Loze"})


@pytest.mark.parametrize(
    ("change", "is_other"),
    [
        ({"old": "Lunch Ride"}, False),
        ({"source": "sheet", "title": "x", "start": None, "month": "2026-11"}, False),
        ({"new": "Col de la  Loze"}, True),
        ({"provider": "other"}, True),
        ({"source_id": "10"}, True),
        ({"kind": "update_metadata"}, True),
        ({"undoes": "0" * ID_LENGTH}, True),
    ],
)
def test_an_id_is_that_of_the_new_value_at_its_place(change: dict[str, object], is_other: bool) -> None:
    assert (replace(RENAME, **change).id != RENAME.id) is is_other
    assert len(RENAME.id) == ID_LENGTH


def test_gear_is_known_by_its_id_at_the_service_and_a_row_by_its_cells() -> None:
    assert replace(GEAR, new="Trek Domane").id == GEAR.id
    assert replace(GEAR, new_id="b3").id != GEAR.id
    assert (GEAR.value_before, GEAR.value_after) == ("b1", "b2")
    assert (RENAME.value_before, RENAME.value_after) == ("Morning Ride", "Col de la Loze")
    assert replace(ROW, new={"notes": "Loze", "distance": 12.5}).id == ROW.id
    assert replace(ROW, new={"notes": "Loze", "distance": 12.6}).id != ROW.id


@pytest.mark.parametrize("change", [RENAME, GEAR, ROW])
def test_a_change_is_read_as_it_was_written(change: Change) -> None:
    assert Change.from_json({**change.to_json(), "of_a_later_version": 1}) == change


def test_a_kind_that_nobody_knows_is_refused() -> None:
    with pytest.raises(ValueError, match="no kind"):
        Change.from_json({**RENAME.to_json(), "kind": "delete_activity"})


@pytest.mark.parametrize(
    ("kind", "one", "other", "expected"),
    [
        ("update_name", "Loze", " Loze\n", True),
        ("update_name", "Mu\u0308hle", "M\u00fchle", True),
        ("update_name", "Loze", "loze", False),
        ("update_gear", "TREK ", "trek", True),
        ("update_name", None, "  ", True),
        ("update_name", None, "Loze", False),
        ("update_metadata", 3600, 3600, True),
        ("update_metadata", 3600, None, False),
        ("link_activity", {"strava_id": "1"}, {"strava_id": "1", "garmin_id": "2"}, True),
        ("link_activity", {"strava_id": "1"}, {"garmin_id": "2"}, False),
    ],
)
def test_values_are_compared_as_people_mean_them(kind: str, one: object, other: object, expected: bool) -> None:
    assert kind in KINDS
    assert is_same(kind, one, other) is expected  # type: ignore[arg-type]
