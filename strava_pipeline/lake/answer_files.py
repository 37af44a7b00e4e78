"""Bronze of what is asked for per activity: every answer as received, a file each, in the folders of the years.

`year=YYYY/<id>/<fetched_at>.json.gz` is a good answer, `<fetched_at>.failed-<status>.gz` the evidence of one that
failed for good in its run. From these files alone follows when a failed one is asked for again. What is asked for is
the business of detail_files.py and stream_files.py.
"""

import os
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from strava_pipeline.lake.files import DamagedFileError, from_stamp, packed, stamp, unpacked_json, write_whole

FIRST_PAUSE = timedelta(days=1)  # then 2, 4, 8, 16 and at most LONGEST_PAUSE
LONGEST_PAUSE = timedelta(days=30)
EARLY = timedelta(hours=4)  # that a pause is shorter: a daily run comes a little earlier or later each day
QUARANTINED_AFTER = 3  # failures in a row: an activity's own fault, no bad day of Strava's
_GOOD = ".json.gz"
_BAD = ".failed-"
_LOST = f"{_GOOD}.damaged"


@dataclass(frozen=True, slots=True)
class AnswerFiles:
    """What is on disk of one activity."""

    activity_id: int
    good: Path | None  # the newest good answer
    good_at: datetime | None
    fetches: int  # good answers in all
    failures: int  # since the newest good answer
    first_failed_at: datetime | None  # of these
    failed_at: datetime | None  # the newest of these
    status: int | None  # of the newest failure; None where no answer came
    evidence: Path | None  # what came then
    lost: bool = False  # the newest good answer was damaged and is set aside: to be fetched again

    @property
    def retry_at(self) -> datetime | None:
        """When a failed one may be asked for again; None: nothing stands against asking."""
        if self.failed_at is None or not self.failures:
            return None
        return self.failed_at + min(FIRST_PAUSE * (1 << min(self.failures, 10) - 1), LONGEST_PAUSE) - EARLY

    @property
    def is_quarantined(self) -> bool:
        """It failed so often, while others succeeded, that it is taken for poisoned."""
        return self.failures >= QUARANTINED_AFTER


def land_answer(of_year: Path, activity_id: int, body: bytes, at: datetime) -> Path:
    """Put a good answer on disk."""
    path = of_year / str(activity_id) / f"{stamp(at)}{_GOOD}"
    write_whole(path, packed(body, at))
    return path


def land_evidence(of_year: Path, activity_id: int, body: bytes, status: int | None, at: datetime) -> Path:
    """Put the evidence of a failure on disk: the last body that came (empty where none did)."""
    path = of_year / str(activity_id) / f"{stamp(at)}{_BAD}{status or 0}.gz"
    write_whole(path, packed(body, at))
    return path


def answer_files(of_years: Iterable[Path], ids: Collection[int] | None = None) -> dict[int, AnswerFiles]:
    """Every activity (of `ids`, None: of all) that has an answer in one of these folders; all of them count."""
    found = _folders(of_years)
    return {key: _files(key, folders) for key, folders in found.items() if ids is None or key in ids}


def failed_among(of_years: Iterable[Path], chosen: Collection[Path], ids: Iterable[int]) -> list[AnswerFiles]:
    """Those of the `chosen` folders and of `ids` of which a failure lies in any folder."""
    folders = _folders(of_years)
    within = {*ids} | {*_folders(chosen)}
    return [
        _files(activity_id, folders[activity_id])
        for activity_id in sorted(within & folders.keys())
        if any(_BAD in entry.name for folder in folders[activity_id] for entry in os.scandir(folder))
    ]


def answered_at(path: Path) -> datetime:
    """When (UTC) the good answer in that file came."""
    return from_stamp(path.name.removesuffix(_GOOD))


def newest_json(files: AnswerFiles) -> Any:
    """The newest good answer, parsed; None where there is none or it is damaged."""
    try:
        return unpacked_json(files.good) if files.good is not None else None
    except DamagedFileError:
        return None


def set_aside(files: AnswerFiles) -> None:
    """The newest good answer can't be used: it is kept under another name, so that it is fetched again."""
    if files.good is not None:
        files.good.replace(files.good.with_name(files.good.name.replace(_GOOD, _LOST)))


def _folders(of_years: Iterable[Path]) -> dict[int, list[str]]:
    """The folders of each activity, one in each year where it has any."""
    found: dict[int, list[str]] = {}
    for of_year in of_years:
        if of_year.is_dir():
            with os.scandir(of_year) as entries:
                for entry in entries:
                    if entry.name.removeprefix("-").isdigit() and entry.is_dir():
                        found.setdefault(int(entry.name), []).append(entry.path)
    return found


def _files(activity_id: int, folders: Sequence[str]) -> AnswerFiles:
    good: tuple[datetime, Path] | None = None
    fetches = 0
    bad: list[tuple[datetime, Path]] = []
    lost_at: datetime | None = None
    for name, path in sorted((entry.name, entry.path) for folder in folders for entry in os.scandir(folder)):
        try:
            if name.endswith(_GOOD):
                good = (from_stamp(name.removesuffix(_GOOD)), Path(path))
                fetches += 1
            elif name.endswith(_LOST):
                lost_at = from_stamp(name.removesuffix(_LOST))
            elif _BAD in name:
                _status(name)
                bad.append((from_stamp(name.partition(_BAD)[0]), Path(path)))
        except ValueError:
            continue  # no name of ours, or the unfinished file of a process that died
    answered = max((at for at in (good[0] if good else None, lost_at) if at is not None), default=None)
    since = [failure for failure in bad if answered is None or failure[0] > answered]
    return AnswerFiles(
        activity_id=activity_id,
        good=good[1] if good else None,
        good_at=good[0] if good else None,
        fetches=fetches,
        failures=len(since),
        first_failed_at=since[0][0] if since else None,
        failed_at=since[-1][0] if since else None,
        status=_status(since[-1][1].name) or None if since else None,
        evidence=since[-1][1] if since else None,
        lost=lost_at is not None and (good is None or good[0] < lost_at),
    )


def _status(name: str) -> int:
    """The status in the name of a failure's evidence; 0: no answer. ValueError where it is no such name."""
    return int(name.partition(_BAD)[2].removesuffix(".gz"))
