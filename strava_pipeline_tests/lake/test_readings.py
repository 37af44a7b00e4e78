"""What reading files came to, on disk: whole, or none, so that a file is read again."""

import gzip
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from strava_pipeline.core.files.recording import TRACK, Reading, RecordingSummary
from strava_pipeline.lake.imports.files import has_reading, put_reading, read_points, reading_of
from strava_pipeline.lake.paths import Lake

READING = Reading(
    content="c",
    format="fit",
    kind="activity",
    recordings=[RecordingSummary(place=0, points=2), RecordingSummary(place=1)],
)
AT = [datetime(2024, 7, 1, 8, tzinfo=UTC), None]
TRACKS = [
    pl.DataFrame([pl.Series(name, AT if name == "at" else [1.5, None], kind) for name, kind in TRACK.items()]),
    pl.DataFrame(schema=TRACK),
]


def kept(lake: Lake) -> tuple[Path, Path]:
    """A file's reading and its track, on disk."""
    put_reading(lake, "abcd", READING, TRACKS)
    track, reading = sorted(path for path in lake.readings.rglob("*") if path.is_file())
    return reading, track


def test_a_reading_comes_back_with_its_tracks(lake: Lake) -> None:
    kept(lake)
    assert reading_of(lake, "abcd") == READING
    track = read_points(lake, "abcd", 0)
    assert track is not None
    assert track.equals(TRACKS[0])
    assert read_points(lake, "abcd", 1) is None, "no points, no track"
    assert (has_reading(lake, "abcd"), has_reading(lake, "dcba"), reading_of(lake, "dcba")) == (True, False, None)


@pytest.mark.parametrize(
    "body",
    [b"", b"rubbish", gzip.compress(b"{"), gzip.compress(b'{"kind": 5}'), gzip.compress(b"\xff"), bytes(90)],
    ids=["empty", "no gzip", "cut JSON", "other fields", "no text", "zeros"],
)
def test_a_damaged_reading_is_none_so_that_its_file_is_read_again(lake: Lake, body: bytes) -> None:
    reading, _ = kept(lake)
    reading.write_bytes(body)
    assert reading_of(lake, "abcd") is None
    assert not has_reading(lake, "abcd")


def test_a_reading_that_lost_its_end_is_none(lake: Lake) -> None:
    reading, track = kept(lake)
    reading.write_bytes(reading.read_bytes()[:-9])
    track.write_bytes(track.read_bytes()[:-9])
    assert (reading_of(lake, "abcd"), has_reading(lake, "abcd"), read_points(lake, "abcd", 0)) == (None, False, None)


@pytest.mark.parametrize("body", [None, b"", b"PA", b"rubbish", bytes(500)])
def test_a_reading_whose_points_are_lost_is_none_so_that_its_file_is_read_again(lake: Lake, body: bytes | None) -> None:
    _, track = kept(lake)
    track.unlink() if body is None else track.write_bytes(body)
    assert read_points(lake, "abcd", 0) is None
    assert not has_reading(lake, "abcd")
