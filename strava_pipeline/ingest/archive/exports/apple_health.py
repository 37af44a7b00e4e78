"""Apple Health's export: the workouts of export.xml, as extracted by ingest/archive/apple_health.py. Pure.

All times of an export have the telephone's offset on that day, wherever the workout was: they give the instant, and the
athlete's clock only if the workout names its zone. A workout's own start, times and distance count before its routes,
which have gaps; several routes of a workout are parts of one track.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from strava_pipeline.core.files.export_values import raw_number
from strava_pipeline.core.json_values import without_none
from strava_pipeline.core.start_times import start_fields, utc_text
from strava_pipeline.ingest.archive.exports.rows import ServiceRow, ServiceRows

KEY = "appleHealthWorkouts"
_PREFIX, _QUANTITY = "HKWorkoutActivityType", "HKQuantityTypeIdentifier"
_SPORTS = {
    "Ride": "Cycling",
    "Run": "Running TrackAndField",
    "Walk": "Walking",
    "Hike": "Hiking",
    "Swim": "Swimming",
    "Rowing": "Rowing",
    "Elliptical": "Elliptical",
    "StairStepper": "StairClimbing Stairs StepTraining",
    "WeightTraining": "TraditionalStrengthTraining FunctionalStrengthTraining CoreTraining",
    "HighIntensityIntervalTraining": "HighIntensityIntervalTraining",
    "Crossfit": "CrossTraining",
    "Yoga": "Yoga",
    "Pilates": "Pilates",
    "AlpineSki": "DownhillSkiing",
    "NordicSki": "CrossCountrySkiing",
    "Snowboard": "Snowboarding",
    "IceSkate": "SkatingSports",
    "Canoeing": "PaddleSports",
    "Sail": "Sailing",
    "Surfing": "SurfingSports",
    "RockClimbing": "Climbing",
    "Handcycle": "HandCycling",
    "Wheelchair": "WheelchairWalkPace WheelchairRunPace",
    "Golf": "Golf",
    "Tennis": "Tennis",
    "TableTennis": "TableTennis",
    "Badminton": "Badminton",
    "Squash": "Squash",
    "Racquetball": "Racquetball",
    "Pickleball": "Pickleball",
    "Soccer": "Soccer",
    "Basketball": "Basketball",
    "Volleyball": "Volleyball",
    "Cricket": "Cricket",
    "Dance": "Dance SocialDance CardioDance DanceInspiredTraining",
    "Workout": "Other MixedCardio PreparationAndRecovery Cooldown Flexibility MindAndBody JumpRope Boxing Kickboxing Barre"
    " MartialArts FitnessGaming",
}
_SPORT_OF = {word: sport for sport, words in _SPORTS.items() for word in words.split()}
_DISTANCES = {  # HealthKit's kind of distance of sports; of others it is WalkingRunning
    "Cycling": "Ride Handcycle",
    "Swimming": "Swim",
    "Wheelchair": "Wheelchair",
    "DownhillSnowSports": "AlpineSki Snowboard",
    "CrossCountrySkiing": "NordicSki",
    "PaddleSports": "Canoeing",
    "Rowing": "Rowing",
    "SkatingSports": "IceSkate",
}
_DISTANCE_OF = {sport: kind for kind, sports in _DISTANCES.items() for sport in sports.split()}
# sports whose kind is as old as statistics: another one is not their distance
_ONE_KIND = {"Ride", "Handcycle", "Swim", "Wheelchair", "AlpineSki", "Snowboard", "Run", "Walk", "Hike"}
_UNITS = {
    "km": 1000.0,
    "m": 1.0,
    "cm": 0.01,
    "mi": 1609.344,
    "ft": 0.3048,
    "yd": 0.9144,  # m
    "kcal": 1.0,
    "Cal": 1.0,
    "kJ": 1 / 4.184,
    "cal": 0.001,  # kcal
    "count/min": 1.0,
    "W": 1.0,
}
_TIMES = {"s": 1.0, "min": 60.0, "hr": 3600.0}
_MEANS = {  # quantity: names of its mean and its highest value
    "HeartRate": ("average_heartrate", "max_heartrate"),
    "CyclingPower": ("average_watts", "max_watts"),
    "RunningPower": ("average_watts", "max_watts"),
    "CyclingCadence": ("average_cadence", None),
}


def is_apple_health(value: Any) -> bool:
    """Whether a JSON value contains the workouts of an export."""
    return isinstance(value, dict) and isinstance(value.get(KEY), list)


def read_apple_health(value: Any) -> ServiceRows:
    """The workouts in their order. Never raises, whatever they contain."""
    rows = [row for item in value[KEY] if isinstance(item, dict) and (row := _row(item)) is not None]
    faults = [str(each) for each in value.get("faults") or ()]
    if undated := len(value[KEY]) - len(rows):
        faults.append(f"{undated} of its workouts have no start")
    return ServiceRows(rows, faults)


def _row(item: Mapping[str, Any]) -> ServiceRow | None:
    about, facts = item.get("attributes") or {}, item.get("metadata") or {}
    began, ended = _instant(about.get("startDate")), _instant(about.get("endDate"))
    if began is None:
        return None
    word = str(about.get("workoutActivityType", "")).removeprefix(_PREFIX)
    sport = _SPORT_OF.get(word)
    elapsed = round((ended - began).total_seconds()) if ended is not None and ended >= began else None
    duration = _number(about.get("duration"), about.get("durationUnit"), _TIMES)
    moving = duration if duration is None or elapsed is None else min(duration, elapsed)
    fields: dict[str, Any] = {
        **({"sport_type": sport} if sport else {"sport": word or None}),
        **_start(began, facts.get("HKTimeZone")),
        "elapsed_time": elapsed,
        "moving_time": None if moving is None else round(moving),
        "trainer": {"1": True, "0": False}.get(str(facts.get("HKIndoorWorkout"))),
        "total_elevation_gain": _quantity(facts.get("HKElevationAscended")),
        **_sums(about, item.get("statistics") or (), sport),
    }
    distance = fields.get("distance")
    if distance and moving:
        fields["average_speed"] = round(distance / moving, 3)
    end = f"{ended:%Y%m%dT%H%M%S}" if ended is not None else ""
    return ServiceRow(
        f"apple_health:{word}:{began:%Y%m%dT%H%M%S}-{end}",
        without_none(fields),
        tuple(dict.fromkeys(map(str, item.get("routes") or ()))),
        began=began,
        elapsed_s=elapsed,
        is_measured=True,
    )


def _sums(about: Mapping[str, Any], statistics: Any, sport: str | None) -> dict[str, Any]:
    """Distance, energy and means: from the workout itself in exports of older telephones, from its statistics in newer ones."""
    found: dict[str, Any] = {
        "distance": _number(about.get("totalDistance"), about.get("totalDistanceUnit"), _UNITS),
        "calories": _number(about.get("totalEnergyBurned"), about.get("totalEnergyBurnedUnit"), _UNITS),
    }
    distances = dict[str, float]()
    for each in statistics:
        kind, unit = str(each.get("type", "")).removeprefix(_QUANTITY), each.get("unit")
        if kind.startswith("Distance"):
            distances[kind.removeprefix("Distance")] = _number(each.get("sum"), unit, _UNITS) or 0.0
        elif kind == "ActiveEnergyBurned":
            found["calories"] = found["calories"] or _number(each.get("sum"), unit, _UNITS)
        elif kind in _MEANS:
            mean, highest = _MEANS[kind]
            found[mean] = _number(each.get("average"), unit, _UNITS)
            if highest is not None:
                found[highest] = _number(each.get("maximum"), unit, _UNITS)
    of_sport = distances.get(_DISTANCE_OF.get(sport or "", "WalkingRunning"))
    other = 0.0 if sport in _ONE_KIND else max(distances.values(), default=0.0)
    found["distance"] = found["distance"] or of_sport or other or None  # a yoga lesson has 0 km
    return found


def _number(text: Any, unit: Any, units: Mapping[str, float]) -> float | None:
    number = raw_number(text) if isinstance(text, str) else None
    return None if number is None or unit not in units else round(number * units[unit], 3)


def _quantity(text: Any) -> float | None:
    """A number with its unit, as 1234 cm."""
    number, _, unit = str(text).partition(" ")
    return _number(number, unit, _UNITS)


def _instant(text: Any) -> datetime | None:
    """A time as 2018-09-23 08:56:43 -0500, in UTC."""
    read: Callable[[str, str], datetime] = datetime.strptime
    try:
        at = read(str(text), "%Y-%m-%d %H:%M:%S %z").astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return at if 1900 < at.year < 9999 else None


def _start(began: datetime, zone: Any) -> Mapping[str, Any]:
    try:
        return start_fields(began.astimezone(ZoneInfo(str(zone))), str(zone))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return {"start_date": utc_text(began)}
