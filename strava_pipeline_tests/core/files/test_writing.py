"""Tracks as files: what is written reads back the same, by this program's own readers and by the schemas' rules."""

from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import polars as pl
import pytest
from lxml import etree
from polars.testing import assert_frame_equal

from strava_pipeline.core.files.writing import Titled, csv, gpx, tcx
from strava_pipeline.core.tables.details import TRACKS
from strava_pipeline.ingest.files.gpx import read_gpx
from strava_pipeline.ingest.files.tcx import read_tcx

BEGAN = datetime(2025, 5, 3, 6, 0, 0, 500_000, tzinfo=UTC)


def track(**changed: Any) -> pl.DataFrame:
    """40 points in two parts, with everything that was measured."""
    rows = [
        {
            "activity_id": 7,
            "part": place // 20,
            "point": place % 20,
            "recorded_at": BEGAN + timedelta(seconds=place),
            "latitude": 48.0 + place * 1e-4,
            "longitude": -0.00001234,
            "altitude": 101.5,
            "distance": place * 11.1,
            "speed": 11.1,
            "heartrate": 120.0 + place,
            "cadence": 80.0,
            "watts": 200.0 + place,
            "temperature": 18.5,
            **changed,
        }
        for place in range(40)
    ]
    return pl.DataFrame(rows, TRACKS.polars_schema)


MEASURED = ("latitude", "longitude", "altitude", "heartrate", "cadence", "watts")


@pytest.mark.parametrize(
    ("write", "read", "columns"),
    [(gpx, read_gpx, (*MEASURED, "temperature")), (tcx, read_tcx, (*MEASURED, "distance", "speed"))],
)
def test_what_is_written_reads_back_the_same(write: Any, read: Any, columns: tuple[str, ...]) -> None:
    name = 'Up & <b>"down"</b> \x00 الجبل 🚵' + "x" * 10_000
    body = write(track(), Titled(name, "GravelRide"))
    decoded = read(body, BEGAN)
    found = pl.concat([each.track for each in decoded.recordings], how="diagonal")
    given = track().select(pl.col("recorded_at").alias("at"), *columns)
    assert_frame_equal(found.select("at", *columns), given, check_dtypes=False)
    assert name.replace("\x00", " ") in etree.fromstring(body).xpath("string()")
    assert b"0e" not in body
    assert b"e-05" not in body


def test_what_was_not_measured_is_not_there() -> None:
    bare = track(heartrate=None, cadence=None, watts=None, temperature=None, altitude=None, distance=None, speed=None)
    assert b"extensions" not in gpx(bare, Titled())
    text = tcx(bare, Titled(sport="Swim"))
    assert b"Extensions" not in text
    assert b'Sport="Other"' in text
    nowhere = tcx(track(latitude=None, longitude=None), Titled(sport="VirtualRide"))
    assert b"Position" not in nowhere
    assert b'Sport="Biking"' in nowhere
    assert b"trkpt" not in gpx(track(latitude=None), Titled())
    with pytest.raises(ValueError, match="no point of the track has a time"):
        tcx(track(recorded_at=None), Titled())


def test_csv_has_every_column_and_instants_in_utc() -> None:
    found = pl.read_csv(BytesIO(csv(track())))
    assert found.columns == list(TRACKS.polars_schema)
    assert found["recorded_at"][0] == "2025-05-03T06:00:00.500Z"
