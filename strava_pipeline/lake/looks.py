"""The last look of the sensor for requests, data/inbox/requests/.looked: whether anybody looks, and what is due.

Pages read it, because they don't import Dagster. The requests themselves are requests.py's.
"""

from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import AwareDatetime, BaseModel

from strava_pipeline.lake.files import record_in, write_whole
from strava_pipeline.lake.locks import locked
from strava_pipeline.lake.paths import Lake

ALIVE = timedelta(minutes=5)  # the sensor looks every minute; a busy machine is late
_LOOKED = ".looked"  # the sensor's last look
_OFTEN = timedelta(hours=1)  # between two ticks of a schedule that only looks for work


def requests_folder(lake: Lake) -> Path:
    """The folder of requests and their states."""
    return lake.data_dir / "inbox" / "requests"


class ScheduleTicks(BaseModel, frozen=True):
    """A schedule that is on: its description, and its next two ticks."""

    what: str
    ticks: tuple[AwareDatetime, AwareDatetime]


class _Look(BaseModel, frozen=True):
    at: AwareDatetime
    schedules: tuple[ScheduleTicks, ...]


def note_look(lake: Lake, at: datetime, schedules: Iterable[ScheduleTicks]) -> None:
    """Record that the sensor looked for requests, and what is due, for pages: they don't import Dagster."""
    mark = requests_folder(lake) / _LOOKED
    with suppress(OSError), locked(lake, "requests"):  # who takes an import has seen this, or we see that
        mark.parent.mkdir(parents=True, exist_ok=True)
        write_whole(mark, _Look(at=at.astimezone(UTC), schedules=tuple(schedules)).model_dump_json().encode())


def _look(lake: Lake) -> _Look | None:
    return record_in(requests_folder(lake) / _LOOKED, _Look)


def _late_look(lake: Lake, now: datetime) -> _Look | None:
    """The sensor's last look, if it is so late that the sensor is at work."""
    look = _look(lake)
    return look if look is not None and abs(now - look.at) < ALIVE else None


def looked_at(lake: Lake) -> datetime | None:
    """When the sensor last looked for requests (UTC), or None."""
    look = _look(lake)
    return None if look is None else look.at


def due_runs(lake: Lake, now: datetime) -> list[tuple[datetime, str]]:
    """When each schedule that is on begins its next run, and what that does: the next one first, those that only look for
    work last. Empty where nobody looked lately.
    """
    look = _late_look(lake, now)
    found = ((each.what, *each.ticks) for each in (look.schedules if look else ()))
    due = sorted((later - first < _OFTEN, first if first > now else later, what) for what, first, later in found)
    return [(at, what) for _, at, what in due]


def is_anybody_looking(lake: Lake, now: datetime) -> bool:
    """Whether the sensor looked for requests lately."""
    return _late_look(lake, now) is not None
