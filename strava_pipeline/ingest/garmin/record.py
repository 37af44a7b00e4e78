"""Garmin Connect's record: its offers, and how an entry of its activity list and a detail read. Pure.

The official API and that of Garmin's own app give the same rows. A detail is first converted into the shape of the list.
Times are seconds, lengths metres, but lists of 2021 and before give elapsed times in milliseconds, elevations in cm.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from strava_pipeline.core.json_values import finite_number
from strava_pipeline.core.providers import ProviderRow, ProviderSpec, UnreadableRowError, page_reader
from strava_pipeline.core.rows import Json
from strava_pipeline.core.sports import DRIVES, GROUP_OF, UNSPECIFIED
from strava_pipeline.core.start_times import clock_text
from strava_pipeline.ingest.garmin.gear import gear_of_activity, read_gear
from strava_pipeline.ingest.garmin.refusals import BY_APP
from strava_pipeline.ingest.garmin.wellness import read_wellness

NAME = "garmin"
KCAL = 4.184  # kJ; `totalWork` is in kilocalories of mechanical work

_SPORTS = {
    "Ride": "cycling road_biking track_cycling recumbent_cycling bmx indoor_cycling",
    "VirtualRide": "virtual_ride",
    "MountainBikeRide": "mountain_biking downhill_biking enduro_mtb",
    "GravelRide": "gravel_cycling cyclocross unbound_gravel_cycling",
    "EBikeRide": "e_bike_fitness",
    "EMountainBikeRide": "e_bike_mountain e_enduro_mtb",
    "Handcycle": "hand_cycling indoor_hand_cycling",
    "Run": "running street_running track_running indoor_running treadmill_running obstacle_run",
    "TrailRun": "trail_running ultra_run",
    "VirtualRun": "virtual_run",
    "Walk": "walking casual_walking speed_walking indoor_walking",
    "Hike": "hiking rucking mountaineering",
    "Wheelchair": "wheelchair_push_run wheelchair_push_walk",
    "Swim": "swimming lap_swimming open_water_swimming",
    "WeightTraining": "strength_training",
    "HighIntensityIntervalTraining": "hiit",
    "Yoga": "yoga",
    "Pilates": "pilates",
    "Elliptical": "elliptical",
    "StairStepper": "stair_climbing",
    "Rowing": "rowing rowing_v2 indoor_rowing",
    "Canoeing": "paddling paddling_v2",
    "Kayaking": "kayaking kayaking_v2 whitewater_rafting_kayaking whitewater_rafting whitewater_rafting_v2",
    "StandUpPaddling": "stand_up_paddleboarding stand_up_paddleboarding_v2",
    "Surfing": "surfing surfing_v2 wakesurfing",
    "Windsurf": "windsurfing windsurfing_v2",
    "Kitesurf": "kiteboarding kiteboarding_v2 wind_kite_surfing",
    "Sail": "sailing sailing_v2 boating boating_v2 offshore_grinding offshore_grinding_v2 onshore_grinding"
    " onshore_grinding_v2",
    "AlpineSki": "resort_skiing resort_skiing_snowboarding resort_skiing_snowboarding_ws",
    "Snowboard": "resort_snowboarding backcountry_snowboarding",
    "BackcountrySki": "backcountry_skiing backcountry_skiing_snowboarding backcountry_skiing_snowboarding_ws",
    "NordicSki": "cross_country_skiing cross_country_skiing_ws skate_skiing skate_skiing_ws",
    "Snowshoe": "snow_shoe snow_shoe_ws",
    "IceSkate": "skating skating_ws",
    "InlineSkate": "inline_skating",
    "RockClimbing": "rock_climbing indoor_climbing bouldering",
    "Golf": "golf disc_golf",
    "Soccer": "soccer",
    "Basketball": "basketball",
    "Volleyball": "volleyball",
    "Cricket": "cricket",
    "Tennis": "tennis tennis_v2 platform_tennis",
    "TableTennis": "table_tennis",
    "Badminton": "badminton",
    "Squash": "squash",
    "Racquetball": "racquetball",
    "Pickleball": "pickleball",
    "Padel": "paddelball",
    "Dance": "dance",
    "Triathlon": "multi_sport",
    UNSPECIFIED: "other all uncategorized fitness_equipment indoor_cardio cardio_training mobility jump_rope boxing"
    " mixed_martial_arts breathwork meditation floor_climbing transition transition_v2 swimToBikeTransition"
    " swimToBikeTransition_v2 bikeToRunTransition bikeToRunTransition_v2 runToBikeTransition runToBikeTransition_v2 e_sport"
    " team_sports racket_sports water_sports winter_sports para_sports rugby lacrosse ice_hockey field_hockey"
    " american_football baseball softball ultimate_disc archery horseback_riding hunting hunting_fishing fishing fishing_v2"
    " diving single_gas_diving multi_gas_diving gauge_diving apnea_diving ccr_diving apnea_hunting pool_apnea snorkeling"
    " waterskiing water_tubing wakeboarding wakeboarding_v2 snowmobiling snowmobiling_ws stop_watch steps flying sky_diving"
    " hang_gliding wingsuit_flying rc_drone",
}
SPORT_OF: Mapping[str, str] = {key: sport for sport, keys in _SPORTS.items() for key in keys.split()}
"""Strava's sport for each type that is an athlete's activity."""
NO_SPORT = frozenset({*DRIVES, "safety", "assistance", "incident_detected"})
"""Types that a watch records but that aren't an athlete's activity."""
_PARENTS = {1: "Run", 2: "Ride", 3: "Hike", 9: "Walk", 26: "Swim"}  # types that others belong to, by Garmin's number
_SAFETY = 157  # the type above assistance and incident_detected
_INDOORS = frozenset({"treadmill_running", "bouldering"})  # besides those that begin with indoor_ or virtual_
_RIDES = ("ride", "e_ride")

_VISIBILITY = {"public": "everyone", "subscribers": "followers_only", "groups": "followers_only", "private": "only_me"}
_PERSONAL = ("owner", "user", "activityLike", "likedBy", "comment", "conversation", "numberOfActivity", "requestor")
"""Prefixes of fields that identify a person: the athlete, or others."""
_is_personal = lru_cache(maxsize=1000)(lambda name: name.startswith(_PERSONAL))  # of 200 names, the same in every entry

_ALSO_IS = ("manualActivity", "favorite", "parent", "elevationCorrected", "decoDive", "autoCalcCalories")
_TWINS = {f"is{name[0].upper()}{name[1:]}": name for name in _ALSO_IS} | {"isPR": "pr"}  # in the official API's rows
_NUMBERS = (  # Garmin's name and ours; of two with one of ours, the first is the list's, the second the detail's
    ("distance", "distance"),
    ("elevationGain", "total_elevation_gain"),
    ("maxElevation", "elev_high"),
    ("minElevation", "elev_low"),
    ("maxSpeed", "max_speed"),
    ("averageHR", "average_heartrate"),
    ("maxHR", "max_heartrate"),
    ("averageBikingCadenceInRevPerMinute", "average_cadence"),
    ("averageBikeCadence", "average_cadence"),
    ("avgPower", "average_watts"),
    ("averagePower", "average_watts"),
    ("normPower", "weighted_average_watts"),
    ("normalizedPower", "weighted_average_watts"),
    ("maxPower", "max_watts"),
    ("averageTemperature", "average_temp"),
)
_STEPS = [(name, "average_cadence") for name in ("averageRunningCadenceInStepsPerMinute", "averageRunCadence")]
_DOUBLED = 2  # Garmin counts the steps of both feet, Strava those of one
_MILLISECONDS = 900  # times the timer: no elapsed time in seconds reaches that, unless the watch was paused for days
_LONG = 10 * 86_400.0  # seconds: where nothing else is known, an elapsed time beyond it is in milliseconds
_HIGHEST = 12_000.0  # metres: beyond it an elevation is in centimetres


def read_activity(item: Json) -> ProviderRow:
    """An entry of the list, or a detail, as an activity. Raises UnreadableRowError."""
    is_detail = isinstance(item.get("summaryDTO"), dict)
    fields = _in_list_shape(item) if is_detail else item
    left = {name: value for name, value in fields.items() if value is not None and not _is_personal(name)}
    for other, name in _TWINS.items():
        if other in left:
            left.setdefault(name, left.pop(other))
    start, instant = _start(left)
    source_id = _id(left.pop("activityId", None), instant)
    if start is None:
        raise UnreadableRowError("it has no start")
    sport, sport_fields, reason = _sport(left)
    moving = finite_number(left.pop("movingDuration", None))
    timer = finite_number(left.pop("duration", None))
    elapsed, is_old = _elapsed(left, instant, timer or moving, is_detail=is_detail)
    summary: dict[str, Any] = {**left, **sport_fields, **start}
    _rename(summary, _NUMBERS)
    if (seconds := moving or timer) is not None:
        summary["moving_time"] = round(seconds)
    if elapsed is not None:
        summary["elapsed_time"] = round(elapsed)
    distance = finite_number(summary.get("distance"))
    speed = distance / moving if distance and moving and moving > 0 else finite_number(left.get("averageSpeed"))
    if speed is not None:
        summary["average_speed"] = speed
    summary["has_heartrate"] = "average_heartrate" in summary or "max_heartrate" in summary
    _correct_elevations(summary, is_old=is_old)
    _read_cadence_and_power(summary, sport)
    _read_places(summary)
    _read_rest(summary)
    if left.get("parentId"):
        reason = reason or "a leg: its multisport activity counts"
    return ProviderRow(source_id, summary, not_counted=reason)


def _in_list_shape(detail: Json) -> dict[str, Any]:
    """The values of a detail, by the names of the list."""
    about = detail.get("metadataDTO")
    about = about if isinstance(about, dict) else {}
    return {
        **detail["summaryDTO"],
        **{
            name: detail.get(name) for name in ("activityId", "activityName", "description", "parentId", "locationName")
        },
        **{name: about.get(name) for name in ("manualActivity", "manufacturer", "favorite", "lapCount")},
        "activityType": detail.get("activityTypeDTO"),
        "eventType": detail.get("eventTypeDTO"),
        "privacy": detail.get("accessControlRuleDTO"),
        "parent": detail.get("isMultiSportParent"),
    }


def _id(value: Any, instant: datetime | None) -> str:
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value)
    if type(value) is float and value.is_integer() and value < 2**53:
        value = int(value)
    fault = "is no whole number" if type(value) is not int else "is not above 0" if value <= 0 else None
    if fault:
        raise UnreadableRowError(f"its activityId {fault}", None if instant is None else instant.replace(tzinfo=UTC))
    return str(value)


def _start(left: dict[str, Any]) -> tuple[Json | None, datetime | None]:
    """The fields of the start, and its instant (UTC, without a zone) as far as known; None if the entry has none."""
    instant, local = _moment(left.get("startTimeGMT")), _moment(left.get("startTimeLocal"))
    if instant is None and (stamp := finite_number(left.get("beginTimestamp"))) is not None:
        try:
            instant = (datetime(1970, 1, 1) + timedelta(milliseconds=stamp)).replace(microsecond=0)  # noqa: DTZ001
        except OverflowError:
            instant = None
    for name, known in (("startTimeGMT", instant), ("startTimeLocal", local)):
        if known is not None:
            left.pop(name, None)
    fields: dict[str, Any] = {"start_date": clock_text(instant)} if instant is not None else {}
    if local is not None:
        fields["start_date_local"] = clock_text(local)
    # No zone is further from UTC than 14 hours: beyond, one of the two is wrong.
    if instant is not None and local is not None and abs(offset := (local - instant).total_seconds()) <= 14 * 3600:
        fields["utc_offset"] = offset
    return fields or None, instant


def _moment(text: Any) -> datetime | None:
    """The time in a text as 2026-01-08 08:10:21 or 2026-01-08T08:10:21.0, to the second, without a zone."""
    if not isinstance(text, str):
        return None
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    if not 1900 < found.year < 9999:  # so that no zone leads out of the calendar
        return None
    return found.replace(tzinfo=None, microsecond=0) if found.tzinfo or found.microsecond else found


def _sport(left: dict[str, Any]) -> tuple[str, Json, str | None]:
    """Strava's sport, its fields, and why totals leave the activity out (None: they don't)."""
    kind = left.pop("activityType", None)
    parent = kind.get("parentTypeId") if isinstance(kind, dict) else None
    key = kind.get("typeKey") if isinstance(kind, dict) else kind
    if not isinstance(key, str):
        return UNSPECIFIED, {"sport_type": UNSPECIFIED}, None
    reason = "no activity of an athlete" if key in NO_SPORT or parent == _SAFETY else None
    numbered = _PARENTS.get(parent, UNSPECIFIED) if type(parent) is int else UNSPECIFIED
    sport = key if reason else SPORT_OF.get(key, numbered)
    is_indoors = key.startswith(("indoor_", "virtual_")) or key in _INDOORS
    return sport, {"sport_type": sport, "trainer": is_indoors, "typeKey": key}, reason


def _elapsed(
    left: dict[str, Any], instant: datetime | None, timer: float | None, *, is_detail: bool
) -> tuple[float | None, bool]:
    """The elapsed time in seconds, and whether the entry is of the years of milliseconds and centimetres."""
    said = finite_number(left.get("elapsedDuration"))
    if said is None:
        return None, False
    del left["elapsedDuration"]
    if is_detail:
        return said, False
    ended = _moment(left.get("endTimeGMT"))
    if instant and ended and (length := (ended - instant).total_seconds()) > 0:
        is_old = abs(said / 1000 - length) < abs(said - length)
    elif timer is not None and timer > 0:
        is_old = said >= _MILLISECONDS * timer
    else:
        is_old = said > _LONG
    return (said / 1000 if is_old else said), is_old


def _rename(summary: dict[str, Any], names: Iterable[tuple[str, str]]) -> None:
    """Rename numbers to our columns; other values stay under their own names."""
    found: dict[str, float] = {}
    for theirs, ours in names:
        value = summary.get(theirs)
        if value is not None and ours not in found and (number := finite_number(value)) is not None:
            del summary[theirs]
            found[ours] = number
    summary.update(found)


def _correct_elevations(summary: dict[str, Any], *, is_old: bool) -> None:
    for name in ("elev_high", "elev_low"):
        if (metres := summary.get(name)) is not None and (is_old or abs(metres) > _HIGHEST):
            summary[name] = metres / 100


def _read_cadence_and_power(summary: dict[str, Any], sport: str) -> None:
    if "average_cadence" not in summary:
        _rename(summary, _STEPS)
        if "average_cadence" in summary:
            summary["average_cadence"] /= _DOUBLED
    if GROUP_OF.get(sport) not in _RIDES:
        return  # the power of a run is an estimate
    if "average_watts" in summary:
        summary["device_watts"] = True
    _rename(summary, [("totalWork", "kilojoules")])
    if "kilojoules" in summary:
        summary["kilojoules"] *= KCAL


def _read_places(summary: dict[str, Any]) -> None:
    for end in ("start", "end"):
        latitude = finite_number(summary.pop(f"{end}Latitude", None))
        longitude = finite_number(summary.pop(f"{end}Longitude", None))
        is_place = latitude is not None and longitude is not None and abs(latitude) <= 90 and abs(longitude) <= 180
        summary[f"{end}_latlng"] = [latitude, longitude] if is_place else []


def _read_rest(summary: dict[str, Any]) -> None:
    """The name, how it was recorded, and who may see it."""
    if isinstance(summary.get("activityName"), str):
        summary["name"] = summary.pop("activityName")
    if isinstance(summary.get("manualActivity"), bool):
        summary["manual"] = summary.pop("manualActivity")
    if isinstance(summary.get("manufacturer"), str) and summary["manufacturer"]:
        summary["device_name"] = summary.pop("manufacturer")
    privacy = summary.get("privacy")
    key = privacy.get("typeKey") if isinstance(privacy, dict) else None
    if isinstance(key, str) and key in _VISIBILITY:
        del summary["privacy"]
        summary |= {"visibility": _VISIBILITY[key], "private": key == "private"}


def rows(content: Any) -> Sequence[Any]:
    """The entries of a page, which is a JSON array."""
    if not isinstance(content, list):
        raise UnreadableRowError("it is no list of activities")
    return content


SPEC = ProviderSpec(
    name=NAME,
    title="Garmin Connect",
    link="https://connect.garmin.com/modern/activity/{source_id}",
    precedence=2,
    priority=5,
    read_page=page_reader(NAME, rows, read_activity),
    id_field="activityId",
    rows_a_call=95,
    days_calls=(4, 26),
    for_whom="a Garmin watch or bike computer",
    login_steps="Make a key in a browser: https://connect.garmin.com/app/settings/personalApiToken. Garmin shows it once.",
    capabilities=frozenset({"windows", "files", "uploads"}),
    edits=frozenset({"name", "gear"}),
    kinds={"gear": read_gear, "wellness": read_wellness},
    gear_of_activity=gear_of_activity,
    refusals=BY_APP,
    sport_words=("typeKey", SPORT_OF),
)
