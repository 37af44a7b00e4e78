"""What is told of trips by car: the state of each user now, published trips, and what other limits would have made of the log."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from strava_pipeline.core.pings.lines import Answered, Kept
from strava_pipeline.core.pings.users import User
from strava_pipeline.core.trips.car.config import DEFAULT_LIMITS, Limits
from strava_pipeline.core.trips.car.trip import Trip
from strava_pipeline.lake.car_trips import Replay, last_replay
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.ping_log import waiting_lines
from strava_pipeline.lake.sql import sql
from strava_pipeline.lake.warehouse import Connection


def users_now(lake: Lake) -> dict[str, User]:
    """Each user after everything that came; what no car was asked about yet counts as unanswered."""
    waiting, replay, known = waiting_lines(lake), last_replay(lake), set[str]()
    replay.run(lake, DEFAULT_LIMITS, lambda line, *_: known.add(line.id))
    answers = {line.to: line for line in waiting if isinstance(line, Answered)}
    for line in waiting:
        if isinstance(line, Kept) and line.id not in known:  # a run may just have taken it in
            replay.take(line, answers.get(line.id), DEFAULT_LIMITS)
    return replay.users


def published_trips(connection: Connection, user_id: str | None, year: int | None, most: int) -> list[dict[str, Any]]:
    """The newest trips first, without positions."""
    found = connection.execute(sql("car_trips_listed"), {"user": user_id, "year": year, "most": most})
    names = [column[0] for column in found.description or ()]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


_COMPARED = ("end_time", "car_id", "distance_km", "distance_source", "classification", "via")


@dataclass(frozen=True, slots=True)
class Different:
    """A trip by its start; `before`, `after`: what it is with the usual limits and with others, None: no trip."""

    trip_id: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None


@dataclass(slots=True)
class Comparison:
    """`unknown`: how often the tracker asked with other limits what nobody had asked at that time."""

    trips_before: int
    trips_after: int
    cancelled_before: int
    cancelled_after: int
    unknown: int
    different: list[Different] = field(default_factory=list)


def compared(lake: Lake, limits: Limits) -> Comparison:
    """All of bronze replayed with the usual limits and with `limits`."""
    before, after = Replay(), Replay()
    before.run(lake, DEFAULT_LIMITS)
    after.run(lake, limits)
    old, new = _by_id(before), _by_id(after)
    found = Comparison(
        len(old),
        len(new),
        len(before.outcomes.cancellations),
        len(after.outcomes.cancellations),
        len(after.unknown - before.unknown),
    )
    for trip_id in sorted(old.keys() | new.keys()):
        if old.get(trip_id) != new.get(trip_id):
            found.different.append(Different(trip_id, old.get(trip_id), new.get(trip_id)))
    return found


def _by_id(replay: Replay) -> dict[str, dict[str, Any]]:
    return {trip.trip_id: _told(trip) for trip, _, _ in replay.outcomes.trips}


def _told(trip: Trip) -> dict[str, Any]:
    return {name: getattr(trip, name) for name in _COMPARED}
