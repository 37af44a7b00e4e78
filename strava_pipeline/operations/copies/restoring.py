"""Getting the files of a day back out of the copy, into an empty folder. Needs the key, and neither settings nor a login."""

import hashlib
import os
from bisect import bisect_right
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from pathlib import Path

from strava_pipeline.core.copies.manifests import CopiedFile, Manifest
from strava_pipeline.core.copies.sealing import UnreadableObjectError
from strava_pipeline.core.errors import MisuseError, PipelineError
from strava_pipeline.lake.copied import API, SHELVES, SNAPSHOT, KnownCopy, note_copy
from strava_pipeline.lake.files import bytes_free, write_whole
from strava_pipeline.lake.paths import Lake
from strava_pipeline.operations.copies.opened import OpenedCopy, manifest_numbers
from strava_pipeline.operations.progress import Progress, by_kilobytes, kilobytes, progressing

MEGABYTE = 1_000_000
UNFINISHED = ".restore-unfinished"  # in the folder until the restore is complete: which one it is
_SNAPSHOT_MODE = 0o400  # as it is published


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore did.

    Args:
        files, bytes: that are there now.
        lost: the names of files that the copy could not give.
        at: when the copy was brought to this state (UTC).
        newer: shelves of which nothing as old is kept, each with its later state's time.
        unreadable: manifests that were passed over for older ones, because they can't be read.
        incomplete: shelves whose first copy was never completed, so that nothing of them is here.
    """

    files: int
    bytes: int
    lost: list[str]
    at: datetime
    newer: dict[str, datetime]
    unreadable: int
    incomplete: list[str]


def restore(copy: OpenedCopy, into: Path, day: date | None, zone: tzinfo, progress: Progress) -> Restored:
    """Write the files as they were at the end of `day` (in `zone`; None: the newest) below `into`; a broken-off restore goes on.

    Raises MisuseError where the folder holds other things, or the copy nothing as old; PipelineError where the disk is too small.
    """
    mark = f"{copy.id} {day or 'newest'}"
    _require_empty(into, mark)
    listed = copy.store.sizes()
    shelves, newer, unreadable = _shelves_of(copy, listed, day, zone)
    total = sum(map(_size, shelves))
    _require_space(into, total)
    into.mkdir(parents=True, exist_ok=True)
    write_whole(into / UNFINISHED, mark.encode())
    with progressing(progress, "Restoring (kB)", kilobytes(total)) as advance:
        add = by_kilobytes(advance)
        lost = {name for held in shelves for name in _write_files(copy, held, into, add)}
    os.sync()  # all at once: a file each would cost more than the rest
    if not lost:
        note_copy(Lake(into / "data"), KnownCopy(copy.id, copy.store.where))
        (into / UNFINISHED).unlink()
    there = [file for held in shelves for name, file in held.files.items() if name not in lost]
    at = max(held.at for held in shelves)
    begun = {place.partition("/")[0] for place in listed if "/" in place}
    incomplete = sorted(shelf for shelf in begun if not manifest_numbers(listed, shelf))
    return Restored(len(there), sum(file.size for file in there), sorted(lost), at, newer, unreadable, incomplete)


def _size(held: Manifest) -> int:
    return sum(file.size for file in held.files.values())


def _require_empty(into: Path, mark: str) -> None:
    if not into.exists() or (into.is_dir() and not any(into.iterdir())):
        return
    unfinished = into / UNFINISHED
    if not unfinished.is_file() or unfinished.read_text() != mark:
        raise MisuseError(f"{into} is not empty. Name a new or an empty folder; nothing was written.")


def _require_space(into: Path, total: int) -> None:
    there = sum(path.lstat().st_size for path in into.rglob("*") if path.is_file())
    if (free := bytes_free(into)) + there < total:
        raise PipelineError(
            f"{into}: {total / MEGABYTE:,.1f} MB are to be restored, and {free / MEGABYTE:,.1f} MB are free. Name a folder on "
            "another disk; nothing was written."
        )


def _shelves_of(
    copy: OpenedCopy, listed: Mapping[str, int], day: date | None, zone: tzinfo
) -> tuple[list[Manifest], dict[str, datetime], int]:
    """The shelves of a day, those that are of a later one, and how many manifests can't be read."""
    found, newer, unreadable = list[Manifest](), dict[str, datetime](), 0
    for shelf in SHELVES:
        numbers = manifest_numbers(listed, shelf)
        until = numbers if day is None else _until(copy, shelf, numbers, day, zone)
        is_later = shelf == API and numbers[:1] != [1] and not until  # its history was given up
        for number in reversed(numbers if is_later else until):
            try:
                found.append(copy.held(shelf, number))
            except UnreadableObjectError:
                unreadable += 1
                continue
            if is_later:
                newer[shelf] = found[-1].at
            break
    if not found or len(found) == len(newer):
        raise MisuseError(f"The copy in {copy.store.where} has nothing of that day. {_beginning(copy, listed, zone)}")
    return found, newer, unreadable


def _until(copy: OpenedCopy, shelf: str, numbers: list[int], day: date, zone: tzinfo) -> list[int]:
    """The manifests up to the end of a day; one that can't be read counts as of the same day as the one before."""

    def day_of(number: int) -> date:
        try:
            return copy.manifest(shelf, number).at.astimezone(zone).date()
        except UnreadableObjectError:
            return day_of(number - 1) if number > numbers[0] else date.min

    return numbers[: bisect_right(numbers, day, key=day_of)]


def _beginning(copy: OpenedCopy, listed: Mapping[str, int], zone: tzinfo) -> str:
    """Since when there is something in the copy, as a sentence."""
    firsts = list[datetime]()
    for shelf in SHELVES:
        with suppress(UnreadableObjectError):
            firsts += [copy.manifest(shelf, number).at for number in manifest_numbers(listed, shelf)[:1]]
    if not firsts:
        return "No manifest in it can be read."
    first = min(firsts).astimezone(zone)
    return f"It begins on {first:%Y-%m-%d}."


def _write_files(copy: OpenedCopy, held: Manifest, into: Path, add: Callable[[int], None]) -> list[str]:
    """Write the files of a shelf, block by block; the names of those whose bytes are missing or damaged."""
    blocks = _Blocks(copy, held.shelf)
    order = {block: number for number, block in enumerate(held.sizes)}
    lost = []
    for name, file in sorted(held.files.items(), key=lambda item: _place(order, item[1])):
        target = into / name
        if not _is_there(target, file):
            try:
                _write(target, file, blocks, _SNAPSHOT_MODE if held.shelf == SNAPSHOT else 0o600)
            except UnreadableObjectError:
                lost.append(name)
        add(file.size)
    return lost


def _place(order: dict[str, int], file: CopiedFile) -> tuple[int, int]:
    return (order[file.pieces[0].block], file.pieces[0].start) if file.pieces else (-1, 0)


def _is_there(target: Path, file: CopiedFile) -> bool:
    try:
        stat = target.stat()
    except FileNotFoundError:
        return False
    return (stat.st_size, stat.st_mtime_ns) == (file.size, file.mtime)


def _write(target: Path, file: CopiedFile, blocks: "_Blocks", mode: int) -> None:
    """Write a file whole, with its time; nothing of it is left where its bytes are not what was copied."""
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished, digest = target.with_name(f".{target.name}.restoring"), hashlib.sha256()
    try:
        with unfinished.open("wb") as out:
            for piece in file.pieces:
                content = blocks.read(piece.block)[piece.start : piece.start + piece.size]
                digest.update(content)
                out.write(content)
        if digest.hexdigest() != file.sha256:
            raise UnreadableObjectError("The bytes of a file are not those that were copied.")
        unfinished.chmod(mode)
        os.utime(unfinished, ns=(file.mtime, file.mtime))
        unfinished.replace(target)
    except OSError as error:
        error.filename = str(target)  # missing in the error of a full disk
        raise
    finally:
        unfinished.unlink(missing_ok=True)


class _Blocks:
    """Blocks of a shelf, each read once where its files are asked for one after the other."""

    def __init__(self, copy: OpenedCopy, shelf: str) -> None:
        self._copy, self._shelf = copy, shelf
        self._block, self._content = "", memoryview(b"")
        self._unreadable: set[str] = set()

    def read(self, block: str) -> memoryview:
        """The content of a block. Raises UnreadableObjectError."""
        if block in self._unreadable:
            raise UnreadableObjectError(f"Block {block} can't be read.")
        if block != self._block:
            try:
                content = self._copy.read(self._copy.block(self._shelf, block))
            except UnreadableObjectError:
                self._unreadable.add(block)
                raise
            self._block, self._content = block, memoryview(content)
        return self._content
