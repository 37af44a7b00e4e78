"""The second copy, which restic keeps: its contents, its times, and its deletions. Checking and restoring are copy_proof.py's.

Each kind of files is a snapshot of its own, made if one of its files is new or changed. Before anything is written the
repository must know this folder, and the folder must have the roots of the newest snapshot: an emptied folder, an
unmounted disk or another athlete's copy must not become the newest state of this one.
"""

import re
import shutil
import socket
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from strava_pipeline.core.copies import (
    API,
    BESIDE,
    EXPIRED,
    FOLDER,
    KINDS,
    MADE,
    NAME,
    OWN,
    PUBLISHED,
    CopySnapshot,
    newest,
    outdated,
    outlived,
)
from strava_pipeline.core.errors import MissingSettingsError, PipelineError, told
from strava_pipeline.core.numbers import Numbers
from strava_pipeline.core.text import counted, some_of
from strava_pipeline.environment.process_owner import own_name
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.restic import (
    Backup,
    BusyRepositoryError,
    CopyIncompleteError,
    NoRepositoryError,
    Restic,
    restic_of,
)
from strava_pipeline.lake.bronze.expired import Expired, expired_lines, limited_ids
from strava_pipeline.lake.copied import (
    JOURNAL,
    Found,
    KnownCopy,
    State,
    beginnings,
    copied_files,
    copy_age,
    find,
    folder_id,
    forget_kinds,
    gather_beside,
    keep_folder_id,
    known_copy,
    lost_files,
    note_copy,
    note_files,
    root_of,
)
from strava_pipeline.lake.decisions import keep_decisions, lost_decisions, record_decisions
from strava_pipeline.lake.notifications import notify
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.purge import refuse_unfinished
from strava_pipeline.operations.progress import progressing
from strava_pipeline.operations.run_context import RunContext
from strava_pipeline.operations.step_reports import StepReport
from strava_pipeline.operations.table_rules import Finding

SECOND_COPY, COPIED = "second_copy", "copied"  # the asset, and its check
LOCK = "copy"
ADOPT = "strava-pipeline copy adopt"
BRING_BACK = "strava-pipeline copy restore --decisions"
_EVERY = timedelta(days=1)  # that long bytes which no snapshot needs may stay, except where they have to go


@dataclass(slots=True)
class Copied(Numbers):
    """What a copy did.

    Args:
        where: the repository.
        kinds: of which there is a new snapshot: `own`, `api`, `published`.
        files_copied: new and changed files in them.
        bytes_copied: that the store got.
        forgotten: snapshots that had their time.
        lost: files that nobody gave up and that are gone here, or cut off: every snapshot stays until a person has looked.
    """

    where: str = field(repr=False)
    kinds: list[str] = field(default_factory=list, repr=False)
    files_copied: int = 0
    bytes_copied: int = 0
    forgotten: int = field(default=0, repr=False)
    lost: list[str] = field(default_factory=list, repr=False)

    def shown(self) -> dict[str, Any]:
        return {**Numbers.shown(self), "snapshots": len(self.kinds)}

    @property
    def problem(self) -> str:
        """A problem that a person must look at; may be empty."""
        if not self.lost:
            return ""
        return (
            f"{counted(len(self.lost), 'file')} that the second copy had are gone or cut off here: {some_of(self.lost, 3)}. "
            f"The copy in {self.where} has them in earlier snapshots, which all stay: `strava-pipeline copy restore --at DAY`, "
            f"into an empty folder, brings them back. If it is right so: {ADOPT}"
        )


def copy_after_run(run: RunContext, settings: Settings) -> StepReport:
    """Bring the copy up to date, if anything is new. After a failure the check and, once a day, a notification say why."""
    done, problem = Copied(settings.copy_place or ""), ""
    try:
        gather_beside(run.lake, beside(run.lake, settings))
        age, known = copy_age(run.lake, settings.copy_place), known_copy(run.lake)
        has_expired = known is not None and known.lines != len(expired_lines(run.lake))
        if age.at is None or age.lacking or age.problem or age.lost or has_expired:
            done = make_copy(run, settings)
            problem = done.problem
    except (PipelineError, OSError) as error:
        problem = f"The second copy could not be brought up to date: {told(error)}"
    if problem:
        notify(
            run.lake, "warning", problem, run.now(), about=SECOND_COPY, link="strava-pipeline copy", run_id=run.run_id
        )
    return StepReport(SECOND_COPY, [done], findings=[Finding(COPIED, not problem, advice=problem)])


def make_copy(run: RunContext, settings: Settings, *, adopt: bool = False, anew: bool = False) -> Copied:
    """Bring the copy up to date.

    Args:
        adopt: accept this folder's present state for this repository, whatever either had before.
        anew: make a snapshot of each kind, changed or not.

    Raises PipelineError if the copy can't be made or belongs to another folder; CopyIncompleteError if files could not
    be read, or folders are gone that the copy has. The copy's earlier contents stay complete.
    """
    lake = run.lake
    try:
        restic = restic_of(settings)
        if lake.data_dir.resolve() in Path(restic.address).resolve().parents:
            raise MissingSettingsError(
                f"{restic.where} is in the data folder, and would be lost with it. Name a folder on another disk in "
                "RESTIC_REPOSITORY."
            )
        with run.exclusive(LOCK):
            gather_beside(lake, beside(lake, settings))
            is_limited = settings.api_keep_days is not None
            return _Copying(run, restic, is_limited=is_limited, adopt=adopt, anew=anew).all()
    except (PipelineError, OSError) as error:
        known = known_copy(lake) or KnownCopy(settings.copy_place or "")
        note_copy(lake, replace(known, problem=told(error)))
        raise


def beside(lake: Lake, settings: Settings) -> Mapping[str, Path]:
    """A person's files next to the data folder, by their names in a restored folder."""
    files = {"providers.toml": settings.providers_config, "cars.toml": settings.pings_config}
    return {"goals.toml": lake.goals, "rules.toml": lake.rules, "views": lake.views, **files}


class _Copying:
    """A copy in progress."""

    def __init__(self, run: RunContext, restic: Restic, *, is_limited: bool, adopt: bool, anew: bool) -> None:
        self.run, self.lake, self.restic, self.adopt, self.anew = run, run.lake, restic, adopt, adopt or anew
        known = known_copy(run.lake) or KnownCopy(restic.where)
        if known.where != restic.where:
            earlier = (*known.earlier, known.where)
            known = KnownCopy(restic.where, folder=known.folder, instance=known.instance, earlier=earlier)
        self.id = folder_id(run.lake) or uuid4().hex
        self.known = replace(known, folder=self.id, instance=known.instance or uuid4().hex)
        self.purged = [each.purged is not None if each.ids else None for each in expired_lines(run.lake)]
        self.newest_only = {PUBLISHED, *([API] if is_limited or limited_ids(run.lake) else [])}
        self.kinds = list[str]()
        self.done = Copied(restic.where)

    def all(self) -> Copied:
        snapshots = self._snapshots()
        found = {kind: find(self.lake, kind) for kind in KINDS}
        before = {kind: self._before(kind, snapshots) for kind in KINDS}
        gone = (name for kind in KINDS for name in before[kind].keys() - found[kind].files.keys())
        self.done.lost = [] if self.adopt else lost_files(self.lake, gone)
        self._settle_lines(snapshots, before[OWN], found[OWN].files)
        self._refuse_missing()
        keep_folder_id(self.lake, self.id)
        found[OWN] = find(self.lake, OWN)  # with the id
        self.kinds = [kind for kind in KINDS if found[kind].files]
        leaving = outlived(snapshots, self.purged, self.known.lines or 0)
        for kind in KINDS:
            last = newest((each for each in snapshots if each.kind == kind), self.run.now())
            self._copy(kind, found[kind], before[kind], last, is_leaving=last in leaving)
        lost = {name: known for name, known in self.known.beginnings.items() if name in self.done.lost}  # said again
        self.known = replace(self.known, beginnings={**beginnings(self.lake), **lost})
        with suppress(BusyRepositoryError):  # the next run does it
            self._forget(snapshots, leaving)
        note_copy(self.lake, replace(self.known, at=self.run.now(), problem=self.done.problem))
        keep_decisions(self.lake)
        return self.done

    def _snapshots(self) -> list[CopySnapshot]:
        """The snapshots of this folder. Raises PipelineError if the repository, or the newest snapshot, was not made by
        this folder.
        """
        try:
            every = self.restic.snapshots()
        except NoRepositoryError as error:
            if self.known.snapshots and not self.adopt:
                raise PipelineError(
                    f"The second copy is gone. {error} Is its disk mounted? To begin a new one there: {ADOPT}"
                ) from None
            self._require_disk()
            self.restic.begin()
            every = []
        ours = [each for each in every if each.kind and each.folder == self.id]
        if self.adopt:
            return ours
        if not ours and (every or self.known.snapshots):
            raise PipelineError(
                f"{self.restic.where} knows nothing of this folder, and has {counted(len(every), 'snapshot')} of others. It may "
                "be another athlete's, or this folder may have lost what belongs to it: then get the data back by "
                f"`strava-pipeline copy restore`, into an empty folder. To copy this folder there: {ADOPT}"
            )
        _refuse_elsewhere(
            self.lake, self.restic, ours, self.run.now(), f"To go on with it here, and end there: {ADOPT}"
        )
        return ours

    def _require_disk(self) -> None:
        """Raise MissingSettingsError if the folder above a new repository is missing, to prevent a copy on the wrong disk."""
        place = Path(self.restic.address)
        if place.is_absolute() and not place.parent.is_dir():
            raise MissingSettingsError(f"{place.parent} is not there. Is its disk mounted? Nothing was copied.")

    def _before(self, kind: str, snapshots: Iterable[CopySnapshot]) -> dict[str, State]:
        """The files of a kind that the copy had: as recorded or, without a record, as the copy says, without times."""
        last = newest((each for each in snapshots if each.kind == kind), self.run.now())
        recorded, found = copied_files(self.lake, kind), dict[str, State]()
        if recorded is not None or last is None or self.adopt:
            return recorded or {}

        def node(what: str, path: str, size: int) -> None:
            if what == "file":
                found[path.removeprefix("/")] = (size, 0)

        self.restic.nodes(last.id, node)
        return found

    def _settle_lines(
        self, snapshots: Iterable[CopySnapshot], before: Mapping[str, State], found: Mapping[str, State]
    ) -> None:
        """Find what files lost that are only appended to; if it is to be right so, take what is there for all that there was.

        Raises CopyIncompleteError if decisions are lost: nothing is copied then.
        """
        lake, told = self.lake, [each.expired for each in snapshots if each.expired is not None]
        most, kept = max([self.known.lines or 0, *told]), lost_decisions(lake)
        if self.adopt:
            missing = [Expired(at=self.run.now(), by=ADOPT, ids=[])] * (most - len(self.purged))
            record_decisions(lake, *missing)  # no snapshot knows more lines than there are
            shutil.rmtree(lake.kept_decisions, ignore_errors=True)
            self.purged += [None] * len(missing)
        if self.known.lines is None:
            self.known = replace(self.known, lines=min(told, default=len(self.purged)))
        if self.adopt:
            return
        has_left = len(self.purged) != self.known.lines  # a purge shortens them
        of_decisions = [name for name in before if name.startswith("decisions/") and name in found]
        gone = [*kept, *(name for name in self.done.lost if name.startswith("decisions/"))]
        gone += [name for name in of_decisions if not has_left and found[name][0] < before[name][0]]
        if gone or len(self.purged) < most:
            names = some_of(sorted({Path(name).name for name in gone}), 3) or f"{Expired.kind}.jsonl"
            raise CopyIncompleteError(
                f"Lines of {names} in {lake.decisions} that were there before are gone, so nothing was copied. To have them "
                f"again: {BRING_BACK}. If it is right so: {ADOPT}"
            )
        now = beginnings(lake, self.known.beginnings)
        self.done.lost += [
            name
            for name, known in self.known.beginnings.items()
            if name in now and now[name] != tuple(known) and not (has_left and name == JOURNAL)
        ]

    def _refuse_missing(self) -> None:
        roots = {root_of(name) for name in self.done.lost}
        if gone := sorted(name for name in roots if not (self.lake.data_dir / name).exists()):
            refuse_unfinished(self.lake, CopyIncompleteError)
            raise CopyIncompleteError(
                f"{some_of(gone, 3)} in {self.lake.data_dir} was copied before and is gone, so nothing was copied. Is a disk not "
                f"mounted? To get it back: `strava-pipeline copy restore`, into an empty folder. If it is right so: {ADOPT}"
            )

    def _copy(
        self, kind: str, found: Found, before: Mapping[str, State], last: CopySnapshot | None, *, is_leaving: bool
    ) -> None:
        """Make a snapshot of a kind, if a file is new or changed, or if the newest one isn't ours, or has to go."""
        if self.adopt:
            note_files(self.lake, kind, found.files)
        lost = {name: before[name] for name in self.done.lost if name in before and name not in found.files}
        known = self.known.snapshots.get(kind, "none")
        stays = last is not None and last.id.startswith(known) and not is_leaving
        if not found.files or (stays and not self.anew and {**found.files, **lost} == before):
            return
        try:
            made = self._backup(kind, found, last)
        except CopyIncompleteError:
            found = find(self.lake, kind)  # what was deleted meanwhile is gone now
            made = self._backup(kind, found, last)
        self.done.kinds.append(kind)
        self.done.files_copied += made.files
        self.done.bytes_copied += made.bytes
        self.known = replace(self.known, snapshots={**self.known.snapshots, kind: made.id})
        note_copy(self.lake, self.known)
        note_files(self.lake, kind, {**found.files, **lost})  # so that the next run says it again

    def _backup(self, kind: str, found: Found, last: CopySnapshot | None) -> Backup:
        """Make a snapshot, with a time after that of the last one."""
        folder = self.lake.data_dir.resolve()
        name = re.sub("[^A-Za-z0-9_.-]", "_", own_name() or folder.parent.name)
        marks = {FOLDER: self.id, NAME: name, MADE: self.known.instance, BESIDE: "+".join(self.kinds)}
        marks[EXPIRED] = str(len(self.purged))
        tags = [kind, *(f"{mark}{value}" for mark, value in marks.items())]
        now, host, count, seen = self.run.now(), socket.gethostname(), len(found.files), 0
        at = max(now, last.at + timedelta.resolution) if last else now
        with progressing(self.run.progress, f"Copying ({kind})", count) as advance:

            def see(files: int) -> None:
                nonlocal seen
                advance(max(files - seen, 0))
                seen = max(files, seen)

            made = self.restic.backup(folder, found.targets, tags, host, at, last.id if last else None, count, see)
            see(count)
        return made

    def _forget(self, snapshots: Sequence[CopySnapshot], leaving: Iterable[CopySnapshot]) -> None:
        """Remove snapshots that had their time or outlived what left for good; once a day, or after that, bytes of theirs."""
        if self.done.lost:
            return  # a person may need any of them
        ids, now, has_left = {each.id for each in leaving}, self.run.now(), len(self.purged) != self.known.lines
        for kind in KINDS:
            of_kind = [each for each in snapshots if each.kind == kind]
            known = self.known.snapshots.get(kind, "none")
            if kind not in self.newest_only:
                going = outdated(of_kind, now)
            else:
                going = of_kind if kind in self.done.kinds or any(each.id.startswith(known) for each in of_kind) else []
            ids |= {each.id for each in going if not each.id.startswith(known)}
        if ids:
            self.restic.forget(sorted(ids))
            self.done.forgotten = len(ids)
        pruned = self.known.pruned_at
        is_due = pruned is None or not timedelta(0) <= now - pruned < _EVERY
        if has_left or (ids and is_due):
            self.restic.prune(tight=has_left)
            self.known = replace(self.known, lines=len(self.purged), pruned_at=now)


def _refuse_elsewhere(lake: Lake, restic: Restic, ours: Iterable[CopySnapshot], now: datetime, advice: str) -> None:
    """Raise PipelineError if this folder's newest snapshot was made by another one: a restored one, or the one restored."""
    last, known, folder = newest(ours, now), known_copy(lake), lake.data_dir.resolve()
    if last is None:
        return
    if known is not None and known.instance:
        is_ours = last.instance == known.instance or any(map(last.id.startswith, known.snapshots.values()))
    else:  # what was noted here is lost
        is_ours = last.host == socket.gethostname() and all(Path(path).is_relative_to(folder) for path in last.paths)
    if not is_ours:
        raise PipelineError(
            f"The newest snapshot of this folder in {restic.where} was made elsewhere, on {last.host} at "
            f"{last.at:%Y-%m-%d %H:%M} UTC: a copy has one folder that it is made of. {advice}"
        )


def delete_copy(settings: Settings, lake: Lake, now: datetime, *, api: bool) -> None:
    """Delete the copy's data of this folder, or only its data from Strava's API, in every state that it kept.

    Raises PipelineError if that is impossible, or if the newest snapshot was made by another folder.
    """
    restic, folder = restic_of(settings), folder_id(lake)
    ours = [each for each in restic.snapshots() if folder and each.folder == folder]
    _refuse_elsewhere(lake, restic, ours, now, "Delete it there.")
    kinds = (API, PUBLISHED) if api else KINDS
    if going := [each.id for each in ours if each.kind in kinds]:
        restic.forget(going)
    restic.prune(tight=True)
    forget_kinds(lake, *kinds)
    if (known := known_copy(lake)) is not None:
        kept = {kind: name for kind, name in known.snapshots.items() if kind not in kinds}
        note_copy(lake, replace(known, snapshots=kept))
