"""An athlete at five emulated services: what is recorded, renamed and deleted at each, what each holds, and what was written there."""

import json
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Protocol

from openpyxl import load_workbook

from strava_pipeline.core.sheets.header import MILE
from strava_pipeline.emulator.services import Service
from strava_pipeline.ingest.garmin.emulator.entries import entry
from strava_pipeline.ingest.intervals_icu.emulator.app import row_of
from strava_pipeline.ingest.ridewithgps.emulator.service import gear_of_detail
from strava_pipeline.ingest.strava.emulator import changes
from strava_pipeline.ingest.strava.emulator.state import State
from strava_pipeline_tests.patience import PATIENCE

_CLOCK = timezone(timedelta(hours=1))  # the athlete's
Facts = tuple[str | None, str]
"""What is compared of an activity: its name, and its start (UTC), or its day where there is no more."""


@dataclass(frozen=True, slots=True)
class Effort:
    """What the athlete did, as every service records it."""

    start: datetime
    seconds: int
    metres: float


class Place(Protocol):
    """The athlete's activities at one service. Ids are the service's own, as text."""

    def ids(self) -> list[str]: ...

    def add(self, effort: Effort, name: str) -> None: ...

    def rename(self, key: str, name: str) -> None: ...

    def delete(self, key: str) -> None: ...

    def other_gear(self, key: str, chance: random.Random) -> None:
        """Have another piece of gear at an activity, where that can be said."""
        ...

    def holds(self) -> dict[str, Facts]: ...

    @property
    def journal(self) -> Any: ...

    @property
    def clock(self) -> Any: ...


class AtStrava:
    def __init__(self, state: State) -> None:
        self.state, self.journal, self.clock = state, state.journal, state.clock

    def ids(self) -> list[str]:
        return [str(row.id) for row in self.state.store.existing(self.state.epoch)]

    def add(self, effort: Effort, name: str) -> None:
        document = {
            "name": name,
            "sport_type": "Ride",
            "start_date": f"{effort.start:%Y-%m-%dT%H:%M:%SZ}",
            "utc_offset": 3600.0,
            "timezone": "(GMT+01:00) Europe/Vienna",
            "distance": effort.metres,
            "moving_time": effort.seconds,
            "elapsed_time": effort.seconds,
        }
        changes.add(self.state, {"activity": document})

    def rename(self, key: str, name: str) -> None:
        changes.edit(self.state, {"id": int(key), "set": {"name": name}})

    def applaud(self, key: str, kudos: int) -> None:
        changes.edit(self.state, {"id": int(key), "set": {"kudos_count": kudos}})

    def delete(self, key: str) -> None:
        self.clock.advance(1)  # as at Strava, after all that was said of it
        changes.delete(self.state, {"id": int(key)})

    def other_gear(self, key: str, chance: random.Random) -> None:
        changes.edit(self.state, {"id": int(key), "set": {"gear_id": chance.choice(sorted(self.state.gear))}})

    def holds(self) -> dict[str, Facts]:
        rows = (row.source.summary() for row in self.state.store.existing(self.state.epoch))
        return {str(row["id"]): (row["name"], row["start_date"].rstrip("Z")) for row in rows}


class AtGarmin:
    def __init__(self, state: Any) -> None:
        self.state, self.journal, self.clock = state, state.journal, state.clock

    def ids(self) -> list[str]:
        return [str(key) for key in self.state.activities]

    def add(self, effort: Effort, name: str) -> None:
        key = max(self.state.activities) + 100
        began = (effort.start + timedelta(seconds=2)).astimezone(_CLOCK)
        measures = dict.fromkeys(("seconds", "movingDuration"), float(effort.seconds)) | {"distance": effort.metres}
        self.state.activities[key] = entry(key, name, "cycling", began, **measures)

    def rename(self, key: str, name: str) -> None:
        self.state.activities[int(key)]["activityName"] = name

    def delete(self, key: str) -> None:
        del self.state.activities[int(key)]

    def other_gear(self, key: str, chance: random.Random) -> None:
        self.state.linked[int(key)] = [chance.choice(self.state.gear)["uuid"]]

    def holds(self) -> dict[str, Facts]:
        return {
            str(key): (row["activityName"], row["startTimeGMT"].replace(" ", "T"))
            for key, row in self.state.activities.items()
        }


class AtIntervals:
    def __init__(self, state: Any) -> None:
        self.state, self.journal, self.clock = state, state.journal, state.clock

    def ids(self) -> list[str]:
        return [key for key, row in self.state.activities.items() if row.get("source") != "STRAVA"]

    def add(self, effort: Effort, name: str) -> None:
        key = f"i{90_000_000 + len(self.state.activities) + int(effort.start.timestamp())}"
        began = (effort.start + timedelta(seconds=1)).astimezone(_CLOCK)
        measures = {"distance": effort.metres, "moving_time": effort.seconds, "elapsed_time": effort.seconds}
        more = {"type": "Ride", "name": name, "timezone": "Europe/Vienna", "source": "UPLOAD", **measures}
        self.state.put(row_of(key, self.state.athlete, began, **more))

    def rename(self, key: str, name: str) -> None:
        self.state.put({**self.state.activities[key], "name": name})

    def delete(self, key: str) -> None:
        self.state.delete(key)

    def other_gear(self, key: str, chance: random.Random) -> None:
        piece = chance.choice(self.state.gear)["id"]
        gear = {"id": piece, "name": None, "distance": None, "primary": False}
        self.state.put({**self.state.activities[key], "gear": gear})

    def holds(self) -> dict[str, Facts]:
        rows = self.state.activities
        return {key: (rows[key].get("name"), rows[key]["start_date"].rstrip("Z")) for key in self.ids()}


class AtRideWithGps:
    def __init__(self, state: Any) -> None:
        self.state, self.journal, self.clock = state, state.journal, state.clock

    def ids(self) -> list[str]:
        return [str(key) for key in self.state.trips]

    def add(self, effort: Effort, name: str) -> None:
        began = effort.start.astimezone(_CLOCK).isoformat()
        measures = {"duration": effort.seconds, "moving_time": effort.seconds, "distance": round(effort.metres)}
        self.state.add(max(self.state.trips) + 7, began, name=name, **measures)

    def rename(self, key: str, name: str) -> None:
        self.state.edit(int(key), name=name)

    def delete(self, key: str) -> None:
        self.state.delete(int(key))

    def other_gear(self, key: str, chance: random.Random) -> None:
        self.state.edit(int(key), gear=gear_of_detail(chance.choice(self.state.gear)))

    def holds(self) -> dict[str, Facts]:
        return {
            str(key): (trip["name"], f"{datetime.fromisoformat(trip['departed_at']).astimezone(UTC):%Y-%m-%dT%H:%M:%S}")
            for key, trip in self.state.trips.items()
        }


class AtTable:
    """The owner's own table: a row has no id, so its key is its place among the rows."""

    journal = clock = None

    def __init__(self, path: Path) -> None:
        self.path = path

    def ids(self) -> list[str]:
        return [str(place) for place in range(len(self._rows()))]

    def add(self, effort: Effort, name: str) -> None:
        local = effort.start.astimezone(_CLOCK).replace(tzinfo=None, second=0)
        row = {
            "start_time": local,
            "activity_type": "Ride",
            "duration_hms": timedelta(seconds=effort.seconds),
            "distance": round(effort.metres / MILE, 2),
            "notes": name,
        }
        self._change(lambda page, titles: page.append([row.get(title) for title in titles]))

    def rename(self, key: str, name: str) -> None:
        self._change(lambda page, titles: page.cell(int(key) + 2, titles.index("notes") + 1, name))

    def delete(self, key: str) -> None:
        self._change(lambda page, _: page.delete_rows(int(key) + 2))

    def other_gear(self, key: str, chance: random.Random) -> None:
        """Its owner writes that once."""

    def holds(self) -> dict[str, Facts]:
        return {str(place): (row["notes"], str(row["start_time"])[:10]) for place, row in enumerate(self._rows())}

    def _rows(self) -> list[dict[str, Any]]:
        titles, *rows = load_workbook(self.path).worksheets[0].iter_rows(values_only=True)
        return [dict(zip(map(str, titles), row, strict=True)) for row in rows if any(row)]

    def _change(self, change: Callable[[Any, list[str]], Any]) -> None:
        book = load_workbook(self.path)
        page = book.worksheets[0]
        change(page, [str(cell.value) for cell in page[1]])
        book.save(self.path)


def places_of(strava: State, services: Mapping[str, Service], table: Path) -> dict[str, Place]:
    """Where the athlete's activities are, by source."""
    kinds = {"garmin": AtGarmin, "intervals_icu": AtIntervals, "ridewithgps": AtRideWithGps}
    found: dict[str, Place] = {"strava": AtStrava(strava), "spreadsheet": AtTable(table)}
    for name, kind in kinds.items():
        app = services[name].app
        assert app is not None
        found[name] = kind(app.state.emulator)
    return found


def all_answered(places: Mapping[str, Place]) -> None:
    """Wait for what a killed process still asked."""
    deadline = time.monotonic() + PATIENCE
    while any(place.journal is not None and place.journal.open for place in places.values()):
        assert time.monotonic() < deadline
        time.sleep(0.001)


def written(place: Place, since: int) -> list[str]:
    """The requests that changed something, beginning with the one of number `since`: path and body, as text."""
    return [
        f"{call['path']} {json.dumps(call['body'], ensure_ascii=False)}"
        for call in place.journal.writes[since:]
        if call["status"] < 300
    ]
