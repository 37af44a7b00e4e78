"""verbs.demo: its settings. The demo itself runs in e2e/."""

import tomllib
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from strava_pipeline.core.insights.goals import read_goals
from strava_pipeline.core.sources import NOWHERE
from strava_pipeline.ingest.providers_file import provider_choices
from strava_pipeline.ingest.registry import PROVIDERS
from strava_pipeline.ingest.strava.emulator.application import EmulatorConfig
from strava_pipeline.ingest.strava.emulator.state import build_state
from strava_pipeline.lake.decisions import decisions
from strava_pipeline.lake.gold.matches import MatchDecision
from strava_pipeline.lake.gold.warehouse import reading
from strava_pipeline.lake.paths import Lake
from strava_pipeline.verbs.demo import demo_settings, prepare_folder
from strava_pipeline.verbs.demo_athlete import (
    athlete_options,
    athlete_toml,
    goals_toml,
    import_recordings,
    providers_toml,
)
from strava_pipeline.verbs.service_process import free_address

FOLDERS = ("data_dir", "secrets_dir", "logs_dir", "ledger_dir", "dagster_home", "pings_config", "providers_config")


def test_everything_of_the_demo_is_in_its_folder_whatever_the_user_has_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRAVA_LEDGER_DIR", str(tmp_path / "mine"))
    settings = demo_settings(tmp_path / "demo", "http://127.0.0.1:9")
    assert {name for name in FOLDERS if tmp_path / "demo" not in getattr(settings, name).parents} == set()


def test_the_demo_has_no_years_before_its_athlete_s_first(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    assert demo_settings(folder, NOWHERE).first_year == 2008, "none was made yet"
    made = datetime(2026, 3, 10, 12, tzinfo=UTC)
    prepare_folder(folder, athlete_options(40, made), made)
    assert demo_settings(folder, NOWHERE).first_year == 2015


def test_the_demos_dashboard_is_where_the_environment_says_and_not_where_the_users_own_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("DASHBOARD_ADDRESS=127.0.0.1:9999\n")
    monkeypatch.chdir(tmp_path)
    for said, address in ((None, "127.0.0.1:8723"), ("", "127.0.0.1:8723"), ("[::1]:90", "[::1]:90"), ("off", "off")):
        if said is None:
            monkeypatch.delenv("DASHBOARD_ADDRESS")
        else:
            monkeypatch.setenv("DASHBOARD_ADDRESS", said)
        settings = demo_settings(tmp_path / "demo", NOWHERE)
        assert settings.dashboard_address == address
        assert (free_address(address) == "off") == (address == "off")


def test_every_service_is_enabled_and_no_file_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "providers.toml").write_text(providers_toml(date(2026, 7, 1)))
    chosen = provider_choices(tmp_path / "providers.toml")
    assert {name: (choice.enabled, choice.auto_files) for name, choice in chosen.items()} == dict.fromkeys(
        PROVIDERS, (True, False)
    )


@pytest.mark.parametrize(("ridden_km", "goals"), [(0.0, 0), (7.0, 0), (9.0, 1), (84.0, 2), (999.0, 2), (5662.6, 2)])
def test_the_goals_are_in_reach_whenever_the_demo_is_tried(ridden_km: float, goals: int) -> None:
    with duckdb.connect() as connection:
        connection.execute(
            "CREATE TABLE totals_by_year AS SELECT 2026 AS local_year, 'ride' AS sport_group, ? * 1000.0 AS distance_m, "
            "NULL::DOUBLE AS elevation_gain_m, 140 AS activities",
            [ridden_km],
        )
        text = goals_toml(connection, 2026)
        assert goals_toml(connection, 2025) == "", "nothing is recorded in that year"
    found = tomllib.loads(text)["2026"]
    reached = [ridden_km / goal for goal in found.get("ride", {}).get("distance_km", [])] + [
        140 / found["all"]["count"][0]
    ]
    assert all(0.6 <= share <= 1.1 for share in reached), reached
    assert len(reached) == 1 + goals


def test_the_athlete_is_the_same_when_the_emulator_starts_again_later(tmp_path: Path) -> None:
    made = datetime(2026, 3, 10, 12, tzinfo=UTC)
    options = dict(zip(*[iter(athlete_options(40, made))] * 2, strict=True))
    first, last = map(int, options["--years"].split("-"))
    until = datetime.fromisoformat(options["--recorded-until"])

    def starts(now: datetime) -> list[int]:
        config = EmulatorConfig(now=now, activities=40, years=(first, last), seed=1, recorded_until=until)
        return [row.start for row in build_state(config).store.existing(now.timestamp())]

    assert starts(made) == starts(made + timedelta(days=400))


def test_what_the_athlete_is_and_needs_can_be_read(tmp_path: Path) -> None:
    found = read_goals(tomllib.loads(athlete_toml(date(2026, 3, 10))))
    assert len(found.athlete) == 2
    assert {each.gear for each in found.services} == {"Tarmac", "Saucony Ride 17"}


@pytest.mark.dear
def test_the_athlete_says_where_the_files_of_the_device_that_lies_belong(tmp_path: Path) -> None:
    made, folder = datetime(2026, 3, 10, 12, tzinfo=UTC), tmp_path / "demo"
    prepare_folder(folder, athlete_options(12, made), made)
    settings = demo_settings(folder, NOWHERE)
    import_recordings(settings, folder, 12, made)
    lake = Lake(settings.data_dir)
    with reading(lake) as connection:
        devices = dict(
            connection.execute("SELECT activity_id, device_name FROM activity_sessions_by_source").fetchall()
        )
    assert [devices.get(each.other_id) for each in decisions(lake, MatchDecision).all] == ["Garmin Forerunner 935"]
