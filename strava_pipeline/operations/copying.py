"""The second copy, which restic keeps: its contents, its times, and its deletions. Checking and restoring are copy_proof.py's.

Each kind of files is a snapshot of its own, made if one of its files is new or changed. Before anything is written the
folder must go on from what the repository has (copy_comparison.py): an emptied folder, an unmounted disk or another
athlete's copy must not become the newest state of this one.
"""

import re
import socket
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
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
    marks_of,
    newest,
    outdated,
    outlived,
)
from strava_pipeline.core.errors import MissingSettingsError, PipelineError, told
from strava_pipeline.core.numbers import Numbers
from strava_pipeline.environment.process_owner import own_name
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.restic import (
    Backup,
    BusyRepositoryError,
    CopyIncompleteError,
    Restic,
    restic_of,
)
from strava_pipeline.lake.bronze.expired import expired_since, limited_ids
from strava_pipeline.lake.copied import (
    Found,
    KnownCopy,
    State,
    beginnings,
    copy_age,
    find,
    gather_beside,
    keep_folder_id,
    known_copy,
    note_copy,
    note_files,
)
from strava_pipeline.lake.decisions import keep_decisions
from strava_pipeline.lake.notifications import notify
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.purge import refuse_unremoved
from strava_pipeline.operations.copy_comparison import LOCK, ComparedCopy, loss
from strava_pipeline.operations.progress import progressing
from strava_pipeline.operations.run_context import RunContext
from strava_pipeline.operations.step_reports import StepReport
from strava_pipeline.operations.table_rules import Finding

SECOND_COPY, COPIED = "second_copy", "copied"  # the asset, and its check
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
        return loss(self.where, self.lost)


def copy_after_run(run: RunContext, settings: Settings) -> StepReport:
    """Bring the copy up to date, if anything is new. After a failure the check and, once a day, a notification say why."""
    done, problem = Copied(settings.copy_place or ""), ""
    try:
        gather_beside(run.lake, beside(run.lake, settings))
        age, known = copy_age(run.lake, settings.copy_place), known_copy(run.lake)
        has_expired = known is not None and known.left != next(iter(expired_since(run.lake)))
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
            refuse_unremoved(lake, CopyIncompleteError)
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


class _Copying(ComparedCopy):
    """A copy in progress."""

    def __init__(self, run: RunContext, restic: Restic, *, is_limited: bool, adopt: bool, anew: bool) -> None:
        super().__init__(run, restic, adopt=adopt)
        self.anew, self.mark = adopt or anew, uuid4().hex
        self.newest_only = {PUBLISHED, *([API] if is_limited or limited_ids(run.lake) else [])}
        self.kinds = list[str]()
        self.done = Copied(restic.where)

    def all(self) -> Copied:
        snapshots, found, before = self.look()
        self.done.lost = self.lost
        keep_folder_id(self.lake, self.id)
        found[OWN] = find(self.lake, OWN)  # with the id
        self.kinds = [kind for kind in KINDS if found[kind].files]
        leaving = outlived(snapshots, self.since)
        marks = dict.fromkeys((*self.known.marks, *marks_of(snapshots)))  # of places that it had before, too
        self.known = replace(self.known, marks=(*marks,), lost=(*self.lost,))
        for kind in KINDS:
            last = newest((each for each in snapshots if each.kind == kind), self.run.now())
            self._copy(kind, found[kind], before[kind], last, is_leaving=last in leaving)
        lost = {name: known for name, known in self.known.beginnings.items() if name in self.lost}  # said again
        self.known = replace(self.known, beginnings={**beginnings(self.lake), **lost})
        with suppress(BusyRepositoryError):  # the next run does it
            self._forget(snapshots, leaving)
        note_copy(self.lake, replace(self.known, at=self.run.now(), problem=self.done.problem))
        keep_decisions(self.lake)
        return self.done

    def _copy(
        self, kind: str, found: Found, before: Mapping[str, State], last: CopySnapshot | None, *, is_leaving: bool
    ) -> None:
        """Make a snapshot of a kind, if a file is new or changed, or if the newest one isn't ours, or has to go."""
        if self.adopt:
            note_files(self.lake, kind, found.files)
        known = self.known.snapshots.get(kind, "none")
        stays = last is not None and last.id.startswith(known) and not is_leaving
        if not found.files or (stays and not self.anew and found.files == before):
            return
        if self.mark not in self.known.marks:
            self.known = replace(self.known, marks=(*self.known.marks, self.mark))
        note_copy(self.lake, self.known)  # with the mark that the snapshot is going to have
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
        note_files(self.lake, kind, found.files)

    def _backup(self, kind: str, found: Found, last: CopySnapshot | None) -> Backup:
        """Make a snapshot, with a time after that of the last one."""
        folder = self.lake.data_dir.resolve()
        name = re.sub("[^A-Za-z0-9_.-]", "_", own_name() or folder.parent.name)
        marks = {FOLDER: self.id, NAME: name, MADE: self.mark, BESIDE: "+".join(self.kinds), EXPIRED: self.state}
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
        if self.lost:
            return  # a person may need any of them
        ids, now, has_left = {each.id for each in leaving}, self.run.now(), self.state != self.known.left
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
            self.known = replace(self.known, left=self.state, pruned_at=now)
