"""Garmin Connect, filled with the data that it would have of Strava's athlete: for the demo and tests.

Strava's external_id has the number of an activity that Garmin sent there. One from Zwift, or recorded by a second
watch, has another number: its start is some seconds apart, and distance, climb and moving time differ. Names are
Garmin's defaults unless somebody renamed the activity there. Some activities never reached one of the two.
"""

import json
import re
import struct
from datetime import timedelta
from hashlib import blake2b
from random import Random

from strava_pipeline.emulator.generate.days import WORN, days_since
from strava_pipeline.emulator.service import Json
from strava_pipeline.emulator.services import Athlete, Service, began
from strava_pipeline.ingest.garmin.emulator.app import application
from strava_pipeline.ingest.garmin.emulator.days import rows_of_day
from strava_pipeline.ingest.garmin.emulator.entries import PRIVACY, entry
from strava_pipeline.ingest.garmin.emulator.service import Garmin

FIRST_ID = 21_000_000_000  # for activities that Garmin did not send to Strava
ON_SECOND_WATCH, ABSENT_AT_STRAVA, RENAMED = 0.4, 0.06, 0.3  # shares of the activities
_PUSHED = re.compile(r"garmin_push_(\d+)")
_TYPES = {
    "Ride": "road_biking",
    "GravelRide": "gravel_cycling",
    "MountainBikeRide": "mountain_biking",
    "VirtualRide": "virtual_ride",
    "Run": "running",
    "TrailRun": "trail_running",
    "Walk": "walking",
    "Hike": "hiking",
    "Swim": "lap_swimming",
    "WeightTraining": "strength_training",
    "Workout": "indoor_cardio",
    "Yoga": "yoga",
}
_WORDS = {"road_biking": "Road Cycling", "running": "Running", "walking": "Walking", "hiking": "Hiking"}
_VISIBILITY = {"everyone": "public", "followers_only": "subscribers", "only_me": "private"}
_ALONE = (("yoga", "Yoga", 0.0), ("driving_general", "Driving", 12_000.0), ("walking", "Walking", 1_900.0))


def fill(athlete: Athlete) -> Service:
    """The service, and the settings for using it: a key, and the unofficial login for gear and changes."""
    state, pairs, alone = Garmin.starting(athlete.now, athlete.speed), dict[str, int](), 0
    uuids = {key: blake2b(f"{athlete.seed}:{key}".encode(), digest_size=16).hexdigest() for key in athlete.gear_names}
    state.gear = [_piece(uuids[key], key, name) for key, name in athlete.gear_names.items()]
    for place, activity in enumerate(athlete.activities):
        rng = Random(f"{athlete.seed}:garmin:{activity['id']}")
        own = FIRST_ID + 100 * place + rng.randrange(50)
        if rng.random() < ABSENT_AT_STRAVA:
            state.activities[own + 50] = _alone(own + 50, activity, rng)
            alone += 1
        named = str(activity.get("external_id") or "")
        pushed = _PUSHED.fullmatch(named)
        is_here = pushed or named.startswith("zwift-") or (not activity["manual"] and rng.random() < ON_SECOND_WATCH)
        if not is_here:
            continue
        key, maker = int(pushed[1]) if pushed else own, "ZWIFT" if named.startswith("zwift-") else "GARMIN"
        state.activities[key] = _same(key, activity, maker, bool(pushed), rng)
        state.linked[key] = [uuids[activity["gear_id"]]] if activity.get("gear_id") in uuids else []
        pairs[str(key)] = activity["id"]
    for day, worn, weighed in days_since((athlete.now - WORN).date(), athlete.now, athlete.seed):
        if worn or weighed:
            state.days[day.isoformat()] = rows_of_day(day, worn | weighed)
    tokens = athlete.folder / "garmin_tokens.json"
    tokens.write_text(json.dumps({**state.log_in(), "account": str(state.account)}))
    tokens.chmod(0o600)
    settings = {
        "GARMIN_PERSONAL_API_BASE_URL": "{url}",
        "GARMIN_PERSONAL_API_KEY": state.make_key(),
        "GARMIN_API_URL": "{url}",
        "GARMIN_AUTH_URL": "{url}",
        "GARMIN_TOKENS_FILE": str(tokens),
        "SEAM_PAUSES": "0",
    }
    return Service(application(state), settings, pairs, alone)


def _same(key: int, activity: Json, manufacturer: str, is_pushed: bool, rng: Random) -> Json:
    kind = _TYPES.get(activity["sport_type"], "other")
    start = began(activity) + timedelta(seconds=0 if is_pushed else rng.randint(-4, 4))
    distance = activity["distance"] * (1 if is_pushed else rng.uniform(0.997, 1.003))
    moving = round(activity["moving_time"] * rng.uniform(0.99, 1.0))
    first, last = activity["start_latlng"] or [None, None], activity["end_latlng"] or [None, None]
    visibility = _VISIBILITY[activity["visibility"]]
    heart = activity.get("average_heartrate")
    return entry(
        key,
        activity["name"] if rng.random() < RENAMED else _WORDS.get(kind, kind.replace("_", " ").title()),
        kind,
        start,
        seconds=float(activity["elapsed_time"]),
        duration=float(max(moving, round(activity["elapsed_time"] * 0.98))),
        movingDuration=float(moving),
        distance=_single(distance) if distance else None,
        elevationGain=float(round(activity["total_elevation_gain"] * rng.uniform(0.9, 1.15))),
        averageSpeed=_single(distance / moving) if distance else None,
        averageHR=None if heart is None else float(round(heart)),
        maxHR=activity.get("max_heartrate"),
        startLatitude=first[0],
        startLongitude=first[1],
        endLatitude=last[0],
        endLongitude=last[1],
        manufacturer=manufacturer,
        privacy={"typeId": PRIVACY[visibility], "typeKey": visibility},
    )


def _alone(key: int, activity: Json, rng: Random) -> Json:
    """An activity a day and some hours before one of Strava's, unknown to Strava."""
    kind, name, distance = rng.choice(_ALONE)
    start = began(activity) - timedelta(hours=31, minutes=rng.randrange(60))
    return entry(key, name, kind, start, seconds=1500.0, distance=distance or None)


def _single(value: float) -> float:
    """The number in Garmin's list: with the noise of 32 bits."""
    return float(struct.unpack("f", struct.pack("f", value))[0])


def _piece(uuid: str, key: str, name: str) -> Json:
    kind = "Bike" if key.startswith("b") else "Shoes"
    return {
        "uuid": uuid,
        "gearMakeName": "Other",
        "gearModelName": f"Unknown {kind}",
        "gearTypeName": kind,
        "gearStatusName": "active",
        "displayName": None,
        "customMakeModel": name,
        "dateBegin": "2019-03-01T23:00:00.0",
        "dateEnd": None,
        "maximumMeters": 0,
    }
