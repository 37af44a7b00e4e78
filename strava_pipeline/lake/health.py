"""The checks of `doctor` in the data folder: the warehouse, bronze, decisions, leftovers, room and rights; the first year.

Reads only. The working file is opened for a moment, read-only and under the writer's lock; if a run holds it, the check
gives up after some seconds without disturbing the run. All of bronze that a rebuild would read is unpacked, which tests
its checksum: some seconds for ten thousand details.
"""

import os
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace
from datetime import MAXYEAR, datetime, timedelta
from math import inf
from pathlib import Path

import duckdb
from pydantic import ValidationError

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.core.facts import Fact, ok, problem, skipped, warning
from strava_pipeline.core.landings import DAY
from strava_pipeline.core.providers import spec_of
from strava_pipeline.core.sources import STRAVA
from strava_pipeline.core.tables import TABLES
from strava_pipeline.core.text import some_of
from strava_pipeline.core.years import YearRange, year_window
from strava_pipeline.environment.file_locks import is_open_in_duckdb
from strava_pipeline.lake.bronze.answers import AnswerFiles, detail_files
from strava_pipeline.lake.bronze.listings import future_listings, provider_listings
from strava_pipeline.lake.bronze.manifests import Manifest
from strava_pipeline.lake.decisions import decision_files
from strava_pipeline.lake.files import bytes_free, nearest, unpacked
from strava_pipeline.lake.gold.notes import is_noted, revision
from strava_pipeline.lake.gold.publish import snapshot
from strava_pipeline.lake.gold.publish_pause import is_looked_after, waiting_years
from strava_pipeline.lake.gold.quality import counted
from strava_pipeline.lake.gold.warehouse import (
    REBUILDING,
    Connection,
    at_rest,
    has_ever_existed,
    has_other_views,
    is_a_database,
    version,
    version_of,
)
from strava_pipeline.lake.imports.activities import all_listings
from strava_pipeline.lake.locks import others_at_work
from strava_pipeline.lake.paths import Lake, log_of

WORKING, KEYS, PUBLISHED = "working warehouse", "keys", "published warehouse"
PATIENCE = 2  # seconds; a merge of one year takes less, and a person waits
_PUBLISH = "strava-pipeline compact      # publishes it"
_AGAIN = "strava-pipeline compact      # rebuilds it from bronze, without a call"
_AT_WORK = "a run is at work on it; look again when it is done"
LISTINGS, DETAILS, DECISIONS, LEFTOVERS = "bronze: listings", "bronze: details", "decisions", "leftovers"
UNFINISHED = timedelta(hours=1)  # no file takes longer to write; a younger one may be a live run's
SPARE = 200_000_000  # bytes; a year of bronze, shards and Dagster's records of a busy athlete
NAMED = 20  # of many files of one kind, that many are named
TIMES = "bronze: times"
EXAMPLES = 5
PRIVACY = "folders: privacy"
_PUBLIC = ("README.md", "dagster.yaml", ".daemon.lock", ".dev.lock")  # of the checkout, or empty


def warehouse_health(lake: Lake, now: datetime) -> list[Fact]:
    """The working warehouse and its keys, and the published one. `now`: by this machine's clock."""
    found, current = _working(lake)
    return [*found, *_published(lake, current, now)]


def _working(lake: Lake) -> tuple[list[Fact], str | None]:
    """The findings, and the revision if the file could be read."""
    path = lake.working
    if not path.exists():
        if has_ever_existed(lake):
            return [warning(WORKING, f"{path} is not there any more.", _AGAIN)], None
        return [skipped(WORKING, "none yet; the first pull makes it")], None
    if not is_a_database(path):
        return [problem(WORKING, f"{path} is damaged: not a DuckDB file any more.", _AGAIN)], None
    with at_rest(lake, patience=PATIENCE) as free:
        if not free:
            return [skipped(WORKING, _AT_WORK), skipped(KEYS, _AT_WORK)], None
        if is_open_in_duckdb(path, for_writing=True):  # by a program that does not use our lock
            why = f"another program has {path} open, so runs can't work."
            return [problem(WORKING, why, f"Close it there; query {lake.snapshot} instead.")], None
        try:
            with duckdb.connect(str(path), read_only=True) as connection:
                return _look(lake, connection)
        except duckdb.Error as error:
            why = f"{path} is damaged ({type(error).__name__})."
            return [problem(WORKING, why, _aside(path))], None


def _look(lake: Lake, connection: Connection) -> tuple[list[Fact], str | None]:
    made_by = version_of(connection)
    if made_by is None:
        return [warning(WORKING, "it has no tables yet.", _AGAIN)], None
    if made_by != version():
        return [warning(WORKING, "it was made by another version of the tables.", _AGAIN)], None
    log = log_of(lake.working)
    rest = f"; what a run did at last is in {log} (keep it, the next run takes it in)" if log.exists() else ""
    if is_noted(connection, REBUILDING):
        state = warning(WORKING, f"the last rebuild did not come to its end{rest}.", _AGAIN)
    else:
        state = ok(WORKING, f"opens, with the present tables{rest}")
    return [state, _keys(connection, lake.working)], revision(connection)


def _keys(connection: Connection, path: Path) -> Fact:
    faulty = []
    for table in TABLES:
        doubled, nulls = counted(connection, "duplicate_keys", table).values()
        faulty += [f"{table}: {doubled} keys stand twice"] if doubled else []
        faulty += [f"{table}: {nulls} rows without a key"] if nulls else []
    if not faulty:
        return ok(KEYS, f"unique and never NULL in all {len(TABLES)} tables")
    return problem(KEYS, "; ".join(faulty) + ".", _aside(path))


def _aside(path: Path) -> str:
    return f"mv '{path}' '{path.with_suffix('.damaged')}'\n{_AGAIN}"


def _published(lake: Lake, current: str | None, now: datetime) -> list[Fact]:
    path = lake.snapshot
    if not path.exists():
        if current is None:
            return [skipped(PUBLISHED, "none yet")]
        return [warning(PUBLISHED, f"{path} is not there.", _PUBLISH)]
    try:
        with snapshot(lake) as connection:
            held, is_of_another_version = revision(connection), has_other_views(connection)
    except (duckdb.Error, PipelineError):
        return [problem(PUBLISHED, f"{path} can't be read.", f"rm -f '{path}'\nstrava-pipeline compact")]
    found = []
    if path.stat().st_mode & 0o222:
        found.append(
            warning(PUBLISHED, f"{path} can be written to, though it is replaced whole.", f"chmod a-w '{path}'")
        )
    if is_of_another_version:
        found.append(warning(PUBLISHED, "it has the views of another version.", _PUBLISH))
    is_behind = current is not None and current != held
    runs = is_behind and others_at_work(lake, "")
    waits = runs or (is_behind and bool(waiting_years(lake)) and is_looked_after(lake, now))
    if is_behind and not waits:
        found.append(warning(PUBLISHED, "it is behind the working one.", _PUBLISH))
    equal = "" if current is None or is_behind else ", equal to the working one"
    later = "; what webhook events changed since is published in some minutes" if waits else ""
    later = "; the run at work publishes what it changed" if runs else later
    return found or [ok(PUBLISHED, f"readable{equal}{later}")]


def listings_health(lake: Lake) -> Fact:
    """Whether every listing can be read: runs skip a listing without a readable manifest."""
    folders = [path for source in lake.listed_sources for path in sorted(lake.listings_of(source).glob("*/"))]
    if not folders:
        return skipped(LISTINGS, "none yet")
    unread, damaged, pages = [], [], 0
    for folder in folders:
        try:
            manifest = Manifest.model_validate_json((folder / "manifest.json").read_bytes())
        except (OSError, ValidationError):
            held = any(folder.glob("page-*")) or (folder / "manifest.json").exists()
            unread += [folder] if held else []  # an empty folder is not a loss
            continue
        whole = [page for page in manifest.pages if not page.lost]  # lost ones are noted, and listed again
        pages += len(whole)
        damaged += [folder / page.file for page in whole if _is_damaged(folder / page.file)]
    if not (unread or damaged):
        return ok(LISTINGS, f"all {pages} pages can be read")
    faults = [f"manifest.json of {some_of(unread, NAMED)} can't be read"] if unread else []
    faults += [f"{some_of(damaged, NAMED)}: missing or damaged"] if damaged else []
    named = sorted({lake.source_of(path.parent) for path in (*unread, *(page.parent for page in damaged))})
    fix = (
        "Restore the files from a backup. Without one, the next run writes a manifest again from its pages. A page's activities "
        "are listed again, and the page is noted as lost, by:\n"
    )
    own = [name for name in named if not spec_of(name).unnamed]
    commands = [] if own == named else ["strava-pipeline run-all"]
    commands += [f"strava-pipeline providers pull {' '.join(own)} --all"] if own else []
    fix += "\n".join([*commands, "strava-pipeline rebuild"])
    return (problem if damaged else warning)(LISTINGS, "; ".join(faults) + ".", fix)


def answers_on_disk(lake: Lake, now: datetime) -> list[AnswerFiles]:
    """The files on disk of every detail, for the checks that ask; `now`: this machine's time (UTC)."""
    lake, folders = replace(lake, clock=lambda: now), sorted(lake.details.glob("year=[0-9][0-9][0-9][0-9]"))
    return [file for path in folders for file in detail_files(lake, int(path.name.removeprefix("year="))).values()]


def details_health(lake: Lake, answers: Callable[[], Iterable[AnswerFiles]]) -> Fact:
    """Whether the newest answer of every activity can be read. `answers`: from `answers_on_disk`."""
    if not lake.details.is_dir():
        return skipped(DETAILS, "none yet")
    newest = [file for file in answers() if file.good or file.lost]
    damaged = sorted(file.activity_id for file in newest if file.lost or (file.good and _is_damaged(file.good)))
    if not damaged:
        return ok(DETAILS, f"all {len(newest)} can be read")
    ids = ",".join(map(str, damaged))
    return problem(
        DETAILS,
        f"{len(damaged)} of {len(newest)} are damaged.",
        f"Restore them from a backup, or fetch them again, a call each:\nstrava-pipeline enrich --ids {ids}",
    )


def decisions_health(lake: Lake) -> Fact:
    """Whether every line of a person's decisions can be read; runs skip unreadable lines."""
    files = decision_files(lake)
    torn = [f"{file.path}, line {number}" for file in files for number in file.unreadable]
    if not torn:
        count = sum(len(file.all) for file in files)
        return ok(DECISIONS, f"all {count} can be read" if count else "none yet")
    fix = "If a power cut tore it, the decision was never recorded: decide again if you meant to. Then delete the line."
    return warning(DECISIONS, f"can't be read: {'; '.join(torn[:NAMED])}.", fix)


def leftovers(lake: Lake, now: datetime) -> Fact:
    """Files that a dead process left, or that were set aside as evidence."""
    bronze, working = lake.data_dir / "bronze", lake.working
    endings = {bronze: (".damaged", ".tmp"), lake.shards: (".damaged", ".outdated", ".tmp")}
    named = [
        Path(folder, name)
        for top in (lake.snapshot.parent, lake.state, lake.shards, bronze)
        for folder, _, names in os.walk(top)
        for name in sorted(names)
        if name.endswith(endings.get(top, ".tmp"))
    ]
    found = [
        log_of(lake.snapshot),
        working.with_suffix(".old"),
        working.with_suffix(".damaged"),
        lake.trip_readings.with_suffix(".damaged"),
        *sorted(lake.state.glob("*.corrupt-*")),
        *(path for path in named if path.suffix != ".tmp" and not _is_awaited(lake, path)),
        *(path for path in named if path.suffix == ".tmp" and path.name[0] == "." and _is_old(path, now)),
    ]
    there = [path for path in found if path.exists()]
    if not there:
        return ok(LEFTOVERS, "none")
    return warning(
        LEFTOVERS,
        f"{some_of(there, NAMED)} from a process that died, or set aside because it was damaged or older.",
        "\n".join(["If everything else here is well, delete them:", *(f"rm -f '{path}'" for path in there[:NAMED])]),
    )


def room(name: str, folder: Path, warehouse: Path | None = None) -> Fact:
    """Whether the disk of `folder` has room; publishing needs room for a copy of `warehouse`, and as much to grow."""
    size = warehouse.stat().st_size if warehouse is not None and warehouse.exists() else 0
    return judged_room(name, bytes_free(folder), size)


def judged_room(name: str, free: int, warehouse: int) -> Fact:
    """As `room`, given the free bytes and the size of the warehouse."""
    reserve = 2 * warehouse + SPARE
    state = f"{_size(free)} free"
    fix = f"Free some space: {_size(reserve)} should be, so that a year goes in and a copy of the warehouse can be published."
    if free <= warehouse:
        return problem(name, f"{state}, but publishing copies the warehouse of {_size(warehouse)}.", fix)
    if free < reserve:
        return warning(name, f"{state}.", fix)
    return ok(name, state)


def writable(name: str, folder: Path) -> Fact:
    """Whether `folder` can be written to, or created."""
    there = nearest(folder)
    if not there.is_dir():
        return problem(name, f"{there} is in the way: not a folder.", f"mv '{there}' '{there}.away'")
    if not os.access(there, os.W_OK | os.X_OK):
        fix = f"chmod u+rwx '{there}'      # if it is yours: ls -ld '{there}'"
        return problem(name, f"{there} can't be written to.", fix)
    return ok(name, f"{folder} can be written to" if there == folder else f"{folder} can be made")


def privacy(folders: Iterable[Path], shared: Collection[Path] = ()) -> Fact:
    """Whether other users may look into these folders, or read files in them.

    `shared`: folders and files that a group may look into. Folders from before new ones were made private stay as they
    are.
    """
    visible: list[Path] = []
    for folder in dict.fromkeys((*folders, *(path for path in shared if path.is_dir()))):
        within = sorted(folder.iterdir()) if _is_open(folder) else []
        inner = [
            path for path in within if path.name not in _PUBLIC and _is_open(path, 0o007 if path in shared else 0o077)
        ]
        visible += inner if folder in shared else [folder] if inner else []
    if not visible:
        return ok(PRIVACY, "other users can't look into the folders")
    fix = " ".join(["chmod -R go=", *(f"'{path}'" for path in visible)])
    return warning(PRIVACY, f"other users of this machine can look into {some_of(visible, NAMED)}.", fix)


def _is_open(path: Path, others: int = 0o077) -> bool:
    return path.exists() and bool(path.stat().st_mode & others)


def _is_damaged(path: Path) -> bool:
    try:
        unpacked(path)
    except (OSError, EOFError, zlib.error):
        return True
    return False


def _is_old(path: Path, now: datetime) -> bool:
    return now.timestamp() - path.stat().st_mtime > UNFINISHED.total_seconds()


def _is_awaited(lake: Lake, damaged: Path) -> bool:
    """Whether a damaged file is the only copy of a detail: it makes a run fetch the detail again."""
    if lake.details not in damaged.parents:
        return False
    return not any(path.name > damaged.name for path in damaged.parent.glob("*.json.gz"))


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def times_health(lake: Lake, now: datetime, answers: Callable[[], Iterable[AnswerFiles]]) -> Fact:
    """Whether anything in bronze claims a future time; `now`: this machine's time (UTC); `answers`: from `answers_on_disk`."""
    if next(provider_listings(lake), None) is None:
        return skipped(TIMES, "nothing came yet")
    lake = replace(lake, clock=lambda: now)
    ahead = [*_listings(lake), *_details(answers())]
    if not ahead:
        return ok(TIMES, "nothing claims to be of the future")
    more = f" and {len(ahead) - EXAMPLES} more" if len(ahead) > EXAMPLES else ""
    return warning(
        TIMES,
        f"{len(ahead)} claim to have come later than they can have: {'; '.join(ahead[:EXAMPLES])}{more}. A server's clock, or "
        "this machine's, was wrong then.",
        "They count in the order in which they landed, so they hide nothing that came later. If a table still holds "
        "such a time:\nstrava-pipeline rebuild      # without a call",
    )


def _listings(lake: Lake) -> Iterator[str]:
    for name, claimed, believed in future_listings(lake):
        yield f"listing {name} ({claimed:%Y-%m-%d} instead of {believed:%Y-%m-%d})"


def _details(answers: Iterable[AnswerFiles]) -> Iterator[str]:
    for files in answers:
        for claimed in sorted(files.disbelieved):
            if files.good_at is not None and claimed > files.good_at + DAY:
                yield f"detail of {files.activity_id} ({claimed:%Y-%m-%d})"


def later_first_year(lake: Lake, first_year: int, sources: Iterable[str] = (STRAVA,)) -> int | None:
    """The first year with an activity, if it is later than `first_year` and complete listings of `sources` prove that
    nothing is older.
    """
    found = [listing.manifest for listing in all_listings(lake)]
    years = YearRange(first_year, MAXYEAR)  # whatever the partitions were when a listing came
    first = min((year for manifest in found for year in manifest.years_within(years)), default=first_year)
    return first if first > first_year and all(_is_listed_before(first, found, source) for source in sources) else None


def _is_listed_before(year: int, manifests: Iterable[Manifest], source: str) -> bool:
    """Whether complete listings of a source, laid end to end, cover all before `year`, by a login that sees private
    activities.
    """
    windows = (each.window for each in manifests if each.source == source and each.complete and each.sees_private)
    spans = [(window.after, window.before) for window in windows if not window.names_single_activities]
    reach = -inf
    for after, before in sorted(spans, key=lambda span: -inf if span[0] is None else span[0]):
        if after is not None and after > reach:
            break
        reach = max(reach, inf if before is None else before)
    _, end = year_window(year - 1, year - 1, YearRange(year - 1, year))
    return end is not None and reach >= end
