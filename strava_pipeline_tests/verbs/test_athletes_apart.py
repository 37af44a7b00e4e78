"""Two athletes of a house: nothing of one is in what the commands of the other print, nor in any file of the other.

Everything of an athlete holds a word, a number and a latitude of theirs alone, and so does what the house has of its own kind.
"""

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from strava_pipeline.cli import COMMANDS
from strava_pipeline.environment.settings import Settings
from strava_pipeline.lake.gold.publish import publish
from strava_pipeline.lake.notifications import notify
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.requests import ImportWanted, keep_request
from strava_pipeline_tests.contents import unpacked
from strava_pipeline_tests.lake.insight_rows import activity, put
from strava_pipeline_tests.verbs.conftest import Type
from strava_pipeline_tests.verbs.house import house

__all__ = ["house"]

NOW = datetime(2026, 3, 10, 12, 0, 30, tzinfo=UTC)
ADA, BOB = ("zebra", 48.2121), ("okapi", 47.3434)
HOUSE = "quagga"
ASKED: dict[str, list[tuple[str, ...]]] = {
    "status": [("status",)],
    "sql": [("sql", "--format", "csv", query) for query in ("FROM activities", "SELECT name, word FROM gear, mine")],
    "doctor": [("doctor",)],
    "import": [("import", "undo")],
    "plan": [("plan",)],
    "quarantine": [("quarantine", "list")],
    "providers": [("providers", "list"), ("providers", "status")],
    "changes": [("changes", "list")],
    "calendar": [("calendar",)],
    "matches": [("matches", "list")],
    "schema": [("schema",)],
    "export": [("export", "activity", "1", "--to", "track.csv")],
    "purge": [("purge", "--dry-run", "--json")],
    "readmit": [("readmit",)],
    "insights": [("insights", "--json")],
    "corrections": [("corrections", "list")],
    "rules": [("rules", "check")],
    "bests": [("bests", "1")],
    "devices": [("devices",)],
    "why": [("why", "distance", "--json")],
    "report": [("report", "--html", "report.html")],
    "goals": [("goals", "check")],
    "trips": [("trips", "car", "list"), ("trips", "car", "status"), ("trips", "activity", "diagnose")],
    "maps": [("maps", "list")],
    "notifications": [("notifications", "list", "--all"), ("notifications", "list", "--json")],
    "logs": [("logs", "latest")],
    "service": [("service", "status"), ("service", "logs"), ("service", "install", "--print")],
    "dashboard": [("dashboard", "link")],
    "athletes": [("athletes", "list", "--json")],
}
RUNS = "it runs a job, as in the test with two logins"
NOT_ASKED = {
    **dict.fromkeys(
        ("flow", "flow-backfill", "run", "run-lite", "run-all", "refresh", "enrich", "enrich-all", "streams"), RUNS
    ),
    **dict.fromkeys(
        ("backfill", "reconcile", "profile", "compact", "recompact", "rebuild", "sync-month", "webhooks"), RUNS
    ),
    **dict.fromkeys(("demo", "emulator"), "it has a made-up athlete in a folder of its own"),
    **dict.fromkeys(("start", "auth", "duck", "archive"), "it asks a person, or for a file"),
    "subscription": "it asks Strava",
    **dict.fromkeys(
        ("dev", "machines", "metrics", "serve"),
        "it stays: processes inherit the environment that test_athletes.py looks at",
    ),
    "copy": "it is about the copy that the athlete's own settings name",
    "tokens": "the dashboard of all athletes has them, and --for says whose: test_tokens_verb.py",
}


def test_every_command_is_asked_or_has_a_reason() -> None:
    assert COMMANDS.keys() - ASKED.keys() - NOT_ASKED.keys() == set()


def seed(folder: Path, word: str, latitude: float, new_lake: Callable[[Path], Lake]) -> None:
    """Fill an athlete's folder with their word and latitude, in each kind of place that there is."""
    lake = new_lake(folder / "data")
    place = {
        "start_latlng": [latitude, 16.37],
        "end_latlng": [latitude, 16.38],
        "visibility": "only_me",
        "edited_at": NOW,
    }
    put(lake, [activity(1, "2025-05-01T08:00", name=f"{word} ride", gear_id="b1", **place)])
    put(lake, [{"source": "strava", "gear_id": "b1", "name": f"{word} bike"}], "gear")
    (folder / "views").mkdir()
    (folder / "views" / "mine.sql").write_text(f"CREATE VIEW mine AS SELECT '{word} view' AS word")
    publish(lake)
    notify(lake, "error", f"{word} notification", NOW)
    keep_request(lake, ImportWanted(kind="import", names=(f"{word}.gpx",)), NOW, by=word)
    lake.inbox_files.mkdir(parents=True)
    (lake.inbox_files / f"{word}.gpx").write_text(f'<gpx><trkpt lat="{latitude}" lon="16.37"/></gpx>')
    (folder / "goals.toml").write_text(f"# {word}\n[2026.ride]\ndistance_km = 7000\n")
    (folder / "rules.toml").write_text(f"[[rule]]\ntitle = '{word}'\nwhen.name = '{word}'\nthen.tags = ['{word}']\n")
    (folder / "providers.toml").write_text(
        "[providers.garmin]\nenabled = true\n[providers.intervals_icu]\nenabled = true\n"
    )
    (folder / "cars.toml").write_text(
        f'[[users]]\nuser_id = "{word}"\ntoken = "{word}-token-of-a-phone-0123456789"\ntimezone = "Europe/Vienna"\n'
        f'[[users.locations]]\nname = "{word} home"\nkind = "home"\nlat = {latitude}\nlng = 16.37\n'
    )
    for path in ("cars.toml", "goals.toml", "providers.toml", "rules.toml"):
        (folder / path).chmod(0o600)
    token = f'{{"access_token": "{word}-access", "refresh_token": "{word}-refresh", "expires_at": 1, "scope": "read"}}'
    (folder / "secrets" / "strava_token.json").write_text(token)
    log = folder / "logs" / "flow" / "2026" / "03" / "10" / "flow_20260310T120000000000Z.log"
    log.parent.mkdir(parents=True)
    log.write_text(f"{word} log\n")
    (folder / "logs" / "flow" / "latest.log").symlink_to(log)
    (folder / "logs" / "service").mkdir()
    (folder / "logs" / "service" / "service.log").write_text(f"{word} daemon\n")
    with (folder / ".env").open("a") as file:
        file.write(f"INTERVALS_API_KEY={word}-key\nSTRAVA_ALERT_URL=https://alert.example/{word}\n")


def own_of_the_house(house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody's own settings where the house's are: in its environment, its .env, its secrets and its home folder."""
    secrets = house.parent / "run-secrets"
    secrets.mkdir()
    monkeypatch.setattr("strava_pipeline.environment.setting_sources.SECRETS", secrets)
    monkeypatch.setenv("GARMIN_PERSONAL_API_KEY", f"{HOUSE}-key-in-the-environment")
    monkeypatch.setenv("TRIPS_SOURCE", f"sqlite:////{HOUSE}.sqlite")
    monkeypatch.setenv("DASHBOARD_PASSWORD", f"{HOUSE}-password")
    with (house / ".env").open("a") as file:
        file.write(
            f"RIDEWITHGPS_AUTH_TOKEN={HOUSE}-token\nSPREADSHEET_PATH=/{HOUSE}.xlsx\nSTRAVA_DATA_DIR={HOUSE}-data\n"
        )
    (secrets / "STRAVA_WEBHOOK_SECRET").write_text(f"{HOUSE}-webhook-secret-0123456789")
    (secrets / "TRIPS_FERNET_KEYS").write_text(f"{HOUSE}-keys")
    key = Path(os.environ["HOME"]) / ".config" / "garmin" / "connect-personal-api-key"
    key.parent.mkdir(parents=True)
    key.write_text(f"{HOUSE}-key-of-the-client")


def printed(type_in: Type, name: str) -> str:
    said = [
        type_in(*words, *(() if command == "athletes" else ("--athlete", name)))
        for command, asked in ASKED.items()
        for words in asked
    ]
    return "\n".join(text for one in said for text in (one.out, one.err))


def contents(*folders: Path) -> Iterator[tuple[Path, bytes]]:
    for folder in folders:
        for path in folder.rglob("*"):
            if path.is_file():
                yield from ((path, part) for part in unpacked(path))


@pytest.mark.dear
@pytest.mark.closed  # files of warehouses are searched
def test_nothing_of_one_is_in_what_the_other_is_shown_or_keeps(
    house: Path, type_in: Type, monkeypatch: pytest.MonkeyPatch, new_lake: Callable[[Path], Lake]
) -> None:
    ada, bob = house / "athletes" / "ada", house / "athletes" / "bob"
    for name, folder, marks in (("ada", ada, ADA), ("bob", bob, BOB)):
        assert type_in("athletes", "add", name).code == 0
        (folder / "data").rmdir()
        seed(folder, *marks, new_lake)
    own_of_the_house(house, monkeypatch)
    assert Settings.load().garmin_personal_api_key is not None
    for name, folder, mine, others in (("ada", ada, ADA, BOB), ("bob", bob, BOB, ADA)):
        other = bob if folder == ada else ada
        before = dict(contents(other))
        text = printed(type_in, name)
        for word in ("ride", "notification", "log", "daemon", "bike", "view"):  # so the commands do show what they find
            assert f"{mine[0]} {word}" in text, (name, word)
        assert str(mine[1]) in text
        assert f"{mine[0]}-" not in text, "a key or token of theirs"
        for foreign in (others[0], str(others[1]), HOUSE):
            assert foreign not in text
            assert not [path for path, content in contents(folder) if foreign.encode() in content], foreign
        assert dict(contents(other)).keys() == before.keys()
        (house / "report.html").unlink()
    for word in (ADA[0], BOB[0]):
        found = [path for path, content in contents(house, house.parent / "ledger") if word.encode() in content]
        own = ada if word == ADA[0] else bob
        assert [path for path in found if own not in path.parents] == []
