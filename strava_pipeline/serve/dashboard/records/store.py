"""Sessions, one-time login links, and failed logins. Tokens are stored as hashes: reading the records does not allow a login.

Statements stand in sql/, and run on SQLite and PostgreSQL alike. Times are arguments, in UTC.
"""

import hashlib
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from sqlalchemy import Connection, Engine, Row, TextClause, text
from sqlalchemy.exc import SQLAlchemyError

from strava_pipeline.core.errors import PipelineError

SESSION = timedelta(days=30)  # then a browser has to log in again
LINK = timedelta(minutes=10)  # then an unopened link no longer logs in
LOGGED_LINK = timedelta(hours=24)  # on a home network it stands in a log, where somebody looks later
FREE_FAILURES = 5  # per client, before it has to wait
FREE_FAILURES_OF_ALL = 50  # of all clients together: many addresses can't try more than one could
FORGOTTEN_AFTER = timedelta(days=1)
_EVERYBODY = "*"
Role = Literal["athlete", "admin"]


@dataclass(frozen=True, slots=True)
class Account:
    """An account. `athlete`: whose pages it sees, or None; `blocked`: it can't log in."""

    name: str
    role: Role
    athlete: str | None
    blocked: bool = False
    argon2: str = field(default="", repr=False)
    stamp: str = field(default="", repr=False)

    @property
    def is_admin(self) -> bool:
        return self.role == "admin"


@dataclass(frozen=True, slots=True)
class Session:
    """A logged-in browser. `csrf_token`: must be repeated in its requests for changes.

    `account`: the account, if there are accounts.
    """

    token_hash: str = field(repr=False)
    csrf_token: str = field(repr=False)
    account: Account | None = None


class Records:
    """The records in a database whose tables exist."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def close(self) -> None:
        self._engine.dispose()

    def begin_session(self, now: datetime) -> str:
        """A new session's token, for its browser only."""
        return self._begin("add_session", now)

    def session(self, token: str, now: datetime) -> Session | None:
        """The session of a token, or None if it is unknown or has ended."""
        row = self._run("find_session", token_hash=hash_of(token), now=seconds_of(now))
        return None if row is None else Session(hash_of(token), row.csrf_token)

    def end_session(self, session: Session) -> None:
        self._run("end_session", token_hash=session.token_hash)

    def end_all(self) -> None:
        """Invalidate all sessions and links."""
        self._run("end_all_sessions")
        self._run("end_all_links")

    def add_link(self, now: datetime, lasts: timedelta = LINK) -> str:
        """The token of a new link, which logs one browser in, once."""
        token = secrets.token_urlsafe(32)
        self._run("add_link", token_hash=hash_of(token), ends_at=seconds_of(now + lasts))
        return token

    def redeem_link(self, token: str, now: datetime) -> bool:
        """Whether the token was a link's; it is used up by this."""
        return self._run("redeem_link", token_hash=hash_of(token), now=seconds_of(now)) is not None

    def begin_attempt(self, client: str, now: datetime, *more: str) -> timedelta | None:
        """Count a failed login in advance; None: it may be checked. Otherwise nothing is counted, and the time to wait
        is returned.

        `more`: further counters besides the client's and the total, such as that of the requested account.
        """
        counted = {**dict.fromkeys((client, *more), FREE_FAILURES), _EVERYBODY: FREE_FAILURES_OF_ALL}
        with self._transaction() as connection:
            for name, free in counted.items():
                asked = {"client": name, "now": seconds_of(now), "free": free, "forgotten_after": _of(FORGOTTEN_AFTER)}
                if connection.execute(statement("begin_attempt"), asked).first() is None:
                    row = connection.execute(statement("next_attempt"), {"client": name}).first()
                    connection.rollback()  # an attempt that isn't checked is not counted
                    return timedelta(seconds=max(1, (row.open_at if row else 0) - seconds_of(now)))
        return None

    def forget_attempts(self, client: str, *more: str) -> None:
        """Remove the counted attempts after a successful login."""
        for name in (client, *more, _EVERYBODY):
            self._run("forget_attempts", client=name)

    def remove_old(self, now: datetime) -> None:
        """Remove ended sessions, links and attempts."""
        self._run("remove_old_sessions", now=seconds_of(now))
        self._run("remove_old_links", now=seconds_of(now))
        self._run("remove_old_attempts", now=seconds_of(now), forgotten_after=_of(FORGOTTEN_AFTER))

    def _begin(self, name: str, now: datetime, **more: Any) -> str:
        """The token of a session that the statement of this name adds."""
        token = secrets.token_urlsafe(32)
        self._run(
            name,
            token_hash=hash_of(token),
            csrf_token=secrets.token_urlsafe(32),
            now=seconds_of(now),
            ends_at=seconds_of(now + SESSION),
            **more,
        )
        return token

    def _run(self, name: str, /, **parameters: Any) -> Row[Any] | None:
        """Run a statement in a transaction; returns its first row, if it has rows. Raises PipelineError if the database
        can't be used.
        """
        with self._transaction() as connection:
            result = connection.execute(statement(name), parameters)
            return result.first() if result.returns_rows else None

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        try:
            with self._engine.begin() as connection:
                yield connection
        except SQLAlchemyError as error:  # its text may name the database's address
            raise PipelineError(
                f"The dashboard's sessions can't be read or written ({type(error).__name__}). Check the database that "
                "DATABASE_URL names, or the disk and the permissions of the data folder, and start the dashboard again."
            ) from None


@cache
def statement(name: str) -> TextClause:
    return text(files(__package__).joinpath("sql", f"{name}.sql").read_text(encoding="utf-8"))


def hash_of(token: str) -> str:
    """Tokens have 256 random bits, so a fast hash without salt is enough."""
    return hashlib.sha256(token.encode()).hexdigest()


def seconds_of(moment: datetime) -> int:
    return int(moment.timestamp())


def _of(span: timedelta) -> int:
    return int(span.total_seconds())
