"""The lines of the log of pings, as the inbox and bronze keep them: what was received, and what was answered at its moment.

Names and shapes only. Whatever decides anything about a trip stands in these lines, so that a replay needs nothing else.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from secrets import token_hex
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

MOMENT = timedelta(seconds=60)
"""How long after a ping the answers of cars and routers are waited for; then the ping counts as unanswered for good."""

_FROZEN = ConfigDict(frozen=True)


class Kept(BaseModel):
    """Something received. `body`, `query`: as received; of a `config` and a `clock`: ours.

    `id` is unique; `received_at` is our machine's time. `scripted`: a scripted car answers, and the script's times count.
    """

    model_config = _FROZEN

    id: str
    kind: Literal["ping", "start", "end", "clock", "config"]
    user_id: str
    received_at: AwareDatetime
    body: str
    query: str = ""
    scripted: bool = False


class Read(BaseModel):
    """What a car answered. `measured_at`: when the car itself measured it, where it says so; `error`: why there is no answer."""

    model_config = _FROZEN

    car_id: str
    answered_at: AwareDatetime
    measured_at: AwareDatetime | None = None
    is_parked: bool | None = None
    odometer: float | None = None
    lat: float | None = None
    lng: float | None = None
    error: str | None = None

    @property
    def at(self) -> datetime:
        return self.measured_at or self.answered_at


class Routed(BaseModel):
    """What a router answered: kilometres, or None. `key` stands for the points that it was asked about."""

    model_config = _FROZEN

    key: str
    km: float | None


class Answered(BaseModel):
    """All answers to questions asked because of one line, whose id is `to`. There may be none."""

    model_config = _FROZEN

    to: str
    user_id: str
    cars: tuple[Read, ...] = ()
    routes: tuple[Routed, ...] = ()


Line = Kept | Answered


def new_id(at: datetime) -> str:
    """A unique id for a line received at `at`."""
    return f"{at.astimezone(UTC):%Y%m%dT%H%M%S%fZ}-{token_hex(4)}"


def to_bytes(line: Line) -> bytes:
    return line.model_dump_json(exclude_defaults=True).encode()


def from_bytes(text: bytes) -> Line | None:
    """The line; None where it is none of ours."""
    try:
        return (Answered if text.startswith(b'{"to"') else Kept).model_validate_json(text)
    except ValidationError:
        return None


def whole_part(lines: Sequence[Line | None], now: datetime) -> int:
    """How many of the first lines are complete: each line in them has its answers there too, or no longer waits for any."""
    whole, unanswered = 0, set[str]()
    for number, line in enumerate(lines, start=1):
        if isinstance(line, Answered):
            unanswered.discard(line.to)
        elif line is not None and line.kind != "config" and abs(now - line.received_at) <= 2 * MOMENT:
            unanswered.add(line.id)
        if not unanswered:
            whole = number
    return whole
