"""What is computed of the real tracks of ../shared/samples, against what devices and Strava say of the same recordings.

Deselected by default (`-m samples` runs them), and then red where they are absent.
"""

import csv
import gzip
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any

import polars as pl
import pytest

from strava_pipeline.core.files.recording import Recording
from strava_pipeline.core.sports import GROUP_OF
from strava_pipeline.core.tables import TRACKS
from strava_pipeline.core.track_summaries import summary
from strava_pipeline.ingest.files.reading import read_file

pytestmark = pytest.mark.samples

SAMPLES = Path(__file__).parents[2].parent / "shared" / "samples"
RECEIVED = datetime(2026, 11, 20, tzinfo=UTC)
GROUPS = {"cycling": "ride", "running": "run", "run": "run", "walking": "walk", "swimming": "swim"}


def computed(recording: Recording, group: str | None) -> dict[str, Any]:
    points = recording.track.rename({"at": "recorded_at"})
    missing = [
        pl.lit(None, kind).alias(name) for name, kind in TRACKS.polars_schema.items() if name not in points.columns
    ]
    found = summary(points.with_columns(missing), group).to_dicts()
    return found[0] if found else {}


def recordings(path: Path) -> tuple[Recording, ...]:
    content = path.read_bytes()
    return read_file(gzip.decompress(content) if path.suffix == ".gz" else content, path.name, RECEIVED).recordings


@cache
def of_devices() -> list[tuple[Recording, dict[str, Any]]]:
    """Each recording of some length, with a summary of the device's own."""
    found = {
        (one.elapsed_s, one.track.height): one
        for folder in ("fit", "tcx")
        for path in sorted((SAMPLES / folder).iterdir())
        if path.name.endswith((".fit", ".tcx", ".tcx.gz"))
        for one in recordings(path)
    }
    return [
        (one, computed(one, GROUPS.get((one.sport or "").lower())))
        for one in found.values()
        if one.elapsed_s is not None and one.elapsed_s >= 300
    ]


def of_strava() -> Iterator[tuple[dict[str, str], dict[str, Any]]]:
    """Each row of the exports with a file, and what is computed of that."""
    for folder in sorted((SAMPLES / "bulk_export").iterdir()):
        if (table := folder / "activities.csv").exists():
            for row in csv.DictReader(table.open(encoding="utf-8-sig")):
                path = folder / (row["Filename"] or "-")
                if path.is_file() and (found := recordings(path)):
                    yield row, computed(found[0], GROUP_OF[row["Activity Type"].replace(" ", "")])


def test_climbs_are_within_a_tenth_of_those_of_devices() -> None:
    off = [
        found["elevation_gain"] / one.ascent_m - 1
        for one, found in of_devices()
        if one.ascent_m is not None and one.ascent_m >= 25
    ]
    print("climb by devices:", len(off), sorted(round(each, 3) for each in off))
    assert len(off) >= 8
    assert median(map(abs, off)) < 0.06
    assert max(map(abs, off)) < 0.15


def test_moving_times_are_those_of_timers_but_for_who_stood_while_it_ran() -> None:
    off = [
        found["moving_time"] / one.moving_s - 1
        for one, found in of_devices()
        if one.moving_s is not None and one.sport not in ("swimming", "fitness_equipment") and "moving_time" in found
    ]
    print("moving time by devices:", len(off), sorted(round(each, 3) for each in off))
    assert len(off) >= 15
    assert median(map(abs, off)) < 0.01
    assert max(off) < 0.015


def test_normalised_power_is_that_of_devices() -> None:
    off = [
        found["normalized_power"] / one.summary["normalized_watts"] - 1
        for one, found in of_devices()
        if "normalized_watts" in one.summary and found.get("normalized_power")
    ]
    assert off
    assert max(map(abs, off)) < 0.01


@pytest.mark.parametrize(
    ("name", "group", "efficiency", "decoupling", "off"),
    [  # as a program of its own counted them, second by second; where it takes a moment as standing, a half is another one
        ("zwift-turbo.fit", "ride", 1.709, 7.725, 0.001),
        ("developer-types-sample.fit", "run", 0.905, 4.202, 0.1),
        ("sample_mulitple_header.fit", "run", 1.172, 4.851, 0.2),
        ("coros_6916663933.fit", "run", 1.383, 16.53, 0.6),
    ],
)
def test_efficiency_and_decoupling_are_those_counted_by_hand(
    name: str, group: str, efficiency: float, decoupling: float, off: float
) -> None:
    found = computed(recordings(SAMPLES / "fit" / name)[-1], group)  # of a triathlon the run
    assert found["efficiency"] == pytest.approx(efficiency, rel=0.004)
    assert found["decoupling"] == pytest.approx(decoupling, abs=off)


def test_climbs_and_times_are_those_of_strava() -> None:
    pairs = list(of_strava())
    climbs = [abs(found["elevation_gain"] - float(row["Elevation Gain"])) for row, found in pairs]
    times = [abs(found["moving_time"] / float(row["Moving Time"]) - 1) for row, found in pairs]
    print("by Strava: climb, m", sorted(round(each, 1) for each in climbs), "time", sorted(round(e, 3) for e in times))
    assert len(pairs) >= 12
    assert median(climbs) < 3
    assert median(times) < 0.005
