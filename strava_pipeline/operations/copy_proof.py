"""Restoring the second copy into an empty folder, and the proof that this works: restored, rebuilt, compared."""

import filecmp
import os
import shutil
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from strava_pipeline.core.copies import API, KINDS, OWN, PUBLISHED, CopySnapshot, marks_of, newest
from strava_pipeline.core.errors import MisuseError, PipelineError
from strava_pipeline.core.text import printable, some_of
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.restic import CopyIncompleteError, Restic, ResticFailedError, restic_of
from strava_pipeline.lake.bronze.expired import Expired, expired_since
from strava_pipeline.lake.copied import (
    APPENDED,
    COMMAND,
    KnownCopy,
    find,
    folder_id,
    is_place,
    known_copy,
    lost_files,
    note_copy,
)
from strava_pipeline.lake.decisions import bring_back_lines, record_decisions
from strava_pipeline.lake.files import bytes_free, write_whole
from strava_pipeline.lake.gold.comparing import differing_tables
from strava_pipeline.lake.locks import locked
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.purged_activities import bring_back_words
from strava_pipeline.operations.copy_comparison import BRING_BACK, LOCK, files_in, made_elsewhere, state_of
from strava_pipeline.operations.progress import Progress, progressing
from strava_pipeline.operations.rebuilding import rebuild_all
from strava_pipeline.operations.run_context import RunContext, run_context

MEGABYTE = 1_000_000
UNFINISHED = ".restore-unfinished"  # in the folder until the restore is complete: which one it is
_MOST = 5  # names in a sentence
_LACKING = {
    OWN: "own (your decisions, imports and all that is not below): no command makes it again",
    API: "api (what came by Strava's API): `strava-pipeline flow-backfill` fetches it again",
    PUBLISHED: "published (the warehouse): `strava-pipeline rebuild` makes it again",
}


@dataclass(frozen=True, slots=True)
class Restored:
    """The result of a restore.

    Args:
        files, bytes: the restored numbers.
        at: when the newest of the snapshots was made (UTC).
        newer: kinds without a snapshot that old, each with the time of the one restored instead.
    """

    files: int
    bytes: int
    at: datetime
    newer: dict[str, datetime]


def folder_named(snapshots: list[CopySnapshot], name: str | None, where: str) -> list[CopySnapshot]:
    """The snapshots of one data folder. Raises MisuseError if the copy has none, or several and none was named."""
    ours = [each for each in snapshots if each.kind]
    folders = {each.folder: each.name for each in sorted(ours, key=lambda each: each.at)}
    chosen = {key for key, called in folders.items() if name is None or name in (key, called)}
    if len(chosen) == 1:
        return [each for each in ours if each.folder in chosen]
    if not folders:
        raise MisuseError(f"There is no copy of a data folder in {where}.")
    raise MisuseError(
        f"{where} has the copies of {', '.join(f'{called} ({key})' for key, called in folders.items())}. Say which one by "
        "--folder and its name or id."
    )


def restore(
    restic: Restic,
    into: Path,
    now: datetime,
    zone: ZoneInfo,
    progress: Progress,
    *,
    day: date | None = None,
    folder: str | None = None,
) -> Restored:
    """Write a data folder as it was at the end of `day` (in `zone`; None: the newest) below `into`.

    Needs neither login nor data. Raises MisuseError if `into` contains other things or the copy has nothing that old,
    PipelineError if the copy holds paths that no data folder has, or the disk is too small, CopyIncompleteError if
    files could not be restored: the others then exist.
    """
    ours = folder_named(restic.snapshots(), folder, restic.where)
    chosen, newer = _chosen(ours, day, now, zone, restic.where)
    mark = " ".join(each.id for each in chosen.values())
    _require_empty(into, mark)
    files = _files_of(restic, chosen)
    _require_space(into, sum(files.values()))
    data = into / "data"
    data.mkdir(parents=True, exist_ok=True)
    write_whole(into / UNFINISHED, mark.encode())
    (data / "warehouse" / "strava.duckdb").unlink(missing_ok=True)  # of an interrupted restore: nobody may write to it
    lost, problem = _written(restic, chosen, files, data, progress)
    if lost or problem:
        names = some_of([*map(printable, lost)], _MOST) or "which ones is not known"
        raise CopyIncompleteError(
            f"{len(files) - len(lost)} of {len(files)} files were restored into {into}. {len(lost) or 'Some'} could not be: "
            f"{names}.{problem} If the copy can be repaired, the same command goes on."
        )
    if (beside := data / "state" / "beside").is_dir():  # a person's files next to the data folder
        shutil.copytree(beside, into, dirs_exist_ok=True)
    (into / UNFINISHED).unlink()
    if gone := _expected(ours, now) - {each.kind for each in ours if each.at <= now}:
        raise CopyIncompleteError(f"{_lacks(restic.where, gone)} The rest is in {into}.")
    return Restored(len(files), sum(files.values()), max(each.at for each in chosen.values()), newer)


def _lacks(where: str, kinds: Collection[str]) -> str:
    return (
        f"The copy in {where} lacks all snapshots of: {'; '.join(_LACKING[kind] for kind in KINDS if kind in kinds)}. It lost "
        "them, was never completed, or has them with a time later than now. Where the data still is, `strava-pipeline copy` "
        "there copies it anew."
    )


def _written(
    restic: Restic, chosen: dict[str, CopySnapshot], files: dict[str, int], data: Path, progress: Progress
) -> tuple[list[str], str]:
    """Write the snapshots below `data`. Returns the files that could not be restored, and why, as far as restic says."""
    problem, damaged = "", set[str]()
    with progressing(progress, "Restoring", len(files)) as advance:
        look = _looking(data, advance)
        for each in chosen.values():
            try:
                restic.restore(each.id, data, look)
            except ResticFailedError as error:
                problem = f" {error}"
                damaged |= {name for about in error.about for name in _named(about) & files.keys()}
    for path in (data / name for name in files):  # no file of data runs as somebody
        if path.exists() and (mode := path.stat().st_mode & 0o7777) > 0o777:
            path.chmod(mode & 0o777)
    for name in damaged:  # with holes in it, as likely as not
        (data / name).unlink(missing_ok=True)
    os.sync()  # all at once: a file each would cost more than the rest
    lost = sorted(name for name, size in files.items() if not _is_there(data, name, size))
    return lost, problem


def restore_decisions(lake: Lake, settings: Settings, now: datetime, folder: str | None) -> dict[str, int]:
    """Add to the decisions the lines that they lack, of those kept below the state, and where there is a copy of its newest
    snapshot, and of all that were made elsewhere; so to the files that are only appended to.

    None is removed, but for lines about what was purged. Returns how many were added, by file. This folder goes on from its
    copy then. Raises PipelineError if the copy can't be read; what was kept is back then.
    """
    added = Counter(bring_back_words(lake, lake.kept_decisions))
    if settings.is_copied:
        restic, scratch = restic_of(settings), lake.copy_scratch
        with locked(lake, LOCK, who="copy restore"):
            ours = folder_named(restic.snapshots(), folder or folder_id(lake) or None, restic.where)
            if not (own := [each for each in ours if each.kind == OWN]):
                raise CopyIncompleteError(_lacks(restic.where, {OWN}))
            others, states = made_elsewhere(ours, known_copy(lake)), {each.expired for each in ours if each.expired}
            last = newest(own, now) or own[0]  # the clock is behind all of them
            for each in sorted({last, *others} & {*own}, key=lambda each: each.at):
                try:
                    restic.restore(
                        each.id, scratch, lambda: None, f"/{lake.decisions.name}", *(f"/{name}" for name in APPENDED)
                    )
                    states.add(state_of(scratch / lake.decisions.name))
                    added.update(
                        bring_back_lines(lake, lake.data_dir, scratch, APPENDED)
                    )  # of which the next line leaves out some
                    added.update(bring_back_words(lake, scratch / lake.decisions.name))
                finally:
                    shutil.rmtree(scratch, ignore_errors=True)
            if {each.folder for each in ours} == {folder_id(lake) or own[0].folder}:
                _go_on(lake, restic, ours, others, states, now)
    return dict(added)


def _go_on(
    lake: Lake, restic: Restic, ours: list[CopySnapshot], others: list[CopySnapshot], states: set[str], now: datetime
) -> None:
    """Note all snapshots as known, their states of expired.jsonl as united, and which of their files are not here."""
    if elsewhere := states - expired_since(lake).keys():
        record_decisions(lake, Expired(at=now, by=BRING_BACK, ids=[], unites=tuple(sorted(elsewhere))))
    known = known_copy(lake) or KnownCopy(restic.where, folder=ours[0].folder)
    gone = {name for each in others for name in files_in(restic, each) if not (lake.data_dir / name).exists()}
    lost = lost_files(lake, gone, known.lost)
    note_copy(lake, replace(known, marks=(*known.marks, *marks_of(ours)), lost=(*lost,)))


def _chosen(
    ours: list[CopySnapshot], day: date | None, now: datetime, zone: ZoneInfo, where: str
) -> tuple[dict[str, CopySnapshot], dict[str, datetime]]:
    """For each kind the newest snapshot up to the day's end, never later than now; and the kinds whose snapshot is a
    later one.
    """
    until = (
        now
        if day is None
        else min(now, datetime.combine(day + timedelta(days=1), time.min, zone) - timedelta.resolution)
    )
    found, newer = dict[str, CopySnapshot](), dict[str, datetime]()
    for kind in KINDS:
        of_kind = [each for each in ours if each.kind == kind and each.at <= now]
        if (last := newest(of_kind, until)) is not None:
            found[kind] = last
        elif kind == API and of_kind:  # what expires is kept in its newest state only
            found[kind] = min(of_kind, key=lambda each: each.at)
            newer[kind] = found[kind].at
    if OWN not in found and (not found or any(each.kind == OWN for each in ours)):
        times = sorted(each.at.astimezone(zone) for each in ours)
        raise MisuseError(
            f"The copy in {where} has nothing of then: its snapshots are from {times[0]:%Y-%m-%d %H:%M} to "
            f"{times[-1]:%Y-%m-%d %H:%M}, and here it is {now.astimezone(zone):%Y-%m-%d %H:%M}. Snapshots later than now are not "
            "used: is the clock right?"
        )
    return found, newer


def _expected(ours: list[CopySnapshot], now: datetime) -> frozenset[str]:
    """The kinds that the copy should have since its newest snapshot was made."""
    last = newest(ours, now)
    return last.beside if last is not None else frozenset()


def _files_of(restic: Restic, chosen: dict[str, CopySnapshot]) -> dict[str, int]:
    """The files of snapshots with their sizes. Raises PipelineError for a link, or a path that no data folder has."""
    files, others = dict[str, int](), list[str]()

    def node(kind: str, path: str, size: int) -> None:
        if not is_place(kind, path):
            others.append(path)
        elif kind == "file":
            files[path.removeprefix("/")] = size

    for each in chosen.values():
        restic.nodes(each.id, node)
    if others:
        raise PipelineError(
            f"The copy in {restic.where} holds links, or places that no data folder has, so nothing was restored: "
            f"{some_of(others, _MOST)}. Somebody else wrote there. `restic restore` brings it back for you to look at."
        )
    return files


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


def _looking(data: Path, advance: Callable[[int], None]) -> Callable[[], None]:
    """A function that reports the number of new files since its last call, because restic 0.14 doesn't."""
    seen = 0

    def look() -> None:
        nonlocal seen
        there = sum(len(files) for _, _, files in os.walk(data))
        advance(max(there - seen, 0))
        seen = max(there, seen)

    return look


def _named(about: str) -> set[str]:
    """The paths that a message of restic's may begin with: those, too, may hold a colon."""
    parts = about.removeprefix("/").split(": ")
    return {": ".join(parts[:number]) for number in range(1, len(parts) + 1)}


def _is_there(data: Path, name: str, size: int) -> bool:
    if "\ufffd" in name:  # not UTF-8: restic restores it, and lists it by another name
        return True
    try:
        return (data / name).stat().st_size == size
    except FileNotFoundError:
        return False


@dataclass(slots=True)
class Checked:
    """The result of checking the copy.

    Args:
        at: when it was last brought up to date (UTC), or None if unknown here.
        files: the number of restored files.
        lacking: files here that it lacks, or has in another state.
        unequal: files here whose bytes differ from the restored ones, though size and time are equal.
        differing: tables that differ when rebuilt from it, or None if not compared, because files lack.
        lost: kinds of which it had snapshots, and has none.
        gone: files that it has, and that nobody gave up here.
    """

    where: str
    at: datetime | None
    files: int = 0
    lacking: list[str] = field(default_factory=list)
    unequal: list[str] = field(default_factory=list)
    differing: list[str] | None = None
    lost: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)

    @property
    def agrees(self) -> bool:
        """Whether nothing is missing."""
        return not (self.lacking or self.unequal or self.differing or self.lost or self.gone)


def check_copy(run: RunContext, settings: Settings, percent: float) -> Checked:
    """Make restic check the whole repository and read a part of its data; then restore the newest state, rebuild and compare.

    Raises CopyIncompleteError if the copy is damaged, PipelineError if it doesn't exist or can't be reached.
    """
    lake, restic = run.lake, restic_of(settings)
    scratch = lake.copy_scratch
    with locked(lake, LOCK, who="copy check", tell=run.progress.say):
        shutil.rmtree(scratch, ignore_errors=True)
        known = known_copy(lake)
        found = Checked(restic.where, known.at if known else None)
        run.progress.say("restic reads the repository.")
        restic.check(percent)
        folder = folder_id(lake)
        ours = [each for each in restic.snapshots() if folder and each.folder == folder]
        expected = _expected(ours, run.now()) | (known.snapshots.keys() if known else set())
        found.lost = sorted(expected - {each.kind for each in ours if each.at <= run.now()})
        if not ours:
            raise CopyIncompleteError(f"{restic.where} has no copy of this folder. To make one: {COMMAND}")
        if found.lost:
            return found
        try:
            restored = restore(restic, scratch, run.now(), ZoneInfo(settings.timezone), run.progress, folder=folder)
            found.files = restored.files
            back = settings.model_copy(update={"data_dir": scratch / "data"})
            _compare_files(lake, Lake(back.data_dir), found)
            if not (found.lacking or found.gone) and lake.snapshot.exists():
                rebuild_all(run_context(back, run.progress, "copy check"), back)
                found.differing = differing_tables(lake, Lake(back.data_dir))
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return found


def _compare_files(lake: Lake, back: Lake, found: Checked) -> None:
    for kind in KINDS:
        here, there = find(lake, kind).files, find(back, kind).files
        found.gone += map(printable, lost_files(lake, there.keys() - here.keys()))
        for name, state in sorted(here.items()):
            if there.get(name) != state:
                found.lacking.append(printable(name))
            elif not filecmp.cmp(lake.data_dir / name, back.data_dir / name, shallow=False):
                found.unequal.append(printable(name))
