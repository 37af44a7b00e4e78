"""lake.imports.files: bytes under their hash, once, and what reading them came to: whole, or read again."""

import gzip
import hashlib
import io
import os
import random
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from strava_pipeline.core.files.recording import TRACK, Reading, RecordingSummary
from strava_pipeline.lake.files import DamagedFileError
from strava_pipeline.lake.imports.files import (
    FileStore,
    has_reading,
    put_reading,
    read_points,
    reading_of,
    stored_bytes,
)
from strava_pipeline.lake.paths import Lake

MIB = 2**20
NOISE = random.Random(1).randbytes(3 * MIB)
GPX = b"<gpx>" + b"<trkpt/>" * 4000 + b"</gpx>"


def zipped() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a.gpx", GPX)
    return out.getvalue()


BODIES = {
    "plain": GPX,
    "gzip": gzip.compress(GPX),
    "gzip cut in the middle": gzip.compress(NOISE)[:1000],
    "jpeg": b"\xff\xd8\xff\xe0" + NOISE[:5000],
    "png": b"\x89PNG\r\n\x1a\n" + NOISE[:5000],
    "zip": zipped(),
    "empty": b"",
    "one byte": b"\x1f",
    "large": NOISE,
}


def stored(lake: Lake) -> list[Path]:
    return sorted(path for path in lake.files.rglob("*") if path.is_file())


def sha(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def put(lake: Lake, body: bytes) -> tuple[str, bool]:
    """As one import does."""
    store = FileStore(lake)
    found = store.put(body)
    store.sync()
    return found


def put_pieces(lake: Lake, body: bytes) -> tuple[str, bool]:
    """The same in pieces of odd lengths."""
    store = FileStore(lake)
    found = store.put_pieces(body[at : at + 70_001] for at in range(0, len(body), 70_001))
    store.sync()
    return found


@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize("take", [put, put_pieces])
def test_bytes_come_back_unchanged(lake: Lake, take: Callable[[Lake, bytes], tuple[str, bool]], name: str) -> None:
    body = BODIES[name]
    assert take(lake, body) == (sha(body), True)
    assert stored_bytes(lake, sha(body)) == body


@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize("first", [put, put_pieces])
@pytest.mark.parametrize("second", [put, put_pieces])
def test_what_is_put_twice_is_kept_once(
    lake: Lake,
    first: Callable[[Lake, bytes], tuple[str, bool]],
    second: Callable[[Lake, bytes], tuple[str, bool]],
    name: str,
) -> None:
    assert (first(lake, BODIES[name])[1], second(lake, BODIES[name])[1]) == (True, False)
    assert len(stored(lake)) == 1


def test_within_one_import_what_comes_twice_is_kept_once(lake: Lake) -> None:
    store = FileStore(lake)
    assert [store.put(GPX)[1], store.put(GPX)[1], store.put_pieces([GPX])[1]] == [True, False, False]
    assert len(stored(lake)) == 1


@pytest.mark.parametrize(
    ("name", "ending"), [("plain", ".gz"), ("empty", ".gz"), ("gzip", ""), ("jpeg", ""), ("png", ""), ("zip", "")]
)
def test_what_came_packed_stays_as_it_came_and_what_came_plain_is_packed(lake: Lake, name: str, ending: str) -> None:
    body = BODIES[name]
    put(lake, body)
    (path,) = stored(lake)
    assert path == lake.files / sha(body)[:2] / f"{sha(body)}{ending}"
    assert (gzip.decompress(path.read_bytes()) if ending else path.read_bytes()) == body


def test_the_same_bytes_make_the_same_file_whenever_they_come(lake: Lake, tmp_path: Path) -> None:
    other = Lake(tmp_path / "other")
    put(lake, GPX)
    put_pieces(other, GPX)
    assert stored(lake)[0].name == stored(other)[0].name
    again = Lake(tmp_path / "again")
    put(again, GPX)
    assert stored(lake)[0].read_bytes() == stored(again)[0].read_bytes()


def test_what_was_never_put_is_not_found(lake: Lake) -> None:
    with pytest.raises(FileNotFoundError):
        stored_bytes(lake, sha(b"never"))


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "cut": lambda raw: raw[: len(raw) // 2],
    "emptied": lambda raw: b"",
    "other bytes": lambda raw: b"rubbish",
    "one bit": lambda raw: raw[:-12] + bytes([raw[-12] ^ 1]) + raw[-11:],
    "zeros at its end": lambda raw: raw[:-100] + bytes(100),
    "another file's": lambda raw: gzip.compress(b"another") if raw[:2] == b"\x1f\x8b" else b"another",
}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("name", ["plain", "gzip", "jpeg"])
def test_damage_is_noticed_set_aside_and_healed_by_the_next_import(lake: Lake, name: str, damage: str) -> None:
    body = BODIES[name]
    put(lake, body)
    (path,) = stored(lake)
    path.write_bytes(DAMAGE[damage](path.read_bytes()))
    with pytest.raises(DamagedFileError):
        stored_bytes(lake, sha(body))
    assert stored(lake) == [path.with_name(f"{path.name}.damaged")]
    with pytest.raises(FileNotFoundError):
        stored_bytes(lake, sha(body))
    assert put(lake, body) == (sha(body), True)
    assert stored_bytes(lake, sha(body)) == body


def test_pieces_that_break_off_leave_nothing(lake: Lake) -> None:
    def breaks() -> object:
        yield NOISE[:MIB]
        raise OSError("the stick was pulled out")

    with pytest.raises(OSError, match="pulled out"):
        FileStore(lake).put_pieces(breaks())  # type: ignore[arg-type]
    assert stored(lake) == []


def test_what_a_killed_process_left_unfinished_does_not_count(lake: Lake) -> None:
    child = os.fork()
    if child == 0:

        def dies() -> object:
            yield NOISE[:MIB]
            os.kill(os.getpid(), 9)

        FileStore(lake).put_pieces(dies())  # type: ignore[arg-type]
    os.waitpid(child, 0)
    (left,) = stored(lake)
    folder = lake.files / sha(GPX)[:2]
    folder.mkdir()
    (folder / f".{sha(GPX)}.gz.0123abcd.tmp").write_bytes(b"half")
    assert left.name.startswith(".pieces.")
    assert put(lake, GPX) == (sha(GPX), True)
    assert stored_bytes(lake, sha(GPX)) == GPX


READING = Reading(
    content="c",
    format="fit",
    kind="activity",
    recordings=[RecordingSummary(place=0, points=2), RecordingSummary(place=1)],
)
AT = [datetime(2024, 7, 1, 8, tzinfo=UTC), None]
TRACKS = [
    pl.DataFrame([pl.Series(name, AT if name == "at" else [1.5, None], kind) for name, kind in TRACK.items()]),
    pl.DataFrame(schema=TRACK),
]


def kept(lake: Lake) -> tuple[Path, Path]:
    """A file's reading and its track, on disk."""
    put_reading(lake, "abcd", READING, TRACKS)
    track, reading = sorted(path for path in lake.readings.rglob("*") if path.is_file())
    return reading, track


def test_a_reading_comes_back_with_its_tracks(lake: Lake) -> None:
    kept(lake)
    assert reading_of(lake, "abcd") == READING
    track = read_points(lake, "abcd", 0)
    assert track is not None
    assert track.equals(TRACKS[0])
    assert read_points(lake, "abcd", 1) is None, "no points, no track"
    assert (has_reading(lake, "abcd"), has_reading(lake, "dcba"), reading_of(lake, "dcba")) == (True, False, None)


@pytest.mark.parametrize(
    "body",
    [b"", b"rubbish", gzip.compress(b"{"), gzip.compress(b'{"kind": 5}'), gzip.compress(b"\xff"), bytes(90)],
    ids=["empty", "no gzip", "cut JSON", "other fields", "no text", "zeros"],
)
def test_a_damaged_reading_is_none_so_that_its_file_is_read_again(lake: Lake, body: bytes) -> None:
    reading, _ = kept(lake)
    reading.write_bytes(body)
    assert reading_of(lake, "abcd") is None
    assert not has_reading(lake, "abcd")


def test_a_reading_that_lost_its_end_is_none(lake: Lake) -> None:
    reading, track = kept(lake)
    reading.write_bytes(reading.read_bytes()[:-9])
    track.write_bytes(track.read_bytes()[:-9])
    assert (reading_of(lake, "abcd"), has_reading(lake, "abcd"), read_points(lake, "abcd", 0)) == (None, False, None)


@pytest.mark.parametrize("body", [None, b"", b"PA", b"rubbish", bytes(500)])
def test_a_reading_whose_points_are_lost_is_none_so_that_its_file_is_read_again(lake: Lake, body: bytes | None) -> None:
    _, track = kept(lake)
    track.unlink() if body is None else track.write_bytes(body)
    assert read_points(lake, "abcd", 0) is None
    assert not has_reading(lake, "abcd")
