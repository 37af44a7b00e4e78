"""Starts as Strava writes them: instants, clocks and labels of zones."""

from datetime import UTC, datetime, timedelta

import pytest

from strava_pipeline.core.start_times import read_start, start_fields, zone_label, zone_of
from strava_pipeline_tests.present import there


@pytest.mark.parametrize(
    ("began", "zone", "fields"),
    [
        (
            "2025-07-05T00:30:00.9+02:00",
            "Europe/Vienna",
            ("2025-07-04T22:30:00Z", "2025-07-05T00:30:00Z", 7200.0, "(GMT+01:00) Europe/Vienna"),
        ),
        (
            "2025-12-31T23:30:00-09:30",
            "Pacific/Marquesas",
            ("2026-01-01T09:00:00Z", "2025-12-31T23:30:00Z", -34200.0, "(GMT-09:30) Pacific/Marquesas"),
        ),
        ("0987-01-01T06:00:00+00:00", None, ("0987-01-01T06:00:00Z", "0987-01-01T06:00:00Z", 0.0)),
        ("2025-01-01T06:00:00+00:00", None, ("2025-01-01T06:00:00Z", "2025-01-01T06:00:00Z", 0.0)),
        ("2025-01-01T06:00:00+00:00", "Nowhere/Land", ("2025-01-01T06:00:00Z", "2025-01-01T06:00:00Z", 0.0)),
    ],
)
def test_a_start_is_an_instant_a_clock_and_a_zone(began: str, zone: str | None, fields: tuple[object, ...]) -> None:
    names = ("start_date", "start_date_local", "utc_offset", "timezone")
    assert start_fields(datetime.fromisoformat(began), zone) == dict(zip(names, fields, strict=False))


@pytest.mark.parametrize("began", ["2025-01-01T06:00:00", "0001-01-01T06:00:00+14:00"])
def test_a_start_that_is_no_instant_is_refused(began: str) -> None:
    with pytest.raises(ValueError, match="the start"):
        start_fields(datetime.fromisoformat(began))
    assert read_start(began) is None


@pytest.mark.parametrize("content", [None, 7, "", "yesterday", {}, ["2025-01-01T06:00:00Z"]])
def test_what_is_no_start_is_none(content: object) -> None:
    assert read_start(content) is None


def test_a_start_keeps_its_offset() -> None:
    assert there(read_start("2025-01-01T06:00:00+05:30")).isoformat() == "2025-01-01T06:00:00+05:30"


@pytest.mark.parametrize("zone", ["", "..", "/etc/passwd", "Nowhere/Land", "Europe"])
def test_what_is_no_zone_has_no_label(zone: str) -> None:
    assert zone_label(zone, datetime.fromisoformat("2025-07-05T00:30:00+02:00")) is None


@pytest.mark.parametrize(
    ("label", "hours"),
    [
        ("(GMT+01:00) Europe/Vienna", 2),  # in summer
        ("Asia/Kolkata", 5.5),
        ("GMT-0330", -3.5),
        ("GMT+9", 9),
        ("(GMT+05:45)", 5.75),
        ("19800.0", 5.5),
        ("-12600.0", -3.5),
        ("UTC", 0),
    ],
)
def test_a_label_names_a_zone_or_an_offset(label: str, hours: float) -> None:
    summer = datetime(2025, 7, 5, tzinfo=UTC)
    assert there(there(zone_of(label)).utcoffset(summer.replace(tzinfo=None))) == timedelta(hours=hours)


@pytest.mark.parametrize("label", [None, "", "..", "Mars/Base", "nan", "1e9", "inf", "GMT+99", "/etc/passwd", "Europe"])
def test_another_label_is_none(label: str | None) -> None:
    assert zone_of(label) is None
