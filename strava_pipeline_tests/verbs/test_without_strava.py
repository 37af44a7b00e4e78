"""Where nothing of Strava is set or here, no command and no page speaks of Strava, whatever else is used."""

import os
import re
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.scheduler.instigation import InstigatorState, InstigatorStatus, ScheduleInstigatorData

from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.garmin.keys import save_key
from strava_pipeline.operations.used import is_strava_used
from strava_pipeline.orchestrate.build import build_defs
from strava_pipeline.serve.dashboard.routes import routes
from strava_pipeline.verbs.instance import open_instance
from strava_pipeline_tests.imports import a_gpx
from strava_pipeline_tests.orchestrate.sensors.test_catch_up import origin
from strava_pipeline_tests.processes import python
from strava_pipeline_tests.serve.dashboard.conftest import served
from strava_pipeline_tests.serve.dashboard.test_pages import PAGE, words

MANIFEST = '{"window": {"mode": "all", "after": null, "before": null}, "started_at": "2026-03-01T12:00:00Z"}'
COMMANDS = (["status"], ["doctor"], ["plan"], ["service", "status"])
LOOKS = r"""status, doctor, plan, providers list, providers status, providers gear, providers pull, insights, goals check, calendar,
sync-month 2025-06, matches list, changes list, quarantine list, notifications list, import undo, maps list, service status,
service time, logs latest, copy list, athletes list, dashboard link, metrics --once, report --html year.html, purge --dry-run,
compact, sql SHOW\ TABLES"""
OF_STRAVA = {
    "/segments",
    "/settings",
    "/why",
}  # of Strava's segments, of every service, and of loads by its relative effort
MAY_NAME = ("strava-pipeline", "strava_pipeline", "strava.duckdb")  # the program, and its file


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "providers.toml").write_text("[providers.intervals_icu]\nenabled = true\n")
    places = {f"STRAVA_{name.upper()}_DIR": str(tmp_path / name) for name in ("data", "secrets", "logs", "ledger")}
    mine = {"PROVIDERS_CONFIG": str(tmp_path / "providers.toml"), "DAGSTER_HOME": str(tmp_path / "home")}
    for name, value in {
        **places,
        **mine,
        "INTERVALS_API_KEY": "a-key",
        "INTERVALS_BASE_URL": "http://127.0.0.1:9",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("STRAVA_CLIENT_ID", raising=False)
    return tmp_path


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_no_command_speaks_of_strava(folder: Path, type_in: Any, words: list[str]) -> None:
    told = type_in(*words)
    said = told.out.replace("strava-pipeline", "").replace(str(folder), "")
    assert "intervals" in said
    assert [line for line in said.splitlines() if "strava" in line.lower()] == []
    assert [line for line in said.splitlines() if "Budget" in line or "flow" in line.split("`")[0]] == []


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which one command was typed, an import of two recordings."""
    folder = tmp_path_factory.mktemp("imported")
    (folder / "watch").mkdir()
    for minute in (0, 10):
        (folder / "watch" / f"{minute}.gpx").write_bytes(a_gpx(60, minute))
    outside = {name: value for name, value in os.environ.items() if name not in Settings.variables()}
    ended = python("-m", "strava_pipeline", "import", "watch", cwd=folder, env=outside | places(folder))
    assert ended.returncode == 0, ended.stderr
    return folder


def places(folder: Path) -> dict[str, str]:
    return {"STRAVA_LEDGER_DIR": str(folder / "ledger"), "DAGSTER_HOME": str(folder / "home")}


@pytest.fixture(params=["files alone", "Garmin's key alone"])
def newcomer(
    request: pytest.FixtureRequest, imported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    folder = shutil.copytree(imported, tmp_path / "here")
    monkeypatch.chdir(folder)
    for name in Settings.variables():
        monkeypatch.delenv(name, raising=False)
    for name, value in places(folder).items():
        monkeypatch.setenv(name, value)
    if request.param != "files alone":
        (folder / "providers.toml").write_text("[providers.garmin]\nenabled = true\n")
        save_key(Settings.load(), "a-key", None)
    return Settings.load()


@pytest.mark.dear
def test_no_command_of_a_newcomer_speaks_of_strava(newcomer: Settings, type_in: Any) -> None:
    is_garmin_used = (newcomer.data_dir.parent / "providers.toml").exists()
    for command in re.split(r",\s+", LOOKS):
        if command == "providers pull" and is_garmin_used:
            continue  # it would ask Garmin
        said = type_in(*re.split(r"(?<!\\) ", command.replace("\n", " ")))
        assert "Usage: " not in said.err, command
        assert about_strava(said.out + said.err) == [], command
        assert "not_pulled" not in said.out or is_garmin_used, command


@pytest.mark.dear
def test_no_page_of_a_newcomer_speaks_of_strava(newcomer: Settings) -> None:
    with served(newcomer, time=datetime.now(UTC)) as made:
        browser = made.browser()
        one, other = browser.get("/api/activities").json()["activities"]
        values = {"activity_id": one, "other_id": other, "year": "2025", "month": "2025-06", "period": "2025"}
        for path in (route.path for route in routes() if "GET" in route.methods and not route.path.startswith("/api/")):
            address = re.sub(r"{(\w+)}", lambda found: values.get(found[1], found[0]), path)
            if path in OF_STRAVA or "{" in address:
                continue
            page = browser.get(address, headers=PAGE)
            assert (page.status_code < 400 or path == "/health", about_strava(words(page.text))) == (True, []), address


@pytest.mark.dear
def test_the_next_run_of_a_newcomer_is_of_a_schedule_that_is_there_and_on(newcomer: Settings) -> None:
    def shown(path: str) -> str:
        with served(newcomer, time=datetime.now(UTC)) as made:
            return made.browser().get(path, headers=PAGE).text

    assert "Nothing runs by itself" in shown("/"), "nobody looks"
    assert "Dagster’s daemon is not at work" in shown("/providers")
    defs = build_defs(newcomer, only_set_up=True)
    sensor = next(each for each in defs.sensors or () if each.name == "requests")
    with open_instance(newcomer.dagster_home) as instance:

        def look() -> list[str]:
            with dg.build_sensor_context(instance=instance, definitions=defs, sensor_name="requests") as context:
                sensor.evaluate_tick(context)
            times = re.findall('<li><time datetime="([^"]+)">', shown("/providers"))
            return [f"{datetime.fromisoformat(each).astimezone(ZoneInfo('Europe/London')):%H:%M}" for each in times]

        if not newcomer.providers_config.exists():
            assert look() == []
            assert "No schedule is on" in shown("/providers")
            return
        assert sorted(look()) == ["03:00", "04:00", "06:00"]
        assert "Next run: " in shown("/")
        for name in ("monthly_garmin", "weekly_garmin"):
            seen = ScheduleInstigatorData("0 5 * * *")
            instance.add_instigator_state(
                InstigatorState(origin(name), InstigatorType.SCHEDULE, InstigatorStatus.STOPPED, seen)
            )
        assert look() == ["06:00"], "what is switched off in Dagster is not due"


def about_strava(text: str) -> list[str]:
    """The places where a text names Strava."""
    for name in MAY_NAME:
        text = text.replace(name, "")
    return re.findall(".{0,60}strava.{0,40}", text, re.IGNORECASE)


@pytest.mark.parametrize("use", ["application", "login", "data"])
def test_whoever_uses_strava_is_told_of_it(folder: Path, monkeypatch: pytest.MonkeyPatch, use: str) -> None:
    assert not is_strava_used(Settings.load())
    match use:
        case "application":
            monkeypatch.setenv("STRAVA_CLIENT_ID", "12345")
        case "login":
            (folder / "secrets").mkdir(mode=0o700)
            (folder / "secrets" / "strava_token.json").write_text('{"refresh_token": "x"}')
        case _:
            listing = folder / "data" / "bronze" / "activities" / "20260301T120000Z-all"
            listing.mkdir(parents=True)
            (listing / "manifest.json").write_text(MANIFEST)
    assert is_strava_used(Settings.load())


def test_its_schedules_are_there_only_where_it_is_used(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def names() -> set[str]:
        return {each.name for each in build_defs(Settings.load(), only_set_up=True).schedules or ()}

    without = names()
    monkeypatch.setenv("STRAVA_CLIENT_ID", "12345")
    assert names() - without == {"daily_flow", "weekly_profile", "weekly_reconcile", "monthly_reconcile"}
    assert "daily_intervals_icu" in without
