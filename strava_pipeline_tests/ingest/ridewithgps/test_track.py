"""The track of a trip of Ride with GPS: which points of the documented interface become which points of a file."""

from datetime import UTC, datetime
from typing import Any

import pytest

from strava_pipeline.core.files.recording import Format
from strava_pipeline.ingest.files.reading import read_file
from strava_pipeline.ingest.ridewithgps.track import track_file
from strava_pipeline_tests.present import there

NOW = datetime(2026, 3, 1, tzinfo=UTC)
BEGAN = 1_199_561_107  # 2008-01-05T19:25:07Z, as in the documentation
TRIP: dict[str, Any] = {
    "id": 1,
    "activity_type": "cycling:gravel",
    "moving_time": 2456,
    "device": "Edge <540> & co",
    "track_points": [
        {"x": -123.073723, "y": 44.012199, "e": 158.2, "d": 0, "s": 0, "t": BEGAN, "h": 92, "c": 0, "T": 7, "p": 110},
        {"x": -123.073952, "y": 44.012169, "e": 152.9, "d": 21, "s": 3.06, "t": BEGAN + 6, "h": 93, "c": 40, "lap": True},
        {"x": -123.073792, "y": 44.012196, "t": BEGAN + 2.5, "S": 2, "k": True},
        {"x": -123.0738, "y": 44.0122},
        {"t": BEGAN + 4, "h": 95},
        None,
    ],
}  # fmt: skip


def read(trip: dict[str, Any]) -> Any:
    body = there(track_file(trip))
    decoded = read_file(body, "1_derived.tcx", NOW)
    assert (decoded.format, decoded.problem, decoded.unknown) == (Format.TCX, None, {})
    (recording,) = decoded.recordings
    return recording


def test_points_keep_their_values_in_the_order_of_their_times() -> None:
    found = read(TRIP)
    columns = ("latitude", "longitude", "altitude", "distance", "heartrate", "cadence", "watts", "temperature")
    assert found.track.select(columns).rows() == [
        (44.012199, -123.073723, 158.2, 0.0, 92.0, 0.0, 110.0, 7.0),
        (44.012196, -123.073792, None, None, None, None, None, None),
        (None, None, None, None, 95.0, None, None, None),
        (44.012169, -123.073952, 152.9, 21.0, 93.0, 40.0, None, None),
    ]
    assert found.track["speed"].to_list() == [0.0, None, None, pytest.approx(3.06 / 3.6, abs=1e-4)]
    assert [at.timestamp() - BEGAN for at in found.track["at"]] == [0.0, 2.5, 4.0, 6.0]
    assert (found.sport, found.creator, found.moving_s, found.distance_m) == ("Biking", "Edge <540> & co", 2456, 21)
    assert found.started_at == datetime(2008, 1, 5, 19, 25, 7, tzinfo=UTC)
    assert track_file(TRIP) == track_file({**TRIP, "name": "another"}), "a new name is no new file"


def test_an_odd_point_keeps_no_other_one_out() -> None:
    odd = [
        {"t": "soon", "x": 1, "y": 1},
        {"t": 1e300, "x": 1, "y": 1},
        {"t": -5},
        {"t": BEGAN + 9, "x": 999, "y": 1, "h": "high", "e": float("nan")},
        [],
    ]
    found = read({**TRIP, "track_points": [*TRIP["track_points"], *odd], "activity_type": None, "device": 5})
    assert (len(found.track), found.sport, found.creator) == (5, "Other", None)
    assert found.track.row(-1)[1:4] == (None, None, None)


@pytest.mark.parametrize("points", [None, [], {}, "x", [{"x": 1, "y": 1}], [{"t": BEGAN, "x": 1, "y": 1}]], ids=repr)
def test_a_trip_of_fewer_than_two_timed_points_has_no_track(points: Any) -> None:
    assert track_file({**TRIP, "track_points": points}) is None
