"""Wahoo: its offers, and how a workout of its list reads. Pure.

A workout is a plan until it has a summary with the measurements, in which all numbers are texts. The addresses of files
are secrets, since anyone with one has the ride; no row has them. Fields: cloud-api.wahooligan.com.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from strava_pipeline.core.json_values import number_in
from strava_pipeline.core.providers import ProviderRow, ProviderSpec, UnreadableRowError, page_reader
from strava_pipeline.core.refusals import Refusals
from strava_pipeline.core.rows import Json
from strava_pipeline.core.start_times import read_start, start_fields, utc_text

NAME = "wahoo"
MOST_ROWS = 30  # rows that the service gives per page by default; it may give more on request
_IDS_OF_SPORTS: Mapping[str, tuple[int, ...]] = {
    "Ride": (0, 12, 14, 15, 16, 21, 49, 61),
    "VirtualRide": (68,),
    "MountainBikeRide": (13,),
    "GravelRide": (11,),
    "EBikeRide": (64,),
    "Handcycle": (70,),
    "Run": (1, 3, 5, 19, 67),
    "TrailRun": (4,),
    "VirtualRun": (71,),
    "Walk": (6, 7, 8, 56),
    "Hike": (9, 10),
    "Elliptical": (20,),
    "StairStepper": (23, 44),
    "Rowing": (22, 39),
    "Swim": (25, 26),
    "Snowboard": (27,),
    "AlpineSki": (29,),
    "NordicSki": (30,),
    "IceSkate": (32,),
    "InlineSkate": (33,),
    "Sail": (35,),
    "Windsurf": (36,),
    "Canoeing": (37,),
    "Kayaking": (38,),
    "Kitesurf": (40,),
    "StandUpPaddling": (41,),
    "Wheelchair": (45,),
    "Golf": (46,),
    "Yoga": (66,),
    "Workout": (2, 18, 42, 43, 47, 255),
    "Motorcycling": (17,),
}
SPORTS: Mapping[int, str] = {number: sport for sport, numbers in _IDS_OF_SPORTS.items() for number in numbers}
"""Strava's sports by `workout_type_id`. Skiing, skating and longboarding without a kind (28, 31, 34) have no sport of
Strava's.
"""
_INDOORS = frozenset((5, 12, 19, 21, 22, 49, 56, 61, 68, 71))
_NUMBERS = {
    "distance_accum": "distance",
    "ascent_accum": "total_elevation_gain",
    "speed_avg": "average_speed",
}
_SECONDS = {"duration_active_accum": "moving_time", "duration_total_accum": "elapsed_time"}
_SENSORS = {  # 0 where there is no sensor
    "cadence_avg": ("average_cadence", 1),
    "heart_rate_avg": ("average_heartrate", 1),
    "power_avg": ("average_watts", 1),
    "power_bike_avg": ("average_watts", 1),
    "power_bike_np_last": ("weighted_average_watts", 1),
    "work_accum": ("kilojoules", 1000),  # J
}
_TAKEN = {"id", "user_id", "starts", "name", "workout_summary", "workout_token", "source_id", "links", "athlete"}
_TAKEN_OF_SUMMARY = {"name", "started_at", "time_zone", "manual", "file", "files", "workout", "source_id", "links"}
_OF_BOTH = ("id", "created_at", "updated_at")  # the summary's own are other ones


def rows(content: Any) -> Sequence[Any]:
    """The workouts of a page. Raises UnreadableRowError."""
    if not isinstance(content, dict) or not isinstance(content.get("workouts"), list):
        raise UnreadableRowError("the page has no workouts")
    found: list[Any] = content["workouts"]
    return found


def id_text(value: Any) -> str | None:
    """An id, which is a whole number; None for anything else."""
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    return text if text.isascii() and text.isdigit() else None


def start_of(workout: Any) -> datetime | None:
    """When a workout began, or is to begin (UTC), or None if unreadable."""
    if not isinstance(workout, dict):
        return None
    summary = workout.get("workout_summary")
    texts = [workout.get("starts"), summary.get("started_at") if isinstance(summary, dict) else None]
    found = (read_start(text) or read_start(f"{text}Z") for text in texts if isinstance(text, str))
    return next((began.astimezone(UTC) for began in found if began is not None), None)


def read_row(workout: Json) -> ProviderRow | None:
    """A workout as an activity, or None if it is only planned."""
    summary, began = workout.get("workout_summary"), start_of(workout)
    if summary is None:
        return None
    source_id = id_text(workout.get("id"))
    if source_id is None:
        raise UnreadableRowError("it has no id", began)
    if not isinstance(summary, dict):
        raise UnreadableRowError("its summary is no object", began)
    if began is None:
        raise UnreadableRowError("it has no start that can be read")
    read = dict(_measures(summary))
    kept = {
        **{f"summary_{name}": summary.get(name) for name in _OF_BOTH},
        **{name: value for name, value in summary.items() if name not in {*_TAKEN_OF_SUMMARY, *_OF_BOTH, *read}},
        **{name: value for name, value in workout.items() if name not in _TAKEN},
        **{ours: value for ours, value in read.values() if ours},
        **_start(began, summary.get("time_zone")),
        **_sport(workout.get("workout_type_id")),
        "name": workout.get("name") or summary.get("name"),
    }
    kept["has_heartrate"] = "average_heartrate" in kept
    if isinstance(manual := summary.get("manual"), bool):
        kept["manual"] = manual
    return ProviderRow(source_id, {name: one for name, one in kept.items() if one is not None})


def _measures(summary: Json) -> Iterator[tuple[str, tuple[str, Any]]]:
    """Each readable field: its name, our name and its value. Our name is empty if the field is irrelevant."""
    for theirs, value in summary.items():
        if (number := number_in(value)) is None:
            continue
        if theirs in _NUMBERS:
            yield theirs, (_NUMBERS[theirs], number)
        elif theirs in _SECONDS:
            yield theirs, (_SECONDS[theirs], round(number))
        elif theirs in _SENSORS:
            ours, divisor = _SENSORS[theirs]
            yield theirs, (ours if number else "", number / divisor)


def _start(began: datetime, zone: Any) -> dict[str, Any]:
    """The fields of a start; without a known zone, the athlete's clock is unknown, too."""
    try:
        local = began.astimezone(ZoneInfo(zone)) if isinstance(zone, str) and zone else None
    except (ZoneInfoNotFoundError, ValueError, OverflowError, OSError):
        local = None
    if local is None:
        return {"start_date": utc_text(began), "time_zone": zone}
    return start_fields(local, zone)


def _sport(number: Any) -> dict[str, Any]:
    """The sport, and whether it was indoors; a kind without a Strava sport is given by its number."""
    kind = id_text(number)
    if kind is None:
        return {"sport_type": "Workout"}
    sport = SPORTS.get(int(kind[:9]), f"workout_type_{kind}")
    return {"sport_type": sport, **({"trainer": True} if int(kind[:9]) in _INDOORS else {})}


SPEC = ProviderSpec(
    name=NAME,
    title="Wahoo",
    link=None,
    precedence=2,
    priority=6,
    read_page=page_reader(NAME, rows, read_row),
    rows_a_call=MOST_ROWS,
    quiet_day_calls=2,  # whose login it is, and a page
    for_whom="if you register an app there",
    login_steps=(
        "Register an app at https://developers.wahooligan.com, with http://localhost/ as a redirect address and the scopes "
        "user_read, workouts_read and offline_data. It has an id and a secret."
    ),
    capabilities=frozenset({"windows", "files"}),
    # A login that is dead may be an opaque 400 to its refresh token.
    refusals=Refusals(
        at_login={400: "login", 401: "login", 403: "perhaps_login"}, at_data={401: "login", 403: "perhaps_login"}
    ),
)
