"""Which files have a second copy, on which shelf of it each stands, and what this folder knows of its copy.

Copied is what can't be made again: what came over the wire, what was imported, what a person decided or wrote, and the snapshot,
so that a restored folder can be read at once. Not copied: logins and keys, what a rebuild makes, maps, and files that wait in
the inbox. The copying is operations/copies'.
"""

import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path

import orjson

from strava_pipeline.core.copies.manifests import Manifest, manifest_bytes, manifest_of
from strava_pipeline.core.errors import Finding, PipelineError, ok, skipped, warning
from strava_pipeline.core.text import at_minute, counted
from strava_pipeline.lake.bronze.expired import expired_ids
from strava_pipeline.lake.files import write_whole
from strava_pipeline.lake.paths import Lake

COPY = "second copy"
OLD = timedelta(days=2)  # a daily run brings it up to date
API, OWN, SNAPSHOT = "api", "own", "snapshot"
SHELVES = (
    API,
    OWN,
    SNAPSHOT,
)  # by when their files may have to go: with Strava's API, with everything, at each publish
_UNFINISHED = re.compile(r"\..*\.tmp")


Paths = Mapping[str, str]
"""The files of a shelf: where each is by its name in the copy, which is its path below the folder of the data folder, with /."""


def copied_files(lake: Lake, providers_config: Path) -> dict[str, Paths]:
    """The files of each shelf. In the copy the data folder is called `data`, whatever it is called here."""
    of_api = {path for path in lake.of_api if lake.state not in path.parents}
    own = {
        lake.bronze,
        lake.decisions,
        lake.trips,
        lake.widgets,
        lake.inbox_pings,
        lake.data_dir / "inbox" / "providers",
    }
    beside = {path: path.name for path in (lake.views, lake.goals)} | {providers_config: "providers.toml"}

    def found(places: Iterable[Path], but: Iterable[Path] = ()) -> dict[str, str]:
        named = {place: f"data/{place.relative_to(lake.data_dir).as_posix()}" for place in places}
        return _files({str(place): name for place, name in named.items()}, {*map(str, but)})

    of_person = _files({str(path): name for path, name in beside.items()}, set())
    return {API: found(of_api), OWN: found(own, of_api) | of_person, SNAPSHOT: found([lake.snapshot])}


def _files(places: dict[str, str], but: Set[str]) -> dict[str, str]:
    """The files at places (each with its name) and below them, links followed once; without what is at `but`.

    Plain texts and no paths: a copy of 10,000 files without news would take five times as long.
    """
    found: dict[str, str] = {}
    todo, followed = [*places.items()], set[str]()
    while todo:
        path, name = todo.pop()
        if path in but:
            continue
        if Path(path).is_symlink():
            if (real := os.path.realpath(path)) in followed:
                continue
            followed.add(real)
        try:
            entries = [*os.scandir(path)]
        except NotADirectoryError:
            found[name] = path
            continue
        except FileNotFoundError:
            continue
        for each in entries:
            if each.is_dir():
                todo.append((each.path, f"{name}/{each.name}"))
            elif each.is_file() and each.path not in but and not _UNFINISHED.fullmatch(each.name):
                found[f"{name}/{each.name}"] = each.path
    return found


def keeps_history(lake: Lake, shelf: str, api_keep_days: int | None) -> bool:
    """Whether the copy keeps what a shelf held on earlier days; otherwise only what it holds now."""
    if shelf == API:
        return api_keep_days is None and not expired_ids(lake)
    return shelf == OWN


@dataclass(frozen=True, slots=True)
class KnownCopy:
    """The copy of this folder.

    Args:
        id: by which the copy is recognised.
        where: its address.
        at: when it was last brought up to date (UTC); None: it never was.
        problem: why that failed since then; empty: it did not.
        earlier: addresses of copies that this folder had before, and that nobody has deleted from here.
    """

    id: str
    where: str
    at: datetime | None = None
    problem: str = ""
    earlier: tuple[str, ...] = ()


def known_copy(lake: Lake) -> KnownCopy | None:
    """The copy of this folder; None: there is none, or nothing readable is known of it."""
    try:
        found = orjson.loads(_note(lake).read_bytes())
        at = datetime.fromisoformat(found["at"]) if found["at"] else None
        return KnownCopy(found["id"], found["where"], at, found["problem"], tuple(found["earlier"]))
    except (OSError, ValueError, LookupError, TypeError):
        return None


def note_copy(lake: Lake, copy: KnownCopy) -> None:
    """Note which the copy is."""
    write_whole(_note(lake), orjson.dumps(asdict(copy)))


def known_shelf(lake: Lake, shelf: str) -> Manifest | None:
    """What a shelf of the copy held when this folder saw it last; None: that is not known."""
    path = _shelf(lake, shelf)
    try:
        content = path.read_bytes()
        return manifest_of(content[20:], shelf, int(content[:20]))
    except (OSError, ValueError, PipelineError):
        return None


def note_shelf(lake: Lake, held: Manifest) -> None:
    """Note what a shelf of the copy holds."""
    write_whole(_shelf(lake, held.shelf), b"%020d" % held.number + manifest_bytes(held))


def forget_shelves(lake: Lake) -> None:
    """From now on nothing is known of what the copy holds."""
    for shelf in SHELVES:
        _shelf(lake, shelf).unlink(missing_ok=True)


def forget_copy(lake: Lake) -> None:
    """From now on this folder has no copy."""
    shutil.rmtree(lake.copied, ignore_errors=True)


def damaged_blocks(lake: Lake) -> set[str]:
    """The objects that a check found damaged; the next run puts their files once more."""
    try:
        return {*_damaged(lake).read_text().split()}
    except FileNotFoundError:
        return set()


def note_damaged(lake: Lake, places: set[str]) -> None:
    """Note which objects are damaged; none: all are repaired."""
    if places:
        write_whole(_damaged(lake), "\n".join(sorted(places)).encode())
    else:
        _damaged(lake).unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class CopyAge:
    """How old the copy is (`at`, UTC; None: there is none yet), and how many files it lacks or has in an older state."""

    at: datetime | None
    lacking: int
    problem: str


def copy_age(lake: Lake, providers_config: Path) -> CopyAge:
    """What is known here of the copy; the store is not asked."""
    known = known_copy(lake)
    lacking = 0
    for shelf, paths in copied_files(lake, providers_config).items():
        held = known_shelf(lake, shelf) if known is not None else None
        lacking += sum(1 for _ in changed_files(paths, held))
    return CopyAge(known.at if known else None, lacking, known.problem if known else "")


def copy_health(lake: Lake, providers_config: Path, url: str | None, now: datetime) -> list[Finding]:
    """Whether the copy is up to date, as far as that is known here; nothing is said of one that nobody has or wants."""
    known = known_copy(lake)
    if url is None:
        left = f"MIRROR_URL is not set any more: the one in {known.where} is not kept up to date" if known else ""
        return [skipped(COPY, left)] if left else []
    return [_age_finding(copy_age(lake, providers_config), now)]


def _age_finding(age: CopyAge, now: datetime) -> Finding:
    if age.at is None or age.problem:
        return warning(COPY, f"{_since(age)}{f': {age.problem}' if age.problem else '.'}", "strava-pipeline mirror")
    if now - age.at > OLD and age.lacking:
        lacking = f"and lacks {counted(age.lacking, 'file')}: new ones, and those that were changed since."
        return warning(COPY, f"{_since(age)} {lacking}", "strava-pipeline mirror")
    lacking = f", lacking {counted(age.lacking, 'file')}" if age.lacking else ""
    return ok(COPY, f"{_since(age)}{lacking}")


def _since(age: CopyAge) -> str:
    return f"last brought up to date {at_minute(age.at)}" if age.at else "it was never completed"


def changed_files(paths: Paths, held: Manifest | None) -> Iterator[str]:
    """The names of files that a shelf lacks, or has in another state."""
    files = held.files if held is not None else {}
    for name, path in paths.items():
        try:
            stat = os.stat(path)  # noqa: PTH116
        except FileNotFoundError:  # it went meanwhile
            continue
        there = files.get(name)
        if there is None or (there.size, there.mtime) != (stat.st_size, stat.st_mtime_ns):
            yield name


def _note(lake: Lake) -> Path:
    return lake.copied / "copy.json"


def _shelf(lake: Lake, shelf: str) -> Path:
    return lake.copied / f"{shelf}.manifest"


def _damaged(lake: Lake) -> Path:
    return lake.copied / "damaged"
