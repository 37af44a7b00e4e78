"""A region is cut out of an archive on a server: what is asked, what comes out, and servers and archives that are hostile."""

import gzip
import io
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from threading import Event
from typing import Any

import pytest
from pmtiles.reader import MemorySource, Reader
from pmtiles.tile import Compression, Entry, TileType, serialize_directory, zxy_to_tileid
from pmtiles.writer import Writer

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.core.map_tiles import GAP, PIECE, Edges, bytes_of, pieces_of, tiles_in
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.clock import ServerClock
from strava_pipeline.ingest.map_region import RegionSource
from strava_pipeline.lake.maps import HOME, write_region
from strava_pipeline.lake.paths import Lake
from strava_pipeline_tests.ingest.test_http import Handler, Seen, server
from strava_pipeline_tests.patience import PATIENCE

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
HOME_BOX: Edges = (16.2, 48.1, 16.3, 48.2)
ROUND: Edges = (15.0, 47.0, 18.0, 49.0)
LAYERS = {"vector_layers": [{"id": name} for name in ("earth", "roads", "places")]}
Respond = Callable[[Handler], None]


def tile(number: int) -> bytes:
    return gzip.compress(Random(number).randbytes(Random(number).randrange(400)), mtime=0)


def archive(edges: Edges = ROUND, finest: int = 14, **header: Any) -> bytes:
    """An archive with a tile of its own at each place, and with leaf directories."""
    made = io.BytesIO()
    writer = Writer(made)
    for number in sorted(zxy_to_tileid(*each) for each in tiles_in(edges, finest)):
        writer.write_tile(number, tile(number))
    writer.finalize({"tile_type": TileType.MVT, "tile_compression": Compression.GZIP, **header}, LAYERS)
    return made.getvalue()


@pytest.fixture(scope="module")
def earth() -> bytes:
    return archive()


def ranges(body: bytes) -> Respond:
    """Answers ranges of these bytes."""

    def respond(handler: Handler) -> None:
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", handler.headers["Range"])
        assert asked is not None
        first, last = int(asked[1]), min(int(asked[2]), len(body) - 1)
        if first > last:
            handler.answer(b"", 416)
        else:
            handler.answer(body[first : last + 1], 206, Content_Range=f"bytes {first}-{last}/{len(body)}")

    return respond


@contextmanager
def source(
    respond: Respond, tmp_path: Path, monotonic: Callable[[], float] = time.monotonic
) -> Iterator[tuple[RegionSource, Seen]]:
    with server(respond) as seen:
        made = Settings(data_dir=tmp_path / "data", map_region_source=f"{seen.url}/{{date}}.pmtiles", _env_file=None)
        yield RegionSource(made, ServerClock(lambda: NOW, monotonic, time.sleep), pause=lambda _: None), seen


def fetched(each: RegionSource, lake: Lake) -> list[int]:
    went: list[int] = []
    cut = each.find(HOME_BOX)
    write_region(lake, HOME, 1, lambda file: each.cut(cut, file, lake.maps, went.append))
    assert sum(went) == bytes_of(cut.pieces)
    return went


def test_a_box_is_cut_out_tile_by_tile_and_little_else_is_loaded(tmp_path: Path, earth: bytes) -> None:
    lake = Lake(tmp_path / "data")
    with source(ranges(earth), tmp_path) as (each, seen):
        went = fetched(each, lake)
    made = (lake.maps / HOME).read_bytes()
    reader = Reader(MemorySource(made))
    wanted = {*tiles_in(HOME_BOX, 14)}
    assert {place: reader.get(*place) for place in wanted} == {place: tile(zxy_to_tileid(*place)) for place in wanted}
    assert reader.get(14, 9000, 5600) is None, "outside the box"
    header = reader.header()
    assert [header[name] for name in ("min_lon_e7", "min_lat_e7", "max_lon_e7", "max_lat_e7")] == [
        162000000,
        481000000,
        163000000,
        482000000,
    ]
    assert (header["min_zoom"], header["max_zoom"], reader.metadata()) == (0, 14, LAYERS)
    assert sum(went) < len(earth) / 2
    assert all(line.startswith("GET /20260309.pmtiles ") for line in seen.lines), "no box in an address"
    assert {each["user-agent"] for each in seen.headers} == {"strava_pipeline"}
    assert Reader(MemorySource(earth)).header()["leaf_directory_length"], "else only the first directory is read"
    assert [path.name for path in lake.maps.iterdir()] == [HOME]


@pytest.mark.parametrize(("gone", "day"), [(1, "20260308"), (3, "20260306"), (4, None)])
def test_where_a_build_is_gone_an_older_one_is_taken(tmp_path: Path, gone: int, day: str | None) -> None:
    small = archive(HOME_BOX)

    def respond(handler: Handler) -> None:
        if len(seen.lines) <= gone:
            handler.answer(b"", 404)
        else:
            ranges(small)(handler)

    with source(respond, tmp_path) as (each, seen):
        if day is None:
            with pytest.raises(PipelineError, match="refused \\(404\\)"):
                each.find(HOME_BOX)
            assert len(seen.lines) == gone
        else:
            assert each.find(HOME_BOX).pieces
            assert seen.lines[-1].startswith(f"GET /{day}.pmtiles ")


def whole(handler: Handler) -> None:
    """Ignores Range, and would send for ever."""
    handler.send_response(200)
    handler.end_headers()
    while True:
        handler.wfile.write(bytes(100_000))


def redirect(handler: Handler) -> None:
    handler.answer(b"", 302, Location="https://elsewhere.example/")


def truncated(handler: Handler) -> None:
    handler.send_response(206)
    handler.send_header("Content-Range", "bytes 0-16383/99999")
    handler.send_header("Content-Length", "16384")
    handler.end_headers()
    handler.wfile.write(b"PMTiles\x03")
    handler.close_connection = True


def headed(root: list[Entry] | bytes, leaf: bytes = b"", *, tiles: int = 10, size: int | None = None) -> bytes:
    """An archive whose directories are these."""
    packed = root if isinstance(root, bytes) else serialize_directory(root)
    places = [127, len(packed), 0, 1, 127 + len(packed), len(leaf), 127 + len(packed) + len(leaf), tiles]
    head = b"PMTiles\x03" + b"".join(each.to_bytes(8, "little") for each in [*places, 1, 1, 1])
    return (head + bytes([1, 2, 2, 1, 0, 14]) + bytes(25) + packed + leaf).ljust(size or 0, b"\0") + bytes(tiles)


LOOP = serialize_directory([Entry(0, 0, 30, 0)])
HOSTILE = {
    "no archive": b"<html>" * 100,
    "a loop": headed([Entry(0, 0, len(LOOP), 0)], LOOP.ljust(30, b"\0")),
    "a place beyond the file": headed([Entry(0, 1 << 50, 9, 1 << 40)]),
    "a leaf beyond the file": headed([Entry(0, 1 << 50, 9, 0)]),
    "a tile too large": headed([Entry(0, 0, 1 << 40, 1 << 40)]),
    "a directory that unpacks to gigabytes": headed(gzip.compress(bytes(30_000_000))[:16_000]),
    "too many entries": headed(gzip.compress(b"\xff\xff\xff\xff\xff\x01")),
    "no gzip": headed(b"rubbish" * 10),
    "parts beyond the file": headed([Entry(0, 0, 9, 1)])[:-5],
    "nothing": headed([]),
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_archive_is_refused_in_one_sentence(tmp_path: Path, body: bytes) -> None:
    with source(ranges(body), tmp_path) as (each, seen), pytest.raises(PipelineError) as refused:
        fetched(each, Lake(tmp_path / "data"))
    assert "MAP_REGION_SOURCE" in str(refused.value)
    assert not re.search(r"16\.2|48\.1|127\.0\.0\.1", str(refused.value))
    assert len(seen.lines) <= 4


@pytest.mark.parametrize(
    ("respond", "why", "calls"),
    [(whole, "sends whole archives", 1), (redirect, "redirect", 1), (truncated, "broke off", 3)],
)
def test_a_server_that_gives_no_ranges_is_left_at_once(tmp_path: Path, respond: Respond, why: str, calls: int) -> None:
    with source(respond, tmp_path) as (each, seen), pytest.raises(PipelineError, match=why):
        each.find(HOME_BOX)
    assert len(seen.lines) == calls


@pytest.mark.parametrize("begins", [b"HTTP/1.1 206 OK\r\nX-Odd: ", b"HTTP/1.1 206 OK\r\nContent-Length: 16384\r\n\r\n"])
def test_a_server_that_drips_has_a_minute_for_a_part_and_is_not_asked_again(tmp_path: Path, begins: bytes) -> None:
    passed, looked_at = 0.0, Event()

    def monotonic() -> float:
        looked_at.set()
        return passed

    def drip(handler: Handler) -> None:
        nonlocal passed
        handler.wfile.write(begins)
        for _ in range(2_000):
            handler.wfile.write(b" ")
            passed += 0.2
            looked_at.wait(PATIENCE)
            looked_at.clear()

    with source(drip, tmp_path, monotonic) as (each, seen), pytest.raises(PipelineError, match="MAP_REGION_SOURCE"):
        each.find(HOME_BOX)
    assert (len(seen.lines), passed < 100) == (1, True)


@pytest.mark.parametrize("fault", ["breaks off", "disk", "cancelled"])
def test_what_ends_in_the_middle_leaves_nothing_and_the_next_press_begins_anew(
    tmp_path: Path, earth: bytes, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake, serves = Lake(tmp_path / "data"), ranges(earth)
    monkeypatch.setattr("strava_pipeline.core.map_tiles.PIECE", 5_000)
    broken = False

    def respond(handler: Handler) -> None:
        (truncated if broken else serves)(handler)

    def went(count: int) -> None:
        if fault == "cancelled":
            raise PipelineError("cancelled")
        if fault == "disk":
            raise OSError(28, "No space left on device")

    with source(respond, tmp_path) as (each, _seen):
        cut, broken = each.find(HOME_BOX), fault == "breaks off"
        with pytest.raises((PipelineError, OSError)):
            write_region(lake, HOME, 1, lambda file: each.cut(cut, file, lake.maps, went))
        assert [*lake.maps.iterdir()] == []
        broken = False
        (lake.maps / f".{HOME}.0123abcd.tmp").write_bytes(b"half of it, of a process that was killed")
        fetched(each, lake)
    assert [path.name for path in lake.maps.iterdir()] == [HOME]


def test_neighbours_are_one_piece_as_far_as_they_are_near_and_small() -> None:
    found = pieces_of([(300_000, 10), (0, 10), (50, 10), (60 + GAP, 10), (60 + GAP, 4), (PIECE + 9, PIECE - 5)])
    assert [(each.start, each.end) for each in found] == [
        (0, 70 + GAP),
        (300_000, 300_010),
        (PIECE + 9, 2 * PIECE + 4),
    ]
