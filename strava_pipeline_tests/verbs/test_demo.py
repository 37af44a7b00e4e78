"""verbs.demo: its settings. The demo itself runs in e2e/."""

from pathlib import Path

import pytest

from strava_pipeline.ingest.providers_file import provider_choices
from strava_pipeline.ingest.registry import PROVIDERS
from strava_pipeline.verbs.demo import demo_settings, providers_toml

FOLDERS = ("data_dir", "secrets_dir", "logs_dir", "ledger_dir", "dagster_home", "pings_config", "providers_config")


def test_everything_of_the_demo_is_in_its_folder_whatever_the_user_has_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRAVA_LEDGER_DIR", str(tmp_path / "mine"))
    settings = demo_settings(tmp_path / "demo", "http://127.0.0.1:9")
    assert {name for name in FOLDERS if tmp_path / "demo" not in getattr(settings, name).parents} == set()


def test_every_service_is_enabled_and_no_file_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "providers.toml").write_text(providers_toml())
    chosen = provider_choices(tmp_path / "providers.toml")
    assert {name: (choice.enabled, choice.auto_files) for name, choice in chosen.items()} == dict.fromkeys(
        PROVIDERS, (True, False)
    )
