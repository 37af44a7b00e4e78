"""The pages over a published warehouse with hostile names, over an empty one, and without any."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from pydantic import SecretStr
from starlette.testclient import TestClient

from strava_pipeline.core.insights.goals import USUAL_DATES
from strava_pipeline.core.insights.table_columns import without_empty_columns
from strava_pipeline.core.track_measures import DISTANCES
from strava_pipeline.environment.settings import Settings
from strava_pipeline.lake.copied import KnownCopy, note_copy
from strava_pipeline.lake.gold.publish import publish
from strava_pipeline.lake.gold.warehouse import reading
from strava_pipeline.lake.looks import ScheduleTicks, note_look
from strava_pipeline.lake.made.track_measures import due_tracks, measure_tracks
from strava_pipeline.lake.made.tracks import write_track
from strava_pipeline.lake.notifications import notify
from strava_pipeline.lake.paths import Lake
from strava_pipeline.serve.dashboard.display import (
    change_value,
    climb,
    climb_difference,
    distance,
    file_notes,
    height,
    mark,
    speed,
    whole,
    window,
    years,
)
from strava_pipeline.serve.dashboard.menu import FIRST, MORE
from strava_pipeline.serve.dashboard.rendering import _templates
from strava_pipeline.serve.dashboard.routes import routes
from strava_pipeline.serve.dashboard.sentences import clocked, prose
from strava_pipeline_tests.lake.conftest import NewLake
from strava_pipeline_tests.lake.insight_rows import ME, activity, put
from strava_pipeline_tests.providers.test_looking import limit, with_toy
from strava_pipeline_tests.serve.dashboard.conftest import Dashboard, served
from strava_pipeline_tests.serve.dashboard.route_values import VALUES
from strava_pipeline_tests.serve.dashboard.test_api import settings_of

pytestmark = pytest.mark.slow

PAGE = {"Accept": "text/html"}
HOSTILE = '<script>alert(1)</script> \u202ethe hill\u202c שלום 🚵 "x" \' {{ 7*7 }}'
CHILD = {"activity_id": 7, "athlete_id": ME, "source": "strava"}
SEGMENT = {"segment_id": 2**53 + 1, "segment_name": HOSTILE, "segment_distance": 1609.3, "segment_average_grade": -1.5}
SHOWN = {
    "suffer_score": 40.0,
    "average_heartrate": 140.0,
    "max_heartrate": 180.0,
    "average_watts": 190.0,
    "device_watts": False,
}
NOW = datetime(2025, 7, 1, 12, tzinfo=UTC)
LASTS = {"elapsed_time": 900, "moving_time": 840, "start_date": NOW}
KNOWN_FILES: set[str] = set()  # what a page has named that is there, at every dashboard


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory, new_lake: NewLake) -> Iterator[Dashboard]:
    """A dashboard of nine activities in two years, one of them without anything, with goals in miles."""
    folder = tmp_path_factory.mktemp("pages")
    lake = new_lake(folder / "data")
    rows = [activity(n, f"2025-05-{n:02}T08:00", name=f"Ride {n}", gear_id="b1", source_id=str(n)) for n in range(1, 7)]
    rows[5]["commute"] = True
    put(lake, [*rows, activity(7, "2025-05-07T08:00", name=HOSTILE, gear_id="b1", source_id="7", **SHOWN)])
    long = {"name": "x" * 10_000, "gear_id": None, "total_elevation_gain": None}
    put(lake, [activity(8, "2024-05-01T08:00", source_id="8", **long)])
    odd = dict.fromkeys(("average_speed", "average_heartrate", "average_watts", "max_heartrate"), float("nan"))
    nothing = dict.fromkeys(("name", "sport_type", "distance", "moving_time", "elapsed_time", "total_elevation_gain"))
    put(lake, [{**activity(9, "2025-04-01T08:00", source_id="9"), **nothing, **odd}])
    put(lake, [{"source": "strava", "gear_id": "b1", "name": HOSTILE, "retired": False}], "gear")
    put(lake, [{"source": "strava", "gear_id": "g9", "name": "Old shoes", "retired": True}], "gear")
    put(lake, [{"athlete_id": ME, "fetched_at": "2024-01-01"}], "athlete")
    failed = {"athlete_id": ME, "source": "strava", "failures": 3}
    put(lake, [{"activity_id": 3, **failed}, {"activity_id": 4, **failed, "dropped_at": NOW}], "quarantine")
    pairs = ((2, None), (3, None), (99, 99))
    put(lake, [{"id": 1, "other_id": n, "joined": False, "part_id": part} for n, part in pairs], "activity_matches")
    put(lake, [{**CHILD, "lap_position": 1, "name": HOSTILE, "distance": 5000.0, **LASTS}], "activity_laps")
    split = {**CHILD, "distance_m": 1609.3}
    climbs = ((n, {"elapsed_time_seconds": 300 + n, "elevation_difference": 4.0 - n}) for n in range(1, 15))
    put(lake, [{**split, "split_index": n, **climb} for n, climb in climbs], "activity_splits_standard")
    put(
        lake,
        [{**split, "split_index": 15, "elapsed_time_seconds": 400, "moving_time_seconds": 291}],
        "activity_splits_standard",
    )
    effort = {**CHILD, "effort_index": 1, **SEGMENT}
    estimated = {**effort, "name": HOSTILE, "elapsed_time": 61, "average_watts": 210.0, "device_watts": False}
    put(lake, [estimated, {**effort, "activity_id": 6, "name": "x", "elapsed_time": 90}], "activity_segment_efforts")
    best = {"name": "1/2 mile", "distance": 805.0, "elapsed_time": 200}
    put(lake, [{**CHILD, "effort_index": 1, **best}], "activity_best_efforts")
    edited = {
        "version": 2,
        "valid_from": NOW,
        "changed_fields": ["name", "gear_id"],
        "previous": json.dumps({"name": HOSTILE, "gear_id": "g9"}),
    }
    put(lake, [{"activity_id": 7, "athlete_id": ME, "source": "strava", **edited}], "activity_history")
    point = pl.DataFrame({"recorded_at": [NOW], "latitude": [48.1], "longitude": [16.2]})
    write_track(lake, 2025, 7, ME, "file", [point.cast({"recorded_at": pl.Datetime("us", "UTC")})], "file:1")
    watts = pl.DataFrame({"recorded_at": [NOW + timedelta(seconds=n) for n in range(400)], "watts": [200.0] * 400})
    write_track(lake, 2025, 6, ME, "file", [watts.cast({"recorded_at": pl.Datetime("us", "UTC")})], "file:1")
    climb = watts.with_columns(altitude=pl.int_range(400) / 4.0, distance=pl.int_range(400) * 9.0).drop("watts")
    write_track(lake, 2024, 8, ME, "file", [climb.cast({"recorded_at": pl.Datetime("us", "UTC")})], "file:1")
    lake.goals.write_text(
        'units = "miles"\n[2025.ride]\ndistance_miles = 100\n[2025.all]\ncount = [16, 300]\n[service.b1."<b>chain</b>"]\nevery_miles = 50\n'
        "[service.Lost.chain]\nevery_km = 9\n[service.b1.fork]\nevery_miles = 50\ndone = 2025-07-01\n"
        "[[athlete]]\nsince = 2025-02-01\nftp = 250\nweight_kg = 80\n"
    )
    with reading(lake) as connection:
        due = due_tracks(lake, connection, [2024, 2025])
    for each in due:
        measure_tracks(lake, each)
    publish(lake)
    for number in range(5):
        notify(lake, "error", f"Run {number} failed: {HOSTILE}", NOW)
    with served(settings_of(folder), time=NOW) as made:
        yield made


@pytest.fixture
def empty(tmp_path: Path, new_lake: NewLake) -> Iterator[TestClient]:
    """A browser at a dashboard whose warehouse was published without an activity."""
    publish(new_lake(tmp_path / "data"))
    with served(settings_of(tmp_path), time=NOW) as made:
        yield made.browser()


def page(site: TestClient, path: str, status: int = 200) -> str:
    """A page, which is well-formed, holds no script or style of its own, and shows hostile names as text."""
    answer = site.get(path, headers=PAGE)
    assert answer.status_code == status, answer.text
    text = answer.text
    assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle=|\son\w+=", text), path
    assert "\u202e" not in text
    assert not re.search("strava-pipeline (streams|enrich)", text), "nobody has a login at Strava here"
    assert "49" not in re.findall(r"the hill.*", text)
    assert text.count("<h1") == 1
    menu = [each.address for each in (*FIRST, *FIRST, *(each for group in MORE.values() for each in group))]
    can_be_empty = ("/segments", "/gear", "/devices", "/body", "/trips", "/pairs", "/sync", "/dagster/")
    optional = {address for address in can_be_empty if f'<li><a href="{address}"' not in text}
    shown = [address for address in menu if address not in optional]
    assert re.findall(r'<li><a href="(/[^"]*)"', text)[: len(shown)] == shown
    ids = re.findall(r'\sid="([^"]+)"', text)
    assert len(ids) == len(set(ids)), path
    for label in re.findall(r'aria-labelledby="([^"]+)"|for="([^"]+)"', text):
        assert "".join(label) in ids
    for address in set(re.findall(r'(?:src|href)="(/static/[^"]+)"', text)) - KNOWN_FILES:
        assert site.get(address).status_code == 200, address
        KNOWN_FILES.add(address)
    return text


def words(text: str) -> str:
    """What a person reads on a page, in one line."""
    return " ".join(re.sub(r"<[^>]+>", " ", text).split())


WITHOUT_DATA = "/ /activities /calendar /calendar/2025 /calendar/2025-05 /sync /fitness /fitness/2025 /gear /records /segments /routes /tiles /map /year"


@pytest.mark.dear
def test_a_page_without_data_says_what_to_do(site_without_data: TestClient, empty: TestClient) -> None:
    for path in WITHOUT_DATA.split():
        for browser in (site_without_data, empty):
            assert re.search(r"strava-pipeline (flow|import)", page(browser, path)), path


@pytest.fixture
def site_without_data(tmp_path: Path) -> Iterator[TestClient]:
    with served(settings_of(tmp_path / "bare"), time=NOW) as made:
        yield made.browser()


@pytest.mark.dear
def test_the_overview_has_the_year_what_needs_attention_and_comes_next(dashboard: Dashboard, site: TestClient) -> None:
    text = page(site, "/")
    seen = words(text)
    assert "distance 87.0 mi 12.4 mi by this day of 2024: 74.6 mi ahead" in seen, "as goals.toml says"
    assert "Ride, distance: 100 mi 37.1 mi ahead" in seen
    assert "All, activities: 16 on pace" in seen
    assert "8 activities , 50 % · at this pace 16 activities · needs 1 activity every 3 weeks" in seen
    assert "All, activities: 300 142 activities behind" in seen
    assert "needs 12 activities a week" in seen, "no part of an activity"
    assert '<progress max="100" value="87.0"' in text
    assert seen.count("&lt;script&gt;alert(1)") == 1 + 3, "the newest activity, and three of five failures"
    assert ("2 more failures" in seen, "/activities/7" in text, "/activities/1" not in text) == (True, True, True)
    assert "2 pairs of activities may be one" in seen
    assert "Nothing runs by itself now" in seen
    services = page(site, "/providers")
    assert '<dd><a href="/pairs">2 pairs of activities may be one' in services, "which is no fault"
    pings, daily = (
        ScheduleTicks(what=what, ticks=(NOW + pause, NOW + 2 * pause))
        for what, pause in (("Takes in pings.", timedelta(minutes=10)), ("Pulls.", timedelta(hours=16)))
    )
    note_look(dashboard.site.lake, NOW, [pings, daily])
    assert "Next run: 2 Jul 2025, 05:00 . Pulls." in words(page(site, "/")), "pings are only looked for"
    assert "2 Jul 2025, 05:00 : Pulls. 1 Jul 2025, 13:10 : Takes in pings." in words(page(site, "/providers"))
    goals = dashboard.site.lake.goals
    before = goals.read_text()
    try:
        goals.write_text(before + "[every_week.all]\ncount = 2\n[every_month.ride]\ndistance_miles = 1e6\n")
        for path in ("/", "/year/2025"):
            assert "This week: All, activities: 2 " in (seen := words(page(site, path))), path
            assert "This month: Ride, distance: 1,000,000 mi 31 days left" in seen, path
        assert "This week" not in words(page(site, "/year/2024")), "which is over"
        told = site.get("/api/insights/2025").json()["present_goals"]
        assert [(each["period"], each["goal"], each["days_left"]) for each in told] == [
            ("week", 2, 6),
            ("month", 1e6 * 1609.344, 31),
        ]
        goals.write_text("units = 3")
        assert 'units: 3 is neither "km" nor "miles"' in unescape(seen := words(page(site, "/")))
        assert "2025 so far" in seen
    finally:
        goals.write_text(before)


def test_the_page_of_services_says_how_old_the_second_copy_is_and_what_is_wrong_with_it(tmp_path: Path) -> None:
    plain = settings_of(tmp_path)
    for settings in (
        plain,
        plain.model_copy(update={"restic_repository": SecretStr("/c"), "restic_password_file": tmp_path}),
    ):
        with served(settings, time=NOW) as made:
            note_copy(made.site.lake, KnownCopy("/c", NOW, problem="7 files are gone"))
            seen = words(page(made.browser(), "/providers"))
        assert ("The second copy was brought up to date on 1 Jul 2025, " in seen) is settings.is_copied
        assert ("7 files are gone strava-pipeline copy" in seen) is settings.is_copied


def test_a_long_name_is_cut_in_the_list(site: TestClient) -> None:
    text = page(site, f"/activities?search={'x' * 100}&sport=Ride")
    assert "x" * 119 + "…" in text
    assert "x" * 121 not in text
    assert '<option value="Ride" selected>Ride</option>' in text


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ([], ""),
        (["track"], "Times come out of the track"),
        (["track", "best_effort"], "Times are Strava"),
    ],
)
def test_how_times_are_measured_is_said_where_there_are_any(told: list[str], shown: str) -> None:
    page = _templates(USUAL_DATES).from_string('{% import "parts.html" as parts %}{{ parts.how_told(told) }}')
    text = words(page.render(told=told))
    assert (text.startswith(shown), bool(text)) == (True, bool(told))


def test_a_sport_that_is_not_known_is_left_out(site: TestClient) -> None:
    assert "<p>1 Apr 2025, 08:00" in page(site, "/activities/9")


@pytest.mark.dear
def test_an_activity_says_why_it_has_no_load_none_by_power_or_no_zones(tmp_path: Path, new_lake: NewLake) -> None:
    lake = new_lake(tmp_path / "data")
    hour = {"gear_id": None, "sport_type": "Run"}
    metered = {"average_watts": 200.0, "device_watts": True}
    put(
        lake,
        [
            activity(1, "2023-05-01T08:00", **hour),
            activity(4, "2023-05-02T08:00", **hour | {"sport_type": "Walk", "max_speed": 4.0}),
        ],
    )
    put(lake, [activity(2, "2025-05-01T08:00", average_heartrate=140.0, **metered)])
    put(lake, [activity(3, "2023-05-03T08:00", weighted_average_watts=210, **metered)])
    put(lake, [activity(5, "2023-05-04T08:00", **hour) | {"start_date": None, "start_date_local": None, "year": 1970}])
    publish(lake)
    no_normalised = "It does not go by power: no service gave a normalised power, and it is computed of 20 minutes"
    no_track = (
        "Time in zones is summed from a track with a point every ten seconds or more often, and there is none here."
    )
    with served(settings_of(tmp_path), time=NOW) as made:
        site = made.browser()
        for number, told, untold in (
            (
                1,
                "There is no training load: no threshold pace of this day is known or estimated. Say yours .",
                no_track,
            ),
            (2, "The load goes by mean heart rate: 133 bpm", "no training load"),
            (2, no_normalised, "There are no zones"),
            (2, no_track, "Say yours"),
            (3, "There is no training load: no FTP of this day is known or estimated.", no_normalised),
            (4, "There is no training load: neither a heart rate, nor power for long enough, nor", "Effort"),
            (4, "fastest pace 4:10 /km", "highest speed"),
            (5, "There is no training load: it has no date.", "Say yours"),
        ):
            seen = words(page(site, f"/activities/{number}")).partition("Log out")[2]
            assert (told in seen, untold in seen) == (True, False), seen
        assert "power an FTP, a run’s pace a threshold pace" in words(page(site, "/fitness/2023"))


@pytest.mark.dear
def test_an_activity_has_its_track_laps_splits_efforts_sources_and_history(site: TestClient) -> None:
    text = page(site, "/activities/7")
    seen = words(text)
    assert seen.count("&lt;script&gt;alert(1)") == 10, (
        "title, headline, gear, its choice, as recorded, lap, segment, source and its gear, before"
    )
    for part in (
        "12.4 mi", "1:00:00", "3.1 mi 14:00", "15 1.0 mi 4:51", "Climb ± 1 1.0 mi 5:01 +10 ft 2 1.0 mi 5:02", "5 1.0 mi 5:05 -3 ft",
        "Splits: 5 more Split Distance", "1.00 mi -1.5 % 1:01 210 W",
        "power, estimated 190 W", "Strava leads",
    ):  # fmt: skip
        assert part in seen, part
    assert "1 Jul 2025, 13:00, Strava: name" in seen
    assert "Best efforts" not in seen, "Fastest times are the one table of them"
    assert "gear (was Old shoes )" in seen, "by its name"
    assert 'data-track="/api/activities/7/track" data-units="miles" data-group="ride" data-estimated' in text
    assert 'data-lasts="900"' in text, "what is marked on the chart has its stops"
    assert f'href="/segments/{2**53 + 1}"' in text
    assert site.get("/api/activities/7/track").json()["recorded"] == 1
    bare = words(page(site, "/activities/9"))
    assert ("Morning activity" in bare, "no track here" in bare, "Laps" in bare) == (True, False, False)
    assert "x" * 10_000 in (long := page(site, "/activities/8"))
    assert ('<h1 class="long" tabindex="0">' in long, '<h1 class="long">' in text) == (True, True), (
        "the keyboard scrolls"
    )
    for path, status in (("/activities/99", 404), ("/activities/one", 400), (f"/activities/{2**63}", 400)):
        page(site, path, status)


def test_an_activity_has_its_places_its_effort_and_its_like(site: TestClient) -> None:
    text = page(site, "/activities/6")
    seen = words(text)
    assert "Among your best biggest climb of all 492 ft of 8 longest distance of all 12.4 mi of 8" in seen
    assert "Aerobic decoupling" not in seen, "no heart rate was recorded"
    assert (
        "Time in zones of power Zone Range Time Share Z1 up to 137 W 0:00 0 % Z2 138–187 W 0:00 0 % Z3 188–224 W 6:40"
        in seen
    )
    assert "More like this Name Distance Time Speed Climb Compare &lt;script&gt;" in seen
    assert '<a href="/activities/7">' in text
    bare = words(page(site, "/activities/9"))
    assert ("Among your best" in bare, "ecoupling" in bare, "More like this" in bare) == (False, False, False)


def test_two_activities_stand_side_by_side_on_one_chart_where_both_have_a_track(site: TestClient) -> None:
    text = page(site, "/activities/6/with/7")
    assert "A Ride 6 B &lt;script&gt;" in (seen := words(text))
    assert "Power, estimated – 190 W" in seen
    assert "Moving time 1:00:00 1:00:00 Elapsed time 1:06:40 1:06:40" in seen
    assert 'data-compare="/api/activities/6/track /api/activities/7/track" data-units="miles" data-group="ride"' in text
    assert 'href="/activities/7/with/6"' in text
    bare = page(site, "/activities/6/with/5")
    assert ("There is no chart: B has no track here." in words(bare), "data-compare" in bare) == (True, False)
    assert "A and B have no track" in words(page(site, "/activities/4/with/5"))
    for other, status in ((6, 400), (99, 404), ("x", 400)):
        page(site, f"/activities/6/with/{other}", status)
    page(site, "/activities/99/with/6", 404)


def test_a_month_leads_to_the_ones_beside_it_within_the_years_that_there_are(site: TestClient) -> None:
    beside = {"2024-01": ["2024-02"], "2024-02": ["2024-01", "2024-03"], "2025-12": ["2025-11"]}
    for month, others in beside.items():
        (links,) = re.findall(r'<p class="pages">(.*?)</p>', page(site, f"/calendar/{month}"), re.S)
        assert re.findall(r'"/calendar/([\d-]+)"', links) == others


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (("fastest_5k", None, 3, 1, True), "3rd fastest 5 km of all"),
        (("fastest_half_marathon", None, 12, 2, False), "2nd fastest half marathon of 2025"),
        (("power_1200", 1200, 1, 1, True), "best 20 min power of all"),
        (("biggest_climb", None, 9, 1, True), "9th biggest climb of all"),
        (("longest_moving_time", None, 30, 1, False), "longest moving time of 2025"),
    ],
)
def test_a_mark_says_the_place_in_words(value: tuple[Any, ...], expected: str) -> None:
    names = ("record", "seconds", "place", "place_of_year", "is_of_all")
    assert mark({**dict(zip(names, value, strict=True)), "local_year": 2025}) == expected


def test_sync_has_two_years_of_months_with_their_totals(dashboard: Dashboard, site: TestClient) -> None:
    text = page(site, "/sync?year=2025")
    seen = words(text)
    assert "May 2025 7 activities 87.0 mi" in seen
    assert "2025 8 activities, 87.0 mi" in seen, "a year has its sum"
    assert "May 2024 1 activity 12.4 mi" in seen
    assert "June 2024 0 activities –" in seen
    assert re.findall(r'href="(/month/2025-\d\d)"', text) == [f"/month/2025-{n:02}" for n in range(1, 13)]
    assert 'href="/sync?year=2023"' not in text, "there is nothing before"
    bare = page(site, "/month/2025-05")
    assert ("no other service is enabled" in words(bare), "&lt;script&gt;" in bare) == (True, True)
    assert "no activity in this month" in page(site, "/month/2025-06")
    present = int(dashboard.site.pipeline.months_back(1)[0][:4])
    assert f'href="/sync?year={present}"' in page(site, f"/sync?year={present - 1}"), "there is none after it"
    for path, status in (("/month/2999-01", 404), ("/month/1000-01", 404), ("/month/2025-13", 400)):
        page(site, path, status)
    for year, status in ((1, 400), (1900, 404), (2019, 404), (2020, 200), (present + 1, 404)):
        page(site, f"/sync?year={year}", status)


@pytest.mark.dear
def test_fitness_shows_load_and_curves_and_gear_what_is_due(site: TestClient) -> None:
    text = page(site, "/fitness/2025")
    assert "On 1 Jul 2025: fitness 1 , fatigue 0 , form 1 ; the highest fitness of the year was 3" in words(text), (
        "eight weeks after the only effort"
    )
    assert 'data-fitness="/api/fitness/2025?sport=ride"></div>' in text
    of_7 = "estimated, of 7 May 2025"
    assert f"Ride heart rate 1 133 bpm {of_7} ; maximum 180 bpm {of_7} ; rest 60 bpm assumed" in words(text)
    assert (
        'data-curve="watts" data-group="ride" data-period="2025" data-names="5 s|10 s|15 s|30 s|1 min|2 min|5 min"'
        in text
    )
    assert "5 s 200 W 6 May 2025 200 W 2.50 6 May 2025 10 s" in words(text)
    assert "come out of tracks: there are some of 2025." in words(text)
    assert site.get("/api/fitness/2025").json()["track_years"] == [2025]
    zones = "Z1 up to 137 W 0.0 h 0 % Z2 138–187 W 0.0 h 0 % Z3 188–224 W 0.1 h 100 %"
    assert f"Time in zones of power Zone Range Time Share {zones}" in words(text)
    assert "These zones hold since 1 Feb 2025. Before, time counts by the zones that held then." in words(text)
    assert "By month Month Z3 May 2025 0.1 h Data" in words(text)
    of_runs = words(page(site, "/fitness/2025?sport=run"))
    assert "200 W" not in of_runs, "bests of rides are none of runs"
    assert site.get("/api/fitness/2025?sport=run").json()["zone_bounds"] == {}
    page(site, "/fitness/2025?sport=bike", 400)
    load = site.get("/api/fitness/2025").json()["load"]
    assert (load["days"][0], load["days"][-1], {len(values) for values in load.values()}) == (
        "2025-05-07",
        "2025-07-01",
        {56},
    )
    assert "There is no training load up to the end of 2024" in (first := page(site, "/fitness/2024"))
    assert ('href="/fitness/2024' in text, 'href="/fitness/2023' in first) == (True, False)
    for year in (1900, 2023, 2026, 2999):
        page(site, f"/fitness/{year}", 404)
        assert site.get(f"/api/fitness/{year}").status_code == 404
    recent = page(site, "/fitness")
    assert "On 1 Jul 2025: fitness 1 , fatigue 0 , form 1 ; the highest fitness of the last 90 days was 3" in words(
        recent
    )
    assert ('href="/fitness/2025?sport=ride"' in recent, 'href="/fitness?sport=ride"' in text) == (True, True)
    assert (
        'data-fitness="/api/fitness?sport=ride" data-curve="watts" data-group="ride" data-period="the last 90 days"'
        in recent
    )
    assert 'data-fitness="/api/fitness?days=30&amp;sport=ride"' in page(site, "/fitness?days=30")
    of_90, of_30 = (site.get(f"/api/fitness?days={days}").json() for days in (90, 30))
    assert (of_90["first_on"], of_30["first_on"], of_30["last_on"]) == ("2025-04-03", "2025-06-02", "2025-07-01")
    assert ([*of_90["zones"]["watts"]], of_30["zones"]) == (["2025-05"], {})
    for path in ("/fitness/2025?sport=chess", "/fitness/1", "/fitness/now", "/fitness?days=6", "/fitness?days=367"):
        page(site, path, 400)
    seen = words(page(site, "/gear"))
    assert "&lt;b&gt;chain&lt;/b&gt; is due 87.0 mi of 50.0 mi" in seen
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in seen
    assert "fork 0 of 50.0 mi since 1 Jul 2025" in seen, "it was just done"
    assert "Old shoes retired Not used yet." in seen, "what nobody measured is not 0"
    assert re.findall(r"(\w+) , chain : no activity has gear", seen) == ["Lost"]
    piece = site.get("/api/gear").json()["gear"]["strava"]["g9"]
    assert (piece["rows"], piece["distance_m"], piece["moving_time_seconds"]) == (0, None, None)


def test_notifications_are_marked_as_they_were_shown_and_services_say_how_to_enable_one(
    site_without_data: TestClient, tmp_path: Path
) -> None:
    lake = Lake(tmp_path / "bare" / "data")
    assert "nothing that you should know" in page(site_without_data, "/notifications")
    assert "strava-pipeline start" in page(site_without_data, "/providers")
    for number in range(2):
        notify(lake, "warning", f"Note {number} {HOSTILE}", NOW, link="strava-pipeline doctor")
    text = page(site_without_data, "/notifications")
    assert (words(text).count("· unread"), text.count("&lt;script&gt;")) == (2, 2)
    assert "Notifications 2 unread" in words(page(site_without_data, "/providers")), "each page has their number"
    shown = re.findall(r'name="id" value="([^"]+)"', text)
    assert "<code>strava-pipeline doctor</code>" in text
    notify(lake, "error", "Later, by `flow`", NOW, link="/activities/1")
    text = page(site_without_data, "/notifications")
    assert ('<a href="/activities/1">' in text, "by <code>flow</code>" in text) == (True, True)

    def mark(how: str, ids: list[str]) -> str:
        return site_without_data.post("/notifications", data={"mark": how, "id": [*ids, "nobody"]}).text

    after = mark("read", shown)
    assert after.count("· unread") == 1, "what came after the page was shown stays unread"
    assert "Notifications 1 unread" in words(after)
    left = mark("cleared", shown)
    assert ("Later" in left, "Note" in left) == (True, False)
    assert site_without_data.post("/notifications", data={"mark": "posted", "id": shown}).status_code == 400
    notify(lake, "info", "Seen", NOW, link="http://127.0.0.1:3000/runs/1")
    notify(lake, "info", "Proposed", NOW, link="strava-pipeline changes list")
    links = re.findall(r"<p>(<a [^>]*>.*?</a>)</p>", page(site_without_data, "/notifications"))
    assert [re.sub("<.*?>", "", link) for link in links[1:]] == ["The run in Dagster", "Sync", "Look at it"]


@pytest.mark.dear
def test_insights_are_of_the_commutes_alone_or_of_all_others(site: TestClient) -> None:
    """Of two days on which something is known, 6 May is a commute with power and 7 May has a load."""
    only, others = ({"commute": each, "tag": ""} for each in ("true", "false"))
    of_6, of_7 = (site.get("/api/fitness/2025", params=each).json() for each in (only, others))
    assert (of_6["load"], of_6["load_methods"], [*of_6["curves"]]) == (None, [], ["watts"])
    assert ({*of_6["zones"]}, {*of_7["zones"]}, [*of_7["curves"]]) == ({"watts"}, set(), [])
    assert of_7["load"] == site.get("/api/fitness/2025").json()["load"]
    assert [row["sport_group"] for row in of_7["load_methods"]] == ["ride"]
    records, year = page(site, "/records?commute=true"), page(site, "/year/2025?commute=true")
    assert {*re.findall(r'href="/activities/(\d+)"', records)} == {"6"}
    assert "1 day 6 May 2025 to 6 May 2025" in words(records)
    assert ("Activities 1 1 by this day of 2024" in words(year), "Goals" in words(year)) == (False, False)
    assert "No record is of an activity like that." in page(site, "/records?tag=race")
    assert 'href="/year/2024?commute=true"' in year
    assert page(site, "/year/2024?commute=true"), "there was something in it, if nothing like that"
    text = page(site, "/fitness/2025?sport=ride&commute=false")
    assert 'data-fitness="/api/fitness/2025?sport=ride&amp;commute=false"' in text
    assert '<input type="hidden" name="sport" value="ride">' in text
    assert site.get("/api/fitness/2025?commute=maybe").status_code == 400


def test_records_and_segments_lead_to_their_activities(dashboard: Dashboard, site: TestClient) -> None:
    text = page(site, "/records")
    assert (
        "Ride Record All years 2025 52 weeks 26 weeks 12 weeks Longest distance 12.4 mi 1 May 2024 12.4 mi 1 May 2025 12.4 mi 1 May 2025 12.4 mi"
        in words(text)
    )
    assert re.search(r"Eddington numbers .* Ride 8 7 1 more day of 9 miles or more", words(text)), words(text)
    streaks = "In a row All years 2025 Days 7 days 1 May 2025 to 7 May 2025 7 days 1 May 2025 to 7 May 2025 Weeks"
    assert streaks in words(text)
    dashboard.later(days=200)
    try:
        assert streaks in words(page(dashboard.browser(), "/records")), "in a new year, those of the last one"
    finally:
        dashboard.time = NOW
    assert 'href="/activities/1"' in text
    assert re.findall(r'href="(/segments/\d+)"', listed := page(site, "/segments")) == [f"/segments/{2**53 + 1}"]
    assert "&lt;script&gt;alert(1)" in listed
    assert 'aria-current="page">Segments' in listed, "the menu says where that is"
    assert "Segment Length Efforts Best On" in words(listed)
    assert "1.00 mi -1.5 % 2 1:01" in words(listed)
    text = page(site, f"/segments/{2**53 + 1}")
    assert "1.00 mi, -1.5 % on average · 2 efforts · at Strava" in words(text)
    assert "7 May 2025 your best 1:01 1 0:00 210 W estimated 6 May 2025 your best then 1:30 2 0:29 –" in words(text)
    assert 'data-days="2025-05-07 2025-05-06" data-values="61 90"' in text
    assert f'href="https://www.strava.com/segments/{2**53 + 1}"' in text
    for path, status in (("/segments/1", 404), ("/segments/one", 400), ("/segments?cursor=x", 400)):
        page(site, path, status)


@pytest.mark.dear
def test_no_secret_is_in_any_page_or_answer(dashboard: Dashboard, tmp_path: Path) -> None:
    """Every secret of the settings has a value, also in files, and services have logins; all that GET answers is read."""
    names = {name for name, field in Settings.model_fields.items() if "SecretStr" in str(field.annotation)}
    secret = {name: SecretStr(f"hush-{name}") for name in names - {"database_url", "sentry_dsn"}}
    secret |= {"sentry_dsn": SecretStr("https://hush@sentry.example/1"), "alert_url": "https://hooks.example/hush"}
    places = {"secrets_dir": tmp_path, "providers_config": tmp_path / "providers.toml"}
    for name in ("strava_token.json", "garmin_token.json"):
        (tmp_path / name).write_text('{"access_token": "hush", "refresh_token": "hush", "expires_at": 1}')
    enabled = "".join(f"[providers.{name}]\nenabled = true\n" for name in ("garmin", "ridewithgps", "intervals_icu"))
    (tmp_path / "providers.toml").write_text(enabled)
    made = Dashboard(dashboard.settings.model_copy(update=secret | places), time=NOW)
    browser = made.browser()
    session = browser.cookies[made.site.cookie]
    values = {**VALUES, "activity_id": "7", "segment_id": str(2**53 + 1)}
    answers = {}
    for path in (route.path for route in routes() if "GET" in route.methods):
        place = re.sub(r"\{(\w+)\}", lambda found: values[found[1]], path)
        answer = browser.get(place, headers=PAGE)
        answers[place] = answer.status_code
        assert [word for word in ("hush", session) if word in f"{answer.text}{answer.headers}"] == [], place
    made.site.records.close()
    assert [*answers.values()].count(200) > 25, answers


@pytest.mark.dear
def test_the_map_is_of_a_sport_and_a_year_and_loads_nothing_from_elsewhere_unless_it_is_told_to(
    dashboard: Dashboard, site: TestClient, tmp_path: Path
) -> None:
    text = page(site, "/map?sport=ride&year=2025")
    assert 'data-heat="/api/heat/lines?year=2025&amp;sport=ride"' in text
    assert re.search(r'data-most="16\.\d+,48\.\d+,16\.\d+,48\.\d+" data-everywhere="16', text)
    (picture,) = re.findall(r'data-pictures="([^"]+)"', text)
    drawn = picture.replace("&amp;", "&").format(z=9, x=279, y=177) + "&levels=1-5-25&colours={}"
    four = "d9773a-b3400f-7a1540-2f0a5c"
    found = site.get(drawn.format(four))
    assert (found.headers["content-type"], found.content[:4], bool(found.headers["etag"])) == (
        "image/png",
        b"\x89PNG",
        True,
    )
    for wrong in (four[7:], f"{four}-000000", "red", four.upper()):
        assert site.get(drawn.format(wrong)).status_code == 400, wrong
    for place in ("12/0/0", "9/2048/1", "9/-1/1", "9/1.0/1"):
        assert site.get(f"/map/{place}.png?levels=1-5-25&colours={four}").status_code == 400, place
    assert site.get(f"{drawn.format(four)}".replace("1-5-25", "0-5-25")).status_code == 400
    assert "No track is of this sport and year." in page(site, "/map?year=2001")
    assert re.findall(r'<option value="([^"]+)"( selected)?', text) == [("ride", " selected"), ("2025", " selected")]
    assert ("data-tiles" in text, "img-src" in site.get("/map").headers["content-security-policy"]) == (False, False)
    cells = {"zoom": 21, "cells": {"1142947/728128": 1}, "next": None}
    for query, found in (
        ("sport=ride&year=2025&limit=1&box=16.1,48.0,16.3,48.2", cells),
        ("box=16.1,48.2,16.3,48.3", {**cells, "cells": {}}),
        ("sport=run", {**cells, "cells": {}}),
    ):
        assert site.get(f"/api/heat?zoom=30&{query}").json() == found, query
    boxes = ("box=1,2,3", "box=a,b,c,d", "box=2,1,1,2", "box=1,2,2,nan", "box=-1e308,0,1e308,1", "box=0,-inf,1,1")
    for query in (*boxes, "limit=20001", "year=1", "tiles=1"):
        assert site.get(f"/api/heat?{query}").status_code == 400, query
    for query in ("", "box=16,48,17,49", "limit=1", *(f"box=16.1,48.1,16.2,48.1&zoom={zoom}" for zoom in (19, 29))):
        assert site.get(f"/api/heat/lines?{query}").status_code == 400, query
    assert f"{HOSTILE[:20]}" not in page(site, "/map?sport=%3Cscript%3Ealert(1)")
    page(site, "/map?year=1", 400)
    assert 'data-heat="/api/heat/lines?"' in page(site, "/map?sport=&year="), "as its form asks for all"
    tiled = dashboard.site.settings.model_copy(
        update={"map_tiles_url": "https://{s}.tile.example.org/{z}/{x}/{y}.png", "map_tiles_attribution": "© Ann"}
    )
    with served(tiled, time=NOW) as made:
        for path in ("/map", "/activities/7"):
            told = words(shown := page(made.browser(), path))
            assert 'data-attribution="© Ann"' in shown
            assert "loaded from tile.example.org ( MAP_TILES_URL ), which learns where you look" in told
            policy = made.browser().get(path).headers["content-security-policy"]
            assert policy.endswith("; img-src 'self' data: https://*.tile.example.org")


@pytest.mark.dear
def test_a_year_has_its_numbers_months_sports_and_records_beside_the_year_before(site: TestClient) -> None:
    assert site.get("/year").headers["location"] == "/year/2025"
    text = page(site, "/year/2025")
    seen = words(text)
    assert "distance 87.0 mi 12.4 mi by this day of 2024: 74.6 mi ahead" in seen
    assert "Ride, distance: 100 mi 37.1 mi ahead" in seen
    assert "May 7 7 87.0 mi 7.0 h 3,445 ft 12.4 mi 1.0 h" in seen, "with the month of the year before"
    bars = dict(re.findall(r'<rect class="bar-(\w+)"[^>]*><title>([^<]+)</title>', text))
    assert bars == {"before": "May 2024: 12.4 mi", "line": "May 2025: 87.0 mi"}
    assert "Longest distance 12.4 mi" in seen
    assert "There is nothing of that in 2025" in words(page(site, "/year/2025?show=climb&sport=swim"))
    climb = page(site, "/year/2025?show=climb&sport=ride")
    assert 'aria-current="true">climb</a>' in climb
    for query in ("show=speed", "sport=bike", "sport="):
        page(site, f"/year/2025?{query}", 400)
    assert [f'href="/{place}"' in text for place in ("year/2024", "year/2026", "month/2025-05")] == [True, False, True]
    assert 'href="/year/2025"' in page(site, "/year/2024")
    for path, status in (("/year/2023", 404), ("/year/2026", 404), ("/year/1", 400), ("/year/now", 400)):
        page(site, path, status)


def test_how_a_file_measured_is_said_of_its_own_numbers_alone() -> None:
    way, app = "The distance is the way along the positions.", "The moving time is what the app measured."
    sums = {"distance_m": 4500.0, "moving_time_seconds": 1550.0}
    rest = {"left_out": None, "flags": None, "distance_by": "track"}
    sessions = [{**sums, **rest, "moving_time_by": by} for by in (None, "app")]
    for metres, seconds, notes in ((9000.4, 3000, [way]), (9000.4, 3100, [way, app]), (8950.0, None, [])):
        assert file_notes(sessions, {"distance": metres, "moving_time": seconds}) == notes


def test_what_nobody_measured_is_a_dash_and_a_column_of_dashes_is_none() -> None:
    assert {distance(0.0, "km"), climb(0.0, "miles"), whole(0.0, "bpm"), whole(float("nan"), "W")} == {"–"}
    assert (whole(0), height(0.0, "km"), climb_difference(0.0, "km")) == ("0", "0 m", "0 m"), "these are measurements"
    head = '<thead><tr><th>Lap</th><th class="number">Climb</th><th>Heart rate</th><th aria-sort="descending">Power</th></tr></thead>'
    row = '<tr><th scope="row">{}</th><td class="number">{}</td><td>{}</td><td>–</td></tr>'
    shown = without_empty_columns(head + row.format(1, "<bdi>–</bdi>", "–") + row.format(2, "", "140 bpm"))
    assert (shown.count("Climb"), shown.count("<td>–</td>"), shown.count("<td")) == (0, 3, 4), "sorted by power"
    assert without_empty_columns(head) == head


def test_years_in_a_row_are_a_range() -> None:
    of = {(): "", (2025,): "2025", (2024, 2025): "2024 to 2025", (2019, 2021, 2022, 2023): "2019, 2021 to 2023"}
    assert {numbers: years(numbers) for numbers in of} == of


def test_a_speed_is_said_as_its_sport_says_it() -> None:
    said = [speed(2.5, group, units) for group in ("ride", "run", "swim") for units in ("km", "mi")]
    assert said == ["9.0 km/h", "5.6 mph", "6:40 /km", "10:44 /mi", "0:40 /100 m", "0:40 /100 m"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("until 2025-06-30 12:00 UTC; older of 2025-06-01.", "until 30 Jun 2025, 12:00; older of 1 Jun 2025."),
        (
            "2024–2025 on 2025-06-01, 2023-02-30, a-2025-06-01.log",
            "2024–2025 on 1 Jun 2025, 2023-02-30, a-2025-06-01.log",
        ),
        ("Type `flow --since 2025-06-01`.", "Type <code>flow --since 2025-06-01</code>."),
        ("Say so: `strava-pipeline matches list`.", 'Say so: <a href="/pairs">Pairs that may be one</a>.'),
        ("At once: `strava-pipeline providers pull toy`.", 'At once: <a href="/providers">Services</a>.'),
    ],
)
def test_a_sentence_of_a_run_has_days_as_a_person_writes_them_and_pages_for_commands(text: str, shown: str) -> None:
    assert prose(clocked(text, UTC)) == shown


def test_windows_of_curves_have_the_names_of_records_in_any_units() -> None:
    assert [window(width, "pace") for width in DISTANCES["run"]] == [
        *("400 m", "half mile", "1 km", "1 mile", "3 km", "2 miles", "5 km", "10 km", "15 km", "10 miles", "20 km"),
        *("half marathon", "30 km", "marathon", "50 km", "100 km"),
    ]
    assert [window(width, "watts") for width in (5, 90, 1200, 5400)] == ["5 s", "1.5 min", "20 min", "1.5 h"]


def test_a_change_of_a_whole_row_reads_as_the_other_pages_do() -> None:
    row = {
        "start_time": "2025-06-10T08:00:00",
        "activity_type": "WeightTraining",
        "duration_hms": 3661,
        "distance": 42195.0,
    }
    row |= {"avg_heart_rate": 142.0, "max_speed": 12.5, "total_elevation_gain": 0.0, "calories": 0, "temperature": 0.0}
    row |= {"max_elevation": 310.0, "notes": "<b>Up</b>", "strava_id": "7", "city": None, "with_names": ""}
    beginning = "start <bdi>10 Jun 2025, 08:00</bdi>, sport <bdi>Weight training</bdi>, duration <bdi>1:01:01</bdi>, "
    end = "name <bdi>&lt;b&gt;Up&lt;/b&gt;</bdi>, id at Strava <bdi>7</bdi>"
    assert change_value(row, "add_activity", "km", UTC) == (
        f"{beginning}distance <bdi>42.2 km</bdi>, heart rate <bdi>142 bpm</bdi>, highest speed <bdi>45.0 km/h</bdi>, "
        f"temperature <bdi>0 °C</bdi>, highest point <bdi>310 m</bdi>, {end}"
    )
    assert change_value(row, "add_activity", "miles", UTC) == (
        f"{beginning}distance <bdi>26.2 mi</bdi>, heart rate <bdi>142 bpm</bdi>, highest speed <bdi>28.0 mph</bdi>, "
        f"temperature <bdi>32 °F</bdi>, highest point <bdi>1,017 ft</bdi>, {end}"
    )
    nothing: dict[str, Any] = {"distance": 0.0, "notes": ""}
    assert [change_value(value, "add_activity", "km", UTC) for value in (None, {}, nothing)] == ["", "", ""]


@pytest.mark.dear
def test_moments_are_on_the_athletes_clock(tmp_path: Path, new_lake: NewLake) -> None:
    lake = new_lake(tmp_path / "data")
    put(lake, [activity(1, "2025-05-01T08:00", source_id="1", timezone="(GMT+05:30) Asia/Kolkata")])
    edited = {"version": 2, "valid_from": NOW, "changed_fields": ["distance", "name"], "previous": '{"distance": null}'}
    put(lake, [{"activity_id": 1, "athlete_id": ME, "source": "strava", **edited}], "activity_history")
    publish(lake)
    notify(lake, "error", "A run failed", NOW)
    with served(settings_of(tmp_path), time=NOW) as made:
        browser = made.browser()
        assert "error · 1 Jul 2025, 17:30 · unread" in words(page(browser, "/notifications"))
        assert "1 Jul 2025, 17:30, Strava: distance, name" in words(page(browser, "/activities/1"))
        first = page(browser, "/")
        assert "(Asia/Kolkata)" in first, "when data were published"
        noted = ScheduleTicks(what="Pulls.", ticks=(NOW, NOW + timedelta(days=1)))
        note_look(made.site.lake, NOW, [noted])
        assert "2 Jul 2025, 17:30 : Pulls." in words(page(browser, "/providers")), "this day's is begun"
        lake.snapshot.unlink()
        assert "error · 1 Jul 2025, 13:00 · unread" in words(page(browser, "/notifications")), "without an athlete"
        lake.goals.write_text('units = "miles"\ntimezone = "Asia/Tokyo"\n')
        assert "error · 1 Jul 2025, 21:00 · unread" in words(page(browser, "/notifications"))
        assert made.site.units == "miles"


@pytest.mark.dear
def test_pages_name_the_clock_of_who_has_no_named_zone(tmp_path: Path, new_lake: NewLake) -> None:
    lake = new_lake(tmp_path / "data")
    put(lake, [activity(1, "2025-05-01T08:00", timezone=None, utc_offset=3600.0)])  # as Garmin by its key has it
    publish(lake)
    with served(settings_of(tmp_path), time=NOW) as made:
        for path in ("/", "/settings"):
            assert "(UTC+01:00)" in page(made.browser(), path), path


def test_the_limit_of_a_service_ends_on_the_athletes_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    toy = with_toy(tmp_path, monkeypatch)
    limit(toy)
    with served(toy.model_copy(update={"timezone": "Asia/Kolkata"}), time=NOW) as made:
        for path in ("/", "/providers"):
            said = words(page(made.browser(), path))
            assert "Toy lets no more calls through until 2 Feb 2998, 11:30; a later run goes on" in said, path


@pytest.mark.dear
def test_what_is_computed_of_a_track_is_marked_in_pages_and_in_the_api(site: TestClient) -> None:
    one = words(page(site, "/activities/8"))
    assert "highest speed 20.1 mph computed" in one
    assert re.search(r"climb 3\d\d ft computed", one)
    assert "moving time 1:00:00 elapsed" in one, "what its source says is not marked"
    assert words(page(site, "/activities?from=2024-05-01&to=2024-05-01")).count("computed") == 1
    assert "computed" not in words(page(site, "/activities/1"))
    assert re.search(r"3\d\d ft computed", words(page(site, "/year/2024")))
    rows = site.get("/api/activities").json()["activities"]
    marked = {key: row["computed"] for key, row in rows.items() if row["computed"]}
    assert marked == {"8": ["total_elevation_gain", "max_speed"]}
    whole = site.get("/api/activities/8").json()["activity"]
    assert (whole["computed"], whole["max_speed"]) == (["total_elevation_gain", "max_speed"], pytest.approx(9))
