"""Drives that never were: what a phone sends of them and what the car answers, as steps of a scenario. No assertions."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from strava_pipeline.lake.journal import Writer
from strava_pipeline.lake.paths import Lake
from strava_pipeline.trips.car.rules.config import CarConfig, config_json
from strava_pipeline.trips.car.rules.lines import AnswerLine, CarReading, ReceivedLine, line_bytes

Step = dict[str, Any]
MORNING = datetime(2026, 3, 4, 6, 30, tzinfo=UTC)
DEGREE_KM = 111.195
LNG = 4.654321


def config(user_id: str = "anna", **changes: Any) -> dict[str, Any]:
    """One car with an API, an office 8 km to the north of home, a school on the way where the car waits."""
    return {
        "user_id": user_id,
        "timezone": "Europe/Amsterdam",
        "cars": [{"car_id": "zoe", "name": "Blue Zoe", "has_credentials": True}],
        "locations": [
            {"name": "Office", "kind": "office", "lat": 51.0 + 8 / DEGREE_KM, "lng": LNG, "radius_m": 150},
            {"name": "School", "kind": "skip", "lat": 51.0 + 4 / DEGREE_KM, "lng": 4.2, "radius_m": 200},
        ],
        **changes,
    }


def at(km: float) -> dict[str, float]:
    """A place so far to the north of home."""
    return {"lat": round(51.0 + km / DEGREE_KM, 7), "lng": LNG}


def moment(when: datetime) -> str:
    return when.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def drive(
    begin: datetime = MORNING, km: int = 8, *, odometer: float = 20_000.0, every: float = 70, car: str = "zoe"
) -> list[Step]:
    """Home to `km` to the north, a kilometre a ping, then three pings beside the parked car."""
    steps = []
    for number in range(km + 1):
        where = at(number)
        answer = {"is_parked": False, "odometer": odometer + number, **where}
        steps.append(_step(begin + timedelta(seconds=every * number), "ping", where, {car: answer}))
    for number in range(km + 1, km + 4):
        where = at(km)
        answer = {"is_parked": True, "odometer": odometer + km, **where}
        steps.append(_step(begin + timedelta(seconds=every * number), "ping", where, {car: answer}))
    return steps


def nobody_drives(begin: datetime) -> list[Step]:
    """Three pings on foot: a trip that is none."""
    answer = {"is_parked": True, "odometer": 1.0, **at(0)}
    return [_step(begin + timedelta(seconds=70 * number), "ping", at(0), {"zoe": answer}) for number in range(3)]


def _step(when: datetime, event: str, gps: dict[str, float], api: dict[str, Any]) -> Step:
    return {"t": moment(when), "event": event, "gps": gps, "api": api}


def body_of(step: Step) -> dict[str, Any]:
    """What the phone sends of it."""
    return {name: value for name, value in step.items() if name in ("t", "event", "gps", "bluetooth")}


def scenarios(*told: tuple[dict[str, Any], Sequence[Step]]) -> dict[str, Any]:
    """The document that `serve --scripted` and `trips car replay` take."""
    listed = [
        {"id": f"made-{number}", "title": "made", "covers": [], "config": one, "steps": list(steps)}
        for number, (one, steps) in enumerate(told)
    ]
    return {"format": "car-tracker-scenarios/1", "scenarios": listed}


@dataclass
class Log:
    """Writes lines into an inbox as the intake would, each a second after its time."""

    lake: Lake
    count: int = 0

    def config(self, told: CarConfig, when: datetime = MORNING - timedelta(days=1)) -> None:
        self.put([self.kept("config", told.user_id, when, json.dumps(config_json(told)))], when)

    def kept(self, kind: Any, user_id: str, when: datetime, body: str) -> ReceivedLine:
        self.count += 1
        return ReceivedLine(id=f"{self.count:06}", kind=kind, user_id=user_id, received_at=when, body=body)

    def lines(
        self, step: Step, user_id: str = "anna", came: datetime | None = None
    ) -> Iterator[ReceivedLine | AnswerLine]:
        """What came, and all that anybody could have asked."""
        when = datetime.fromisoformat(step["t"])
        line = self.kept(step["event"], user_id, came or when + timedelta(seconds=1), json.dumps(body_of(step)))
        yield line
        cars = tuple(
            CarReading(car_id=car, answered_at=when, error="unavailable")
            if answer == "error"
            else CarReading(car_id=car, answered_at=when, **answer)
            for car, answer in step.get("api", {}).items()
        )
        yield AnswerLine(to=line.id, user_id=user_id, cars=cars)

    def steps(self, steps: Sequence[Step], user_id: str = "anna") -> None:
        for step in steps:
            self.put(list(self.lines(step, user_id)), datetime.fromisoformat(step["t"]))

    def put(self, lines: Sequence[ReceivedLine | AnswerLine], when: datetime) -> None:
        writer = Writer(self.lake.inbox_pings, most_waiting=1_000_000_000)
        try:
            writer.append([line_bytes(line) for line in lines], when)
        finally:
            writer.close()
