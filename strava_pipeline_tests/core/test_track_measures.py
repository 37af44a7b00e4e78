"""Curves and seconds at each value of made-up tracks: known answers, and a slow, obvious reference."""

import math
import random
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import polars as pl
import pytest

from strava_pipeline.core.tables import CURVES, TRACK_CELLS, TRACKS, VALUE_SECONDS
from strava_pipeline.core.tables.bests import DURATIONS
from strava_pipeline.core.track_lines import covered_line
from strava_pipeline.core.track_measures import (
    CELL_ZOOM,
    DISTANCES,
    cells,
    curves,
    value_seconds,
)

START = datetime(2026, 5, 31, 6, tzinfo=UTC)
Point = tuple[float | None, Mapping[str, float | None]]


def track(points: list[Point]) -> pl.DataFrame:
    """Points as (seconds since the start, values of columns)."""
    rows = [{"recorded_at": None if t is None else START + timedelta(seconds=t), **values} for t, values in points]
    schema = TRACKS.polars_schema
    return pl.DataFrame(rows, schema={name: schema[name] for name in schema})


def watts(values: Mapping[int, float | None]) -> pl.DataFrame:
    return track([(t, {"watts": value}) for t, value in values.items()])


def curve(points: pl.DataFrame, measure: str, group: str = "ride") -> dict[float, float]:
    found = curves(points, group)
    assert found.schema == {
        name: CURVES.polars_schema[name] for name in ("measure", "width", "value", "begins_at", "measured_by")
    }
    return dict(found.filter(pl.col("measure") == measure).select("width", "value").iter_rows())


STEADY: dict[int, float | None] = dict.fromkeys(range(600), 200.0)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (STEADY, {5: 200, 30: 200, 600: 200, 1200: None}),
        (STEADY | {300: 3000.0}, {5: 200, 600: 200}),  # a spike
        (STEADY | {300: -50.0, 301: None, 302: float("nan")}, {5: 200, 600: 200}),
        (STEADY | {300: 700.0}, {5: 300, 10: 250, 60: 200 + 500 / 60}),  # a hard second is believed
        (dict.fromkeys(range(0, 600, 7), 200.0), {5: 200, 60: 200, 300: 200}),  # smart recording
        (dict.fromkeys(range(0, 3600, 60), 200.0), {5: None, 60: None, 1200: None}),  # nobody knows what was between
        (dict.fromkeys((*range(60), *range(120, 180)), 300.0), {5: 300, 60: 300, 120: 150, 30: 300}),  # a pause
        (dict.fromkeys(range(600), 0.0), {5: None, 60: None}),
        (dict.fromkeys(range(600)), {5: None}),
        ({0: 500.0}, {5: None}),
        ({}, {5: None}),
    ],
)
def test_power_curves_of_known_rides(values: dict[int, float | None], expected: dict[int, float | None]) -> None:
    found = curve(watts(values), "watts")
    assert {width: found.get(width) for width in expected} == pytest.approx(expected)


def test_the_highest_minute_and_20_minutes_of_a_heart_rate() -> None:
    beats = [(t, {"heartrate": {5: 255.0}.get(t, 180.0 if 300 <= t < 360 else 140.0)}) for t in range(1500)]
    assert curve(track(beats), "heartrate", "gym") == pytest.approx({60: 180, 1200: 142})
    assert curve(track(beats[:60]), "heartrate") == pytest.approx({60: 140})


def test_several_points_in_a_second_and_points_in_any_order_count_once() -> None:
    points = [(t / 2, {"watts": 100.0 + 200 * (t % 2)}) for t in range(120)] + [(None, {"watts": 900.0})]
    random.Random(1).shuffle(points)
    assert curve(track(points), "watts") == pytest.approx(dict.fromkeys((5, 10, 15, 30, 60), 200))


@pytest.mark.parametrize("seed", range(4))
def test_the_power_curve_is_that_of_every_second_tried_in_turn(seed: int) -> None:
    dice = random.Random(seed)
    held: dict[int, float] = {}
    t = 0
    for _ in range(400):
        held[t] = dice.choice([0.0, 120.0, 250.0, 800.0, float(dice.randrange(50, 400))])
        t += dice.choice([1, 1, 1, 2, 5, 10, 11, 60])
    seconds = [0.0] * (max(held) + 1)
    times = [*held, max(held) + 1]
    for one, following in pairwise(times):
        for second in range(one, following if following - one <= 10 else one + 1):
            seconds[second] = held[one]
    expected = {
        width: max(sum(seconds[begin : begin + width]) / width for begin in range(len(seconds) - width + 1))
        for width in DURATIONS
        if width <= len(seconds)
    }
    found = curves(watts(held), "ride")
    assert dict(found.select("width", "value").iter_rows()) == pytest.approx(expected)
    for width, value, begins_at in found.select("width", "value", "begins_at").iter_rows():
        begin = round((begins_at - START).total_seconds())
        assert sum(seconds[begin : begin + int(width)]) / width == pytest.approx(value)


def run(speed: float, seconds: int, **changes: float) -> list[Point]:
    return [(t, {"distance": speed * t}) for t in range(seconds + 1)]


def north(metres: float) -> dict[str, float]:
    return {"latitude": 47.0 + metres / 111_195.08, "longitude": 11.0}  # a degree on a sphere of 6,371,008.8 m


STOPPED: list[Point] = [(t + (60 if t > 100 else 0), {"distance": 4.0 * t}) for t in range(501)]


@pytest.mark.parametrize(
    ("points", "group", "expected"),
    [
        (run(4, 500), "run", {400: 100, 1000: 250, 1609: 402.25, 3000: None}),
        (run(10, 5500), "ride", {400: None, 5000: 500, 50_000: 5000}),
        (run(4, 500), "gym", {400: None}),
        (run(20, 500), "run", {400: None}),
        (run(1, 500), "swim", {100: 100, 400: 400, 805: None}),
        (STOPPED, "run", {400: 100, 1000: 250, 1609: 402.25 + 61}),  # a pause counts where it is within, and what was moved in it does not
        ([(t, {"distance": 4.0 * t + (5000 if t > 250 else 0)}) for t in range(501)], "run", {400: 100, 3000: None}),
        ([(t, {"distance": 4.0 * t if t < 250 else 4.0 * (t - 250)}) for t in range(401)], "run", {1000: 251}),
        ([(t, {"distance": 4.0 * t if t % 9 == 0 else None}) for t in range(500)], "run", {400: 100}),
        ([(t, north(4 * t)) for t in range(501)], "run", {400: 100, 1000: 250}),
        ([(t, north(4 * t + (900 if t == 250 else 0))) for t in range(501)], "run", {400: 100, 1609: 402.25}),
        ([(t, north(4 * t) if t % 3 else {}) for t in range(501)], "run", {400: 100}),
        ([(0, {"distance": 0.0})], "run", {400: None}),
        ([], "run", {400: None}),
    ],
)  # fmt: skip
def test_pace_curves_of_known_runs(points: list[Point], group: str, expected: dict[float, float | None]) -> None:
    found = curve(track(points), "pace", group)
    assert {width: found.get(width, 0) for width in expected} == pytest.approx(
        {width: value or 0 for width, value in expected.items()}
    )


def _is_frozen(points: list[tuple[int, float]], place: int) -> bool:
    """Whether a distance is repeated: of a stand of more than ten seconds the last one is a point."""
    t, told = points[place]
    of = [when for when, metres in points if metres == told]
    return t != of[0] and (t != of[-1] or t - of[0] <= 10)


@pytest.mark.parametrize("seed", range(3))
def test_the_pace_curve_is_that_of_every_tenth_of_a_second_tried_in_turn(seed: int) -> None:
    dice = random.Random(seed)
    t, metres, told, line, points = 0, 0.0, 0.0, [(0, 0.0)], [(0, 0.0)]
    while metres < 1700:
        step = dice.choice([1, 1, 2, 5, 40])
        moved = step * dice.choice([0.0, 2.0, 3.5, dice.uniform(2, 7)])
        t, told, metres = t + step, told + moved, metres + (moved if step < 40 else 0)  # none in a pause
        line.append((t, metres))
        points.append((t, told))
    line = [(t, m) for place, (t, m) in enumerate(line) if not _is_frozen(points, place)]
    covered = []  # at each tenth of a second
    for (t0, m0), (t1, m1) in pairwise(line):
        covered += [m0 + (m1 - m0) * tenth / (t1 - t0) / 10 for tenth in range((t1 - t0) * 10)]
    covered.append(metres)
    expected = {}
    for width in (one for one in DISTANCES["run"] if one <= metres):
        end, best = 0, float("inf")
        for begin in range(len(covered)):
            while end < len(covered) and covered[end] < covered[begin] + width:
                end += 1
            if end < len(covered):
                best = min(best, (end - begin) / 10)
        expected[width] = best
    found = curve(track([(t, {"distance": metres}) for t, metres in points]), "pace", "run")
    assert found == pytest.approx(expected, abs=0.2)
    assert len(found) == 4


def measured(points: list[Point], group: str = "run") -> dict[tuple[float, str], float]:
    found = curves(track(points), group).filter(pl.col("measure") == "pace")
    return {(width, by): value for width, by, value in found.select("width", "measured_by", "value").iter_rows()}


def test_a_time_is_the_devices_alone_where_positions_tell_another_distance_or_none() -> None:
    outside = [(t, {"distance": 4.0 * t, **north(4.2 * t)}) for t in range(301)]
    assert measured(outside)[400, "positions"] == pytest.approx(100)
    longer = [(t, {"distance": 4.0 * t, **north(3.5 * t)}) for t in range(301)]
    assert {by for _, by in measured(longer)} == {"device"}
    assert {by for _, by in measured([(t, {"distance": 4.0 * t}) for t in range(301)])} == {"device"}
    assert {by for _, by in measured([(t, {"distance": 1.0 * t}) for t in range(901)], "swim")} == {"lengths"}


def test_beside_a_faster_time_of_the_device_the_one_of_the_positions_stands() -> None:
    """A lap at 3 m/s outside, then one at 7 m/s in a hall."""
    inside = [(t, {"distance": 900.0 + 7.0 * (t - 300)}) for t in range(301, 401)]
    found = measured([*((t, {"distance": 3.0 * t, **north(3 * t)}) for t in range(301)), *inside])
    assert found[400, "positions"] == pytest.approx(360 / 3 + 40 / 7), "a tenth of it may lack positions"
    assert found[400, "device"] == pytest.approx(400 / 7)
    assert (1000, "positions") in found, "of which a hall is the lesser part"


def test_nothing_is_covered_in_a_pause_but_in_a_track_that_is_sparse_throughout() -> None:
    tram = [(t + (300 if t > 200 else 0), north(3 * t + (2000 if t > 200 else 0))) for t in range(401)]
    assert measured(tram)[1000, "positions"] == pytest.approx(1000 / 3 + 300, abs=1.1)
    sparse = [(t, north(3 * t)) for t in range(0, 1201, 30)]
    assert measured(sparse)[1000, "positions"] == pytest.approx(1000 / 3)
    sparser = [(t, north(3 * t)) for t in range(0, 1201, 60)]
    assert (400, "positions") not in measured(sparser), "133 s of 60 s between points are a guess"
    assert (1000, "positions") in measured(sparser)
    smart = [(t, {"distance": 3.0 * t}) for t in (*range(0, 600, 5), *range(605, 1200, 12))]
    assert measured(smart)[3000, "device"] == pytest.approx(1000)


def test_seconds_at_each_value() -> None:
    beats = [
        (t, {"heartrate": 120.4 if t < 60 else 150.0, "watts": 5000.0 if t == 3 else None}) for t in range(0, 100, 2)
    ]
    found = value_seconds(track([*beats, (500, {"heartrate": 160.0, "watts": 0.0}), (501, {"heartrate": 0.0})]))
    assert found.schema == {name: VALUE_SECONDS.polars_schema[name] for name in ("measure", "value", "seconds")}
    assert found.rows() == [
        ("watts", 0, 1.0),
        ("heartrate", 120, 60.0),
        ("heartrate", 150, 39.0),  # 2 s each, 1 s before the pause
        ("heartrate", 160, 1.0),
    ]
    assert value_seconds(watts(dict.fromkeys(range(0, 3600, 60), 200.0))).is_empty(), "most of the hour is unknown"


def tile(latitude: float, longitude: float) -> tuple[int, int]:
    """Column and row at CELL_ZOOM, as OpenStreetMap's wiki has the formula (Slippy map tilenames)."""
    across = 2**CELL_ZOOM
    column = int((longitude + 180) / 360 * across)
    row = int((1 - math.asinh(math.tan(math.radians(latitude))) / math.pi) / 2 * across)
    return min(column, across - 1), row


def test_cells_are_the_tiles_of_web_maps_each_once() -> None:
    dice = random.Random(5)
    somewhere = [(dice.uniform(-85, 85), dice.uniform(-180, 180)) for _ in range(300)]
    odd: list[tuple[float | None, float | None]] = [(89.0, 7.0), (None, 7.0), (47.0, None)]
    odd += [(47.0, 181.0), (float("nan"), 7.0)]
    edges = [(85.0511, 180.0), (-85.0511, -180.0), (0.0, 7.0), (47.0, 0.0)]
    points = [(None, {"latitude": lat, "longitude": lng}) for lat, lng in [*somewhere, *somewhere, *odd, *edges]]
    found = cells(track(points))
    assert found.schema == {name: TRACK_CELLS.polars_schema[name] for name in ("x", "y")}
    assert sorted(found.rows()) == sorted({tile(*place) for place in [*somewhere, *edges]})
    near = track([(None, {"latitude": 47.0 + metres / 111_195, "longitude": 11.0}) for metres in range(130)])
    assert cells(near).height in (10, 11)  # 13 m each, at 47° north


def test_two_points_of_a_device_are_a_line_and_one_is_none() -> None:
    far = {"latitude": 47.0, "longitude": 11.0}
    two = track([(0, {"distance": 0.0, **far}), (10, {"distance": 30.0, **far})])
    assert covered_line(two, fastest=12.0).rows() == [(0.0, 0.0), (10.0, 30.0)]
    one = track([(0, {"distance": 0.0, **far}), (10, far)])
    assert covered_line(one, fastest=12.0)["covered"].to_list() == [0.0, 0.0]


def jog(seed: int, seconds: int = 2400) -> list[tuple[float, float, float]]:
    """A run in bends, a position each second: t, metres north and east."""
    dice = random.Random(seed)
    north_m, east_m, heading, found = 0.0, 0.0, 0.0, []
    for t in range(seconds):
        found.append((float(t), north_m, east_m))
        heading += dice.gauss(0, 0.05)
        pace = 3.0 + math.sin(t / 300) + dice.gauss(0, 0.1)
        north_m, east_m = north_m + pace * math.cos(heading), east_m + pace * math.sin(heading)
    return found


def placed(track_of: list[tuple[float, float, float]]) -> dict[float, float]:
    """The times of positions over each distance."""
    east = 111_195.08 * math.cos(math.radians(47.0))
    points = [(t, {**north(n), "longitude": 11.0 + e / east}) for t, n, e in track_of]
    return {width: value for (width, by), value in measured(points).items() if by == "positions"}


FAULTS = ("spike", "freeze", "doubled", "tram", "gap", "none")


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("fault", FAULTS)
def test_no_fault_of_a_receiver_makes_a_best_better_and_hardly_worse(fault: str, seed: int) -> None:
    clean, dice = jog(seed), random.Random(seed)
    truth, at = placed(clean), dice.randrange(900, 1500)
    planted = list(clean)
    t, n, e = clean[at]
    if fault == "spike":
        planted[at] = (t, n + dice.uniform(60, 200), e)
    elif fault == "freeze":
        planted[at : at + 4] = [(t + more, n, e) for more in range(4)]
    elif fault == "doubled":
        planted.insert(at, (t + 0.4, n + 40.0, e))
    elif fault == "tram":  # 2 km at 11 m/s, then the run goes on
        ridden = [(t + more, n + 11.0 * more, e) for more in range(182)]
        planted[at:] = [*ridden, *((u + 182, m + 2002, f) for u, m, f in clean[at:])]
    elif fault == "gap":
        del planted[at : at + 120]
    found = placed(planted)
    assert found.keys() == truth.keys()
    for width, seconds in truth.items():
        more = {"tram": 260, "gap": 180}.get(fault, 10) if width > 1609 else 10  # shorter ones lie before or behind
        assert 0.995 * seconds <= found[width] <= 1.01 * seconds + more, width
    times = [found[width] for width in sorted(found)]
    assert times == sorted(times), "a shorter distance takes no longer"


def test_what_nobody_ever_was_as_fast_in_is_told_and_no_time_is_made_of_it() -> None:
    ride = [(t, {"distance": 20.0 * t}) for t in range(1000)]  # 72 km/h
    assert measured(ride, "ride") == {}
    steep = [(t, {"distance": 20.0 * t, "altitude": 2000.0 - 0.8 * t}) for t in range(1000)]
    assert measured(steep, "ride")[5000, "device"] == pytest.approx(250), "downhill, 4 %"
    flat = [(t, {"distance": 20.0 * t, "altitude": 2000.0 - 0.3 * t}) for t in range(1000)]
    assert measured(flat, "ride") == {}
    found = curves(track(ride), "ride").filter(pl.col("measure") == "too_fast")
    assert found.select("width", "value", "begins_at").rows() == [(19_980.0, 999.0, START)]
    assert measured([(t, {"distance": 20.0 * t}) for t in range(1000)], "e_ride"), "of which nobody keeps a best"


@pytest.mark.parametrize(("group", "speed", "driven"), [("ride", 8.0, 31.0), ("ride", 8.0, 26.0), ("run", 3.0, 31.0)])
def test_a_drive_faster_than_any_step_of_the_sport_is_told(group: str, speed: float, driven: float) -> None:
    drive = [(t, {"distance": speed * min(t, 1000) + driven * max(t - 1000, 0) + t % 2}) for t in range(1401)]
    found = curves(track(drive), group)
    assert found.filter(pl.col("measure") == "too_fast")["width"].item() == pytest.approx(400 * driven, rel=0.11)
    assert max(measured(drive, group).values()) <= 5000 / speed


@pytest.mark.parametrize(("group", "speed", "driven"), [("walk", 1.2, 20.0), ("run", 3.0, 20.0), ("ride", 6.0, 31.0)])
@pytest.mark.parametrize(("begins", "ends"), [(3000, 3900), (3000, 4400), (0, 900)])
def test_a_drive_is_told_from_end_to_end(group: str, speed: float, driven: float, begins: int, ends: int) -> None:
    metres = {t: speed * t + (driven - speed) * min(max(t - begins, 0), ends - begins) for t in range(0, 4401, 5)}
    whole: list[Point] = [(float(t), {"distance": each}) for t, each in metres.items()]
    told = curves(track(whole), group).filter(pl.col("measure") == "too_fast").row(0, named=True)
    assert (told["begins_at"], told["value"]) == (START + timedelta(seconds=begins), ends - begins)


@pytest.mark.parametrize(
    ("group", "speed"), [("ride", 8.0), ("ride", 15.0), ("run", 3.0), ("run", 6.0), ("swim", 1.35)]
)
def test_a_jump_is_no_drive_however_fast_one_is(group: str, speed: float) -> None:
    jumped = [(t, {"distance": speed * t + 600 * (t > 500) + 60 * (t > 503)}) for t in range(1001)]
    assert curves(track(jumped), group).filter(pl.col("measure") == "too_fast").is_empty()
