"""What happens to a folder with a copy: words, purges in their order, backups that are put back. No assertions but the one of `look`."""

import hashlib
import json
import random
import shutil
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from strava_pipeline.ingest.restic import CopyIncompleteError
from strava_pipeline.lake import purged_activities
from strava_pipeline.lake.bronze.expired import Expired, limited_ids, purges
from strava_pipeline.lake.decisions import record_decisions
from strava_pipeline.lake.purge import unfinished_purge
from strava_pipeline.operations.copy_comparison import require_continuation
from strava_pipeline.operations.copy_proof import restore_decisions
from strava_pipeline.operations.copying import make_copy
from strava_pipeline_tests.operations.copies.conftest import COPIED, DETAIL, World

WORDS = "data/decisions/matches.jsonl"


def purge(world: World, key: int, *, is_reached: bool = True) -> None:
    """A purge of an activity, in its order: looked at, recorded, removed, copied."""
    if is_reached:
        require_continuation(world.run(), world.settings)
    purged_activities.begin_purge(world.lake)
    if key not in {each.purged for each in purges(world.lake)}:
        by = f"strava-pipeline purge {key}"
        record_decisions(world.lake, Expired(at=world.now, by=by, ids=[key], purged=key))
    gone = {str(each.purged) for each in purges(world.lake)}
    remove(world, gone)
    purged_activities._remove_words(world.lake, gone)
    shutil.rmtree(world.lake.purging)
    if is_reached:
        make_copy(world.run(), world.settings)


def expire(world: World, key: int) -> None:
    require_continuation(world.run(), world.settings)
    record_decisions(world.lake, Expired(at=world.now, by="STRAVA_API_KEEP_DAYS", ids=[key]))
    remove(world, {str(each) for each in limited_ids(world.lake)})


def remove(world: World, keys: set[str]) -> None:
    for key in keys:
        shutil.rmtree((world.folder / DETAIL.format(key)).parent, ignore_errors=True)


def say(world: World, word: str, about: int) -> bytes:
    """Add a line to the decisions about an activity."""
    line = json.dumps({"decided": word, "id": about}).encode() + b"\n"
    world.write(WORDS, (world.folder / WORDS).read_bytes() + line)
    return line


def put_back(world: World, backup: Path) -> None:
    shutil.rmtree(world.folder)
    shutil.copytree(backup, world.folder)


def held(world: World, key: int) -> bool:
    """Whether the repository has the bytes of a detail: a blob's name is the hash of what is in it."""
    return hashlib.sha256(COPIED[DETAIL.format(key)]).hexdigest() in world.type_restic("list", "blobs")


def words_in(world: World, known: dict[str, set[bytes]]) -> set[bytes]:
    """The lines of decisions in any snapshot; `known`: of snapshots that were read before."""
    ids = [each.id for each in world.snapshots() if each.kind == "own"]
    for each in ids:
        if each not in known:
            known[each] = {
                *world.type_restic("dump", each, f"/{WORDS.removeprefix('data/')}").encode().splitlines(True)
            }
    return {line for each in ids for line in known[each]}


@dataclass
class Years:
    """A folder's life with backups of it, and what must be somewhere."""

    world: World
    chance: random.Random
    backups: list[tuple[Path, int]] = field(default_factory=list)
    words: dict[bytes, int] = field(default_factory=dict)  # each line, and the activity that it is about
    purged: set[int] = field(default_factory=set)
    known: dict[str, set[bytes]] = field(default_factory=dict)
    put_back: int = 0

    def live(self) -> None:
        """Something happens."""
        world = self.world
        world.now += timedelta(hours=self.chance.choice([1, 30, 400]) * self.chance.choice([1, 1, 1, -1]))
        what = self.chance.choice(
            [self.say, self.say, self.purge, self.expire, self.copy, self.back_up, self.set_back, self.set_back]
        )
        try:
            what()
        except CopyIncompleteError:
            self.say()  # life goes on, and the person reads the sentence
            restore_decisions(world.lake, world.settings, world.now, None)
            if unfinished_purge(world.lake):
                purge(world, purges(world.lake)[-1].purged or 0)
            what()
        self.look()

    def say(self) -> None:
        about = self.chance.randint(1, 12)
        if about not in self.purged:
            self.words[say(self.world, f"word {len(self.words)}", about)] = about

    def purge(self) -> None:
        key = self.chance.randint(1, 12)
        purge(self.world, key)
        self.purged.add(key)

    def expire(self) -> None:
        expire(self.world, self.chance.randint(1, 12))

    def copy(self) -> None:
        self.world.copy()

    def back_up(self) -> None:
        place = self.world.folder.parent / f"backup-{len(self.backups)}"
        shutil.copytree(self.world.folder, place)
        self.backups.append((place, len(self.words)))

    def set_back(self) -> None:
        if self.backups:
            self.copy()  # else what was said since then is nowhere, whatever a program does
            put_back(self.world, self.chance.choice(self.backups)[0])
            self.put_back += 1

    def look(self) -> None:
        here = {*(self.world.folder / WORDS).read_bytes().splitlines(keepends=True)}
        there = here | words_in(self.world, self.known)
        assert {line for line, about in self.words.items() if about not in self.purged} <= there
