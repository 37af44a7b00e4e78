"""intervals.icu, filled with the data that it would have of Strava's athlete: for the demo and tests.

Activities from Strava are stubs. The rest came from devices: the start is the same within two seconds, distances and
moving times are computed again, and names are often the device's. Rides on a trainer may be there twice, by Zwift and
by a watch. Some rows name the activity at Strava; those from Garmin Connect name it there.
"""

from datetime import datetime, timedelta, timezone
from random import Random

from strava_pipeline.emulator.generate.days import days_since
from strava_pipeline.emulator.service import Json
from strava_pipeline.emulator.services import Athlete, Service, began
from strava_pipeline.ingest.intervals_icu.emulator import app, routes
from strava_pipeline.ingest.intervals_icu.wellness import FIELDS

FIRST_ID, FIRST_GARMIN_ID = 80_000_000, 17_000_000_000
ABSENT_HERE, WITHHELD, ABSENT_AT_STRAVA, LINKED, RENAMED, TWICE = 0.08, 0.2, 0.06, 0.3, 0.3, 0.5  # shares
_INDOORS = {"Ride": "VirtualRide", "Run": "VirtualRun", "Rowing": "VirtualRow"}
_DEVICES = {"Garmin": "GARMIN_CONNECT", "Wahoo": "WAHOO", "COROS": "COROS", "Zwift": "ZWIFT"}
_WORDS = {"Ride": "Cycling", "VirtualRide": "Indoor Cycling", "Run": "Running", "VirtualRun": "Treadmill Running"}


def fill(athlete: Athlete) -> Service:
    """The service, and the settings for using it."""
    state, pairs, alone = app.IntervalsIcu.starting(athlete.now, athlete.speed, key="emulator-key"), dict[str, int](), 0
    gear = {key: _gear(place, name, key) for place, (key, name) in enumerate(athlete.gear_names.items())}
    state.gear = [*gear.values()]
    for place, activity in enumerate(athlete.activities):
        rng, number = Random(f"{athlete.seed}:{activity['id']}"), FIRST_ID + 7 * place
        fate = rng.random()
        if fate < ABSENT_HERE:
            continue
        if fate < ABSENT_HERE + WITHHELD:
            state.add_stub(str(activity["id"]), activity["start_date_local"].removesuffix("Z"))
            continue
        row = _row(f"i{number}", state.athlete, activity, gear.get(activity.get("gear_id") or ""), rng)
        found = [row]
        if row["type"] in _INDOORS.values() and rng.random() < TWICE:
            found.append(_by_watch(row, f"i{number + 1}", state.athlete, rng))
        pairs |= {each["id"]: activity["id"] for each in found}
        if fate > 1 - ABSENT_AT_STRAVA:
            found.append(_on_another_day(row, f"i{number + 2}", state.athlete, rng))
            alone += 1
        state.activities |= {each["id"]: each for each in found}
    state.days = _days(athlete)
    settings = {
        "INTERVALS_BASE_URL": "{url}",
        "INTERVALS_API_KEY": state.key,
        "INTERVALS_WEBHOOK_SECRET": state.webhook_secret,
    }
    return Service(routes.application(state), settings, pairs, alone)


def _days(athlete: Athlete) -> dict[str, Json]:
    """Most of the watch's days, and weights of all years; where none was taken, the one before, as the flag says."""
    days, weight = dict[str, Json](), None
    first = min((began(activity).date() for activity in athlete.activities), default=athlete.now.date())
    for day, worn, weighed in days_since(first, athlete.now, athlete.seed):
        is_here = Random(f"{athlete.seed}:intervals:{day}").random() >= ABSENT_HERE
        numbers = {**(worn if is_here else {}), **weighed}
        weight = weighed.get("weight_kg", weight)
        row = {own: numbers.get(name) for name, own in FIELDS.items()}
        carried = {"weight": weight and round(weight, 1), "tempWeight": not weighed, "tempRestingHR": False}
        days[day.isoformat()] = {"id": day.isoformat(), "sportInfo": None, **row, **carried}
    return days


def _gear(place: int, name: str, strava_id: str) -> Json:
    kind = "Bike" if strava_id.startswith("b") else "Shoes"
    return {"id": f"g{1000 + place}", "type": kind, "name": name, "distance": 0.0, "retired": None, "component": False}


def _row(key: str, athlete: str, activity: Json, gear: Json | None, rng: Random) -> Json:
    start = began(activity) + timedelta(seconds=rng.randint(0, 2))
    device = activity.get("device_name") or ""
    source = "MANUAL" if activity.get("manual") else _DEVICES.get(device.partition(" ")[0], "UPLOAD")
    outdoors: str = activity["sport_type"]
    sport = _INDOORS.get(outdoors, outdoors) if activity.get("trainer") else outdoors
    place = activity["timezone"].rpartition("/")[2].replace("_", " ")
    watts, joules = activity.get("average_watts"), activity.get("kilojoules")
    return app.row_of(
        key,
        athlete,
        start,
        type=sport,
        name=f"{place} {_WORDS.get(sport, sport)}" if rng.random() < RENAMED else activity["name"],
        timezone=activity["timezone"].partition(" ")[2] if source != "MANUAL" else None,
        distance=round(activity["distance"] * rng.uniform(0.998, 1.002), 2),
        moving_time=round(activity["moving_time"] * rng.uniform(0.985, 1.0)),
        elapsed_time=activity["elapsed_time"],
        total_elevation_gain=round(activity["total_elevation_gain"] * rng.uniform(0.9, 1.2)),
        average_speed=activity["average_speed"],
        max_speed=activity["max_speed"],
        average_heartrate=activity.get("average_heartrate") and round(activity["average_heartrate"]),
        max_heartrate=activity.get("max_heartrate") and round(activity["max_heartrate"]),
        average_cadence=activity.get("average_cadence"),
        icu_average_watts=watts and round(watts),
        icu_joules=joules and round(joules * 1000),
        device_watts=activity.get("device_watts"),
        trainer=bool(activity.get("trainer")),
        commute=activity.get("commute"),
        gear={"id": gear["id"], "name": None, "distance": None, "primary": False} if gear else None,
        device_name=device or None,
        source=source,
        external_id=str(FIRST_GARMIN_ID + int(key[1:])) if source == "GARMIN_CONNECT" else f"{key}.fit",
        strava_id=str(activity["id"]) if rng.random() < LINKED else None,
        icu_weight=72.5,
    )


def _by_watch(row: Json, key: str, athlete: str, rng: Random) -> Json:
    """The same effort by a watch that was started after the trainer's program."""
    start = _start_of(row) + timedelta(seconds=rng.randint(20, 50))
    seconds = {name: max(row[name] - rng.randint(0, 20), 1) for name in ("moving_time", "elapsed_time")}
    own = {"distance": round(row["distance"] * rng.uniform(0.98, 1.02), 2), "device_name": "Garmin Forerunner 935"}
    ids = {"source": "GARMIN_CONNECT", "external_id": str(FIRST_GARMIN_ID + int(key[1:])), "strava_id": None}
    name = _WORDS.get(row["type"], row["type"])
    return app.row_of(key, athlete, start, **_without_start(row) | seconds | own | ids | {"name": name})


def _on_another_day(row: Json, key: str, athlete: str, rng: Random) -> Json:
    """An activity that never reached Strava, six hours to a day before, with another length."""
    start = _start_of(row) - timedelta(seconds=rng.randint(21_600, 86_400))
    factor = rng.uniform(0.4, 0.7)
    shorter = {name: round(row[name] * factor) for name in ("distance", "moving_time", "elapsed_time")}
    ids = {"source": "UPLOAD", "external_id": f"{key}.fit", "strava_id": None, "name": "Not at Strava"}
    return app.row_of(key, athlete, start, **_without_start(row) | shorter | ids)


def _start_of(row: Json) -> datetime:
    """The start, with the offset of the athlete's clock."""
    instant = datetime.fromisoformat(row["start_date"])
    return instant.astimezone(timezone(datetime.fromisoformat(f"{row['start_date_local']}Z") - instant))


def _without_start(row: Json) -> Json:
    own = ("id", "icu_athlete_id", "start_date", "start_date_local")
    return {name: value for name, value in row.items() if name not in own}
