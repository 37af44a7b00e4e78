"""The activities of imports as objects of Strava's API, paged like a listing, so that shards are made of both alike.

They are made from bronze and readings, and can be made again at any time. An import's folder is there whole or not at all: a
folder per source, with pages of summaries, pages of details, and which files the tracks are in.
"""

import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from strava_pipeline.core.files.objects import Holders, named_athlete_id
from strava_pipeline.core.json_values import json_bytes
from strava_pipeline.core.rows import Json
from strava_pipeline.core.sources import IMPORTED, STRAVA_ARCHIVE
from strava_pipeline.core.years import YearRange
from strava_pipeline.lake.bronze.listing import Listing, read_listing
from strava_pipeline.lake.bronze.listings import listings_of_all
from strava_pipeline.lake.bronze.manifests import Manifest, Window
from strava_pipeline.lake.files import packed, sync_folder, unpacked_json, write_unsynced
from strava_pipeline.lake.imports.manifests import Import, imports, is_undone
from strava_pipeline.lake.paths import Lake

PAGE = 500  # activities
_WINDOW = Window(mode="import", after=None, before=None)
_TRACKS, _GEAR = "tracks.json", "gear.json"
_VERSION = "version"  # a file in an import's folder: which form its pages have
VERSION = 2  # since then an activity names its source's own id
Recorded = tuple[tuple[str, int], ...]  # hashes of files and the number of the session in each


class Activity(Protocol):
    """What an import's maker tells of one activity."""

    @property
    def source(self) -> str: ...
    @property
    def activity_id(self) -> int: ...
    @property
    def summary(self) -> Json: ...
    @property
    def detail(self) -> Json | None: ...
    @property
    def recorded(self) -> Recorded: ...


def is_made(lake: Lake, name: str) -> bool:
    """Whether the activities of the import are on disk."""
    return made_folder(lake, name).is_dir()


def are_outdated(lake: Lake) -> bool:
    """Whether the activities of some import were put on disk in an earlier form, and are to be made again."""
    folders = [each for each in _top(lake).glob("*") if each.is_dir() and not each.name.startswith(".")]
    return any(
        not (folder / _VERSION).exists() or (folder / _VERSION).read_bytes() != str(VERSION).encode()
        for folder in folders
    )


def make(
    lake: Lake,
    one: Import,
    activities: Iterable[Activity],
    gear: list[Json],
    said_at: datetime,
    years: YearRange,
    tick: Callable[[int], object] = lambda made: None,
) -> int:
    """Put the activities of an import on disk, in place of what was there; how many.

    `said_at`: the moment (UTC) of which its archives tell, by which they are older or newer than others, whenever they came.
    `tick` is told of each activity.
    """
    unfinished = _top(lake) / f".{one.name}.tmp"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    makers: dict[str, _Pages] = {}
    count = 0
    for activity in activities:
        at = said_at if activity.source == STRAVA_ARCHIVE else one.manifest.received_at
        if activity.source not in makers:
            makers[activity.source] = _Pages(
                unfinished / f"{one.name}-{activity.source}", activity.source, one, at, years
            )
        makers[activity.source].add(activity)
        count += 1
        tick(1)
    for pages in makers.values():
        pages.end()
    write_unsynced(unfinished / _GEAR, json_bytes(gear))
    write_unsynced(unfinished / _VERSION, str(VERSION).encode())
    sync_folder(unfinished)
    _put_in_place(unfinished, _top(lake) / one.name)
    return count


def _put_in_place(made: Path, place: Path) -> None:
    """Emptying a folder takes a while, in which a process may die: the old one is moved out of sight first."""
    outdated = place.with_name(f".{place.name}.old")
    shutil.rmtree(outdated, ignore_errors=True)
    if place.exists():
        place.replace(outdated)
    made.replace(place)
    sync_folder(place.parent)
    shutil.rmtree(outdated, ignore_errors=True)


def forget(lake: Lake, names: Iterable[str]) -> None:
    """Remove the activities of these imports, and what a process that died left of it. What is half removed is never read."""
    for name in names:
        place = made_folder(lake, name)
        outdated, unfinished = place.with_name(f".{name}.old"), place.with_name(f".{name}.tmp")
        if place.exists():
            shutil.rmtree(outdated, ignore_errors=True)
            place.replace(outdated)
            sync_folder(place.parent)
        for left in (outdated, unfinished):
            shutil.rmtree(left, ignore_errors=True)


def activity_keys(lake: Lake, name: str) -> set[tuple[int, str]]:
    """The id and the source of each activity that the import of that name brought, from its activities on disk."""
    return {
        (activity["id"], part.source)
        for part in imported_by(lake, name)
        for _, page in part.listing.pages()
        for activity in page
    }


def gear_ids(lake: Lake, name: str) -> set[str]:
    """The ids of the gear that the archives of an import list, from its activities on disk."""
    path = made_folder(lake, name) / _GEAR
    return {item["id"] for item in json.loads(path.read_bytes())} if path.exists() else set()


def imported(lake: Lake) -> Iterator["Imported"]:
    """The activities of every import that counts, a listing per source, in the order in which they came."""
    top = _top(lake)
    for folder in sorted(top.iterdir()) if top.is_dir() else ():
        if not folder.name.startswith(".") and not is_undone(lake, folder.name):
            yield from imported_by(lake, folder.name)


def imported_by(lake: Lake, name: str) -> Iterator["Imported"]:
    """The activities of the import of that name, a listing per source."""
    for place in sorted(made_folder(lake, name).iterdir()):
        if place.is_dir():
            yield Imported(read_listing(place))


def made_folder(lake: Lake, name: str) -> Path:
    """Where the activities of the import of that name lie, if they are made."""
    return _top(lake) / name


def imported_from(lake: Lake, name: str, source: str) -> "Imported | None":
    """The activities of one source in the import `name`; None where it has none."""
    place = _top(lake) / name / f"{name}-{source}"
    return Imported(read_listing(place)) if place.is_dir() else None


def imported_gear(lake: Lake) -> dict[str, tuple[Import, Json]]:
    """The gear of archives by its id, as the newest of them has it."""
    found: dict[str, tuple[Import, Json]] = {}
    for one in imports(lake):
        path = _top(lake) / one.name / _GEAR
        for item in json.loads(path.read_bytes()) if path.exists() else ():
            found[item["id"]] = one, item
    return found


def all_listings(lake: Lake) -> Iterator[Listing]:
    """What shards are made of: what the API listed, and what was imported."""
    yield from listings_of_all(lake)
    yield from (each.listing for each in imported(lake))


class Imported:
    """The activities of one source in one import."""

    def __init__(self, listing: Listing) -> None:
        self.listing = listing

    @property
    def name(self) -> str:
        return self.listing.name

    @property
    def source(self) -> str:
        return self.listing.manifest.source

    @property
    def said_at(self) -> datetime:
        """The moment of which it tells: an archive's own, else when it came."""
        return self.listing.manifest.started_at

    def detail_pages(self) -> list[Path]:
        return sorted(self.listing.folder.glob("details-*.json.gz"))

    def tracks(self) -> dict[int, Recorded]:
        """Where the track of each activity that has one lies, by its id."""
        told: dict[str, list[list[Any]]] = json.loads((self.listing.folder / _TRACKS).read_bytes())
        return {int(key): tuple((digest, place) for digest, place in recorded) for key, recorded in told.items()}


def details_of(page: Path) -> list[Json]:
    """The DetailedActivity objects of a page; DamagedFileError."""
    objects: list[Json] = unpacked_json(page)
    return objects


class _Pages:
    """Writes the folder of one source."""

    def __init__(self, folder: Path, source: str, one: Import, at: datetime, years: YearRange) -> None:
        folder.mkdir()
        manifest = Manifest(
            source=source, athlete_id=one.manifest.athlete_id, window=_WINDOW, started_at=at, settled=True
        )
        self._listing, self._at, self._years = Listing(folder, manifest), at, years
        self._summaries: list[Json] = []
        self._details: list[Json] = []
        self._tracks: dict[int, Recorded] = {}
        self._detailed: dict[int, bool] = {}
        self._pages = 0

    def add(self, activity: Activity) -> None:
        """One that came in several files is told by the first of them, and its detail by the first that has one."""
        key = activity.activity_id
        if key not in self._detailed:
            self._summaries.append(activity.summary)
        if activity.detail is not None and not self._detailed.get(key):
            self._details.append(activity.detail)
        self._detailed[key] = self._detailed.get(key, False) or activity.detail is not None
        if activity.recorded:
            self._tracks[activity.activity_id] = activity.recorded
        if PAGE in (len(self._summaries), len(self._details)):
            self._land()

    def end(self) -> None:
        self._land()
        self._listing.land([], b"[]", {}, self._at, self._years)  # the empty page that ends a listing
        write_unsynced(self._listing.folder / _TRACKS, json.dumps(self._tracks).encode())

    def _land(self) -> None:
        if self._summaries:
            self._listing.land(self._summaries, json_bytes(self._summaries), {}, self._at, self._years)
        if self._details:
            self._pages += 1
            page = self._listing.folder / f"details-{self._pages:04}.json.gz"
            write_unsynced(page, packed(json_bytes(self._details), self._at))
        self._summaries, self._details = [], []


def _top(lake: Lake) -> Path:
    return lake.readings / "imports"


def athletes_of_hashed(lake: Lake, one: Import) -> set[int]:
    """The athletes whose activities an import holds that Strava has not numbered, as far as its activities on disk name them."""
    held = HeldIds(lake, [one])
    return {athlete_id for source in IMPORTED for _, athlete_id in held.hashed(one, source)}


class HeldIds:
    """`came`: every import, in order. The activities of those before the one that asks are on disk."""

    def __init__(self, lake: Lake, came: Sequence[Import]) -> None:
        self._lake, self._came = lake, came
        self._read: dict[str, int] = {}  # by source: how many imports were read
        self._held: dict[str, dict[int, dict[int, int]]] = {}  # by source, id and athlete: the first import with it

    def before(self, number: int) -> Holders:
        """Who holds an id in the imports before the one at place `number` of `came`."""
        return partial(self._held_before, number)

    def _held_before(self, number: int, source: str, activity_id: int) -> frozenset[int]:
        held = self._held.setdefault(source, {})
        for place in range(self._read.get(source, 0), number):
            for found, athlete_id in self.hashed(self._came[place], source):
                held.setdefault(found, {}).setdefault(athlete_id, place)
        self._read[source] = max(number, self._read.get(source, 0))
        return frozenset(athlete_id for athlete_id, place in held.get(activity_id, {}).items() if place < number)

    def hashed(self, one: Import, source: str) -> Iterator[tuple[int, int]]:
        """Id and athlete of the activities of a source that Strava has not numbered and that name an athlete."""
        if not one.manifest.may_name_athletes or (found := imported_from(self._lake, one.name, source)) is None:
            return
        for _, activities in found.listing.pages():
            for activity in activities:
                athlete_id = named_athlete_id(activity) or found.listing.manifest.athlete_id
                if activity["id"] < 0 and athlete_id is not None:
                    yield activity["id"], athlete_id
