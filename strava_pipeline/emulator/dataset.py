"""Reads a dataset file: a JSON array of activities (or one activity), plain or gzipped, to be served as they are.

Nothing is corrected or filled in; what can't be an activity at all is refused with its position in the file.
"""

import gzip
import json
import zlib
from collections import Counter
from pathlib import Path
from typing import Any, NoReturn

from strava_pipeline.emulator.errors import EmulatorConfigError
from strava_pipeline.emulator.store import Row
from strava_pipeline.emulator.wire import Json


def read_dataset(path: Path) -> list[Json]:
    """The activities of a file, the last of each id; raises EmulatorConfigError."""
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
    """The athlete most of the activities belong to."""
    owners = Counter(
        owner["id"]
        for activity in activities
        if isinstance(owner := activity.get("athlete"), dict) and isinstance(owner.get("id"), int)
    )
    return owners.most_common(1)[0][0] if owners else None


def gear_of(activities: list[Json]) -> list[Json]:
    """The gear the activities name: the object a detail holds, or else no more than id and distance."""
    distances: Counter[str] = Counter()
    known: dict[str, Json] = {}
    for activity in activities:
        gear_id = activity.get("gear_id")
        if isinstance(gear_id, str):
            distances[gear_id] += activity.get("distance") or 0
        gear = activity.get("gear")
        if isinstance(gear, dict) and isinstance(gear.get("id"), str):
            known[gear["id"]] = gear
    return [
        {**(known.get(gear_id) or _bare_gear(gear_id, distances[gear_id])), "resource_state": 3}
        for gear_id in sorted({*distances, *known})
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
        if raw[:2] == b"\x1f\x8b":  # gzip's magic number, RFC 1952
            raw = gzip.decompress(raw)
        content = json.loads(raw, parse_constant=_refuse_constant)
    except OSError as error:
        raise EmulatorConfigError(f"{path} can't be read: {error.strerror or error}.") from error
    except (ValueError, EOFError, zlib.error) as error:
        raise EmulatorConfigError(f"{path} is not JSON (or gzipped JSON): {error}.") from error
    return content if isinstance(content, list) else [content]


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
