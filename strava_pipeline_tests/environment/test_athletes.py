"""athletes: the registry, and which settings somebody of a house has: in this process and in one of their own."""

import os
import re
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import SecretStr

from strava_pipeline.core.errors import MissingSettingsError, MisuseError
from strava_pipeline.environment.athletes import (
    Athlete,
    UnusableRegistryError,
    athlete_named,
    athletes,
    become_house,
    change_registry,
    environment_of,
    settings_of,
)
from strava_pipeline.environment.setting_sources import variables_of
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.registry import missing_login

REPO = Path(__file__).resolve().parents[2]
FIELDS = {
    name: spec
    for name, spec in Settings.model_fields.items()
    if not "".join(variables_of(spec) or ["SEAM_"]).startswith("SEAM_")
}
VARIABLES = {name: variables_of(spec)[0] for name, spec in FIELDS.items()}
HOUSE = {name for name, spec in FIELDS.items() if spec.json_schema_extra == {"whose": "house"}}
OWN = {name for name, spec in FIELDS.items() if spec.json_schema_extra == {"whose": "athlete"}}
# A usable value of each setting whose default is not changed by appending to it or adding one.
VALUES = {
    "plain_http_hosts": "osrm",
    "schedule": "1 2 * * *",
    "timezone": "Asia/Tokyo",
    "log_stdout": "json",
    "house_name": "barn",
    "export_url": "postgresql://marked@db.example/rides",
    "per_page": "77",
    "map_tiles_url": "https://tiles.example/{z}/{x}/{y}.png",
    "ca_bundle": __file__,
    "data_group": "0",
    "insight_sports": "Run",
    "webhook_secret": "marked-webhook-secret",
    "dashboard_hosts": "marked.example",
    "dashboard_password": "marked-password",
    "spreadsheet_zone": "Asia/Tokyo",
    "restic_repository": "s3:marked/folder",
    "spreadsheet_units": "metric",
}


def value_of(name: str) -> str:
    if name in VALUES:
        return VALUES[name]
    kind, default = FIELDS[name].annotation, FIELDS[name].default
    if kind in (int, float) or int in get_args(kind):
        return str((default or 7) + 1)
    if name.endswith(("_url", "redirect_uri", "_source")):
        return f"https://marked.example/{name}"
    if name.endswith("_address"):
        return "127.0.0.1:9999"
    return str(not default) if kind is bool else f"/marked/{name}"


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of a house with the athletes ada and bob, where this process works; nothing is set but ATHLETES_DIR."""
    for variables in map(variables_of, FIELDS.values()):
        for name in variables:
            monkeypatch.delenv(name, raising=False)
    for name in ("ada", "bob"):
        (tmp_path / "athletes" / name).mkdir(parents=True)
    (tmp_path / "athletes" / "athletes.toml").write_text("[bob]\n[ada]\n")
    (tmp_path / ".env").write_text("ATHLETES_DIR=athletes\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def in_own_process(monkeypatch: pytest.MonkeyPatch, settings: Settings, athlete: Athlete) -> Settings:
    environment = environment_of(settings, athlete)
    with monkeypatch.context() as patch:
        for name in set(os.environ) - set(environment):
            patch.delenv(name)
        for name, value in environment.items():
            patch.setenv(name, value)
        return Settings.load()


def test_every_setting_is_the_houses_or_the_athletes_own() -> None:
    """A new setting that says neither fails here: choose with `house(…)` or `own(…)` in settings.py."""
    assert FIELDS.keys() - HOUSE - OWN == set()
    assert all(
        spec.json_schema_extra == {"whose": "athlete"}
        for name, spec in FIELDS.items()
        if name.endswith(("_dir", "_file")) and name not in ("ledger_dir", "athletes_dir")
    )


@pytest.mark.slow
@pytest.mark.parametrize("place", ["the environment", ".env", "/run/secrets"])
def test_what_is_the_houses_is_inherited_and_what_is_the_athletes_own_is_not(
    house: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    secrets = house / "run"
    secrets.mkdir()
    monkeypatch.setattr("strava_pipeline.environment.setting_sources.SECRETS", secrets)
    set_there = {VARIABLES[name]: value_of(name) for name in FIELDS if name != "athletes_dir"}
    if place == ".env":
        with (house / ".env").open("a") as file:
            file.writelines(f"{name}='{value}'\n" for name, value in set_there.items())
    for name, value in set_there.items():
        if place == "the environment":
            monkeypatch.setenv(name, value)
        if place == "/run/secrets":
            (secrets / name).write_text(value)
    settings = Settings.load()
    unlike = [name for name in FIELDS if getattr(settings, name) == getattr(Settings(_env_file=None, **bare()), name)]
    assert unlike == []  # so each value is one that shows where it came from
    athlete = athlete_named(settings, "ada")
    found, alone = settings_of(settings, athlete), in_own_process(monkeypatch, settings, athlete)
    assert found == alone
    monkeypatch.undo()
    monkeypatch.chdir(athlete.folder)
    default = Settings(**bare())
    assert {name for name in FIELDS if getattr(found, name) != getattr(settings, name)} == OWN
    not_default = {name for name in OWN if getattr(found, name) != getattr(default, name)}
    assert not_default == {"dagster_home"}  # which is the athlete's, wherever the program was installed
    assert found.dagster_home == athlete.folder / "dagster_home"


def bare() -> dict[str, Any]:
    return {name: "" for spec in FIELDS.values() for name in variables_of(spec)}


def test_an_athletes_env_counts_before_the_house_and_its_paths_start_in_the_folder(
    house: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = house / "athletes" / "ada"
    (folder / ".env").write_text(
        "DAYS=3\nSTRAVA_TIMEZONE=Asia/Tokyo\nSTRAVA_DATA_DIR=kept\nGARMIN_PERSONAL_API_KEY=hers\nSTRAVA_ALERT_URL=\n"
        "TRIPS_SOURCE=sqlite:///trips.sqlite\nSPREADSHEET_PATH=a.xlsx;b.csv\nREQUESTS_CA_BUNDLE=ca.pem\n"
    )
    (folder / "ca.pem").touch()
    monkeypatch.setenv("DAYS", "9")
    monkeypatch.setenv("PER_PAGE", "50")
    monkeypatch.setenv("CURL_CA_BUNDLE", __file__)
    settings = Settings.load()
    ada = athlete_named(settings, "ada")
    found = settings_of(settings, ada)
    assert found == in_own_process(monkeypatch, settings, ada)
    assert (found.days, found.per_page, found.timezone) == (3, 50, "Asia/Tokyo")
    assert (found.data_dir, found.secrets_dir, found.logs_dir) == (folder / "kept", folder / "secrets", folder / "logs")
    assert (found.providers_config, found.pings_config) == (folder / "providers.toml", folder / "cars.toml")
    assert found.trips_source == f"sqlite:///{folder}/trips.sqlite"
    assert found.spreadsheet_path == f"{folder}/a.xlsx;{folder}/b.csv"
    assert (found.ca_bundle, found.alert_url) == (folder / "ca.pem", None)
    assert found.garmin_personal_api_key == SecretStr("hers")
    assert settings.garmin_personal_api_key is None
    assert found.ledger_dir == settings.ledger_dir
    assert (found.athlete_folder, settings.athlete_folder) == (folder, None)


def test_what_belongs_together_is_inherited_together(house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So a secret of the house's application never goes with an id of another, nor a token to another server's API."""
    monkeypatch.setenv("STRAVA_CLIENT_ID", "1")
    monkeypatch.setenv("STRAVA_CLIENT_SECRET", "of the house")
    monkeypatch.setenv("STRAVA_API_URL", "https://api.example.org")
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", "~")  # a user without a home: the ledger is in the house's data folder
    monkeypatch.setattr("pwd.getpwuid", {}.__getitem__)
    settings = Settings.load()
    (house / "athletes" / "ada" / ".env").write_text("STRAVA_CLIENT_ID=2\nSTRAVA_BASE_URL=http://localhost:1\n")
    ada, bob = (settings_of(settings, one) for one in athletes(settings))
    assert (ada.client_id, ada.client_secret, ada.api_url) == ("2", None, "http://localhost:1/api/v3")
    assert bob.ledger_dir == settings.ledger_dir == house / "data" / "state" / "ledger"
    assert (bob.client_id, bob.client_secret, bob.api_url) == (
        "1",
        SecretStr("of the house"),
        "https://api.example.org",
    )


def test_a_setting_of_a_package_is_never_inherited(house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("strava_pipeline.environment.athletes.declared_sources", lambda: {"toy": []})
    monkeypatch.setenv("TOY_KEY", "of the house")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
    settings = Settings.load()
    ada, bob = athletes(settings)
    (ada.folder / ".env").write_text("TOY_KEY=hers\n")
    assert "TOY_KEY" not in environment_of(settings, bob)
    assert environment_of(settings, bob)["HTTPS_PROXY"] == "http://proxy:3128"
    assert settings_of(settings, ada).secret("TOY_KEY") == SecretStr("hers")
    assert settings_of(settings, bob).secret("TOY_KEY") is None
    assert settings.secret("TOY_KEY") == SecretStr("of the house")


def test_a_package_asked_about_an_athlete_reads_the_athletes_settings(
    house: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The dashboard of all, and the house's Dagster, ask whether somebody has a login without a process of theirs."""
    for name in ("toy", "tin"):  # the one needs the other
        monkeypatch.syspath_prepend(str(REPO / "strava_pipeline_tests" / "providers" / "installed" / name))
    monkeypatch.setenv("TIN_KEY", "of the house")
    settings = Settings.load()
    ada, bob = athletes(settings)
    (ada.folder / ".env").write_text("TIN_KEY=hers\n")
    assert missing_login("tin", settings) is None
    assert missing_login("tin", settings_of(settings, ada)) is None
    assert "TIN_KEY is not set" in str(missing_login("tin", settings_of(settings, bob)))


def test_a_run_of_the_house_keeps_the_passwords_of_its_dagster_from_athletes(
    house: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = set(re.findall(r"env: (\w+)", (REPO / "deploy" / "server.dagster.yaml").read_text()))
    for name in named:
        monkeypatch.setenv(name, "of the house")
    settings = Settings.load()
    ada = athlete_named(settings, "ada")
    assert named <= environment_of(settings, ada).keys(), "a folder of one athlete may have records in PostgreSQL, too"
    monkeypatch.setenv("STRAVA_HOUSE", "1")
    assert named & environment_of(settings, ada).keys() == {"DAGSTER_PG_HOST"}


def test_faulty_settings_name_the_athlete_and_no_value(house: Path) -> None:
    settings = Settings.load()
    ada, bob = athletes(settings)
    (ada.folder / ".env").write_text("DAYS=marked\n")
    with pytest.raises(MissingSettingsError, match=rf"ada.*{ada.folder}/\.env(?s:.*)DAYS") as raised:
        settings_of(settings, ada)
    assert "marked" not in str(raised.value)
    (bob.folder / ".env").write_bytes(b"\xff\xfe\x00=1")
    for read in (settings_of, environment_of):
        with pytest.raises(MissingSettingsError, match=rf"{bob.folder}/\.env can't be read"):
            read(settings, bob)


def test_the_registry(house: Path) -> None:
    settings = Settings.load()
    assert athletes(settings) == [Athlete(name, house / "athletes" / name) for name in ("ada", "bob")]
    (house / "athletes" / "athletes.toml").write_text(
        '# ours\n[zoe]\nfolder = "/elsewhere/z"\n[1-a]\nfolder = "../b"\n'
    )
    assert [(one.name, one.folder) for one in athletes(settings)] == [
        ("1-a", house / "athletes" / ".." / "b"),
        ("zoe", Path("/elsewhere/z")),
    ]
    with pytest.raises(MisuseError, match=r"no athlete 'eve'.*1-a, zoe.*athletes add"):
        athlete_named(settings, "eve")
    (house / "athletes" / "athletes.toml").unlink()
    assert athletes(settings) == []
    with pytest.raises(MisuseError, match="nobody yet"):
        athlete_named(settings, "ada")
    alone = Settings(_env_file=None)
    assert athletes(alone) == []
    with pytest.raises(MisuseError, match="ATHLETES_DIR is not set"):
        athlete_named(alone, "ada")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (b"[ada\n", "no TOML"),
        (b"\xff\xfe", "no TOML in UTF-8"),
        (b"[ada]\n[ada]\n", r"\[ada\] is there twice"),
        (b"ada = 3\n", r"Write \[ada\]"),
        (b"[Ada]\n", "'Ada' is no name"),
        (b'["../ada"]\n', "is no name"),
        (b"[" + b"a" * 33 + b"]\n", "is no name"),
        (b"[ada]\nfolder = 3\n", r"folder of \[ada\]"),
        (b"[ada]\nfolder = ''\n", r"folder of \[ada\]"),
        (b"[ada]\nfodler = 'x'\n", r"no key 'fodler'. Possible: folder"),
        (b"[ada]\n[bob]\nfolder = './ada'\n", "ada and bob have the same folder"),
        (b"[ada]\n[bob]\nfolder = 'link'\n", "ada and bob have the same folder"),
    ],
)
def test_rubbish_in_the_registry_is_a_clear_error(house: Path, text: bytes, fault: str) -> None:
    (house / "athletes" / "link").symlink_to("ada")
    (house / "athletes" / "athletes.toml").write_bytes(text)
    with pytest.raises(UnusableRegistryError, match=fault) as raised:
        athletes(Settings.load())
    assert str(house / "athletes" / "athletes.toml") in str(raised.value)


def test_a_change_keeps_comments_and_is_refused_where_it_would_not_be_usable(house: Path) -> None:
    home, settings = house / "athletes", Settings.load()
    (home / "athletes.toml").write_text("# the family\n[ada]  # since 2019\n")
    change_registry(settings, lambda document: document.update({"bob": {"folder": "/elsewhere"}}))
    text = (home / "athletes.toml").read_text()
    assert "# the family" in text
    assert [one.name for one in athletes(Settings.load())] == ["ada", "bob"]
    with pytest.raises(UnusableRegistryError, match="no name"):
        change_registry(settings, lambda document: document.update({"B B": {}}))
    assert (home / "athletes.toml").read_text() == text


def test_the_houses_own_dagster_counts_calls_where_the_house_does(house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_STATE_HOME")
    # a user without a home, as in a container: the ledger is in the house's data folder
    monkeypatch.setenv("HOME", "~")
    monkeypatch.setattr("pwd.getpwuid", {}.__getitem__)
    monkeypatch.setattr(os, "environ", {**os.environ})
    before = Settings.load()
    become_house()
    after = Settings.load()
    assert before.ledger_dir == after.ledger_dir == settings_of(after, athletes(after)[0]).ledger_dir
    assert after.data_dir != before.data_dir
    assert "STRAVA_LEDGER_DIR" not in Settings.unwritten()
