"""Widgets on a published warehouse: what a query may do, how far it gets, and files that are no widget."""

import os
import re
import time
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from strava_pipeline.core.errors import NothingPublishedError
from strava_pipeline.core.widgets import WidgetError, WidgetRows, chart_of, points_of, read_widget
from strava_pipeline.lake.gold.publish import publish
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lookups.widgets import MOST, SECONDS, widget_files, widget_rows
from strava_pipeline_tests.documents import REPO
from strava_pipeline_tests.lake.conftest import NewLake
from strava_pipeline_tests.lake.insight_rows import activity, put

pytestmark = pytest.mark.slow

SHORT = 0.3  # seconds, so that tests don't wait for the two that a widget has
RECURSIVE = "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT count(*) FROM t"
TOO_LONG, TOO_LARGE = "took longer than 0.3 seconds", "64MB of memory|too much memory"
REFUSED = {
    "DELETE FROM activities_all": "one SELECT; this is DELETE",
    "CREATE TABLE t AS SELECT 1": "one SELECT; this is CREATE",
    "ATTACH '{folder}/other.db'": "one SELECT; this is ATTACH",
    "COPY (SELECT 1) TO '{folder}/copied.csv'": "one SELECT; this is COPY",
    "SET memory_limit = '8GB'": "one SELECT; this is SET",
    "EXPLAIN SELECT 1": "one SELECT; this is EXPLAIN",
    "SELECT 1; SELECT 2": "one SELECT; this is 2 statements",
    "": "one SELECT; this is 0 statements",
    "SELEC 1": "syntax error",
    "SELECT nothing FROM activities": "nothing",
    "SELECT * FROM read_csv('/etc/passwd')": "reaches no file",
    "SELECT * FROM read_text('{folder}/data/warehouse/strava.duckdb')": "reaches no file",
    "SELECT * FROM glob('/*')": "reaches no file",
    "SELECT * FROM '{folder}/data/x.parquet'": "rror",
    "FROM query('COPY (SELECT 1) TO ''{folder}/copied.csv''')": "single SELECT",
    "SELECT getenv('HOME')": "getenv",
    RECURSIVE: TOO_LONG,
    "SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE a.range + b.range = 7": TOO_LONG,
    "SELECT sum(len(repeat('x', range::INTEGER % 1000))) FROM range(1000000000)": TOO_LONG,
    "SELECT len(repeat('x', 2000000000))": TOO_LARGE,
    "SELECT len(range(1000000000))": TOO_LARGE,
    "SELECT DISTINCT hash(range) FROM range(10000000)": f"{TOO_LARGE}|{TOO_LONG}",
    f"SELECT {', '.join(f'{n} AS c{n}' for n in range(51))}": "51 columns; at most 50",
    "SELECT repeat('x', 290), range FROM range(1000), range(3) t(n)": None,
    "SELECT repeat('x', 290), repeat('y', 290) FROM range(1000)": "more than 500 kB",
}
"""What is asked, and a part of why there is nothing; None: there are rows."""


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory, new_lake: NewLake) -> Lake:
    made = new_lake(tmp_path_factory.mktemp("widgets") / "data")
    put(made, [activity(n, f"2025-05-{n:02}T08:00", name=f"Ride {n}") for n in range(1, 7)])
    publish(made)
    return made


def rows(lake: Lake, statement: str, seconds: float = SHORT) -> WidgetRows:
    return widget_rows(lake, read_widget("one", statement), seconds)


@pytest.mark.parametrize("statement", REFUSED)
def test_a_query_that_reaches_further_than_the_snapshot_or_takes_too_much_says_so(lake: Lake, statement: str) -> None:
    folder = lake.data_dir.parent
    files = sorted(folder.rglob("*"))
    before, began = lake.snapshot.read_bytes(), time.monotonic()
    why = REFUSED[statement]
    asked = statement.replace("{folder}", str(folder))
    if why is None:
        assert rows(lake, asked).has_more
    else:
        with pytest.raises(WidgetError, match=why):
            rows(lake, asked)
    assert time.monotonic() - began < 15, "much less, where nothing else is at work"
    assert sorted(folder.rglob("*")) == files
    assert lake.snapshot.read_bytes() == before


def test_values_of_every_type_come_as_numbers_texts_and_nothing(lake: Lake) -> None:
    found = rows(
        lake,
        "SELECT 1, 2.5, 1.50::DECIMAL(9, 2), true, NULL, 'nan'::DOUBLE, DATE '2026-03-05', TIMESTAMPTZ '2026-03-05 08:00:00+02', "
        "INTERVAL 90 MINUTE, [1, 2], {'a': 'é'}, 'x\u202ey', '\\xff'::BLOB, 2::HUGEINT ** 100, repeat('z', 400), repeat('9', 400)::BIGNUM, "
        "170141183460469231731687303715884105727::HUGEINT",
    )
    (row,) = found.rows
    assert row[:8] == [1, 2.5, 1.5, True, None, None, "2026-03-05", "2026-03-05 06:00:00"]
    assert row[8:11] == ["1:30:00", "[1, 2]", "{'a': 'é'}"]
    assert "\u202e" not in str(row[11]), "it would show the rest of the line in another order"
    assert [len(str(row[14])), len(str(row[15]))] == [300, 300]
    assert row[16] == "170141183460469231731687303715884105727"


def test_a_query_gets_a_thousand_rows_and_the_published_views(lake: Lake) -> None:
    found = rows(lake, "FROM range(1001)")
    assert (len(found.rows), found.has_more) == (1000, True)
    assert not rows(lake, "FROM range(1000)").has_more
    assert rows(lake, "SELECT count(*), sum(distance_m) FROM counted_activities;").rows == [[6, 120_000.0]]
    assert rows(lake, "SELECT id FROM activities WHERE name = 'Ride 3' -- an end without a line").rows == [[3]]


def test_no_query_changes_what_others_see_or_knows_a_secret(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRAVA_CLIENT_SECRET", "very-secret")
    assert "very-secret" not in str(rows(lake, "SELECT * FROM duckdb_settings()").rows)
    for storage in ("memory", "stdout"):
        with suppress(WidgetError):  # with DuckDB 2.0
            assert rows(lake, f"SELECT * FROM enable_logging(storage = '{storage}')").rows == []
    settings = "SELECT name, value FROM duckdb_settings() WHERE name IN ('enable_logging', 'lock_configuration', 'memory_limit', 'threads')"
    assert sorted(rows(lake, f"{settings} ORDER BY name").rows) == [
        ["enable_logging", "0"],
        ["lock_configuration", "true"],
        ["memory_limit", "61.0 MiB"],
        ["threads", "1"],
    ]


def test_where_nothing_is_published_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(NothingPublishedError):
        rows(Lake(tmp_path), "SELECT 1")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = Lake(tmp_path).widgets
    made.mkdir()
    return made


def test_odd_files_are_named_with_what_is_wrong_and_the_others_are_used(tmp_path: Path, folder: Path) -> None:
    (folder / "b.sql").write_text("-- title: B\nSELECT 1")
    (folder / "a.sql").write_bytes(b"\xef\xbb\xbf-- kind: number\r\nSELECT 1")
    for name in (".hidden.sql", "notes.txt", "README"):
        (folder / name).write_text("SELECT 1")
    os.mkfifo(folder / "pipe.sql")
    (folder / "folder.sql").mkdir()
    (folder / "gone.sql").symlink_to(folder / "nowhere")
    (folder / "large.sql").write_bytes(b"-" * 1_000_000)
    (folder / "latin.sql").write_bytes(b"SELECT '\xe9'")
    (folder / "pie.sql").write_text("-- kind: pie")
    (folder / "<b>x.sql").write_text("SELECT 1")
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff\xe2\x80\xae.sql")).write_text("SELECT 1")
    found = widget_files(Lake(tmp_path))
    assert {name: widget.title for name, widget in found.widgets.items()} == {"a": "a", "b": "B"}
    words = {
        "pipe": "no file", "folder": "no file", "gone": "no file", "large": "larger", "latin": "UTF-8", "pie": "kind",
        "<b>x": "name",
    }  # fmt: skip
    for name, why in words.items():
        assert why in found.faults[f"{name}.sql"], name
    (other,) = found.faults.keys() - {f"{name}.sql" for name in words}
    assert other.encode()
    assert "\u202e" not in other


def test_as_many_files_as_a_page_can_bear_are_read(tmp_path: Path, folder: Path) -> None:
    for number in range(MOST + 2):
        (folder / f"{number:03}.sql").write_text("SELECT 1")
    found = widget_files(Lake(tmp_path))
    assert (len(found.widgets), [*found.faults]) == (MOST, ["2 more"])
    assert widget_files(Lake(tmp_path / "nowhere")).widgets == {}


@pytest.mark.dear
def test_the_widgets_of_the_documentation_are_drawn_with_what_they_say(tmp_path: Path, new_lake: NewLake) -> None:
    lake = new_lake(tmp_path / "data")
    now = datetime.now(UTC)
    starts = [(now - timedelta(days=n)).strftime("%Y-%m-%dT%H:%M") for n in range(1, 7)]
    more = {"average_heartrate": 140.0, "commute": True, "start_latlng": [48.2, 16.4]}
    put(lake, [activity(n, start, name=f"Ride {n}", **more) for n, start in enumerate(starts)])
    put(lake, [activity(n + 10, start, name=f"Run {n}", sport_type="Run", **more) for n, start in enumerate(starts)])
    publish(lake)
    widgets = [read_widget("one", text) for text in queries_of(REPO / "docs" / "widgets.md")]
    assert Counter(widget.kind for widget in widgets) == {"number": 2, "table": 2, "bars": 2, "line": 2, "map": 2}
    for widget in widgets:
        assert widget.title != "one"
        found = widget_rows(lake, widget, SECONDS)
        assert found.rows, widget.title
        if widget.kind in ("bars", "line"):
            assert any(value for values in chart_of(widget, found).series.values() for value in values), widget.title
        if widget.kind == "map":
            assert points_of(found), widget.title


def queries_of(document: Path) -> list[str]:
    """The blocks of SQL in a document, with their comments."""
    return re.findall(r"```sql\n(.*?)```", document.read_text(encoding="utf-8"), re.DOTALL)
