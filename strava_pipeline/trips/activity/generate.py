"""Made-up activity trips for the demo, encrypted in an SQLite file: rides, other trips, and recordings with faults.

The content follows from the seed and `until`; the tokens differ each time, because encryption is random. The positions are made
up, and the keys open only this file.
"""

import base64
import json
import math
import random
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet

DAMAGED_EVERY = 97  # one trip of so many has locations that no key opens
WARNING = "TEST KEYS: they open the demo's made-up trips and nothing else. Never use them for real data."
DAYS = 720  # before `until`: two years, for more than one partition
_METRES = 111_195.0  # of a degree of latitude, on a sphere of 6,371,009 m
_TABLE = "activity_trip"
_COLUMNS = (
    "id INTEGER PRIMARY KEY, external_id TEXT UNIQUE NOT NULL, platform TEXT, status TEXT, review_status TEXT, "
    "rejection_reason TEXT, distance_meters REAL, start_time TEXT, end_time TEXT, duration_seconds INTEGER, "
    "location_count INTEGER, activity_type TEXT, extra_properties TEXT, created_at TEXT, locations TEXT, "
    "activity_distribution TEXT, user_feedback TEXT"
)


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of trip: how often (weight), how fast (m/s), its mix of activities, and its faults."""

    weight: int
    speed: float
    mix: dict[str, float]
    accuracy: float = 7.0
    gap: float = 0.0  # share of the points that are missing, one after the other
    jumps: int = 0
    minutes: tuple[float, float] = (6, 35)
    points: bool = True


_KINDS = {
    "ride": _Kind(55, 5.2, {"cycling": 0.86, "walking": 0.08}),
    "e-bike": _Kind(12, 7.4, {"cycling": 0.9}),
    "noisy": _Kind(6, 4.8, {"cycling": 0.7, "unknown": 0.2}, accuracy=55.0),
    "gap": _Kind(5, 5.0, {"cycling": 0.8}, gap=0.6),
    "jumps": _Kind(4, 5.1, {"cycling": 0.8}, jumps=5),
    "walk": _Kind(5, 1.3, {"walking": 0.9}),
    "car": _Kind(5, 16.0, {"automotive": 0.8, "cycling": 0.05}),
    "short": _Kind(4, 3.0, {"cycling": 0.6}, minutes=(0.4, 0.9)),
    "missed": _Kind(4, 0.0, {}, points=False),
}


def write_trips(folder: Path, *, seed: int, count: int, until: datetime) -> tuple[Path, Path]:
    """Write `count` trips that end before `until`; returns the SQLite file of the trips and the file of their keys."""
    chance = random.Random(seed)
    keys = [base64.urlsafe_b64encode(chance.randbytes(32)).decode() for _ in range(2)]
    folder.mkdir(parents=True, exist_ok=True)
    source, keys_file = folder / "activity_trip.sqlite", folder / "TEST_KEYS_ONLY.json"
    keys_file.touch(mode=0o600)
    keys_file.write_text(json.dumps({"WARNING": WARNING, "keys": keys}, indent=1))
    source.unlink(missing_ok=True)
    with closing(sqlite3.connect(source)) as database, database:
        database.execute(f"CREATE TABLE {_TABLE} ({_COLUMNS})")
        for row in _rows(chance, keys, count, until):
            database.execute(f"INSERT INTO {_TABLE} VALUES ({', '.join('?' * len(row))})", row)
    return source, keys_file


def _rows(chance: random.Random, keys: Sequence[str], count: int, until: datetime) -> Iterator[tuple[Any, ...]]:
    names, weights = list(_KINDS), [kind.weight for kind in _KINDS.values()]
    days = sorted(chance.uniform(0.1, DAYS) for _ in range(count))
    for number, (before, name) in enumerate(
        zip(reversed(days), chance.choices(names, weights, k=count), strict=True), start=1
    ):
        start = (until - timedelta(days=before)).astimezone(UTC).replace(microsecond=0)
        yield _row(chance, keys, number, name, start)


def _row(chance: random.Random, keys: Sequence[str], number: int, name: str, start: datetime) -> tuple[Any, ...]:
    kind = _KINDS[name]
    seconds = chance.uniform(*kind.minutes) * 60
    points = list(_points(chance, kind, start, seconds)) if kind.points else []
    is_good = name in ("ride", "e-bike", "noisy", "gap", "missed")
    status = "accepted" if is_good != (chance.random() < 0.12) else "rejected"
    review = chance.choices(("pending", "approved" if is_good else "rejected"), (8, 2))[0]
    seal = Fernet(keys[0] if number % 5 else keys[1]).encrypt  # a fifth is older than the change of keys
    locations = seal(json.dumps(points).encode()).decode()
    if number % DAMAGED_EVERY == 0:
        locations = locations[:-9]  # truncated
    distance = kind.speed * seconds * chance.uniform(0.97, 1.04)
    return (
        number,
        f"demo-{number:04}",
        ("ios", "android")[chance.random() < 0.4],
        status if chance.random() > 0.05 else "pending",
        review,
        None if status == "accepted" else chance.choice(("unrealistic_avg_speed", "gps_noise", "too_short")),
        round(distance, 1),
        _iso(start),
        _iso(start + timedelta(seconds=seconds)),
        round(seconds),
        len(points),
        "cycling",
        json.dumps(
            {"algorithm_version": "0.7.0", "recording_trigger": chance.choice(("motion", "geofence", "manual"))}
        ),
        _iso(start + timedelta(seconds=seconds + 20)),
        locations,
        seal(json.dumps(kind.mix).encode()).decode(),
        _feedback(chance, name, start, seal) if chance.random() < 0.2 or name == "missed" else None,
    )


def _points(chance: random.Random, kind: _Kind, start: datetime, seconds: float) -> Iterator[dict[str, Any]]:
    """A point about every five seconds, along a path with bends."""
    lat, lon = 0.4 + chance.uniform(-0.05, 0.05), 1.6 + chance.uniform(-0.05, 0.05)  # in the Gulf of Guinea
    heading, elapsed, count = chance.uniform(0, 2 * math.pi), 0.0, max(2, int(seconds / 5))
    jumps = set(chance.sample(range(1, count), min(kind.jumps, count - 1)))
    silent = range(int(count * 0.2), int(count * (0.2 + kind.gap)))
    activity = max(kind.mix, key=lambda name: kind.mix[name])
    for place in range(count):
        pause, speed = chance.uniform(4.5, 5.5), max(0.0, chance.gauss(kind.speed, kind.speed * 0.15))
        heading += chance.gauss(0, 0.12)
        step = speed * pause + (900 if place in jumps else 0)
        lat += step * math.cos(heading) / _METRES
        lon += step * math.sin(heading) / (_METRES * math.cos(math.radians(lat)))
        elapsed += pause
        if place not in silent:
            yield {
                "latitude": round(lat + chance.gauss(0, 1) / _METRES, 6),
                "longitude": round(lon + chance.gauss(0, 1) / _METRES, 6),
                "speed": round(speed, 2),
                "horizontal_accuracy": round(abs(chance.gauss(kind.accuracy, kind.accuracy * 0.2)), 1),
                "timestamp": round(start.timestamp() + elapsed, 3),
                "activity": activity,
            }


def _feedback(chance: random.Random, name: str, start: datetime, seal: Any) -> str:
    comment = {"missed": "ride_not_detected", "car": "not_bike", "walk": "not_bike"}.get(name, "missing_start_end")
    at = [_iso(start + timedelta(seconds=seconds)) for seconds in (0, 95, 100)]
    logs = [
        {"timestamp": at[0], "level": "info", "event": "motion_start", "message": "cycling, low confidence"},
        {
            "timestamp": at[1],
            "level": "warning",
            "event": "location_denied",
            "message": "no location in the background",
        },
        {"timestamp": at[2], "level": "error", "event": "recording_stopped", "message": "nothing to record"},
    ]
    diagnostic = {
        "permissions": {"location": chance.choice(("denied", "while_using")), "motion": "granted"},
        "low_power_mode": chance.random() < 0.5,
        "app_version": "3.14.0",
        "logs": logs,
    }
    payload = {"diagnostic": diagnostic} if name == "missed" else {}
    entry = {"submitted_at": _iso(start + timedelta(hours=3)), "comment": comment, "payload": payload}
    return str(seal(json.dumps([entry]).encode()).decode())


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
