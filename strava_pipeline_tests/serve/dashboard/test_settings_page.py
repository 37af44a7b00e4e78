"""The page of settings: what it shows and hides, what its form may ask for, and a real run that writes providers.toml."""

import re
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster import DagsterRunStatus
from starlette.testclient import TestClient

from strava_pipeline.core.errors import MisuseError
from strava_pipeline.lake.gold.publish import publish
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.requests import Request, open_requests
from strava_pipeline.lake.user_files import seal_of_goals, with_display
from strava_pipeline.orchestrate.sensors.requests import request_of
from strava_pipeline_tests.lake.conftest import NewLake
from strava_pipeline_tests.lake.insight_rows import activity, put
from strava_pipeline_tests.orchestrate.sensors.ticks import watched
from strava_pipeline_tests.rig import Make
from strava_pipeline_tests.serve.dashboard.conftest import served
from strava_pipeline_tests.serve.dashboard.test_api import settings_of
from strava_pipeline_tests.serve.dashboard.test_pages import NOW, page, words

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
    chosen = {"units": "miles", "week_starts": "sunday", "dates": "yyyy-mm-dd"}
    assert with_display(lake, chosen, seal_of_goals(lake)) == (
        "",
        'units = "miles"\nweek_starts = "sunday"\ndates = "yyyy-mm-dd"\n',
    )
    text = '# mine\nunits = "km"  # for the club\n\n[2026.ride]  # the year\ncount = 3\n'
    lake.goals.write_text(text)
    seal = seal_of_goals(lake)
    assert with_display(lake, chosen, seal)[1] == (
        '# mine\nunits = "miles"  # for the club\nweek_starts = "sunday"\ndates = "yyyy-mm-dd"\n\n[2026.ride]  # the year\ncount = 3\n'
    )
    usual = {"units": None, "week_starts": "monday", "dates": "d mmm yyyy"}
    assert "units" not in with_display(lake, usual, seal)[1]
    lake.goals.write_text(text + "# later\n")
    with pytest.raises(MisuseError, match="was changed since"):
        with_display(lake, chosen, seal)
    with pytest.raises(MisuseError, match="Nothing of it differs"):
        with_display(lake, usual | {"units": "km"}, seal_of_goals(lake))


def test_the_page_shows_what_is_set_without_positions_and_refuses_the_rest(site: TestClient, tmp_path: Path) -> None:
    text = page(site, "/settings")
    assert "There is one service alone" in words(text)
    assert ("zone 1: radius 437 m" in words(text), "48.2037" in text, "16.36" in text) == (True, False, False)
    file = tmp_path / "providers.toml"
    file.write_text("[providers.nobody]\nenabled = true\n")
    assert "this version has no such provider" in page(site, "/settings")
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
    shown = {"seal": re.findall(SEAL, text)[1], "units": "", "week_starts": "monday", "dates": "d mmm yyyy"}
    for more in ({}, {"dates": "yy"}, {"units": "furlong"}, {"seal": "0" * 32, "units": "km"}, {"path": "/etc/passwd"}):
        assert site.post("/settings/display", data=shown | more).status_code == 400, more
    assert not (tmp_path / "data" / "inbox").exists()
    assert site.post("/settings", data=good).status_code == 303
    assert site.post("/settings/display", data=shown | {"units": "miles"}).status_code == 303
    assert file.read_text() == FILE, "the page writes nothing"


@pytest.mark.slow
def test_a_run_writes_the_file_with_its_comments_and_refuses_what_was_changed_meanwhile(make_rig: Make) -> None:
    rig = make_rig(activities=1, settings={"first_year": 2025})
    rig.settings.providers_config.write_text(FILE)
    with served(rig.settings, time=datetime.now(UTC)) as made, watched(rig) as watch:
        site = made.browser()

        def asked(**fields: Any) -> tuple[Request, dg.RunRequest]:
            answer = site.post("/settings", data={"seal": seal_on(site.get("/settings").text), **fields})
            assert answer.status_code == 303, answer.text
            (request,) = open_requests(rig.lake)
            assert isinstance(request, Request)
            return request, request_of(rig.settings, request, datetime.now(UTC))

        chosen = {"priority.strava": "1", "write.strava": ["", "name", "gear"], "priority.ridewithgps": "7"}
        request, run = asked(**chosen)
        assert watch.launch(run).status is DagsterRunStatus.SUCCESS
        written = rig.settings.providers_config.read_text()
        after = FILE.replace("priority = 3 ", "priority = 1 ").replace('["name"]', '["name", "gear"]')
        assert written == after.replace("[providers.spreadsheet]", "priority = 7\n[providers.spreadsheet]"), (
            "the comments stay"
        )
        assert "<b>Write providers.toml: done</b>" in site.get(f"/requests/{request.id}").text
        display = {"units": "km", "week_starts": "sunday", "dates": "yyyy-mm-dd"}
        seal = SEAL.findall(site.get("/settings").text)[1]
        assert site.post("/settings/display", data={"seal": seal, **display}).status_code == 303
        (request,) = open_requests(rig.lake)
        assert watch.launch(request_of(rig.settings, request, datetime.now(UTC))).status is DagsterRunStatus.SUCCESS
        assert "2026-" in site.get(f"/requests/{request.id}").text, "days are written as it says from now on"
        assert tomllib.loads(rig.lake.goals.read_text()) == display
        request, run = asked(**{"priority.strava": "2"})
        rig.settings.providers_config.write_text(written + "# later\n")
        with pytest.raises(dg.Failure, match="was changed since"):
            watch.launch(run)
        assert rig.settings.providers_config.read_text() == written + "# later\n"
        assert "<b>Write providers.toml: failed</b>" in site.get(f"/requests/{request.id}").text
