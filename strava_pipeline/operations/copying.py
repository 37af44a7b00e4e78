"""The second copy, which restic keeps: what is copied, when, and what goes again. Checking and restoring are copy_proof.py's.

Each kind of files is a snapshot of its own, made where one of its files is new or was changed. Before anything is written the
repository has to know this folder, and the folder has to have the roots that the newest snapshot has: an emptied folder, an
unmounted disk or another athlete's copy must not become the newest state of this one.
"""

import re
import socket
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

from strava_pipeline.core.copies import (
    API,
    BESIDE,
    FOLDER,
    KINDS,
    NAME,
    PUBLISHED,
    CopySnapshot,
    newest,
    outdated,
)
from strava_pipeline.core.errors import MissingSettingsError, PipelineError, told
from strava_pipeline.core.text import counted, some_of
from strava_pipeline.ingest.restic import Backup, CopyIncompleteError, NoRepositoryError, Restic, restic_of
from strava_pipeline.lake.bronze.expired import expired_ids
from strava_pipeline.lake.copied import (
    Found,
    KnownCopy,
    copied_files,
    copy_age,
    find,
    folder_id,
    forget_kinds,
    gather_beside,
    known_copy,
    note_copy,
    note_files,
    root_of,
)
from strava_pipeline.lake.notifications import notify
from strava_pipeline.lake.paths import Lake
from strava_pipeline.operations.progress import progressing
from strava_pipeline.operations.run_context import RunContext
from strava_pipeline.operations.step_reports import StepReport, timed
from strava_pipeline.operations.table_rules import Finding
from strava_pipeline.process_owner import own_name
from strava_pipeline.settings import Settings

SECOND_COPY, COPIED = "second_copy", "copied"  # the asset, and its check
LOCK = "copy"
ADOPT = "strava-pipeline copy adopt"
_SHARE, _FEW = 5, 5  # more than a fifth of the files, and more than five, are a loss that a person has to look at
_EVERY = timedelta(days=1)  # that long bytes which no snapshot needs may stay, except where they have to go


@dataclass(slots=True)
class Copied:
    """What a copy did: the kinds of which there is a new snapshot, new and changed files in them, bytes that the store got.

    `forgotten`: snapshots that had their time. `shrunk`: how many files are gone here, by kind, where that is more than a fifth:
    older snapshots stay until a person has looked.
    """

    where: str
    kinds: list[str] = field(default_factory=list)
    files: int = 0
    bytes: int = 0
    forgotten: int = 0
    shrunk: dict[str, int] = field(default_factory=dict)

    @property
    def problem(self) -> str:
        """What a person has to look at; empty: nothing."""
        if not self.shrunk:
            return ""
        gone = counted(sum(self.shrunk.values()), "file")
        return (
            f"{gone} that the second copy had are gone here, more than a fifth of a kind. The copy in {self.where} has them in "
            f"its earlier snapshots, which all stay until you say that it is right so: {ADOPT}"
        )


def copy_after_run(run: RunContext, settings: Settings) -> StepReport:
    """Bring the copy up to date, if anything is new. Where that fails, the check and, once a day, a notification say why."""
    done, problem = Copied(settings.copy_place or ""), ""
    with timed() as seconds:
        try:
            gather_beside(run.lake, _beside(run.lake, settings))
            age = copy_age(run.lake)
            if age.at is None or age.lacking or age.problem:
                done = make_copy(run, settings)
                problem = done.problem
        except (PipelineError, OSError) as error:
            problem = f"The second copy could not be brought up to date: {told(error)}"
    if problem:
        notify(
            run.lake, "warning", problem, run.now(), about=SECOND_COPY, link="strava-pipeline copy", run_id=run.run_id
        )
    numbers = {
        "files_copied": done.files,
        "bytes_copied": done.bytes,
        "snapshots": len(done.kinds),
        "seconds": seconds.value,
    }
    return StepReport(SECOND_COPY, numbers, complete=Finding(COPIED, not problem, advice=problem))


def make_copy(run: RunContext, settings: Settings, *, adopt: bool = False) -> Copied:
    """Bring the copy up to date.

    Args:
        adopt: this folder, as it is now, is what is to be copied to this repository, whatever either had before.

    Raises PipelineError where the copy can't be made or is not this folder's; CopyIncompleteError where files could not be read,
    or folders are gone that the copy has. What is in the copy stays whole.
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
            gather_beside(lake, _beside(lake, settings))
            return _Copying(run, restic, is_limited=settings.api_keep_days is not None, adopt=adopt).all()
    except (PipelineError, OSError) as error:
        known = known_copy(lake) or KnownCopy(settings.copy_place or "")
        note_copy(lake, replace(known, problem=told(error)))
        raise


def _beside(lake: Lake, settings: Settings) -> Mapping[str, Path]:
    """What a person wrote beside the data folder, by its name in a restored folder."""
    files = {"providers.toml": settings.providers_config, "cars.toml": settings.pings_config}
    return {"goals.toml": lake.goals, "views": lake.views, **files}


class _Copying:
    """A copy while it is made."""

    def __init__(self, run: RunContext, restic: Restic, *, is_limited: bool, adopt: bool) -> None:
        self.run, self.lake, self.restic, self.adopt = run, run.lake, restic, adopt
        self.folder, self.id, self.host = (
            run.lake.data_dir.resolve(),
            folder_id(run.lake, new=True),
            socket.gethostname(),
        )
        known = known_copy(run.lake)
        self.known = known if known is not None and known.where == restic.where else KnownCopy(restic.where)
        self.expired = {str(key) for key in expired_ids(run.lake)}
        self.newest_only = {PUBLISHED, *([API] if is_limited or self.expired else [])}
        self.done = Copied(restic.where)

    def all(self) -> Copied:
        found = {kind: find(self.lake, kind) for kind in KINDS}
        self.kinds = [kind for kind in KINDS if found[kind].files]
        snapshots = self._snapshots()
        for kind in KINDS:
            self._refuse_missing(kind, snapshots)
        for kind, each in found.items():
            self._copy(kind, each, snapshots)
        self._forget(snapshots)
        note_copy(self.lake, replace(self.known, at=self.run.now(), problem=self.done.problem))
        return self.done

    def _snapshots(self) -> list[CopySnapshot]:
        """Those of this folder. PipelineError where the repository, or the newest of them, is not what this folder made."""
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
        last = newest(ours, self.run.now())
        if last is not None and not self._is_ours(last):
            raise PipelineError(
                f"The newest snapshot of this folder in {self.restic.where} was made elsewhere, on {last.host} at "
                f"{last.at:%Y-%m-%d %H:%M} UTC: a copy has one folder that it is made of. To go on with it from here, and end "
                f"there: {ADOPT}"
            )
        return ours

    def _is_ours(self, snapshot: CopySnapshot) -> bool:
        if any(snapshot.id.startswith(known) for known in self.known.snapshots.values()):
            return True
        return snapshot.host == self.host and all(Path(path).is_relative_to(self.folder) for path in snapshot.paths)

    def _require_disk(self) -> None:
        """MissingSettingsError where the folder above a new repository is missing: no copy on the wrong disk."""
        place = Path(self.restic.address)
        if place.is_absolute() and not place.parent.is_dir():
            raise MissingSettingsError(f"{place.parent} is not there. Is its disk mounted? Nothing was copied.")

    def _refuse_missing(self, kind: str, snapshots: Iterable[CopySnapshot]) -> None:
        last = newest((each for each in snapshots if each.kind == kind), self.run.now())
        inside = [Path(path) for path in last.paths] if last is not None and not self.adopt else []
        names = {root_of(str(path.relative_to(self.folder))) for path in inside if path.is_relative_to(self.folder)}
        if gone := sorted(name for name in names if not (self.folder / name).exists()):
            raise CopyIncompleteError(
                f"{some_of(gone, 3)} in {self.lake.data_dir} was copied before and is gone, so nothing was copied. Is a disk not "
                f"mounted? To get it back: `strava-pipeline copy restore`, into an empty folder. If it is right so: {ADOPT}"
            )

    def _copy(self, kind: str, found: Found, snapshots: Iterable[CopySnapshot]) -> None:
        """Make a snapshot of a kind, if any of its files is new or changed, or the repository lost the one that had them."""
        before, known = copied_files(self.lake, kind), self.known.snapshots.get(kind)
        of_kind = [each for each in snapshots if each.kind == kind]
        parent = next((each for each in of_kind if known and each.id.startswith(known)), None)
        if not found.files or (parent and not self.adopt and found.files == before):
            return
        parent = parent or newest(of_kind, self.run.now())
        try:
            made = self._backup(kind, found, parent)
        except CopyIncompleteError:
            found = find(self.lake, kind)  # what was deleted meanwhile is gone now
            made = self._backup(kind, found, parent)
        self.done.kinds.append(kind)
        self.done.files += made.files
        self.done.bytes += made.bytes
        self.known = replace(self.known, snapshots={**self.known.snapshots, kind: made.id})
        note_copy(self.lake, self.known)
        gone = [each for each in before.keys() - found.files.keys() if self.expired.isdisjoint(each.split("/"))]
        if kind != PUBLISHED and not self.adopt and len(gone) > max(_FEW, len(before) // _SHARE):
            self.done.shrunk[kind] = len(gone)  # what was noted stays, so that the next run says it again
        else:
            note_files(self.lake, kind, found.files)

    def _backup(self, kind: str, found: Found, parent: CopySnapshot | None) -> Backup:
        name = re.sub("[^A-Za-z0-9_.-]", "_", own_name() or self.folder.parent.name)
        tags = [kind, f"{FOLDER}{self.id}", f"{NAME}{name}", f"{BESIDE}{'+'.join(self.kinds)}"]
        seen = 0
        with progressing(self.run.progress, f"Copying ({kind})", len(found.files)) as advance:

            def see(files: int) -> None:
                nonlocal seen
                advance(max(files - seen, 0))
                seen = max(files, seen)

            known = parent.id if parent else None
            made = self.restic.backup(self.folder, found.targets, tags, self.host, self.run.now(), known, see)
            see(len(found.files))
        return made

    def _forget(self, snapshots: Sequence[CopySnapshot]) -> None:
        """Let go what had its time, and once a day, or where something expired, the bytes that only it had."""
        if self.done.shrunk:
            return
        going, now = list[CopySnapshot](), self.run.now()
        for kind in KINDS:
            of_kind = [each for each in snapshots if each.kind == kind]
            known = self.known.snapshots.get(kind, "none")
            if kind not in self.newest_only:
                going += outdated(of_kind, now)
            elif kind in self.done.kinds or any(each.id.startswith(known) for each in of_kind):
                going += [each for each in of_kind if not each.id.startswith(known)]
        if going:
            self.restic.forget(each.id for each in going)
            self.done.forgotten = len(going)
        pruned = self.known.pruned_at
        is_due = pruned is None or not timedelta(0) <= now - pruned < _EVERY
        has_expired = len(self.expired) != self.known.expired
        if has_expired or (going and is_due):
            self.restic.prune(tight=has_expired)
            self.known = replace(self.known, expired=len(self.expired), pruned_at=now)


def delete_copy(settings: Settings, lake: Lake, *, api: bool) -> None:
    """Delete what the copy has of this folder, or of that what came by Strava's API, in every state that it kept.

    Raises PipelineError where that is not possible.
    """
    restic, folder = restic_of(settings), folder_id(lake)
    kinds = (API, PUBLISHED) if api else KINDS
    going = [each.id for each in restic.snapshots() if folder and each.folder == folder and each.kind in kinds]
    if going:
        restic.forget(going)
    restic.prune(tight=True)
    forget_kinds(lake, *kinds)
    if (known := known_copy(lake)) is not None:
        kept = {kind: name for kind, name in known.snapshots.items() if kind not in kinds}
        note_copy(lake, replace(known, snapshots=kept))
