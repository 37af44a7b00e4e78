"""core.rows: from JSON objects to typed columns. Whatever comes: no failure, no loss, no guess."""

import json
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strava_pipeline.core.rows import frame, typed_rows
from strava_pipeline.core.tables import ACTIVITIES_ALL, ACTIVITY_DETAILS, TABLES, Table
from strava_pipeline_tests.core.fidelity import differences
from strava_pipeline_tests.examples import examples


def cell(column: str, **source: Any) -> Any:
    """The cell of one column for an object of these fields."""
    return frame(typed_rows([source], ACTIVITIES_ALL).values, ACTIVITIES_ALL)[column][0]


def extra(**source: Any) -> Any:
    text = typed_rows([source], ACTIVITIES_ALL).values["extra"][0]
    return json.loads(text) if text else None


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("distance", 5, 5.0),
        ("distance", 5.5, 5.5),
        ("distance", 0, 0.0),
        ("distance", -0.0, 0.0),
        ("distance", 1e308, 1e308),
        ("distance", 2**53, float(2**53)),
        ("moving_time", 5.0, 5),
        ("moving_time", 0, 0),
        ("id", 2**53 + 1, 2**53 + 1),
        ("id", 2**63 - 1, 2**63 - 1),
        ("id", -(2**63), -(2**63)),
        ("upload_id", 2**53 + 1, 2**53 + 1),
        ("resource_state", 2, 2),
        ("commute", False, False),
        ("commute", True, True),
        ("name", "", ""),
        ("name", "a\0b", "a\0b"),
        ("name", "\ufeffBOM", "\ufeffBOM"),
        ("name", "👩‍👩‍👧 Пробежка 晨跑 e\u0301", "👩‍👩‍👧 Пробежка 晨跑 e\u0301"),
        ("name", "x" * 255, "x" * 255),
        ("sport_type", "NewSportOf2027", "NewSportOf2027"),
        ("start_latlng", [], []),
        ("start_latlng", [52, 13.4], [52.0, 13.4]),
        ("start_date", "2026-03-01T10:00:00Z", datetime(2026, 3, 1, 10, tzinfo=UTC)),
        ("start_date", "2026-03-01T10:00:00+14:00", datetime(2026, 2, 28, 20, tzinfo=UTC)),
        ("start_date", "2026-03-01T10:00:00", datetime(2026, 3, 1, 10, tzinfo=UTC)),
        ("start_date", "0001-01-01T00:00:00Z", datetime(1, 1, 1, tzinfo=UTC)),
        ("start_date", "9999-12-31T23:59:59Z", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("start_date_local", "2026-03-01T10:00:00Z", datetime(2026, 3, 1, 10)),  # noqa: DTZ001
        ("start_date_local", "2026-03-01T10:00:00+05:00", datetime(2026, 3, 1, 10)),  # noqa: DTZ001
        ("start_date_local", "2024-02-29", datetime(2024, 2, 29)),  # noqa: DTZ001
        ("start_date_local", "0001-01-01T00:00:00+14:00", datetime(1, 1, 1)),  # noqa: DTZ001
    ],
)
def test_a_value_that_fits_stands_in_its_column_and_nowhere_else(field: str, value: Any, expected: Any) -> None:
    found = cell(field, **{field: value})
    found = found.to_list() if isinstance(found, pl.Series) else found
    assert found == expected
    assert type(found) is type(expected)
    assert extra(**{field: value}) is None


@pytest.mark.parametrize(
    ("field", "value", "shown", "kept"),
    [
        ("id", 2**63, None, 2**63),
        ("id", 10**400, None, 10**400),
        ("id", "12", None, "12"),
        ("id", True, None, True),
        ("moving_time", 5.5, None, 5.5),
        ("moving_time", float("inf"), None, "Infinity"),
        ("resource_state", 2**31, None, 2**31),
        ("distance", "5 km", None, "5 km"),
        ("distance", True, None, True),
        ("distance", float("nan"), None, "NaN"),
        ("distance", float("-inf"), None, "-Infinity"),
        ("distance", 2**53 + 1, float(2**53), 2**53 + 1),
        ("distance", 10**400, None, 10**400),
        ("distance", [1], None, [1]),
        ("commute", 0, None, 0),
        ("commute", "false", None, "false"),
        ("name", 5, None, 5),
        ("name", {"a": None}, None, {"a": None}),
        ("name", "half \ud83d pair", "half ? pair", "half \\ud83d pair"),
        ("start_latlng", "52,13", None, "52,13"),
        ("start_latlng", [52, None], None, [52, None]),
        ("start_latlng", [52, float("nan")], None, [52, "NaN"]),
        ("start_date", "yesterday", None, "yesterday"),
        ("start_date", 1_700_000_000, None, 1_700_000_000),
        ("start_date", "0001-01-01T00:00:00+14:00", None, "0001-01-01T00:00:00+14:00"),
        ("start_date", "9999-12-31T23:59:59-12:00", None, "9999-12-31T23:59:59-12:00"),
        ("start_date_local", "2023-02-29T10:00:00Z", None, "2023-02-29T10:00:00Z"),
        ("start_date_local", "", None, ""),
    ],
)
def test_a_value_that_does_not_fit_is_kept_in_extra_and_counted(field: str, value: Any, shown: Any, kept: Any) -> None:
    rows = typed_rows([{field: value}, {}], ACTIVITIES_ALL)
    assert cell(field, **{field: value}) == shown
    assert json.loads(rows.values["extra"][0]) == {field: kept}
    assert rows.values["extra"][1] is None
    assert rows.misfits == {field: 1}
    assert rows.unknown == {}


@pytest.mark.parametrize("field", ["commute", "distance", "kudos_count", "name", "start_date", "start_latlng"])
def test_absent_and_null_are_null_and_nothing_else_is(field: str) -> None:
    assert cell(field) is None
    assert cell(field, **{field: None}) is None
    assert extra(**{field: None}) is None
    zero = {"commute": False, "distance": 0, "kudos_count": 0, "name": "", "start_latlng": []}
    if field in zero:
        assert cell(field, **{field: zero[field]}) is not None


@pytest.mark.parametrize(
    ("source", "kept", "counted"),
    [
        ({"new": 1}, {"new": 1}, {"new": 1}),
        ({"new": None}, {"new": None}, {"new": 1}),
        ({"new": False}, {"new": False}, {"new": 1}),
        ({"": []}, {"": []}, {"": 1}),
        ({"map": {"id": "a1", "new": {"x": [1]}}}, {"map": {"new": {"x": [1]}}}, {"map": 1}),
        ({"map": {"new": None}}, {"map": {"new": None}}, {"map": 1}),
        ({"map": "gone"}, {"map": "gone"}, {"map": 1}),
        ({"map": False}, {"map": False}, {"map": 1}),
        ({"map": []}, {"map": []}, {"map": 1}),
        ({"map": None}, None, {}),
        ({"map": {}}, None, {}),
        ({"map": {"id": "a1", "resource_state": 2}}, None, {}),
        ({"athlete": {"id": 1, "resource_state": 1}}, None, {}),
        ({"athlete": {"id": 1, "firstname": "Ada"}}, {"athlete": {"firstname": "Ada"}}, {"athlete": 1}),
        ({"athlete": 7}, {"athlete": 7}, {"athlete": 1}),
        ({"id": 1, "big": 10**30}, {"big": 10**30}, {"big": 1}),
        ({"half\ud800": 1}, {"half\\ud800": 1}, {"half\ud800": 1}),
    ],
)
def test_a_field_without_a_column_is_kept_and_counted(source: Any, kept: Any, counted: Any) -> None:
    rows = typed_rows([source], ACTIVITIES_ALL)
    assert extra(**source) == kept
    assert rows.unknown == counted
    assert rows.misfits == {}


def test_a_misfit_below_another_field_is_kept_at_its_own_place() -> None:
    assert extra(**{"map": {"id": 5, "new": 1}, "map.id": "mine"}) == {"map": {"id": 5, "new": 1}, "map.id": "mine"}


def test_no_objects_give_a_frame_of_no_rows_with_every_column() -> None:
    for table in TABLES.values():
        empty = frame(typed_rows([], table).values, table)
        assert empty.height == 0
        assert empty.schema == table.polars_schema


@pytest.mark.parametrize(
    "pairs", [[], [None], [[]], [[], None], [[1.5, -2.0], [], None, [0.1, 0.2]], [[1.0], [2.0, 3.0]]]
)
def test_positions_are_the_lists_that_they_were(pairs: list[list[float] | None]) -> None:
    found = frame({"start_latlng": pairs, "id": [*range(len(pairs))]}, ACTIVITIES_ALL)["start_latlng"]
    assert found.dtype == pl.List(pl.Float64)
    assert found.to_list() == pairs


def test_an_instant_is_the_same_in_every_zone() -> None:
    at = datetime(2026, 3, 1, 1, 30, 0, 123456, tzinfo=UTC)
    found = frame({"start_date": [at, None, at.astimezone(ZoneInfo("Asia/Kolkata"))], "id": [1, 2, 3]}, ACTIVITIES_ALL)
    assert found["start_date"].to_list() == [at, None, at]


_TEXT = st.text(st.characters(codec=None), max_size=8)
_DATES = st.one_of(
    st.datetimes(timezones=st.none() | st.timezones()).map(datetime.isoformat),
    st.sampled_from(["2026-W01-1", "0001-01-01T00:00:00+14:00", "20260101", "2026-01-01T24:00:00Z", "", "Z"]),
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | _TEXT
    | _DATES
    | st.sampled_from([2**53 + 1, 2**63 - 1, 2**63, 10**400, 5.0]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=4,
)


def _objects(table: Table) -> st.SearchStrategy[dict[str, Any]]:
    """Objects whose fields are often those that the table knows, with any value."""
    names = st.sampled_from(sorted({path[0] for path in (c.source for c in table.sourced) if path})) | _TEXT
    inner = st.sampled_from(["id", "polyline", "summary_polyline", "resource_state"]) | _TEXT
    return st.dictionaries(names, JSON | st.dictionaries(inner, JSON, max_size=3), max_size=8)


@pytest.mark.dear
@pytest.mark.parametrize("table", [ACTIVITIES_ALL, ACTIVITY_DETAILS], ids=lambda table: str(table.name))
def test_whatever_object_comes_nothing_fails_and_nothing_is_lost(table: Table) -> None:
    @settings(max_examples=examples(75))
    @given(st.lists(_objects(table), max_size=3))
    def holds(objects: list[dict[str, Any]]) -> None:
        typed = frame(typed_rows(objects, table).values, table)
        assert typed.height == len(objects)
        for source, row in zip(objects, typed.to_dicts(), strict=True):
            assert differences(source, row, table) == []

    holds()
