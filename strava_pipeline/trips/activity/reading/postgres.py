"""Trips in PostgreSQL, read in short read-only transactions that all end in ROLLBACK: no other session waits for us.

No error quotes libpq's text or the URL: a password with a special character can appear anywhere in them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import psycopg
from psycopg import conninfo
from psycopg.types.string import TextLoader

from strava_pipeline.core.errors import MisuseError, SourceError
from strava_pipeline.trips.activity.reading.source import (
    ENCRYPTED,
    GROUPS,
    HEAD,
    PAGE,
    PLAIN,
    PROPERTIES,
    TABLE,
    UPDATED,
    Counts,
    Filters,
    ListedTrip,
    Page,
    TripSource,
)

_SCHEMA = "gamification_private"
_CONNECT_SECONDS = 10  # libpq's own default is to wait as long as the network does
_LIST_AT_ONCE = 10_000  # rows of the list fetched in one go: about a megabyte
_NAMED = {"external_id": "coalesce(nullif(external_id::text, ''), id::text)"}  # as columns.trip_name names a trip
_COLUMNS = (  # system columns included, such as xmin, which views lack
    "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute "
    "WHERE attrelid = to_regclass(%s) AND NOT attisdropped"
)


class PostgresTrips(TripSource):
    """The table in the schema gamification_private if it is there, otherwise in the search path."""

    def __init__(self, url: str) -> None:
        self.name = shown(url)
        self.connection = _connected(url, self.name)
        try:
            self._table = self._found()
        except SourceError:
            self.connection.close()
            raise

    def listed(self, filters: Filters) -> Iterable[ListedTrip]:
        where = " AND ".join(f"{_NAMED.get(column, f'{column}::text')} = ANY(%({column})s)" for column in filters.plain)
        query = f"SELECT id, id, start_time, location_count FROM {self._table} WHERE {where or 'TRUE'}"
        with self._transaction(), self.connection.cursor(name="listed") as cursor:
            cursor.itersize = _LIST_AT_ONCE
            return [ListedTrip._make(row) for row in cursor.execute(query, filters.plain)]

    def pages(self) -> Iterator[Page]:
        if self._rows(f"SELECT 1 FROM {self._table} WHERE id IS NULL LIMIT 1"):
            yield Page(["null"], [None], [""])
        told = [name for name in ("xmin", UPDATED) if name in self._types]
        # where there is an xmin, each update changes it
        plain = ("external_id", "start_time", *told) if "xmin" in told else (*PLAIN, *told)
        heads = [f"octet_length({name}), substr({name}, 1, {HEAD})" for name in ENCRYPTED]
        content = f"md5(ROW({', '.join([*plain, *heads])})::text)"

        def page(after: Any) -> list[tuple[Any, ...]]:
            where = "TRUE" if after is None else f"id >= %(after)s::{self._types['id']}"
            query = f"SELECT id, to_json(id)::text, id::text, {content} FROM {self._table} WHERE {where}"
            return self._rows(f"{query} ORDER BY 1 LIMIT {PAGE}", {"after": after})

        yield from self._paged(page)

    def rows(self, keys: Sequence[Any], columns: Sequence[str]) -> dict[Any, dict[str, Any]]:
        query = f"SELECT id, {', '.join(columns)} FROM {self._table} WHERE id = ANY(%s::{self._types['id']}[])"
        return {key: dict(zip(columns, values, strict=True)) for key, *values in self._rows(query, [list(keys)])}

    def sizes(self, keys: Sequence[Any]) -> dict[Any, tuple[int, ...]]:
        of_tokens = [f"coalesce(octet_length({name}), 0)" for name in ENCRYPTED]  # text or bytes
        wanted = ", ".join([*of_tokens, f"coalesce(octet_length({PROPERTIES}::text), 0)"])  # text or JSON
        found = self._rows(
            f"SELECT id, {wanted} FROM {self._table} WHERE id = ANY(%s::{self._types['id']}[])", [list(keys)]
        )
        return {key: tuple(sizes) for key, *sizes in found}

    def counts(self) -> Counts:
        groups = ", ".join(f"{column}::text" for column in GROUPS)
        places = ", ".join(str(place) for place in range(1, len(GROUPS) + 1))
        present = ", ".join(f"count(*) FILTER (WHERE {column} IS NOT NULL)" for column in ENCRYPTED)
        return Counts(
            self._rows(f"SELECT {groups}, count(*) FROM {self._table} GROUP BY {places}"),
            dict(zip(ENCRYPTED, self._rows(f"SELECT {present} FROM {self._table}")[0], strict=True)),
        )

    def close(self) -> None:
        self.connection.close()

    def _found(self) -> str:
        for table in (f"{_SCHEMA}.{TABLE}", TABLE):
            self._types = dict(self._rows(_COLUMNS, [table]))
            if self._types:
                self.check(self._types)
                return table
        self.check([])
        raise AssertionError  # check([]) raises

    def _rows(self, query: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> list[Any]:
        with self._transaction():
            return self.connection.execute(query, values).fetchall()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            try:
                yield
            finally:
                if not self.connection.closed:
                    self.connection.rollback()
        except psycopg.errors.InsufficientPrivilege:
            raise SourceError(
                f"the user may not read {TABLE} of {self.name}: GRANT USAGE on the schema, SELECT on it."
            ) from None
        except psycopg.OperationalError as error:
            raise SourceError(
                f"{self.name} went away while it was read ({_kind(error)}); run again when it is back."
            ) from None
        except psycopg.Error as error:
            raise SourceError(
                f"{self.name} did not answer as {TABLE} should ({_kind(error)}); is it the right table?"
            ) from None


def shown(url: str) -> str:
    """The address without user and password; empty if the parts can't be distinguished."""
    try:
        parts = urlsplit(url)
        place = f"{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}{parts.path}"
    except ValueError:
        return "postgresql://…"
    # an unescaped / ? # or @ in the password
    is_ambiguous = "@" in place + parts.query + parts.fragment or parts.fragment
    return "postgresql://…" if is_ambiguous else f"postgresql://{place}"


def _connected(url: str, name: str) -> psycopg.Connection[Any]:
    try:
        given: dict[str, Any] = conninfo.conninfo_to_dict(url)
    except psycopg.Error:
        raise MisuseError(
            f"{name} is no address of PostgreSQL: postgresql://user@host:5432/database, special characters written as %40."
        ) from None
    given = {
        "connect_timeout": _CONNECT_SECONDS,
        "application_name": "strava-pipeline",
        **given,
        "client_encoding": "utf8",
    }
    try:
        connection: psycopg.Connection[Any] = psycopg.connect(
            conninfo.make_conninfo(**given), autocommit=True, prepare_threshold=None
        )
        try:
            _make_read_only(connection)
        except psycopg.Error:
            connection.close()
            raise
    except psycopg.Error as error:
        asked = error.pgconn is not None and (error.pgconn.used_password or error.pgconn.needs_password)
        why = "the login was refused" if asked else f"no connection that is read-only: {_kind(error)}"
        raise SourceError(
            f"{name} can't be opened ({why}). Is the server running, and are host, port, database, user and password right? "
            "The password may stand in PGPASSWORD or ~/.pgpass instead of the URL."
        ) from None
    for type_name in ("date", "timestamp", "timestamptz", "uuid"):
        connection.adapters.register_loader(type_name, TextLoader)  # a datetime can't hold infinity or far years
    return connection


def _make_read_only(connection: psycopg.Connection[Any]) -> None:
    with connection.cursor() as cursor:  # for the session, so outside the transactions that are rolled back
        cursor.execute("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")
        cursor.execute("SET DateStyle TO 'ISO'")
        cursor.execute("SET TimeZone TO 'UTC'")  # or another default would look like a change of every row
    connection.autocommit = False
    connection.read_only = True  # BEGIN READ ONLY, in case a pooler hands out another session


def _kind(error: psycopg.Error) -> str:
    return f"{type(error).__name__}{f' {error.sqlstate}' if error.sqlstate else ''}"
