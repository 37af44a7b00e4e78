"""settings: the environment and .env, checked; faults named without echoing secrets."""

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from strava_pipeline.core.errors import MissingSettingsError
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.garmin.tokens import tokens_file
from strava_pipeline.ingest.intervals_icu import client as intervals_icu
from strava_pipeline.ingest.wahoo import login as wahoo
from strava_pipeline_tests.processes import python

CHECKOUT = Path(__file__).resolve().parents[2]
NAMES = {name for name in Settings.variables() if not name.startswith("SEAM_")}


@pytest.fixture(autouse=True)
def clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def test_defaults(tmp_path: Path) -> None:
    settings = Settings.load()
    assert settings.base_url == "https://www.strava.com"
    assert settings.api_url == "https://www.strava.com/api/v3"
    assert settings.redirect_uri == "http://localhost/exchange_token"
    assert (settings.data_dir, settings.secrets_dir, settings.logs_dir) == (
        tmp_path / "data",
        tmp_path / "secrets",
        tmp_path / "logs",
    )
    assert settings.ledger_dir == Path(os.environ["XDG_STATE_HOME"]) / "strava_pipeline"
    assert (settings.per_page, settings.days, settings.refresh_calls) == (200, 21, 50)
    assert (settings.schedule, settings.timezone) == ("0 5 * * *", "Europe/London")
    assert (settings.first_year, settings.clock_speed) == (2008, 1.0)
    assert (settings.client_id, settings.client_secret, settings.alert_url, settings.ca_bundle) == (None,) * 4
    assert settings.dagster_home == CHECKOUT / "dagster_home"


def test_the_ledger_folder_is_the_users_state_folder_on_this_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", "/nowhere/ada")
    assert Path("/nowhere/ada") in Settings.load(_env_file=None).ledger_dir.parents
    monkeypatch.setenv("HOME", "~")  # as platformdirs finds it for a user without a home
    monkeypatch.setattr("pwd.getpwuid", {}.__getitem__)
    assert Settings.load(_env_file=None, data_dir="kept").ledger_dir == Path.cwd() / "kept" / "state" / "ledger"
    assert Settings.load(_env_file=None, ledger_dir="here").ledger_dir == Path.cwd() / "here"


def test_the_environment_wins_over_dot_env_and_empty_counts_as_unset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text('PER_PAGE=50\nDAYS=7\nSTRAVA_TIMEZONE="Asia/Tokyo"\nSTRAVA_DATA_DIR=\nUNKNOWN=1\n')
    monkeypatch.setenv("PER_PAGE", "100")
    monkeypatch.setenv("DAYS", "")
    settings = Settings.load()
    assert (settings.per_page, settings.days, settings.timezone) == (100, 7, "Asia/Tokyo")
    assert settings.data_dir == tmp_path / "data"


@pytest.mark.parametrize(
    ("name", "value", "field", "expected"),
    [
        ("DASHBOARD_ADDRESS", " OFF ", "dashboard_address", "off"),
        ("DASHBOARD_ADDRESS", "[::1]:80", "dashboard_address", "[::1]:80"),
        ("DASHBOARD_HOSTS", "Rides.Example.org, [fd00::1],", "dashboard_hosts", "rides.example.org,fd00::1"),
        ("MAP_TILES_URL", "https://{s}.a.example/{z}/{x}/{y}", "map_tiles_url", "https://{s}.a.example/{z}/{x}/{y}"),
    ],
)
def test_settings_of_the_dashboard(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, field: str, expected: str
) -> None:
    monkeypatch.setenv(name, value)
    assert getattr(Settings.load(), field) == expected


@pytest.mark.parametrize(
    ("name", "value", "used"),
    [
        ("GARMIN_TOKENS_FILE", "/a/tokens.json", lambda settings: str(tokens_file(settings))),
        ("SEAM_WAHOO_TOKEN_FILE", "/a/wahoo.json", lambda settings: str(wahoo.token_file(settings))),
        ("INTERVALS_CLIENT_ID", "17", lambda settings: intervals_icu.APPLICATION.pair(settings)[0]),
    ],
)
def test_a_services_setting_is_what_its_login_goes_by(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, used: Callable[[Settings], str]
) -> None:
    assert used(Settings.load()) != value
    monkeypatch.setenv(name, value)
    assert used(Settings.load()) == value


@pytest.mark.parametrize("name", ["days", "timezone", "STRAVA_DAYS", "STRAVA_timezone_", "strava_client_id"])
def test_only_the_documented_names_count(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "3")
    assert Settings.load() == Settings.load(_env_file=None)
    assert Settings.load().days == 21


@pytest.mark.parametrize(
    ("base", "api", "expected"),
    [
        ("http://localhost:8720", "", "http://localhost:8720/api/v3"),
        ("http://localhost:8720/", "", "http://localhost:8720/api/v3"),
        ("", "https://api.example.org/v3/", "https://api.example.org/v3"),
        ("http://localhost:1", "http://localhost:2/x", "http://localhost:2/x"),
    ],
)
def test_the_api_lies_below_the_base_unless_it_is_set(
    monkeypatch: pytest.MonkeyPatch, base: str, api: str, expected: str
) -> None:
    monkeypatch.setenv("STRAVA_BASE_URL", base)
    monkeypatch.setenv("STRAVA_API_URL", api)
    assert Settings.load().api_url == expected
    if not api:
        assert Settings(base_url=base).api_url == expected


@pytest.mark.parametrize(
    ("name", "value", "fault"),
    [
        ("PER_PAGE", "0", "greater than or equal to 1"),
        ("PER_PAGE", "201", "less than or equal to 200"),
        ("PER_PAGE", "many", "valid integer"),
        ("DAYS", "-1", "greater than or equal to 0"),
        ("STRAVA_REFRESH_CALLS", "-1", "greater than or equal to 0"),
        ("STRAVA_FIRST_YEAR", "1969", "greater than or equal to 1970"),
        ("STRAVA_CLOCK_SPEED", "0", "greater than 0"),
        ("STRAVA_CLOCK_SPEED", "inf", "finite"),
        ("STRAVA_ANSWER_LIMIT_MB", "0", "greater than or equal to 1"),
        ("STRAVA_ANSWER_LIMIT_MB", "64 MB", "valid integer"),
        ("STRAVA_ANSWER_LIMIT_MB", "9999999999", "less than or equal to 1000000000"),
        ("DASHBOARD_ADDRESS", "8723", "not a host and a port"),
        ("DASHBOARD_HOSTS", "rides.example.org:443", "is no name of a host"),
        ("DASHBOARD_HOSTS", "https://rides.example.org", "is no name of a host"),
        ("DASHBOARD_PASSWORD", "eleven chars"[:11], "not 12 characters or more"),
        ("DASHBOARD_PASSWORD", "x" * 1025, "at most 1024"),
        ("DASHBOARD_LAN", "perhaps", "valid boolean"),
        ("MAP_TILES_URL", "https://tile.example.org", "no address of map tiles"),
        ("MAP_TILES_URL", "http://tile.example.org/{z}/{x}/{y}.png", "write https://"),
        ("STRAVA_INSIGHT_SPORTS", "Ride,Quidditch", "no sport or group is called 'Quidditch'"),
        ("STRAVA_INSIGHT_SPORTS", ",", "no sport and no group is named"),
        ("STRAVA_DATA_GROUP", "nobodys-club", "there is no group 'nobodys-club' on this machine"),
        ("STRAVA_TIMEZONE", "Mars/Olympus", "write one like Europe/London"),
        ("STRAVA_TIMEZONE", "../etc/passwd", "write one like Europe/London"),
        ("STRAVA_TIMEZONE", "Europe", "write one like Europe/London"),
        ("STRAVA_SCHEDULE", "0 5 * *", "write five fields like 0 5 * * *"),
        ("STRAVA_SCHEDULE", "0 5 * * * ; x", "write five fields like 0 5 * * *"),
        ("STRAVA_BASE_URL", "www.strava.com", "write one like https://www.strava.com"),
        ("STRAVA_API_URL", "ftp://x", "write one like https://www.strava.com"),
        ("STRAVA_API_URL", "http://[::1", "write one like https://www.strava.com"),
        ("STRAVA_BASE_URL", "http://localhost:port", "write one like https://www.strava.com"),
        ("STRAVA_REDIRECT_URI", "localhost", "write one like"),
        ("STRAVA_ALERT_URL", "hooks.example/T0K3N", "not an address"),
        ("REQUESTS_CA_BUNDLE", "/no/such.pem", "/no/such.pem does not exist"),
    ],
)
def test_a_fault_names_the_variable_and_what_to_write(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, fault: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(MissingSettingsError, match=re.escape(fault)) as caught:
        Settings.load()
    assert f"{name}:" in str(caught.value)
    assert caught.value.exit_code == 2
    assert "T0K3N" not in str(caught.value)


def test_all_faults_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PER_PAGE", "0")
    monkeypatch.setenv("DAYS", "x")
    with pytest.raises(MissingSettingsError, match=r"(?s)PER_PAGE: .*DAYS: "):
        Settings.load()


URLS = (
    "STRAVA_BASE_URL",
    "STRAVA_API_URL",
    "STRAVA_REDIRECT_URI",
    "STRAVA_ALERT_URL",
    "TRIPS_OSRM_URL",
    "TRIPS_GEOCODER_URL",
)


@pytest.mark.parametrize("name", URLS)
@pytest.mark.parametrize("host", ["www.strava.com", "strava.local.", "osrm", "192.168.1.20", "[2001:db8::1]"])
def test_plain_http_leaves_the_machine_only_to_hosts_that_are_named(
    monkeypatch: pytest.MonkeyPatch, name: str, host: str
) -> None:
    monkeypatch.setenv(name, f"http://{host}:8080/x")
    with pytest.raises(MissingSettingsError, match=f"{name}: http:// to .* write https://") as caught:
        Settings.load(_env_file=None)
    assert "PLAIN_HTTP_HOSTS" in str(caught.value)
    monkeypatch.setenv(name, f"https://{host}:8080/x")
    Settings.load(_env_file=None)
    monkeypatch.setenv(name, f"http://{host}:8080/x")
    monkeypatch.setenv("PLAIN_HTTP_HOSTS", f"another, {host.upper()}")
    if host == "www.strava.com":
        with pytest.raises(MissingSettingsError, match=r"PLAIN_HTTP_HOSTS: www\.strava\.com may be a public address"):
            Settings.load(_env_file=None)
    else:
        Settings.load(_env_file=None)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.9.9.9", "[::1]", "strava.localhost"])
def test_plain_http_stays_on_this_machine(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    for name in URLS:
        monkeypatch.setenv(name, f"http://{host}:8080/x")
    Settings.load(_env_file=None)


@pytest.mark.parametrize(
    "host",
    [
        "8.8.8.8",
        "1.1.1.1",
        "0.0.0.0",
        "2606:4700::1111",
        "example.com",
        "lan.example.com",
        "local.com",
        "134744072",
        "0x08080808",
    ],
)
def test_no_public_host_can_be_named_for_plain_http(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("PLAIN_HTTP_HOSTS", host)
    with pytest.raises(MissingSettingsError, match="PLAIN_HTTP_HOSTS"):
        Settings.load(_env_file=None)


@pytest.mark.parametrize("content", [b"\xff\xfe\x00=1", None])
def test_an_unreadable_dot_env_is_told(tmp_path: Path, content: bytes | None) -> None:
    if content is None:
        pytest.importorskip("pwd")
        if os.geteuid() == 0:
            pytest.skip("root reads everything")
        (tmp_path / ".env").write_text("")
        (tmp_path / ".env").chmod(0)
    else:
        (tmp_path / ".env").write_bytes(content)
    with pytest.raises(MissingSettingsError, match="can't be read"):
        Settings.load()


@pytest.fixture
def secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that a container engine fills."""
    folder = tmp_path / "run" / "secrets"
    folder.mkdir(parents=True)
    monkeypatch.setattr("strava_pipeline.environment.setting_sources.SECRETS", folder)
    return folder


@pytest.mark.parametrize(
    ("environment", "dot_env", "file", "expected"),
    [
        (None, None, "of the file\n", "of the file"),
        (None, "of .env", "of the file", "of .env"),
        ("of the environment", "of .env", "of the file", "of the environment"),
        ("of the environment", None, "of the file", "of the environment"),
        ("", "", " of the file\r\n", "of the file"),  # an empty value counts as unset
        (None, None, "\n", None),
        (None, None, None, None),
    ],
)
def test_a_file_named_as_a_variable_is_its_value_below_env_and_the_environment(
    secrets: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    environment: str | None,
    dot_env: str | None,
    file: str | None,
    expected: str | None,
) -> None:
    if environment is not None:
        monkeypatch.setenv("STRAVA_CLIENT_SECRET", environment)
    if dot_env is not None:
        (tmp_path / ".env").write_text(f"STRAVA_CLIENT_SECRET={dot_env}\n")
    if file is not None:
        (secrets / "STRAVA_CLIENT_SECRET").write_text(file)
    (secrets / "strava_client_id").write_text("of another name")
    (secrets / "another_programs_secret").write_bytes(b"\xff")
    settings = Settings.load()
    found = settings.client_secret
    assert (found.get_secret_value() if found else None) == expected
    assert settings.client_id is None
    assert settings.environ().get("STRAVA_CLIENT_SECRET") == expected  # what children are given


def test_every_variable_can_be_a_file_and_a_fault_in_one_is_told_by_its_name(secrets: Path) -> None:
    (secrets / "DAYS").write_text("7\n")
    assert Settings.load().days == 7
    (secrets / "DAYS").write_text("a secret of mine")
    with pytest.raises(MissingSettingsError, match="DAYS") as told:
        Settings.load()
    assert "of mine" not in str(told.value)
    settings, faults = Settings.examine()
    assert (settings.days, list(faults)) == (21, ["DAYS"])


def test_what_is_not_read_any_more_is_named_where_it_is_still_set(
    secrets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = Settings.load()
    assert before.left == []
    monkeypatch.setenv("GARMIN_INTERVAL", "0")
    (tmp_path / ".env").write_text("STRAVA_IMPORT_FILE_LIMIT_MB=1\nWAHOO_INTERVAL=\n")
    (secrets / "WAHOO_URL").write_text("https://elsewhere.example")
    settings = Settings.load()
    assert settings == before
    assert [each.partition(" is set, and")[0] for each in settings.left] == [
        "GARMIN_INTERVAL",
        "STRAVA_IMPORT_FILE_LIMIT_MB",
        "WAHOO_URL",
    ]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", ["bytes", "folder", "link to nothing", "link out"])
def test_a_secret_that_can_not_be_read_is_named_and_env_still_counts(secrets: Path, tmp_path: Path, kind: str) -> None:
    path = secrets / "STRAVA_CLIENT_SECRET"
    match kind:
        case "bytes":
            path.write_bytes(b"\xff\xfe\x00=1")
        case "folder":
            path.mkdir()
        case _:
            target = tmp_path / "other"
            target.write_text("a secret of mine")
            path.symlink_to(target if kind == "link out" else tmp_path / "nothing")
    (tmp_path / ".env").write_text("DAYS=7\nPER_PAGE=0\n")
    with pytest.raises(MissingSettingsError, match=rf"^{path} (can't be read|is no file|leads out)") as refused:
        Settings.load()
    settings, faults = Settings.examine()
    assert (settings.days, settings.client_secret) == (7, None)
    assert faults.keys() == {str(path), "PER_PAGE"}
    assert "of mine" not in f"{refused.value}{faults}"


@pytest.mark.filterwarnings("error")
def test_a_file_in_place_of_the_folder_of_secrets_is_none(secrets: Path) -> None:
    secrets.rmdir()
    secrets.write_text("a secret of mine")
    secrets.chmod(0o700)  # else it looks like a folder that may not be listed
    assert Settings.load().client_secret is None
    assert Settings.examine()[1] == {}


def test_what_pydantic_settings_meets_among_the_secrets_is_not_blamed_on_env(
    secrets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file may go wrong after it was looked at."""
    (secrets / "DAYS").write_bytes(b"\xff")
    monkeypatch.setattr("strava_pipeline.environment.setting_sources._fault", lambda *_: None)
    (tmp_path / ".env").write_text("PER_PAGE=50\n")
    with pytest.raises(MissingSettingsError, match=f"^{secrets} can't be read"):
        Settings.load()
    settings, faults = Settings.examine()
    assert (settings.per_page, list(faults)) == (50, [str(secrets)])


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_secret_that_this_user_may_not_read_is_named(secrets: Path) -> None:
    (secrets / "STRAVA_CLIENT_SECRET").touch(0)
    with pytest.raises(MissingSettingsError, match=r"STRAVA_CLIENT_SECRET can't be read \(Permission denied"):
        Settings.load()


@pytest.mark.parametrize(
    ("requests_value", "curl_value", "expected"),
    [("a.pem", "b.pem", "a.pem"), ("", "b.pem", "b.pem"), ("a.pem", "", "a.pem")],
)
def test_either_certificate_variable_counts_the_requests_one_first(
    tmp_path: Path, requests_value: str, curl_value: str, expected: str
) -> None:
    (tmp_path / "a.pem").touch()
    (tmp_path / "b.pem").touch()
    (tmp_path / ".env").write_text(f"REQUESTS_CA_BUNDLE={requests_value}\nCURL_CA_BUNDLE={curl_value}\n")
    assert Settings.load().ca_bundle == tmp_path / expected


@pytest.mark.parametrize(
    ("given", "absent"),
    [
        ({}, "STRAVA_CLIENT_ID and STRAVA_CLIENT_SECRET not set"),
        ({"client_id": "1"}, "STRAVA_CLIENT_SECRET not set"),
        ({"client_secret": "hush"}, "STRAVA_CLIENT_ID not set"),
    ],
)
def test_a_missing_application_says_where_to_get_one_and_what_to_write(given: dict[str, str], absent: str) -> None:
    with pytest.raises(MissingSettingsError) as caught:
        Settings.load(**given).require_application()
    message = str(caught.value)
    for part in (absent, "https://www.strava.com/settings/api", "\nSTRAVA_CLIENT_ID=", "\nSTRAVA_CLIENT_SECRET="):
        assert part in message
    assert "hush" not in message


def test_no_repr_shows_a_secret() -> None:
    settings = Settings.load(client_id="1", client_secret="hush", alert_url="https://hooks.example/hush")
    application = settings.require_application()
    assert application.client_secret.get_secret_value() == "hush"
    assert "hush" not in f"{settings!r} {settings} {application!r}"


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings.load().days = 3  # type: ignore[misc]


@pytest.mark.slow
def test_environ_makes_the_same_settings_in_a_subprocess_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").touch()
    settings = Settings.load(
        client_id="1",
        client_secret="hush",
        data_dir="d",
        days=3,
        base_url="http://localhost:5",
        clock_speed=60,
        ca_bundle="ca.pem",
        alert_url="https://hooks.example/x",
        dagster_home="home",
    )
    code = (
        "from strava_pipeline.environment.settings import Settings; s = Settings.load()\n"
        "print(s.model_dump_json(), s.client_secret.get_secret_value())"
    )
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(CHECKOUT), **settings.environ()}
    out = python("-c", code, cwd=elsewhere, env=environment, check=True)
    assert out.stdout.strip() == f"{settings.model_dump_json()} hush"
    assert all(value for value in settings.environ().values())


def test_the_example_lists_every_setting_on_a_line_with_a_comment() -> None:
    lines = (CHECKOUT / ".env.example").read_text().splitlines()
    listed = [match[1] for line in lines if (match := re.fullmatch(r"# ([A-Z_]+)=.*  # \S.*", line))]
    assert sorted(listed) == sorted(NAMES)


def test_the_examples_values_are_the_defaults(tmp_path: Path) -> None:
    text = (CHECKOUT / ".env.example").read_text()
    (tmp_path / ".env").write_text(re.sub(r"(?m)^# (?=[A-Z_]+=)", "", text))
    assert Settings.load() == Settings.load(_env_file=None)


@pytest.mark.parametrize("name", ["trips_osrm_url", "trips_geocoder_url"])
def test_servers_that_are_told_positions_are_off_and_need_https_or_an_own_host(name: str) -> None:
    assert getattr(Settings.load(_env_file=None), name) is None
    for url in ("https://maps.example/nominatim", "http://localhost:8080", " http://[::1]:8080 "):
        assert getattr(Settings.load(_env_file=None, **{name: url}), name) == url.strip()
    own = Settings.load(_env_file=None, plain_http_hosts="maps.lan", **{name: "http://maps.lan"})
    assert getattr(own, name) == "http://maps.lan"
    for url in ("http://maps.lan", "http://maps.example", "maps.example", "ftp://maps.example"):
        with pytest.raises(MissingSettingsError, match=name.upper()):
            Settings.load(_env_file=None, **{name: url})
