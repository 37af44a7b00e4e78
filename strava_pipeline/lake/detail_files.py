"""Bronze of details: every answer to `GET /activities/{id}` as received, a file each.

`year=YYYY/<id>/<fetched_at>.json.gz` is a good answer, `<fetched_at>.failed-<status>.gz` the evidence of one that
failed for good in its run. From these files alone follows when a failed one is asked for again.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from strava_pipeline.core.details import Detail
from strava_pipeline.lake.files import DamagedFileError, from_stamp, packed, stamp, unpacked_json, write_whole
from strava_pipeline.lake.paths import Lake

FIRST_PAUSE = timedelta(days=1)  # then 2, 4, 8, 16 and at most LONGEST_PAUSE
LONGEST_PAUSE = timedelta(days=30)
EARLY = timedelta(hours=4)  # that a pause is shorter: a daily run comes a little earlier or later each day
QUARANTINED_AFTER = 3  # failures in a row: an activity's own fault, no bad day of Strava's
_GOOD = ".json.gz"
_BAD = ".failed-"
_LOST = f"{_GOOD}.damaged"


@dataclass(frozen=True, slots=True)
class DetailFiles:
    """What is on disk of one activity's detail."""

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


def land_detail(lake: Lake, year: int, activity_id: int, body: bytes, at: datetime) -> Path:
    """Put a good answer on disk."""
    path = lake.details_of(year) / str(activity_id) / f"{stamp(at)}{_GOOD}"
    write_whole(path, packed(body, at))
    return path


def land_failure(lake: Lake, year: int, activity_id: int, body: bytes, status: int | None, at: datetime) -> Path:
    """Put the evidence of a failure on disk: the last body that came (empty where none did)."""
    path = lake.details_of(year) / str(activity_id) / f"{stamp(at)}{_BAD}{status or 0}.gz"
    write_whole(path, packed(body, at))
    return path


def detail_files(lake: Lake, year: int) -> dict[int, DetailFiles]:
    """Every activity of the year's folder that has an answer on disk, by id."""
    found: dict[int, DetailFiles] = {}
    folder = lake.details_of(year)
    if not folder.is_dir():
        return found
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.removeprefix("-").isdigit() and entry.is_dir():
                activity_id = int(entry.name)
                found[activity_id] = _files(activity_id, [entry.path])
    return found


def failed_files(lake: Lake, years: Iterable[int] | None = None, *, ids: Iterable[int] = ()) -> list[DetailFiles]:
    """The activities in the folders of `years` (None: of all), and those of `ids`, of which a failure is on disk.

    One whose year was edited lies in several folders; all of them count.
    """
    chosen = set(ids)
    within = None if years is None else {lake.details_of(year).name for year in years}
    folders: dict[int, list[str]] = {}
    for of_year in sorted(lake.details.glob("year=*")):
        with os.scandir(of_year) as entries:
            for entry in entries:
                if entry.name.removeprefix("-").isdigit() and entry.is_dir():
                    folders.setdefault(int(entry.name), []).append(entry.path)
                    if within is None or of_year.name in within:
                        chosen.add(int(entry.name))
    return [
        _files(activity_id, folders[activity_id])
        for activity_id in sorted(chosen & folders.keys())
        if any(_BAD in entry.name for folder in folders[activity_id] for entry in os.scandir(folder))
    ]


def count_on_disk(lake: Lake, year: int) -> int:
    """How many activities of the year's folder have an answer on disk, at a glance."""
    folder = lake.details_of(year)
    return sum(1 for _ in os.scandir(folder)) if folder.is_dir() else 0


def read_details(files: Iterable[DetailFiles]) -> Iterator[Detail]:
    """The newest good answer of each, parsed. One that is damaged is set aside, so that it is fetched again."""
    for file in files:
        if file.good is not None and file.good_at is not None:
            try:
                activity = unpacked_json(file.good)
            except DamagedFileError:
                activity = None
            if isinstance(activity, dict) and activity.get("id") == file.activity_id:
                yield Detail(file.good_at, activity)
            else:
                file.good.replace(file.good.with_name(file.good.name.replace(_GOOD, _LOST)))


def _files(activity_id: int, folders: Sequence[str]) -> DetailFiles:
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
    return DetailFiles(
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
