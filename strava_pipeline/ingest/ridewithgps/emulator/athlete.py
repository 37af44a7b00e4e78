"""Ride with GPS, filled with the data that it would have of Strava's athlete: for the demo and tests.

The same recording arrives at both: the start is the same second, distances are rounded to metres, climb and moving time
are the service's own, most names are Strava's. Some activities never reached one of the two. Trips name no ids of
Strava's.
"""

from datetime import datetime, timedelta
from math import cos, pi, radians, sin
from random import Random

from strava_pipeline.emulator.service import Json
from strava_pipeline.emulator.services import Athlete, Service, began
from strava_pipeline.ingest.ridewithgps.emulator.app import application
from strava_pipeline.ingest.ridewithgps.emulator.service import RideWithGps, gear_item, gear_of_detail, trip_of

FIRST_ID, FIRST_GEAR = 100_000_000, 254_000
_METRES_A_DEGREE = 111_195  # of latitude
ABSENT_HERE, ABSENT_AT_STRAVA, RENAMED = 0.08, 0.06, 0.2  # shares of the activities
_TYPES = {
    "Ride": "cycling:road",
    "GravelRide": "cycling:gravel",
    "MountainBikeRide": "cycling:mountain",
    "VirtualRide": "cycling:virtual",
    "EBikeRide": "e_biking:generic",
    "Run": "running:generic",
    "TrailRun": "running:trail",
    "Walk": "walking:generic",
    "Hike": "walking:hiking",
    "Swim": "swimming:generic",
    "NordicSki": "snow:cross_country_skiing",
    "WeightTraining": "training:strength",
    "Yoga": "training:yoga",
}
_VISIBILITY = {"everyone": "public", "followers_only": "friends_only", "only_me": "private"}


def fill(athlete: Athlete) -> Service:
    """The service, and the settings for using it."""
    state, pairs, alone = RideWithGps.starting(athlete.now, athlete.speed), dict[str, int](), 0
    names = enumerate(athlete.gear_names.items())
    gear = {key: gear_item(FIRST_GEAR + place, name, "Acme", name) for place, (key, name) in names}
    state.gear = [*gear.values()]
    for place, activity in enumerate(athlete.activities):
        rng, trip_id = Random(f"{athlete.seed}:{activity['id']}"), FIRST_ID + 7 * place
        fate = rng.random()
        if activity.get("manual") or fate < ABSENT_HERE:
            continue
        trip = _trip(trip_id, state.user_id, activity, gear.get(activity.get("gear_id") or ""), rng)
        found = [trip]
        if fate > 1 - ABSENT_AT_STRAVA:
            found.insert(0, _on_another_day(trip, trip_id + 1, rng))
            alone += 1
        pairs[str(trip_id)] = activity["id"]
        for each in found:
            state.trips[each["id"]] = {**each, "track_points": _round_trip(each)}
            state.record("created", each["id"])
    settings = {
        "RIDEWITHGPS_BASE_URL": "{url}",
        "RIDEWITHGPS_API_KEY": state.key,
        "RIDEWITHGPS_AUTH_TOKEN": state.token,
        "SEAM_PAUSES": "0",
        "RIDEWITHGPS_CLIENT_SECRET": state.client_secret,
    }
    return Service(application(state), settings, pairs, alone)


def _round_trip(trip: Json) -> list[Json]:
    """A point a minute on a circle that begins and ends at the start; indoors, without places."""
    start, seconds = int(datetime.fromisoformat(trip["departed_at"]).timestamp()), trip["duration"]
    latitude, longitude = trip["first_lat"], trip["first_lng"]
    across = trip["distance"] / pi / _METRES_A_DEGREE
    points: list[Json] = []
    for at in [*range(0, seconds, 60), seconds]:
        turned = at / seconds if seconds else 0.0
        point = {"t": start + at, "d": round(trip["distance"] * turned), "h": trip["avg_hr"], "p": trip["avg_watts"]}
        if latitude is not None:
            point["x"] = round(longitude + across * sin(2 * pi * turned) / 2 / cos(radians(latitude)), 6)
            point["y"] = round(latitude + across * (1 - cos(2 * pi * turned)) / 2, 6)
        points.append({name: value for name, value in point.items() if value is not None})
    return points


def _trip(trip_id: int, user_id: int, activity: Json, gear: Json | None, rng: Random) -> Json:
    start = began(activity)
    uploaded = start + timedelta(seconds=activity["elapsed_time"] + rng.randint(60, 7200))
    moving = round(activity["moving_time"] * rng.uniform(0.985, 1.0))
    distance = round(activity["distance"])
    trip = trip_of(trip_id, user_id, start.isoformat(), uploaded.isoformat(timespec="seconds"))
    first, last = activity["start_latlng"] or [None, None], activity["end_latlng"] or [None, None]
    heart, power = activity.get("average_heartrate"), activity.get("average_watts")
    return trip | {
        "name": f"{start:%d.%m.%Y}" if rng.random() < RENAMED else activity["name"],
        "time_zone": activity["timezone"].partition(" ")[2],
        "activity_type": _TYPES.get(activity["sport_type"], "other:generic"),
        "is_stationary": not activity["start_latlng"],
        "distance": distance,
        "duration": activity["elapsed_time"],
        "moving_time": moving,
        "elevation_gain": round(activity["total_elevation_gain"] * rng.uniform(0.9, 1.25)),
        "avg_speed": round(distance / moving * 3.6, 4) if moving else None,
        "max_speed": round(activity["max_speed"] * 3.6, 3),
        "avg_hr": heart and round(heart),
        "max_hr": activity.get("max_heartrate") and round(activity["max_heartrate"]),
        "avg_watts": power and round(power),
        "max_watts": activity.get("max_watts") if activity.get("device_watts") else None,
        "avg_cad": activity.get("average_cadence") and round(activity["average_cadence"]),
        "first_lat": first[0],
        "first_lng": first[1],
        "last_lat": last[0],
        "last_lng": last[1],
        "visibility": _VISIBILITY[activity["visibility"]],
        "device": activity.get("device_name") or "Wahoo ELEMNT ROAM",
        "gear": gear_of_detail(gear) if gear else None,
    }


def _on_another_day(trip: Json, trip_id: int, rng: Random) -> Json:
    """A ride that never reached Strava, six hours to a day before, with another length."""
    start = datetime.fromisoformat(trip["departed_at"]) - timedelta(seconds=rng.randint(21_600, 86_400))
    factor = rng.uniform(0.4, 0.7)
    longer = {name: round(trip[name] * factor) for name in ("distance", "duration", "moving_time")}
    return trip | longer | {"id": trip_id, "name": "Not at Strava", "departed_at": start.isoformat()}
