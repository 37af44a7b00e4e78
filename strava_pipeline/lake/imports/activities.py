"""The activities of imports as objects of Strava's API, paged like a listing, so that shards are made from both alike.

They are made from bronze and readings, and can be made again at any time. An import's folder is there whole or not at
all: a folder per source, with pages of summaries, pages of details, and the files of the tracks.
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
from strava_pipeline.core.providers import ReadPage
from strava_pipeline.core.rows import Json
from strava_pipeline.core.sources import IMPORTED, STRAVA_ARCHIVE
from strava_pipeline.core.years import YearRange
from strava_pipeline.lake.bronze.listing import Listing, read_listing
from strava_pipeline.lake.bronze.listings import provider_listings
from strava_pipeline.lake.bronze.manifests import Manifest, Window
from strava_pipeline.lake.files import packed, sync_folder, unpacked_json, write_unsynced
from strava_pipeline.lake.imports.manifests import Import, imports, is_undone
from strava_pipeline.lake.paths import Lake

PAGE = 500  # activities
_WINDOW = Window(mode="import", after=None, before=None)
_TRACKS, _GEAR = "tracks.json", "gear.json"
_VERSION = "version"  # a file in an import's folder: the format of its pages
VERSION = 3  # since version 2 an activity names its source's own id, since 3 gear has no blanks around its name
SessionKeys = tuple[tuple[str, int], ...]  # hashes of files and the number of the session in each


def sessions_text(sessions: SessionKeys) -> str:
    """Sessions as one text: the hash of each file and the number of the session in it."""
    return ",".join(f"{digest}-{place}" for digest, place in sessions)


def sessions_in(text: str) -> SessionKeys:
    """The inverse of `sessions_text`."""
    parts = (part.rpartition("-") for part in text.split(","))
    return tuple((digest, int(place)) for digest, _, place in parts if digest)


class Activity(Protocol):
    """An activity as a reader of imported files describes it."""

    @property
    def source(self) -> str: ...
    @property
    def activity_id(self) -> int: ...
    @property
    def summary(self) -> Json: ...
    @property
    def detail(self) -> Json | None: ...
    @property
    def recorded(self) -> SessionKeys: ...


def has_activities(lake: Lake, name: str) -> bool:
    """Whether the activities of the import are on disk."""
    return activities_folder(lake, name).is_dir()


def has_outdated_activities(lake: Lake) -> bool:
    """Whether the activities of any import are on disk in an earlier format, and have to be written again."""
    folders = [each for each in _top(lake).glob("*") if each.is_dir() and not each.name.startswith(".")]
    return any(
        not (folder / _VERSION).exists() or (folder / _VERSION).read_bytes() != str(VERSION).encode()
        for folder in folders
    )


def write_activities(
    lake: Lake,
    one: Import,
    activities: Iterable[Activity],
    gear: list[Json],
    described_at: datetime,
    years: YearRange,
    tick: Callable[[int], object] = lambda count: None,
) -> int:
    """Write the activities of an import to disk, replacing those that are there. Returns how many.

    `described_at`: the moment (UTC) that its archives describe; it makes them older or newer than others, whenever they
    arrived. `tick` is called with 1 for each activity.
    """
    unfinished = _top(lake) / f".{one.name}.tmp"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    pages_of: dict[str, _Pages] = {}
    count = 0
    for activity in activities:
        at = described_at if activity.source == STRAVA_ARCHIVE else one.manifest.received_at
        if activity.source not in pages_of:
            pages_of[activity.source] = _Pages(
                unfinished / f"{one.name}-{activity.source}", activity.source, one, at, years
            )
        pages_of[activity.source].add(activity)
        count += 1
        tick(1)
    for pages in pages_of.values():
        pages.end()
    write_unsynced(unfinished / _GEAR, json_bytes(gear))
    write_unsynced(unfinished / _VERSION, str(VERSION).encode())
    sync_folder(unfinished)
    _put_in_place(unfinished, _top(lake) / one.name)
    return count


def _put_in_place(new: Path, place: Path) -> None:
    """Replace a folder. The old one is moved away first: deleting takes a while, in which the process may die."""
    outdated = place.with_name(f".{place.name}.old")
    shutil.rmtree(outdated, ignore_errors=True)
    if place.exists():
        place.replace(outdated)
    new.replace(place)
    sync_folder(place.parent)
    shutil.rmtree(outdated, ignore_errors=True)


def remove_activities(lake: Lake, names: Iterable[str]) -> None:
    """Remove the activities of these imports, and leftovers of dead processes. A half removed folder is never read."""
    for name in names:
        place = activities_folder(lake, name)
        outdated, unfinished = place.with_name(f".{name}.old"), place.with_name(f".{name}.tmp")
        if place.exists():
            shutil.rmtree(outdated, ignore_errors=True)
            place.replace(outdated)
            sync_folder(place.parent)
        for left in (outdated, unfinished):
            shutil.rmtree(left, ignore_errors=True)


def activity_keys(lake: Lake, name: str) -> set[tuple[int, str]]:
    """The id and source of each activity that the import with that name brought, from its activities on disk."""
    return {
        (activity["id"], part.source)
        for part in activities_of_import(lake, name)
        for _, page in part.listing.pages()
        for activity in page
    }


def gear_ids(lake: Lake, name: str) -> set[str]:
    """The ids of the gear in an import's archives, from its activities on disk."""
    path = activities_folder(lake, name) / _GEAR
    return {item["id"] for item in json.loads(path.read_bytes())} if path.exists() else set()


def imported_activities(lake: Lake) -> Iterator["ImportedActivities"]:
    """The activities of every import that counts, a listing per source, in order of arrival."""
    top = _top(lake)
    for folder in sorted(top.iterdir()) if top.is_dir() else ():
        if not folder.name.startswith(".") and not is_undone(lake, folder.name):
            yield from activities_of_import(lake, folder.name)


def activities_of_import(lake: Lake, name: str) -> Iterator["ImportedActivities"]:
    """The activities of the import with that name, a listing per source."""
    for place in sorted(activities_folder(lake, name).iterdir()):
        if place.is_dir():
            yield ImportedActivities(read_listing(place))


def activities_folder(lake: Lake, name: str) -> Path:
    """The folder with the activities of the import with that name, if they were written."""
    return _top(lake) / name


def activities_of_source(lake: Lake, name: str, source: str) -> "ImportedActivities | None":
    """The activities of one source in the import `name`, or None."""
    place = _top(lake) / name / f"{name}-{source}"
    return ImportedActivities(read_listing(place)) if place.is_dir() else None


def imported_gear(lake: Lake) -> dict[str, tuple[Import, Json]]:
    """The gear of archives by its id, as the newest archive has it."""
    found: dict[str, tuple[Import, Json]] = {}
    for one in imports(lake):
        path = _top(lake) / one.name / _GEAR
        for item in json.loads(path.read_bytes()) if path.exists() else ():
            found[item["id"]] = one, item
    return found


def all_listings(lake: Lake) -> Iterator[Listing]:
    """The input of shards: the APIs' listings, and the imports'."""
    yield from provider_listings(lake)
    yield from (each.listing for each in imported_activities(lake))


class ImportedActivities:
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
    def described_at(self) -> datetime:
        """The moment that the activities describe: an archive's own time, or else the time of arrival."""
        return self.listing.manifest.started_at

    def detail_pages(self) -> list[Path]:
        return sorted(self.listing.folder.glob("details-*.json.gz"))

    def tracks(self) -> dict[int, SessionKeys]:
        """By activity, the files and sessions that contain its track, if it has one."""
        content: dict[str, list[list[Any]]] = json.loads((self.listing.folder / _TRACKS).read_bytes())
        return {int(key): tuple((digest, place) for digest, place in recorded) for key, recorded in content.items()}


def read_detail_page(page: Path) -> list[Json]:
    """The DetailedActivity objects of a page. Raises DamagedFileError."""
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
        self._tracks: dict[int, SessionKeys] = {}
        self._detailed: dict[int, bool] = {}
        self._pages = 0

    def add(self, activity: Activity) -> None:
        """Add an activity. If several files contain it, the first describes it, and the first with a detail gives its detail."""
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
        self._listing.land(ReadPage([]), b"[]", {}, self._at, self._years)  # the empty page that ends a listing
        write_unsynced(self._listing.folder / _TRACKS, json.dumps(self._tracks).encode())

    def _land(self) -> None:
        if self._summaries:
            self._listing.land(ReadPage(self._summaries), json_bytes(self._summaries), {}, self._at, self._years)
        if self._details:
            self._pages += 1
            page = self._listing.folder / f"details-{self._pages:04}.json.gz"
            write_unsynced(page, packed(json_bytes(self._details), self._at))
        self._summaries, self._details = [], []


def _top(lake: Lake) -> Path:
    return lake.readings / "imports"


def athletes_of_hashed_ids(lake: Lake, one: Import) -> set[int]:
    """The athletes of activities without Strava's numbers in an import, as named by its activities on disk."""
    held = EarlierIds(lake, [one])
    return {athlete_id for source in IMPORTED for _, athlete_id in held.hashed(one, source)}


class EarlierIds:
    """Which athletes earlier imports have under each hashed id. Read on demand, a source at a time: most imports never ask.

    `came`: every import, in order. The activities of those before the asking one are on disk.
    """

    def __init__(self, lake: Lake, came: Sequence[Import]) -> None:
        self._lake, self._came = lake, came
        self._read: dict[str, int] = {}  # by source: the number of imports read so far
        self._held: dict[str, dict[int, dict[int, int]]] = {}  # by source, id and athlete: the first import with it

    def before(self, number: int) -> Holders:
        """A function from source and id to the athletes that have it in the imports before place `number` of `came`."""
        return partial(self._held_before, number)

    def _held_before(self, number: int, source: str, activity_id: int) -> frozenset[int]:
        held = self._held.setdefault(source, {})
        for place in range(self._read.get(source, 0), number):
            for found, athlete_id in self.hashed(self._came[place], source):
                held.setdefault(found, {}).setdefault(athlete_id, place)
        self._read[source] = max(number, self._read.get(source, 0))
        return frozenset(athlete_id for athlete_id, place in held.get(activity_id, {}).items() if place < number)

    def hashed(self, one: Import, source: str) -> Iterator[tuple[int, int]]:
        """Id and athlete of the activities of a source that have no Strava number and name an athlete."""
        if not one.manifest.may_name_athletes or (found := activities_of_source(self._lake, one.name, source)) is None:
            return
        for _, activities in found.listing.pages():
            for activity in activities:
                athlete_id = named_athlete_id(activity) or found.listing.manifest.athlete_id
                if activity["id"] < 0 and athlete_id is not None:
                    yield activity["id"], athlete_id
