"""Cuts: which points stay, and the sums of what is left."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from strava_pipeline.core.cuts import checked_cuts, clock_seconds, cut_summary, without
from strava_pipeline.core.errors import MisuseError
from strava_pipeline.core.tables import TRACKS

START = datetime(2024, 5, 1, 10, tzinfo=UTC)


def track(seconds: int, **more: list[float | None]) -> pl.DataFrame:
    """A point each second, 5 m farther, to the north and uphill; with the other columns of `tracks`."""
    rows = range(seconds)
    points = {
        "part": [0] * seconds,
        "point": [*rows],
        "recorded_at": [START + timedelta(seconds=row) for row in rows],
        "distance": [5.0 * row for row in rows],
        "latitude": [50 + row * 5 / 111_195 for row in rows],
        "longitude": [8.0] * seconds,
        "altitude": [100 + 0.1 * row for row in rows],
        "heartrate": [120.0] * 1200 + [180.0] * (seconds - 1200),
        **more,
    }
    return pl.DataFrame(
        {name: points.get(name, [None] * seconds) for name in TRACKS.polars_schema}, TRACKS.polars_schema
    )


def at(minutes: float) -> str:
    return (START + timedelta(minutes=minutes)).isoformat()


def test_the_start_a_stretch_and_the_end_are_cut_and_the_rest_is_summed() -> None:
    cuts = checked_cuts([f"{at(50)}/", f"/{at(10)}", f"{at(20)}/{at(30)}"])
    assert cuts == [
        "/2024-05-01T10:10:00Z",
        "2024-05-01T10:20:00Z/2024-05-01T10:30:00Z",
        "2024-05-01T10:50:00Z/",
    ]
    left = without(track(3600), cuts)
    ends = left.group_by("part", maintain_order=True).agg(
        pl.col("distance").first().alias("from"), pl.col("distance").last()
    )
    assert [row[1:] for row in ends.rows()] == [(0.0, 3000.0), (3000.0, 9000.0)], "what was cut is in no distance"
    assert left["point"].to_list() == [*range(601), *range(1201)]
    ((found,),) = [cut_summary(left, "ride").to_dicts()]
    assert found["begins_at"] == START + timedelta(minutes=10)
    assert (found["distance"], found["moving_time"], found["elapsed_time"]) == (9000.0, 1800, 2400), "from start to end"
    assert (found["average_speed"], found["max_heartrate"]) == (5.0, 180.0)
    assert found["average_heartrate"] == pytest.approx((601 - 1) / 1802 * 120 + 1202 / 1802 * 180, abs=0.1)
    assert found["total_elevation_gain"] == pytest.approx(180, abs=4), "the ten minutes between climb nothing"


@pytest.mark.parametrize("again", [True, False], ids=["each from 0", "running on"])
def test_a_pause_between_sessions_lasts_and_a_distance_is_missing_at_the_start(again: bool) -> None:
    points = track(3600)
    later = pl.col("point") >= 1800
    points = points.with_columns(
        part=later.cast(pl.Int32),
        point=pl.col("point") % 1800,
        recorded_at=pl.col("recorded_at") + pl.when(later).then(pl.duration(minutes=30)).otherwise(pl.duration()),
        distance=pl.when(pl.col("point") > 2).then(
            pl.col("distance") - pl.when(later & again).then(9000.0).otherwise(0.0)
        ),
    )
    left = without(points, checked_cuts([f"/{at(1)}"]))
    ends = left.group_by("part", maintain_order=True).agg(pl.col("distance").drop_nulls().last())["distance"].to_list()
    assert ends == [8710.0, 8995.0 if again else 17_710.0]
    found = cut_summary(left, "ride").to_dicts()[0]
    assert found["elapsed_time"] == 1800 + 3600 - 61


def test_without_a_distance_the_way_along_the_positions_counts() -> None:
    found = cut_summary(without(track(3600, distance=[None] * 3600), checked_cuts([f"{at(20)}/{at(30)}"])), "ride")
    assert found["distance"].item() == pytest.approx(5 * (1200 + 1799), rel=0.01)


def test_a_drive_that_is_not_cut_is_in_distance_and_time() -> None:
    metres = [1.2 * min(at, 1800) + 20.0 * max(at - 1800, 0) for at in range(2700)]
    cut = without(track(2700, distance=metres), checked_cuts([f"/{at(5)}"]))
    found = cut_summary(cut, "walk").select("distance", "moving_time", "max_speed").row(0)
    assert found == (pytest.approx(1500 * 1.2 + 899 * 20), pytest.approx(2399, abs=2), pytest.approx(1.2))


def test_points_without_a_time_stay() -> None:
    points = track(1300).with_columns(recorded_at=pl.when(pl.col("point") < 1290).then("recorded_at"))
    assert without(points, checked_cuts([f"{at(1)}/"])).height == 61 + 10


@pytest.mark.parametrize(
    "text",
    ["", "/", f"{at(2)}/{at(1)}", f"{at(1)}/{at(1)}", "soon/later", "2024-05-01T10:00:00/", f"{at(1)}/{at(2)}/{at(3)}"],
)
def test_what_is_no_cut_is_refused(text: str) -> None:
    with pytest.raises(MisuseError):
        checked_cuts([text])


@pytest.mark.parametrize("text", ["", "90", "1:2:3:4", "a:b", "-1:00", "1:²0"])
def test_what_is_no_time_since_the_start_is_refused(text: str) -> None:
    assert (clock_seconds("1:02:05"), clock_seconds(" 90:00 ")) == (3725.0, 5400.0)
    with pytest.raises(MisuseError):
        clock_seconds(text)
