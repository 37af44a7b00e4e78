"""The page of settings: what it shows and hides, what its forms write, and a real run that publishes it."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from dagster import DagsterRunStatus
from starlette.testclient import TestClient

from strava_pipeline.core.errors import MisuseError
from strava_pipeline.core.facts import State
from strava_pipeline.core.insights.goals import GoalsError
from strava_pipeline.lake.gold.publish import publish, snapshot
from strava_pipeline.lake.gold.warehouse import exclusively
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.requests import Request, open_requests
from strava_pipeline.lake.user_files import Place, goals_document, goals_health, goals_of, seal_of_goals, write_goals
from strava_pipeline.lookups.fitness import estimated_thresholds
from strava_pipeline.orchestrate.sensors.requests import request_of
from strava_pipeline_tests.lake.conftest import NewLake
from strava_pipeline_tests.lake.insight_rows import activity, put
from strava_pipeline_tests.orchestrate.sensors.ticks import watched
from strava_pipeline_tests.rig import Make
from strava_pipeline_tests.serve.dashboard.conftest import served
from strava_pipeline_tests.serve.dashboard.test_api import settings_of
from strava_pipeline_tests.serve.dashboard.test_pages import NOW, page, words

pytestmark = pytest.mark.slow

FILE = """# mine
[providers.strava]   # the first
priority = 3         # stays
write = ["name"]

[providers.ridewithgps]
enabled = true
[providers.spreadsheet]
enabled = true
"""


@pytest.fixture
def site(tmp_path: Path, new_lake: NewLake) -> Iterator[TestClient]:
    lake = new_lake(tmp_path / "data")
    put(lake, [activity(1, "2025-05-01T08:00", gear_id=None)])
    publish(lake)
    lake.goals.write_text("[[privacy.zones]]\nplace = [48.2037, 16.3618]\nradius_m = 437\n")
    with served(settings_of(tmp_path), time=NOW) as made:
        yield made.browser()


SEAL = re.compile(r'name="seal" value="([0-9a-f]{32})"')


def seal_on(text: str) -> str:
    return SEAL.findall(text)[0]


def test_goals_toml_keeps_its_comments_and_is_made_where_there_is_none(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "data")
    made: dict[Place, Any] = {
        ("units",): "km",
        ("2026", "ride", "distance_km"): [4500, 5000],
        ("athlete", 0, "since"): date(2024, 3, 1),
        ("athlete", 0, "ftp", "ride"): 250,
        ("privacy", "zones", 0, "place"): [52.5, 13.25],
        ("privacy", "zones", 0, "radius_m"): 400,
        ("service", "Blue, old", "chain", "every_km"): 3000,
    }
    write_goals(lake, made, seal_of_goals(lake))
    assert (goals_of(lake).of(2026, "ride", "distance_m"), lake.goals.stat().st_mode & 0o777) == ((4.5e6, 5e6), 0o600)
    write_goals(lake, {place[:3] if "zones" in place else place: None for place in made}, seal_of_goals(lake))
    assert goals_document(lake) == {}
    text = '\ufeff# mine\nunits = "km"  # for the club\n\n[2026.ride]  # the year\ncount = 3\n'
    lake.goals.write_text(text)
    seal = seal_of_goals(lake)
    for values, why in (
        ({("units",): "km"}, "Nothing of it differs"),
        ({("units",): "furlong"}, "units: 'furlong' is neither"),
        ({("units", "a"): 1}, "one value for all at units"),
        ({("athlete", 3, "since"): 1}, "no such place"),
        ({("2026", 0, "count"): 1}, "no group of sports is called 0"),
    ):
        with pytest.raises((MisuseError, GoalsError), match=why):
            write_goals(lake, values, seal)
    assert lake.goals.read_text() == text
    write_goals(lake, {("units",): "miles", ("2026", "run", "count"): 9}, seal)
    assert lake.goals.read_text() == text.replace('"km"', '"miles"') + "\n[2026.run]\ncount = 9\n"
    with pytest.raises(MisuseError, match="was changed since"):
        write_goals(lake, {("units",): "km"}, seal)


@pytest.mark.dear
def test_the_page_shows_what_is_set_without_positions_and_refuses_the_rest(site: TestClient, tmp_path: Path) -> None:
    text = page(site, "/settings")
    assert "With two services or more" in words(text)
    assert ('value="437"' in text, "48.2037" in text, "16.36" in text) == (True, False, False)
    file = tmp_path / "providers.toml"
    file.write_text("[providers.nobody]\nenabled = true\n")
    assert "this version has no such provider" in page(site, "/settings")
    page(site, "/gear")
    file.write_text(FILE)
    text = page(site, "/settings")
    assert re.findall(r'name="write\.strava" value="(\w+)"( checked)?', text) == [("gear", ""), ("name", " checked")]
    assert "strava-pipeline providers login ridewithgps" in text
    assert "providers login spreadsheet" not in text, "a file has no login"
    assert "Priority (default 3)" in words(text)
    seal = seal_on(text)
    good = {"seal": seal, "priority.strava": "3", "write.strava": ["", "name", "gear"], "priority.ridewithgps": "1"}
    for more, status in (
        ({"priority.strava": "0"}, 400),
        ({"priority.strava": "1000"}, 400),
        ({"priority.strava": "one"}, 400),
        ({"priority.garmin": "1"}, 400),  # not enabled
        ({"write.ridewithgps": ["password"]}, 400),
        ({"write.strava": ["duration"]}, 400),  # Strava can't
        ({"path": "/etc/passwd"}, 400),
        ({"priority.../etc": "1"}, 400),
        ({"seal": "0" * 32}, 400),
        ({"priority.ridewithgps": "2", "write.strava": ["name"]}, 400),  # as it is
    ):
        assert site.post("/settings", data=good | more).status_code == status, more
    assert site.post("/settings", data=good).status_code == 303
    written = FILE.replace('["name"]', '["name", "gear"]').replace("[providers.sp", "priority = 1\n[providers.sp")
    assert file.read_text() == written
    assert site.post("/settings", data=good).status_code == 400, "another file is there"


@pytest.mark.dear
def test_goals_are_written_on_the_page_and_no_request_carries_them(site: TestClient, tmp_path: Path) -> None:
    lake, before = Lake(tmp_path / "data"), (tmp_path / "goals.toml").read_text()
    good = {
        "seal": seal_on(page(site, "/settings")),
        '["units"]': "miles",
        '["week_starts"]': "monday",
        "add.goal": ["2025", "ride", "distance_km", "5e3, 6000"],
        "add.athlete": ["2025-01-01", "ftp.ride", "251"],
        "add.zone": ["", ""],
    }
    for more, status in (
        ({"seal": "0" * 32}, 400),
        ({'["units"]': "furlong"}, 400),
        ({'["x", {}]': "1"}, 400),
        ({"[0]": "1"}, 400),
        ({'["privacy", "zones", "y"]': "1"}, 400),
        ({"remove": '["nothing"]'}, 400),
        ({"add.path": ["/etc/passwd"]}, 400),
        ({"add.athlete": ["", "ftp.ride", "250"]}, 400),
        ({"add.athlete": ["1899-12-31", "ftp.ride", "250"]}, 400),
        ({"add.athlete": ["2025-07-03", "ftp.ride", "250"]}, 400),  # the day after tomorrow
        ({'["service", "Blue", "chain", "done"]': "2025-01-01, 2099-01-01"}, 400),
        ({"add.goal": ["2025", "ride", "count", "12.5"]}, 400),
        ({"add.goal": ["2025", "ride", "distance_km", "72,5"]}, 400),
        ({"add.athlete": ["2025-01-01", "weight_kg", "72,5"]}, 400),
        ({"add.zone": ["91, 0", "400"]}, 400),
        ({"add.zone": ["52.5, 13.25", " "]}, 400),
        ({"add.zone": ["", "400"]}, 400),
        ({"add.service": ["Domane", " ", "every_km", "400"]}, 400),
    ):
        assert site.post("/settings/goals", data=good | more).status_code == status, more
        assert lake.goals.read_text() == before
    wrong = {"add.athlete": ["2025-01-01", "weight_kg", "-5"]}
    refused = site.post("/settings/goals", data=good | wrong, headers={"accept": "text/html"}).text
    assert ("Not saved" in refused, '<a href="/settings">' in refused, "weight, kg: -5 is not" in words(refused)) == (
        True,
        True,
        True,
    )
    assert not (tmp_path / "data" / "inbox").exists()
    answer = site.post("/settings/goals", data=good)
    assert (answer.status_code, answer.headers["location"][:10]) == (303, "/settings?")
    told = "Saved: Units: miles; 2025 · Ride · distance, km: 5000, 6000; From 2025-01-01: FTP, W · Ride: 251. No activity’s load changed."
    assert told in words(page(site, answer.headers["location"]))
    with snapshot(lake) as connection:
        assert connection.execute("SELECT ftp FROM thresholds_by_date").fetchall() == [(251.0,)], "it counts at once"
    with exclusively(lake):
        answer = site.post(
            "/settings/goals", data={"seal": seal_on(page(site, "/settings")), '["week_starts"]': "sunday"}
        )
    assert (answer.status_code, "Use what was saved" in site.get(answer.headers["location"]).text) == (303, True)
    (asked,) = open_requests(lake)
    assert isinstance(asked, Request)
    assert asked.wanted.model_dump() == {"kind": "publish"}
    assert goals_document(lake) == {
        "privacy": {"zones": [{"place": [48.2037, 16.3618], "radius_m": 437}]},
        "units": "miles",
        "week_starts": "sunday",
        "2025": {"ride": {"distance_km": [5000, 6000]}},
        "athlete": [{"since": date(2025, 1, 1), "ftp": {"ride": 251}}],
    }
    text = page(site, "/settings")
    for name, value in (('["2025", "ride", "distance_km"]', "5000, 6000"), ('["athlete", 0, "ftp", "ride"]', "251")):
        assert f"name='{name}' value=\"{value}\"" in text.replace("&#34;", '"')
    removed = {'["2025", "ride", "distance_km"]': "", "remove": '["privacy", "zones", 0]'}
    assert (
        site.post(
            "/settings/goals", data=good | removed | {"seal": seal_on(text), "add.goal": ["1", "2", "3", ""]}
        ).status_code
        == 303
    )
    assert goals_document(lake).keys() == {"units", "week_starts", "athlete"}
    emptied = {'["athlete", 0, "since"]': "", '["athlete", 0, "ftp", "ride"]': ""}
    text = page(site, "/settings")
    assert site.post("/settings/goals", data={"seal": seal_on(text)} | emptied).status_code == 303, "a whole entry"
    assert goals_document(lake) == {"units": "miles", "week_starts": "monday"}
    weekly = {"seal": seal_on(page(site, "/settings")), "add.goal": ["every_week", "ride", "time_hours", "4"]}
    answer = site.post("/settings/goals", data=weekly)
    said = words(text := page(site, answer.headers["location"]))
    assert "Saved: Every week · Ride · time in motion, hours: 4." in said
    assert '<option value="every_month">every month</option>' in text
    assert goals_document(lake)["every_week"] == {"ride": {"time_hours": 4}}
    lake.goals.write_text(inline := "athlete = [{since = 2024-03-01, weight_kg = 70}]\n")
    more = {"seal": seal_on(page(site, "/settings")), "add.athlete": ["2025-01-01", "weight_kg", "71"]}
    assert "change it yourself" in site.post("/settings/goals", data=more).text
    assert lake.goals.read_text() == inline


@pytest.mark.dear
def test_the_zone_that_is_chosen_is_that_of_pages_at_once(site: TestClient, tmp_path: Path) -> None:
    def chosen(zone: str) -> int:
        form = {"seal": seal_on(page(site, "/settings")), '["timezone"]': zone}
        answer = site.post("/settings/goals", data=form)
        if answer.status_code == 303:
            said = words(page(site, answer.headers["location"]))
            assert (f"Saved: Time zone: {zone or 'as usual'}." in said, "load changed" in said) == (True, False)
        return answer.status_code

    assert (chosen("Mars/Olympus"), "(Asia/Tokyo)" in page(site, "/")) == (400, False)
    assert (chosen("Asia/Tokyo"), "(Asia/Tokyo)" in page(site, "/")) == (303, True)
    with Lake(tmp_path / "data").goals.open("a") as file:
        file.write("# mine\n")
    assert chosen("US/Eastern") == 303
    assert '<option value="US/Eastern" selected>' in page(site, "/settings"), "a name that is not offered stays"
    assert (chosen(""), "(Asia/Tokyo)" in page(site, "/")) == (303, False)


@pytest.mark.dear
def test_a_first_heart_rate_counts_for_all_days_before_and_no_maximum_below_it_is_taken(
    site: TestClient, tmp_path: Path
) -> None:
    lake = Lake(tmp_path / "data")
    hikes = {"sport_type": "Hike", "average_heartrate": 140.0}
    put(lake, [activity(n, f"202{n}-05-02T08:00", **hikes) for n in (2, 3, 4, 5)])
    put(lake, [{"day": date(2023, 5, 1), "resting_heartrate": 40.0}], "days")
    publish(lake)

    def offered(day: str, what: str) -> tuple[bool, list[str]]:
        asked = urlencode([("add.athlete", day), ("add.athlete", what), ("add.athlete", "")])
        part = page(site, f"/settings?{asked}").split('id="reach"')[1].split("</p>")[0]
        return "checked" in part, re.findall(r"\d+", words(part))

    assert offered("2025-01-01", "threshold_heartrate.all") == (True, ["3", "1"])
    assert 'hx-sync="this:replace"' in page(site, "/settings"), "of quick changes, the last one wins"
    assert offered("2025-01-01", "resting_heartrate.all") == (True, ["2", "1"]), "measured for its day"
    assert offered("2025-01-01", "ftp.ride") == (False, ["0", "0"])
    assert offered("2025-01-01", "weight_kg") == (False, ["0", "0"])
    assert site.get("/settings?add.athlete=yesterday&add.athlete=ftp.ride").status_code == 400

    def save(*row: str, **more: str) -> Any:
        fields = {"seal": seal_on(page(site, "/settings")), "add.athlete": row, **more}
        return site.post("/settings/goals", data=fields, headers={"accept": "text/html"})

    for day in ("2025-06-30", "2022-01-01"):  # the effort of 2025-05-02 holds for the first, all of them for the second
        refused = save(day, "max_heartrate.all", "130")
        told = "highest heart rate, bpm: 130 bpm is not above the threshold of 133 bpm that is estimated"
        assert (refused.status_code, told in words(refused.text)) == (400, True)
    lake.goals.write_text("[[athlete]]\nsince = 2025-01-01\nmax_heartrate = 130\n")
    health = goals_health(lake, estimated_thresholds(lake))
    assert (health.state, "130 bpm is not above the threshold of 133 bpm" in health.text) == (State.WARNING, True)
    lake.goals.unlink()
    answer = save("2025-01-01", "threshold_heartrate.all", "163", **{"add.always": "true"})
    assert "The load of 4 activities changed." in words(page(site, answer.headers["location"]))
    assert offered("2025-03-01", "threshold_heartrate.all") == (False, ["3", "1"])
    refused = save("2025-01-01", "max_heartrate.all", "300", **{"add.always": "true"})
    assert words(refused.text).count("highest heart rate, bpm: 300 is not a number from 100 to 250") == 1
    for most in ("163", "150"):
        refused = save("2025-01-01", "max_heartrate.all", most)
        assert (
            refused.status_code,
            f"highest heart rate, bpm: {most} bpm is not above the threshold" in words(refused.text),
        ) == (400, True)
    save("2025-01-01", "resting_heartrate.all", "55", **{"add.always": "true"})
    with snapshot(lake) as connection:
        told = connection.execute("SELECT threshold, resting_heartrate FROM activity_load ORDER BY on_day").fetchall()
        zones = connection.execute("SELECT DISTINCT threshold_on FROM training_zones").fetchall()
    assert told == [(163, 55), (163, 40), (163, 55), (163, 55)]
    assert zones == [(None,)]
    assert goals_document(lake)["athlete"] == [
        {"since": day, "threshold_heartrate": {"all": 163}, "resting_heartrate": {"all": 55}}
        for day in (date(2025, 1, 1), "always")
    ]
    assert "All days before: resting heart rate, bpm" in words(page(site, "/settings"))


@pytest.mark.dear
@pytest.mark.parametrize(
    ("what", "value", "moved"),
    [("ftp.ride", "200", "1"), ("threshold_pace", "5:00", "1"), ("threshold_heartrate.all", "170", "1")],
)
def test_a_threshold_counts_for_the_activities_whose_load_it_moves(
    site: TestClient, tmp_path: Path, what: str, value: str, moved: str
) -> None:
    powered = {"weighted_average_watts": 180.0, "average_watts": 170.0}
    paced = {"sport_type": "Run", "distance": 10_000.0}
    given = [
        {**powered, "device_watts": True},
        {**powered, "device_watts": False},
        {**powered, "device_watts": True, "moving_time": 300},
        {"average_watts": 170.0},
        paced,
        {**paced, "average_heartrate": 150.0},
        {**paced, "moving_time": None, "elapsed_time": None},
    ]
    put(Lake(tmp_path / "data"), [activity(n, f"2025-05-0{n}T08:00", **more) for n, more in enumerate(given, start=2)])
    publish(Lake(tmp_path / "data"))
    asked = urlencode([("add.athlete", "2025-05-01"), ("add.athlete", what), ("add.athlete", "")])
    part = words(page(site, f"/settings?{asked}").split('id="reach"')[1].split("</p>")[0])
    assert f"from this day: {moved} activit" in part
    row = {"seal": seal_on(page(site, "/settings")), "add.athlete": ["2025-05-01", what, value]}
    answer = site.post("/settings/goals", data=row, headers={"accept": "text/html"})
    assert f"moved={moved}&" in answer.headers["location"]


@pytest.mark.dear
def test_the_tick_for_all_days_before_is_the_default_of_its_kind_until_a_person_changes_it(site: TestClient) -> None:
    ticked = {"add.always": "true"}  # what a browser sends of a box that is ticked; of another one, nothing

    def again(what: str, sent: dict[str, str]) -> dict[str, str]:
        """What a browser sends of the part of the form that follows."""
        row = [("add.athlete", each) for each in ("2025-01-01", what, "")]
        part = page(site, f"/settings?{urlencode([*row, *sent.items()])}").split('id="reach"')[1].split("</p>")[0]
        (offered,) = re.findall(r'name="add.offered" value="(\w*)"', part)
        return {"add.offered": offered, **(ticked if " checked" in part else {})}

    first = again("weight_kg", {})
    assert first == {"add.offered": ""}
    beats = again("threshold_heartrate.all", first)
    assert beats == {"add.offered": "true", **ticked}
    assert again("weight_kg", beats) == first, "nobody changed it"
    chosen = again("ftp.ride", first | ticked)
    assert chosen == {"add.offered": "chosen", **ticked}
    assert again("weight_kg", again("threshold_heartrate.all", chosen)) == chosen
    unticked = again("threshold_heartrate.all", {"add.offered": beats["add.offered"]})
    assert again("max_heartrate.all", unticked) == unticked == {"add.offered": "chosen"}
    row = {"seal": seal_on(page(site, "/settings")), "add.athlete": ["2025-01-01", "threshold_heartrate.all", "163"]}
    said = site.post("/settings/goals", data=row | unticked).headers["location"]
    assert "All days before" not in words(page(site, said)), "as it was sent"


@pytest.mark.dear
def test_gear_shows_what_is_due_on_its_card_and_names_a_service_of_nothing(site: TestClient, tmp_path: Path) -> None:
    lake = Lake(tmp_path / "data")
    put(lake, [activity(2, "2025-05-02T08:00", gear_id="b1")])
    put(lake, [{"source": "strava", "gear_id": "b1", "name": "<Domane>"}], "gear")
    lake.goals.write_text("[service.'<Domane>'.chain]\nevery_km = 10\n[service.Domaine.fork]\nevery_km = 10\n")
    publish(lake)
    text = page(site, "/gear")
    assert "Domaine , fork : no activity has gear of this name." in words(text)
    card = words(text.split('class="cards"')[1])
    assert ("chain is due" in card, "20.0 km of 10.0 km since the first activity" in card) == (True, True)
    added = {
        "seal": seal_on(text),
        "add.service": ["<Domane>", "tyres", "every_km", "100"],
        '["service", "<Domane>", "chain", "done"]': "2025-05-03",
    }
    assert site.post("/settings/goals", data=added).status_code == 303
    publish(lake)
    card = words(page(site, "/gear").split('class="cards"')[1])
    assert ("chain is due" in card, "20.0 km of 100 km" in card) == (False, True)


@pytest.mark.dear
def test_what_was_written_is_published_by_the_run_that_the_page_asked_for(make_rig: Make) -> None:
    rig = make_rig(activities=1, settings={"first_year": 2025})
    publish(rig.lake)
    with served(rig.settings, time=datetime.now(UTC)) as made, watched(rig) as watch:
        site = made.browser()
        good = {"seal": seal_on(site.get("/settings").text), "add.athlete": ["2025-01-01", "weight_kg", "71.5"]}
        with exclusively(rig.lake):  # a run is at work
            assert site.post("/settings/goals", data=good).status_code == 303
        (request,) = open_requests(rig.lake)
        assert isinstance(request, Request)
        assert watch.launch(request_of(rig.settings, request, datetime.now(UTC))).status is DagsterRunStatus.SUCCESS
        assert "<b>Use what was saved: done</b>" in site.get(f"/requests/{request.id}").text
    with snapshot(rig.lake) as connection:
        assert connection.execute("SELECT weight_kg FROM athlete_by_date").fetchall() == [(71.5,)]
