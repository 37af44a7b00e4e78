"""The efforts that several devices recorded: their files, as our reader reads them, have the planted errors."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from statistics import fmean, pstdev

import polars as pl
import pytest

from strava_pipeline.emulator.generate.activities import YEAR_SECONDS, Activity, Athlete
from strava_pipeline.emulator.generate.devices import LATE, WORSE, WORSE_YEARS, device_files
from strava_pipeline.emulator.generate.recordings import recorded_streams
from strava_pipeline.ingest.files.fit import read_fit

SEED, NOW = 7, datetime(2026, 6, 1, tzinfo=UTC)
EDGE, PACE, WRIST = "Garmin Edge 530", "COROS PACE 3", "Garmin Forerunner 935"


@dataclass(frozen=True)
class Effort:
    """An effort: the true heart rates by second, and the points of each device, with the second of the effort."""

    activity: Activity
    hearts: pl.DataFrame
    tracks: dict[str, pl.DataFrame]

    def errors(self, device: str, late: int) -> Sequence[float]:
        """What the device showed in each second, minus the true heart rate `late` seconds before."""
        both = self.tracks[device].join(self.hearts.with_columns(pl.col("second") + late), on="second")
        return (both["heartrate"] - both["true"]).to_list()


@pytest.fixture(scope="module")
def efforts() -> list[Effort]:
    """A few short ones, since a second takes 0.1 ms to write and read."""
    drawn, most = Athlete(SEED, 2000, (2015, 2026), NOW).activities, {"Run": 1800, "Ride": 1350}
    short = [each for each in drawn if each.elapsed < (2900 if each.power_meter else most.get(each.sport.name, 0))]
    return [
        _effort(activity, [content for _, _, content in files])
        for activity, files in groupby(device_files(SEED, short), lambda each: each[0])
    ]


def _effort(activity: Activity, files: Sequence[bytes]) -> Effort:
    true = recorded_streams(SEED, activity, 1) or {}
    read = [read_fit(content, NOW).recordings[0] for content in files]
    second = (pl.col("at").dt.epoch("s") - activity.start).alias("second")
    hearts = pl.DataFrame({"second": true["time"], "true": true["heartrate"]})
    return Effort(activity, hearts, {str(each.creator): each.track.with_columns(second) for each in read})


@pytest.mark.slow
def test_each_device_records_the_whole_effort_and_one_clock_is_fast(efforts: list[Effort]) -> None:
    for effort in efforts:
        assert {*effort.tracks} >= ({PACE, WRIST} if effort.activity.sport.name == "Run" else {EDGE, WRIST})
        for device, track in effort.tracks.items():
            waits, fast = 0.06 * effort.activity.elapsed if device == WRIST else 0, 3 if device == PACE else 0
            begins, ends = track.select(pl.col("second").first(), pl.col("second").last().alias("last")).row(0)
            assert 0 <= begins - fast - waits + 1 < 7
            assert 0 <= effort.activity.elapsed - ends + fast < 6
            assert (track["watts"].null_count() == 0) == effort.activity.power_meter
            if device != WRIST:
                assert abs(fmean(effort.errors(device, fast))) < 0.3
                assert pstdev(effort.errors(device, fast)) < 1.3


def test_the_wrist_is_late_and_rough_and_has_become_worse(efforts: list[Effort]) -> None:
    since = max(each.activity.start for each in efforts) - WORSE_YEARS * YEAR_SECONDS
    rides = [each for each in efforts if EDGE in each.tracks]
    assert {each.activity.start > since for each in rides} == {True, False}
    for ride in rides:
        errors = ride.errors(WRIST, LATE)
        assert fmean(errors) == pytest.approx(WORSE if ride.activity.start > since else 0, abs=1.5)
        assert 3.5 < pstdev(errors) < min(6.5, pstdev(ride.errors(WRIST, 0)))


def test_on_some_runs_the_wrist_shows_the_steps_for_minutes(efforts: list[Effort]) -> None:
    runs = [each.tracks[WRIST] for each in efforts if EDGE not in each.tracks]
    seconds = [(track["heartrate"] == 2 * track["cadence"]).sum() for track in runs]
    assert {each > 200 for each in seconds} == {True, False}
