"""What is kept of trips in tables: metrics, verdicts and codes; no positions, no free text."""

from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest

from strava_pipeline.trips.activity.reading.columns import Column, bundle_of
from strava_pipeline.trips.activity.reading.source import ENCRYPTED
from strava_pipeline.trips.activity.rules.bundle import Bundle, Decryption, State
from strava_pipeline.trips.activity.rules.diagnosis import (
    diagnose,
    diagnostics_rows,
    index_rows,
    replay_row,
    year_of,
)
from strava_pipeline.trips.activity.rules.replay import BASELINE, Sweep
from strava_pipeline.trips.activity.rules.text import FREE_TEXT
from strava_pipeline.trips.activity.rules.thresholds import thresholds
from strava_pipeline.trips.activity.rules.verdict import find_algorithm
from strava_pipeline.trips.activity.tables import TRIP_DIAGNOSTICS, TRIP_INDEX, TRIP_REPLAY
from strava_pipeline_tests.trips.activity.rules.made import point, ride, trip

NOTHING = dict.fromkeys(ENCRYPTED, Column([], State.ABSENT))
CODES = ["accepted", "needs_review", "too-short", "gps.noise", "A", "x" * 40]
VERSIONS = ["v0.7.0", "0.7.0", "2026.1", "1.2.3-rc.1", "14"]
WORDS = [
    *("ride at 48.85, 2.29", "at 48.853712", "48.853712", "48.85,2.35", "48.856-2.352", "48.85+2.35"),
    *("at48.85:2.35", "lat48.8566", "x48.853712", "+48.85+002.35", "Rue de Rivoli"),
    *("bus!", "Ünïcode", "rad\nweg", "accepted\n", "me@example.org", "x" * 65, "aa:bb:cc:dd:ee:f0"),
    *("c0ffee00-1234-4abc-8def-001122334455", "c0ffee0012344abc8def001122334455ab"),
    "gAAAAABpW7iAq2Jk0dYl4Zt9p3cQ8vXn5r7T1mUe6sHw0bKfLgOjPyDzRx",
]


def row(**columns: Any) -> dict[str, Any]:
    """The plain columns of a trip that tells nothing, apart from `columns`."""
    names = ("id", "platform", "status", "review_status", "rejection_reason", "distance_meters", "start_time")
    names += ("end_time", "duration_seconds", "location_count", "activity_type", "extra_properties", "created_at")
    return dict.fromkeys(names) | {"id": 1, "external_id": "A"} | columns


def index(**columns: Any) -> dict[str, Any]:
    given = row(**columns)
    return index_rows([given], [bundle_of(given, NOTHING)], [2026]).row(0, named=True)


def diagnostics(bundle: Bundle) -> dict[str, Any]:
    rows = diagnostics_rows(diagnose([bundle], thresholds()), [2026], thresholds().version)
    return rows.row(0, named=True)


@pytest.mark.parametrize(
    "rows",
    [index_rows([], [], []), index_rows([row()], [Bundle("A")], [2026]), diagnostics_rows([], [], "x")],
    ids=["no trip", "a trip that tells nothing", "no diagnosis"],
)
def test_rows_have_the_columns_of_the_catalogue_in_its_order(rows: pl.DataFrame) -> None:
    table = TRIP_DIAGNOSTICS if "verdict" in rows.columns else TRIP_INDEX
    assert dict(rows.schema) == dict(table.polars_schema)


@pytest.mark.parametrize(
    ("start", "created", "year"),
    [
        ("2024-06-01T12:00:00Z", "2025-01-01T00:00:00Z", 2024),
        ("2025-01-01T00:30:00+01:00", None, 2024),  # in UTC the year before
        ("2024-12-31 20:00:00-05:00", None, 2025),
        (1_735_689_599_999, None, 2024),  # milliseconds
        (1_735_689_600, None, 2025),
        (None, "2023-07-01", 2023),
        ("in the morning", "2023-07-01", 2023),
        (float("nan"), "2023-07-01", 2023),
        (None, None, None),
        ("", "never", None),
        ("1999-01-01T00:00:00Z", "2025-01-01T00:00:00Z", 1999),
        (0, None, 1970),
        (-1e15, "2025-01-01T00:00:00Z", 2025),  # no year has it
        (1e300, "2025-01-01T00:00:00Z", 2025),
    ],
)
def test_a_trip_belongs_to_the_utc_year_of_its_start_else_its_creation(
    start: Any, created: Any, year: int | None
) -> None:
    assert year_of({"start_time": start, "created_at": created}) == year


@pytest.mark.parametrize("name", ["platform", "status", "review_status", "rejection_reason", "activity_type"])
def test_a_code_is_kept_and_of_another_text_only_that_there_was_one(name: str) -> None:
    for code in CODES:
        assert index(**{name: code})[name] == code
    for text in WORDS:
        assert index(**{name: text})[name] == FREE_TEXT, text
    for nothing in (None, "", "  ", 7, 48.853712, True, ["a"]):
        assert index(**{name: nothing})[name] is None


@pytest.mark.parametrize("name", ["algorithm_version", "recording_trigger"])
def test_a_version_is_kept_and_of_another_text_only_that_there_was_one(name: str) -> None:
    for code in [*CODES, *(VERSIONS if name == "algorithm_version" else [])]:
        assert index(extra_properties={name: code, "device_id": "c0ffee"})[name] == code
    for text in WORDS:
        assert index(extra_properties={name: text})[name] == FREE_TEXT, text
    for odd in (None, "text", 7, [name], {}, {name: {"latitude": 48.853712}}, {name: None}):
        assert index(extra_properties=odd)[name] is None


def test_no_other_extra_property_is_kept() -> None:
    extra = {"device_id": "c0ffee", "start": {"latitude": 48.853712}, "note": "at the school", "status": "accepted"}
    assert index(extra_properties=extra) == index(extra_properties={})


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (820.5, 820.5),
        (0, 0.0),
        (-3, -3.0),
        (1e300, 1e300),
        (10**400, None),
        (float("inf"), None),
        (True, None),
        ("12", None),
        (None, None),
    ],
)
def test_a_number_is_kept_as_it_is_where_a_float_holds_it(given: Any, kept: float | None) -> None:
    found = index(distance_meters=given, duration_seconds=given)
    assert (found["distance_m"], found["duration_s"]) == (kept, kept)


@pytest.mark.parametrize(
    ("given", "kept"),
    [(0, 0), (20, 20), (20.9, 20), (2**63, None), (-(2**63) - 1, None), (1e19, None), ("20", None), (True, None)],
)
def test_a_count_is_kept_where_it_is_a_whole_number_of_64_bits(given: Any, kept: int | None) -> None:
    assert index(location_count=given)["location_count"] == kept


@pytest.mark.parametrize("given", [7, 2**70, "a uuid", b"7", None])
def test_the_id_of_the_source_is_kept_as_text(given: Any) -> None:
    assert index(id=given)["trip_id"] == str(given)


def test_instants_are_kept_in_utc() -> None:
    found = index(start_time="2026-01-05T06:00:00+14:00", end_time=1_767_600_000_000, created_at="no time")
    assert found["started_at"] == datetime(2026, 1, 4, 16, tzinfo=UTC)
    assert found["ended_at"] == datetime(2026, 1, 5, 8, tzinfo=UTC)
    assert found["created_at"] is None


def test_names_of_activities_that_are_no_codes_are_left_out_of_the_mix() -> None:
    told = {"cycling": 0.6, "walking": 0.2, **dict.fromkeys(WORDS, 0.1), "\ud83d": 0.1}
    assert diagnostics(trip(point(0), distribution=told))["activity_mix"] == '{"cycling":0.6,"walking":0.2}'
    of_points = trip(*(point(place, activity=name) for place, name in enumerate(["cycling", *WORDS, "cycling"])))
    assert list(diagnostics(of_points)["activity_mix"]) == list(f'{{"cycling":{2 / (len(WORDS) + 2)!r}}}')


def test_comments_are_kept_where_they_are_codes_in_their_order() -> None:
    said = ["not_bike", *WORDS, None, 7, "ride_not_detected", "not_bike"]
    bundle = Bundle(
        "A", feedback=[{"comment": comment, "payload": {"note": "at the school"}} for comment in said] + ["text"]
    )
    assert diagnostics(bundle)["comments"] == ["not_bike", "ride_not_detected", "not_bike"]


def test_nothing_that_a_trip_holds_is_kept_but_what_was_measured_and_judged() -> None:
    diagnostic = {"device_id": "c0ffee", "logs": [{"message": "at 48.853712, 2.348219"}], "app_version": "3.14"}
    feedback = [{"submitted_at": "2026-01-06", "comment": "ride_not_detected", "payload": {"diagnostic": diagnostic}}]
    held = diagnostics(ride("A", 20, rejection_reason="ride at 48.85, 2.29", platform="my phone", feedback=feedback))
    assert held["has_diagnostic"] is True
    told = repr(held)
    assert not [word for word in ("48.85", "2.348", "c0ffee", "3.14", "phone", "message", "latitude") if word in told]


@pytest.mark.parametrize("state", list(State))
def test_states_verdict_and_key_are_kept(state: State) -> None:
    held = diagnostics(Bundle("A", decryption=Decryption(state, State.EMPTY, State.MALFORMED, 1)))
    assert (held["locations_state"], held["activity_distribution_state"], held["feedback_state"]) == (
        state,
        "empty",
        "malformed",
    )
    unknown = state in (State.UNDECRYPTABLE, State.MALFORMED)
    assert (held["verdict"], held["key_index"]) == ("unknown" if unknown else "rejected", 1)
    assert held["primary_reason"] == held["reasons"][0]


def test_what_a_replay_came_to_is_a_row_whose_counts_add_up() -> None:
    replay = Sweep(find_algorithm("2026.1"), {BASELINE: thresholds()})
    replay.add(
        [
            ride("A", 20, review_status="approved", status="accepted"),
            ride("B", 90, review_status="rejected", status="accepted"),
            ride("C", 20),
        ]
    )
    rows = replay_row("cycling-2026.1", "cycling-2026.1", replay.input_hash, replay.totals())
    assert dict(rows.schema) == dict(TRIP_REPLAY.polars_schema)
    held = rows.row(0, named=True)
    assert (held["trips"], held["labelled"], held["rides_accepted"], held["others_rejected"]) == (3, 2, 1, 1)
    assert (held["better"], held["same"], held["worse"], held["changed"]) == (1, 1, 0, 1)
    assert (held["precision"], held["recall"], held["f1"]) == (1.0, 1.0, 1.0)
