"""SQLite and Parquet files as sources: whatever the path's form, nothing beside them changes; what is wrong is told."""

import hashlib
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from strava_pipeline.core.errors import MisuseError, PipelineError, SourceError
from strava_pipeline.trips.activity.reading.file_sources import SqliteTrips
from strava_pipeline.trips.activity.reading.opening import open_source
from strava_pipeline.trips.activity.reading.read import probe, read_bundles
from strava_pipeline.trips.activity.rules.bundle import Bundle
from strava_pipeline_tests.trips.activity.sources import COLUMNS, RING, odd_trips, rides, write_parquet, write_sqlite

WRITERS = {"sqlite": write_sqlite, "parquet": write_parquet}


def bundles(url: str) -> list[Bundle]:
    with open_source(url) as source:
        return [bundle for batch in read_bundles(source, RING) for bundle in batch]


def fingerprint(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


@pytest.mark.parametrize("kind", WRITERS)
def test_a_path_is_from_here_or_from_the_root(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "odd [1] 50% of #a?b"
    folder.mkdir()
    path = WRITERS[kind](folder / f"trips.{kind}", odd_trips())
    monkeypatch.chdir(folder)
    for url in (f"{kind}:///{path.name}", f"{kind}:///{path}", f"{kind}://{path}", f" {kind}:////{path}\n"):
        with open_source(url) as source:
            assert probe(source)["total"] == 22, url


def test_what_is_here_comes_before_what_is_at_the_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = write_sqlite(tmp_path / "trips.sqlite", odd_trips())
    here = tmp_path / "here" / elsewhere.relative_to("/")
    here.parent.mkdir(parents=True)
    write_sqlite(here, rides(1))
    monkeypatch.chdir(tmp_path / "here")
    assert len(bundles(f"sqlite://{elsewhere}")) == 1
    assert len(bundles(f"sqlite:///{elsewhere}")) == 22


@pytest.mark.parametrize(
    "url", ["", "trips.sqlite", "mysql://x/y", "sqlite:trips", "sqlite://", "sqlite:///", "sqlite://a/b", "SQLITE"]
)
def test_what_is_no_url_of_a_source_is_refused(url: str) -> None:
    with pytest.raises(MisuseError, match=r"sqlite:///path|three slashes"):
        open_source(url)


@pytest.mark.parametrize("kind", WRITERS)
def test_a_source_is_left_as_it_was(kind: str, tmp_path: Path) -> None:
    path = WRITERS[kind](tmp_path / "trips", odd_trips())
    before = fingerprint(tmp_path)
    with open_source(f"{kind}:///{path}") as source:
        assert probe(source)["total"] == 22
        assert sum(map(len, read_bundles(source, RING))) == 22
        assert fingerprint(tmp_path) == before
    assert fingerprint(tmp_path) == before


@pytest.mark.parametrize(
    "change", ["INSERT INTO activity_trip (id) VALUES (99)", "DELETE FROM activity_trip", "CREATE TABLE x (y)"]
)
def test_sqlite_refuses_every_change(change: str, tmp_path: Path) -> None:
    source = SqliteTrips(write_sqlite(tmp_path / "trips.sqlite", odd_trips()))
    for setting in ("ON", "OFF"):  # the file is opened for reading as well
        source.connection.execute(f"PRAGMA query_only = {setting}")
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            source.connection.execute(change)


def in_wal_mode(path: Path, platform: str = "merged") -> sqlite3.Connection:
    """A writer that has committed to the `-wal` and not merged it."""
    writer = sqlite3.connect(path)
    writer.execute("PRAGMA journal_mode = WAL")
    writer.execute("PRAGMA wal_autocheckpoint = 0")
    writer.execute("UPDATE activity_trip SET platform = ?", (platform,))
    writer.commit()
    return writer


def test_a_wal_file_that_nobody_has_open_gets_nothing_beside_it(tmp_path: Path) -> None:
    path = write_sqlite(tmp_path / "trips.sqlite", odd_trips())
    in_wal_mode(path).close()
    before = fingerprint(tmp_path)
    assert list(before) == ["trips.sqlite"]
    assert {bundle.platform for bundle in bundles(f"sqlite:///{path}")} == {"merged"}
    assert fingerprint(tmp_path) == before


def test_a_wal_file_that_is_in_use_is_read_with_what_is_not_merged_yet(tmp_path: Path) -> None:
    path = write_sqlite(tmp_path / "trips.sqlite", odd_trips())
    writer = in_wal_mode(path)
    before = fingerprint(tmp_path)
    assert {bundle.platform for bundle in bundles(f"sqlite:///{path}")} == {"merged"}
    after = fingerprint(tmp_path)
    assert after.keys() == before.keys() == {"trips.sqlite", "trips.sqlite-wal", "trips.sqlite-shm"}
    assert [after[name] == before[name] for name in ("trips.sqlite", "trips.sqlite-wal")] == [True, True]
    writer.close()


def test_a_wal_that_nobody_merged_is_not_overlooked(tmp_path: Path) -> None:
    path = write_sqlite(tmp_path / "trips.sqlite", odd_trips())
    writer = in_wal_mode(path)
    copied = tmp_path / "copy"
    copied.mkdir()
    for name in ("trips.sqlite", "trips.sqlite-wal"):
        (copied / name).write_bytes((tmp_path / name).read_bytes())
    writer.close()
    before = fingerprint(copied)
    with pytest.raises(SourceError, match="wal_checkpoint"):
        open_source(f"sqlite:///{copied / 'trips.sqlite'}")
    assert fingerprint(copied) == before


def test_a_file_that_is_written_to_behind_an_immutable_reader_is_told(tmp_path: Path) -> None:
    path = write_sqlite(tmp_path / "trips.sqlite", odd_trips())
    in_wal_mode(path).close()
    os.utime(path, (1, 1))  # file systems tell two writes of one moment apart no better than by their clock
    with open_source(f"sqlite:///{path}") as source:
        in_wal_mode(path, "changed").close()
        with pytest.raises(SourceError, match="written to while it was read"):
            list(read_bundles(source, RING))


@pytest.mark.parametrize(
    "table",
    [
        f"CREATE TABLE activity_trip ({', '.join(COLUMNS)})",
        f"CREATE TABLE activity_trip ({', '.join(COLUMNS)}, PRIMARY KEY (id)) WITHOUT ROWID",
        "CREATE VIEW activity_trip AS SELECT * FROM other.activity_trip",
        f"CREATE TABLE Activity_Trip ({', '.join(COLUMNS).upper()})",
    ],
    ids=["no types and no key", "without rowid", "a view", "capitals"],
)
def test_it_does_not_matter_how_sqlite_keeps_the_table(table: str, tmp_path: Path) -> None:
    original = write_sqlite(tmp_path / "original.sqlite", odd_trips())
    path = tmp_path / "trips.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("ATTACH ? AS other", (str(original),))
        connection.execute("CREATE TABLE kept AS SELECT * FROM other.activity_trip")
        connection.execute(table.replace("other.activity_trip", "kept"))
        if "CREATE VIEW" not in table:
            connection.execute("INSERT INTO activity_trip SELECT * FROM kept ORDER BY random()")
    assert bundles(f"sqlite:///{path}") == bundles(f"sqlite:///{original}")


def test_rows_that_share_an_id_are_all_read(tmp_path: Path) -> None:
    rows = odd_trips()[:3]
    twice = [*rows, *rows]
    parquet = write_parquet(tmp_path / "trips.parquet", twice)
    sqlite = write_sqlite(tmp_path / "trips.sqlite", rows)
    with sqlite3.connect(sqlite) as connection:
        connection.execute("CREATE TABLE kept AS SELECT * FROM activity_trip UNION ALL SELECT * FROM activity_trip")
        connection.execute("DROP TABLE activity_trip")
        connection.execute("ALTER TABLE kept RENAME TO activity_trip")
    for url in (f"parquet:///{parquet}", f"sqlite:///{sqlite}"):
        assert [bundle.external_id[-1] for bundle in bundles(url)] == ["3", "3", "2", "2", "1", "1"]


def test_sqlite_and_parquet_give_the_same_bundles_and_the_same_probe(tmp_path: Path) -> None:
    urls = [f"{kind}:///{write(tmp_path / kind, odd_trips())}" for kind, write in WRITERS.items()]
    assert bundles(urls[0]) == bundles(urls[1])
    with open_source(urls[0]) as one, open_source(urls[1]) as other:
        assert probe(one) == probe(other)


def test_text_that_is_no_utf8_hides_no_trip(tmp_path: Path) -> None:
    path = write_sqlite(tmp_path / "trips.sqlite", odd_trips())
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE activity_trip SET platform = CAST(x'69ff' AS TEXT), locations = CAST(x'ff' AS TEXT)")
    assert {bundle.platform for bundle in bundles(f"sqlite:///{path}")} == {"i\ufffd"}


@pytest.mark.parametrize("groups", [1, 7, 22])
@pytest.mark.parametrize("at_once", [1, 3, 4096])
def test_parquet_gives_the_same_however_its_rows_lie(groups: int, at_once: int, tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "trips.parquet", odd_trips())
    expected = bundles(f"parquet:///{path}")
    shuffled = tmp_path / "shuffled.parquet"
    pl.read_parquet(path).sample(fraction=1, shuffle=True, seed=1).write_parquet(shuffled, row_group_size=groups)
    with open_source(f"parquet:///{shuffled}") as source:
        source.rows_at_once = at_once
        assert [bundle for batch in read_bundles(source, RING) for bundle in batch] == expected


@pytest.mark.parametrize("kind", [pl.Datetime("ns"), pl.Datetime("ms", "America/New_York"), pl.String])
def test_parquet_takes_timestamps_of_any_type(kind: pl.DataType, tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "trips.parquet", odd_trips())
    expected = bundles(f"parquet:///{path}")
    frame = pl.read_parquet(path)
    column = pl.col("start_time")
    if kind == pl.String:
        column = column.dt.to_string("iso:strict")
    elif isinstance(kind, pl.Datetime) and kind.time_zone:
        column = column.dt.convert_time_zone(kind.time_zone).dt.cast_time_unit("ms")
    else:
        column = column.dt.replace_time_zone(None).dt.cast_time_unit("ns")
    frame.with_columns(column).write_parquet(path)
    assert bundles(f"parquet:///{path}") == expected


def damaged(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:5000] + bytes(len(content) - 5000))


def without_column(path: Path) -> None:
    if path.suffix == ".parquet":
        pl.read_parquet(path).drop("user_feedback", "status").write_parquet(path)
    else:
        with sqlite3.connect(path) as connection:
            for column in ("user_feedback", "status"):
                connection.execute(f"ALTER TABLE activity_trip DROP COLUMN {column}")


WRONG: dict[str, tuple[Callable[[Path], object], str]] = {
    "absent": (Path.unlink, "no file"),
    "empty": (lambda path: path.write_bytes(b""), "no table|Parquet"),
    "text": (lambda path: path.write_text("id,external_id\n" * 500), "can't be read as"),
    "cut off": (lambda path: path.write_bytes(path.read_bytes()[:6000]), "can't be read as"),
    "damaged": (damaged, "can't be read as"),
    "a folder": (lambda path: (path.unlink(), path.mkdir()), "no file"),
    "columns gone": (without_column, "no column status, user_feedback"),
}


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize(("spoil", "told"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_in_a_file_is_told(kind: str, spoil: Callable[[Path], object], told: str, tmp_path: Path) -> None:
    path = WRITERS[kind](tmp_path / f"trips.{kind}", odd_trips())
    spoil(path)
    with pytest.raises(SourceError, match=told) as caught:
        bundles(f"{kind}:///{path}")
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2


def test_sqlite_without_the_table_is_told(tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "x.sqlite").execute("CREATE TABLE other (id)").close()
    with pytest.raises(SourceError, match="has no table activity_trip"):
        open_source(f"sqlite:///{tmp_path / 'x.sqlite'}")


@pytest.mark.parametrize("kind", WRITERS)
def test_a_file_that_is_cut_while_it_is_read_is_told(kind: str, tmp_path: Path) -> None:
    path = WRITERS[kind](tmp_path / "trips", rides(40, 60))
    with open_source(f"{kind}:///{path}") as source:
        source.rows_at_once = 5
        reading = read_bundles(source, RING, batch_points=100)
        next(reading)
        with path.open("r+b") as file:
            file.truncate(20_000)
        with pytest.raises(PipelineError, match="can't be read as"):
            list(reading)
