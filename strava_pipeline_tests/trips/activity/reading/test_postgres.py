"""A real PostgreSQL as the source: nothing can be written through us, no credential is told, and it may go away."""

import re
from typing import Any

import psycopg
import pytest

from strava_pipeline.core.errors import MisuseError, SourceError
from strava_pipeline.core.limits import TripLimits
from strava_pipeline.trips.activity.reading.opening import open_source
from strava_pipeline.trips.activity.reading.postgres import PostgresTrips, shown
from strava_pipeline.trips.activity.reading.read import probe, read_bundles
from strava_pipeline.trips.activity.reading.source import Filters
from strava_pipeline.trips.activity.rules.bundle import Bundle
from strava_pipeline_tests.postgres import PASSWORD, Server
from strava_pipeline_tests.trips.activity.sources import (
    RING,
    odd_trips,
    points,
    rides,
    sealed,
    trip,
    write_parquet,
    write_postgres,
    write_sqlite,
)

pytestmark = pytest.mark.slow  # starts a server


def bundles(url: str, filters: Filters = Filters()) -> list[Bundle]:
    with open_source(url) as source:
        return [bundle for batch in read_bundles(source, RING, filters) for bundle in batch]


def test_a_column_beyond_the_limit_is_not_fetched(database: str) -> None:
    rows = list(rides(3))
    rows[1]["locations"] = large = sealed(points(400))
    url = write_postgres(database, rows)
    with open_source(url) as source:
        sizes = source.sizes([1, 2, 3])
        assert sizes[2] == (
            len(large),
            len(rows[1]["activity_distribution"]),
            len(rows[1]["user_feedback"] or ""),
            len(rows[1]["extra_properties"]),
        )
    with open_source(url, TripLimits(column_bytes=len(large) - 1)) as source:
        fetched: list[tuple[list[int], bool]] = []
        fetch = source.rows
        source.rows = lambda keys, columns: fetched.append((list(keys), "locations" in columns)) or fetch(keys, columns)  # type: ignore[method-assign, func-returns-value]
        found = [one for batch in read_bundles(source, RING, Filters()) for one in batch]
    assert [len(one.locations) == 0 for one in found] == [False, True, False]
    assert ([2], False) in fetched
    assert ([2], True) not in fetched


def change(url: str, *statements: str) -> None:
    with psycopg.connect(url) as connection:
        for statement in statements:
            connection.execute(statement)


def test_three_kinds_of_source_give_the_same_bundles_and_the_same_probe(database: str, tmp_path: Any) -> None:
    rows = odd_trips()
    urls = [
        f"sqlite:///{write_sqlite(tmp_path / 'trips.sqlite', rows)}",
        f"parquet:///{write_parquet(tmp_path / 'trips.parquet', rows)}",
        write_postgres(database, rows),
    ]
    expected = bundles(urls[0])
    assert len(expected) == 22
    for url in urls[1:]:
        assert bundles(url) == expected
        with open_source(url) as source, open_source(urls[0]) as other:
            assert probe(source) == probe(other)
        for filters in (
            Filters(external_ids=("trip-00018", "trip-00002")),
            Filters(statuses=("accepted",), review_statuses=("pending",), limit=4),
            Filters(comments=("ride_not_detected",)),
            Filters(only_with_feedback=True, limit=2),
        ):
            assert bundles(url, filters) == bundles(urls[0], filters) != []


def test_columns_may_be_text_as_in_a_copied_table(database: str, tmp_path: Any) -> None:
    expected = bundles(f"sqlite:///{write_sqlite(tmp_path / 'trips.sqlite', odd_trips())}")
    assert bundles(write_postgres(database, odd_trips(), text=True)) == expected


def test_the_private_schema_comes_before_the_search_path(database: str) -> None:
    write_postgres(database, odd_trips(), schema="public")
    assert len(bundles(database)) == 22
    write_postgres(database, rides(3, 10))
    assert len(bundles(database)) == 3


def test_no_statement_of_ours_can_write(database: str) -> None:
    write_postgres(database, odd_trips())
    with PostgresTrips(database) as source:
        for statement in ("INSERT INTO gamification_private.activity_trip (id) VALUES (99)", "CREATE TABLE x (y int)"):
            with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
                source.connection.execute(statement)
            source.connection.rollback()
        source.connection.read_only = None  # the session's own setting holds as well
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            source.connection.execute("DELETE FROM gamification_private.activity_trip")


def test_every_query_stands_in_a_transaction_that_is_rolled_back(server: Server, database: str) -> None:
    write_postgres(database, odd_trips())
    before = len(server.log.read_text())
    with open_source(database) as source:
        probe(source)
        assert sum(map(len, read_bundles(source, RING, Filters(only_with_feedback=True)))) == 3
    sent = re.findall(r"(?:statement|execute [^:]*): (.*)", server.log.read_text()[before:])
    ours = sent[sent.index("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY") :]
    begun = False
    for statement in ours:
        if statement.startswith(("BEGIN", "ROLLBACK")):
            assert begun == statement.startswith("ROLLBACK")
            assert not statement.startswith("BEGIN") or "READ ONLY" in statement
            begun = not begun
        elif not statement.startswith("SET "):
            assert begun, statement
    assert not begun
    assert "COMMIT" not in ours
    assert sum(statement.startswith("BEGIN") for statement in ours) == 9


def test_a_probe_does_not_read_what_is_encrypted(server: Server, database: str) -> None:
    write_postgres(database, odd_trips())
    before = len(server.log.read_text())
    with open_source(database) as source:
        probe(source)
    sent = server.log.read_text()[before:]
    for column in ("locations", "activity_distribution", "user_feedback"):
        assert sent.count(column) == sent.count(f"{column} IS NOT NULL") == 1


def test_values_that_python_has_no_type_for_hide_no_trip(database: str) -> None:
    write_postgres(database, [trip(1), trip(2), trip(3), trip(4)])
    change(
        database,
        "UPDATE gamification_private.activity_trip SET start_time = 'infinity', distance_meters = 'NaN' WHERE id = 1",
        "UPDATE gamification_private.activity_trip SET start_time = '12026-01-01', distance_meters = 820 WHERE id = 2",
        "UPDATE gamification_private.activity_trip SET start_time = '0044-03-15 BC' WHERE id = 3",
    )
    found = bundles(database)
    assert [bundle.external_id[-1] for bundle in found] == ["4", "3", "2", "1"]
    assert [bundle.summary.start_time for bundle in found[1:]] == [None, None, None]
    assert [bundle.summary.distance_meters for bundle in found[2:]] == [820.0, None]


def test_ids_may_be_of_another_type(database: str) -> None:
    write_postgres(database, [trip(1, start_time=None), trip(2, start_time=None), trip(10, start_time=None)])
    change(
        database,
        "ALTER TABLE gamification_private.activity_trip ALTER id TYPE uuid USING lpad(id::text, 32, '0')::uuid",
        "UPDATE gamification_private.activity_trip SET external_id = NULL",
    )
    assert [bundle.external_id[-2:] for bundle in bundles(database)] == ["10", "02", "01"]
    change(
        database, "ALTER TABLE gamification_private.activity_trip ALTER external_id TYPE bigint USING location_count"
    )
    assert [bundle.external_id for bundle in bundles(database, Filters(external_ids=("absent", "20"), limit=1))] == [
        "20"
    ]


def test_an_id_that_is_there_twice_is_refused_rather_than_read_wrong(database: str) -> None:
    write_postgres(database, [trip(1), trip(2)])
    table = "gamification_private.activity_trip"
    change(database, f"ALTER TABLE {table} DROP CONSTRAINT activity_trip_pkey", f"UPDATE {table} SET id = 1")
    with pytest.raises(SourceError, match="several trips with one id"):
        bundles(database)


def test_a_trip_without_an_id_is_refused_rather_than_left_out(database: str) -> None:
    write_postgres(database, [trip(1), trip(2)])
    table = "gamification_private.activity_trip"
    change(
        database,
        f"ALTER TABLE {table} DROP CONSTRAINT activity_trip_pkey",
        f"ALTER TABLE {table} ALTER COLUMN id DROP NOT NULL",
        f"UPDATE {table} SET id = NULL WHERE id = 2",
    )
    with pytest.raises(SourceError, match="a trip without a usable id"):
        bundles(database)


def test_a_trip_without_an_external_id_is_asked_for_by_its_id(database: str) -> None:
    write_postgres(database, [trip(1), trip(2, external_id="")])
    with open_source(database) as source:
        (found,) = read_bundles(source, RING, Filters(external_ids=("2",)))
    assert [bundle.external_id for bundle in found] == ["2"]


def test_a_trip_that_is_deleted_while_others_are_read_is_left_out(database: str) -> None:
    write_postgres(database, rides(6, 10))
    with open_source(database) as source:
        source.rows_at_once = 2
        reading = read_bundles(source, RING, batch_points=1)
        first = next(reading)
        change(database, "DELETE FROM gamification_private.activity_trip WHERE id IN (3, 4)")
        rest = [bundle for batch in reading for bundle in batch]
    assert [bundle.external_id[-1] for bundle in [*first, *rest]] == ["6", "5", "2", "1"]


def test_a_server_that_goes_away_while_it_is_read_is_told(server: Server, database: str) -> None:
    write_postgres(database, rides(20, 10))
    with open_source(database) as source:
        source.rows_at_once = 2
        reading = read_bundles(source, RING, batch_points=1)
        next(reading)
        change(server.url(), f"SELECT pg_terminate_backend({source.connection.info.backend_pid})")
        with pytest.raises(SourceError, match="went away while it was read") as caught:
            list(reading)
    assert_one_line_without_credentials(caught.value)


def test_what_is_wrong_with_the_table_is_told(server: Server, database: str) -> None:
    with pytest.raises(SourceError, match="has no table activity_trip"):
        open_source(database)
    write_postgres(database, [trip(1)])
    reader = server.new_role()
    change(database, f"GRANT USAGE ON SCHEMA gamification_private TO {reader}")
    as_reader = database.replace("//trips:", f"//{reader}:")
    with pytest.raises(SourceError, match="may not read activity_trip") as caught:
        bundles(as_reader)
    assert_one_line_without_credentials(caught.value)
    change(database, f"REVOKE USAGE ON SCHEMA gamification_private FROM {reader}")
    with pytest.raises(SourceError, match="may not read activity_trip"):
        bundles(as_reader)
    change(database, "ALTER TABLE gamification_private.activity_trip DROP COLUMN status, DROP COLUMN user_feedback")
    with pytest.raises(SourceError, match="no column status, user_feedback"):
        open_source(database)


def test_a_wrong_password_is_told_without_it(server: Server) -> None:
    with pytest.raises(SourceError, match="the login was refused") as caught:
        open_source(server.url(password=PASSWORD + "wrong"))
    assert_one_line_without_credentials(caught.value)


def test_an_unknown_database_is_told(server: Server) -> None:
    with pytest.raises(SourceError, match="can't be opened"):
        open_source(server.url("absent"))


SECRETS = "s3cret", "wrong", "hunter"
UNREACHABLE = [
    "postgresql://u:hunter@127.0.0.1:1/db",
    "postgres://u:hunter@127.0.0.1:1/db",
    "postgresql://u:hunter@nowhere.invalid/db",
    "postgresql://u:hun@hunter@127.0.0.1:1/db",
    "postgresql://u:hunter#hunter@127.0.0.1:1/db",
    "postgresql://u:hunter?hunter@127.0.0.1:1/db",
    "postgresql://u:1234/hunter@127.0.0.1:1/db",
    "postgresql://u@127.0.0.1:1/db?password=hunter",
    "postgresql://u@127.0.0.1:1/db?passwort=hunter",
    "postgresql://u:hunter%zz@127.0.0.1:1/db",
    "postgresql://u:hunter@[::1/db",
    "postgresql://u:hunter@127.0.0.1:port/db",
]


@pytest.mark.parametrize("url", UNREACHABLE)
def test_an_address_that_does_not_work_is_told_without_credentials(url: str) -> None:
    with pytest.raises((SourceError, MisuseError)) as caught:
        open_source(url)
    assert_one_line_without_credentials(caught.value)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("postgresql://u:p@db.example:5433/trips?sslmode=require", "postgresql://db.example:5433/trips"),
        ("postgres:///trips", "postgresql:///trips"),
        ("postgresql://u:a/b@host/trips", "postgresql://…"),
        ("postgresql://u:a#b@host/trips", "postgresql://…"),
    ],
)
def test_a_source_is_named_by_host_and_database(url: str, name: str) -> None:
    assert shown(url) == name


def assert_one_line_without_credentials(error: Exception) -> None:
    assert "\n" not in str(error)
    assert not any(secret in str(error) for secret in SECRETS)
    assert error.__cause__ is None
    assert error.__suppress_context__
