"""SummaryActivity from a sketch: every field that the list shows, in Strava's order.

What the sketch leaves open is drawn from the activity's own seed, so that it is the same whenever it is asked for.
"""

from datetime import UTC, datetime
from random import Random

from strava_pipeline.emulator.generate.names import external_id_of, name_of
from strava_pipeline.emulator.generate.places import utc_offset, zone_label
from strava_pipeline.emulator.generate.sketch import Sketch
from strava_pipeline.emulator.generate.tracks import Point, encode, thinned, track
from strava_pipeline.emulator.wire import Json

OLD = 0.15  # up to this share of the span, activities lack what Strava did not know yet
THERMOMETER_FROM = 0.2  # and from here on, devices tell the temperature
DEFAULT_WORKOUT = {"Run": None, "Ride": 10}  # workout_type of an unremarkable run and ride, as in real answers
RACE_WORKOUT = {"Run": 1, "Ride": 11}


def stamp(epoch: float) -> str:
    """An instant (or a wall clock counted as if it were UTC) as Strava writes it."""
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def points_of(seed: int, sketch: Sketch) -> list[Point]:
    """The track; empty without one."""
    if not sketch.mapped:
        return []
    rng = Random(f"{seed}:{sketch.id}:track")
    return track(rng, sketch.place.lat, sketch.place.lon, sketch.distance, loop=not sketch.commute)


def summary_of(seed: int, athlete_id: int, sketch: Sketch) -> Json:
    """What the list shows."""
    rng = Random(f"{seed}:{sketch.id}")
    offset = utc_offset(sketch.place.zone, sketch.start)
    points = points_of(seed, sketch)
    document: Json = {
        "resource_state": 2,
        "athlete": {"id": athlete_id, "resource_state": 1},
        "name": name_of(sketch, (sketch.start + offset) // 3600 % 24, rng),
        "distance": sketch.distance,
        "moving_time": sketch.moving,
        "elapsed_time": sketch.elapsed,
        "total_elevation_gain": sketch.gain or 0,
        "type": sketch.sport.kind,
        "sport_type": sketch.sport.name,
    }
    if sketch.sport.segments:
        document["workout_type"] = _workout_type(sketch, rng)
    document["id"] = sketch.id
    document |= _when_and_where(sketch, offset)
    document["achievement_count"] = sketch.achievement_count
    document |= _social(sketch, rng) | _course(sketch, points, rng)
    document |= _sensors(sketch, rng) | _elevation(sketch, rng) | _upload(sketch, rng)
    document["pr_count"] = sketch.pr_count
    document["total_photo_count"] = 0 if sketch.manual or rng.random() > 0.12 else rng.randint(1, 4)
    document["has_kudoed"] = False
    if sketch.heartrate is not None:
        document["suffer_score"] = float(round(sketch.moving / 60 * ((sketch.heartrate / 150) ** 3)))
    return document


def _when_and_where(sketch: Sketch, offset: int) -> Json:
    year = datetime.fromtimestamp(sketch.start, UTC).year
    return {
        "start_date": stamp(sketch.start),
        "start_date_local": stamp(sketch.start + offset),
        "timezone": zone_label(sketch.place.zone, year),
        "utc_offset": float(offset),
        "location_city": None,
        "location_state": None,
        "location_country": sketch.place.country if is_old(sketch) else None,
    }


def _course(sketch: Sketch, points: list[Point], rng: Random) -> Json:
    speed = sketch.distance / sketch.moving
    polyline = encode(thinned(points)) if points else ""
    return {
        "map": {"id": f"a{sketch.id}", "summary_polyline": polyline, "resource_state": 2},
        "trainer": sketch.sport.indoor and sketch.sport.name != "Swim",
        "commute": sketch.commute,
        "manual": sketch.manual,
        "private": sketch.private,
        "visibility": "only_me" if sketch.private else rng.choices(("everyone", "followers_only"), (7, 3))[0],
        "flagged": False,
        "gear_id": sketch.gear_id,
        "start_latlng": list(points[0]) if points else [],
        "end_latlng": list(points[-1]) if points else [],
        "average_speed": round(speed, 3),
        "max_speed": 0.0 if sketch.manual else round(speed * rng.uniform(1.3, 2.4), 3),
    }


def _workout_type(sketch: Sketch, rng: Random) -> int | None:
    base = sketch.sport.kind
    if sketch.race:
        return RACE_WORKOUT[base]
    if base == "Run" and sketch.distance > 18_000:
        return 2  # long run
    if rng.random() < 0.08:
        return 3 if base == "Run" else 12  # workout
    return DEFAULT_WORKOUT[base]


def _social(sketch: Sketch, rng: Random) -> Json:
    """Kudos grow with the years, the distance and the glory; nobody gives any to what nobody sees."""
    friends = 3 + 22 * sketch.share
    effort = 0.25 if sketch.commute else min(2.0, 0.5 + sketch.moving / 7200)
    glory = 2.5 if sketch.race else 1.0 + 0.1 * sketch.pr_count
    kudos = 0 if sketch.private else max(0, round(rng.gauss(friends * effort * glory * 0.5, 1.5)))
    together = not sketch.commute and not sketch.manual and rng.random() < 0.15
    return {
        "kudos_count": kudos,
        "comment_count": 0 if kudos < 4 else rng.choice((0, 0, 0, 0, 1, 2)) + (3 if sketch.race else 0),
        "athlete_count": rng.randint(40, 900) if sketch.race else rng.randint(2, 6) if together else 1,
        "photo_count": 0,
    }


def _sensors(sketch: Sketch, rng: Random) -> Json:
    found: Json = {}
    if sketch.sport.rides and not sketch.manual:
        if sketch.power_meter:
            found["average_cadence"] = round(rng.gauss(84, 4), 1)
        watts = round((sketch.distance / sketch.moving) ** 2 * 2.4 + rng.uniform(-8, 30), 1)
        found |= {"average_watts": watts, "kilojoules": round(watts * sketch.moving / 1000, 1)}
        found["device_watts"] = sketch.power_meter
        if sketch.power_meter:
            found["max_watts"] = round(watts * rng.uniform(2.2, 4.5))
            found["weighted_average_watts"] = round(watts * rng.uniform(1.02, 1.2))
    elif sketch.sport.kind == "Run" and not sketch.manual and not is_old(sketch):
        found["average_cadence"] = round(rng.gauss(84, 2.5), 1)
    if sketch.mapped and sketch.sport.kind != "Walk" and sketch.share >= THERMOMETER_FROM:
        found["average_temp"] = round(rng.gauss(15, 7))
    found["has_heartrate"] = sketch.heartrate is not None
    if sketch.heartrate is not None:
        found["average_heartrate"] = sketch.heartrate
        found["max_heartrate"] = float(round(sketch.heartrate + rng.uniform(9, 24)))
    return found | {"heartrate_opt_out": False, "display_hide_heartrate_option": sketch.heartrate is not None}


def _elevation(sketch: Sketch, rng: Random) -> Json:
    if is_old(sketch) or not sketch.mapped:
        return {}
    low = sketch.place.elevation + rng.uniform(-4, 12)
    return {"elev_high": round(low + min(sketch.gain, 30 + sketch.gain * 0.4), 1), "elev_low": round(low, 1)}


def _upload(sketch: Sketch, rng: Random) -> Json:
    if sketch.manual:
        return {"upload_id": None, "external_id": None, "from_accepted_tag": False}
    upload_id = sketch.id + sketch.id // 15 + rng.randrange(1000)
    found: Json = {"upload_id": upload_id}
    if not is_old(sketch):
        found["upload_id_str"] = str(upload_id)
    return found | {"external_id": external_id_of(sketch, rng), "from_accepted_tag": False}


def is_old(sketch: Sketch) -> bool:
    """Whether it lacks what Strava did not know yet."""
    return sketch.share < OLD
