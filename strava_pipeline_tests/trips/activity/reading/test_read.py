"""Bundles come newest first, filtered, in bounded batches; failures are logged without what they hold."""

import logging
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.core.errors import MisuseError
from strava_pipeline.core.limits import TripLimits
from strava_pipeline.trips.activity.reading.opening import open_source
from strava_pipeline.trips.activity.reading.read import Tally, probe, read_bundles
from strava_pipeline.trips.activity.reading.source import Filters, TripSource
from strava_pipeline.trips.activity.rules.bundle import Bundle, State
from strava_pipeline_tests.trips.activity.sources import (
    LOST,
    OLD,
    RING,
    Row,
    feedback,
    odd_trips,
    points,
    sealed,
    trip,
    write_parquet,
    write_sqlite,
)


@pytest.fixture
def opened(tmp_path: Path) -> Any:
    """Opens a source of the given rows."""

    def make(rows: list[Row]) -> TripSource:
        return open_source(f"sqlite:///{write_sqlite(tmp_path / 'trips.sqlite', rows)}")

    return make


def ids(source: TripSource, filters: Filters = Filters(), **options: Any) -> list[str]:
    return [bundle.external_id for batch in read_bundles(source, RING, filters, **options) for bundle in batch]


def test_trips_are_ordered_by_instant_and_then_by_id(opened: Any) -> None:
    starts = {
        1: "2026-01-05T10:00:00+02:00",  # 08:00
        2: "2026-01-05T09:00:00Z",
        3: "2026-01-05 09:00:00",  # no zone is UTC
        4: None,
        5: "soon",
        6: "1767596400",  # a number as text is no timestamp
        9: "2026-01-05T23:30:00+14:00",  # 09:30
        10: "2026-01-04T23:59:59-10:00",  # 09:59:59
    }
    rows = [trip(number, external_id=str(number), start_time=start) for number, start in starts.items()]
    assert ids(opened(rows)) == ["10", "9", "3", "2", "1", "6", "5", "4"]


COMMENTS = {1: ["not_bike"], 2: ["late", "not_bike"], 3: [], 4: None, 5: ["other"], 6: ["late"], 7: ["not_bike"]}


def filtered_rows() -> list[Row]:
    held = {}
    for number, comments in COMMENTS.items():
        held[number] = None if comments is None else sealed([feedback(code) for code in comments], OLD)
    rows = [trip(number, external_id=f"e{number}", user_feedback=token) for number, token in held.items()]
    rows[0]["status"], rows[1]["status"], rows[4]["status"] = "rejected", None, "new"
    rows[2]["review_status"] = "approved"
    return [*rows, trip(8, external_id="e8", user_feedback=sealed([feedback("late")], LOST))]


@pytest.mark.parametrize(
    ("filters", "numbers"),
    [
        ({}, "87654321"),
        ({"limit": 3}, "876"),
        ({"limit": 0}, ""),
        ({"limit": 99}, "87654321"),
        ({"external_ids": ("e3", "e1", "absent")}, "31"),
        ({"external_ids": ("E3", "e3'; DROP TABLE activity_trip; --")}, ""),
        ({"statuses": ("rejected", "new")}, "51"),
        ({"statuses": ("accepted",), "review_statuses": ("approved",)}, "3"),
        ({"statuses": ("accepted",), "limit": 2}, "87"),
        ({"only_with_feedback": True}, "76521"),
        ({"only_with_feedback": True, "limit": 2}, "76"),
        ({"comments": ("not_bike",)}, "721"),
        ({"comments": ("not_bike", "late")}, "7621"),
        ({"comments": ("not_bike",), "only_with_feedback": True, "statuses": ("rejected", "accepted")}, "71"),
        ({"comments": ("not_bike",), "limit": 2}, "72"),
        ({"comments": ("absent",)}, ""),
    ],
)
@pytest.mark.parametrize("rows_at_once", [1, 2, 256])
def test_filters_hold_together_and_the_limit_counts_last(
    opened: Any, filters: dict[str, Any], numbers: str, rows_at_once: int
) -> None:
    source = opened(filtered_rows())
    source.rows_at_once = rows_at_once
    assert ids(source, Filters(**filters)) == [f"e{number}" for number in numbers]


def test_a_limit_below_zero_is_refused() -> None:
    with pytest.raises(MisuseError, match="-1 is no limit"):
        Filters(limit=-1)


def test_a_filtered_trip_is_the_same_bundle(opened: Any) -> None:
    source = opened(odd_trips())
    every = {bundle.external_id: bundle for batch in read_bundles(source, RING) for bundle in batch}
    found = [bundle for batch in read_bundles(source, RING, Filters(only_with_feedback=True)) for bundle in batch]
    assert found == [every[bundle.external_id] for bundle in found]
    assert (
        {bundle.external_id for bundle in every.values() if bundle.feedback} == {b.external_id for b in found} != set()
    )


def test_only_the_feedback_of_others_is_fetched_where_it_decides(opened: Any) -> None:
    source = opened(filtered_rows())
    statements: list[str] = []
    source.connection.set_trace_callback(statements.append)
    source.rows_at_once = 4
    assert ids(source, Filters(comments=("other",))) == ["e5"]
    fetching = [text for text in statements if "length(" not in text]  # the others ask how large columns are
    assert not any("locations" in text and "user_feedback" in text for text in fetching)
    wanted = [text for text in fetching if "locations" in text]
    assert [statement.partition("json_each")[2] for statement in wanted] == ["('[5]'))", "('[]'))"]


@pytest.mark.parametrize("at_once", [1, 7, 256])
def test_batches_hold_no_more_points_than_allowed_but_for_a_trip_alone(opened: Any, at_once: int) -> None:
    counts = {1: 5, 2: 5, 3: 1, 4: 30, 5: 0, 6: 0, 7: 9, 8: 1}
    rows = [
        trip(n, external_id=str(n), locations=sealed(points(count)), location_count=1) for n, count in counts.items()
    ]
    source = opened(rows)
    source.rows_at_once = at_once
    batches = [[bundle.external_id for bundle in batch] for batch in read_bundles(source, RING, batch_points=10)]
    assert batches == [["8", "7"], ["6", "5"], ["4"], ["3", "2"], ["1"]]


@pytest.mark.parametrize("count", [None, 0, -5, 10**12, 2.5, "many", float("inf")])
def test_a_point_count_that_is_wrong_changes_nothing(opened: Any, count: Any) -> None:
    rows = [trip(number, locations=sealed(points(3)), location_count=count) for number in range(1, 6)]
    assert len(ids(opened(rows))) == 5


def test_a_failure_is_one_warning_with_id_and_column_only(opened: Any, caplog: pytest.LogCaptureFixture) -> None:
    rows = odd_trips()
    with caplog.at_level(logging.DEBUG):
        ids(opened(rows), Filters(external_ids=("trip-00003", "trip-00007")))
    assert [record.levelname for record in caplog.records] == ["WARNING"] * 6
    assert [record.getMessage() for record in caplog.records] == [
        f"trip {number}: {column} {what}."
        for number, what in (
            (7, "is malformed: it decrypts, but not to JSON of its type"),
            (3, "is undecryptable: no key opens it, or it is no token"),
        )
        for column in ("locations", "activity_distribution", "user_feedback")
    ]


def test_a_failing_feedback_is_warned_of_once_where_it_decides(opened: Any, caplog: pytest.LogCaptureFixture) -> None:
    assert ids(opened(filtered_rows()), Filters(comments=("late",))) == ["e6", "e2"]
    assert [record.getMessage().partition(" is")[0] for record in caplog.records] == ["trip 8: user_feedback"]


def test_a_tally_counts_states_and_keys_and_a_key_that_opened_nothing(opened: Any) -> None:
    tally = Tally(RING.count + 1)
    for batch in read_bundles(opened(odd_trips()), RING):
        tally.add(batch)
    assert tally.trips == 22
    assert tally.counts == {
        "locations": {"absent": 6, "undecryptable": 2, "malformed": 2, "empty": 2, "ok": 10},
        "activityDistribution": {"absent": 12, "undecryptable": 2, "malformed": 2, "empty": 2, "ok": 4},
        "feedback": {"absent": 12, "undecryptable": 2, "malformed": 2, "empty": 3, "ok": 3},
    }
    assert tally.keys_used == {"0": 13, "1": 1, "2": 0}


@pytest.mark.parametrize(("given", "shown"), [(None, "7"), ("", "7"), ("x", "x"), (15, "15"), (b"raw", "raw")])
def test_a_trip_without_an_external_id_goes_by_its_id(opened: Any, given: Any, shown: str) -> None:
    assert ids(opened([trip(7, external_id=given)])) == [shown]


@pytest.mark.parametrize(
    ("column", "given", "path", "value"),
    [
        ("distance_meters", 0.0, ("summary", "distanceMeters"), 0.0),
        ("distance_meters", float("inf"), ("summary", "distanceMeters"), None),
        ("distance_meters", "far", ("summary", "distanceMeters"), "far"),
        ("duration_seconds", 0, ("summary", "durationSeconds"), 0),
        ("extra_properties", '{"a": NaN}', ("extraProperties",), {"a": None}),
        ("extra_properties", "[1]", ("extraProperties",), [1]),
        ("extra_properties", "{'a': 1}", ("extraProperties",), None),
        ("extra_properties", "", ("extraProperties",), None),
        ("platform", b"ios\xff", ("platform",), "ios\ufffd"),
        ("start_time", "2026-07-01T12:00:00.5+02:00", ("summary", "startTime"), "2026-07-01T10:00:00.500Z"),
    ],
)
def test_a_plain_column_keeps_its_value_as_json_can_hold_it(
    opened: Any, column: str, given: Any, path: tuple[str, ...], value: Any
) -> None:
    (batch,) = read_bundles(opened([trip(1, **{column: given})]), RING)
    found: Any = batch[0].as_json()
    for name in path:
        found = found[name]
    assert found == value
    assert type(found) is type(value)


def test_a_bundle_shows_no_content_in_its_repr(opened: Any) -> None:
    rows = [trip(1, locations=sealed(points(1)), user_feedback=sealed([feedback("late", note="private")]))]
    (batch,) = read_bundles(opened(rows), RING)
    assert isinstance(batch[0], Bundle)
    assert "latitude" not in repr(batch)
    assert "private" not in repr(batch)


def test_a_probe_counts_and_shows_the_latest_trip_without_reading_what_is_encrypted(opened: Any) -> None:
    rows = odd_trips()
    rows[20]["status"], rows[21]["id"], rows[21]["start_time"] = "rejected", 77, rows[19]["start_time"]
    source = opened(rows)
    statements: list[str] = []
    source.connection.set_trace_callback(statements.append)
    found = probe(source)
    assert found["total"] == 22
    assert sum(group["trips"] for group in found["groups"]) == 22
    assert {"status": None, "review_status": "pending", "platform": "ios", "trips": 1} in found["groups"]
    assert found["encrypted_present"] == {"locations": 17, "activity_distribution": 11, "user_feedback": 10}
    assert found["latest"]["id"] == 77
    assert found["latest"]["start_time"] == "2026-01-06T02:00:00Z"
    assert found["latest"]["extra_properties"] is None
    asked = " ".join(statements)
    for column in ("locations", "activity_distribution", "user_feedback"):
        assert asked.count(column) == asked.count(f"{column} IS NOT NULL") == 1


def test_a_probe_of_an_empty_table_finds_nothing(opened: Any) -> None:
    nothing = {"locations": 0, "activity_distribution": 0, "user_feedback": 0}
    assert probe(opened([])) == {"total": 0, "groups": [], "encrypted_present": nothing, "latest": None}


BIG = sealed(points(400))  # some 70 kB of token


def big_trips() -> list[Row]:
    """Three trips, the middle one with a large column, and one with properties larger than any."""
    return [
        trip(1, locations=sealed(points(3))),
        trip(2, locations=BIG, activity_distribution=sealed({"cycling": 1})),
        trip(3, locations=sealed(points(3)), extra_properties=f'"{"x" * len(BIG)}"'),
    ]


@pytest.mark.parametrize("kind", ["sqlite", "sqlite as bytes", "parquet"])
def test_a_column_beyond_the_limit_is_not_opened_and_hides_no_other(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    rows = big_trips()
    if kind == "sqlite as bytes":
        rows[1]["locations"] = BIG.encode()
    write, name = (write_parquet, "parquet") if kind == "parquet" else (write_sqlite, "sqlite")
    url = f"{name}:///{write(tmp_path / 'trips', rows)}"
    for room, opens in ((len(BIG), True), (len(BIG) - 1, False)):
        caplog.clear()
        limits = TripLimits(column_bytes=room)
        with open_source(url, limits) as source:
            third, second, first = (one for batch in read_bundles(source, RING, Filters()) for one in batch)
        assert (second.decryption.locations is State.OK, len(second.locations)) == (opens, 400 * opens)
        assert (second.decryption.activity_distribution, second.activity_distribution) == (State.OK, {"cycling": 1})
        assert [len(each.locations) for each in (first, third)] == [3, 3]
        said = {record.getMessage() for record in caplog.records}
        expected = {f"trip 2: locations {limits.exceeded}."} if not opens else set()
        if kind != "parquet":  # what a Parquet file holds is taken in before it can be measured
            assert third.extra_properties is None
            expected.add(f"trip 3: extra_properties {limits.exceeded}.")
        assert said == expected


def test_how_many_trips_are_read_at_once_goes_by_what_they_hold_not_by_what_they_tell(opened: Any) -> None:
    rows = [trip(number, locations=BIG, location_count=1) for number in range(1, 10)]
    source = opened(rows)
    source.limits = TripLimits(bytes_at_once=3 * len(BIG) + 1_000)
    fetched: list[int] = []
    fetch = source.rows
    source.rows = lambda keys, columns: fetched.append(len(keys)) or fetch(keys, columns)
    assert len(ids(source)) == 9
    assert [count for count in fetched if count] == [3, 3, 3]
    source.limits = TripLimits(bytes_at_once=1)
    fetched.clear()
    assert len(ids(source)) == 9, "a trip that is larger than all that is read at once is read alone"
    assert [count for count in fetched if count] == [1] * 9
