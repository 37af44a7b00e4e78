"""Whether the copy is what it should be: every object's size, and a sample that is read back and compared with the files here."""

import math
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from random import Random

from strava_pipeline.core.copies.manifests import Manifest
from strava_pipeline.core.copies.sealing import UnreadableObjectError
from strava_pipeline.ingest.copy_store import open_store
from strava_pipeline.lake.copied import (
    SHELVES,
    Paths,
    changed_files,
    copied_files,
    damaged_blocks,
    known_copy,
    note_damaged,
)
from strava_pipeline.lake.locks import locked
from strava_pipeline.lake.paths import Lake
from strava_pipeline.operations.copies.opened import LOCK, OpenedCopy, manifest_numbers, own_copy
from strava_pipeline.operations.progress import Progress, progressing
from strava_pipeline.settings import Settings


@dataclass
class Checked:
    """What was found of the copy.

    Args:
        at: when it was last brought up to date (UTC).
        blocks, read: objects with bytes of files, and how many of them were read back.
        compared: names of the files here of which bytes were compared.
        damaged: objects that are missing, or are not what was put there.
        differing: names of files whose bytes differ here, though size and time are those that were copied.
        lacking: how many files are new or were changed since.
    """

    where: str
    at: datetime | None = None
    blocks: int = 0
    read: int = 0
    compared: set[str] = field(default_factory=set)
    damaged: list[str] = field(default_factory=list)
    differing: set[str] = field(default_factory=set)
    lacking: int = 0

    @property
    def agrees(self) -> bool:
        """Whether nothing is wrong."""
        return not self.damaged and not self.differing


def check_copy(settings: Settings, share: float, random: Random, progress: Progress) -> Checked:
    """Look at the size of every object of the newest state, and read its manifests and a share (0 to 1) of its blocks.

    Files are compared where they are in the state that was copied. What is damaged is noted: the next `mirror` puts it once more,
    and until then every check reads it. A `mirror` waits meanwhile.
    Raises PipelineError where there is no copy of this folder, or the store fails.
    """
    lake, store = Lake(settings.data_dir), open_store(settings)
    copy = own_copy(lake, store, settings)
    with locked(lake, LOCK, who="mirror check", tell=progress.say):
        return _check(settings, lake, copy, share, random, progress)


def _check(
    settings: Settings, lake: Lake, copy: OpenedCopy, share: float, random: Random, progress: Progress
) -> Checked:
    store, damaged = copy.store, damaged_blocks(lake)
    paths, listed, found = copied_files(lake, settings.providers_config), store.sizes(), Checked(store.where)
    sample: list[tuple[Manifest, str, _Parts]] = []
    for shelf in SHELVES:
        held = _newest(copy, shelf, listed, found)
        found.lacking += sum(1 for _ in changed_files(paths[shelf], held))
        if held is not None:
            there = _there(copy, held, listed, found)
            parts = _parts(held)
            chosen = {*random.sample(there, math.ceil(len(there) * share))}
            chosen |= {block for block in there if copy.block(shelf, block) in damaged}
            sample += [(held, block, parts[block]) for block in sorted(chosen)]
    if (known := known_copy(lake)) is not None:
        found.at = known.at or found.at  # a run without changes puts no manifest
    with progressing(progress, "Reading the copy", len(sample)) as advance:
        for held, block, inside in sample:
            _compare(copy, held, block, inside, paths[held.shelf], found)
            advance(1)
    note_damaged(lake, {*found.damaged})
    return found


def _newest(copy: OpenedCopy, shelf: str, listed: Mapping[str, int], found: Checked) -> Manifest | None:
    numbers = manifest_numbers(listed, shelf)
    if not numbers:
        return None
    try:
        held = copy.held(shelf, numbers[-1])
    except UnreadableObjectError:  # of the whole chain: the next run puts one that holds everything
        found.damaged.append(copy.manifest_place(shelf, numbers[-1]))
        return None
    found.at = max(found.at, held.at) if found.at else held.at
    return held


def _there(copy: OpenedCopy, held: Manifest, listed: Mapping[str, int], found: Checked) -> list[str]:
    """The blocks that have the size that they should have."""
    found.blocks += len(held.sizes)
    there = []
    for block, size in held.sizes.items():
        place = copy.block(held.shelf, block)
        if listed.get(place) == size + copy.seal.overhead:
            there.append(block)
        else:
            found.damaged.append(place)
    return there


def _compare(copy: OpenedCopy, held: Manifest, block: str, parts: "_Parts", paths: Paths, found: Checked) -> None:
    """Read a block, and compare what is in it with the files here."""
    found.read += 1
    place = copy.block(held.shelf, block)
    try:
        content = copy.read(place)
    except UnreadableObjectError:
        found.damaged.append(place)
        return
    for name, start, size, offset in parts:
        path = paths.get(name)
        if path is None:
            continue
        with suppress(FileNotFoundError), open(path, "rb") as file:  # noqa: PTH123 - it may have gone
            file.seek(offset)
            is_same = file.read(size) == content[start : start + size]
            if [*changed_files({name: path}, held)]:  # before it was read, or meanwhile
                continue
            found.compared.add(name)
            if not is_same:
                found.differing.add(name)


_Parts = list[tuple[str, int, int, int]]


def _parts(held: Manifest) -> Mapping[str, _Parts]:
    """Of each block: the files in it, where, how many bytes, and where these are in the file."""
    found: dict[str, _Parts] = defaultdict(list)
    for name, file in held.files.items():
        offset = 0
        for piece in file.pieces:
            found[piece.block].append((name, piece.start, piece.size, offset))
            offset += piece.size
    return found
