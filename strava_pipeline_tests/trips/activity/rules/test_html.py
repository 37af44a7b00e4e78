"""core.trips.activity.html and its charts: one page, whole, that asks for nothing, runs nothing and tells no place."""

import math
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

import pytest

from strava_pipeline.trips.activity.rules.bundle import Bundle, Decryption, State
from strava_pipeline.trips.activity.rules.charts import (
    HEIGHT,
    WIDTH,
    speed_chart,
    speed_histogram,
)
from strava_pipeline.trips.activity.rules.metrics import metrics_of
from strava_pipeline.trips.activity.rules.report import trips_page
from strava_pipeline.trips.activity.rules.thresholds import thresholds
from strava_pipeline.trips.activity.rules.track import drawn
from strava_pipeline_tests.trips.activity.rules.made_reports import (
    FLIP,
    LATITUDE,
    LONGITUDE,
    diagnosed,
    point,
    ride,
    without_points,
)

LIMITS = thresholds()
EVIL = "</title><script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{ 7*7 }}"
EMPTY = {"meta", "br"}


class Page(HTMLParser):
    """The tags of a page, each closed in its turn, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(page)
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in EMPTY:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] != "style":
            self.text += data


def page(*bundles: Bundle, **more: Any) -> str:
    return trips_page([(bundle, diagnosed(bundle, **more), FLIP) for bundle in bundles], LIMITS)


def rides() -> dict[str, Bundle]:
    nothing = Decryption(State.UNDECRYPTABLE, State.ABSENT, State.ABSENT)
    return {
        "a ride": ride(),
        "gaps and jumps": ride(
            locations=[point(0), point(9, 50), point(99, 99), point(100, 9999), point(101, 110), point(110, 150)]
        ),
        "no point": ride(locations=[], decryption=nothing),
        "one point": ride(locations=[point(0)]),
        "one place": ride(locations=[point(n, speed=0, accuracy=None) for n in range(9)]),
        "a missing ride": ride(
            diagnostic={"logs": [{"timestamp": 1, "level": "error"}, {"timestamp": 900}, "x"], "lat": 1}
        ),
        "a named attack": ride(
            EVIL, diagnostic={EVIL: EVIL, "logs": [{"event": EVIL}]}, rejection_reason=EVIL, platform=EVIL
        ),
    }


@pytest.mark.parametrize("name", rides())
def test_a_page_is_whole_and_asks_for_nothing(name: str) -> None:
    made = page(rides()[name])
    read = Page(made)
    assert not {"script", "link", "iframe", "object", "img", "form"} & set(read.tags)
    assert not [value for key, value in read.attributes if key in ("src", "href") and not str(value).startswith("#")]
    assert not [key for key, _ in read.attributes if key.startswith("on")]
    assert not re.findall(r"https?://|@import|url\(|nan|None\b", made)
    for drawing in re.findall(r"<svg.*?</svg>", made, re.DOTALL):
        ET.fromstring(drawing)


def test_whatever_a_trip_is_named_it_is_text() -> None:
    read = Page(page(rides()["a named attack"]))
    assert EVIL in read.text
    assert "49" not in re.findall(r"\{\{.*?\}\}|\b49\b", read.text)


def test_a_page_holds_no_position() -> None:
    bundle = ride(diagnostic={"logs": [f"at {LATITUDE}, {LONGITUDE}"], "lastLocation": {"lat": LATITUDE}})
    made = page(bundle, ride("T2"))
    assert "48.8" not in made
    assert "2.34" not in made
    assert str(LATITUDE)[3:] not in made


def test_the_banner_tells_the_verdict_why_and_what_would_flip_it() -> None:
    found = diagnosed(ride(), "rejected", ["unrealistic_avg_speed"], avg_speed_kmh=38.2)
    made = trips_page([(ride(), found, FLIP)], LIMITS)
    text = re.sub(r"\s+", " ", Page(made).text)
    assert f"rejected T1 faster on average than bicycles are (avg_speed_kmh 38.2 km/h > 35 km/h) {FLIP}" in text
    assert '<div class="meter reject"><i style="width:86.96%"></i><b style="left:79.67%"></b></div>' in made


def test_a_trip_without_points_has_no_charts() -> None:
    bundle = rides()["no point"]
    made = trips_page([(bundle, without_points(bundle, "unknown", ["locations_undecryptable"]), FLIP)], LIMITS)
    assert "There is no point to draw." in made
    assert "<svg" not in made


@pytest.mark.dear
def test_a_hundred_thousand_points_make_a_picture_and_no_book() -> None:
    points = [point(n, 300 * math.sin(n / 900), 300 * math.cos(n / 700), speed=5 + math.sin(n)) for n in range(100_000)]
    assert len(page(ride(locations=points))) < 400_000


def test_a_speed_chart_breaks_its_lines_at_gaps_and_shades_them() -> None:
    fixes, steps = drawn(
        ride(locations=[point(0), point(10, 50), point(90, 60), point(100, 110, speed=None), point(101, 115)]), LIMITS
    )
    chart = speed_chart(fixes, steps, [("average 35", 35.0)])
    assert [line.style for line in chart.lines] == ["displacement", "displacement", "device", "device", "device"]
    assert [band.text for band in chart.bands] == ["gap of 1 min 20 s"]
    assert [tick.text for tick in chart.x_ticks] == ["0:00", "0:30", "1:00", "1:30"]
    width, height = chart.right - chart.left, chart.floor - chart.top
    assert [tick.at for tick in chart.x_ticks] == pytest.approx(
        [chart.left + at / 101 * width for at in (0, 30, 60, 90)]
    )
    assert [tick.text for tick in chart.y_ticks] == ["0", "10", "20", "30", "40"]
    (apart,) = {round(low.at - high.at, 6) for low, high in pairwise(chart.y_ticks)}
    assert apart == height / 4


@pytest.mark.parametrize("speed", [0, 35, 190, 1e9])
def test_everything_is_drawn_inside_the_picture(speed: float) -> None:
    fixes, steps = drawn(ride(locations=[point(n * 40, n * n, speed=speed, accuracy=speed) for n in range(20)]), LIMITS)
    chart = speed_chart(fixes, steps, [("average 35", 35.0)])
    places = [tuple(map(float, place.split(","))) for line in chart.lines for place in line.points.split()]
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in places)


def test_a_histogram_counts_every_speed_once() -> None:
    speeds = [0.0, 0.9, 12.0, 35.5, 250.0]
    chart = speed_histogram(speeds, [("p50", 12.0), ("p85", None)], "device")
    assert sum(int(text.rpartition(" ")[2]) for *_, text in chart.bars) == len(speeds)
    assert [mark.text for mark in chart.verticals] == ["p50 12.0"]


@pytest.mark.parametrize("value", [1e308, 1.7e308, 3e8])
def test_a_number_beyond_reason_costs_no_page(value: float) -> None:
    assert "<svg" in page(ride(locations=[point(n, n, speed=value, accuracy=value) for n in range(20)]))


def test_what_is_drawn_as_a_jump_is_what_the_metrics_count_as_one() -> None:
    """At 100 km to the north a metre to the east is more degrees than where the trip began."""
    east = [point(7200 + n, 100_000, 50.5 * n) for n in range(30)]
    bundle = ride(locations=[point(0), *east])
    _, steps = drawn(bundle, LIMITS)
    metrics = metrics_of(bundle, LIMITS)
    assert sum(step.kind == "teleport" for step in steps) == metrics["teleports"] == 0
    assert max(step.speed_kmh for step in steps if step.kind == "good") == metrics["speed_displacement_max_kmh"]
