"""Answers hold no folder of this machine."""

from pathlib import Path

import pytest

from strava_pipeline.environment.settings import Settings
from strava_pipeline.serve.dashboard.middlewares import Shortening

HOME = {
    "STRAVA_DATA_DIR": "/srv/zoë/a b/data",
    "STRAVA_SECRETS_DIR": "/srv/zoë/a b/secrets",
    "STRAVA_LOGS_DIR": "/x/logs",
}
CONTAINER = {"STRAVA_DATA_DIR": "/data", "STRAVA_SECRETS_DIR": "/run/secrets", "STRAVA_LOGS_DIR": "/logs"}


@pytest.mark.parametrize(
    ("folders", "text", "shown"),
    [
        (HOME, "/srv/zoë/a b/data/warehouse/strava.duckdb can't be read", "warehouse/strava.duckdb can't be read"),
        (HOME, '{"detail": "/srv/zo\\u00eb/a b/data/inbox"}', '{"detail": "inbox"}'),
        (HOME, "in /srv/zoë/a b/data.", "in data."),
        (HOME, "in /srv/zoë/a b/secrets/token.json or /x/logs/a", "in secrets/token.json or logs/a"),
        (HOME, "see https://example.org/x/logs and /api/data", "see https://example.org/x/logs and /api/data"),
        (
            CONTAINER,
            "/data/warehouse is in /data, a login in /run/secrets/t",
            "warehouse is in data, a login in secrets/t",
        ),
        (CONTAINER, "/database, /data-2 and /logs_of are not /data.", "/database, /data-2 and /logs_of are not data."),
        (
            CONTAINER,
            'href="/activities" and https://example.org/data',
            'href="/activities" and https://example.org/data',
        ),
    ],
)
def test_a_path_becomes_relative(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, folders: dict[str, str], text: str, shown: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in folders.items():
        monkeypatch.setenv(name, value)
    assert Shortening(Settings.load())(text.encode()).decode() == shown


def test_a_link_stays_where_a_folder_is_called_like_a_page(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in {"STRAVA_DATA_DIR": "/activities/data", "STRAVA_LOGS_DIR": "/logs"}.items():
        monkeypatch.setenv(name, value)
    shorten = Shortening(Settings.load())
    assert shorten(b'href="/activities/7" in /logs/a') == b'href="/activities/7" in logs/a'
