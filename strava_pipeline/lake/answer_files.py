"""Bronze of what is asked for per activity: every answer as received, a file each, in the folders of the years.

`year=YYYY/<id>/<fetched_at>.<landed>.json.gz` is a good answer, `<fetched_at>.<landed>.failed-<status>.gz` the evidence of
one that failed for good in its run; what came before there were numbers has none (landed.py). From these files alone follows
when a failed one is asked for again. What is asked for is the business of detail_files.py and stream_files.py.
"""

import os
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from strava_pipeline.core.landings import SHORTLY
from strava_pipeline.lake.files import DamagedFileError, unpacked_json
from strava_pipeline.lake.landed import in_order, land_file, read_name
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.times import Times

FIRST_PAUSE = timedelta(days=1)  # then 2, 4, 8, 16 and at most LONGEST_PAUSE
LONGEST_PAUSE = timedelta(days=30)
EARLY = timedelta(hours=4)  # that a pause is shorter: a daily run comes a little earlier or later each day
QUARANTINED_AFTER = 3  # failures in a row: an activity's own fault, no bad day of Strava's
Name = tuple[datetime, int | None]  # when an answer came by its own word, and its number
_GOOD = ".json.gz"
_BAD = ".failed-"
_LOST = f"{_GOOD}.damaged"


@dataclass(frozen=True, slots=True)
class AnswerFiles:
    """What is on disk of one activity; times are those that are believed (times.py)."""

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
    disbelieved: frozenset[datetime] = frozenset()  # times that good answers say, and at which they didn't come
    times: frozenset[datetime] | None = None  # when answers came; None: every time in the lake is believed

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


def land_answer(lake: Lake, of_year: Path, activity_id: int, body: bytes, at: datetime) -> Path:
    """Put a good answer on disk."""
    return land_file(lake, of_year / str(activity_id), _GOOD, body, at)


def land_evidence(lake: Lake, of_year: Path, activity_id: int, body: bytes, status: int | None, at: datetime) -> Path:
    """Put the evidence of a failure on disk: the last body that came (empty where none did)."""
    return land_file(lake, of_year / str(activity_id), f"{_BAD}{status or 0}.gz", body, at)


def answer_files(times: Times, of_years: Iterable[Path], ids: Collection[int] | None = None) -> dict[int, AnswerFiles]:
    """Every activity (of `ids`, None: of all) that has an answer in one of these folders; all of them count."""
    found = _folders(of_years)
    return {key: _files(times, key, folders) for key, folders in found.items() if ids is None or key in ids}


def failed_among(
    times: Times, of_years: Iterable[Path], chosen: Collection[Path], ids: Iterable[int]
) -> list[AnswerFiles]:
    """Those of the `chosen` folders and of `ids` of which a failure lies in any folder."""
    folders = _folders(of_years)
    within = {*ids} | {*_folders(chosen)}
    return [
        _files(times, activity_id, folders[activity_id])
        for activity_id in sorted(within & folders.keys())
        if any(_BAD in entry.name for folder in folders[activity_id] for entry in os.scandir(folder))
    ]


def answered_at(path: Path) -> tuple[datetime, int | None]:
    """When (UTC) the good answer in that file came, by its own word, and the number by which it landed."""
    return read_name(path.name.removesuffix(_GOOD))


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


def _files(times: Times, activity_id: int, folders: Sequence[str]) -> AnswerFiles:
    good: list[tuple[Name, Path]] = []
    bad: list[tuple[Name, Path]] = []
    lost: list[Name] = []
    for entry in (entry for folder in folders for entry in os.scandir(folder)):
        name = entry.name
        try:
            if name.endswith(_GOOD):
                good.append((read_name(name.removesuffix(_GOOD)), Path(entry.path)))
            elif name.endswith(_LOST):
                lost.append(read_name(name.removesuffix(_LOST)))
            elif _BAD in name:
                _status(name)
                bad.append((read_name(name.partition(_BAD)[0]), Path(entry.path)))
        except ValueError:
            continue  # no name of ours, or the unfinished file of a process that died
    order = _Order(times, [*(said for said, _ in good), *lost, *(said for said, _ in bad)])
    if len(good) > 1:
        good.sort(key=lambda one: order.of(one[0]))
    bad.sort(key=lambda one: order.of(one[0]))
    answered = max([*lost, *(said for said, _ in good)], key=order.of, default=None)
    since = [failure for failure in bad if answered is None or order.of(failure[0]) > order.of(answered)]
    newest = good[-1] if good else None
    disbelieved = frozenset(said[0] for said, _ in good if order.at(said) != said[0])
    return AnswerFiles(
        activity_id=activity_id,
        good=newest[1] if newest else None,
        good_at=order.at(newest[0]) if newest else None,
        fetches=len(good),
        failures=len(since),
        first_failed_at=order.at(since[0][0]) if since else None,
        failed_at=order.at(since[-1][0]) if since else None,
        status=_status(since[-1][1].name) or None if since else None,
        evidence=since[-1][1] if since else None,
        lost=bool(lost) and (newest is None or answered != newest[0]),
        disbelieved=disbelieved,
        times=order.all if order.doubts or times.manifests else None,
    )


class _Order:
    """In which order the answers about one activity came, and when each is believed to have come."""

    def __init__(self, times: Times, names: Collection[Name]) -> None:
        self._times: dict[Name, datetime] = {}
        self.doubts = False  # whether one is believed to have come at another time than it says
        last: datetime | None = None
        said = [(times.of_answer(*name), name) for name in names]
        for at, name in sorted(said, key=_by_landing) if len(said) > 1 else said:  # hardly ever several
            if last is not None and at <= last and name[1] is not None:
                at = last + SHORTLY
            self._times[name] = last = at
            self.doubts = self.doubts or at != name[0]

    @property
    def all(self) -> frozenset[datetime]:
        return frozenset(self._times.values())

    def at(self, name: Name) -> datetime:
        return self._times[name]

    def of(self, name: Name) -> tuple[int, datetime]:
        return in_order((self._times[name], name[1]))


def _by_landing(said: tuple[datetime, Name]) -> tuple[tuple[int, datetime], datetime]:
    at, name = said
    return in_order((at, name[1])), name[0]


def _status(name: str) -> int:
    """The status in the name of a failure's evidence; 0: no answer. ValueError where it is no such name."""
    return int(name.partition(_BAD)[2].removesuffix(".gz"))
