"""Bringing the second copy up to date: what is new or changed goes into blocks, then a manifest names it.

A file of a state that the copy has is not read. Blocks are cut from the files in the order of their times, so that a run which
was killed has put the blocks that the next one would put: it finds them there. A manifest comes last, once every block was read
back.
"""

import hashlib
import os
from collections.abc import Iterator, Mapping, Set
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from strava_pipeline.core.copies.manifests import (
    CHAIN,
    CopiedFile,
    Files,
    Manifest,
    Piece,
    nothing,
    outside,
    used_sizes,
    without_waste,
)
from strava_pipeline.core.copies.sealing import UnreadableObjectError
from strava_pipeline.core.errors import MissingSettingsError, PipelineError, told
from strava_pipeline.core.text import counted
from strava_pipeline.ingest.copy_store import CopyStore, open_store
from strava_pipeline.lake.bronze.expired import expired_ids
from strava_pipeline.lake.copied import (
    SHELVES,
    SNAPSHOT,
    KnownCopy,
    Paths,
    changed_files,
    copied_files,
    damaged_blocks,
    forget_shelves,
    keeps_history,
    known_copy,
    known_shelf,
    note_copy,
    note_damaged,
    note_shelf,
)
from strava_pipeline.lake.paths import Lake
from strava_pipeline.operations.copies.opened import (
    HEAD,
    LOCK,
    LostHeadError,
    OpenedCopy,
    begin_copy,
    manifest_numbers,
    open_copy,
    seal_of,
)
from strava_pipeline.operations.progress import by_kilobytes, kilobytes, progressing
from strava_pipeline.operations.run_context import RunContext
from strava_pipeline.settings import Settings

BLOCK = 8 << 20  # bytes: a block, its sealed form and what is read back are in memory at once
_SHARE, _FEW = 5, 5  # a copy doesn't follow where more than a fifth, and more than five files, are gone


@dataclass(frozen=True, slots=True)
class Mirrored:
    """What a run did: files and their bytes that were copied, objects, and what was asked of the store, by kind of call.

    `forgotten`: objects that were deleted, because what they held had to go or is replaced. `keeps_versions`: the store does not
    let them go.
    """

    where: str
    files: int
    bytes: int
    blocks: int
    forgotten: int
    calls: dict[str, int]
    keeps_versions: bool


def mirror(
    run: RunContext, settings: Settings, *, plain: bool = False, adopt: bool = False, allow_shrink: bool = False
) -> Mirrored:
    """Bring the copy at MIRROR_URL up to date.

    Args:
        plain: a new copy may be without a key.
        adopt: go on with a copy that another folder made, or begin one where the copy of this folder is gone.
        allow_shrink: follow also where much of what the copy has is gone here.

    Raises PipelineError where the store fails or can't be believed; what is in the copy stays whole.
    """
    lake, where = run.lake, settings.mirror_url or ""
    if where and "://" not in where and lake.data_dir.resolve() in Path(where).resolve().parents:
        raise MissingSettingsError(
            f"{where} is in the data folder, and would be lost with it. Name a folder on another disk in MIRROR_URL."
        )
    store = open_store(settings, new=True)
    with run.exclusive(LOCK):
        try:
            copy = _own_copy(lake, store, settings, plain=plain, adopt=adopt)
            done = _Mirroring(run, settings, copy, allow_shrink).all_shelves()
        except (PipelineError, OSError) as error:
            if (known := known_copy(lake)) is not None:
                note_copy(lake, replace(known, problem=told(error)))
            raise
        if done.calls.get("put") and "://" not in where:
            os.sync()  # obstore syncs no file
        note_damaged(lake, set())
        known = known_copy(lake) or KnownCopy(copy.id, store.where)
        note_copy(lake, replace(known, at=run.now(), problem=""))
    return done


def _own_copy(lake: Lake, store: CopyStore, settings: Settings, *, plain: bool, adopt: bool) -> OpenedCopy:
    """The copy of this folder, begun if need be. Another folder's is not touched, nor one begun in place of one that is gone."""
    known, seal = known_copy(lake), seal_of(settings.mirror_key_file)
    try:
        copy = open_copy(store, seal)
    except LostHeadError:
        if not adopt:
            raise
        _refuse_other_key(OpenedCopy(store, seal, ""))
        store.delete({HEAD} & store.sizes().keys())
        copy = begin_copy(store, seal)
    is_here = known is not None and known.where == store.where
    if copy is not None and (known is None or known.id != copy.id) and not adopt:
        raise PipelineError(
            f"The copy in {store.where} is another folder's, or this folder has lost what belongs to it. To get the data back "
            "from the copy: `strava-pipeline restore`, into an empty folder. To go on with that copy from this folder: "
            "`strava-pipeline mirror --adopt`."
        )
    if copy is None and is_here and not adopt:
        raise PipelineError(
            f"The copy that was in {store.where} is gone: the place is empty. Is the disk mounted? To begin a new copy there: "
            "`strava-pipeline mirror --adopt`."
        )
    if copy is None:
        if settings.mirror_key_file is None and not plain:
            raise MissingSettingsError(
                "MIRROR_KEY_FILE is not set, and a copy without a key can be read by whoever gets at its place. `strava-pipeline "
                "mirror key` makes a key. To copy without one all the same: `strava-pipeline mirror --plain`, once."
            )
        copy = begin_copy(store, seal)
    if known is None or known.id != copy.id:
        forget_shelves(lake)
        before = () if known is None else (*known.earlier, known.where)
        note_copy(lake, KnownCopy(copy.id, store.where, earlier=tuple(each for each in before if each != store.where)))
    elif not is_here:  # it was moved, or its place has another name; nobody knows what is left there
        earlier = tuple(each for each in known.earlier if each != store.where)
        note_copy(lake, replace(known, where=store.where, earlier=(*earlier, known.where)))
    return copy


def _refuse_other_key(copy: OpenedCopy) -> None:
    """MissingSettingsError where no shelf's newest manifest opens: no head says which key the copy has."""
    listed = copy.store.sizes()
    for shelf in SHELVES:
        for number in manifest_numbers(listed, shelf)[-1:]:
            with suppress(UnreadableObjectError):
                copy.manifest(shelf, number)
                return
    raise MissingSettingsError(
        f"Nothing of the copy in {copy.store.where} can be read so. Name its own key in MIRROR_KEY_FILE, or another place in "
        "MIRROR_URL for a copy with this one."
    )


@dataclass
class _Mirroring:
    """One run over all shelves."""

    run: RunContext
    settings: Settings
    copy: OpenedCopy
    allow_shrink: bool
    files: int = 0
    bytes: int = 0
    blocks: int = 0
    forgotten: int = 0

    def all_shelves(self) -> Mirrored:
        paths = copied_files(self.run.lake, self.settings.providers_config)
        _refuse_names(paths)
        listed = self.copy.store.sizes()
        shelves = {shelf: self._held(shelf, manifest_numbers(listed, shelf)) for shelf in SHELVES}
        for shelf, held in shelves.items():
            self._refuse_shrinking(shelf, held, held.files.keys() - paths[shelf].keys())
        for shelf, held in shelves.items():
            self._shelf(shelf, held, paths[shelf], listed)
        store = self.copy.store
        return Mirrored(
            store.where, self.files, self.bytes, self.blocks, self.forgotten, dict(store.calls), store.keeps_versions
        )

    def _shelf(self, shelf: str, held: Manifest, paths: Paths, listed: Mapping[str, int]) -> None:
        with_history = keeps_history(self.run.lake, shelf, self.settings.api_keep_days)
        known = self._usable(shelf, held, paths, listed)
        if not with_history:
            known = without_waste(known, held.sizes)
        todo = sorted(paths.keys() - known.keys(), key=lambda name: (_stat(paths[name]), name))
        places = {self.copy.manifest_place(shelf, number) for number in range(held.base, held.number + 1) if number}
        is_broken = not places <= listed.keys() or not places.isdisjoint(damaged_blocks(self.run.lake))
        if todo or held.files.keys() - paths.keys() or is_broken or not (with_history or held.is_whole):
            new = self._put(shelf, {name: paths[name] for name in todo}, listed)
            is_whole = is_broken or not with_history or held.number - held.base >= CHAIN or held.base == 0
            held = self._put_manifest(held, known, new, is_whole=is_whole)
            note_shelf(self.run.lake, held)
        if not with_history:
            self._forget_others(held, listed)

    def _held(self, shelf: str, numbers: list[int]) -> Manifest:
        """What the shelf holds, as this folder knows it, or else as the copy says; nothing, where that can't be read."""
        number, known = numbers[-1] if numbers else 0, known_shelf(self.run.lake, shelf)
        if known is not None and known.number == number:
            return known
        try:
            note_shelf(self.run.lake, held := self.copy.held(shelf, number))
        except UnreadableObjectError:
            return replace(nothing(shelf), number=number)
        return held

    def _refuse_shrinking(self, shelf: str, held: Manifest, gone: Set[str]) -> None:
        """PipelineError where much is gone here that did not expire: the folder may be the wrong one, or damaged."""
        expired = {str(key) for key in expired_ids(self.run.lake)}
        lost = [name for name in gone if expired.isdisjoint(name.split("/"))]
        if shelf != SNAPSHOT and not self.allow_shrink and len(lost) > max(_FEW, len(held.files) // _SHARE):
            raise PipelineError(
                f"{counted(len(lost), 'file')} of {len(held.files)} that the copy has are gone here, so nothing was copied. "
                "If they were lost: `strava-pipeline restore` brings them back, into an empty folder. If that is right: "
                "`strava-pipeline mirror --allow-shrink`."
            )

    def _usable(self, shelf: str, held: Manifest, paths: Paths, listed: Mapping[str, int]) -> Files:
        """The files that the copy has in their present state, in blocks that are there."""
        damaged = damaged_blocks(self.run.lake)
        bad = {
            name
            for name, size in held.sizes.items()
            if (place := self.copy.block(shelf, name)) in damaged or listed.get(place) != size + self.copy.seal.overhead
        }
        changed = {*changed_files(paths, held)}
        same = {name: file for name, file in held.files.items() if name in paths and name not in changed}
        return outside(same, bad)

    def _put(self, shelf: str, paths: Paths, listed: Mapping[str, int]) -> "_Put":
        """Put the files into blocks."""
        put = _Put()
        if not paths:
            return put
        total = sum(map(_size, paths.values()))
        with progressing(self.run.progress, f"Copying {shelf} (kB)", kilobytes(total)) as advance:
            add = by_kilobytes(advance)
            for content, parts in put.cut(paths):
                block = self.copy.put_block(shelf, content, listed)
                put.name(block, len(content), parts)
                self.blocks += 1
                add(len(content))
        self.files += len(put.files)
        self.bytes += sum(file.size for file in put.files.values())
        return put

    def _put_manifest(self, held: Manifest, known: Files, put: "_Put", *, is_whole: bool) -> Manifest:
        """Put the manifest of the run; what the shelf holds now."""
        files, sizes = {**known, **put.files}, {**held.sizes, **put.sizes}
        number = held.number + 1
        base = number if is_whole else held.base
        now = Manifest(held.shelf, number, self.run.now(), base, files, frozenset(), used_sizes(files, sizes))
        gone = frozenset(held.files.keys() - files.keys())
        change = replace(now, files=put.files, gone=gone, sizes=used_sizes(put.files, sizes))
        self.copy.put_manifest(now if is_whole else change)
        return now

    def _forget_others(self, held: Manifest, listed: Mapping[str, int]) -> None:
        """Delete what a shelf without history does not need any more."""
        used = {self.copy.block(held.shelf, block) for block in held.sizes}
        used.add(self.copy.manifest_place(held.shelf, held.number))
        others = [place for place in listed if place.startswith(f"{held.shelf}/") and place not in used]
        self.copy.store.delete(others)
        self.forgotten += len(others)


class _Put:
    """Files on their way into blocks, and what became of them."""

    def __init__(self) -> None:
        self.sizes: dict[str, int] = {}
        self._read: dict[str, tuple[int, int, str]] = {}  # size, time and hash of those that were read to their end
        self._pieces: dict[str, list[Piece]] = {}

    @property
    def files(self) -> dict[str, CopiedFile]:
        """The files, whose blocks all have their names."""
        return {name: CopiedFile(*read, tuple(self._pieces.get(name, ()))) for name, read in self._read.items()}

    def cut(self, paths: Paths) -> Iterator[tuple[bytes, list[tuple[str, int, int]]]]:
        """The bytes of the files as blocks, each with its parts: a file's name, where in the block, how many bytes."""
        block, parts = bytearray(), list[tuple[str, int, int]]()
        for name, path in paths.items():
            with suppress(FileNotFoundError), open(path, "rb", buffering=0) as file:  # noqa: PTH123 - it may have gone
                stat, digest, size = os.fstat(file.fileno()), hashlib.sha256(), 0
                while content := file.read(min(BLOCK - len(block), max(stat.st_size - size, 0) + 1)):
                    parts.append((name, len(block), len(content)))
                    digest.update(content)
                    block += content
                    size += len(content)
                    if len(block) == BLOCK:
                        yield bytes(block), parts
                        block, parts = bytearray(), []
                self._read[name] = (size, stat.st_mtime_ns, digest.hexdigest())
        if block:
            yield bytes(block), parts

    def name(self, block: str, size: int, parts: list[tuple[str, int, int]]) -> None:
        """A block was put, and has a name."""
        self.sizes[block] = size
        for name, start, length in parts:
            self._pieces.setdefault(name, []).append(Piece(block, start, length))


def _refuse_names(paths: Mapping[str, Paths]) -> None:
    """PipelineError where a file has a name that no manifest can hold."""
    for name in (name for shelf in paths.values() for name in shelf):
        if (shown := os.fsencode(name).decode(errors="replace")) != name:
            raise PipelineError(f"The name of {shown} is no UTF-8, so nothing was copied. Rename it.")


def _stat(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns  # noqa: PTH116
    except FileNotFoundError:
        return 0


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size  # noqa: PTH116
    except FileNotFoundError:
        return 0
