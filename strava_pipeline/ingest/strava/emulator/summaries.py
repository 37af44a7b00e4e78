"""Strava's documents about the made-up athlete: the athlete, the gear, and the SummaryActivity of a generated activity.

details.py adds fields that only a detail request shows.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from random import Random
from typing import Any

from strava_pipeline.emulator.generate.activities import Activity, device_of, title_of
from strava_pipeline.emulator.generate.efforts import Power, peak_heartrate, power_of, temperature_of
from strava_pipeline.emulator.generate.places import utc_offset
from strava_pipeline.emulator.generate.recordings import Point, highest_speed, outline, track_points
from strava_pipeline.emulator.generate.training import ROAD, SHOES, Gear
from strava_pipeline.emulator.service import Json
from strava_pipeline.ingest.strava.emulator.application import EmulatorConfig

AVATAR = "https://example.invalid/athletes/avatar/{size}.jpg"  # RFC 2606: a host that never exists
SUMMARY_STEP = 4  # a summary polyline keeps every fourth point
DEFAULT_WORKOUT = {"Run": None, "Ride": 10}  # workout_type without a choice, as in real answers
RACE_WORKOUT = {"Run": 1, "Ride": 11}
Recorded = Mapping[str, list[Any]]  # what `outline` gives


def summary_of(seed: int, athlete_id: int, activity: Activity) -> Json:
    """SummaryActivity, its fields in Strava's order; drawn from the activity's own seed, so that it is the same every time."""
    rng = Random(f"{seed}:{activity.id}")
    offset = utc_offset(activity.place.zone, activity.start)
    points, power = track_points(seed, activity), power_of(seed, activity)
    recorded = None if activity.manual else outline(seed, activity, points, power)
    document: Json = {
        "resource_state": 2,
        "athlete": {"id": athlete_id, "resource_state": 1},
        "name": title_of(activity, (activity.start + offset) // 3600 % 24, rng),
        "distance": activity.distance,
        "moving_time": activity.moving,
        "elapsed_time": activity.elapsed,
        "total_elevation_gain": activity.gain or 0,
        "type": activity.sport.kind,
        "sport_type": activity.sport.name,
    }
    if activity.sport.segments:
        document["workout_type"] = _workout_type(activity, rng)
    document["id"] = activity.id
    document |= _when_and_where(activity, offset)
    document["achievement_count"] = activity.achievement_count
    document |= _social(activity, rng) | _course(activity, points, recorded, rng)
    document |= _sensors(seed, activity, power, rng) | _elevation(activity, recorded) | _upload(activity, rng)
    document["pr_count"] = activity.pr_count
    document["total_photo_count"] = 0 if activity.manual or rng.random() > 0.12 else rng.randint(1, 4)
    document["has_kudoed"] = False
    if activity.heartrate is not None:
        document["suffer_score"] = float(round(activity.moving / 60 * ((activity.heartrate / 150) ** 3)))
    return document


def _when_and_where(activity: Activity, offset: int) -> Json:
    year = datetime.fromtimestamp(activity.start, UTC).year
    return {
        "start_date": stamp(activity.start),
        "start_date_local": stamp(activity.start + offset),
        "timezone": zone_label(activity.place.zone, year),
        "utc_offset": float(offset),
        "location_city": None,
        "location_state": None,
        "location_country": activity.place.country if activity.is_early else None,
    }


def _course(activity: Activity, points: list[Point], recorded: Recorded | None, rng: Random) -> Json:
    speed = activity.distance / activity.moving
    polyline = encode_polyline(summary_points(points)) if points else ""
    return {
        "map": {"id": f"a{activity.id}", "summary_polyline": polyline, "resource_state": 2},
        "trainer": activity.sport.indoor and activity.sport.name != "Swim",
        "commute": activity.commute,
        "manual": activity.manual,
        "private": activity.private,
        "visibility": "only_me" if activity.private else rng.choices(("everyone", "followers_only"), (7, 3))[0],
        "flagged": False,
        "gear_id": activity.gear_id,
        "start_latlng": list(points[0]) if points else [],
        "end_latlng": list(points[-1]) if points else [],
        "average_speed": round(speed, 3),
        "max_speed": 0.0 if recorded is None else highest_speed(recorded),
    }


def _workout_type(activity: Activity, rng: Random) -> int | None:
    base = activity.sport.kind
    if activity.race:
        return RACE_WORKOUT[base]
    if base == "Run" and activity.distance > 18_000:
        return 2  # long run
    if rng.random() < 0.08:
        return 3 if base == "Run" else 12  # workout
    return DEFAULT_WORKOUT[base]


def _social(activity: Activity, rng: Random) -> Json:
    """Counts of reactions. Kudos grow with the years, the effort and records; a private activity has none."""
    friends = 3 + 22 * activity.share
    effort = 0.25 if activity.commute else min(2.0, 0.5 + activity.moving / 7200)
    glory = 2.5 if activity.race else 1.0 + 0.1 * activity.pr_count
    kudos = 0 if activity.private else max(0, round(rng.gauss(friends * effort * glory * 0.5, 1.5)))
    together = not activity.commute and not activity.manual and rng.random() < 0.15
    return {
        "kudos_count": kudos,
        "comment_count": 0 if kudos < 4 else rng.choice((0, 0, 0, 0, 1, 2)) + (3 if activity.race else 0),
        "athlete_count": rng.randint(40, 900) if activity.race else rng.randint(2, 6) if together else 1,
        "photo_count": 0,
    }


def _sensors(seed: int, activity: Activity, power: Power | None, rng: Random) -> Json:
    found: Json = {}
    if activity.sport.rides and not activity.manual:
        if power is not None:
            found["average_cadence"] = round(rng.gauss(84, 4), 1)
        estimate = (activity.distance / activity.moving) ** 2 * 2.4 + rng.uniform(-8, 30)
        watts = round(estimate if power is None else power.average, 1)
        found |= {"average_watts": watts, "kilojoules": round(watts * activity.moving / 1000, 1)}
        found["device_watts"] = power is not None
        if power is not None:
            found |= {"max_watts": round(power.peak), "weighted_average_watts": round(power.weighted)}
    elif activity.sport.kind == "Run" and not activity.manual and not activity.is_early:
        found["average_cadence"] = round(rng.gauss(84, 2.5), 1)
    if (temperature := temperature_of(seed, activity)) is not None:
        found["average_temp"] = temperature
    found["has_heartrate"] = activity.heartrate is not None
    if activity.heartrate is not None:
        found["average_heartrate"] = activity.heartrate
        found["max_heartrate"] = peak_heartrate(seed, activity)
    return found | {"heartrate_opt_out": False, "display_hide_heartrate_option": activity.heartrate is not None}


def _elevation(activity: Activity, recorded: Recorded | None) -> Json:
    if activity.is_early or recorded is None or "altitude" not in recorded:
        return {}
    return {"elev_high": max(recorded["altitude"]), "elev_low": min(recorded["altitude"])}


def _upload(activity: Activity, rng: Random) -> Json:
    if activity.manual:
        return {"upload_id": None, "external_id": None, "from_accepted_tag": False}
    upload_id = activity.id + activity.id // 15 + rng.randrange(1000)
    found: Json = {"upload_id": upload_id}
    if not activity.is_early:
        found["upload_id_str"] = str(upload_id)
    return found | {"external_id": external_id_of(activity, rng), "from_accepted_tag": False}


def stamp(epoch: float) -> str:
    """An instant as Strava writes it; also a local time, which Strava marks as UTC."""
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@cache
def zone_label(zone: str, year: int) -> str:
    """A time zone as Strava writes it: with the standard offset of the year, in summer as well."""
    offsets = [utc_offset(zone, int(datetime(year, month, 1, 12, tzinfo=UTC).timestamp())) for month in (1, 7)]
    standard = min(offsets)
    sign, minutes = ("-", -standard // 60) if standard < 0 else ("+", standard // 60)
    return f"(GMT{sign}{minutes // 60:02d}:{minutes % 60:02d}) {zone}"


def external_id_of(activity: Activity, rng: Random) -> str:
    """The name of the uploaded file, as the activity's device forms it."""
    device = device_of(activity) or ""
    if device.startswith("Garmin"):
        return f"garmin_push_{rng.randrange(10**9, 10**10)}"
    if device == "Zwift":
        return f"zwift-activity-{rng.randrange(10**17, 10**18)}.fit"
    digits = f"{rng.getrandbits(128):032X}"
    return f"{'-'.join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))}-activity.fit"


def summary_points(points: Sequence[Point]) -> list[Point]:
    """The points of a summary polyline: every fourth one, and the last."""
    return [*points[:-1:SUMMARY_STEP], points[-1]]


def encode_polyline(points: Sequence[Point]) -> str:
    """Google's polyline encoding: developers.google.com/maps/documentation/utilities/polylinealgorithm."""
    out: list[str] = []
    last_lat = last_lon = 0
    for lat, lon in points:
        now_lat, now_lon = round(lat * 1e5), round(lon * 1e5)
        for delta in (now_lat - last_lat, now_lon - last_lon):
            value = ~(delta << 1) if delta < 0 else delta << 1
            while value >= 0x20:
                out.append(chr((0x20 | (value & 0x1F)) + 63))
                value >>= 5
            out.append(chr(value + 63))
        last_lat, last_lon = now_lat, now_lon
    return "".join(out)


def detailed_gear(gear: Gear, distance: float) -> Json:
    """DetailedGear; `distance` in metres, which Strava rounds."""
    document: Json = {
        "id": gear.id,
        "primary": gear in (ROAD, SHOES[-1]),
        "name": gear.name,
        "nickname": gear.nickname,
        "resource_state": 3,
        "retired": gear.until <= 1,
        "distance": round(distance),
        "converted_distance": round(distance / 1000, 1),
        "brand_name": gear.brand,
        "model_name": gear.model,
    }
    if gear.frame_type is not None:
        return document | {"frame_type": gear.frame_type, "description": gear.description, "weight": gear.weight}
    return document | {"description": gear.description, "notification_distance": 0}


def summary_gear(gear: Json) -> Json:
    """SummaryGear of a DetailedGear, as activities and the athlete show it."""
    shown = ("id", "primary", "name", "nickname", "resource_state", "retired", "distance", "converted_distance")
    return {key: gear[key] for key in shown if key in gear} | {"resource_state": 2}


def summary_athlete(config: EmulatorConfig, athlete_id: int) -> Json:
    """SummaryAthlete, as it comes with tokens."""
    return {
        "id": athlete_id,
        "username": "emulated_athlete",
        "resource_state": 2,
        "firstname": "Emilia",
        "lastname": "Emulator",
        "bio": "Made up by an emulator.",
        "city": "Berlin",
        "state": "Berlin",
        "country": "Germany",
        "sex": "F",
        "premium": True,
        "summit": True,
        "created_at": f"{config.years[0]}-01-01T08:15:30Z",
        "updated_at": config.now.strftime("%Y-%m-%dT00:00:00Z"),
        "badge_type_id": 1,
        "weight": 68.5,
        "profile_medium": AVATAR.format(size="medium"),
        "profile": AVATAR.format(size="large"),
        "friend": None,
        "follower": None,
    }


def detailed_athlete(config: EmulatorConfig, athlete_id: int, gear: list[Json]) -> Json:
    """DetailedAthlete; `gear` as DetailedGear."""
    return summary_athlete(config, athlete_id) | {
        "resource_state": 3,
        "blocked": False,
        "can_follow": True,
        "follower_count": 87,
        "friend_count": 64,
        "mutual_friend_count": 0,
        "athlete_type": 1,
        "date_preference": "%d/%m/%Y",
        "measurement_preference": "meters",
        "clubs": [],
        "postable_clubs_count": 0,
        "ftp": 243,
        "bikes": [summary_gear(item) for item in gear if str(item["id"]).startswith("b")],
        "shoes": [summary_gear(item) for item in gear if not str(item["id"]).startswith("b")],
    }
