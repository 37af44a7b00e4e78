"""The manifests of a copy: which files it held after each run, and where their bytes lie.

A copy has shelves (`lake/copied.py` says which file stands on which). Each has manifests numbered from 1: most say what changed
since the one before, some hold everything, so that a chain stays short. Files lie one after the other in blocks, cut where a
block is full: thousands of small files are few objects, and a large file is several. A piece is a part of a block.
"""

import zlib
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any

import orjson

from strava_pipeline.core.copies.sealing import UnreadableObjectError

CHAIN = 50  # manifests, after which one holds everything: 50 gets at most to know what a shelf holds
LARGEST = 1 << 30  # bytes of a manifest, unpacked: 200 a file


@dataclass(frozen=True, slots=True)
class Piece:
    """`size` bytes of a block, from `start` on."""

    block: str
    start: int
    size: int


@dataclass(frozen=True, slots=True)
class CopiedFile:
    """A file as it was copied. `mtime`: nanoseconds since 1970; `sha256`: of its bytes, hexadecimal."""

    size: int
    mtime: int
    sha256: str
    pieces: tuple[Piece, ...]


Files = Mapping[str, CopiedFile]  # by name: the path below the folder of the data folder, with /


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a shelf held after a run.

    Args:
        at: when the run ended (UTC).
        base: the number of the manifest that holds everything, from which on the chain is read; its own where it does itself.
        files: those that are new or changed; all, where `base` is its own number.
        gone: names that were there before and are not any more.
        sizes: of the blocks of `files`, in bytes of content.
    """

    shelf: str
    number: int
    at: datetime
    base: int
    files: Files
    gone: frozenset[str]
    sizes: Mapping[str, int]

    @property
    def is_whole(self) -> bool:
        """Whether it holds everything."""
        return self.base == self.number


def manifest_bytes(manifest: Manifest) -> bytes:
    """A manifest as content of an object."""
    blocks = list(manifest.sizes)
    number_of = {block: number for number, block in enumerate(blocks)}
    content = {
        "version": 1,
        "shelf": manifest.shelf,
        "number": manifest.number,
        "previous": manifest.number - 1,
        "base": manifest.base,
        "at": manifest.at.astimezone(UTC).isoformat(),
        "blocks": [[block, manifest.sizes[block]] for block in blocks],
        "files": [
            [
                name,
                file.size,
                file.mtime,
                file.sha256,
                [[number_of[piece.block], piece.start, piece.size] for piece in file.pieces],
            ]
            for name, file in sorted(manifest.files.items())
        ],
        "gone": sorted(manifest.gone),
    }
    return zlib.compress(orjson.dumps(content), 6)


def manifest_of(content: bytes, shelf: str, number: int) -> Manifest:
    """The manifest in the content of an object. Raises UnreadableObjectError where it is none, or another one."""
    try:
        unpacking = zlib.decompressobj()
        found: dict[str, Any] = orjson.loads(unpacking.decompress(content, LARGEST))
        blocks = [block for block, _ in found["blocks"]]
        manifest = Manifest(
            found["shelf"],
            found["number"],
            datetime.fromisoformat(found["at"]),
            found["base"],
            {
                _safe(name): CopiedFile(
                    size, mtime, sha256, tuple(Piece(blocks[block], start, length) for block, start, length in pieces)
                )
                for name, size, mtime, sha256, pieces in found["files"]
            },
            frozenset(found["gone"]),
            dict(found["blocks"]),
        )
        if (found["version"], manifest.shelf, manifest.number) != (1, shelf, number):
            raise ValueError("another one, or of another version of the program")
    except (zlib.error, ValueError, TypeError, LookupError) as error:
        raise UnreadableObjectError(f"Manifest {number} of {shelf} in the copy can't be read ({error}).") from None
    return manifest


def _safe(name: str) -> str:
    """A file's name. Raises ValueError where it leads out of the folder into which a copy is restored."""
    parts = PurePosixPath(name).parts
    if not parts or ".." in parts or parts[0] == "/" or "\0" in name:
        raise ValueError("a file's name leads elsewhere")
    return name


def nothing(shelf: str) -> Manifest:
    """What a shelf holds before its first manifest."""
    return Manifest(shelf, 0, datetime.fromtimestamp(0, UTC), 0, {}, frozenset(), {})


def folded(chain: Iterable[Manifest]) -> Manifest:
    """All that a shelf holds after a chain of manifests, the first of which holds everything. Number and base: the last's."""
    files: dict[str, CopiedFile] = {}
    sizes: dict[str, int] = {}
    for last in chain:
        for name in last.gone:
            files.pop(name, None)
        files.update(last.files)
        sizes.update(last.sizes)
    return replace(last, files=files, gone=frozenset(), sizes=used_sizes(files, sizes))


def used_sizes(files: Files, sizes: Mapping[str, int]) -> dict[str, int]:
    """The blocks in which files have bytes, with their sizes."""
    return {piece.block: sizes[piece.block] for file in files.values() for piece in file.pieces}


def without_waste(files: Files, sizes: Mapping[str, int]) -> Files:
    """Those of `files` in whose blocks is nothing but files of this kind."""
    while True:
        used = dict.fromkeys(sizes, 0)
        for file in files.values():
            for piece in file.pieces:
                used[piece.block] += piece.size
        wasted = {block for block, size in used.items() if size < sizes[block]}
        left = outside(files, wasted)
        if len(left) == len(files):
            return left
        files = left


def outside(files: Files, blocks: Set[str]) -> Files:
    """Those of `files` that have no byte in any of these blocks."""
    return {name: file for name, file in files.items() if blocks.isdisjoint(piece.block for piece in file.pieces)}
