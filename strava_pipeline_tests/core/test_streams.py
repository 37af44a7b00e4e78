"""core.streams: a streams answer as points, whatever is in it; and which 404 says that nothing was recorded."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from strava_pipeline.core.streams import KEYS, is_nothing_recorded, is_streams, points_of
from strava_pipeline.core.tables import TRACKS

START = datetime(2026, 6, 1, 12, tzinfo=UTC)
BIG = 10**400  # beyond any double
WHOLE: dict[str, list[Any]] = {
    "time": [0, 1, 2.5],
    "latlng": [[52.5, 13.4], [52.6, 13.5], [-90, 180.0]],
    "distance": [0.0, 3, 7.5],
    "altitude": [34.2, 34.4, -2],
    "velocity_smooth": [0.0, 3.0, 3.1],
    "heartrate": [90, 91, 92],
    "cadence": [0, 84, 85],
    "watts": [None, 210, 215],
    "temp": [-3, 20, 21],
    "moving": [False, True, True],
    "grade_smooth": [-1.5, 0, 2.5],
}


def keyed(streams: dict[str, Any]) -> dict[str, Any]:
    return {key: {"data": data, "series_type": "distance", "resolution": "high"} for key, data in streams.items()}


def column(name: str, streams: dict[str, Any]) -> list[Any]:
    return points_of(keyed(streams), START)[name].to_list()


@pytest.mark.parametrize(
    "answer",
    [keyed(WHOLE), [{"type": key, **stream} for key, stream in keyed(WHOLE).items()], WHOLE],
    ids=["by type", "a list", "bare lists"],
)
def test_streams_become_points_in_each_of_their_shapes(answer: Any) -> None:
    points = points_of(answer, START)
    assert dict(points.schema) == {name: kind for name, kind in TRACKS.polars_schema.items() if name in points.columns}
    assert points.to_dict(as_series=False) == {
        "recorded_at": [START, START + timedelta(seconds=1), START + timedelta(seconds=2.5)],
        "latitude": [52.5, 52.6, -90.0],
        "longitude": [13.4, 13.5, 180.0],
        "altitude": WHOLE["altitude"],
        "distance": WHOLE["distance"],
        "speed": WHOLE["velocity_smooth"],
        "heartrate": WHOLE["heartrate"],
        "cadence": WHOLE["cadence"],
        "watts": WHOLE["watts"],
        "temperature": WHOLE["temp"],
        "moving": WHOLE["moving"],
        "grade": WHOLE["grade_smooth"],
    }


def test_every_key_that_is_asked_for_ends_in_a_column() -> None:
    assert set(KEYS) == set(WHOLE)
    points = points_of(keyed(WHOLE), START)
    assert not [name for name in points.columns if points[name].null_count() == points.height]


@pytest.mark.parametrize(
    ("data", "read"),
    [
        ([1, "2", 3], [1.0, None, 3.0]),
        ([True, [4], {"a": 1}, None], [None] * 4),
        ([BIG, -BIG, 5], [None, None, 5.0]),
        ([float("nan"), float("inf"), 6], [None, None, 6.0]),
        ([2**63, 2**53 + 1], [float(2**63), float(2**53)]),
        ([], []),
    ],
)
def test_what_is_no_number_is_null(data: list[Any], read: list[float | None]) -> None:
    assert column("watts", {"watts": data}) == read


@pytest.mark.parametrize(
    "pair", [None, [], [1], [1, 2, 3], "1,2", [1, None], ["1", 2], {"lat": 1}, [BIG, 1], [float("nan"), 2], [[1, 2]]]
)
def test_half_a_position_is_none(pair: Any) -> None:
    points = points_of(keyed({"latlng": [[1.5, 2.5], pair, [3, 4]]}), START)
    assert points.select("latitude", "longitude").rows() == [(1.5, 2.5), (None, None), (3.0, 4.0)]


def test_what_is_no_truth_is_null() -> None:
    assert column("moving", {"moving": [True, 1, "false", None, False]}) == [True, None, None, None, False]


@pytest.mark.parametrize("second", [None, "1", BIG, 1e300, -1e12, True])
def test_a_second_that_is_none_or_beyond_belief_is_no_moment(second: Any) -> None:
    assert column("recorded_at", {"time": [0, second, 60]}) == [START, None, START + timedelta(minutes=1)]


def test_without_times_or_a_start_no_point_has_a_moment() -> None:
    assert column("recorded_at", {"watts": [1, 2]}) == [None, None]
    assert points_of(keyed(WHOLE), None)["recorded_at"].to_list() == [None] * 3


def test_a_shorter_stream_ends_in_nulls_and_shortens_no_other() -> None:
    points = points_of(
        keyed({"time": [0, 1], "distance": [0.0, 1.0, 2.0, 3.0], "moving": [], "latlng": [[1, 2]]}), START
    )
    assert points["distance"].to_list() == [0.0, 1.0, 2.0, 3.0]
    assert [points[name].null_count() for name in ("recorded_at", "moving", "latitude", "speed")] == [2, 4, 3, 4]


@pytest.mark.parametrize(
    "answer",
    [
        None,
        5,
        "x",
        [],
        {},
        [1],
        [{"type": [], "data": [1]}],
        {"time": 5},
        {"time": {"data": "x"}},
        {"time": {}},
        {"seconds": [1]},
    ],
    ids=repr,
)
def test_what_is_no_stream_gives_no_point(answer: Any) -> None:
    points = points_of(answer, START)
    assert points.height == 0
    assert points.schema == points_of(WHOLE, START).schema


@pytest.mark.parametrize(
    ("answer", "is_one"),
    [(keyed(WHOLE), True), ([{"type": "time", "data": []}], True), ({}, True), ([], True)]
    + [(answer, False) for answer in (None, 1, "x", [1], {"message": "x"}, {"time": 5})],
)
def test_a_set_of_streams_is_told_from_anything_else(answer: Any, is_one: bool) -> None:
    assert is_streams(answer) is is_one


@pytest.mark.parametrize(
    ("status", "body", "nothing"),
    [
        (404, json.dumps({"message": "Resource Not Found", "errors": []}).encode(), True),
        (404, b'{"message": "Record Not Found"}', True),
        (403, b'{"message": "Forbidden"}', False),
        (None, b"", False),
        (404, b"<html>not here</html>", False),  # a proxy on the way
        (404, b"", False),
        (404, b"[]", False),
        (404, b'{"error": "no such route"}', False),
    ],
)
def test_only_a_404_of_stravas_own_says_that_nothing_was_recorded(
    status: int | None, body: bytes, nothing: bool
) -> None:
    assert is_nothing_recorded(status, body) is nothing
