"""The log of pings: from the inbox into bronze, and from bronze in its order. No trips.

Bronze is final: a ping goes there together with the answers it caused. The name of a file says which part of which
segment it contains, so that nothing is stored twice, whenever a process dies. The mover holds LOCK. Files never change,
so the cars' answers in each are counted once and the counts stored.
"""

import gzip
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.core.numbers import Numbers, sentence
from strava_pipeline.core.text import counted
from strava_pipeline.lake.files import from_stamp, packed, stamp, unpacked, write_whole
from strava_pipeline.lake.journal import Line as Read
from strava_pipeline.lake.journal import delete_read, has_unread, unread
from strava_pipeline.lake.paths import Lake
from strava_pipeline.trips.car.rules.lines import AnswerLine, Line, ReceivedLine, parse_line, whole_part

LOCK = "pings"
ENDING = ".ndjson.gz"
_FILE = "car_readings.json"


@dataclass(slots=True)
class PingIntake(Numbers):
    """The lines moved to bronze now. `left`: lines that wait for an answer, or for earlier lines."""

    pings: Counter[int] = field(default_factory=Counter, repr=False)  # by year of arrival
    readings: int = field(default=0, repr=False)
    left: int = field(default=0, repr=False)
    safety_nets_sent: int = 0
    not_ours: int = field(default=0, repr=False)

    def shown(self) -> dict[str, Any]:
        return {"pings_received": self.pings.total(), **Numbers.shown(self)}

    def __str__(self) -> str:
        nets = f"safety nets for silent trips: {self.safety_nets_sent}"
        return sentence(f"Took in {counted(self.pings.total(), 'ping')}", (self.safety_nets_sent, nets))


def move_to_bronze(lake: Lake, now: datetime) -> PingIntake:
    """Move finished lines from the inbox into bronze: a file for each segment that contained them."""
    report = PingIntake()
    lines = [(line, parse_line(line.content)) for line in unread(lake.inbox_pings, _read_so_far(lake))]
    whole = whole_part([what for _, what in lines], now)
    report.left = len(lines) - whole
    came = {what.id for _, what in lines[:whole] if isinstance(what, ReceivedLine)}
    answers = {
        what.to: line for line, what in reversed(lines[:whole]) if isinstance(what, AnswerLine) and what.to in came
    }
    at = max(now, from_stamp(newest.partition(".")[0]) if (newest := newest_file(lake)) else now)
    for segment, part in groupby(lines[:whole], key=lambda pair: pair[0].segment):
        at += timedelta(microseconds=1)
        _land(lake, segment.partition(".")[0], list(part), answers, at)
    _count(report, [what for _, what in lines[:whole]])
    delete_read(lake.inbox_pings, _read_so_far(lake))
    return report


def has_unread_pings(lake: Lake) -> bool:
    """Whether the inbox contains lines that are not in bronze."""
    return has_unread(lake.inbox_pings, _read_so_far(lake))


def waiting_lines(lake: Lake) -> list[Line]:
    """The lines that are in the inbox and not in bronze."""
    parsed = (parse_line(line.content) for line in unread(lake.inbox_pings, _read_so_far(lake)))
    return [line for line in parsed if line is not None]


def newest_file(lake: Lake) -> str | None:
    """The name of the newest file in bronze."""
    return max((path.name for path in lake.pings.glob(f"*/*{ENDING}")), default=None)


def bronze_files(
    lake: Lake, after: str | None = None
) -> Iterator[tuple[str, list[tuple[ReceivedLine, AnswerLine | None]]]]:
    """The files of bronze after `after`, in order: each line with the answer it caused."""
    paths = [path for path in lake.pings.glob(f"*/*{ENDING}") if after is None or path.name > after]
    for path in sorted(paths, key=lambda path: path.name):
        answers: dict[str, AnswerLine] = {}
        for line in lines_in(lake.car_readings / path.parent.name / path.name):
            if isinstance(line, AnswerLine):
                answers.setdefault(line.to, line)
        yield path.name, [(line, answers.get(line.id)) for line in lines_in(path) if isinstance(line, ReceivedLine)]


def _land(
    lake: Lake, segment: str, part: Sequence[tuple[Read, Line | None]], answers: Mapping[str, Read], at: datetime
) -> None:
    """Write the lines, and the answers they caused in another file. The file of the lines is written last and makes
    both count.
    """
    came = [line for line, what in part if not isinstance(what, AnswerLine)]
    ids = {what.id for _, what in part if isinstance(what, ReceivedLine)}
    answered = [line for key, line in answers.items() if key in ids]
    late = [line for line, what in part if isinstance(what, AnswerLine) and what.to not in answers]
    year, name = f"{at:%Y}", f"{stamp(at)}.{segment}.{part[-1][0].offset}{ENDING}"
    if answered or late:
        write_whole(lake.car_readings / year / name, _packed([*answered, *late], at))
    write_whole(lake.pings / year / name, _packed(came, at))


def _packed(lines: Sequence[Read], at: datetime) -> bytes:
    return packed(b"".join(line.content + b"\n" for line in lines), at)


def lines_in(path: Path) -> Iterator[Line | None]:
    """The lines of a file of bronze; empty without the file. Raises PipelineError if it is damaged."""
    try:
        content = unpacked(path)
    except FileNotFoundError:
        return
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise PipelineError(
            f"{path} is damaged ({type(error).__name__}), and the trips by car are made of it. Bring it back from a backup; or "
            "move it away, and what it held is lost: strava-pipeline rebuild makes the trips of the rest."
        ) from error
    for text in content.splitlines():
        yield parse_line(text)


def _read_so_far(lake: Lake) -> dict[str, int]:
    """By segment, how many bytes are in bronze."""
    done: dict[str, int] = {}
    for path in lake.pings.glob(f"*/*{ENDING}"):
        _, segment, end, *_ = path.name.split(".")
        done[f"{segment}.ndjson"] = max(int(end), done.get(f"{segment}.ndjson", 0))
    return done


def _count(report: PingIntake, lines: Sequence[Line | None]) -> None:
    for line in lines:
        if line is None:
            report.not_ours += 1
        elif isinstance(line, ReceivedLine):
            report.pings[line.received_at.year] += line.kind not in ("config", "clock")
        else:
            report.readings += len(line.cars)


class ReadingCounts(BaseModel, frozen=True):
    """Counts of a year's files up to `newest`: files, answers of cars, and the errors among the answers, by kind."""

    files: int = 0
    newest: str = ""
    readings: int = 0
    errors: dict[str, int] = {}


_KEPT = TypeAdapter(dict[int, ReadingCounts])


def count_readings(lake: Lake, years: Sequence[int]) -> dict[int, ReadingCounts]:
    """The counts of these years of arrival (UTC). Raises PipelineError for a damaged file."""
    known = _known(lake)
    found = {year: _count_year(lake, year, known.get(year, ReadingCounts())) for year in years}
    if known | found != known:
        write_whole(lake.state / _FILE, _KEPT.dump_json(known | found))
    return found


def _count_year(lake: Lake, year: int, before: ReadingCounts) -> ReadingCounts:
    answered, came = (
        {path.name for path in (of / str(year)).glob(f"*{ENDING}")} for of in (lake.car_readings, lake.pings)
    )
    names = sorted(answered & came)  # a run that died in between left answers without lines: they come again
    if sum(name <= before.newest for name in names) != before.files:  # files were lost, or restored
        before = ReadingCounts()
    new = [name for name in names if name > before.newest]
    lines = [line for name in new for line in lines_in(lake.car_readings / str(year) / name)]
    cars = [read for line in lines if isinstance(line, AnswerLine) for read in line.cars]
    errors = Counter(read.error for read in cars if read.error is not None)
    return ReadingCounts(
        files=len(names),
        newest=names[-1] if names else "",
        readings=before.readings + len(cars),
        errors=errors + Counter(before.errors),
    )


def known_readings(lake: Lake) -> list[ReadingCounts]:
    """The counts of each year, as the last run stored them."""
    return list(_known(lake).values())


def _known(lake: Lake) -> dict[int, ReadingCounts]:
    try:
        return _KEPT.validate_json((lake.state / _FILE).read_bytes())
    except (FileNotFoundError, ValidationError):
        return {}
