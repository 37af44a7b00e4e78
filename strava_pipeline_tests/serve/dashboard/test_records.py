"""The records in each of their databases: made once, however often and by how many at once; nothing in them logs anybody in."""

import sqlite3
import stat
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, inspect, text

from strava_pipeline.core.errors import MissingSettingsError, MisuseError, PipelineError, UnknownIdError
from strava_pipeline.environment.settings import Settings
from strava_pipeline.serve.dashboard.records.accounts import Accounts
from strava_pipeline.serve.dashboard.records.database import connect, database_of, migrate, newest_version
from strava_pipeline.serve.dashboard.records.store import Account, Records, Token
from strava_pipeline_tests.postgres import Server
from strava_pipeline_tests.serve.dashboard.conftest import NOW

TABLES = {f"dashboard_{name}" for name in ("accounts", "attempts", "links", "sessions", "tokens", "version")}


def hold(settings: Settings, state: Path) -> None:
    """What every database has to do."""
    url = database_of(settings)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: migrate(url, state), range(4)))
    engine = connect(url)
    assert {*inspect(engine).get_table_names()} >= TABLES
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM dashboard_version"))  # as after a power cut between two statements
    migrate(url, state)
    records = Records(engine)
    token, link = records.begin_session(NOW), records.add_link(NOW)
    migrate(url, state)
    assert records.session(token, NOW) is not None, "what was there stays"
    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(lambda _: records.redeem_link(link, NOW), range(8))) == 1
        waits = [*pool.map(lambda _: records.begin_attempt("10.0.0.1", NOW), range(20))]
    assert (waits.count(None), {*waits} - {None}) == (5, {timedelta(seconds=10)})
    others = [records.begin_attempt(f"10.0.1.{number}", NOW) for number in range(45)]
    assert ({*others}, records.begin_attempt("10.0.2.1", NOW)) == ({None}, timedelta(seconds=10))
    assert not [row for row in dump(engine) if "10.0.2.1" in row], "who had to wait for others failed at nothing"
    assert not [row for row in dump(engine) if token in row or link in row]
    ahead = [records.begin_attempt("10.0.3.1", NOW + timedelta(days=400)) for _ in range(6)]
    assert (ahead[-1], records.begin_attempt("10.0.3.1", NOW)) == (timedelta(seconds=10), None), "the clock was ahead"
    records.remove_old(NOW + timedelta(days=31))
    assert [row for row in dump(engine) if "sessions" in row or "attempts" in row] == []
    other = records.begin_session(NOW)
    records.end_all()
    assert records.session(other, NOW) is None
    hold_tokens(records, Accounts(engine), engine)
    hold_accounts(Accounts(engine))
    records.close()


def hold_tokens(records: Records, house: Accounts, engine: Engine) -> None:
    """The same of tokens, and of what they sent: those of a house open nothing of another dashboard in the same database."""
    phone, ends = Token("phone", "send"), NOW + timedelta(hours=2)
    text = records.add_token(replace(phone, ends_at=ends), NOW)
    of_anna = house.add_token(Token("phone", "read", places=True), NOW, athlete="anna")
    assert not [row for row in dump(engine) if text in row or of_anna in row]
    with pytest.raises(MisuseError, match="already"):
        records.add_token(phone, NOW)
    session = records.token_session(text, "10.0.0.1", NOW)
    assert session is not None
    assert (session.account, session.token, text in repr(session)) == (None, phone, False)
    held = house.token_session(of_anna, "10.0.0.1", NOW)
    assert held is not None
    assert (held.account, held.token) == (Account("phone", "athlete", "anna"), Token("phone", "read", places=True))
    assert [house.token_session(text, "", NOW), records.token_session(of_anna, "", NOW)] == [None, None]
    assert records.token_session(text, "", ends) is None
    for moment in (NOW, ends):
        records.count_wrong_token(moment)
    assert records.wrong_tokens() == (2, ends)
    (listed,) = records.tokens()
    assert (listed.used_at, listed.used_from, listed.ends_at) == (NOW, "10.0.0.1", ends)
    records.token_session(text, "10.0.0.1", NOW + timedelta(minutes=59))
    assert records.tokens()[0].used_at == NOW, "a use is written once an hour"
    with pytest.raises(UnknownIdError):
        records.remove_token("other")
    records.remove_token("phone")
    assert (records.token_session(text, "", NOW), len(house.tokens("anna"))) == (None, 1)
    house.remove_tokens("anna")
    assert house.token_session(of_anna, "", NOW) is None
    house.add(Account("guest", "athlete", "anna", argon2="x"), NOW)
    made = house.add_token(phone, NOW, athlete="anna", account="guest")
    for change in ({"blocked": True}, {"athlete": "bob"}):
        assert house.token_session(made, "", NOW) is not None
        house.change("guest", **change)
        assert house.token_session(made, "", NOW) is None, "whom an account no longer sees, its tokens don't either"
        house.change("guest", athlete="anna", blocked=False, argon2="y")
    house.remove("guest")
    house.add(Account("guest", "athlete", "anna", argon2="x"), NOW + timedelta(minutes=1))
    assert house.token_session(made, "", NOW) is None, "another account of the name has not made it"
    house.remove_tokens("anna")
    house.remove("guest")


def hold_accounts(accounts: Accounts) -> None:
    """The same of accounts: many at once leave one admin."""
    for number in range(4):
        accounts.add(Account(f"admin{number}", "admin", None, argon2="x"), NOW)
    accounts.add(Account("anna", "athlete", "anna", argon2="x"), NOW)
    known = accounts.known("anna")
    token = accounts.begin_session_of(known, NOW)
    held = accounts.session(token, NOW)
    assert held is not None
    assert (held.account, known.blocked) == (Account("anna", "athlete", "anna"), False)
    assert not [secret for secret in ("argon2", known.stamp, token) if secret in repr((known, held))]
    with ThreadPoolExecutor(8) as pool:
        refused = [*pool.map(lambda number: is_refused(accounts, f"admin{number}"), range(4))]
    assert refused.count(True) == 1, "the last admin stays, whoever is blocked at the same moment"
    accounts.add(Account("bob", "athlete", None, blocked=True, argon2="y"), NOW)
    with pytest.raises(MisuseError, match="already"):
        accounts.add(Account("anna", "athlete", "bob", argon2="x"), NOW)
    with pytest.raises(MisuseError, match="needs an athlete"):
        accounts.change("bob", blocked=False)
    with pytest.raises(UnknownIdError):
        accounts.change("nobody", blocked=True)
    assert accounts.session(token, NOW) is not None
    accounts.change("anna", blocked=True)
    late = accounts.begin_session_of(accounts.known("anna"), NOW)
    assert [accounts.session(each, NOW) for each in (token, late)] == [None, None]
    assert {each.name for each in accounts.accounts()} == {"anna", "bob", *(f"admin{number}" for number in range(4))}
    accounts.remove("anna")
    assert accounts.account("anna") is None


def is_refused(accounts: Accounts, name: str) -> bool:
    try:
        accounts.change(name, blocked=True)
    except MisuseError:
        return True
    return False


def test_the_newest_version_is_the_last_one_of_the_migrations() -> None:
    config = Config()
    config.set_main_option("script_location", "strava_pipeline.serve.dashboard.records:migrations")
    assert ScriptDirectory.from_config(config).get_heads() == [newest_version()]


def dump(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return [
            f"{table} {row}" for table in sorted(TABLES) for row in connection.execute(text(f"SELECT * FROM {table}"))
        ]


def test_a_file_holds_the_records_and_only_its_owner_reads_it(settings: Settings, tmp_path: Path) -> None:
    state = tmp_path / "data" / "state"
    hold(settings, state)
    file = state / "app.sqlite3"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT version_num FROM dashboard_version").fetchall() == [("0003",)]


@pytest.mark.slow
def test_postgresql_holds_the_records_beside_dagsters(server: Server, tmp_path: Path) -> None:
    url = server.new_database()
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num text)")  # Dagster's
    hold(Settings.load(_env_file=None, database_url=url), tmp_path)


@pytest.mark.parametrize("url", ["nonsense", "mysql://hush@host/db", "postgresql://user:hush@host:port/db"])
def test_another_database_is_refused_without_its_address(url: str) -> None:
    with pytest.raises(MissingSettingsError, match="DATABASE_URL") as caught:
        database_of(Settings.load(_env_file=None, database_url=url))
    assert "hush" not in str(caught.value)


def test_a_database_that_is_none_is_named(settings: Settings, tmp_path: Path) -> None:
    state = tmp_path / "data" / "state"
    state.mkdir(parents=True)
    (state / "app.sqlite3").write_text("no database, and longer than a header of a hundred bytes " * 4)
    with pytest.raises(PipelineError, match=r"app\.sqlite3 can't be used"):
        migrate(database_of(settings), state)
