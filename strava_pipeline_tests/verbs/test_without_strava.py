"""Where another service is enabled and nothing of Strava is set or here, no command speaks of Strava."""

from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.environment.settings import Settings
from strava_pipeline.operations.used import is_strava_used
from strava_pipeline.orchestrate.build import build_defs

MANIFEST = '{"window": {"mode": "all", "after": null, "before": null}, "started_at": "2026-03-01T12:00:00Z"}'
COMMANDS = (["status"], ["doctor"], ["plan"], ["service", "status"])


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
