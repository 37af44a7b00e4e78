"""lake.gold.publish: the user's own SQL is in every snapshot; what is broken or reaches too far is left out, with the reason."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

from strava_pipeline.core.tables import DETAIL_TABLES, TABLES
from strava_pipeline.core.tables.insights import INSIGHTS
from strava_pipeline.lake.gold.publish import publish, snapshot
from strava_pipeline.lake.gold.quality import row_counts, table_columns, table_keys
from strava_pipeline.lake.gold.user_views import skipped_views
from strava_pipeline.lake.gold.warehouse import one_number
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.rebuild import rebuild
from strava_pipeline_tests.lake.bronze import DAY, NOW, YEARS, activity, listed, merge
from strava_pipeline_tests.lake.test_rebuild import Watched

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def stock(module_lake: Lake) -> Lake:
    """Made once; each test has a copy."""
    listed(module_lake, [activity(1, distance=1000.0), activity(2, distance=5000.0)])
    merge(module_lake)
    return module_lake


def put(lake: Lake, **files: str | bytes) -> None:
    """`name=text`: views/name.sql."""
    lake.views.mkdir(exist_ok=True)
    for name, content in files.items():
        (lake.views / f"{name}.sql").write_bytes(content.encode() if isinstance(content, str) else content)


def ask(lake: Lake, query: str) -> list[tuple[Any, ...]]:
    with snapshot(lake) as connection:
        return connection.execute(query).fetchall()


def counts(lake: Lake) -> dict[str, int]:
    with snapshot(lake) as connection:
        return {**row_counts(connection), "activities": one_number(connection, "SELECT count(*) FROM activities")}


def without(lake: Lake) -> dict[str, str]:
    with snapshot(lake) as connection:
        return skipped_views(connection)


def contents(lake: Lake) -> list[str]:
    return sorted(path.name for path in lake.snapshot.parent.iterdir())


@pytest.mark.dear
def test_views_and_macros_are_in_every_snapshot_and_build_on_each_other(stocked: Lake) -> None:
    put(
        stocked,
        a_macros="CREATE MACRO km(m) AS m / 1000; CREATE OR REPLACE MACRO longest(n) AS TABLE FROM activities LIMIT n;",
        b_long="\ufeff-- the long ones\nCREATE OR REPLACE VIEW long AS SELECT id, km(distance) AS km FROM activities WHERE km(distance) > 2",
        c_more="CREATE VIEW strava.main.longer AS SELECT * FROM long;\nCREATE VIEW counted AS SELECT count(*) AS n FROM longer;",
    )
    for number in range(2):
        assert publish(stocked)
        assert without(stocked) == {}
        assert ask(stocked, "SELECT * FROM longer") == [(2, 5.0)]
        assert ask(stocked, "SELECT n FROM counted") == [(1,)]
        assert len(ask(stocked, "FROM longest(1)")) == 1
        listed(stocked, [activity(1, name=f"new {number}"), activity(2, distance=5000.0)], at=NOW + (number + 1) * DAY)
        merge(stocked)
    assert contents(stocked) == ["strava.duckdb", "working"]


@pytest.mark.dear
def test_it_is_published_again_when_only_the_views_changed_and_not_when_nothing_did(stocked: Lake) -> None:
    assert publish(stocked)
    assert not publish(stocked)
    put(stocked, a="CREATE VIEW a AS SELECT 1 AS one")
    assert publish(stocked)
    assert not publish(stocked)
    put(stocked, a="CREATE VIEW a AS SELECT 2 AS one")
    assert publish(stocked)
    assert ask(stocked, "FROM a") == [(2,)]
    (stocked.views / "a.sql").unlink()
    assert publish(stocked)
    assert not publish(stocked)
    with pytest.raises(duckdb.CatalogException):
        ask(stocked, "FROM a")


REFUSED = [
    ("DROP VIEW activities", "DROP"),
    ("DELETE FROM gear", "DELETE"),
    ("CREATE VIEW v AS SELECT 1; INSERT INTO gear (gear_id) VALUES ('b1')", "INSERT"),
    ("BEGIN; CREATE VIEW v AS SELECT 1; COMMIT", "TRANSACTION"),
    ("COPY activities TO 'out.csv'", "COPY"),
    ("EXPORT DATABASE 'out'", "EXPORT"),
    ("ATTACH 'other.duckdb'", "ATTACH"),
    ("INSTALL httpfs", "LOAD"),
    ("SET enable_external_access = true", "SET"),
    ("SELECT 1", "SELECT"),
    ("CREATE OR REPLACE VIEW activities AS SELECT 1 AS id", "would change activities"),
    ("CREATE OR REPLACE VIEW Activities AS SELECT 1 AS id", "would change activities"),
    ("CREATE OR REPLACE TABLE gear AS FROM gear LIMIT 0", "would change gear"),
    ("CREATE VIEW activities_all AS SELECT 1 AS id", "already exists"),
    ("CREATE TEMP VIEW activities AS SELECT 1 AS id", "temporary"),
    ("CREATE SCHEMA mine; CREATE VIEW mine.v AS SELECT 1", "makes a schema"),
    ("CREATE VIEW memory.main.v AS SELECT 1", "another schema"),
    ("CREATE TABLE mine AS SELECT 1", "makes a table"),
    ("CREATE INDEX i ON gear (gear_id)", "it "),
    ("CREATE SEQUENCE s", "makes a sequence"),
    ("CREATE TYPE mood AS ENUM ('good')", "makes a type"),
    ("CREATE MACRO sum(x) AS 1", "hide DuckDB's own"),
    ("CREATE VIEW v AS SELECT * FROM read_csv('views/secret.csv')", "file system operations"),
    ("CREATE VIEW v AS SELECT * FROM 'views/secret.csv'", "secret.csv"),
    ("CREATE VIEW v AS SELECT * FROM read_parquet('https://example.org/x.parquet')", ""),
    ("CREATE VIEW v AS SELECT no_column FROM activities", "no_column"),
    ("CREATE VIEW v AS SELECT * FROM vanished", "vanished"),
    ("CREATE MACRO v() AS TABLE SELECT * FROM vanished", "vanished"),
    ("CREATE VIEW v AS SELECT 1; CREATE VIEW w AS SELECT * FROM vanished", "vanished"),
    ("SELEC 1", "syntax error"),
    (b"CREATE VIEW v AS SELECT '\xff'", "not UTF-8"),
]


@pytest.mark.dear
def test_files_broken_or_reaching_too_far_are_left_out_whole(stocked: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(stocked.data_dir.parent)
    publish(stocked)
    before = counts(stocked)
    refused = {f"bad{place:02}": text for place, (text, _) in enumerate(REFUSED)}
    put(stocked, a="CREATE VIEW before AS SELECT 1", **refused, c="CREATE VIEW after AS SELECT 1")
    (stocked.views / "secret.csv").write_text("a,b\n1,2\n")
    files = sorted(stocked.data_dir.parent.iterdir())
    assert publish(stocked)
    reasons = without(stocked)
    assert reasons.keys() == {f"{name}.sql" for name in refused}
    found = [reasons[f"{name}.sql"] for name in refused]
    unlike = [(text, said) for (text, reason), said in zip(REFUSED, found, strict=True) if reason not in said]
    assert unlike == []
    assert counts(stocked) == before
    ours = {"activities", "deleted_activities", "activity_sources", "own_values", *DETAIL_TABLES, *INSIGHTS}
    views = {name for (name,) in ask(stocked, "SELECT view_name FROM duckdb_views() WHERE NOT internal")}
    assert views - ours == {"after", "before"}
    assert sorted(stocked.data_dir.parent.iterdir()) == files
    assert contents(stocked) == ["strava.duckdb", "working"]


def test_a_file_without_a_statement_is_no_fault(stocked: Lake) -> None:
    put(stocked, a="", b="\ufeff", c="  \n", d="-- nothing yet\n", e=";;")
    assert publish(stocked)
    assert without(stocked) == {}


def test_what_is_no_file_or_an_editor_s_is_passed_over(stocked: Lake) -> None:
    put(stocked, a="CREATE VIEW a AS SELECT 1")
    (stocked.views / "folder.sql").mkdir()
    (stocked.views / ".#a.sql").write_text("SELEC")
    (stocked.views / "a.sql~").write_text("SELEC")
    (stocked.views / "gone.sql").symlink_to(stocked.views / "nowhere")
    assert publish(stocked)
    assert without(stocked) == {"gone.sql": "it can't be read (FileNotFoundError)"}
    assert ask(stocked, "FROM a") == [(1,)]


def test_a_reason_is_one_line_and_tells_no_position(stocked: Lake) -> None:
    put(stocked, home="CREATE VIEW home AS SELECT near(52.51631, -13.37777) FROM activities")
    publish(stocked)
    assert "near" in without(stocked)["home.sql"]
    put(stocked, home="CREATE VIEW home AS SELECT * FROM activities WHERE x = 52.51631 13.37777")
    publish(stocked)
    reason = without(stocked)["home.sql"]
    assert "\n" not in reason
    assert not any(part in reason for part in ("52.5", "13.3"))


@pytest.mark.dear
def test_the_user_s_objects_are_not_the_catalogue_s(stocked: Lake) -> None:
    put(stocked, a="CREATE VIEW a AS SELECT 5 AS gear_id; CREATE VIEW lost AS SELECT 1 AS activity_id;")
    publish(stocked)
    with snapshot(stocked) as connection:
        assert row_counts(connection).keys() == TABLES.keys()
        assert table_keys(connection, "gear", table_columns(connection)) == set()
    rebuild(stocked, YEARS, Watched())
    assert ask(stocked, "FROM a") == [(5,)]


DIE = """
import os, signal, sys
from pathlib import Path
from strava_pipeline.lake.gold import publish
from strava_pipeline.lake.paths import Lake

whole = publish.apply_views

def die(*args):
    whole(*args)
    os.kill(os.getpid(), signal.SIGKILL)

publish.apply_views = die
publish.publish(Lake(Path(sys.argv[1])))
"""


@pytest.mark.dear
def test_a_kill_while_views_are_applied_shows_nothing_half_and_leaves_nothing(stocked: Lake) -> None:
    publish(stocked)
    put(stocked, a="CREATE VIEW a AS SELECT 1")
    command = [sys.executable, "-c", DIE, str(stocked.data_dir)]
    assert subprocess.run(command, check=False, timeout=120, env=os.environ).returncode == -signal.SIGKILL
    with pytest.raises(duckdb.CatalogException):
        ask(stocked, "FROM a")
    assert publish(stocked)
    assert ask(stocked, "FROM a") == [(1,)]
    assert contents(stocked) == ["strava.duckdb", "working"]


def test_a_path_with_a_quote_in_it_is_a_path(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "it's" / "data")
    lake.data_dir.mkdir(parents=True)
    put(lake, a="CREATE VIEW a AS SELECT 1")
    assert publish(lake)
    assert ask(lake, "FROM a") == [(1,)]
