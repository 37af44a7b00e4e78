"""Made-up encrypted trips, ordinary and odd, and the table they stand in: as SQLite, Parquet or PostgreSQL.

Positions lie in the Gulf of Guinea, keys and trips come from a seed. Every row is a dict by column; the three writers
give each column the type that is usual in their kind of database, so that the same trips look different everywhere.
"""

import base64
import json
import random
import sqlite3
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import polars as pl
import psycopg
from cryptography.fernet import Fernet

from strava_pipeline.trips.activity.reading.keys import KeyRing

Row = dict[str, Any]
BEGIN = datetime(2026, 1, 5, 6, tzinfo=UTC)
SEALED_AT = 1_767_600_000  # when tokens claim to be made: long ago, which must not matter
COLUMNS = (
    *("id", "external_id", "platform", "status", "review_status", "rejection_reason", "distance_meters"),
    *(
        "start_time",
        "end_time",
        "duration_seconds",
        "location_count",
        "activity_type",
        "extra_properties",
        "created_at",
    ),
    *("locations", "activity_distribution", "user_feedback"),
)
TIMES, TOKENS = ("start_time", "end_time", "created_at"), ("locations", "activity_distribution", "user_feedback")


def key(seed: int) -> str:
    """A Fernet key as a keys file holds it."""
    return base64.urlsafe_b64encode(random.Random(seed).randbytes(32)).decode()


NEW, OLD, LOST = key(1), key(2), key(3)  # LOST is on no ring
RING = KeyRing.from_text(f"{NEW},{OLD}")


def sealed(value: Any, by: str = NEW) -> str:
    """A token of a value as JSON; of bytes, as they are."""
    content = value if isinstance(value, bytes) else json.dumps(value).encode()
    return Fernet(by).encrypt_at_time(content, SEALED_AT).decode()


def points(count: int, seed: int = 0) -> list[dict[str, Any]]:
    """A ride of a point each two seconds."""
    chance = random.Random(seed)
    start = BEGIN.timestamp() + seed * 3600
    return [
        {
            "latitude": round(0.5 + number * 0.0001 + chance.random() * 1e-5, 6),
            "longitude": round(1.5 + chance.random() * 1e-5, 6),
            "speed": round(5 + chance.random(), 2),
            "horizontal_accuracy": round(4 + chance.random() * 8, 1),
            "timestamp": round(start + number * 2, 3),
            "activity": "cycling",
        }
        for number in range(count)
    ]


def feedback(comment: str, **payload: Any) -> dict[str, Any]:
    return {"submitted_at": "2026-01-06T08:00:00Z", "comment": comment, "payload": payload}


def trip(number: int, **columns: Any) -> Row:
    """An ordinary row; `columns` replace what it holds. Trip 2 starts an hour after trip 1."""
    start = BEGIN + timedelta(hours=number)
    return {
        "id": number,
        "external_id": f"trip-{number:05}",
        "platform": ("ios", "android")[number % 2],
        "status": "accepted",
        "review_status": "pending",
        "rejection_reason": None,
        "distance_meters": 820.5 + number,
        "start_time": _iso(start, number),
        "end_time": _iso(start + timedelta(seconds=158), number),
        "duration_seconds": 158,
        "location_count": 20,
        "activity_type": "cycling",
        "extra_properties": '{"algorithm_version": "0.7.0", "recording_trigger": "motion"}',
        "created_at": _iso(start + timedelta(minutes=5), number),
        "locations": None,
        "activity_distribution": None,
        "user_feedback": None,
    } | columns


def rides(count: int, mean_points: int = 80, seed: int = 0) -> Iterable[Row]:
    """Many ordinary rides under both keys, one by one."""
    chance = random.Random(seed)
    for number in range(1, count + 1):
        by = chance.choice((NEW, OLD))
        held = points(chance.randint(mean_points // 2, mean_points * 3 // 2), number)
        yield trip(
            number,
            locations=sealed(held, by),
            location_count=len(held),
            activity_distribution=sealed({"cycling": 0.9, "walking": 0.1}, by),
            user_feedback=sealed([feedback("not_bike")], by) if chance.random() < 0.1 else None,
        )


def odd_trips() -> list[Row]:
    """A trip for every oddity that a real table is known to hold, and some ordinary ones between them."""
    ride = points(20)
    whole = sealed(ride)
    nan = [ride[0] | {"latitude": float("nan"), "speed": float("-inf")}, *ride[1:]]  # written as NaN and -Infinity
    odd: list[Row] = [
        {"locations": whole, "activity_distribution": sealed({"cycling": 1}), "user_feedback": sealed([])},
        {"locations": sealed(ride, OLD), "activity_distribution": sealed({"cycling": 1}, OLD)},
        {"locations": sealed(ride, LOST), "activity_distribution": sealed({}, LOST), "user_feedback": sealed([], LOST)},
        {"locations": whole[:-20], "activity_distribution": whole[:40], "user_feedback": "no token"},
        {"locations": "", "activity_distribution": b"", "user_feedback": None},
        {"locations": whole.encode(), "activity_distribution": sealed({"cycling": 0.5}).encode()},
        {
            "locations": sealed(b'[{"latitude": 1'),
            "activity_distribution": sealed(b"\xff\xfe"),
            "user_feedback": sealed(b""),
        },
        {"locations": sealed({"a": 1}), "activity_distribution": sealed([1]), "user_feedback": sealed("text")},
        {"locations": sealed([]), "activity_distribution": sealed({}), "user_feedback": sealed(None)},
        {"locations": sealed({}), "activity_distribution": sealed([]), "user_feedback": sealed({})},
        {"locations": sealed(nan)},
        {"locations": sealed(b'[{"latitude": 1e999, "longitude": -Infinity}]')},
        {
            "locations": sealed([*ride[:2], None, "point", 7, [ride[2]]]),
            "user_feedback": sealed(["text", feedback("late")]),
        },
        {"locations": sealed(ride[:1])},
        {"locations": sealed([ride[3], ride[1], ride[1], ride[2]])},
        {"locations": sealed([point | {"timestamp": int(point["timestamp"] * 1000)} for point in ride])},
        {"locations": sealed([point | {"timestamp": "2999-01-01T00:00:00Z"} for point in ride])},
        {"user_feedback": sealed([feedback("ride_not_detected", diagnostic={"permissions": "always", "logs": []})])},
        {"user_feedback": sealed(b'[{"comment": "cut emoji", "payload": {"note": "\\ud83d"}}]'), "start_time": None},
        {"extra_properties": "{broken", "distance_meters": None, "location_count": None, "status": None},
        {"extra_properties": "", "start_time": "in the morning", "distance_meters": 900.0, "platform": "Ünïcode 🚲"},
        {"extra_properties": None, "activity_distribution": sealed({"cycling": 0.0}), "location_count": 0},
    ]
    return [trip(number, **columns) for number, columns in enumerate(odd, start=1)]


LATITUDE, LONGITUDE = -48.853712, 172.348219  # digits that no duration or time of a run has by chance
DEVICE = "c0ffee00-1234-4abc-8def-001122334455"
WORDS = ("by the school", "at the town hall", "my bus home")


def telling_trips() -> list[Row]:
    """Trips that hold what must get nowhere: places far from round numbers, a device's id and a person's words, all over."""
    held = [
        {**point, "latitude": LATITUDE + place / 7e4, "longitude": LONGITUDE - place / 9e4, "activity": "cycling"}
        for place, point in enumerate(points(60))
    ]
    place = f"{WORDS[0]}, {LATITUDE}, {LONGITUDE}"
    log = {
        "timestamp": "2026-01-05T07:00:00Z",
        "level": "error",
        "event": "stopped",
        "message": f"at {LATITUDE}, {LONGITUDE} on {DEVICE}",
    }
    diagnostic = {"device_id": DEVICE, "last_location": {"latitude": LATITUDE, "longitude": LONGITUDE}, "logs": [log]}
    said = [
        feedback("ride_not_detected", diagnostic=diagnostic, note=WORDS[1]),
        feedback(f"{WORDS[2]} {place}", device=DEVICE),
    ]
    extra = {"algorithm_version": DEVICE, "recording_trigger": WORDS[0], "device_id": DEVICE}
    extra |= {"start": [LATITUDE, LONGITUDE]}
    told: Row = {"rejection_reason": place, "platform": place, "activity_type": DEVICE, "review_status": WORDS[1]}
    told |= {"extra_properties": json.dumps(extra), "locations": sealed(held), "user_feedback": sealed(said, OLD)}
    mix = sealed({"cycling": 0.9, place: 0.1, DEVICE: 0.1, WORDS[2]: 0.1, f"{LATITUDE}+{LONGITUDE}": 0.1})
    named = sealed([*held[:30], *({**point, "activity": place} for point in held[30:])])
    odd: list[Row] = [
        {"activity_distribution": mix},
        {"locations": named, "status": "rejected"},
        {"locations": sealed(held, LOST), "status": place},
        {"locations": sealed([{**held[0], "latitude": f"{LATITUDE}"}, place, *held])},
    ]
    return [
        trip(number, external_id=f"telling-{number}", **told | columns) for number, columns in enumerate(odd, start=101)
    ]


def write_sqlite(path: Path, rows: Iterable[Row]) -> Path:
    """Timestamps as text in the zones they were given in, tokens as text and bytes side by side."""
    types = {"id": "INTEGER PRIMARY KEY", "distance_meters": "REAL", "duration_seconds": "INTEGER"}
    types |= {"location_count": "INTEGER"}
    connection = sqlite3.connect(path)
    with connection:
        held = ", ".join(f"{name} {types.get(name, 'TEXT')}" for name in COLUMNS)
        connection.execute(f"CREATE TABLE activity_trip ({held})")
        marks = ", ".join("?" for _ in COLUMNS)
        connection.executemany(f"INSERT INTO activity_trip VALUES ({marks})", map(_values, rows))
    connection.close()
    return path


def write_parquet(path: Path, rows: Iterable[Row]) -> Path:
    """Timestamps as instants, tokens as bytes."""
    types: Mapping[str, Any] = (
        dict.fromkeys(COLUMNS, pl.String)
        | dict.fromkeys(("id", "duration_seconds", "location_count"), pl.Int64)
        | dict.fromkeys(TIMES, pl.Datetime("us", "UTC"))
        | dict.fromkeys(TOKENS, pl.Binary)
        | {"distance_meters": pl.Float64}
    )
    held = [
        row | {name: moment(row[name]) for name in TIMES} | {name: _bytes(row[name]) for name in TOKENS} for row in rows
    ]
    pl.DataFrame(held, schema=types).write_parquet(path)
    return path


def write_postgres(url: str, rows: Iterable[Row], *, schema: str = "gamification_private", text: bool = False) -> str:
    """Instants, NUMERIC, JSONB and BYTEA; with `text`, everything as SQLite has it."""
    types = {"id": "bigint PRIMARY KEY", "duration_seconds": "integer", "location_count": "integer"}
    types |= {"distance_meters": "double precision" if text else "numeric(12,2)"}
    if not text:
        types |= {"extra_properties": "jsonb", **dict.fromkeys(TIMES, "timestamptz"), **dict.fromkeys(TOKENS, "bytea")}
    with psycopg.connect(url) as connection:
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        held = ", ".join(f"{name} {types.get(name, 'text')}" for name in COLUMNS)
        connection.execute(f"CREATE TABLE {schema}.activity_trip ({held})")
        with connection.cursor().copy(f"COPY {schema}.activity_trip FROM STDIN") as copy:
            for row in rows:
                copy.write_row(_values(_as_text(row) if text else _typed(row)))
    return url


def moment(text: str | None) -> datetime | None:
    """The instant of a timestamp of ours; None for one that is none."""
    try:
        return datetime.fromisoformat(text).astimezone(UTC) if text else None
    except ValueError:
        return None


def _as_text(row: Row) -> Row:
    return row | {name: token.decode() for name, token in row.items() if isinstance(token, bytes)}


def _typed(row: Row) -> Row:
    try:
        json.loads(row["extra_properties"] or "")
        properties = row["extra_properties"]
    except ValueError:
        properties = None  # JSONB takes no other
    times = {name: moment(row[name]) for name in TIMES}
    return row | times | {name: _bytes(row[name]) for name in TOKENS} | {"extra_properties": properties}


def _values(row: Row) -> tuple[Any, ...]:
    return tuple(row[name] for name in COLUMNS)


def _bytes(token: str | bytes | None) -> bytes | None:
    return token.encode() if isinstance(token, str) else token


def _iso(at: datetime, number: int) -> str:
    """Written in turn as UTC with Z, with another offset, and with a space: in the order of text it is no order."""
    if number % 3 == 0:
        return at.isoformat().replace("+00:00", "Z")
    return at.astimezone(timezone(timedelta(hours=14 if number % 3 == 1 else -10))).isoformat(sep="T T"[number % 3])
