"""`tokens`, as a person types it: shown once, and what a new password and a purge do to them."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import typer

from strava_pipeline.environment.settings import Settings
from strava_pipeline.lake.paths import Lake
from strava_pipeline.serve.dashboard.records.accounts import Accounts
from strava_pipeline.serve.dashboard.records.database import connect, database_of
from strava_pipeline.serve.dashboard.records.store import Records
from strava_pipeline.serve.house_settings import house_settings
from strava_pipeline.verbs.tokens import forget_tokens
from strava_pipeline_tests.postgres import Server
from strava_pipeline_tests.serve.dashboard.houses import PASSWORD, cheap_passwords
from strava_pipeline_tests.verbs.conftest import Type

pytestmark = pytest.mark.slow
NOW = datetime.now(UTC)


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """A folder of nobody, where a password is typed twice."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(typer, "prompt", lambda *_, **__: PASSWORD)
    with cheap_passwords():
        yield tmp_path


def test_a_token_is_printed_once_listed_without_it_and_taken_back(here: Path, type_in: Type) -> None:
    made = type_in("tokens", "add", "phone", "--may", "send", "--until", "9998-12-31")
    text = made.out.strip()
    assert (made.code, len(text), text in made.err) == (0, 43, False)
    assert type_in("tokens", "add", "kitchen", "--may", "read", "--places", "--body").code == 0
    for wrong in (("phone", "--may", "read"), ("x", "--may", "all"), ("x", "--may", "read", "--until", "soon"), ("x",)):
        assert type_in("tokens", "add", *wrong).code == 2, wrong
    assert type_in("tokens", "add", "x", "--may", "read", "--for", "anna").code == 2
    listed = json.loads(type_in("tokens", "list", "--json").out)
    assert [(each["name"], each["may"], each["places"], each["used_at"]) for each in listed["tokens"]] == [
        ("kitchen", "read", True, None), ("phone", "send", False, None),
    ]  # fmt: skip
    shown = type_in("tokens", "list").out
    assert ("phone" in shown, text in shown) == (True, False)
    settings = Settings.load()
    records = Records(connect(database_of(settings)))
    assert records.token_session(text, "10.0.0.1", NOW) is not None
    said = type_in("dashboard", "password").out
    assert "Tokens that go on to open it: kitchen, phone." in said
    assert records.token_session(text, "10.0.0.1", NOW) is not None
    assert type_in("tokens", "remove", "phone").code == 0
    assert type_in("tokens", "remove", "phone").code == 2
    assert records.token_session(text, "10.0.0.1", NOW) is None
    assert type_in("purge", "--yes", "--keep-access").code == 0
    assert not Lake(settings.data_dir).app_records.exists(), "tokens go with the data folder"


def test_a_purge_removes_tokens_that_a_database_has(
    here: Path, type_in: Type, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", server.new_database())
    assert type_in("tokens", "add", "phone", "--may", "send").code == 0
    forget_tokens(Settings.load())
    assert json.loads(type_in("tokens", "list", "--json").out)["tokens"] == []


def test_in_a_house_a_token_is_of_one_athlete_and_goes_with_them(
    here: Path, type_in: Type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ATHLETES_DIR", str(here / "athletes"))
    for name in ("anna", "bob", "carol"):
        assert type_in("athletes", "add", name).code == 0
    add = ("tokens", "add", "phone", "--may", "read")
    assert [type_in(*add, *more).code for more in ((), ("--for", "dora"))] == [2, 2]
    texts = {name: type_in(*add, "--for", name).out.strip() for name in ("anna", "bob")}
    house = house_settings(Settings.load())
    assert house is not None
    records = Accounts(connect(database_of(house)))
    for name, text in texts.items():
        session = records.token_session(text, "", NOW)
        assert session is not None
        assert session.account is not None
        assert session.account.athlete == name
    assert type_in("athletes", "remove", "anna").code == 0
    assert [records.token_session(text, "", NOW) is None for text in texts.values()] == [True, False]
