"""What is in a file, whatever its kind: for tests that look for what must be nowhere."""

import gzip
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import duckdb
import polars as pl


def unpacked(path: Path) -> Iterator[bytes]:
    """The file as it is, and its values where they are packed in columns, pages or gzip."""
    content = path.read_bytes()
    yield content
    if content.startswith(b"\x1f\x8b"):
        yield gzip.decompress(content)
    elif content.startswith(b"PAR1"):
        frame = pl.read_parquet(path)
        yield from (as_bytes(frame[name].to_list()) for name in frame.columns)
    elif content.startswith(b"SQLite format 3"):
        with closing(sqlite3.connect(path)) as database:
            yield "\n".join(database.iterdump()).encode()
    elif content[8:12] == b"DUCK":
        with duckdb.connect(str(path), read_only=True) as warehouse:
            for (table,) in warehouse.execute("SELECT table_name FROM duckdb_tables() WHERE NOT internal").fetchall():
                yield from map(as_bytes, warehouse.execute(f'SELECT * FROM "{table}"').fetchall())


def as_bytes(values: object) -> bytes:
    return json.dumps(values, default=str, ensure_ascii=False).encode()
