"""Bytes of imports: kept as they were received, once, and noticed when they are no longer what they were."""

import gzip
import hashlib
import io
import os
import random
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from strava_pipeline.lake.files import DamagedFileError
from strava_pipeline.lake.imports.files import FileStore, stored_bytes
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
def test_bytes_come_back_as_they_were_received(
    lake: Lake, take: Callable[[Lake, bytes], tuple[str, bool]], name: str
) -> None:
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
