"""`dashboard account` and what belongs to accounts, as a person types it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import typer

from strava_pipeline.environment.athletes import athlete_named, settings_of
from strava_pipeline.environment.process_owner import HOUSE
from strava_pipeline.environment.settings import Settings
from strava_pipeline.lake.files import held
from strava_pipeline.lake.paths import Lake
from strava_pipeline.serve.dashboard.passwords import is_password_of
from strava_pipeline.serve.dashboard.records.accounts import Accounts
from strava_pipeline.serve.dashboard.records.database import connect, database_of
from strava_pipeline.serve.house_settings import house_settings
from strava_pipeline.verbs.accounts import begin_house
from strava_pipeline.verbs.dagster_process import Address
from strava_pipeline.verbs.dashboard import _served, running_dashboard
from strava_pipeline_tests.serve.dashboard.houses import PASSWORD, cheap_passwords
from strava_pipeline_tests.verbs.conftest import Type

pytestmark = pytest.mark.slow


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[list[str]]:
    """What is typed where a password is asked for; there are anna and bob in the registry."""
    answers: list[str] = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ATHLETES_DIR", str(tmp_path / "athletes"))
    monkeypatch.setattr(typer, "prompt", lambda *_, **__: answers.pop(0))  # a terminal, where nothing is echoed
    with cheap_passwords():
        yield answers


def records() -> Accounts:
    house = house_settings(Settings.load())
    assert house is not None
    return Accounts(connect(database_of(house)))


def test_accounts_are_kept_by_commands_and_passwords_are_only_ever_asked_for(type_in: Type, typed: list[str]) -> None:
    def account(*words: str) -> tuple[int, str]:
        done = type_in("dashboard", "account", *words)
        return done.code, done.out + done.err

    code, said = account()
    assert (code, "two athletes or more" in said) == (2, True)
    for name in ("anna", "bob"):
        assert type_in("athletes", "add", name).code == 0
    assert account() == (
        0,
        "There is no account yet. Add an admin: strava-pipeline dashboard account NAME --role admin\n",
    )
    house = house_settings(Settings.load())
    assert house is not None
    begin_house(house, "http://127.0.0.1:8723", opens=False)
    for wrong in (("x",), ("a b", "--role", "admin"), ("x", "--for", "carl"), ("x", "--remove")):
        assert account(*wrong)[0] == 2, "and no password is asked for"
    typed += [PASSWORD, PASSWORD]
    assert account("Ada", "--role", "admin") == (0, "ada can log in.\n")
    assert account("mother", "--for", "anna") == (0, "mother can log in.\n")
    typed.append("short")
    assert (account("Mother")[0], typed) == (2, [])
    accounts, now = records(), datetime.now(UTC)
    token = accounts.begin_session_of(accounts.known("mother"), now)
    typed.append("another password")
    assert account("mother")[0] == 0
    assert accounts.session(token, now) is None
    assert is_password_of(accounts.known("mother").argon2, "another password")
    accounts.change("mother", blocked=True)
    assert account()[1] == "ada\tadmin\t-\tcan log in\nmother\tathlete\tanna\tblocked\n"
    assert account("mother", "--for", "bob", "--role", "admin")[0] == 0
    assert account()[1] == "ada\tadmin\t-\tcan log in\nmother\tadmin\tbob\tblocked\n"
    accounts.change("mother", blocked=False)
    assert account("ada", "--remove")[0] == 0
    for last in (("mother", "--remove"), ("mother", "--role", "athlete")):
        code, said = account(*last)
        assert (code, "only admin" in said) == (2, True)
    assert type_in("dashboard", "password").code == type_in("dashboard", "link").code == 2
    accounts.close()


def test_the_account_of_one_who_is_removed_sees_no_later_namesake(type_in: Type, typed: list[str]) -> None:
    for name in ("anna", "bob", "carl"):
        assert type_in("athletes", "add", name).code == 0
    assert type_in("athletes", "remove", "carl").out.count("\n") == 1, "there is no account, and no database is made"
    typed += [PASSWORD] * 3
    for words in (("ada", "--role", "admin", "--for", "bob"), ("father", "--for", "bob"), ("mother", "--for", "anna")):
        assert type_in("dashboard", "account", *words).code == 0
    said = type_in("athletes", "remove", "bob").out
    assert "The account father sees nobody's pages any more, and is blocked.\n" in said
    type_in("athletes", "add", "bob")
    accounts = records()
    found = [(each.name, each.athlete, each.blocked) for each in accounts.accounts()]
    assert found == [("ada", None, False), ("father", None, True), ("mother", "anna", False)]
    registry = Path("athletes", "athletes.toml")
    registry.write_text(registry.read_text().replace("[anna]", ""))  # by hand
    assert (
        "The account mother sees nobody's pages any more, and is blocked.\n" in type_in("athletes", "add", "anna").out
    )
    assert accounts.known("mother").blocked
    accounts.close()


def test_a_dashboard_of_all_athletes_is_one_of_each_to_status_and_purge(type_in: Type, typed: list[str]) -> None:
    for name in ("anna", "bob"):
        assert type_in("athletes", "add", name).code == 0
    settings = Settings.load()
    house, bob = house_settings(settings), settings_of(settings, athlete_named(settings, "bob"))
    assert house is not None
    assert running_dashboard(bob) is None
    with held(Lake(house.data_dir).dashboard_note) as note:
        note.write(b'{"url": "http://127.0.0.1:8723", "pid": 1}')
        note.flush()
        assert running_dashboard(bob) == running_dashboard(settings) == "http://127.0.0.1:8723"


def test_the_second_athlete_makes_the_dashboard_one_with_accounts_and_the_ui_of_the_houses_dagster_alone(
    type_in: Type, typed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def built() -> tuple[bool, bool, str]:
        settings = Settings.load().model_copy(update={"dashboard_lan": True})
        _, build, _ = _served(settings, 1, behind_proxy=False, opens=False, dagster="http://127.0.0.1:3000")
        site = build(lambda line: None).state.site
        site.records.close()
        ui = Address("127.0.0.1", 3000, "/dagster").url_for_links(settings)
        return site.house is not None, site.has_dagster, ui.rpartition(":")[2]

    for name in ("anna", "bob"):
        assert built() == (False, True, "8723/dagster")
        assert type_in("athletes", "add", name).code == 0
    assert built() == (True, False, "3000/dagster")
    monkeypatch.setenv(HOUSE, "1")
    assert built() == (True, True, "8723/dagster")
