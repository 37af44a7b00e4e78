"""Imported files by the hash of their bytes: the bytes as received (bronze), and the results of reading them.

A file that came packed stays as it came (`<sha256>`), any other is packed (`<sha256>.gz`). A reading is a JSON file
next to the points of the file's sessions; without it the file is decoded again. The names of the files are in
manifests.py.
"""

import gzip
import hashlib
import os
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex

import polars as pl
from pydantic import ValidationError

from strava_pipeline.core.files.recording import VERSION, Reading
from strava_pipeline.lake.bronze.expired import purged_files
from strava_pipeline.lake.files import DamagedFileError, held, sync_folder, write_rows, write_unsynced, write_whole
from strava_pipeline.lake.paths import Lake

_PACKED = (b"\x1f\x8b", b"\xff\xd8\xff", b"\x89PNG", b"PK\x03\x04")  # gzip, JPEG, PNG, zip: packing again gains nothing
_OURS = ".gz"
_LEVEL = 6
_END = b"PAR1"  # of every Parquet file
_READING = re.compile(r"([0-9a-f]{64}(?:-\d+)?)\.v(\d+)(\.json\.gz|\.parquet)")


class FileStore:
    """The files of one lake; those of purged activities stay out. The folder is listed once, so make one store per import."""

    def __init__(self, lake: Lake) -> None:
        self._top = lake.files
        self._known = {*_stored(lake.files), *purged_files(lake)}
        self._touched: set[Path] = set()
        self.new: dict[str, Path] = {}  # by hash: where each new file is

    def put(self, body: bytes) -> tuple[str, bool]:
        """Store bytes. Returns their hash and whether they are new. They are durable when `sync` has returned."""
        digest = hashlib.sha256(body).hexdigest()
        if digest in self._known:
            return digest, False
        path, content = _place(self._top, digest, body)
        write_unsynced(path, content)
        self._note(digest, path)
        return digest, True

    def put_pieces(self, pieces: Iterable[bytes]) -> tuple[str, bool]:
        """The same for a file that is too large for memory."""
        digest = hashlib.sha256()
        self._top.mkdir(parents=True, exist_ok=True)
        temporary = self._top / f".pieces.{token_hex(4)}.tmp"
        try:
            with held(temporary) as file:
                with gzip.GzipFile(filename="", fileobj=file, mode="wb", compresslevel=_LEVEL, mtime=0) as packed:
                    for piece in pieces:
                        digest.update(piece)
                        packed.write(piece)
                file.flush()
                os.fsync(file.fileno())
                if digest.hexdigest() not in self._known:
                    path = self._top / digest.hexdigest()[:2] / f"{digest.hexdigest()}{_OURS}"
                    path.parent.mkdir(exist_ok=True)
                    temporary.replace(path)
                    self._note(digest.hexdigest(), path)
                    return digest.hexdigest(), True
        finally:
            temporary.unlink(missing_ok=True)
        return digest.hexdigest(), False

    @contextmanager
    def all_or_nothing(self) -> Iterator[None]:
        """Remove everything stored during the body if it raises. Files stored by a killed process stay, and are found."""
        before = set(self.new)
        try:
            yield
        except Exception:
            for digest in self.new.keys() - before:
                path = self.new.pop(digest)
                self._known.discard(digest)
                path.unlink(missing_ok=True)
                with suppress(OSError):  # another file is in the folder
                    path.parent.rmdir()
            self._touched.clear()
            raise

    def sync(self) -> None:
        """Make everything stored durable."""
        for folder in sorted(self._touched):
            sync_folder(folder)
        self._touched.clear()

    def _note(self, digest: str, path: Path) -> None:
        self._known.add(digest)
        self.new[digest] = path
        self._touched |= {path.parent, self._top}


def store_durably(lake: Lake, body: bytes) -> str:
    """Store one file, if it isn't stored yet; returns its hash. Durable on return."""
    digest = hashlib.sha256(body).hexdigest()
    if not is_stored(lake, digest):
        path, content = _place(lake.files, digest, body)
        write_whole(path, content)
        sync_folder(lake.files)  # which may have had no folder of that name
    return digest


def is_stored(lake: Lake, digest: str) -> bool:
    """Whether the bytes of that hash are stored, by a look at the folder."""
    path = lake.files / digest[:2] / digest
    return path.exists() or path.with_name(f"{digest}{_OURS}").exists()


def _place(top: Path, digest: str, body: bytes) -> tuple[Path, bytes]:
    """The path and the bytes to write for a file: packed, unless packing gains nothing."""
    if body.startswith(_PACKED):
        return top / digest[:2] / digest, body
    return top / digest[:2] / f"{digest}{_OURS}", gzip.compress(body, _LEVEL, mtime=0)


def stored_bytes(lake: Lake, digest: str) -> bytes:
    """The bytes as received. Raises FileNotFoundError, or DamagedFileError if they changed (the file is then set aside)."""
    path = lake.files / digest[:2] / digest
    try:
        if path.exists():
            body = path.read_bytes()
        else:
            path = path.with_name(f"{digest}{_OURS}")
            body = gzip.decompress(path.read_bytes())
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        _set_aside(path)
        raise DamagedFileError(f"{path} is damaged ({type(error).__name__})") from error
    if hashlib.sha256(body).hexdigest() != digest:
        _set_aside(path)
        raise DamagedFileError(f"{path} is no longer what was received")
    return body


def peeked_bytes(lake: Lake, digest: str, most: int, *, whole: bool = True) -> bytes | None:
    """The bytes as received, without changing the folder; None if they are missing, damaged, or more than `most`.

    `whole` False: up to `most` bytes of their beginning, unchecked.
    """
    path = lake.files / digest[:2] / digest
    try:
        if path.exists():
            with path.open("rb") as file:
                body = file.read(most + whole)
        else:
            with gzip.open(path.with_name(f"{digest}{_OURS}")) as packed:
                body = packed.read(most + whole)
    except (OSError, EOFError, zlib.error):  # among them gzip.BadGzipFile
        return None
    if not whole:
        return body
    return body if len(body) <= most and hashlib.sha256(body).hexdigest() == digest else None


def _set_aside(path: Path) -> None:
    path.replace(path.with_name(f"{path.name}.damaged"))


def _stored(top: Path) -> Iterator[str]:
    for folder in top.iterdir() if top.is_dir() else ():
        if folder.is_dir():
            with os.scandir(folder) as entries:
                for entry in entries:
                    name = entry.name.removesuffix(_OURS)
                    if "." not in name:
                        yield name


def put_reading(lake: Lake, digest: str, reading: Reading, tracks: Sequence[pl.DataFrame]) -> None:
    """Write the points, then the reading: a reading always has its points. Not synced: a lost one is read again."""
    note_first_version(lake)
    for place, track in enumerate(tracks):
        if track.height:
            write_rows(_track(lake, digest, place), track, "zstd", {})
    write_unsynced(_path(lake, digest), gzip.compress(reading.model_dump_json().encode(), mtime=0))


def reading_of(lake: Lake, digest: str) -> Reading | None:
    """The reading, or None if this version has none, or it is damaged."""
    try:
        return Reading.model_validate_json(gzip.decompress(_path(lake, digest).read_bytes()))
    except (OSError, EOFError, zlib.error, ValidationError):
        return None


def is_read(lake: Lake, digest: str) -> bool:
    """Whether a reading of this version exists, complete or not, by a look at the folder."""
    return _path(lake, digest).exists()


def is_reading_intact(lake: Lake, digest: str) -> bool:
    """Whether the reading and its points can be read, by opening each file."""
    return _is_there(lake, digest, lambda place: read_points(lake, digest, place) is not None)


def has_reading(lake: Lake, digest: str) -> bool:
    """Whether a complete reading of this version is on disk, with its points."""
    return _is_there(lake, digest, lambda place: _ends_well(_track(lake, digest, place)))


def _is_there(lake: Lake, digest: str, points_found: Callable[[int], bool]) -> bool:
    """Whether a reading exists, with points for each session that has any."""
    read = reading_of(lake, digest)
    return read is not None and all(points_found(place) for place, each in enumerate(read.recordings) if each.points)


def read_points(lake: Lake, digest: str, place: int, columns: Sequence[str] | None = None) -> pl.DataFrame | None:
    """The points of a file's session, by its number in the file, or None. `columns`: None for all."""
    try:
        return pl.read_parquet(_track(lake, digest, place), columns=None if columns is None else list(columns))
    except (FileNotFoundError, pl.exceptions.ComputeError):
        return None


def has_points(lake: Lake, digest: str, place: int) -> bool:
    """Whether the points of a file's session are on disk, without opening anything."""
    return _track(lake, digest, place).exists()


def sessions_with_track(lake: Lake, digest: str) -> list[int]:
    """The numbers of a file's sessions whose points are on disk, by a look at the folder."""
    beginning, end = f"{digest}-", f".v{VERSION}.parquet"
    folder = _top(lake) / digest[:2]
    if not folder.is_dir():
        return []
    with os.scandir(folder) as entries:  # done for thousands of files at once: a third of a glob's time
        names = [entry.name for entry in entries if entry.name.startswith(beginning) and entry.name.endswith(end)]
    return sorted(int(name.removeprefix(beginning).removesuffix(end)) for name in names)


def has_old_readings(lake: Lake) -> bool:
    """Whether readings of another version may be on disk."""
    return _top(lake).exists() and has_old_tracks(lake)


def has_old_tracks(lake: Lake) -> bool:
    """Whether readings or tracks made by another version may be on disk."""
    try:
        return _version(lake).read_bytes() != str(VERSION).encode()
    except FileNotFoundError:
        return _top(lake).exists() or lake.tracks.exists()


def note_first_version(lake: Lake) -> None:
    """Record this version as that of all readings and tracks, before the first of them is on disk."""
    if not (_top(lake).exists() or lake.tracks.exists()):
        write_whole(_version(lake), str(VERSION).encode())


def remove_old_readings(lake: Lake) -> None:
    """Remove the results of other versions' readers, once this version's readings and tracks are used everywhere."""
    for path in _top(lake).glob("*/*"):
        if (found := _READING.fullmatch(path.name)) is not None and int(found[2]) != VERSION:
            path.unlink(missing_ok=True)
    write_whole(_version(lake), str(VERSION).encode())


def keep_old_reading(lake: Lake, digest: str) -> None:
    """Adopt another version's reading of a file whose bytes are lost. Points first, as in `put_reading`."""
    for path in sorted((_top(lake) / digest[:2]).glob(f"{digest}*.v*"), key=lambda path: path.suffix == ".gz"):
        path.replace(path.with_name(_READING.sub(rf"\1.v{VERSION}\3", path.name)))


def _ends_well(track: Path) -> bool:
    """Whether a Parquet file has its end, which is written last; its rows are not read."""
    try:
        with track.open("rb") as file:
            file.seek(-len(_END), os.SEEK_END)
            return file.read() == _END
    except OSError:
        return False


def _top(lake: Lake) -> Path:
    return lake.readings / "files"


def _version(lake: Lake) -> Path:
    return lake.state / "read_by"  # of all readings and tracks; without it they are an older version's


def _path(lake: Lake, digest: str) -> Path:
    return _top(lake) / digest[:2] / f"{digest}.v{VERSION}.json.gz"


def _track(lake: Lake, digest: str, place: int) -> Path:
    return _top(lake) / digest[:2] / f"{digest}-{place}.v{VERSION}.parquet"
