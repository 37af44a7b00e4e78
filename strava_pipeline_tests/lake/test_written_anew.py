"""What was deleted for good is in no file after the next publish, whoever died before; all else is as it was."""

import json
import os
import random
import shutil
from collections.abc import Callable
from typing import Any

import pytest

from strava_pipeline.core.sources import STRAVA
from strava_pipeline.lake.bronze.deliveries import keep_lines
from strava_pipeline.lake.gold import publish as module
from strava_pipeline.lake.gold.publish import is_published, publish, snapshot
from strava_pipeline.lake.gold.warehouse import reading, spill_folder, writing
from strava_pipeline.lake.journal import Received
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.retention import note_expired, remove_from_bronze, remove_from_gold
from strava_pipeline_tests.contents import unpacked
from strava_pipeline_tests.lake.bronze import DAY, NOW, YEARS, activity, copied, listed, merge

pytestmark = [pytest.mark.closed, pytest.mark.slow]

GOES, STAYS = range(1, 75), range(75, 150)
FILES = {"warehouse/strava.duckdb", "warehouse/working/strava.duckdb"}
LEFT = (
    # words, as DuckDB writes the names after EXCLUDE in any order
    "SELECT view_name, comment, list_sort(regexp_extract_all(sql, '\\w+')) FROM duckdb_views() WHERE NOT internal",
    "SELECT table_name, sql, comment FROM duckdb_tables()",
    "SELECT index_name, sql FROM duckdb_indexes()",
    "SELECT function_name, parameters, list_sort(regexp_extract_all(macro_definition, '\\w+')) FROM duckdb_functions() WHERE NOT internal",
    "SELECT table_name, constraint_text FROM duckdb_constraints()",
    "SELECT table_name, column_name, data_type, comment FROM duckdb_columns() WHERE NOT internal",
    "SELECT sequence_name, last_value FROM duckdb_sequences()",
    "SELECT tags['storage_version'] FROM duckdb_databases() WHERE database_name = 'strava'",
    "FROM activities_all",
    "FROM halved",
)


def polyline(number: int) -> str:
    """As long as a real one, and as hard to compress."""
    return "".join(random.Random(number).choices("_abcdefghijklmnopqrstuvwxyz@ABCDEFGHIJKLMNOP?`~^", k=300))


def texts(numbers: range) -> list[bytes]:
    return [text.encode() for number in numbers for text in (f"Nobody else's {number:06}", polyline(number)[:60])]


@pytest.fixture(scope="module")
def made(module_lake: Lake) -> Lake:
    """A published lake of 149 activities with objects of all kinds, where the first 74 have just been deleted."""
    lake = module_lake
    rows = [
        activity(number, name=f"Nobody else's {number:06}", map={"summary_polyline": polyline(number)})
        for number in (*GOES, *STAYS)
    ]
    listed(lake, rows, at=NOW)
    merge(lake)
    with writing(lake) as connection:
        for statement in (
            "CREATE SEQUENCE counter START 5",
            "SELECT nextval('counter')",
            "CREATE MACRO half(a) AS a / 2",
            "CREATE VIEW halved AS SELECT id, half(distance) AS half FROM activities",
            "COMMENT ON VIEW halved IS 'Halves'",
            "COMMENT ON COLUMN activities_all.name IS 'As its owner calls it'",
        ):
            connection.execute(statement)
    lake.views.mkdir()
    (lake.views / "own.sql").write_text("CREATE VIEW own AS SELECT count(*) AS n FROM halved")
    publish(lake)
    leave_behind(lake)
    note_expired(lake, {*GOES}, NOW, "a test")
    remove_from_bronze(lake, None, YEARS, NOW + 9 * DAY)
    remove_from_gold(lake, YEARS)
    with reading(lake) as connection:
        connection.execute("CHECKPOINT")
    return lake


@pytest.fixture
def held(made: Lake, untouched: Lake) -> Lake:
    """A copy of it, with the person's views beside it."""
    shutil.copytree(made.views, untouched.views)
    return copied(made, untouched)


def leave_behind(lake: Lake) -> None:
    """What events said, and what processes that died or came upon damage left of the first activity."""
    name = texts(GOES)[0]
    event = {"object_type": "activity", "object_id": 1, "aspect_type": "update", "updates": {"title": name.decode()}}
    body = json.dumps({**event, "owner_id": 7, "subscription_id": 1, "event_time": 1_780_000_000}).encode()
    keep_lines(lake, STRAVA, [Received.line(body, NOW)], NOW)
    (lake.webhooks / "2026" / "damaged.ndjson.gz").write_bytes(b"damaged")
    (shard,) = lake.shards.rglob("*.parquet")
    spilled = spill_folder(lake.snapshot) / "duckdb_temp_storage_DEFAULT-0.tmp"
    for left in (
        *(lake.working.with_suffix(suffix) for suffix in (".old", ".damaged")),
        *(lake.working.with_name(".strava.duckdb.tmp"), lake.snapshot.with_name(".strava.duckdb.tmp"), spilled),
        *(shard.with_suffix(".damaged"), shard.with_name(".a.parquet.01234567.tmp"), lake.staging / "rows.parquet"),
        next(lake.listings.glob("*")) / "page-0009.json.gz.damaged",
    ):
        left.parent.mkdir(parents=True, exist_ok=True)
        left.write_bytes(name)
    os.utime(spilled, (0, 0))


def hits(lake: Lake, numbers: range = GOES) -> dict[str, int]:
    """How many texts about these activities are in which files."""
    found = {}
    for path in (path for path in lake.data_dir.rglob("*") if path.is_file()):
        content = b"\n".join(unpacked(path))
        if count := sum(text in content for text in texts(numbers)):
            found[str(path.relative_to(lake.data_dir))] = count
    return found


def told(lake: Lake) -> list[Any]:
    with reading(lake) as connection:
        return [sorted(connection.execute(query).fetchall(), key=repr) for query in LEFT]


@pytest.mark.dear
def test_what_was_deleted_is_in_no_file_and_all_else_is_there(held: Lake, before: list[Any]) -> None:
    modes = [path.stat().st_mode for path in (held.working, held.snapshot)]
    assert not is_published(held)
    assert hits(held).keys() >= FILES, "in free blocks of the one file, in rows of the other"
    earlier = held.working.stat().st_ino
    assert publish(held)
    assert (hits(held), held.working.stat().st_ino == earlier) == ({}, False), "free blocks may be filled by chance"
    assert hits(held, STAYS).keys() >= FILES
    assert told(held) == before
    assert [path.stat().st_mode for path in (held.working, held.snapshot)] == modes
    assert [
        path for path in held.snapshot.parent.rglob("*") if path.is_file() and path not in (held.snapshot, held.working)
    ] == []
    with snapshot(held) as published:
        assert published.execute("SELECT n FROM own").fetchall() == [(len(STAYS),)]
    assert is_published(held)
    number = held.working.stat().st_ino
    assert not publish(held)
    assert held.working.stat().st_ino == number


@pytest.fixture(scope="module")
def before(made: Lake) -> list[Any]:
    """What is left of it."""
    return told(made)


def dies(*_: Any) -> None:
    raise KeyboardInterrupt


def dies_after(step: Callable[..., None]) -> Callable[..., None]:
    def die(*arguments: Any) -> None:
        step(*arguments)
        raise KeyboardInterrupt

    return die


@pytest.mark.parametrize("step", ["write_anew", "_sync_tables", "_replace_snapshot"])
@pytest.mark.parametrize("how", ["before", "after"])
def test_whoever_publishes_next_goes_on_where_a_process_died(
    held: Lake, before: list[Any], monkeypatch: pytest.MonkeyPatch, step: str, how: str
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(module, step, dies if how == "before" else dies_after(getattr(module, step)))
        with pytest.raises(KeyboardInterrupt):
            publish(held)
    publish(held)
    assert hits(held, GOES[::6]) == {}
    assert told(held) == before
