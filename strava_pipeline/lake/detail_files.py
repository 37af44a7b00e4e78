"""Bronze of details: every answer to `GET /activities/{id}` as received, a file each.

`year=YYYY/<id>/<fetched_at>.json.gz` is a good answer, `<fetched_at>.failed-<status>.gz` the evidence of one that
failed for good in its run. From these files alone follows when a failed one is asked for again.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from strava_pipeline.core.details import Detail
from strava_pipeline.lake.files import DamagedFileError, from_stamp, packed, stamp, unpacked_json, write_whole
from strava_pipeline.lake.paths import Lake

FIRST_PAUSE = timedelta(days=1)  # then 2, 4, 8, 16 and at most LONGEST_PAUSE: a poisoned one costs ~16 calls a year
LONGEST_PAUSE = timedelta(days=30)
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
    failed_at: datetime | None
    status: int | None  # of the newest failure; None where no answer came
    lost: bool = False  # the newest good answer was damaged and is set aside: to be fetched again

    @property
    def retry_at(self) -> datetime | None:
        """When a failed one may be asked for again; None: nothing stands against asking."""
        if self.failed_at is None or not self.failures:
            return None
        return self.failed_at + min(FIRST_PAUSE * (1 << min(self.failures, 10) - 1), LONGEST_PAUSE)


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
                found[activity_id] = _files(activity_id, Path(entry.path))
    return found


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


def _files(activity_id: int, folder: Path) -> DetailFiles:
    good: tuple[datetime, Path] | None = None
    fetches = 0
    bad: list[tuple[datetime, int]] = []
    lost_at: datetime | None = None
    for name in sorted(entry.name for entry in os.scandir(folder)):
        try:
            if name.endswith(_GOOD):
                good = (from_stamp(name.removesuffix(_GOOD)), folder / name)
                fetches += 1
            elif name.endswith(_LOST):
                lost_at = from_stamp(name.removesuffix(_LOST))
            elif _BAD in name:
                at, _, status = name.partition(_BAD)
                bad.append((from_stamp(at), int(status.removesuffix(".gz"))))
        except ValueError:
            continue  # no name of ours, or the unfinished file of a process that died
    since = [failure for failure in bad if good is None or failure[0] > good[0]]
    return DetailFiles(
        activity_id=activity_id,
        good=good[1] if good else None,
        good_at=good[0] if good else None,
        fetches=fetches,
        failures=len(since),
        failed_at=since[-1][0] if since else None,
        status=since[-1][1] or None if since else None,
        lost=lost_at is not None and (good is None or good[0] < lost_at),
    )
