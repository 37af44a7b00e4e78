"""The files that have a second copy, and what this folder knows of its copy. The copying is operations/copying.py's.

Copied are things that can't be made again: answers as received, imports, a person's decisions and files, and the
snapshot, so that a restored folder can be read at once. Not copied: logins, keys, `.env`, results of a rebuild, maps,
and files that wait in the inbox. In the copy every path is below the data folder; files next to the data folder are
first copied to `state/beside`.
"""

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson

from strava_pipeline.core.copies import API, KINDS, PUBLISHED
from strava_pipeline.core.errors import PipelineError, told
from strava_pipeline.core.facts import Fact, ok, skipped, warning
from strava_pipeline.core.text import at_minute, counted, printable
from strava_pipeline.lake.bronze.expired import expired_lines
from strava_pipeline.lake.decisions import lost_decisions
from strava_pipeline.lake.files import write_whole
from strava_pipeline.lake.paths import Lake

COPY = "second copy"
COMMAND = "strava-pipeline copy"
JOURNAL = "bronze/changes/proposed.jsonl"
APPENDED = (JOURNAL, "bronze/addresses.jsonl")
OLD = timedelta(days=2)  # a daily run brings it up to date
_UNFINISHED = re.compile(r"\..*\.tmp")
State = tuple[int, int]  # a file's size and when it was changed (nanoseconds since 1970)


def roots(lake: Lake, kind: str) -> list[str]:
    """The existing files and folders of a kind, as paths below the data folder."""
    of_api = [path for path in lake.of_api if lake.state not in path.parents]
    if kind == API:
        found = of_api
    elif kind == PUBLISHED:
        found = [lake.snapshot]
    else:
        came = [path for path in sorted(lake.bronze.glob("*")) if path not in of_api]
        inbox = [lake.inbox_pings, lake.data_dir / "inbox" / "providers"]
        found = [*came, lake.decisions, lake.trips, lake.widgets, *inbox, lake.beside]
    return [path.relative_to(lake.data_dir).as_posix() for path in found if path.exists() or path.is_symlink()]


_PLACES = re.compile(
    r"/(bronze|decisions|trips|widgets|inbox/(pings|providers|webhooks)|state/beside/views)(/.+)?|/state/beside(/(goals|rules|providers|cars)\.toml)?|/warehouse/strava\.duckdb",
    re.DOTALL,
)
_ABOVE = ("/inbox", "/state", "/warehouse")


def is_place(kind: str, path: str) -> bool:
    """Whether a file or folder (`file`, `dir`) of a copy may be at this path below the data folder, which begins with /."""
    if ".." in path.split("/"):
        return False
    return (kind == "dir" and path in _ABOVE) or (kind in ("file", "dir") and bool(_PLACES.fullmatch(path)))


def root_of(name: str) -> str:
    """The root that a file of a copy belongs to: `decisions`, `bronze/files`."""
    first, _, rest = name.partition("/")
    return first if first in ("decisions", "trips", "widgets") else f"{first}/{rest.partition('/')[0]}"


@dataclass(slots=True)
class Found:
    """The files of a kind, by their paths below the data folder, and the `targets` that make restic copy exactly these.

    restic copies a link itself, not its target. So for a folder that is a link, the targets are its entries.
    """

    targets: list[str]
    files: dict[str, State] = field(default_factory=dict)

    def add(self, name: str, path: str) -> None:
        """Add a file, unless it vanished meanwhile."""
        with suppress(FileNotFoundError):
            stat = os.stat(path)  # noqa: PTH116
            self.files[name] = (stat.st_size, stat.st_mtime_ns)


def find(lake: Lake, kind: str) -> Found:
    """The existing files of a kind. Raises PipelineError if a link leads to no folder, or in a circle."""
    found = Found(roots(lake, kind))
    todo, followed = [*found.targets], set[str]()
    while todo:
        name = todo.pop()
        path = f"{lake.data_dir}/{name}"  # plain texts and no paths: 10,000 files would take five times as long
        if is_link := os.path.islink(path):  # noqa: PTH114
            real = os.path.realpath(path)
            if real in followed or not os.path.isdir(real) or not os.listdir(real):  # noqa: PTH112, PTH208
                raise PipelineError(
                    f"{printable(path)} is a link, and does not lead to a folder with files: the copy would hold the link alone. "
                    "Is a disk not mounted? Else put there what it leads to, or remove the link."
                )
            followed.add(real)
            found.targets = [each for each in found.targets if each != name]
        try:
            entries = [*os.scandir(path)]
        except NotADirectoryError:
            found.add(name, path)
            continue
        except FileNotFoundError:  # it went meanwhile
            continue
        for each in entries:
            below = f"{name}/{each.name}"
            if each.is_symlink() or each.is_dir():
                todo.append(below)
            elif each.is_file() and not _UNFINISHED.fullmatch(each.name):
                found.add(below, each.path)
            else:
                continue
            if is_link:
                found.targets.append(below)
    return found


def gather_beside(lake: Lake, beside: Mapping[str, Path]) -> None:
    """Copy a person's files next to the data folder into `state/beside`; files that vanished there are deleted here.

    `beside`: the path of each, by its name there; a folder counts with the files in it.
    """
    wanted: dict[Path, Path] = {}
    for name, path in beside.items():
        files = sorted(path.glob("*")) if path.is_dir() else [path]
        wanted |= {lake.beside / name / (each.name if path.is_dir() else ""): each for each in files if each.is_file()}
    for target, source in wanted.items():
        content = source.read_bytes()
        if not target.is_file() or target.read_bytes() != content:
            write_whole(target, content)
    for left in [path for path in lake.beside.rglob("*") if path.is_file() and path not in wanted]:
        left.unlink()


@dataclass(frozen=True, slots=True)
class KnownCopy:
    """What this folder knows of its copy.

    Args:
        where: its address, without a password.
        at: when it was last brought up to date (UTC), or None.
        problem: why that failed since then, or what it can't follow; may be empty.
        snapshots: the newest one of each kind that this folder made.
        left: the state of expired.jsonl that the copy had followed; empty: not known here, as after a restore.
        beginnings: of each file that is only appended to, its size and a hash of so many bytes.
        pruned_at: when the copy was last pruned (UTC).
        folder: the copy's id for this folder; also stored in the decisions, which are copied.
        marks: of all snapshots that it knew, and of those that it was about to make: others were made elsewhere.
        instance: what an older version had in place of marks, the same in all snapshots that this folder made.
        lost: files that it had and that are gone here, until they are here again, or a person adopts.
        earlier: addresses of copies that this folder had before.
    """

    where: str
    at: datetime | None = None
    problem: str = ""
    snapshots: Mapping[str, str] = field(default_factory=dict)
    left: str = ""
    beginnings: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    pruned_at: datetime | None = None
    folder: str = ""
    marks: tuple[str, ...] = ()
    instance: str = ""
    lost: tuple[str, ...] = ()
    earlier: tuple[str, ...] = ()


def known_copy(lake: Lake) -> KnownCopy | None:
    """The copy of this folder, or None if there is none or its record can't be read."""
    try:
        found = orjson.loads((lake.copied / "last.json").read_bytes())
        moments = {name: datetime.fromisoformat(found[name]) if found[name] else None for name in ("at", "pruned_at")}
        known = {name: found[name] for name in KnownCopy.__slots__ if name in found}  # an older version had others
        return KnownCopy(**{**known, **moments, "earlier": tuple(found["earlier"])})
    except (OSError, ValueError, LookupError, TypeError):
        return None


def note_copy(lake: Lake, copy: KnownCopy) -> None:
    """Record what is known of the copy."""
    write_whole(lake.copied / "last.json", orjson.dumps(asdict(copy)))


def copied_files(lake: Lake, kind: str) -> dict[str, State] | None:
    """The files of a kind that the copy had, or None if no readable record says so."""
    try:
        found: dict[str, list[int]] = json.loads((lake.copied / f"{kind}.json").read_bytes())
        return {name: (size, changed) for name, (size, changed) in found.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return None


def note_files(lake: Lake, kind: str, files: Mapping[str, State]) -> None:
    """Record which files of a kind the copy has."""
    write_whole(lake.copied / f"{kind}.json", json.dumps(files).encode())  # orjson takes no name that is not UTF-8


def folder_id(lake: Lake) -> str:
    """The copy's id for this folder, also for a restored one; empty if there is no copy yet."""
    path, known = lake.decisions / "folder_id", known_copy(lake)
    return path.read_text().strip() if path.exists() else known.folder if known is not None else ""


def keep_folder_id(lake: Lake, folder: str) -> None:
    """Store the id with the person's decisions, so that it is copied with them."""
    if not (path := lake.decisions / "folder_id").exists():
        write_whole(path, f"{folder}\n".encode())


def lost_files(lake: Lake, files: Iterable[str], lost: Iterable[str] = ()) -> list[str]:
    """Which of these files, that the copy has and the folder lacks, nobody gave up; and which of those that were lost before.

    Given up is what an expiry or a purge names, an inbox that was read, rows of trips that stand in a newer file, and what a
    person keeps beside: widgets, views, *.toml.
    """
    left = expired_lines(lake)
    ids, named = (
        {str(key) for each in left for key in each.ids},
        {name for each in left for name in (*each.files, *each.imports)},
    )
    journal = (lake.data_dir / JOURNAL).read_text() if left and (lake.data_dir / JOURNAL).exists() else ""

    def is_given_up(name: str) -> bool:
        match name.split("/"):
            case ["inbox" | "state" | "widgets", *_] | [_, "folder_id"]:
                return True
            case ["trips", table, *parts]:  # files of rows are joined, into the newest one
                newest = max((path.name for path in (lake.trips / Path(table).stem).glob("*.parquet")), default="")
                return newest > (parts[-1] if parts else "0")
            case ["bronze", "files" | "imports", *parts] | ["bronze", "providers", _, "originals", *parts]:
                return not named.isdisjoint(each.partition(".")[0] for each in parts)
            case ["bronze", "changes", change, _]:  # an attempt at a change that was proposed of it
                return bool(left) and change not in journal
            case ["bronze", _, *parts]:  # answers about an activity, and what could not be looked into
                return not ids.isdisjoint(parts[1:3]) or (bool(left) and name.endswith(".damaged"))
        return False

    again = {name for name in lost if not (lake.data_dir / name).exists()}
    return sorted(
        name for name in {*files, *again} if not is_given_up(name) or (name in again and root_of(name) == "trips")
    )


def beginnings(lake: Lake, known: Mapping[str, tuple[int, str]] | None = None) -> dict[str, tuple[int, str]]:
    """The size of each file of bronze that is only appended to, and a hash of its bytes, or of as many as were `known`."""
    found = {}
    for name in APPENDED:
        path, most = lake.data_dir / name, (known or {}).get(name, (None,))[0]
        if path.exists():
            content = path.read_bytes()[:most]
            found[name] = len(content), sha256(content).hexdigest()
    return found


def forget_kinds(lake: Lake, *kinds: str) -> None:
    """Forget which files of these kinds the copy holds."""
    for kind in kinds:
        (lake.copied / f"{kind}.json").unlink(missing_ok=True)


def earlier_places(lake: Lake, place: str | None) -> Iterator[str]:
    """Other possible places of copies of this folder besides `place`, including places that restic did not make."""
    if (known := known_copy(lake)) is not None:
        yield from {known.where, *known.earlier} - {place}
    try:
        found: dict[str, Any] = orjson.loads((lake.copied / "copy.json").read_bytes())
        yield from (found["where"], *found["earlier"])
    except (OSError, ValueError, LookupError, TypeError):
        return


@dataclass(frozen=True, slots=True)
class CopyAge:
    """The age of the copy (`at`, UTC; None if there is none yet), how many files it lacks or has in an older state, and how many
    it has, or lines of decisions were kept, that are lost here.
    """

    at: datetime | None
    lacking: int
    problem: str
    lost: int = 0


def copy_age(lake: Lake, place: str | None) -> CopyAge:
    """What is known here of the copy at `place`; the store is not asked."""
    known, lacking, gone = known_copy(lake), 0, set[str]()
    if known is not None and known.where != place:
        known = None
    try:
        for kind in KINDS:
            held = (copied_files(lake, kind) if known else None) or {}
            found = find(lake, kind).files
            lacking += sum(held.get(name) != state for name, state in found.items())
            gone |= held.keys() - found.keys()
        lost = sum(lost_decisions(lake).values()) + len(lost_files(lake, gone, known.lost if known else ()))
    except (PipelineError, OSError) as error:
        return CopyAge(known.at if known else None, 0, told(error))
    return CopyAge(known.at if known else None, lacking, known.problem if known else "", lost)


def copy_health(lake: Lake, now: datetime, place: str | None) -> list[Fact]:
    """Whether the copy at `place` is up to date, as far as known here; empty if nobody has or wants one."""
    known = known_copy(lake)
    if place is None:
        left = f"RESTIC_REPOSITORY is not set any more: the one in {known.where} stays as it is" if known else ""
        return [skipped(COPY, left)] if left else []
    age = copy_age(lake, place)
    if age.at is None or age.problem:
        return [warning(COPY, f"{_since(age)}{f': {age.problem}' if age.problem else '.'}", COMMAND)]
    if now - age.at > OLD and age.lacking:
        lacking = f"and lacks {counted(age.lacking, 'file')}: new ones, and those that were changed since."
        return [warning(COPY, f"{_since(age)} {lacking}", COMMAND)]
    lacking = f", lacking {counted(age.lacking, 'file')}" if age.lacking else ""
    return [ok(COPY, f"{_since(age)}{lacking}")]


def _since(age: CopyAge) -> str:
    return f"last brought up to date {at_minute(age.at)}" if age.at else "it was never completed"
