"""A data folder compared with its second copy, before anything is written there or leaves the folder for good.

Whether the folder goes on from what the copy has, what it lost since then, and what left it. Copying is copying.py's.
"""

import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

from strava_pipeline.core.copies import API, KINDS, OWN, PUBLISHED, CopySnapshot, newest, outlived
from strava_pipeline.core.errors import MissingSettingsError, PipelineError
from strava_pipeline.core.text import counted, some_of
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.restic import CopyIncompleteError, NoRepositoryError, Restic, restic_of
from strava_pipeline.lake.bronze.expired import Expired, expired_since
from strava_pipeline.lake.copied import (
    APPENDED,
    JOURNAL,
    Found,
    KnownCopy,
    State,
    beginnings,
    copied_files,
    find,
    folder_id,
    forget_kinds,
    known_copy,
    lost_files,
    note_copy,
    root_of,
)
from strava_pipeline.lake.decisions import decision_lines, lost_decisions, record_decisions
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.purge import refuse_unfinished
from strava_pipeline.operations.run_context import RunContext

LOCK = "copy"
ADOPT = "strava-pipeline copy adopt"
BRING_BACK = "strava-pipeline copy restore --decisions"


def require_continuation(run: RunContext, settings: Settings) -> None:
    """Raise CopyIncompleteError if this folder does not go on from the copy's newest state: before anything leaves it for good.

    A copy that can't be reached is no reason: what left is taken out of it later.
    """
    if not (settings.is_copied and folder_id(run.lake)):
        return
    try:
        with run.exclusive(LOCK):
            compared = ComparedCopy(run, restic_of(settings))
            compared.look()
    except CopyIncompleteError:
        raise
    except (PipelineError, OSError):
        return
    if not {*APPENDED}.isdisjoint(compared.lost):  # a purge shortens one of them, and would hide that
        raise CopyIncompleteError(loss(compared.restic.where, compared.lost))


def loss(where: str, lost: Sequence[str]) -> str:
    """What to say of files that nobody gave up and that are gone here, or cut off; empty if there are none."""
    if not lost:
        return ""
    return (
        f"{counted(len(lost), 'file')} that the second copy had are gone or cut off here: {some_of(lost, 3)}. "
        f"The copy in {where} has them in earlier snapshots, which all stay: `strava-pipeline copy restore --at DAY`, "
        f"into an empty folder, brings them back. If it is right so: {ADOPT}"
    )


class ComparedCopy:
    """A folder and its copy. `adopt`: the folder's present state is right, whatever either had before.

    `lost`: files that nobody gave up and that are gone here, or cut off; `known`: what is to be noted of the copy.
    """

    def __init__(self, run: RunContext, restic: Restic, *, adopt: bool = False) -> None:
        self.run, self.lake, self.restic, self.adopt = run, run.lake, restic, adopt
        known = known_copy(run.lake) or KnownCopy(restic.where)
        if known.where != restic.where:
            earlier = (*known.earlier, known.where)
            marks, instance = known.marks, known.instance
            known = KnownCopy(restic.where, folder=known.folder, marks=marks, instance=instance, earlier=earlier)
        self.id = folder_id(run.lake) or uuid4().hex
        self.known = replace(known, folder=self.id)
        self.since = expired_since(run.lake)
        self.lost: list[str] = []

    @property
    def state(self) -> str:
        """The present state of expired.jsonl."""
        return next(iter(self.since))

    def look(self) -> tuple[list[CopySnapshot], dict[str, Found], dict[str, dict[str, State]]]:
        """The snapshots, and by kind the files that are here and those that the copy had.

        Raises CopyIncompleteError if this folder does not go on from what the copy has.
        """
        snapshots = self._snapshots()
        found = {kind: find(self.lake, kind) for kind in KINDS}
        before = {kind: self._before(kind, snapshots) for kind in KINDS}
        gone = (name for kind in KINDS for name in before[kind].keys() - found[kind].files.keys())
        self.lost = [] if self.adopt else lost_files(self.lake, gone, self.known.lost)
        self._settle_lines(snapshots, before[OWN], found[OWN].files)
        if not self.lake.purge_begun.exists():  # a purge that came back is ended first
            self._refuse_missing()
        return snapshots, found, before

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
            return self._knowing(ours)
        if not ours and (every or self.known.snapshots):
            raise PipelineError(
                f"{self.restic.where} knows nothing of this folder, and has {counted(len(every), 'snapshot')} of others. It may "
                "be another athlete's, or this folder may have lost what belongs to it: then get the data back by "
                f"`strava-pipeline copy restore`, into an empty folder. To copy this folder there: {ADOPT}"
            )
        advice = f"To get what was decided there: {BRING_BACK}. To go on here with what is here, and end there: {ADOPT}"
        _refuse_elsewhere(self.lake, self.restic, ours, advice)
        return self._knowing(ours)

    def _knowing(self, snapshots: Sequence[CopySnapshot]) -> list[CopySnapshot]:
        """The snapshots, those of an older version with the state of expired.jsonl that is in them: others have that of the
        newest `own` one, since what was recorded later was not followed yet. They are read while something has to be followed.
        """
        older = sorted((each for each in snapshots if not each.expired), key=lambda each: (each.kind != OWN, each.at))
        state, known = sha256().hexdigest(), {each.id: each for each in snapshots}
        for each in older if self.known.left != self.state else ():
            state = self._state_in(each) if each.kind == OWN else state
            known[each.id] = each.knowing(state)
        return [*known.values()]

    def _state_in(self, snapshot: CopySnapshot) -> str:
        scratch = self.lake.copy_scratch
        try:
            self.restic.restore(snapshot.id, scratch, lambda: None, f"/{self.lake.decisions.name}")
            return state_of(scratch / self.lake.decisions.name)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def _require_disk(self) -> None:
        """Raise MissingSettingsError if the folder above a new repository is missing, to prevent a copy on the wrong disk."""
        place = Path(self.restic.address)
        if place.is_absolute() and not place.parent.is_dir():
            raise MissingSettingsError(f"{place.parent} is not there. Is its disk mounted? Nothing was copied.")

    def _before(self, kind: str, snapshots: Iterable[CopySnapshot]) -> dict[str, State]:
        """The files of a kind that the copy had: as recorded or, without a record, as the copy says, without times."""
        last = newest((each for each in snapshots if each.kind == kind), self.run.now())
        recorded = copied_files(self.lake, kind)
        return files_in(self.restic, last) if recorded is None and last and not self.adopt else recorded or {}

    def _settle_lines(
        self, snapshots: Iterable[CopySnapshot], before: Mapping[str, State], found: Mapping[str, State]
    ) -> None:
        """Find what files lost that are only appended to; if it is to be right so, take what is there for all that there was.

        Raises CopyIncompleteError if decisions are lost: nothing is copied then.
        """
        lake, kept = self.lake, lost_decisions(self.lake)
        elsewhere = {each.expired for each in snapshots if each.expired} - self.since.keys()
        if self.adopt:
            if elsewhere:
                record_decisions(lake, Expired(at=self.run.now(), by=ADOPT, ids=[], adopts=tuple(sorted(elsewhere))))
                self.since = expired_since(lake)
            shutil.rmtree(lake.kept_decisions, ignore_errors=True)
        if not (self.known.left or outlived(snapshots, self.since)):
            self.known = replace(self.known, left=self.state)
        if self.adopt:
            return
        has_left = self.state != self.known.left  # a purge shortens them
        shorter = (
            [] if has_left else [name for name in before.keys() & found.keys() if found[name][0] < before[name][0]]
        )
        gone = [*kept, *(name for name in (*self.lost, *shorter) if name.startswith("decisions/"))]
        if gone or elsewhere:
            names = some_of(sorted({Path(name).name for name in gone}), 3) or f"{Expired.kind}.jsonl"
            raise CopyIncompleteError(
                f"Lines of {names} in {lake.decisions} that were there before are gone, so nothing was copied. To have them "
                f"again: {BRING_BACK}. If it is right so: {ADOPT}"
            )
        now, cut = beginnings(lake, self.known.beginnings), {*APPENDED}.intersection(shorter)
        cut |= {name for name, known in self.known.beginnings.items() if name in now and now[name] != tuple(known)}
        self.lost += sorted(cut - ({JOURNAL} if has_left else {*()}))

    def _refuse_missing(self) -> None:
        roots = {root_of(name) for name in self.lost}
        if gone := sorted(name for name in roots if not (self.lake.data_dir / name).exists()):
            refuse_unfinished(self.lake, CopyIncompleteError)
            raise CopyIncompleteError(
                f"{some_of(gone, 3)} in {self.lake.data_dir} was copied before and is gone, so nothing was copied. Is a disk not "
                f"mounted? To get it back: `strava-pipeline copy restore`, into an empty folder. If it is right so: {ADOPT}"
            )


def files_in(restic: Restic, snapshot: CopySnapshot) -> dict[str, State]:
    """The files of a snapshot, without times."""
    found = dict[str, State]()

    def node(what: str, path: str, size: int) -> None:
        if what == "file":
            found[path.removeprefix("/")] = (size, 0)

    restic.nodes(snapshot.id, node)
    return found


def state_of(decisions: Path) -> str:
    """The state of expired.jsonl in a folder of decisions."""
    return sha256(b"".join(decision_lines(decisions / f"{Expired.kind}.jsonl"))).hexdigest()


def made_elsewhere(ours: Iterable[CopySnapshot], known: KnownCopy | None) -> list[CopySnapshot]:
    """The snapshots that this folder did not make, or made before it was set back; all, where nothing is noted here."""
    noted = {*known.marks, known.instance} if known is not None else set()
    return [each for each in ours if not each.mark or each.mark not in noted]


def _refuse_elsewhere(lake: Lake, restic: Restic, ours: Iterable[CopySnapshot], advice: str) -> None:
    """Raise CopyIncompleteError if another folder made a snapshot of this one: a restored or cloned one, or the one that was
    restored or cloned; or this one, before it was set back.
    """
    if others := made_elsewhere(ours, known_copy(lake)):
        last = max(others, key=lambda each: each.at)
        raise CopyIncompleteError(
            f"A snapshot of this folder in {restic.where} was made elsewhere, on {last.host} at {last.at:%Y-%m-%d %H:%M} UTC, or "
            f"by this folder before it was set back: a copy has one folder that it is made of. {advice}"
        )


def delete_copy(settings: Settings, lake: Lake, *, api: bool) -> None:
    """Delete the copy's data of this folder, or only its data from Strava's API, in every state that it kept.

    Raises PipelineError if that is impossible, or if the newest snapshot was made by another folder.
    """
    restic, folder = restic_of(settings), folder_id(lake)
    ours = [each for each in restic.snapshots() if folder and each.folder == folder]
    _refuse_elsewhere(lake, restic, ours, f"Delete it there; or go on from it here, by {BRING_BACK}.")
    kinds = (API, PUBLISHED) if api else KINDS
    if going := [each.id for each in ours if each.kind in kinds]:
        restic.forget(going)
    restic.prune(tight=True)
    forget_kinds(lake, *kinds)
    if (known := known_copy(lake)) is not None:
        kept = {kind: name for kind, name in known.snapshots.items() if kind not in kinds}
        note_copy(lake, replace(known, snapshots=kept))
