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
from strava_pipeline_tests.lake.bronze import DAY, NOW, YEARS, activity, copied, listed, merge
from strava_pipeline_tests.lake.conftest import NewLake
from strava_pipeline_tests.lake.test_rebuild import Watched


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, new_lake: NewLake) -> Lake:
    """Made once; each test has a copy."""
    lake = new_lake(tmp_path_factory.mktemp("merged") / "data")
    listed(lake, [activity(1, distance=1000.0), activity(2, distance=5000.0)])
    merge(lake)
    return lake


@pytest.fixture
def merged(made: Lake, untouched: Lake) -> Lake:
    return copied(made, untouched)


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


def test_views_and_macros_are_in_every_snapshot_and_build_on_each_other(merged: Lake) -> None:
    put(
        merged,
        a_macros="CREATE MACRO km(m) AS m / 1000; CREATE OR REPLACE MACRO longest(n) AS TABLE FROM activities LIMIT n;",
        b_long="\ufeff-- the long ones\nCREATE OR REPLACE VIEW long AS SELECT id, km(distance) AS km FROM activities WHERE km(distance) > 2",
        c_more="CREATE VIEW strava.main.longer AS SELECT * FROM long;\nCREATE VIEW counted AS SELECT count(*) AS n FROM longer;",
    )
    for number in range(2):
        assert publish(merged)
        assert without(merged) == {}
        assert ask(merged, "SELECT * FROM longer") == [(2, 5.0)]
        assert ask(merged, "SELECT n FROM counted") == [(1,)]
        assert len(ask(merged, "FROM longest(1)")) == 1
        listed(merged, [activity(1, name=f"new {number}"), activity(2, distance=5000.0)], at=NOW + (number + 1) * DAY)
        merge(merged)
    assert contents(merged) == ["strava.duckdb", "working"]


def test_it_is_published_again_when_only_the_views_changed_and_not_when_nothing_did(merged: Lake) -> None:
    assert publish(merged)
    assert not publish(merged)
    put(merged, a="CREATE VIEW a AS SELECT 1 AS one")
    assert publish(merged)
    assert not publish(merged)
    put(merged, a="CREATE VIEW a AS SELECT 2 AS one")
    assert publish(merged)
    assert ask(merged, "FROM a") == [(2,)]
    (merged.views / "a.sql").unlink()
    assert publish(merged)
    assert not publish(merged)
    with pytest.raises(duckdb.CatalogException):
        ask(merged, "FROM a")


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


def test_files_broken_or_reaching_too_far_are_left_out_whole(merged: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(merged.data_dir.parent)
    publish(merged)
    before = counts(merged)
    refused = {f"bad{place:02}": text for place, (text, _) in enumerate(REFUSED)}
    put(merged, a="CREATE VIEW before AS SELECT 1", **refused, c="CREATE VIEW after AS SELECT 1")
    (merged.views / "secret.csv").write_text("a,b\n1,2\n")
    files = sorted(merged.data_dir.parent.iterdir())
    assert publish(merged)
    reasons = without(merged)
    assert reasons.keys() == {f"{name}.sql" for name in refused}
    found = [reasons[f"{name}.sql"] for name in refused]
    unlike = [(text, said) for (text, reason), said in zip(REFUSED, found, strict=True) if reason not in said]
    assert unlike == []
    assert counts(merged) == before
    ours = {"activities", "deleted_activities", "activity_sources", *DETAIL_TABLES, *INSIGHTS}
    views = {name for (name,) in ask(merged, "SELECT view_name FROM duckdb_views() WHERE NOT internal")}
    assert views - ours == {"after", "before"}
    assert sorted(merged.data_dir.parent.iterdir()) == files
    assert contents(merged) == ["strava.duckdb", "working"]


def test_a_file_without_a_statement_is_no_fault(merged: Lake) -> None:
    put(merged, a="", b="\ufeff", c="  \n", d="-- nothing yet\n", e=";;")
    assert publish(merged)
    assert without(merged) == {}


def test_what_is_no_file_or_an_editor_s_is_passed_over(merged: Lake) -> None:
    put(merged, a="CREATE VIEW a AS SELECT 1")
    (merged.views / "folder.sql").mkdir()
    (merged.views / ".#a.sql").write_text("SELEC")
    (merged.views / "a.sql~").write_text("SELEC")
    (merged.views / "gone.sql").symlink_to(merged.views / "nowhere")
    assert publish(merged)
    assert without(merged) == {"gone.sql": "it can't be read (FileNotFoundError)"}
    assert ask(merged, "FROM a") == [(1,)]


def test_a_reason_is_one_line_and_tells_no_position(merged: Lake) -> None:
    put(merged, home="CREATE VIEW home AS SELECT near(52.51631, -13.37777) FROM activities")
    publish(merged)
    assert "near" in without(merged)["home.sql"]
    put(merged, home="CREATE VIEW home AS SELECT * FROM activities WHERE x = 52.51631 13.37777")
    publish(merged)
    reason = without(merged)["home.sql"]
    assert "\n" not in reason
    assert not any(part in reason for part in ("52.5", "13.3"))


def test_the_user_s_objects_are_not_the_catalogue_s(merged: Lake) -> None:
    put(merged, a="CREATE VIEW a AS SELECT 5 AS gear_id; CREATE VIEW lost AS SELECT 1 AS activity_id;")
    publish(merged)
    with snapshot(merged) as connection:
        assert row_counts(connection).keys() == TABLES.keys()
        assert table_keys(connection, "gear", table_columns(connection)) == set()
    rebuild(merged, YEARS, Watched())
    assert ask(merged, "FROM a") == [(5,)]


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


@pytest.mark.slow
def test_a_kill_while_views_are_applied_shows_nothing_half_and_leaves_nothing(merged: Lake) -> None:
    publish(merged)
    put(merged, a="CREATE VIEW a AS SELECT 1")
    command = [sys.executable, "-c", DIE, str(merged.data_dir)]
    assert subprocess.run(command, check=False, timeout=120, env=os.environ).returncode == -signal.SIGKILL
    with pytest.raises(duckdb.CatalogException):
        ask(merged, "FROM a")
    assert publish(merged)
    assert ask(merged, "FROM a") == [(1,)]
    assert contents(merged) == ["strava.duckdb", "working"]


def test_a_path_with_a_quote_in_it_is_a_path(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "it's" / "data")
    lake.data_dir.mkdir(parents=True)
    put(lake, a="CREATE VIEW a AS SELECT 1")
    assert publish(lake)
    assert ask(lake, "FROM a") == [(1,)]
