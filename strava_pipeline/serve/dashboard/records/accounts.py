"""Accounts for the dashboard of several athletes: logins, roles, and the athlete whose pages each one sees.

An account has a stamp, a random text that changes with each change of password, role, athlete, or blocking. A session
has the stamp of its login and is valid while the account has the same. So one statement ends the sessions of an account
in every process at once, and a login under way during a change begins a session that has already ended.
"""

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from strava_pipeline.core.errors import MisuseError, UnknownIdError
from strava_pipeline.serve.dashboard.records.store import (
    Account,
    Records,
    Session,
    hash_of,
    seconds_of,
    statement,
)

_UNKNOWN = "There is no such account. List them: strava-pipeline dashboard account"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}", re.ASCII)


class Accounts(Records):
    """The records of a dashboard of several athletes. Its sessions belong to accounts: none without one is valid here."""

    def begin_session_of(self, account: Account, now: datetime) -> str:
        """A new session's token, valid while the account stays unchanged."""
        return self._begin("add_account_session", now, stamp=account.stamp)

    def session(self, token: str, now: datetime) -> Session | None:
        row = self._run("find_account_session", token_hash=hash_of(token), now=seconds_of(now))
        if row is None:
            return None
        return Session(hash_of(token), row.csrf_token, Account(row.name, row.role, row.athlete))

    def _is_served(self, athlete: str) -> bool:
        return bool(athlete)

    def accounts(self) -> list[Account]:
        """All accounts, by name."""
        with self._transaction() as connection:
            return [_account(row) for row in connection.execute(statement("list_accounts"))]

    def account(self, name: str) -> Account | None:
        """The account of this name, or None."""
        row = self._run("find_account", name=name)
        return None if row is None else _account(row)

    def known(self, name: str) -> Account:
        """The same for a name that must exist. Raises UnknownIdError."""
        if (found := self.account(name)) is None:
            raise UnknownIdError(_UNKNOWN)
        return found

    def add(self, account: Account, now: datetime) -> None:
        """Add an account that can log in. Raises MisuseError."""
        _check(account)
        if not self._add(account, now):
            raise MisuseError(f"There is an account {account.name} already.")

    def change(self, name: str, known: Account | None = None, /, **changed: Any) -> Account:
        """Change fields of an account, which ends its sessions. Raises MisuseError, also if no admin would be left.

        `known`: the account as the caller saw it, if it must not have changed since.
        """
        with self._changing(name) as (connection, old, has_other_admin):
            if known is not None and known.stamp != old.stamp:
                raise MisuseError(f"{name} has changed meanwhile. Log in again.")
            new = replace(old, **changed, stamp=_new_stamp())
            _check(new)
            if not (has_other_admin or (new.is_admin and not new.blocked)):
                raise _last_admin(name)
            connection.execute(statement("change_account"), asdict(new))
        return new

    def remove(self, name: str) -> None:
        """Remove an account and its sessions. Raises MisuseError as `change` does."""
        with self._changing(name) as (connection, _, has_other_admin):
            if not has_other_admin:
                raise _last_admin(name)
            connection.execute(statement("remove_account"), {"name": name})

    def _add(self, account: Account, now: datetime) -> bool:
        fields = {**asdict(account), "stamp": _new_stamp(), "now": seconds_of(now)}
        return self._run("add_account", **fields) is not None

    @contextmanager
    def _changing(self, name: str) -> Iterator[tuple[Connection, Account, bool]]:
        """A transaction, the account, and whether no admin who can log in would be left without it, if it is one."""
        with self._transaction() as connection:
            connection.execute(statement("hold_admins"))
            known = {row.name: _account(row) for row in connection.execute(statement("list_accounts"))}
            if name not in known:
                raise UnknownIdError(_UNKNOWN)
            admins = {each.name for each in known.values() if each.is_admin and not each.blocked}
            yield connection, known[name], name not in admins or len(admins) > 1


def usable_name(typed: str) -> str | None:
    """The name of an account as it was typed, or None if it is invalid."""
    name = typed.strip().lower()
    return name if _NAME.fullmatch(name) else None


def _check(account: Account) -> None:
    if not (account.blocked or account.is_admin or account.athlete):
        raise MisuseError(f"{account.name} is no admin and needs an athlete whose pages the account sees.")


def _last_admin(name: str) -> MisuseError:
    return MisuseError(f"{name} is the only admin who can log in. Let another admin in first.")


def _account(row: Row[Any]) -> Account:
    return Account(row.name, row.role, row.athlete, bool(row.blocked), row.argon2, row.stamp)


def _new_stamp() -> str:
    return secrets.token_urlsafe(32)
