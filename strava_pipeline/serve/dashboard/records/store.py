"""Sessions, one-time login links, failed logins, and tokens of programs. All are stored as hashes: reading the records does
not allow a login.

Statements stand in sql/, and run on SQLite and PostgreSQL alike. Times are arguments, in UTC.
"""

import hashlib
import hmac
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any, Literal, cast, get_args

from sqlalchemy import Connection, Engine, Row, TextClause, text
from sqlalchemy.exc import SQLAlchemyError

from strava_pipeline.core.errors import MisuseError, PipelineError, UnknownIdError

SESSION = timedelta(days=30)  # then a browser has to log in again
LINK = timedelta(minutes=10)  # then an unopened link no longer logs in
LOGGED_LINK = timedelta(hours=24)  # on a home network it stands in a log, where somebody looks later
FREE_FAILURES = 5  # per client, before it has to wait
FREE_FAILURES_OF_ALL = 50  # of all clients together: many addresses can't try more than one could
FORGOTTEN_AFTER = timedelta(days=1)
USE_NOTED = timedelta(hours=1)  # a token's use is written once in it: a program that asks each second costs no writing
_EVERYBODY = "*"
_TOKENS = "tokens"  # under which wrong tokens are counted; nobody has to wait for them
_NEVER_WAITS = 2**31
LONGEST_TOKEN_NAME = 40
Role = Literal["athlete", "admin"]
May = Literal["read", "send"]


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
class Token:
    """A program's or a phone's key to what one athlete has.

    Args:
        name: as its owner calls it.
        may: read the JSON API, or send files.
        places: whether it also reads places, tracks and original files.
        body: whether it also reads days and nights.
        made_at: when it was made (UTC).
        ends_at: when it stops opening anything (UTC), or null.
        used_at: its last use (UTC, to the hour), or null.
        used_from: the address from which it was used last, or null.
    """

    name: str
    may: May
    places: bool = False
    body: bool = False
    made_at: datetime | None = None
    ends_at: datetime | None = None
    used_at: datetime | None = None
    used_from: str | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """A logged-in browser, or a program with a token. `csrf_token`: must be repeated in a browser's requests for changes; a
    program does not learn it, and what it may ask again is sealed with it.

    `account`: the account, if there are accounts. `token`: the program's.
    """

    token_hash: str = field(repr=False)
    csrf_token: str = field(repr=False)
    account: Account | None = None
    token: Token | None = None


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

    def add_token(self, token: Token, now: datetime, *, athlete: str = "", account: str | None = None) -> str:
        """The text of a new token of an athlete, which nobody can read again. Raises MisuseError for a name that is taken.

        `account`: the account that makes it, and on which it depends; None: this machine's owner.
        """
        text = secrets.token_urlsafe(32)
        added = self._run(
            "add_token",
            token_hash=hash_of(text),
            csrf_token=secrets.token_urlsafe(32),
            athlete=athlete,
            account=account,
            name=token.name,
            may=token.may,
            places=token.places,
            body=token.body,
            now=seconds_of(now),
            ends_at=None if token.ends_at is None else seconds_of(token.ends_at),
        )
        if added is None:
            raise MisuseError(f"There is a token {token.name} already. Remove that one, or take another name.")
        return text

    def token_session(self, text: str, client: str, now: datetime) -> Session | None:
        """The session of a token, whose use is noted; None if it is unknown or ended.

        `client`: the address from which it came.
        """
        token_hash = hash_of(text)
        row = self._run("find_token", token_hash=token_hash, now=seconds_of(now))
        if row is None or not hmac.compare_digest(row.token_hash, token_hash) or not self._is_served(row.athlete):
            return None
        if row.used_from != client or seconds_of(now) - (row.used_at or 0) >= _of(USE_NOTED):
            self._run("note_token", token_hash=token_hash, client=client, now=seconds_of(now))
        account = Account(row.name, "athlete", row.athlete) if row.athlete else None
        return Session(token_hash, row.csrf_token, account, Token(row.name, row.may, bool(row.places), bool(row.body)))

    def count_wrong_token(self, now: datetime) -> None:
        """Count a token that opened nothing."""
        counting = {"client": _TOKENS, "free": _NEVER_WAITS, "forgotten_after": _of(FORGOTTEN_AFTER)}
        self._run("begin_attempt", **counting, now=seconds_of(now))

    def tokens(self, athlete: str = "") -> list[Token]:
        """The tokens of an athlete, by name."""
        with self._transaction() as connection:
            return [_token(row) for row in connection.execute(statement("list_tokens"), {"athlete": athlete})]

    def remove_token(self, name: str, athlete: str = "") -> None:
        """Remove a token, which opens nothing from now on. Raises UnknownIdError."""
        if self._run("remove_tokens", athlete=athlete, name=name, is_all=False) is None:
            raise UnknownIdError("There is no token of this name. List them: strava-pipeline tokens list")

    def remove_tokens(self, athlete: str = "") -> None:
        """Remove all tokens of an athlete."""
        self._run("remove_tokens", athlete=athlete, name="", is_all=True)

    def wrong_tokens(self) -> tuple[int, datetime | None]:
        """How many wrong tokens came since a day without any, of whomever, and when the last one did (UTC)."""
        row = self._run("count_attempts", client=_TOKENS)
        return (0, None) if row is None else (row.failures, _moment(row.last_at))

    def _is_served(self, athlete: str) -> bool:
        """Whether tokens of this athlete open this dashboard, and not another one of the same database."""
        return not athlete

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


def new_token(name: str, may: str, until: str | None, *, places: bool, body: bool) -> Token:
    """A token as a person asked for it; `until`: its last day, in UTC. Raises MisuseError."""
    name, is_read = " ".join(name.split()), may == "read"
    if not (1 <= len(name) <= LONGEST_TOKEN_NAME and name.isprintable()) or may not in get_args(May):
        raise MisuseError(f"A token has a name of at most {LONGEST_TOKEN_NAME} characters, and may read or send.")
    try:
        ends_at = datetime.fromisoformat(f"{until}T00:00:00Z") + timedelta(days=1) if until else None
    except (ValueError, OverflowError):
        raise MisuseError("The last day is written 2027-01-31.") from None
    return Token(name, cast(May, may), places and is_read, body and is_read, ends_at=ends_at)


@cache
def statement(name: str) -> TextClause:
    return text(files(__package__).joinpath("sql", f"{name}.sql").read_text(encoding="utf-8"))


def hash_of(token: str) -> str:
    """Tokens have 256 random bits, so a fast hash without salt is enough."""
    return hashlib.sha256(token.encode()).hexdigest()


def seconds_of(moment: datetime) -> int:
    return int(moment.timestamp())


def _moment(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _token(row: Row[Any]) -> Token:
    made_at, ends_at, used_at = map(_moment, (row.made_at, row.ends_at, row.used_at))
    return Token(row.name, row.may, bool(row.places), bool(row.body), made_at, ends_at, used_at, row.used_from)


def _of(span: timedelta) -> int:
    return int(span.total_seconds())
