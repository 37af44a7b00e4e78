"""What is kept of a file comes back from its JSON as it was put there, whatever the file held."""

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strava_pipeline.core.files.recording import (
    TRACK,
    Clock,
    ClockBy,
    DecodedFile,
    Flag,
    Format,
    Reading,
    Recording,
    reading_of,
    track_facts,
)

BEGAN = datetime(2024, 7, 1, 8, 0, 0, 250_000, UTC)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
TOLD = st.dictionaries(st.text(max_size=5), st.none() | st.booleans() | st.integers() | NUMBERS | st.text(max_size=9))


BERLIN = Clock("Europe/Berlin", 7200.0, ClockBy.PLACE)


def track(**columns: list[Any]) -> pl.DataFrame:
    """Points of the columns given, the others unknown."""
    height = max((len(column) for column in columns.values()), default=0)
    return pl.DataFrame(
        [pl.Series(name, columns.get(name, [None] * height), dtype=kind) for name, kind in TRACK.items()]
    )


def kept(*recordings: Recording, clock: Clock = Clock(), **fields: Any) -> Reading:
    read = DecodedFile(Format.FIT, "activity", recordings, **fields)
    return reading_of(read, "content", [clock] * len(recordings))


def again(reading: Reading) -> Reading:
    return Reading.model_validate_json(reading.model_dump_json())


def test_a_file_comes_back_from_its_json() -> None:
    recording = Recording(
        format=Format.FIT,
        place=3,
        sport="running",
        sub_sport="trail",
        name="Über den Berg 🏔",
        description="two\nlines",
        creator="A Watch",
        sensors={"heartrate": "wrist"},
        started_at=BEGAN,
        elapsed_s=61.625,
        moving_s=60.0,
        distance_m=200.5,
        ascent_m=1.0,
        descent_m=2.0,
        calories=3.0,
        summary={"max_heartrate": 171.0, "lengths": 4, "note": "x"},
        laps=({"started_at": BEGAN + timedelta(seconds=1, microseconds=5), "elapsed_s": 61.625},),
        lengths=({"started_at": BEGAN, "stroke": "freestyle", "cycles": 15},),
        track=track(at=[BEGAN, None], latitude=[48.0, None], longitude=[11.0, None], heartrate=[120.0, 130.0]),
        flags=frozenset({Flag.TRUNCATED, Flag.DAMAGED}),
    )
    reading = kept(recording, clock=BERLIN, problem="cut", unknown={"field_9": 2})
    assert again(reading) == reading
    (read,) = again(reading).recordings
    assert (read.started_at, read.utc_offset_s, read.timezone) == (BEGAN, 7200.0, "Europe/Berlin")
    assert read.sensors == {"heartrate": "wrist"}
    assert read.laps == [{"started_at": "2024-07-01T08:00:01.250005+00:00", "elapsed_s": 61.625}]
    assert (read.points, read.flags, again(reading).flags) == (2, ["damaged", "truncated"], ["damaged", "truncated"])
    assert read.track == {
        "start_latlng": [48.0, 11.0], "end_latlng": [48.0, 11.0], "average_heartrate": 120.0, "max_heartrate": 130.0
    }  # fmt: skip


@pytest.mark.parametrize(("said", "kept_beside"), [(0.0, 0.0), (7200.0, None), (None, None)])
def test_what_the_device_says_of_its_clock_beats_the_place(said: float | None, kept_beside: float | None) -> None:
    (read,) = kept(Recording(Format.FIT, utc_offset_s=said), clock=BERLIN).recordings
    assert (read.utc_offset_s, read.timezone, read.timezone_by) == (7200.0, "Europe/Berlin", "place")
    assert read.device_utc_offset_s == kept_beside


SPOKE = track(heartrate=[120.0], watts=[0.0])


@pytest.mark.parametrize(
    ("points", "told", "kept_of_it"),
    [
        (
            track(),
            {"avg_heartrate": 0.0, "max_heartrate": 0.0, "avg_watts": 0.0, "avg_cadence": 0.0, "avg_speed": 0.0},
            {},
        ),
        (track(), {"avg_heartrate": 131.0, "avg_temperature": 0.0}, {"avg_heartrate": 131.0, "avg_temperature": 0.0}),
        (SPOKE, {"avg_heartrate": 255.0, "avg_watts": 0.0, "avg_cadence": 0.0}, {"avg_watts": 0.0}),
    ],
    ids=["nobody spoke", "a session without points", "coasted"],
)
def test_silent_sensors_have_none(points: pl.DataFrame, told: dict[str, float], kept_of_it: dict[str, float]) -> None:
    (read,) = kept(Recording(Format.FIT, track=points, summary=told, laps=(told,))).recordings
    assert (read.summary, read.laps) == (kept_of_it, [kept_of_it])


@given(summary=TOLD, laps=st.lists(TOLD, max_size=2), name=st.text(), elapsed=st.none() | NUMBERS)
def test_whatever_a_file_tells_comes_back(
    summary: dict[str, Any], laps: list[dict[str, Any]], name: str, elapsed: float | None
) -> None:
    reading = kept(Recording(Format.FIT, name=name, elapsed_s=elapsed, summary=summary, laps=tuple(laps)))
    assert again(reading) == reading


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_number_that_json_has_no_word_for_is_unknown_afterwards(number: float) -> None:
    (read,) = again(kept(Recording(Format.FIT, elapsed_s=number, summary={"avg_altitude": number}))).recordings
    assert (read.elapsed_s, read.summary) == (None, {"avg_altitude": None})


@pytest.mark.parametrize(
    ("points", "facts"),
    [
        (track(), {}),
        (track(at=[BEGAN]), {}),
        (track(latitude=[1.0, 2.0], longitude=[None, 3.0]), {"start_latlng": [2.0, 3.0], "end_latlng": [2.0, 3.0]}),
        (track(altitude=[5.0, None, -3.0]), {"elev_high": 5.0, "elev_low": -3.0}),
        (track(watts=[100.0, 201.0]), {"average_watts": 150.5, "max_watts": 201.0}),
        (track(speed=[1.23456]), {"max_speed": 1.235}),
        (
            track(at=[BEGAN + timedelta(seconds=s) for s in (0, 9, 10)], watts=[100.0, 200.0, 200.0]),
            {"average_watts": 118.182, "max_watts": 200.0},  # nine seconds of the first, one of each other
        ),
    ],
)
def test_a_tracks_facts_are_of_the_points_that_tell_them(points: pl.DataFrame, facts: dict[str, Any]) -> None:
    assert track_facts(points) == facts
