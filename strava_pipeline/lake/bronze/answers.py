"""Bronze of answers to single questions: details and streams of activities, the athlete, gear. A file per answer.

Details and streams lie in the folders of the years: `year=YYYY/<id>/<fetched_at>.<landed>.json.gz` is a good answer,
`<fetched_at>.<landed>.failed-<status>.gz` the evidence of a failure. Files from before numbering have no `<landed>`
(landing.py). These files alone decide when a failed activity may be asked for again.
"""

import logging
import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

from strava_pipeline.core.activities import FetchedDetail, is_nothing_recorded
from strava_pipeline.core.landings import SHORTLY
from strava_pipeline.core.providers import Kind, spec_of
from strava_pipeline.core.rows import Json
from strava_pipeline.lake.bronze.landing import Times, land_file, landing_order, parse_file_stem
from strava_pipeline.lake.bronze.listings import answer_times
from strava_pipeline.lake.files import DamagedFileError, unpacked, unpacked_json
from strava_pipeline.lake.paths import Lake

log = logging.getLogger(__name__)

FIRST_PAUSE = timedelta(days=1)  # then 2, 4, 8, 16 and at most LONGEST_PAUSE
LONGEST_PAUSE = timedelta(days=30)
EARLY = timedelta(hours=4)  # by which a pause is shorter: a daily run comes a little earlier or later each day
QUARANTINED_AFTER = 3  # failures in a row: then the activity is at fault, not a bad day of Strava's
Name = tuple[datetime, int | None]  # the server's time of an answer, and its number
_GOOD = ".json.gz"
_BAD = ".failed-"
_LOST = f"{_GOOD}.damaged"
_GONE = ".failed-404.gz"


@dataclass(frozen=True, slots=True)
class AnswerFiles:
    """The files on disk about one activity; times are the believed ones (landing.py)."""

    activity_id: int
    good: Path | None  # the newest good answer
    good_at: datetime | None
    fetches: int  # good answers in all
    failures: int  # since the newest good answer
    first_failed_at: datetime | None  # of these failures
    failed_at: datetime | None  # of the newest failure
    status: int | None  # of the newest failure; None where no answer came
    evidence: Path | None  # what came then
    lost: bool = False  # the newest good answer was damaged and is set aside, to be fetched again
    disbelieved: frozenset[datetime] = frozenset()  # the server's times of good answers, where they are not believed
    times: frozenset[datetime] | None = None  # when answers came; None: every time in the lake is believed

    @property
    def retry_at(self) -> datetime | None:
        """When a failed answer may be asked for again, or None for at once."""
        if self.failed_at is None or not self.failures:
            return None
        return self.failed_at + min(FIRST_PAUSE * (1 << min(self.failures, 10) - 1), LONGEST_PAUSE) - EARLY

    @property
    def is_quarantined(self) -> bool:
        """Whether it failed so often, while others succeeded, that it is quarantined."""
        return self.failures >= QUARANTINED_AFTER


def land_answer(lake: Lake, of_year: Path, activity_id: int, body: bytes, at: datetime) -> Path:
    """Put a good answer on disk."""
    return land_file(lake, of_year / str(activity_id), _GOOD, body, at)


def land_evidence(lake: Lake, of_year: Path, activity_id: int, body: bytes, status: int | None, at: datetime) -> Path:
    """Put the evidence of a failure on disk: the last body received (may be empty)."""
    return land_file(lake, of_year / str(activity_id), f"{_BAD}{status or 0}.gz", body, at)


def answer_files(times: Times, of_years: Iterable[Path], ids: Collection[int] | None = None) -> dict[int, AnswerFiles]:
    """Every activity (of `ids`; None: of all) with an answer in one of these folders, from all of the folders."""
    found = _folders(of_years)
    return {key: _files(times, key, folders) for key, folders in found.items() if ids is None or key in ids}


def landing_of(path: Path) -> tuple[datetime, int | None]:
    """The server's time (UTC) of the good answer in that file, and its number."""
    return parse_file_stem(path.name.removesuffix(_GOOD))


def newest_answer(files: AnswerFiles) -> Any:
    """The newest good answer, parsed, or None if missing or damaged."""
    try:
        return unpacked_json(files.good) if files.good is not None else None
    except DamagedFileError:
        return None


def set_aside_newest(files: AnswerFiles) -> None:
    """Keep an unusable newest answer under another name, so that it is fetched again."""
    if files.good is not None:
        files.good.replace(files.good.with_name(files.good.name.replace(_GOOD, _LOST)))


def _folders(of_years: Iterable[Path]) -> dict[int, list[str]]:
    """The folders of each activity, one per year in which it has answers."""
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
                good.append((parse_file_stem(name.removesuffix(_GOOD)), Path(entry.path)))
            elif name.endswith(_LOST):
                lost.append(parse_file_stem(name.removesuffix(_LOST)))
            elif _BAD in name:
                _status(name)
                bad.append((parse_file_stem(name.partition(_BAD)[0]), Path(entry.path)))
        except ValueError:
            continue  # another program's file, or the unfinished one of a process that died
    order = _Order(times, [*(name for name, _ in good), *lost, *(name for name, _ in bad)])
    if len(good) > 1:
        good.sort(key=lambda one: order.of(one[0]))
    bad.sort(key=lambda one: order.of(one[0]))
    answered = max([*lost, *(name for name, _ in good)], key=order.of, default=None)
    since = [failure for failure in bad if answered is None or order.of(failure[0]) > order.of(answered)]
    newest = good[-1] if good else None
    disbelieved = frozenset(name[0] for name, _ in good if order.at(name) != name[0])
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
    """The order of the answers about one activity, and the believed time of each."""

    def __init__(self, times: Times, names: Collection[Name]) -> None:
        self._times: dict[Name, datetime] = {}
        self.doubts = False  # whether any answer's own time is not believed
        last: datetime | None = None
        times_of_names = [(times.of_answer(*name), name) for name in names]
        for at, name in sorted(times_of_names, key=_by_landing) if len(names) > 1 else times_of_names:  # rarely several
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
        return landing_order((self._times[name], name[1]))


def _by_landing(believed: tuple[datetime, Name]) -> tuple[tuple[int, datetime], datetime]:
    at, name = believed
    return landing_order((at, name[1])), name[0]


def _status(name: str) -> int:
    """The status in the name of a failure's evidence; 0 means no answer. Raises ValueError for other names."""
    return int(name.partition(_BAD)[2].removesuffix(".gz"))


def land_detail(lake: Lake, year: int, activity_id: int, body: bytes, at: datetime) -> Path:
    """Put a good answer on disk."""
    return land_answer(lake, lake.details_of(year), activity_id, body, at)


def detail_files(lake: Lake, year: int) -> dict[int, AnswerFiles]:
    """Every activity of the year's folder that has an answer on disk, by id."""
    return answer_files(answer_times(lake), [lake.details_of(year)])


def failed_details(lake: Lake, years: Iterable[int] | None = None, *, ids: Iterable[int] = ()) -> list[AnswerFiles]:
    """The activities in the folders of `years` (None: of all), and of `ids`, that have a failure on disk.

    An activity whose year was edited lies in several folders; all of them are read.
    """
    every = sorted(lake.details.glob("year=*"))
    chosen = every if years is None else [lake.details_of(year) for year in years]
    times, folders = answer_times(lake), _folders(every)
    within = {*ids} | {*_folders(chosen)}
    return [
        _files(times, activity_id, folders[activity_id])
        for activity_id in sorted(within & folders.keys())
        if any(_BAD in entry.name for folder in folders[activity_id] for entry in os.scandir(folder))
    ]


def count_details(lake: Lake, year: int) -> int:
    """How many activities of the year's folder have an answer on disk, without opening any."""
    folder = lake.details_of(year)
    return sum(1 for _ in os.scandir(folder)) if folder.is_dir() else 0


def read_details(files: Iterable[AnswerFiles]) -> Iterator[FetchedDetail]:
    """The newest good answer of each, parsed. A damaged one is set aside, so that it is fetched again."""
    for file in files:
        if file.good_at is not None:
            activity = newest_answer(file)
            if isinstance(activity, dict) and activity.get("id") == file.activity_id:
                yield FetchedDetail(file.good_at, activity)
            else:
                set_aside_newest(file)


def stream_files(lake: Lake, ids: Collection[int] | None = None) -> dict[int, AnswerFiles]:
    """Every activity (of `ids`; None for all) with an answer about streams on disk, in any year."""
    return answer_files(answer_times(lake), sorted(lake.streams.glob("year=*")), ids)


def newest_streams(lake: Lake, activity_id: int) -> Any:
    """The newest good answer about the streams of one activity, parsed, or None if missing or damaged."""
    folders = [str(folder) for folder in sorted(lake.streams.glob(f"year=*/{activity_id}"))]
    return newest_answer(_files(answer_times(lake), activity_id, folders)) if folders else None


def has_no_streams(files: AnswerFiles) -> bool:
    """Whether Strava's last answer was that nothing was recorded."""
    return files.evidence is not None and is_nothing_recorded(files.status, _body(files.evidence))


def _body(path: Path) -> bytes:
    try:
        return unpacked(path)
    except (OSError, EOFError, ValueError):
        return b""


def land_athlete(lake: Lake, body: bytes, at: datetime) -> None:
    land_file(lake, lake.athlete, _GOOD, body, at)


def land_gear(lake: Lake, gear_id: str, body: bytes, at: datetime, *, gone: bool = False) -> None:
    """Put the answer to `GET /gear/{id}` on disk; `gone`: it was a 404, so that it isn't asked for again each day."""
    land_file(lake, gear_folder(lake, gear_id), _GONE if gone else _GOOD, body, at)


def stats_folder(lake: Lake, athlete_id: int) -> Path:
    """The folder of an athlete's totals as Strava shows them."""
    return lake.stats / str(athlete_id)


def land_stats(lake: Lake, athlete_id: int, body: bytes, at: datetime, *, failed: int | None = None) -> None:
    """Put the athlete's totals on disk; `failed`: the status of another answer, 404 if Strava no longer shows them."""
    land_file(lake, stats_folder(lake, athlete_id), _GOOD if failed is None else f".failed-{failed}.gz", body, at)


def newest_stats(lake: Lake, athlete_id: int) -> tuple[datetime | None, dict[str, Any] | None]:
    """When the totals came, and what they are; None: Strava no longer shows them."""
    return _newest(lake, stats_folder(lake, athlete_id))


def stats_asked_at(lake: Lake, athlete_id: int, now: datetime) -> datetime | None:
    """When the totals were last asked for, whatever came; not later than `now`, by a clock that was wrong."""
    asked = []
    for path in stats_folder(lake, athlete_id).glob("*.gz"):
        with suppress(ValueError):  # another program's file
            asked.append(parse_file_stem(path.name.partition(".failed-")[0].removesuffix(_GOOD))[0])
    return max((at for at in asked if at <= now), default=None)


def newest_athlete(lake: Lake) -> tuple[datetime, dict[str, Any]] | None:
    """The athlete as last received."""
    if not lake.athlete.is_dir():
        return None
    at, found = _newest(lake, lake.athlete)
    return (at, found) if at is not None and found is not None else None


def newest_gear(lake: Lake) -> Iterator[tuple[str, datetime, dict[str, Any] | None]]:
    """(id, time, object) of every piece of gear as last received; object None: Strava no longer shows it."""
    if not lake.gear.is_dir():
        return
    for folder in sorted(path for path in lake.gear.iterdir() if path.is_dir()):
        at, found = _newest(lake, folder)
        if at is not None:
            yield folder.name, at, found


def land_of_kind(lake: Lake, source: str, kind: Kind, body: bytes, at: datetime) -> None:
    """Put a provider's answer about a kind of data on disk."""
    land_file(lake, lake.kind_of(source, kind), _GOOD, body, at)


def last_of_kind(lake: Lake, source: str, kind: Kind) -> datetime | None:
    """When the newest answer of a provider about a kind of data came (UTC), or None."""
    return max((at for _, at, _ in answers_of_kind(lake, source, kind)), default=None)


def newest_of_kind(lake: Lake, kind: Kind) -> dict[str, int]:
    """The number of the newest answer about a kind, by provider."""
    numbers = {source: answers_of_kind(lake, source, kind) for source in lake.sources_with(kind)}
    return {source: found[-1][0] for source, found in numbers.items() if found}


def answers_of_kind(lake: Lake, source: str, kind: Kind, after: int = -1) -> list[tuple[int, datetime, Path]]:
    """The number, time and file of each answer of a provider about a kind, by number, of those with a higher one than `after`."""
    return sorted(each for each in _answers(lake, lake.kind_of(source, kind)) if each[0] > after)


def items_of_kind(
    lake: Lake, kind: Kind, after: Mapping[str, int] = MappingProxyType({})
) -> Iterator[tuple[str, str, datetime, Json]]:
    """(source, id, time, fields) of every item of a kind that a provider other than Strava ever showed, as last received.

    `after`: by provider, only what answers with a higher number show. An answer with `is_partial` shows only some of its
    items: it counts only for items that no other answer has.
    """
    for source in lake.sources_with(kind):
        newest: dict[str, tuple[datetime, Json]] = {}
        partial: dict[str, tuple[datetime, Json]] = {}
        if (read := spec_of(source).kinds.get(kind)) is None:
            continue
        for _, at, path in answers_of_kind(lake, source, kind, after.get(source, -1)):
            try:
                content = unpacked_json(path)
            except (OSError, ValueError):  # damaged
                continue
            try:
                found = {item_id: (at, fields) for item_id, fields in read(content)}
                is_partial = isinstance(content, dict) and content.get("is_partial") is True
                (partial if is_partial else newest).update(found)
            except (AttributeError, LookupError, TypeError, ValueError):  # one odd answer must not stop every merge
                log.warning("%s is no answer about %s that can be read; it is passed over.", path, kind)
        for item_id, (at, fields) in sorted((partial | newest).items()):
            yield source, item_id, at, fields


def _newest(lake: Lake, folder: Path) -> tuple[datetime | None, dict[str, Any] | None]:
    """The time of the newest readable answer, and its object (None: a 404). Damaged files are skipped."""
    for _, at, path in sorted(_answers(lake, folder), reverse=True):
        try:
            if path.name.endswith(_GONE):
                return at, None
            found = unpacked_json(path)
        except (OSError, ValueError):  # damaged
            continue
        if isinstance(found, dict):
            return at, found
    return None, None


def _answers(lake: Lake, folder: Path) -> Iterator[tuple[int, datetime, Path]]:
    """Each answer in a folder: its number (0 if from before numbering), believed time, and file. They sort by landing."""
    times = answer_times(lake)
    for path in folder.iterdir() if folder.is_dir() else ():
        try:
            at, number = parse_file_stem(path.name.removesuffix(_GONE).removesuffix(_GOOD))
        except ValueError:  # another program's file
            continue
        yield number or 0, times.of_answer(at, number), path


def gear_folder(lake: Lake, gear_id: str) -> Path:
    """The folder of the answers about one piece of gear. Raises ValueError if the id can't be a folder's name."""
    if not gear_id.isalnum():
        raise ValueError("a gear id has letters and digits only")  # it becomes a folder's name
    return lake.gear / gear_id
