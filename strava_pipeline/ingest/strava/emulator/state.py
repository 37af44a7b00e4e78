"""The memory of one emulated Strava, built from its configuration: a generated athlete, or the activities of a dataset file.

No HTTP: the paths in api.py, application_api.py, changes.py and app.py read and change it.
"""

import gzip
import json
import zlib
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfoNotFoundError

from strava_pipeline.emulator.base import EmulatedService
from strava_pipeline.emulator.deliveries import Deliveries
from strava_pipeline.emulator.generate.activities import Activity, Athlete
from strava_pipeline.emulator.generate.places import zone_info
from strava_pipeline.emulator.generate.recordings import recorded_streams
from strava_pipeline.emulator.generate.training import GEAR
from strava_pipeline.emulator.service import Clock, EmulatorConfigError, Json
from strava_pipeline.ingest.strava.emulator.activities import Pager, Row, Store, epoch_of
from strava_pipeline.ingest.strava.emulator.application import (
    UNLIMITED,
    EmulatorConfig,
    Subscriptions,
    TokenStore,
    Usage,
)
from strava_pipeline.ingest.strava.emulator.details import detail_of
from strava_pipeline.ingest.strava.emulator.summaries import detailed_athlete, detailed_gear, summary_gear, summary_of

API = "/api/v3"
DEFAULT_ATHLETE_ID = 3_412_345_678  # beyond 2^31, as athletes' ids may be


@dataclass
class State(EmulatedService):
    """The memory of one emulated Strava. `generator` makes all activities, or with a dataset only those added on order."""

    title, api = "Strava", API
    activity, identifier = r"/activities/(\d+)", r"(?<=/)(?:b|g)?\d+(?=/|$)"

    config: EmulatorConfig
    store: Store
    athlete: Json
    gear: dict[str, Json]
    generator: "ActivityGenerator"
    tokens: TokenStore
    usage: Usage
    pager: Pager
    subscriptions: Subscriptions
    deliveries: Deliveries
    uploads: list[Json] = field(default_factory=list)  # the Upload objects of files that were sent, see uploads.py


def build_state(config: EmulatorConfig) -> State:
    """The state at the start of an emulator; raises EmulatorConfigError for a dataset that can't be served."""
    if config.dataset is not None:
        activities = read_dataset(config.dataset)
        athlete_id = config.athlete_id or athlete_of(activities) or DEFAULT_ATHLETE_ID
        generator = ActivityGenerator(Athlete(config.seed, 0, config.years, config.now), athlete_id)
        store, gear = Store(Row.of_document(activity) for activity in activities), gear_of(activities)
    else:
        athlete_id = config.athlete_id or DEFAULT_ATHLETE_ID
        until = config.recorded_until or config.now
        generator = ActivityGenerator(
            Athlete(config.seed, config.activities, config.years, until), athlete_id, config.point_seconds
        )
        store, gear = Store(generator.rows()), generator.gear()
    return State(
        clock=Clock(config.now, config.speed),
        config=config,
        store=store,
        athlete=detailed_athlete(config, athlete_id, gear),
        gear={item["id"]: item for item in gear},
        generator=generator,
        tokens=TokenStore(config.seed, config.token_lifetime),
        usage=Usage(config.limits or UNLIMITED),
        pager=Pager(config.seed, config.short_pages),
        subscriptions=Subscriptions(config.seed, config.client_id),
        deliveries=Deliveries(config.seed),
    )


class ActivityGenerator:
    """The made-up athlete's activities as rows for the store; documents are made whenever a client asks for them."""

    def __init__(self, athlete: Athlete, athlete_id: int, point_seconds: int | None = None) -> None:
        self._athlete, self._athlete_id, self._seconds = athlete, athlete_id, point_seconds
        self._summary_gear: dict[str, Json] = {}

    def rows(self) -> list[Row]:
        """A row for each activity drawn at the start, oldest first."""
        return [self._row(activity, float("-inf")) for activity in self._athlete.activities]

    def gear(self) -> list[Json]:
        """DetailedGear of the gear in use; distances are those of the activities drawn at the start."""
        distances = self._athlete.gear_distances()
        return [detailed_gear(gear, distances[gear.id]) for gear in GEAR if gear.id in distances]

    def add(self, order: Json, identity: int, now: datetime) -> Row:
        """An activity by `start_date`, `timezone` and `sport_type`, all optional; it appears when it is over.

        Raises ValueError for a date or a time zone that can't be read.
        """
        start = epoch_of(order.get("start_date", now.isoformat()))
        zone = str(order.get("timezone", "Europe/Berlin")).rpartition(" ")[2]
        try:
            zone_info(zone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"There is no time zone {zone!r}.") from error
        activity = self._athlete.add(identity, start, zone, str(order.get("sport_type", "Ride")))
        end = activity.start + activity.elapsed
        return self._row(activity, float("-inf") if end <= now.timestamp() else end)

    def summary(self, activity: Activity) -> Json:
        """The SummaryActivity of an activity."""
        return summary_of(self._athlete.seed, self._athlete_id, activity)

    def detail(self, activity: Activity) -> Json:
        """The DetailedActivity of an activity, with all efforts."""
        if not self._summary_gear:
            self._summary_gear = {item["id"]: summary_gear(item) for item in self.gear()}
        gear = self._summary_gear.get(activity.gear_id) if activity.gear_id else None
        return detail_of(self._athlete.seed, self._athlete_id, activity, gear)

    def streams(self, activity: Activity) -> dict[str, list[Any]] | None:
        """The streams of an activity by key; None without a recording."""
        return recorded_streams(self._athlete.seed, activity, self._seconds)

    def _row(self, activity: Activity, appears: float) -> Row:
        return Row(
            id=activity.id,
            start=activity.start,
            appears=appears,
            only_me=activity.private,
            source=_GeneratedSource(self, activity),
        )


@dataclass(frozen=True, slots=True)
class _GeneratedSource:
    """The documents of one generated activity."""

    generator: "ActivityGenerator"
    activity: Activity

    def summary(self) -> Json:
        return self.generator.summary(self.activity)

    def detail(self) -> Json:
        return self.generator.detail(self.activity)

    def streams(self) -> dict[str, list[Any]] | None:
        return self.generator.streams(self.activity)


def read_dataset(path: Path) -> list[Json]:
    """The activities of a JSON file, plain or gzipped: an array, or one activity. With equal ids the last one counts.

    Activities stay unchanged. Raises EmulatorConfigError with the position of an entry that isn't an activity.
    """
    activities: dict[int, Json] = {}
    for index, item in enumerate(_items(path)):
        if not isinstance(item, dict):
            raise EmulatorConfigError(f"{path}: entry {index} is {type(item).__name__}, not an activity object.")
        try:
            row = Row.of_document(item)
        except ValueError as error:
            raise EmulatorConfigError(f"{path}: entry {index} can't be served: {error}.") from error
        activities.pop(row.id, None)
        activities[row.id] = item
    return list(activities.values())


def athlete_of(activities: list[Json]) -> int | None:
    """The id of the athlete who owns most of the activities; None if none names an owner."""
    owners = Counter(
        owner["id"]
        for activity in activities
        if isinstance(owner := activity.get("athlete"), dict) and isinstance(owner.get("id"), int)
    )
    return owners.most_common(1)[0][0] if owners else None


def gear_of(activities: list[Json]) -> list[Json]:
    """DetailedGear of all gear in use, from the details that hold it; otherwise only its id and distance are filled."""
    distances: Counter[str] = Counter()
    documents: dict[str, Json] = {}
    for activity in activities:
        gear_id = activity.get("gear_id")
        if isinstance(gear_id, str):
            distances[gear_id] += activity.get("distance") or 0
        gear = activity.get("gear")
        if isinstance(gear, dict) and isinstance(gear.get("id"), str):
            documents[gear["id"]] = gear
    return [
        {**(documents.get(gear_id) or _bare_gear(gear_id, distances[gear_id])), "resource_state": 3}
        for gear_id in sorted({*distances, *documents})
    ]


def _bare_gear(gear_id: str, distance: float) -> Json:
    return {
        "id": gear_id,
        "primary": False,
        "name": f"Gear {gear_id}",
        "nickname": "",
        "resource_state": 3,
        "retired": False,
        "distance": round(distance),
        "converted_distance": round(distance / 1000, 1),
    }


def _items(path: Path) -> list[Any]:
    try:
        raw = path.read_bytes()
        content = json.loads(gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw)  # gzip's magic number, RFC 1952
    except (OSError, ValueError, EOFError, zlib.error) as error:
        raise EmulatorConfigError(f"{path} can't be read, or is not JSON (or gzipped JSON): {error}.") from error
    return content if isinstance(content, list) else [content]
