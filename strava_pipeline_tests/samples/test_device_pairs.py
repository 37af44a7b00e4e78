"""Recordings of one effort, made of real tracks with planted shifts and errors, and what the comparison gives back.

Deselected by default (`-m samples` runs them), and then red where ../shared is absent.
"""

from datetime import UTC, datetime
from functools import cache
from itertools import combinations
from pathlib import Path

import polars as pl
import pytest

from strava_pipeline.core.pairs.agreement import agreements, overlap
from strava_pipeline.core.pairs.hat import Pair, device_errors
from strava_pipeline.core.pairs.shift import CLOCKS, POSITIONS, by_second, shift_between
from strava_pipeline.ingest.files.fit import read_fit
from strava_pipeline_tests.core.pairs.planted import noise, recorded

pytestmark = pytest.mark.samples

FOLDER = Path(__file__).parents[2].parent / "shared" / "samples" / "fit"
OUTDOORS = (
    "activity-small-fenix2-run.fit",
    "coros_6916663933.fit",
    "developer-types-sample.fit",
    "sample-activity.fit",
    "zwift-turbo.fit",
)
HEARTS = (*OUTDOORS, "sample-activity-indoor-trainer.fit", "20170518-191602-1740899583.fit")


@cache
def points(name: str) -> pl.DataFrame:
    (recording, *_) = read_fit((FOLDER / name).read_bytes(), datetime(2026, 11, 28, tzinfo=UTC)).recordings
    return recording.track.rename({"at": "recorded_at"})


def by_heart(name: str) -> pl.DataFrame:
    """Its heart rate alone, as of a watch indoors."""
    return points(name).with_columns(pl.lit(None, pl.Float64).alias(each) for each in ("latitude", "watts", "cadence"))


@pytest.mark.parametrize("shift", [0, 2, -37, 3600, -3613])
@pytest.mark.parametrize("name", OUTDOORS)
def test_positions_tell_every_shift_within_a_second(name: str, shift: int) -> None:
    told = shift_between(by_second(points(name)), by_second(recorded(points(name), 3, shift=shift)))
    assert told is not None
    assert told.by == POSITIONS
    assert abs(told.seconds - shift) <= 1


@pytest.mark.parametrize("shift", [37, -90, 11, -148])
@pytest.mark.parametrize("name", HEARTS)
def test_heart_rates_tell_a_shift_within_three_seconds_through_noise(name: str, shift: int) -> None:
    other = recorded(by_heart(name), 3, shift=shift, heartrate=(3.0, 4.0, 1.0))
    told = shift_between(by_second(by_heart(name)), by_second(other))
    assert told is not None
    assert told.by == "heartrate"
    assert abs(told.seconds - shift) <= 3


@pytest.mark.parametrize(("name", "other"), [*combinations(HEARTS, 2)])
def test_heart_rates_of_two_efforts_tell_no_shift(name: str, other: str) -> None:
    begins = points(name)["recorded_at"].min()
    at = pl.col("recorded_at")
    told = shift_between(by_second(by_heart(name)), by_second(by_heart(other).with_columns(at - at.min() + begins)))
    assert told is not None
    assert told.by == CLOCKS


@pytest.mark.parametrize("name", HEARTS)
def test_planted_numbers_come_back_from_real_tracks(name: str) -> None:
    errors = {"heartrate": (4.0, 3.0, 1.0), "altitude": (15.0, 1.0, 1.0), "watts": (0.0, 5.0, 1.05)}
    held = {column: error for column, error in errors.items() if points(name)[column].count()}
    one, other = by_second(points(name)), by_second(recorded(points(name), 3, shift=37, metres=4.0, **held))
    told = shift_between(one, other)
    assert told is not None
    found = {each["quantity"]: each for each in agreements(overlap(one, other, told.seconds), "ride", has_places=True)}
    assert found["heartrate"]["difference"] == pytest.approx(4.0, abs=0.4)
    assert found["heartrate"]["spread"] == pytest.approx(3.0, abs=0.4)
    if "watts" in held and (scale := found["watts"]["scale"]) is not None:
        assert scale == pytest.approx(1.05, abs=0.02)
    if "altitude" in held:
        assert found["altitude"]["difference"] == pytest.approx(15.0, abs=0.5)


def test_three_devices_on_real_efforts_show_their_planted_errors() -> None:
    errors = {"strap": 1.0, "watch": 3.0, "armband": 6.0}
    met: dict[Pair, dict[int, float]] = {pair: {} for pair in combinations(sorted(errors), 2)}
    for number, name in enumerate(HEARTS):
        beats = points(name).select("recorded_at", "heartrate").drop_nulls()
        seen = {
            device: beats.with_columns(pl.col("heartrate") + noise(beats.height, sd, 10 * number + place, 5.0))
            for place, (device, sd) in enumerate(errors.items())
        }
        for one, other in met:
            apart = seen[one]["heartrate"] - seen[other]["heartrate"]
            met[one, other][number] = float(apart.var())  # type: ignore[arg-type]
    for device, error in device_errors(met).items():
        assert error.value == pytest.approx(errors[device], abs=0.4)
        assert error.low is not None
        assert error.high is not None
        assert error.low - 0.2 <= errors[device] <= error.high + 0.2
