"""Regions of OpenStreetMap below `data/maps`, which a person adds: the existing ones, and whether a file is valid.

A region is a PMTiles archive (version 3 of its specification) with vector tiles in the layers of Protomaps' basemap.
Browsers read it by ranges; here only its header and metadata are read. A purge deletes it like all data, because it
reveals where somebody lives.
"""

import json
import os
import re
import shutil
import struct
import zlib
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO

from strava_pipeline.core.errors import MisuseError, PipelineError
from strava_pipeline.environment.file_locks import sync_file
from strava_pipeline.lake.files import bytes_free, held, sweep_unfinished, sync_folder
from strava_pipeline.lake.imports.uploads import Upload, uploading_into
from strava_pipeline.lake.paths import Lake

ENDING, HOME = ".pmtiles", "home.pmtiles"
NAME = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}\.pmtiles$"
"""The pattern of a region's file name, which appears in addresses."""
_HEADER = struct.Struct("<7sB11Q6B4i")  # of the specification, up to the box
_MAGIC, _VERSION, _HEADER_BYTES = b"PMTiles", 3, 127
_NO_COMPRESSION, _GZIP, _VECTOR_TILES = 1, 2, 1
_FINEST = 20  # zoom; Protomaps' builds end at 15
_MOST_METADATA = 4_000_000  # bytes; Protomaps' builds have some thousands
_LAYERS = {"earth", "roads"}  # of Protomaps' basemap, by which it is recognised
_ANOTHER = "Extract one from a build of Protomaps; the dashboard's page /maps shows the command."


class NoRegionError(MisuseError):
    """A file isn't a usable region of the map; the message says why."""


@dataclass(frozen=True, slots=True)
class Region:
    """A region of the map.

    Args:
        box: west, south, east, north in degrees.
        min_zoom, max_zoom: of its tiles.
        bytes: the file's size.
        changed_ns: when the file was written, in nanoseconds.
    """

    box: tuple[float, float, float, float]
    min_zoom: int
    max_zoom: int
    bytes: int
    changed_ns: int


def regions(lake: Lake) -> Mapping[str, Region | None]:
    """The regions by the names of their files, in order; None if the file is damaged."""
    found: dict[str, Region | None] = {}
    for path in sorted(lake.maps.glob(f"*{ENDING}")):
        if re.fullmatch(NAME, path.name):
            try:
                found[path.name] = read_region(path)
            except (NoRegionError, OSError):
                found[path.name] = None
    return found


def region_path(lake: Lake, name: str) -> Path | None:
    """The file of a region, or None."""
    path = lake.maps / name
    return path if re.fullmatch(NAME, name) and path.is_file() else None


def read_region(path: Path) -> Region:
    """The header of a file. Raises NoRegionError if it isn't a complete archive of vector tiles."""
    with path.open("rb") as file:
        head, state = file.read(_HEADER_BYTES), os.fstat(file.fileno())
    if head[:7] != _MAGIC:
        raise NoRegionError(f"The file is no PMTiles archive. {_ANOTHER}")
    if len(head) < _HEADER_BYTES or head[7] != _VERSION:
        raise NoRegionError(f"The file is not whole, or not of version {_VERSION} of PMTiles. {_ANOTHER}")
    _, _, *numbers = _HEADER.unpack_from(head)
    parts, (_, inner, outer, kind, least, most), box = (
        numbers[:8],
        numbers[11:17],
        [each / 1e7 for each in numbers[17:]],
    )
    if kind != _VECTOR_TILES or not {inner, outer} <= {_NO_COMPRESSION, _GZIP}:
        raise NoRegionError(f"The file has no vector tiles, or their compression is not gzip. {_ANOTHER}")
    ends = [parts[place] + parts[place + 1] for place in (0, 2, 4, 6)]  # root, metadata, leaves, tiles
    if parts[0] < _HEADER_BYTES or not parts[1] or not parts[7] or max(ends) > state.st_size:
        raise NoRegionError(
            f"The file is not whole: it has {state.st_size:,} bytes, and its parts end later. {_ANOTHER}"
        )
    west, south, east, north = box
    if not (-180 <= west < east <= 180 and -90 <= south < north <= 90 and least <= most <= _FINEST):
        raise NoRegionError(f"The file says of no part of the Earth that it covers it. {_ANOTHER}")
    return Region((west, south, east, north), least, most, state.st_size, state.st_mtime_ns)


def add_region(lake: Lake, source: Path) -> tuple[str, Region]:
    """Copy a file into the data folder, atomically, replacing one of the same name; returns its name and region.

    Raises NoRegionError if it isn't a region, PipelineError if the disk has no room for it.
    """
    _check_name(source.name)
    if not source.is_file():
        raise NoRegionError(f"There is no file {source}.")
    size = _checked(source).bytes
    with source.open("rb") as original:
        return source.name, write_region(
            lake, source.name, size, lambda file: shutil.copyfileobj(original, file, 1 << 20)
        )


def write_region(lake: Lake, name: str, size: int, write: Callable[[BinaryIO], object]) -> Region:
    """Have `write` make the region's file of about `size` bytes: it is in place once it is whole and checked.

    Raises NoRegionError if it isn't a region, PipelineError if the disk has no room for it, and what `write` raises.
    """
    if size > bytes_free(lake.maps):
        raise PipelineError(
            f"{name} has {size:,} bytes, more than the disk of {lake.data_dir} has room for. Make room, or "
            "extract less: a smaller box, or --maxzoom=13."
        )
    sweep_unfinished(lake.maps)
    temporary = lake.maps / f".{name}.{token_hex(4)}.tmp"
    try:
        with held(temporary) as file:
            write(file)
            sync_file(file)
            added = _checked(temporary)
            temporary.replace(lake.maps / name)
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()
    sync_folder(lake.maps)
    return added


def uploading_region(lake: Lake, name: str, size: int) -> AbstractContextManager[Upload]:
    """A region's file that arrives in pieces: checked when it is complete, never in place of another one of its name.

    Raises NoRegionError for a name that isn't a region's, and what `uploading_into` raises.
    """
    _check_name(name)
    return uploading_into(lake.maps, name, size, needs=size, check=_checked, renames=False)


def remove_region(lake: Lake, name: str) -> None:
    """Delete a region's file. Raises NoRegionError if it doesn't exist."""
    path = region_path(lake, name) or region_path(lake, f"{name}{ENDING}")
    if path is None:
        raise NoRegionError(f"There is no region {name}. `strava-pipeline maps list` shows those that are there.")
    path.unlink()
    sync_folder(lake.maps)


def _check_name(name: str) -> None:
    if not re.fullmatch(NAME, name):
        raise NoRegionError(
            f"{name} is no name for a region: rename it to letters, digits, - and _ with {ENDING} behind, such as "
            f"home{ENDING}."
        )


def _checked(path: Path) -> Region:
    """The header of a file whose tiles have the layers that the map draws. Raises NoRegionError."""
    region = read_region(path)
    with path.open("rb") as file:
        try:
            layers = {layer["id"] for layer in json.loads(_metadata(file))["vector_layers"]}
        except (ValueError, KeyError, TypeError, zlib.error):
            raise NoRegionError(f"The file does not say which layers it has. {_ANOTHER}") from None
    if not layers >= _LAYERS:
        raise NoRegionError(f"The file has other layers than the map draws, which are those of Protomaps. {_ANOTHER}")
    return region


def _metadata(file: BinaryIO) -> bytes:
    """The metadata of an archive, unpacked."""
    numbers = _HEADER.unpack(file.read(_HEADER.size))
    offset, length, compression = numbers[4], numbers[5], numbers[14]
    if length > _MOST_METADATA:
        raise ValueError
    file.seek(offset)
    body = file.read(length)
    return body if compression == _NO_COMPRESSION else zlib.decompressobj(31).decompress(body, _MOST_METADATA)
