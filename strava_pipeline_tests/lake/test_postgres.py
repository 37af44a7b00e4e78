"""lake.gold.postgres on a real PostgreSQL: the same rows there, nothing written twice, other people's things left alone."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pydantic import SecretStr
from tenacity import Retrying, retry_if_result, stop_after_delay, wait_fixed

from strava_pipeline.core.errors import MissingSettingsError, PipelineError
from strava_pipeline.core.tables.exported import exported_tables
from strava_pipeline.core.tables.model import Kind
from strava_pipeline.environment.setting_values import postgres_parameters
from strava_pipeline.lake.gold.notes import mark_changed
from strava_pipeline.lake.gold.postgres import ExportReport, Target, delete_exported, export_gold
from strava_pipeline.lake.gold.publish import publish, snapshot
from strava_pipeline.lake.gold.warehouse import writing
from strava_pipeline.lake.paths import Lake
from strava_pipeline_tests.lake.conftest import NewLake
from strava_pipeline_tests.lake.insight_rows import ME, activity, many, put, splits
from strava_pipeline_tests.patience import PATIENCE
from strava_pipeline_tests.postgres import PASSWORD, Server

pytestmark = pytest.mark.slow

TABLES = exported_tables(with_positions=True)
SOME = {
    name: TABLES[name] for name in ("activities_all", "activities", "activity_splits_metric", "totals_by_month", "gear")
}
ODD = activity(
    -(2**62),
    "2019-05-04T10:00:00",
    name="a\0b 🚴 'quoted' \\",
    start_latlng=[],
    end_latlng=[52.5, float("nan")],
    distance=float("inf"),
    extra='{"b": 1,  "a": "\\u0000"}',
)


@pytest.fixture
def database(server: Server) -> str:
    return server.new_database()


@pytest.fixture(scope="module")
def gold(module_lake: Lake) -> Lake:
    """Published: activities of 2019 to 2023, odd ones among them."""
    put(module_lake, [ODD, *many(60)])
    put(module_lake, splits(5, [300, 310, 320]), "activity_splits_metric")
    put(module_lake, [{"athlete_id": ME, "ftp": 240.0, "fetched_at": "2024-01-01"}], "athlete")
    publish(module_lake)
    return module_lake


def target(database: str, **other: str) -> Target:
    parameters = postgres_parameters(SecretStr(database))
    password = parameters.pop("password")
    return Target(parameters | other, password, "strava")


def export(lake: Lake, database: str, tables: Any = SOME, years: Iterable[int] = (2020,)) -> ExportReport:
    return export_gold(lake, target(database), tables, years, lambda _: None)


def asked(database: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(database, autocommit=True, options="-c timezone=UTC") as connection:
        return connection.execute(query).fetchall()  # type: ignore[call-overload, no-any-return]


def done(database: str, *statements: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)  # type: ignore[call-overload]


def transactions(database: str) -> Any:
    """The number that the next transaction gets that writes."""
    return asked(database, "SELECT pg_snapshot_xmax(pg_current_snapshot())::text")


@pytest.mark.dear
def test_every_table_and_view_is_there_with_the_same_rows_and_the_second_export_writes_nothing(
    gold: Lake, server: Server, database: str
) -> None:
    report = export(gold, database, TABLES)
    assert (report.unequal, sorted(report.written)) == (set(), [0, 2019, 2020, 2021, 2022, 2023])
    with snapshot(gold) as here:
        for name in TABLES:
            ours = here.execute(f"SELECT count(*) FROM {name}").fetchall()
            assert asked(database, f'SELECT count(*) FROM strava."{name}" WHERE exported_for = {ME}') == ours, name
        columns = [each.name for each in SOME["activities_all"].columns if each.kind is not Kind.JSON]
        query = f"SELECT {', '.join(map(repr, columns))} FROM strava.activities_all ORDER BY id".replace("'", '"')
        ours = here.execute(query.replace("strava.", "")).fetchall()
    assert json.dumps(asked(database, query), default=str) == json.dumps(ours, default=str).replace("\\u0000", "")
    assert asked(database, "SELECT extra::text FROM strava.activities_all WHERE extra IS NOT NULL") == [(ODD["extra"],)]
    assert asked(database, "SELECT col_description('strava.activities'::regclass, 3)") != [(None,)]
    before, logged = transactions(database), len(server.log.read_text())
    assert export(gold, database, TABLES, [2019, 2020]).written == {}
    assert transactions(database) == before
    assert not [line for line in server.log.read_text()[logged:].splitlines() if "INSERT" in line or "DELETE" in line]


@pytest.mark.dear
def test_only_the_year_that_changed_is_written_whichever_the_run_is_of(lake: Lake, database: str) -> None:
    put(lake, [activity(1, "2019-05-04"), activity(2, "2021-05-04")])
    publish(lake)
    export(lake, database)
    before = asked(database, "SELECT exported_year, xmin::text FROM strava.activities_all ORDER BY 1")
    with writing(lake) as connection:
        connection.execute("UPDATE activities_all SET name = 'another' WHERE id = 2")
        mark_changed(connection)
    publish(lake)
    assert export(lake, database).written == {2021: 2}
    after = asked(database, "SELECT exported_year, xmin::text FROM strava.activities_all ORDER BY 1")
    assert (after[0], after[1] != before[1]) == (before[0], True)


@pytest.mark.dear
def test_what_is_deleted_here_goes_there_and_a_year_that_moved_moves(lake: Lake, database: str) -> None:
    put(lake, [activity(1, "2019-05-04"), activity(2, "2021-05-04"), activity(3, "2021-06-04")])
    publish(lake)
    export(lake, database)
    with writing(lake) as connection:
        connection.execute("DELETE FROM activities_all WHERE id = 3")
        connection.execute("UPDATE activities_all SET year = 2020 WHERE id = 1")
        mark_changed(connection)
    publish(lake)
    assert export(lake, database).unequal == set()
    assert asked(database, "SELECT id, exported_year FROM strava.activities_all ORDER BY id") == [(1, 2020), (2, 2021)]


@pytest.mark.dear
def test_athletes_in_one_database_leave_each_other_s_rows_alone(new_lake: NewLake, lake: Lake, database: str) -> None:
    other = new_lake(lake.data_dir / "other")
    put(lake, [activity(1, "2020-05-04")])
    put(other, [{**activity(1, "2020-05-04"), "athlete_id": 8}, {**activity(2, "2020-05-05"), "athlete_id": None}])
    for each in (lake, other):
        publish(each)
        export(each, database)
    assert not export(lake, database).written
    held = "SELECT exported_for, count(*) FROM strava.activities GROUP BY 1 ORDER BY 1"
    assert asked(database, held) == [(8, 2), (ME, 1)]
    assert delete_exported(lake, target(database), None) > 0
    assert asked(database, held) == [(8, 2)]
    assert asked(database, "SELECT DISTINCT exported_for FROM strava.exported") == [(8,)]


@pytest.mark.dear
def test_athletes_of_whom_nobody_has_said_who_they_are_leave_each_other_s_rows_alone(
    new_lake: NewLake, lake: Lake, database: str
) -> None:
    of = {lake: -1, new_lake(lake.data_dir / "other"): -2}
    for each, nobody in of.items():
        put(each, [{**activity(1, "2020-05-04"), "athlete_id": None}])
        publish(each)
        export_gold(each, replace(target(database), nobody=nobody), SOME, (2020,), lambda _: None)
    held = "SELECT exported_for, count(*) FROM strava.activities GROUP BY 1 ORDER BY 1"
    assert asked(database, held) == [(-2, 1), (-1, 1)]
    assert delete_exported(lake, replace(target(database), nobody=-1), None) > 0
    assert asked(database, held) == [(-2, 1)]


def test_rows_go_by_the_athlete_s_id_where_the_warehouse_is_gone(gold: Lake, untouched: Lake, database: str) -> None:
    assert delete_exported(untouched, target(database), ME) == 0, "nothing was ever exported"
    export(gold, database)
    nowhere = replace(untouched, data_dir=untouched.data_dir / "gone")
    assert delete_exported(nowhere, target(database), ME) == export_rows(gold)
    assert asked(database, "SELECT count(*) FROM strava.activities_all") == [(0,)]


def export_rows(lake: Lake) -> int:
    with snapshot(lake) as here:
        return sum(here.execute(f"SELECT count(*) FROM {name}").fetchall()[0][0] for name in SOME)


def test_a_person_s_indexes_and_views_survive_and_a_new_column_comes(gold: Lake, database: str) -> None:
    export(gold, database)
    done(
        database,
        "CREATE INDEX mine ON strava.activities (distance)",
        "CREATE VIEW strava.rides AS SELECT id, distance FROM strava.activities",
        "ALTER TABLE strava.activities DROP COLUMN kudos_count",  # as if it were new here
        "UPDATE strava.exported SET content = 'of another version'",
    )
    assert export(gold, database).unequal == set()
    assert asked(database, "SELECT count(kudos_count), count(*) FROM strava.activities JOIN strava.rides USING (id)")
    assert asked(database, "SELECT count(*) FROM pg_indexes WHERE indexname = 'mine'") == [(1,)]


def test_what_a_person_changed_or_dropped_there_is_written_again(gold: Lake, database: str) -> None:
    export(gold, database)
    done(
        database,
        "DELETE FROM strava.activities_all WHERE exported_year = 2020",
        "UPDATE strava.activities SET name = 'mine' WHERE exported_year = 2020",
        "DROP TABLE strava.totals_by_month",
    )
    assert {*export(gold, database).written} >= {2020, 2019, 2021}
    assert asked(database, "SELECT count(*) FROM strava.activities WHERE name = 'mine'") == [(0,)]
    assert asked(database, "SELECT count(*) FROM strava.activities_all") == [(61,)]
    assert not export(gold, database).written


def test_a_table_that_is_no_more_is_emptied_and_so_are_positions(gold: Lake, database: str) -> None:
    export(gold, database)
    fewer = {
        name: table
        for name, table in exported_tables(with_positions=False).items()
        if name in SOME and name != "activities"
    }
    assert export(gold, database, fewer).unequal == set()
    assert asked(database, "SELECT count(*) FROM strava.activities") == [(0,)]
    query = "SELECT count(*), count(end_latlng), count(extra) FROM strava.activities_all"
    assert asked(database, query) == [(61, 0, 0)]


def test_without_positions_no_column_is_left_that_may_hold_one() -> None:
    fewer = exported_tables(with_positions=False)
    assert {*TABLES} - {*fewer} == {"near_towns", "visited_tiles", "explorer_tiles"}
    words = {word for table in fewer.values() for each in table.columns for word in each.name.split("_")}
    assert not words & {"lat", "lng", "latlng", "latitude", "longitude", "polyline", "coordinates", "x", "y", "address"}
    assert not [each for table in fewer.values() for each in table.columns if each.kind is Kind.JSON]


def test_another_type_or_key_is_refused_with_what_to_do(gold: Lake, database: str) -> None:
    export(gold, database)
    done(database, "ALTER TABLE strava.gear ALTER COLUMN name TYPE varchar(10)")
    with pytest.raises(
        PipelineError, match=r"strava\.gear has another key or other types than here \(name\)\. Drop it there"
    ):
        export(gold, database)


@pytest.mark.parametrize(
    ("other", "password", "said"),
    [
        ({"host": "/nowhere"}, PASSWORD, "No such file or directory"),
        ({}, "hunter2", "password authentication failed"),
        ({"dbname": "none"}, PASSWORD, 'database "none" does not exist'),
        ({"host": "127.0.0.1", "port": "1"}, PASSWORD, "Connection refused"),
        ({"sslmode": "nonsense"}, PASSWORD, "invalid sslmode value"),
        ({"port": "1", "sslpassword": "hunter3"}, PASSWORD, "No such file or directory"),
    ],
)
def test_a_server_that_can_t_be_reached_is_named_without_the_password(
    gold: Lake, database: str, other: dict[str, str], password: str, said: str
) -> None:
    with pytest.raises(PipelineError, match="can't be reached") as caught:
        export_gold(gold, replace(target(database, **other), password=password), SOME, [], lambda _: None)
    assert said in str(caught.value)
    assert caught.value.__suppress_context__
    assert not [secret for secret in (password, "hunter3") if secret in f"{caught.value!r}{target(database)!r}"]


def test_missing_rights_are_told(gold: Lake, server: Server, database: str) -> None:
    role = server.new_role()
    reader = target(database, user=role)
    with pytest.raises(PipelineError, match="permission denied for database"):
        export_gold(gold, reader, SOME, [], lambda _: None)
    done(database, f"CREATE SCHEMA strava AUTHORIZATION {role}")
    assert export_gold(gold, reader, SOME, [], lambda _: None).written


def test_a_year_is_replaced_whole_or_not_at_all(gold: Lake, database: str) -> None:
    export(gold, database)
    ((year,),) = asked(database, "SELECT DISTINCT exported_year FROM strava.activity_splits_metric")
    done(
        database,
        "UPDATE strava.exported SET content = 'old'",
        "ALTER TABLE strava.activity_splits_metric ADD CHECK (false) NOT VALID",
    )
    held = f"SELECT id, xmin::text FROM strava.activities_all WHERE exported_year = {year} ORDER BY 1"
    before = asked(database, held)
    with pytest.raises(PipelineError, match="violates check constraint") as caught:
        export(gold, database)
    assert "Failing row" not in str(caught.value), "which would hold values"
    assert asked(database, held) == before, "it comes before the splits"
    done(database, "ALTER TABLE strava.activity_splits_metric DROP CONSTRAINT activity_splits_metric_check")
    assert export(gold, database).unequal == set()
    assert asked(database, held) != before


KILLED = """
import sys
from pathlib import Path
from strava_pipeline.core.tables.exported import exported_tables
from strava_pipeline.lake.gold.postgres import Target, export_gold
from strava_pipeline.lake.paths import Lake
from strava_pipeline.environment.setting_values import postgres_parameters
from pydantic import SecretStr
given = postgres_parameters(SecretStr(sys.argv[2]))
tables = {name: table for name, table in exported_tables(with_positions=True).items() if name in sys.argv[3:]}
export_gold(Lake(Path(sys.argv[1])), Target(given, given.pop("password"), "strava"), tables, range(2019, 2024), lambda _: None)
"""


@pytest.mark.parametrize("ended_by", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_is_killed_leaves_the_year_at_hand_as_it_was_and_the_next_one_goes_on(
    gold: Lake, database: str, ended_by: signal.Signals
) -> None:
    export(gold, database)
    done(database, "UPDATE strava.activities SET name = 'mine'", "UPDATE strava.activities_all SET name = 'mine'")
    held = "SELECT exported_year, bool_or(name IS NOT DISTINCT FROM 'mine') FROM strava.{} GROUP BY 1 ORDER BY 1"
    with psycopg.connect(database) as other:
        # the export waits for it
        other.execute("SELECT 1 FROM strava.activities WHERE exported_year = 2021 FOR UPDATE")
        command = [sys.executable, "-c", KILLED, str(gold.data_dir), database, *SOME]
        with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
            until(lambda: asked(database, "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"))
            process.send_signal(ended_by)
            assert process.wait(PATIENCE) == -ended_by
    until(lambda: not asked(database, "SELECT 1 FROM pg_locks WHERE relation = 'strava.activities'::regclass"))
    left = [(2019, False), (2020, False), (2021, True), (2022, True), (2023, True)]
    assert asked(database, held.format("activities_all")) == left, "its 2021 was written before that of activities"
    assert asked(database, held.format("activities")) == left
    assert sorted(export(gold, database, years=range(2019, 2024)).written) == [2021, 2022, 2023]


def until(is_so: Callable[[], object]) -> None:
    """Wait for another process."""
    Retrying(stop=stop_after_delay(PATIENCE), wait=wait_fixed(0.05), retry=retry_if_result(lambda found: not found))(
        is_so
    )


def test_without_the_driver_it_says_how_to_get_it(gold: Lake, database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "adbc_driver_postgresql", None)
    with pytest.raises(MissingSettingsError, match=r"Install it: pip install 'strava_pipeline\[export\]'"):
        export(gold, database)


def test_a_database_that_duckdb_s_extension_wrote_goes_on_as_it_is(lake: Lake, database: str) -> None:
    done(database, Path(__file__).with_name("postgres_of_extension.sql").read_text())
    types = "SELECT attrelid::regclass::text, attname, atttypid::regtype::text FROM pg_attribute WHERE attnum > 0 AND attrelid IN "
    types += "(SELECT oid FROM pg_class WHERE relnamespace = 'strava'::regnamespace) ORDER BY 1, attnum"
    tables = {name: TABLES[name] for name in ("activities_all", "counted_activities", "activity_splits_metric")}
    came_later = ("has_time", "gear_item")
    known = tuple(column for column in tables["counted_activities"].columns if column.name not in came_later)
    tables["counted_activities"] = replace(tables["counted_activities"], columns=known)
    held = {name: f"SELECT * FROM strava.{name} ORDER BY 2, 3, 4" for name in tables}
    before, rows = asked(database, types), {name: str(asked(database, query)) for name, query in held.items()}
    put(
        lake,
        [
            {**ODD, "end_latlng": [52.5, None]},
            activity(1, "2020-05-04T10:00:00", name="Ride", has_heartrate=True, distance=12345.6),
        ],
    )
    put(lake, splits(1, [300.5, 310.25]), "activity_splits_metric")
    publish(lake)
    assert not export(lake, database, tables).written
    assert asked(database, types) == before
    assert {name: str(asked(database, query)) for name, query in held.items()} == rows
    done(database, "UPDATE strava.exported SET content = 'old'")
    report = export(lake, database, tables, years=())
    assert (report.written, report.unequal) == ({2019: 2, 2020: 4}, set())
    assert {name: str(asked(database, query)) for name, query in held.items()} == rows


def test_a_year_whose_rows_become_others_there_stays_as_it_was(gold: Lake, database: str) -> None:
    export(gold, database)
    done(
        database,
        "CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.distance = 1; RETURN NEW; END $$",
        "CREATE TRIGGER cut BEFORE INSERT ON strava.activities FOR EACH ROW WHEN (NEW.distance > 1) EXECUTE FUNCTION cut()",
        "UPDATE strava.exported SET content = 'old' WHERE exported_year IN (2019, 2021)",
    )
    held = "SELECT xmin::text FROM strava.activities_all WHERE exported_year = 2021"
    before = asked(database, held)
    report = export(gold, database)
    assert (report.unequal, {*report.written}) == ({"activities"}, set())
    assert asked(database, held) == before
    done(database, "DROP TRIGGER cut ON strava.activities")
    assert {*export(gold, database).written} == {2019, 2021}


@pytest.mark.dear
def test_a_value_that_can_t_be_cast_ends_the_export_by_its_column(lake: Lake, database: str) -> None:
    put(lake, [activity(1, "2020-05-04", extra='{"a": 1}')])
    publish(lake)
    export(lake, database)
    with writing(lake) as connection:
        connection.execute("UPDATE activities_all SET extra = '{\"secret\": NaN}'")  # which is JSON for DuckDB
        mark_changed(connection)
    publish(lake)
    with pytest.raises(
        PipelineError, match=r'"strava"\."activities_all" is refused by the cast "extra"::json'
    ) as caught:
        export(lake, database)
    assert "secret" not in f"{caught.value!r}"
    assert asked(database, "SELECT extra::text FROM strava.activities_all") == [('{"a": 1}',)]


def test_a_database_of_another_encoding_is_refused_before_any_text(gold: Lake, server: Server, database: str) -> None:
    done(database, "CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    with pytest.raises(PipelineError, match='has no equivalent in encoding "LATIN1"'):
        export(gold, server.url("latin"))
