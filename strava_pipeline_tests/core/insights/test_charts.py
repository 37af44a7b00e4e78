"""Charts as geometry: the year before, labels that cover none, fitness from below zero; and the picture of a map."""

from datetime import date, timedelta
from itertools import pairwise
from math import asinh, pi, radians, tan

import pytest

from strava_pipeline.core.insights.charts import Chart, fitness_chart, month_chart, year_chart
from strava_pipeline.core.insights.documents import LoadDay
from strava_pipeline.core.insights.goals import Goals
from strava_pipeline.core.insights.heat import LEVELS, heat_picture
from strava_pipeline.core.insights.pacing import Day, PacedMeasure, Year, pace_measures
from strava_pipeline.core.privacy import PrivacyZone
from strava_pipeline.core.sports import GROUP_OF, sport_name
from strava_pipeline_tests.present import there


def paced(number: int, until: date, kilometres: dict[date, float]) -> tuple[PacedMeasure, Year]:
    year = Year(number, until)
    days = [Day(on, "ride", (1,), km * 1000, 3600, 0.0) for on, km in kilometres.items()]
    goals = Goals(all={(None, "ride", "distance_m"): (500_000.0, 505_000.0)})
    found = pace_measures(days, year, goals, "km")
    return next(each for each in found if (each.group, each.measure) == ("ride", "distance_m")), year


def ends(chart: Chart) -> dict[str, tuple[float, float]]:
    last = {line.kind: line.points.split()[-1] for line in chart.lines}
    return {kind: (float(point.split(",")[0]), float(point.split(",")[1])) for kind, point in last.items()}


def test_a_year_stands_beside_the_year_before() -> None:
    before, _ = paced(2024, date(2024, 12, 31), {date(2024, 2, 29): 100.0, date(2024, 12, 1): 300.0})
    now, year = paced(2025, date(2025, 3, 1), {date(2025, 1, 5): 50.0})
    chart = year_chart(now, year, "km", before)
    assert chart.about == "50.0 km in 2025 so far, 100 km by this day of 2024; on the way to 304 km"
    assert ends(chart)["before"][0] == pytest.approx(chart.right), "a leap year ends where the others do"
    assert ends(chart)["before"][1] < ends(chart)["line"][1], "more is higher"
    labels = sorted(line.label.at for line in chart.lines if line.label.text)
    assert [line.label.text for line in chart.lines if line.kind == "before"] == ["2024"]
    assert min(b - a for a, b in pairwise(labels)) >= 14, "no label covers another"
    alone = year_chart(now, year, "km")
    assert "2024" not in alone.about
    assert "before" not in ends(alone)


def test_months_stand_beside_those_of_the_year_before() -> None:
    before, _ = paced(2024, date(2024, 12, 31), {date(2024, 2, 29): 100.0, date(2024, 12, 31): 300.0})
    now, year = paced(2025, date(2025, 3, 1), {date(2025, 1, 31): 50.0, date(2025, 2, 1): 0.1, date(2025, 2, 28): 24.9})
    chart = month_chart(now, year, "km", before)
    assert [(bar.kind, bar.text) for bar in chart.bars] == [
        ("before", "February 2024: 100 km"),
        ("before", "December 2024: 300 km"),
        ("line", "January 2025: 50.0 km"),
        ("line", "February 2025: 25.0 km"),
    ], "the last day of a month is in it, and a month without anything has no bar"
    heights = [bar.height for bar in chart.bars]
    assert heights == pytest.approx([heights[1] / 3, heights[1], heights[1] / 6, heights[1] / 12])
    alone = month_chart(now, year, "miles")
    assert (chart.title, chart.about, alone.title, alone.about) == (
        "By month (km)",
        "2025 beside 2024",
        "By month (mi)",
        "2025",
    )
    assert (chart.keys, alone.keys) == ((("before", "2024"), ("line", "2025")), (("line", "2025"),))


def test_fitness_may_begin_below_zero_and_shows_no_minus_zero() -> None:
    first = date(2025, 1, 1)
    days = [LoadDay(first + timedelta(days=k), 40.0 + k, 60.0, -20.2, 60.0) for k in range(3)]
    days.append(LoadDay(first + timedelta(days=3), 43.0, 43.2, -0.2, None))
    chart = fitness_chart(days, 2025)
    assert (chart.title, chart.about) == ("Fitness", "fitness 43, fatigue 43, form +0 on 4 Jan 2025")
    ticks = {tick.text: tick.at for tick in chart.y_ticks}
    assert min(map(int, ticks)) <= -20
    assert max(map(int, ticks)) >= 60
    assert ticks["0"] == pytest.approx(ends(chart)["form"][1], abs=1.0)
    assert {line.kind for line in chart.lines} == {"fitness", "fatigue", "form"}
    only = fitness_chart([LoadDay(first, 0.0, 0.0, 0.0, None)], 2025)
    assert only.about.startswith("fitness 0, fatigue 0, form +0")


def cell(latitude: float, longitude: float, zoom: int) -> tuple[int, int]:
    across = 2**zoom
    x = (longitude + 180) / 360 * across
    return int(x), int((1 - asinh(tan(radians(latitude))) / pi) / 2 * across)


def test_a_map_shows_the_region_with_most_cells_and_nothing_of_a_zone() -> None:
    zoom = 19
    x, y = cell(50.0, 8.0, zoom)
    east = [(x + k, y, 1 + 3 * (k > 30)) for k in range(60)]  # 49 m each, from home to the east
    elsewhere = [(*cell(-30.0, 100.0, zoom), 90)]
    whole = there(heat_picture([*east, *elsewhere], zoom))
    assert (whole.width, whole.height, round(whole.share)) == (60, 1, 98)
    assert dict(whole.paths) == {1: "M0 0.5h31", 3: "M31 0.5h29"}
    assert max(level for level, _ in whole.paths) <= LEVELS
    cut = there(heat_picture(east, zoom, [PrivacyZone(50.0, 8.0, 400.0)]))
    assert 60 - cut.width == pytest.approx(400 / 49 + 1, abs=2), "cells that touch the zone, none beyond"
    assert cut.zones == 1
    assert heat_picture(east, zoom, [PrivacyZone(50.0, 8.0, 20_000.0)]) is None
    assert heat_picture([], zoom) is None


@pytest.mark.parametrize(
    ("sport", "words"),
    [
        ("Ride", "Ride"),
        ("driving_general", "Driving"),
        ("MountainBikeRide", "Mountain bike ride"),
        ("EBikeRide", "E-bike ride"),
        ("EMountainBikeRide", "E-mountain bike ride"),
        ("–", "–"),
        ("unheard of", "Unheard of"),
    ],
)
def test_sports_are_words(sport: str, words: str) -> None:
    assert sport_name(sport) == words
    assert all(sport_name(each).count(" ") >= sum(map(str.isupper, each[2:])) for each in GROUP_OF)
