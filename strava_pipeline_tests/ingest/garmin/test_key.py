"""Garmin by its official key: where the key is found, its tokens, pages, files, and what its refusals mean."""

import json
import logging
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from strava_pipeline.core.errors import (
    GoneError,
    LoginServiceError,
    MissingSettingsError,
    NeedsLoginError,
    PipelineError,
    RefusedError,
    TransientError,
)
from strava_pipeline.emulator.service import Fault
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.clock import ServerClock
from strava_pipeline.ingest.garmin.client import GarminClient, connect, login_files
from strava_pipeline.ingest.garmin.emulator.personal import KEY_TOKEN_PATH
from strava_pipeline.ingest.garmin.emulator.service import LIFE
from strava_pipeline.ingest.garmin.keys import find_key, key_file, save_key
from strava_pipeline.ingest.garmin.personal import PersonalClient
from strava_pipeline.ingest.garmin.writes import connect_writer
from strava_pipeline.ingest.http import Exchange, Wire
from strava_pipeline_tests.ingest.garmin.subject import GEAR, GarminSubject, KeySubject, running
from strava_pipeline_tests.ingest.garmin.test_client import add, queries
from strava_pipeline_tests.providers.subjects import fit_of
from strava_pipeline_tests.verbs.conftest import Type

ENDS = date(2026, 5, 1)


@pytest.fixture
def garmin() -> Iterator[GarminSubject]:
    with running(KeySubject) as subject:
        subject.garmin.life = LIFE
        yield subject


@pytest.fixture
def settings(garmin: GarminSubject, tmp_path: Path) -> Settings:
    found = Settings(_env_file=None, secrets_dir=tmp_path / "secrets", pauses=0, **garmin.settings)
    save_key(found, garmin.secret, None)
    return found


class Runs:
    """Makes clients, as runs one after the other do; each waits on the emulator's clock."""

    def __init__(self, garmin: GarminSubject, settings: Settings) -> None:
        self.garmin, self.settings, self.waits = garmin, settings, list[float]()
        self.skew = timedelta(0)

    def connect(self) -> PersonalClient:
        client = self.connect_any()
        assert isinstance(client, PersonalClient)
        return client

    def connect_any(self) -> Any:
        return connect(self.settings, self.clock(), lambda why, seconds: None)

    def clock(self) -> ServerClock:
        clock = self.garmin.clock

        def sleep(seconds: float) -> None:
            self.waits.append(seconds)
            clock.advance(seconds)

        return ServerClock(lambda: clock.now() + self.skew, clock.epoch, sleep)

    def ids(self, client: PersonalClient | None = None, per_page: int = 200) -> list[str]:
        pages = (client or self.connect()).list_pages(None, None, per_page)
        return [row["source_id"] for page in pages for row in page.read.activities]

    def fail_token(self, **fault: Any) -> None:
        headers = fault.pop("headers", {})
        self.garmin.garmin.headers = [(name.encode(), value.encode()) for name, value in headers.items()]
        self.garmin.faults.order(Fault.from_order({"path": KEY_TOKEN_PATH, **fault}, ""))

    @property
    def exchanges(self) -> int:
        return self.garmin.garmin.exchanges


@pytest.fixture
def runs(garmin: GarminSubject, settings: Settings) -> Runs:
    return Runs(garmin, settings)


@pytest.mark.parametrize(
    ("setting", "saved", "clients", "found"),
    [
        ("from-setting", "from-login", "from-file", "from-setting"),
        (" from-setting\n", None, None, "from-setting"),
        (None, "from-login", "from-file", "from-login"),
        ("", "from-login", None, "from-login"),
        ("   ", None, " from-file\n", "from-file"),
        ("${GARMIN_KEY}", None, "from-file", "from-file"),
        (None, None, "\n", None),
        ("${GARMIN_KEY}", None, None, None),
    ],
)
def test_a_key_is_the_setting_s_or_the_login_s_or_the_file_s_of_garmin_s_client(
    tmp_path: Path, setting: str | None, saved: str | None, clients: str | None, found: str | None
) -> None:
    file = tmp_path / "connect-personal-api-key"
    settings = Settings(
        _env_file=None,
        secrets_dir=tmp_path / "secrets",
        garmin_personal_api_key=setting,
        garmin_personal_api_key_file=file,
    )
    if saved is not None:
        save_key(settings, saved, ENDS)
    if clients is not None:
        file.write_text(clients)
        file.chmod(0o600)
    key = find_key(settings)
    assert (key.value if key else None) == found
    assert key is None or found not in repr(key)
    assert key is None or key.ends_on == (ENDS if found == "from-login" else None)


def test_the_key_of_a_login_is_for_its_owner_s_eyes(settings: Settings) -> None:
    path = key_file(settings)
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)


@pytest.mark.parametrize("content", ["{", "[]", '{"key": 5}', '{"key": "two words"}', '{"key": "ü"}'])
def test_a_damaged_file_of_a_key_needs_a_person(settings: Settings, content: str) -> None:
    key_file(settings).write_text(content)
    with pytest.raises(NeedsLoginError, match="providers login garmin --key") as caught:
        find_key(settings)
    assert content not in str(caught.value)


def test_without_any_login_the_key_is_what_to_get(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, secrets_dir=tmp_path / "none")
    with pytest.raises(MissingSettingsError, match=r"personalApiToken.*providers login garmin --key"):
        connect(settings, ServerClock(lambda: datetime.now(UTC), lambda: 0.0, lambda _: None), lambda *_: None)


@pytest.mark.parametrize("form", ["bare", "quoted", "object"])
def test_one_token_serves_all_runs_of_a_day_and_stands_in_no_log(
    garmin: GarminSubject, runs: Runs, form: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    garmin.garmin.key_tokens = form
    add(garmin, 3)
    for _ in range(3):
        assert len(runs.ids()) == 3
    assert runs.exchanges == 1
    path = runs.settings.secrets_dir / "garmin_personal_token.json"
    assert path.stat().st_mode & 0o777 == 0o600
    token = json.loads(path.read_text())["access_token"]
    client = runs.connect()
    assert not any(secret in caplog.text + repr(client) for secret in (token, garmin.secret))


def test_a_token_is_renewed_when_less_than_an_hour_is_left(garmin: GarminSubject, runs: Runs) -> None:
    runs.ids()
    garmin.clock.advance(LIFE - 3700)
    runs.ids()
    assert runs.exchanges == 1
    garmin.clock.advance(200)
    runs.ids()
    assert runs.exchanges == 2
    assert garmin.journal.unauthorized == 0


def test_a_token_that_ends_with_its_key_is_not_renewed_for_each_call(garmin: GarminSubject, runs: Runs) -> None:
    garmin.garmin.life = 1800
    for _ in range(4):
        runs.ids()
    assert runs.exchanges == 1


def test_a_token_without_an_end_lasts_a_day(garmin: GarminSubject, runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = "opaque-token-1234"
    monkeypatch.setattr(garmin.garmin, "exchange", lambda key: plain)
    garmin.garmin.accept(plain, garmin.secret)
    runs.ids()
    kept = json.loads((runs.settings.secrets_dir / "garmin_personal_token.json").read_text())
    assert kept["expires_at"] - garmin.clock.epoch() == pytest.approx(86_400, abs=5)


def test_a_first_403_to_a_key_is_waited_out(garmin: GarminSubject, runs: Runs) -> None:
    runs.fail_token(kind="status", status=403)
    assert runs.ids() == []


@pytest.mark.parametrize(("status", "times"), [(400, 1), (401, 1), (403, 2)])
def test_a_key_that_is_refused_needs_a_new_one(garmin: GarminSubject, runs: Runs, status: int, times: int) -> None:
    runs.fail_token(kind="status", status=status, times=times)
    with pytest.raises(NeedsLoginError, match=r"wrong, expired or deleted.*providers login garmin --key") as caught:
        runs.ids()
    assert garmin.secret not in str(caught.value)
    assert not queries(garmin), "no data was asked for"


def test_a_deleted_key_ends_its_tokens(garmin: GarminSubject, runs: Runs) -> None:
    runs.ids()
    garmin.garmin.keys.clear()
    with pytest.raises(NeedsLoginError, match=r"wrong, expired or deleted"):
        runs.ids()


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"kind": "status", "status": 503, "times": 9}, LoginServiceError),
        ({"kind": "status", "status": 526, "times": 9}, LoginServiceError),
        ({"kind": "body", "body": "two words", "times": 9}, LoginServiceError),
        ({"kind": "body", "body": {"error": "x"}, "times": 9}, LoginServiceError),
        ({"kind": "html", "status": 200, "times": 9}, LoginServiceError),
        ({"kind": "status", "status": 404, "times": 9}, PipelineError),
        ({"kind": "status", "status": 302, "times": 9}, PipelineError),
    ],
)
def test_a_token_service_that_fails_is_no_fault_of_an_activity(
    garmin: GarminSubject, runs: Runs, fault: dict[str, Any], error: type[Exception]
) -> None:
    runs.fail_token(**fault)
    with pytest.raises(error) as caught:
        runs.connect().get_file("1")
    assert not isinstance(caught.value, (GoneError, RefusedError, TransientError, NeedsLoginError))


def test_a_token_service_that_comes_back_is_waited_for(garmin: GarminSubject, runs: Runs) -> None:
    runs.fail_token(kind="status", status=503, times=2)
    add(garmin, 1)
    assert len(runs.ids()) == 1


def test_a_pause_that_garmin_names_no_length_of_is_seconds_and_doubles(garmin: GarminSubject, runs: Runs) -> None:
    garmin.fail(kind="status", status=429, times=3)
    runs.ids()
    first, second, third = (wait for wait in runs.waits if wait > 0)
    assert 2 <= first < 4 <= second < 8 <= third < 16


def test_the_limit_of_calls_a_minute_is_waited_for(garmin: GarminSubject, runs: Runs) -> None:
    garmin.garmin.calls_a_minute = 2
    add(garmin, 120)
    assert len(runs.ids()) == 120


@pytest.mark.parametrize(
    ("count", "asked"),
    [
        (0, ["start=0&limit=40"]),
        (37, ["start=0&limit=40"]),
        (100, ["start=0&limit=40", "start=35&limit=40", "start=70&limit=40"]),
    ],
)
def test_a_page_has_forty_rows_and_says_so(garmin: GarminSubject, runs: Runs, count: int, asked: list[str]) -> None:
    add(garmin, count)
    ids = runs.ids()
    assert len(ids) == len(set(ids)) == count
    assert queries(garmin) == asked


def test_pages_are_halved_at_a_500_and_the_size_that_worked_is_kept(garmin: GarminSubject, runs: Runs) -> None:
    add(garmin, 60)
    garmin.fail(kind="status", status=500, times=6)
    client = runs.connect()
    ids = runs.ids(client)
    assert len(ids) == len(set(ids)) == 60
    assert set(queries(garmin)[:6]) == {"start=0&limit=40", "start=0&limit=20"}
    assert {query.partition("limit=")[2] for query in queries(garmin)[6:]} == {"10"}


def test_a_500_for_the_smallest_page_is_a_fault(garmin: GarminSubject, runs: Runs) -> None:
    garmin.fail(kind="status", status=500, times=-1)
    with pytest.raises(TransientError, match="500"):
        runs.ids()
    assert queries(garmin)[-1] == "start=0&limit=10"


def test_a_day_without_content_is_an_empty_list(garmin: GarminSubject, runs: Runs) -> None:
    garmin.fail(kind="status", status=204)
    assert runs.ids() == []


def test_a_file_comes_as_a_zip_and_json_as_json_under_our_own_name(
    garmin: GarminSubject, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[tuple[str, Any]] = []
    send = Wire.send

    def watched(wire: Wire, method: str, url: str, **options: Any) -> Exchange:
        sent.append((url.removeprefix(garmin.url), options["headers"]))
        return send(wire, method, url, **options)

    monkeypatch.setattr(Wire, "send", watched)
    garmin.add("2025-01-01", "gpx")
    key = garmin.add("2025-01-02", "fit")
    client = runs.connect()
    received = client.get_file(key)
    assert (received.name, received.body) == (f"{key}_ACTIVITY.fit", fit_of("2025-01-02"))
    runs.ids(client)
    (_, token), (path, of_file), (_, of_list) = sent
    assert path.startswith("/download-service/files/activity/")
    assert of_file == {"Accept": "application/zip, application/x-zip-compressed, application/octet-stream"}
    assert of_list == {"Accept": "application/json"}
    assert token == {"Accept": "*/*", "Authorization": f"ApiKey {garmin.secret}"}


def test_a_file_that_is_not_there_is_gone_and_nothing_else_is_asked_for(garmin: GarminSubject, runs: Runs) -> None:
    key = garmin.add("2025-01-01", "gpx")
    garmin.lose_file(key)
    with pytest.raises(GoneError):
        runs.connect().get_file(key)
    garmin.fail_file(key, kind="body", body="PK\3\4 damaged")
    with pytest.raises(RefusedError, match="damaged"):
        runs.connect().get_file(key)
    assert not [path for _, _, path, _ in garmin.journal.log if "export" in path]


def test_the_account_is_that_of_the_rows_and_asked_for_once_a_key(garmin: GarminSubject, runs: Runs) -> None:
    add(garmin, 2)
    expected = str(garmin.garmin.account)
    assert [runs.connect().login().account for _ in range(3)] == [expected] * 3
    assert queries(garmin) == ["start=0&limit=1"]
    save_key(runs.settings, garmin.garmin.make_key(), None)
    assert runs.connect().login().account == expected
    assert len(queries(garmin)) == 2


def test_an_account_without_activities_is_known_by_its_days(garmin: GarminSubject, runs: Runs) -> None:
    assert runs.connect().login().account == str(garmin.garmin.account)
    (asked,) = [path for _, _, path, _ in garmin.journal.log if "usersummary-service" in path]
    first, last = (date.fromisoformat(day) for day in re.findall(r"\d{4}-\d\d-\d\d", asked))
    assert (last - first, last) == (timedelta(days=1), runs.clock().now().date())
    garmin.fail(path="/usersummary-service", exact=False, kind="status", status=403)
    save_key(runs.settings, garmin.garmin.make_key(), None)
    assert runs.connect().login().account is None


def test_gear_is_not_asked_for_with_a_key_alone(garmin: GarminSubject, runs: Runs) -> None:
    client = runs.connect()
    assert (client.spec.kinds.keys(), client.spec.gear_of_activity) == ({"wellness"}, None)
    assert list(client.list_kind("gear", None, None)) == []
    assert not garmin.journal.log


def test_a_write_with_a_key_alone_says_how_to_get_one_that_may(garmin: GarminSubject, runs: Runs) -> None:
    with pytest.raises(MissingSettingsError, match=r"read-only with a key.*providers login garmin"):
        connect_writer(runs.settings, runs.clock(), lambda *_: None)


def test_the_files_of_all_logins_are_purged(garmin: GarminSubject, runs: Runs) -> None:
    runs.ids()
    (runs.settings.secrets_dir / "garmin_tokens.json").write_text(json.dumps(garmin.tokens))
    names = [path.name for path in login_files(runs.settings)]
    assert names == ["garmin_personal_key.json", "garmin_personal_token.json", "garmin_tokens.json"]


class TestBoth:
    """A key, and the unofficial login beside it."""

    @pytest.fixture(autouse=True)
    def unofficial(self, garmin: GarminSubject, settings: Settings) -> None:
        (settings.secrets_dir / "garmin_tokens.json").write_text(json.dumps(garmin.tokens))

    def test_the_key_lists_and_the_other_login_serves_gear(self, garmin: GarminSubject, runs: Runs) -> None:
        key = garmin.add("2025-01-01", "ride")
        client = runs.connect()
        assert runs.ids(client) == [key]
        assert "gear" in client.spec.kinds
        assert GEAR in str(client.get_gear_of_activity(key).body)
        (answer,) = client.landed(client.list_kind("gear", None, None), lambda _: None)
        assert GEAR in str(answer.body)
        assert client.calls == len(garmin.journal.log) - 1 == 4, "the token is not counted"
        assert garmin.garmin.minute.calls == 1, "the list alone came by the key"

    def test_a_refusal_of_the_other_login_stops_no_list(self, garmin: GarminSubject, runs: Runs) -> None:
        client = runs.connect()
        for status in (429, 427, 427):
            garmin.clock.advance(3 * 3600)
            garmin.fail(path="/gear-service", exact=False, kind="status", status=status, times=1)
            with pytest.raises(TransientError, match="unofficial"):
                list(client.list_kind("gear", None, None))
        assert runs.ids(client) == []

    def test_a_pause_of_the_other_login_is_kept_by_later_runs(self, garmin: GarminSubject, runs: Runs) -> None:
        garmin.fail(path="/gear-service", exact=False, kind="status", status=429, times=1)
        for _ in range(3):
            with pytest.raises(TransientError, match="unofficial"):
                list(runs.connect().list_kind("gear", None, None))
        assert sum("/gear-service" in path for _, _, path, _ in garmin.journal.log) == 1
        garmin.clock.advance(3700)
        assert list(runs.connect().list_kind("gear", None, None))

    def test_changes_go_by_the_other_login(self, runs: Runs) -> None:
        assert connect_writer(runs.settings, runs.clock(), lambda *_: None) is not None


def test_the_unofficial_login_alone_is_as_before(tmp_path: Path) -> None:
    with running() as garmin:
        settings = Settings(_env_file=None, secrets_dir=tmp_path / "secrets", pauses=0, **garmin.settings)
        garmin.log_in(settings)
        assert isinstance(Runs(garmin, settings).connect_any(), GarminClient)


class TestLogin:
    """`providers login garmin --key`, as a person types it."""

    @pytest.fixture(autouse=True)
    def in_force(self, garmin: GarminSubject, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
        key_file(settings).unlink()
        for name, value in settings.environ().items():
            monkeypatch.setenv(name, value)

    @pytest.mark.parametrize(
        ("typed", "ends_on"),
        [("", None), *((text, "2030-05-01") for text in ("2030-05-01", "1.5.2030", "1 May 2030", "May 1, 2030"))],
    )
    def test_a_key_on_standard_input_is_tried_and_kept_and_never_shown(
        self,
        garmin: GarminSubject,
        settings: Settings,
        type_in: Type,
        monkeypatch: pytest.MonkeyPatch,
        typed: str,
        ends_on: str | None,
    ) -> None:
        garmin.garmin.life = 10 * 365 * LIFE  # the emulator's time is not this machine's
        monkeypatch.setattr("sys.stdin", StringIO(f" {garmin.secret} \n{typed}\n"))
        said = type_in("providers", "login", "garmin", "--key", "--check")
        assert said.code == 0
        assert f"Logged in to Garmin Connect; the login is kept in {key_file(settings)}" in said.out
        assert "Garmin Connect accepts the login of account 2591602." in said.out
        assert garmin.secret not in said.out + said.err
        kept = {"key": garmin.secret, "ends_on": ends_on}
        assert json.loads(key_file(settings).read_text()) == kept
        assert garmin.garmin.exchanges == 1, "the token of the trial serves the check"

    def test_a_person_is_asked_without_an_echo(
        self, garmin: GarminSubject, settings: Settings, type_in: Type, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked: list[tuple[str, bool]] = []

        def prompt(question: str, *, hide_input: bool = False, **_: object) -> str:
            asked.append((question.partition(",")[0], hide_input))
            return garmin.secret if hide_input else ""

        monkeypatch.setattr("typer.prompt", prompt)
        monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: True))
        assert type_in("providers", "login", "garmin", "--key").code == 0
        assert asked == [("Key", True), ("Its last day", False)]

    @pytest.mark.parametrize(
        ("typed", "code", "why"),
        [
            ("wrong-key\n\n", 1, "wrong, expired or deleted"),
            ("\n\n", 2, "That is no key."),
            ("two words\n", 2, "That is no key."),
            ("{key}\nin May\n", 2, "no day like 2027-03-01"),
            ("{key}\n2020-05-01\n", 2, "ended on 2020-05-01"),
        ],
    )
    def test_what_is_not_accepted_leaves_the_login_as_it_was(
        self,
        garmin: GarminSubject,
        settings: Settings,
        type_in: Type,
        monkeypatch: pytest.MonkeyPatch,
        typed: str,
        code: int,
        why: str,
    ) -> None:
        monkeypatch.setattr("sys.stdin", StringIO(typed.format(key=garmin.secret)))
        said = type_in("providers", "login", "garmin", "--key")
        assert (said.code, why in said.err) == (code, True)
        assert typed.split("\n")[0] not in said.err or not typed.strip()
        assert not key_file(settings).exists()

    def test_a_key_beside_another_way_is_refused(self, type_in: Type, monkeypatch: pytest.MonkeyPatch) -> None:
        for words in (("garmin", "--key", "--code", "x"), ("intervals_icu", "--key")):
            said = type_in("providers", "login", *words)
            assert (said.code, "--key is" in said.err) == (2, True)
        monkeypatch.setenv("GARMIN_PERSONAL_API_KEY", "set-elsewhere")
        said = type_in("providers", "login", "garmin", "--key")
        assert (said.code, "GARMIN_PERSONAL_API_KEY is set" in said.err) == (2, True)


@pytest.mark.parametrize(
    ("path", "accept", "method", "status"),
    [
        ("/activitylist-service/activities/search/activities?limit=45", "application/json", "GET", 200),
        ("/activitylist-service/activities/search/activities?limit=46", "application/json", "GET", 500),
        ("/activitylist-service/activities/search/activities", "application/json", "GET", 500),
        ("/activitylist-service/activities/search/activities?limit=5", "text/html", "GET", 406),
        ("/download-service/files/activity/1", "application/json", "GET", 406),
        ("/download-service/files/activity/1", "application/octet-stream", "GET", 406),
        ("/download-service/files/activity/1", "application/zip", "GET", 404),
        ("/userprofile-service/socialProfile", "application/json", "GET", 404),
        ("/gear-service/gear/v2/list", "application/json", "GET", 404),
        ("/download-service/export/gpx/activity/1", "*/*", "GET", 404),
        ("/activity-service/activity/1", "application/json", "PUT", 404),
    ],
)
def test_the_emulated_official_api_takes_what_the_real_one_takes(
    garmin: GarminSubject, path: str, accept: str, method: str, status: int
) -> None:
    token = garmin.garmin.exchange(garmin.secret)
    wire = Wire(garmin.clock.epoch)
    sent = wire.send(method, f"{garmin.url}{path}", bearer=token, headers={"Accept": accept})
    assert sent.status == status
    garmin.garmin.calls_a_minute = 1
    again = wire.send(method, f"{garmin.url}{path}", bearer=token, headers={"Accept": accept})
    assert (again.status, 0 < int(again.headers["Retry-After"]) <= 60) == (429, True)
