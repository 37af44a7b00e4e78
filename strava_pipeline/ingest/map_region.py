"""A part of the map out of a PMTiles archive of the Earth on a server, by ranges: its directories first, its tiles if asked.

The archive is somebody else's: each size is bounded before it is believed. The library `pmtiles` is in the extra `dashboard`.
"""

import gzip
import json
import re
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from random import random
from tempfile import TemporaryFile
from typing import Any, BinaryIO

from strava_pipeline.core.errors import PipelineError, TransientError
from strava_pipeline.core.limits import AnswerLimit
from strava_pipeline.core.map_tiles import PIECE, Edges, Piece, Place, pieces_of, tiles_in
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.calls import retrying
from strava_pipeline.ingest.clock import ServerClock
from strava_pipeline.ingest.http import TooLargeError, Wire
from strava_pipeline.ingest.refusals import refuse_unusable

_SETTING, _SERVER = "MAP_REGION_SOURCE", "The server of the map"
_FINEST = 14  # zoom
_PATIENCE = 60  # seconds for each part, at most 4 MB, whatever drips in meanwhile; repeats begin within them
_DAYS_BACK = 4  # builds are made daily and kept for some days; today's may not be there yet
_HEAD, _HEADER = 16_384, 127  # bytes: the specification has the header and the first directory in them
_DEEPEST, _MOST_DIRECTORIES = 3, 1_000  # of Protomaps' builds one box has two levels, and some tens
_MOST_PACKED, _MOST_UNPACKED = 1_000_000, 4_000_000  # bytes of a directory, or of the metadata
_RETRY = f"nothing was kept. Check {_SETTING}, or try another day."
_DAMAGED = f"{_SERVER} has no whole PMTiles archive with your part of the Earth: {_RETRY}"
_NO_PARTS = f"{_SERVER} sends whole archives, not parts of them: nothing was kept. Set another {_SETTING}."
LACKING = "This installation lacks the library `pmtiles`: install `strava_pipeline[dashboard]` again."


@dataclass(frozen=True, slots=True)
class _Cut:
    """The part of an archive that has a box: the numbers of the tiles by their place, and the pieces to load."""

    edges: Edges
    header: Mapping[str, Any]
    metadata: Mapping[str, Any]
    tiles: Mapping[Place, Sequence[int]]
    pieces: Sequence[Piece]


class RegionSource:
    """The newest archive on the server that `settings` name. Errors name neither its whole address nor a box."""

    def __init__(self, settings: Settings, clock: ServerClock, pause: Callable[[float], None] = time.sleep) -> None:
        limit, hosts = AnswerLimit(PIECE, None), settings.plain_http_hosts
        self._monotonic = clock.monotonic
        self._wire = Wire(clock.monotonic, settings.ca_bundle, limit=limit, patience=_PATIENCE, plain_http_hosts=hosts)
        days = (clock.now() - timedelta(days=back) for back in range(1, _DAYS_BACK + 1))
        self._urls = [settings.map_region_source.replace("{date}", f"{day:%Y%m%d}") for day in days]
        self._pause, self._size = pause, 0

    def find(self, edges: Edges) -> _Cut:
        """Read the directories, and see what has to be loaded. Raises PipelineError."""
        try:
            return self._found(edges)
        except PipelineError:
            raise
        except ImportError:
            raise PipelineError(LACKING) from None
        except Exception:  # noqa: BLE001 whatever bytes from outside make the library raise
            raise PipelineError(_DAMAGED) from None

    def cut(self, cut: _Cut, file: BinaryIO, folder: Path, went: Callable[[int], None]) -> None:
        """Load the tiles, and write an archive of them. `went` is told the bytes of each piece; `folder`: for the unfinished."""
        from pmtiles.writer import Writer

        writer = Writer(file)
        writer.tile_f.close()  # it is in the system's folder, which may have no room
        with TemporaryFile(dir=folder) as writer.tile_f:
            for piece in cut.pieces:
                loaded = self._part(cut.header["tile_data_offset"] + piece.start, piece.end - piece.start)
                for place in piece.places:
                    for number in cut.tiles[place]:
                        writer.write_tile(number, loaded[place[0] - piece.start :][: place[1]])
                went(len(loaded))
            names = "min_lon_e7", "min_lat_e7", "max_lon_e7", "max_lat_e7"
            box = {name: round(edge * 1e7) for name, edge in zip(names, cut.edges, strict=True)}
            writer.finalize({name: cut.header[name] for name in ("tile_type", "tile_compression")} | box, cut.metadata)

    def _found(self, edges: Edges) -> _Cut:
        from pmtiles.tile import deserialize_header, zxy_to_tileid

        head = self._part(0, _HEAD, least=_HEADER)
        header: Mapping[str, Any] = deserialize_header(head)
        _ensure(0 < header["metadata_length"] <= _MOST_PACKED)
        for part in ("metadata", "leaf_directory", "tile_data"):
            _ensure(header[f"{part}_offset"] + header[f"{part}_length"] <= self._size)
        start, places = header["root_offset"], (header["metadata_offset"], header["metadata_length"])
        numbers = [zxy_to_tileid(*tile) for tile in tiles_in(edges, _FINEST)]
        tiles = self._tiles(header, head[start : start + header["root_length"]], numbers)
        _ensure(bool(tiles))
        return _Cut(edges, header, json.loads(_unpacked(self._part(*places))), tiles, pieces_of(tiles))

    def _tiles(self, header: Mapping[str, Any], root: bytes, numbers: Sequence[int]) -> Mapping[Place, Sequence[int]]:
        """The numbers of the tiles that there are, by the place of their content."""
        from pmtiles.tile import deserialize_directory, find_tile

        found: dict[Place, list[int]] = {}
        level: list[tuple[bytes, Sequence[int]]] = [(root, numbers)]
        for _ in range(_DEEPEST):
            below: dict[Place, list[int]] = {}
            tile, leaf = ("tile_data", PIECE, found), ("leaf_directory", _MOST_PACKED, below)
            for packed, wanted in level:  # packed again, because the library unpacks without a bound
                entries = deserialize_directory(gzip.compress(_unpacked(packed), 1))
                for entry, number in ((find_tile(entries, number), number) for number in wanted):
                    if entry is not None:
                        part, most, into = leaf if entry.run_length == 0 else tile
                        _ensure(
                            0 < entry.length <= most and 0 <= entry.offset <= header[f"{part}_length"] - entry.length
                        )
                        into.setdefault((entry.offset, entry.length), []).append(number)
            _ensure(len(below) <= _MOST_DIRECTORIES)
            start = header["leaf_directory_offset"]
            level = [(self._part(start + offset, length), each) for (offset, length), each in below.items()]
        _ensure(not level)
        return found

    def _part(self, offset: int, length: int, least: int | None = None) -> bytes:
        """These bytes of the archive, or from the archive's beginning at least so many."""
        until = self._monotonic() + _PATIENCE
        return retrying(random, self._pause)(self._sent, offset, length, least or length, until)

    def _sent(self, offset: int, length: int, least: int, until: float) -> bytes:
        asked = {"Range": f"bytes={offset}-{offset + length - 1}", "Accept-Encoding": "identity"}
        try:
            exchange = self._wire.send("GET", self._urls[0], name=_SERVER, headers=asked)
        except TooLargeError:
            raise PipelineError(_NO_PARTS) from None
        except TransientError:
            if self._monotonic() < until:
                raise
            raise PipelineError(f"{_SERVER} took longer than {_PATIENCE} s for a part: {_RETRY}") from None
        refuse_unusable(exchange, _SERVER, _SETTING)
        if exchange.status == 404 and len(self._urls) > 1 and not self._size:
            del self._urls[0]  # this day's is gone
            return self._sent(offset, length, least, until)
        if exchange.status not in (200, 206):
            raise PipelineError(f"{_SERVER} refused ({exchange.status}): {_RETRY}")
        said = re.fullmatch(r"bytes (\d{1,18})-\d{1,18}/(\d{1,18})", exchange.headers.get("Content-Range", ""))
        if exchange.status == 200 or said is None or int(said[1]) != offset or len(exchange.body) > length:
            raise PipelineError(_NO_PARTS)
        if len(exchange.body) < least:
            raise TransientError(f"{_SERVER} sent less than it was asked for", status=206)
        self._size = int(said[2])
        return exchange.body


def _unpacked(packed: bytes) -> bytes:
    unpacking = zlib.decompressobj(31)
    found = unpacking.decompress(packed, _MOST_UNPACKED)
    _ensure(unpacking.eof)
    return found


def _ensure(holds: bool) -> None:
    if not holds:
        raise ValueError
