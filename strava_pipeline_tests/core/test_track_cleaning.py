"""What of a track is believed: the same for files and streams, with a count of what is left out."""

from datetime import UTC, datetime, timedelta
from itertools import accumulate
from math import nan
from typing import Any

import polars as pl
import pytest

from strava_pipeline.core.track_cleaning import cleaned, is_mostly_faster, steps

BEGAN = datetime(2024, 5, 1, 8, tzinfo=UTC)
METRE = 1 / 111_195  # of a meridian, in degrees
RUN = 12.5  # m/s


def track(times: list[float] | None = None, **columns: list[Any]) -> pl.DataFrame:
    """A point a second, or at these seconds."""
    seconds = times or range(max(map(len, columns.values())))
    at = pl.Series("at", [BEGAN + timedelta(seconds=second) for second in seconds], pl.Datetime("us", "UTC"))
    return pl.DataFrame([at, *(pl.Series(name, values, pl.Float64) for name, values in columns.items())])


def north(*metres: float) -> dict[str, list[float]]:
    return {"latitude": [47.0 + each * METRE for each in metres], "longitude": [11.0] * len(metres)}


@pytest.mark.parametrize(
    ("column", "told", "believed"),
    [
        pytest.param("heartrate", [0.0, 120.0, 255.0, 254.0], [None, 120.0, None, 254.0], id="no strap"),
        pytest.param("watts", [0.0, 210.0, 65_535.0, -3.0], [0.0, 210.0, None, None], id="watts"),
        pytest.param("watts", [4095.0] * 3, [None] * 3, id="a meter that is stuck"),
        pytest.param("watts", [0.0] * 3, [None] * 3, id="no meter"),
        pytest.param("watts", [4095.0, 200.0], [4095.0, 200.0], id="a sprint"),
        pytest.param("cadence", [0.0, 90.0, 255.0], [0.0, 90.0, None], id="cadence"),
        pytest.param("speed", [0.0, 65.535, 250.0, -1.0], [0.0, None, 250.0, None], id="speed"),
        pytest.param("temperature", [127.0, -10.0], [None, -10.0], id="temperature"),
        pytest.param("distance", [0.0, 42_949_672.95, 10.0], [0.0, None, 10.0], id="distance"),
        pytest.param("distance", [0.0, 500.0, 0.0, 0.0, 510.0, 0.0, 20.0], [0.0, 500.0, None, None, 510.0, 0.0, 20.0], id="no distance on the way, and one that begins again"),
        pytest.param("altitude", [nan, 100.0, -32_768.0, 16_777_215.0, -500.0], [None, 100.0, None, None, None], id="heights that are none"),
        pytest.param("altitude", [0.0] * 12 + [480.0] * 30, [None] * 12 + [480.0] * 30, id="before the first fix"),
        pytest.param("altitude", [480.0] * 9 + [0.0] * 40 + [470.0] * 3, [480.0] * 9 + [None] * 40 + [470.0] * 3, id="while it was lost"),
        pytest.param("altitude", [20.0, 8.0, 3.0, 1.0, *[0.0] * 50, 2.0, 5.0, 90.0], None, id="a ferry"),
        pytest.param("altitude", [float(height) for height in range(8, -430, -4)], None, id="down to the Dead Sea"),
        pytest.param("altitude", [0.0] * 5, None, id="all at the sea"),
    ],
)  # fmt: skip
def test_what_stands_for_no_value_is_none(column: str, told: list[float], believed: list[float | None] | None) -> None:
    found, left_out = cleaned(track(**{column: told}), "at", RUN)
    assert found[column].to_list() == (believed or told)
    assert left_out == ({column: lost} if (lost := found[column].null_count()) else {})


WAY = [3.0 * second for second in range(60)]


@pytest.mark.parametrize(
    ("places", "left_out"),
    [
        (north(*WAY), []),
        (north(*WAY[:20], 400.0, *WAY[21:]), [20]),
        (north(*WAY[:20], 400.0, 401.0, 402.0, *WAY[23:40], -300.0, *WAY[41:]), [20, 21, 22, 40]),
        (north(90_000.0, 90_001.0, *WAY[2:]), [0, 1]),
        (north(*WAY[:58], 90_000.0, 90_001.0), [58, 59]),
        (north(*WAY[:20], *(5000 + each for each in WAY[20:])), []),
        ({"latitude": [0.0, nan, 91.0, 47.0, 47.0], "longitude": [0.0, 11.0, 11.0, None, 11.0]}, [0, 1, 2, 3]),
        (north(*(200.0 * second for second in range(60))), []),
        (north(*accumulate([5.0] * 100 + [14.0, 9.0] * 20)), []),
        (north(*WAY[:20], *(60.0 + 30 * each for each in (1, 2, 3, 4, 5, 4, 3, 2)), *WAY[28:]), [*range(20, 27)]),
    ],
    ids=["a run", "a jump", "jumps", "a start elsewhere", "an end elsewhere", "a lift taken", "no places", "a flight",
         "about as fast as its sport", "there and back"],
)  # fmt: skip
def test_positions_no_neighbour_confirms_are_left_out(places: dict[str, list[float]], left_out: list[int]) -> None:
    found, counts = cleaned(track(**places), "at", RUN)
    assert found["latitude"].is_null().arg_true().to_list() == left_out
    assert found["longitude"].is_null().arg_true().to_list() == left_out
    assert counts == (
        {"position": sum(value is not None for value in map(places["latitude"].__getitem__, left_out))}
        if left_out
        else {}
    )


@pytest.mark.parametrize(("places", "second"), [((0, 15, 126, 30, 45), 2), ((0, 126, 15, 30, 45), 1)])
def test_of_two_positions_of_one_moment_the_detour_is_left_out(places: tuple[int, ...], second: int) -> None:
    doubled = track([0, 5, 5, 10, 15], **north(*places))
    assert cleaned(doubled, "at", 2 * RUN)[0]["latitude"].is_null().arg_true().to_list() == [second]


def test_longitudes_go_on_behind_the_date_line() -> None:
    over = track(latitude=[0.5, 0.5, 0.5], longitude=[179.9999, 180.0001, -180.0001])
    found, left_out = cleaned(over, "at", 40.0)
    assert found["longitude"].to_list() == pytest.approx([179.9999, -179.9999, 179.9999])
    assert left_out == {}


@pytest.mark.parametrize(
    ("metres", "faster"),
    [
        ([200.0 * second for second in range(60)], True),
        ([0.0] * 300 + [200.0 * second for second in range(60)], True),
        (WAY, False),
        ([*WAY[:20], 5000.0, *WAY[21:]], False),
        ([0.0, 500.0, 1000.0], True),
    ],
    ids=["a flight", "a flight after a wait", "a run", "a jump", "three points"],
)
def test_what_is_faster_than_its_sport_throughout_is_told_from_jumps(metres: list[float], faster: bool) -> None:
    assert is_mostly_faster(steps(track(**north(*metres)), "at"), RUN) is faster
