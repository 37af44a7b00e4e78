"""status, sql, duck and schema as a person types them."""

import csv
import io
import json
import re
from pathlib import Path

import dagster as dg
import pytest

from strava_pipeline.core.tables import TABLES
from strava_pipeline.core.tables.insights import INSIGHTS, MACROS, PUBLISH_TABLES
from strava_pipeline_tests.facts import shown
from strava_pipeline_tests.rig import Make, Rig, log_in, started
from strava_pipeline_tests.verbs.conftest import TypeOn

# the three queries of the system that came before
SEED = [
    "SELECT id, start_date, name, sport_type, distance, kudos_count FROM activities ORDER BY start_date DESC LIMIT 10;",
    """SELECT a.id, a.start_date, a.kudos_count AS kudos_activities, d.kudos_count AS kudos_details, d.fetched_at
    FROM activities a LEFT JOIN activity_details d ON d.activity_id = a.id
    WHERE a.start_date >= now() - INTERVAL 7 DAY ORDER BY a.start_date DESC;""",
    """SELECT a.id, a.start_date, a.name FROM activities a LEFT JOIN activity_details d ON d.activity_id = a.id
    WHERE a.start_date >= now() - INTERVAL 21 DAY AND d.activity_id IS NULL ORDER BY a.start_date DESC;""",
]


@pytest.fixture(scope="module")
def pulled(tmp_path_factory: pytest.TempPathFactory) -> Rig:
    """A warehouse to look at."""
    folder = tmp_path_factory.mktemp("pulled")
    with started(folder) as rig:
        rig.do("flow_backfill")
        return rig


@pytest.mark.parametrize("query", SEED)
def test_the_seeds_queries_run_unchanged(pulled: Rig, type_on: TypeOn, query: str) -> None:
    said = type_on(pulled)("sql", query, "--format", "json")
    assert said.code == 0
    assert isinstance(json.loads(said.out), list)


def test_json_keeps_integers_instants_and_nulls(pulled: Rig, type_on: TypeOn) -> None:
    query = (
        "SELECT 9223372036854775807 AS big, TIMESTAMPTZ '2024-02-29 12:00:00+01' AS at, TIMESTAMP '2024-02-29 12:00:00' AS wall,"
        " NULL AS none, true AS yes, [1.5, 2] AS list, 1.5::DECIMAL(4, 1) AS number, 'ä\"😀' AS text, sum(1) AS total"
    )
    said = type_on(pulled)("sql", query, "--format", "json")
    assert json.loads(said.out) == [
        {
            "big": 9223372036854775807, "at": "2024-02-29T11:00:00Z", "wall": "2024-02-29T12:00:00", "none": None,
            "yes": True, "list": [1.5, 2], "number": 1.5, "text": 'ä"😀', "total": 1,
        }
    ]  # fmt: skip


def test_csv_is_read_back_as_it_was(pulled: Rig, type_on: TypeOn) -> None:
    said = type_on(pulled)("sql", "SELECT 'a,\"b\nc' AS odd, true AS yes, NULL AS none", "--format", "csv")
    assert list(csv.reader(io.StringIO(said.out))) == [["odd", "yes", "none"], ['a,"b\nc', "true", ""]]


def test_json_has_no_word_for_what_is_no_number(pulled: Rig, type_on: TypeOn) -> None:
    query = "SELECT 'Infinity'::DOUBLE AS most, ['-Infinity'::DOUBLE, 'NaN'::DOUBLE, 1] AS others"
    said = type_on(pulled)("sql", query, "--format", "json")
    assert said.out.strip() == '[{"most": null, "others": [null, null, 1.0]}]'


def test_a_setting_keeps_spreadsheets_from_computing_what_somebody_named_an_activity(
    pulled: Rig, type_on: TypeOn, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = type_on(pulled)
    query = """SELECT name, -1.5 AS number, ['=1'] AS list FROM (VALUES ('=HYPERLINK("x")'), ('+1'), ('-1'), ('@A1'), ('＝1'), ('＋1'), ('－1'), ('＠A1'), ('a=1')) t(name)"""
    texts = ['=HYPERLINK("x")', "+1", "-1", "@A1", "＝1", "＋1", "－1", "＠A1", "a=1"]

    def names() -> list[str]:
        found = list(csv.DictReader(io.StringIO(typed("sql", query, "--format", "csv").out)))
        assert {(row["number"], row["list"]) for row in found} == {("-1.5", '["=1"]')}
        return [row["name"] for row in found]

    assert names() == texts
    monkeypatch.setenv("STRAVA_CSV_ESCAPE_FORMULAS", "true")
    assert names() == [*(f"'{text}" for text in texts[:-1]), "a=1"]


@pytest.mark.parametrize(
    "query",
    [
        "COPY (SELECT 1) TO '{file}'",
        "SELECT * FROM read_text('{file}')",
        "SELECT * FROM glob('{file}*')",
        "ATTACH '{file}' AS other",
        "EXPORT DATABASE '{file}_folder'",
        "INSTALL httpfs",
        "SELECT * FROM read_blob('http://127.0.0.1:9/')",
        "COPY (SELECT 'x' AS x) TO '{snapshot}' (FORMAT csv, USE_TMP_FILE false)",
        "COPY (SELECT 'x' AS x) TO '{snapshot}.wal'",
        "COPY (SELECT 'x' AS x) TO '{snapshot}.tmp/x' (USE_TMP_FILE false)",
        "SET enable_external_access = true",
        "SET disabled_filesystems = ''",
        "SET profiling_output = '{file}'",
    ],
)
@pytest.mark.parametrize("by", ["sql", "duck"])
def test_a_statement_reaches_no_file_and_no_network(
    pulled: Rig, type_on: TypeOn, monkeypatch: pytest.MonkeyPatch, query: str, by: str
) -> None:
    login = pulled.settings.secrets_dir / "strava_token.json"
    before, snapshot = login.read_bytes(), pulled.lake.snapshot
    published, beside = snapshot.read_bytes(), sorted(snapshot.parent.rglob("*"))
    statement = query.format(file=login, snapshot=snapshot)
    monkeypatch.setattr("shutil.which", lambda _: None)  # the prompt, not DuckDB's shell
    answers = iter([f"{statement};"])
    monkeypatch.setattr("builtins.input", lambda _: next(answers, None) or end_of_input())
    said = type_on(pulled)("sql", statement) if by == "sql" else type_on(pulled)("duck")
    assert said.code == (1 if by == "sql" else 0)
    assert "--files" in said.err
    assert "access_token" not in said.out + said.err
    assert login.read_bytes() == before
    assert (snapshot.read_bytes(), sorted(snapshot.parent.rglob("*"))) == (published, beside)


def test_a_statement_may_use_files_where_the_person_says_so(pulled: Rig, type_on: TypeOn) -> None:
    file = pulled.folder / "counted.csv"
    said = type_on(pulled)("sql", f"COPY (SELECT count(*) AS n FROM activities) TO '{file}'", "--files")
    assert (said.code, file.read_text()) == (0, "n\n30\n")


def test_duckdb_s_own_shell_reaches_all_and_is_for_files_only(
    pulled: Rig, type_on: TypeOn, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[list[str]] = []
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr("os.execv", lambda _, line: lines.append(line))
    monkeypatch.setattr("builtins.input", lambda _: end_of_input())
    assert "read-only" in type_on(pulled)("duck").out
    assert lines == []
    type_on(pulled)("duck", "--files")
    assert lines == [["/usr/bin/duckdb", "-readonly", str(pulled.lake.snapshot)]]


def end_of_input() -> str:
    raise EOFError


def test_a_table_is_not_cut_where_nobody_looks_on(pulled: Rig, type_on: TypeOn) -> None:
    said = type_on(pulled)("sql", f"-- a comment first\nSELECT '{'x' * 300}' AS long")
    assert said.code == 0
    assert "x" * 300 in said.out


@pytest.mark.parametrize(
    "query", ["SELEC 1", "SELECT nothing FROM nowhere", "DROP TABLE gear", "DELETE FROM activities_all"]
)
def test_a_query_that_fails_or_writes_is_refused(pulled: Rig, type_on: TypeOn, query: str) -> None:
    said = type_on(pulled)("sql", query)
    assert said.code == 1
    assert "DuckDB refused the query" in said.err
    assert "Traceback" not in said.err
    assert not said.err.endswith("None\n")


@pytest.mark.parametrize("verb", [("sql", "SELECT 1"), ("duck",)])
def test_without_a_warehouse_the_way_to_one_is_told(rig: Rig, type_on: TypeOn, verb: tuple[str, ...]) -> None:
    said = type_on(rig)(*verb)
    assert said.code == 1
    assert "strava-pipeline flow" in said.err


def test_schema_tells_every_column_with_its_unit(pulled: Rig, type_on: TypeOn) -> None:
    told = json.loads(type_on(pulled)("schema", "--json").out)
    assert set(told) == {*TABLES, *PUBLISH_TABLES, *INSIGHTS, *MACROS, "gold.activities"}
    assert {"name": "distance", "type": "DOUBLE", "unit": "m", "meaning": "distance"} in told["activities_all"][
        "columns"
    ]
    assert "moving_time" in type_on(pulled)("schema", "activities").out
    assert "E kilometres" in type_on(pulled)("schema", "eddington_numbers").out
    assert "UTC without a zone" in type_on(pulled)("schema", "gold.activities").out
    assert type_on(pulled)("schema", "nothing").code == 2


WRITTEN = {  # what BigQuery takes for a value of a type, in JSON: docs/desirelines.md
    "INTEGER": lambda value: type(value) is int,
    "FLOAT": lambda value: type(value) in (int, float),
    "BOOLEAN": lambda value: type(value) is bool,
    "STRING": lambda value: type(value) is str,
    "TIMESTAMP": re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,6})?\+00").fullmatch,
    "DATETIME": re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,6})?").fullmatch,
    "DATE": re.compile(r"\d{4}-\d\d-\d\d").fullmatch,
    "JSON": lambda value: True,
}


@pytest.mark.dear
def test_rows_are_what_their_bigquery_schema_says(pulled: Rig, type_on: TypeOn, tmp_path: Path) -> None:
    typed, seen = type_on(pulled), set()
    for name, table in TABLES.items():
        schema = {field["name"]: field for field in json.loads(typed("schema", name, "--bigquery").out)}
        assert list(schema) == [column.name for column in table.columns]
        assert {field for field, spec in schema.items() if spec["mode"] == "REQUIRED"} == set(table.key)
        file = tmp_path / f"{name}.json"
        assert typed("sql", "--files", f"COPY {name} TO '{file}' (FORMAT json)").code == 0
        for row in map(json.loads, file.read_text().splitlines()):
            assert row.keys() == schema.keys()
            for field, value in row.items():
                kind = schema[field]["type"]
                assert WRITTEN[kind](value) if value is not None else field not in table.key, (name, field)
                seen |= {kind} if value is not None else set()
    assert seen >= {"INTEGER", "FLOAT", "BOOLEAN", "STRING", "TIMESTAMP", "DATETIME", "JSON"}
    assert typed("schema", "--bigquery").code == 2


@pytest.mark.dear
def test_the_published_tables_are_the_catalogues(pulled: Rig) -> None:
    for name, table in TABLES.items():
        rows = pulled.gold(
            f"SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = '{name}' ORDER BY column_index"
        )
        expected = [
            (column.name, column.kind.value.replace("TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE"))
            for column in table.columns
        ]
        assert rows == expected


@pytest.mark.dear
def test_status_shows_login_limits_and_what_is_missing(make_rig: Make, type_on: TypeOn) -> None:
    rig = make_rig(logged_in=False)
    typed = type_on(rig)
    assert "strava-pipeline auth" in typed("status").out
    log_in(rig)
    before = shown(typed("status", "--json").out)
    assert (before["strava login"]["state"], before["strava pull"]["state"]) == ("ok", "skipped")
    assert (before["published"]["state"], "details" in before) == ("skipped", False)
    rig.do("flow_backfill", bronze_activities={"max_calls": 12}, bronze_activity_details={"max_calls": 12})
    rig.calls()
    after = shown(typed("status", "--json").out)
    assert rig.calls()["total"] == 0
    rows = after["published"]["values"]["rows"]
    assert (rows["activities_all"], rows["activity_details"], after["details"]["values"]["missing"]) == (30, 10, 20)
    assert after["strava pull"]["values"]["complete"] is True
    limits = [fact["values"] for name, fact in after.items() if "limit: " in name]
    assert [limit["limit"] - limit["left"] for limit in limits] == [12, 12, 12, 12]
    assert "enrich-all" in typed("status").out


def test_status_names_scopes_that_were_not_granted(rig: Rig, type_on: TypeOn) -> None:
    path = rig.settings.secrets_dir / "strava_token.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"scope": "read,activity:read"}))
    login = shown(type_on(rig)("status", "--json").out)["strava login"]
    assert (login["state"], login["values"]["scopes"]) == ("warning", ["read", "activity:read"])
    assert "activity:read_all was not granted" in login["text"]
    assert "profile:read_all was not granted" in login["text"]


@pytest.mark.dear
def test_the_user_s_views_are_there_and_what_was_left_out_is_told(rig: Rig, type_on: TypeOn) -> None:
    rig.lake.views.mkdir()
    (rig.lake.views / "a.sql").write_text("CREATE VIEW a AS SELECT count(*) AS n FROM activities")
    (rig.lake.views / "b.sql").write_text("DROP VIEW activities")
    typed = type_on(rig)
    told = "Left out of the published warehouse: views/b.sql: it holds DROP"
    for verb in ("refresh", "rebuild"):
        assert told in typed(verb).out
    assert json.loads(typed("sql", "FROM a", "--format", "json").out) == [{"n": 30}]
    assert "it holds DROP" in shown(typed("status", "--json").out)["view b.sql"]["text"]
    (rig.lake.views / "b.sql").unlink()
    said = typed("compact")
    assert "Published" in said.out
    assert told not in said.out
    with rig.instance() as instance:
        checks = instance.event_log_storage.get_asset_check_execution_history(
            dg.AssetCheckKey(dg.AssetKey("published_warehouse"), "views_applied"), limit=100
        )
        told = [check.status.value for check in checks]
        assert [status for status in told if status != "PLANNED"] == ["SUCCEEDED", "FAILED"]
