"""Ride with GPS: its offers, and how its answers about trips read. No calls here.

The service has two interfaces whose trips have the same names in other forms: the documented one (`/api/v1`) and that
of its web site. Each form is recognised by its values, so a trip reads the same from either.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from strava_pipeline.core.json_values import number_in, without_none
from strava_pipeline.core.providers import ProviderRow, ProviderSpec, UnreadableRowError, page_reader
from strava_pipeline.core.rows import Json
from strava_pipeline.core.sports import FIT_SPORTS, FIT_SUB_SPORTS, INDOORS, sport_type
from strava_pipeline.core.start_times import read_start, start_fields, utc_text
from strava_pipeline.ingest.ridewithgps.webhooks import WEBHOOKS, id_text

NAME = "ridewithgps"

_AVERAGES = {what: (f"avg_{what}", f"max_{what}") for what in ("hr", "cad", "watts", "speed")}
_METRICS = {
    "duration": "duration",
    "movingTime": "moving_time",
    "distance": "distance",
    "ele_gain": "elevation_gain",
    "calories": "calories",
    "stationary": "is_stationary",
}


def _speed(value: Any) -> float | None:
    kilometres_an_hour = number_in(value)
    return None if kilometres_an_hour is None else kilometres_an_hour / 3.6


def _seconds(value: Any) -> int | None:
    number = number_in(value)
    return None if number is None else round(number)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


_FIELDS: Sequence[tuple[str, str, Callable[[Any], Any]]] = (  # their name, ours, and how it is read
    ("distance", "distance", number_in),
    ("avg_speed", "average_speed", _speed),
    ("max_speed", "max_speed", _speed),
    ("avg_hr", "average_heartrate", number_in),
    ("max_hr", "max_heartrate", number_in),
    ("avg_cad", "average_cadence", number_in),
    ("avg_watts", "average_watts", number_in),
    ("max_watts", "max_watts", number_in),
    ("work", "kilojoules", number_in),
    ("elevation_gain", "total_elevation_gain", number_in),
    ("moving_time", "moving_time", _seconds),
    ("duration", "elapsed_time", _seconds),
    ("name", "name", _text),
    ("device", "device_name", _text),
    ("locality", "location_city", _text),
    ("administrative_area", "location_state", _text),
    ("country_code", "location_country", _text),
)
_PLACES = {"start_latlng": ("first_lat", "first_lng"), "end_latlng": ("last_lat", "last_lng")}
_PLACE_FIELDS = {name for names in _PLACES.values() for name in names}
_SPORT_FIELDS = {"activity_type", "fit_sport", "fit_sub_sport", "is_stationary"}
_READ = {"id", "departed_at", "time_zone", "utc_offset", "gear", "gear_id"} | _PLACE_FIELDS | _SPORT_FIELDS
"""Fields that `extra` never contains; other fields are there if they can't be read."""
_VISIBILITY = {"public": "everyone", "friends_only": "followers_only", "private": "only_me", "0": "everyone"}
# Positions beside the start and the end, addresses of pictures and pages, other people, codes that open a private trip,
# what only the web site's own interface shows and would come and go with it, and the time of the last edit, which
# would be one more change in each.
_OTHERS = (
    "track_points course_points points_of_interest photos bounding_box sw_lat sw_lng ne_lat ne_lng "
    "postal_code url html_url user group_membership_id privacy_code highlighted_photo_id "
    "highlighted_photo_checksum live_log live_logging rememberable metrics track_id processed deleted_at "
    "is_gps user_id likes_count updated_at"
)
_LEFT_OUT = frozenset(_OTHERS.split())
_TAKEN = _LEFT_OUT | _READ | {"visibility"} | {theirs for theirs, _, _ in _FIELDS}
"""Fields that `extra` doesn't contain if they could be read."""


# Of github.com/ridewithgps/developers (November 2025): "still subject to changes".
_TYPES: dict[str, str] = {
    "cycling": "generic:Ride road:Ride recumbent:Ride commute:Ride indoor:Ride gravel:GravelRide cyclocross:GravelRide "
    "mountain:MountainBikeRide hand_cycling:Handcycle virtual:VirtualRide",
    "e_biking": "generic:EBikeRide road:EBikeRide mountain:EMountainBikeRide",
    "running": "generic:Run road:Run trail:TrailRun indoor:Run",
    "walking": "generic:Walk speed:Walk hiking:Hike indoor:Walk",
    "swimming": "generic:Swim lap:Swim open_water:Swim",
    "snow": "alpine_skiing:AlpineSki cross_country_skiing:NordicSki snowboarding:Snowboard snowshoeing:Snowshoe "
    "generic:Workout",
    "training": "strength:WeightTraining yoga:Yoga hiit:HighIntensityIntervalTraining generic:Workout cardio:Workout "
    "breathing:Workout",
    "other": "generic:Workout",
    "unknown": "generic:Workout",
    "driving": "generic:Driving",
    "motorcycling": "generic:Motorcycling atv:Motorcycling motocross:Motorcycling",
}
SPORTS: dict[str, str] = {
    f"{kind}:{name}": sport
    for kind, line in _TYPES.items()
    for name, _, sport in (each.partition(":") for each in line.split())
}
_INDOORS = frozenset({"treadmill", "spin", "indoor_cycling", "indoor_walking", "indoor_running", "indoor_hand_cycling"})
_MOTORISED = {"driving": "Driving", "motorcycling": "Motorcycling"}


def read_row(trip: Json) -> ProviderRow | None:
    """A trip as an activity, or None if the service says that it was deleted."""
    if trip.get("deleted_at") is not None:
        return None
    source_id, began = id_text(trip.get("id")), _start_of(trip)
    if source_id is None:
        raise UnreadableRowError("it has no id", began)
    if began is None:
        raise UnreadableRowError("it has no start that can be read")
    metrics, zone = _of_metrics(trip.get("metrics")), trip.get("time_zone")
    given = {**metrics, **without_none(trip)} if metrics else trip
    summary = start_fields(began, zone if isinstance(zone, str) else None)
    unread: set[str] = set()  # fields with a column that hold what can't be read: they stay in `extra`
    for theirs, ours, read in _FIELDS:
        if (value := given.get(theirs)) is not None:
            if (found := read(value)) is None:
                unread.add(theirs)
            else:
                summary[ours] = found
    summary |= _places(given)
    summary |= _privacy(given, unread)
    if not trip.keys().isdisjoint(("gear", "gear_id")):  # without both, the gear is not known
        summary["gear_id"] = _gear_id(given)
    summary |= _sport_fields(given)
    _correct(summary, given)
    left: dict[str, Any] = {
        name: value for name, value in trip.items() if (name not in _TAKEN or name in unread) and value is not None
    }
    if (at := read_start(left.get("created_at"))) is not None:
        left["created_at"] = utc_text(at)  # the two interfaces write it in other zones
    return ProviderRow(source_id, left | summary)


def _of_metrics(metrics: Any) -> Json:
    """The fields of a list's entry that a detail of the web site's interface has only in `metrics`."""
    if not isinstance(metrics, dict):
        return {}
    found = {ours: metrics.get(theirs) for theirs, ours in _METRICS.items()}
    for theirs, names in _AVERAGES.items():
        if isinstance(of_metric := metrics.get(theirs), dict):
            found |= dict(zip(names, (of_metric.get("avg"), of_metric.get("max")), strict=True))
    return without_none(found)


def _start_of(trip: Json) -> datetime | None:
    """The start with the offset of the athlete's clock.

    It comes on that clock (2008-01-05T11:25:03-08:00), or in UTC, with the clock's offset in seconds and its zone.
    """
    text = trip.get("departed_at")
    began = read_start(text)
    if began is None:
        return _without_offset(trip, text)
    if began.utcoffset():
        return began
    offset = number_in(trip.get("utc_offset"))
    if offset is not None and abs(offset) <= 50_400:  # 14 hours: the line islands
        return began.astimezone(timezone(timedelta(seconds=round(offset))))
    zone = _zone(trip)
    return began if zone is None else began.astimezone(zone)


def _without_offset(trip: Json, text: Any) -> datetime | None:
    zone = _zone(trip)
    try:
        return None if zone is None else read_start(datetime.fromisoformat(text).replace(tzinfo=zone).isoformat())
    except (TypeError, ValueError):
        return None


def _zone(trip: Json) -> ZoneInfo | None:
    zone = trip.get("time_zone")
    try:
        return ZoneInfo(zone) if isinstance(zone, str) and zone else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None  # such as users' words: Pacific Time (US & Canada)


def _places(given: Json) -> dict[str, Any]:
    """Start and end as [latitude, longitude]; [] without one, as indoors."""
    found: dict[str, Any] = {}
    for ours, (north, east) in _PLACES.items():
        latitude, longitude = number_in(given.get(north)), number_in(given.get(east))
        is_place = latitude is not None and longitude is not None and abs(latitude) <= 90 and abs(longitude) <= 180
        found[ours] = [latitude, longitude] if is_place else []
    return found


def _privacy(given: Json, unread: set[str]) -> dict[str, Any]:
    """The privacy. Which of the web site's numbers 1 and 2 is private is undocumented: everything except 0 counts as private."""
    value = given.get("visibility")
    if isinstance(value, bool) or not isinstance(value, int | str):
        unread.add("visibility")
        return {}
    seen_by = _VISIBILITY.get(str(value))
    is_private = value == "private" if isinstance(value, str) else value != 0
    return {"private": is_private} | ({"visibility": seen_by} if seen_by else {})


def _gear_id(given: Json) -> str | None:
    gear = given.get("gear")
    return id_text(gear.get("id") if isinstance(gear, dict) else given.get("gear_id"))


def _sport_fields(given: Mapping[str, Any]) -> dict[str, Any]:
    """`sport_type`, `trainer` and `commute` of a trip; in `extra`, whether the sport is a guess."""
    named = given.get("activity_type")
    if isinstance(named, str) and named.strip():
        named = named.strip()
        found: dict[str, Any] = {"sport_type": SPORTS.get(named, named)}
        is_indoors, commutes = named.endswith(":indoor"), named == "cycling:commute"
    else:
        sport, sub_sport = _word(given.get("fit_sport"), FIT_SPORTS), _word(given.get("fit_sub_sport"), FIT_SUB_SPORTS)
        read = _MOTORISED.get(sport or "") or sport_type(sport, sub_sport)
        found = {"sport_type": read or sport or "Ride"}
        if not read and sport is None:
            found["sport_is_assumed"] = True
        is_indoors, commutes = sub_sport in _INDOORS, sub_sport == "commuting"
    is_stationary = given.get("is_stationary")
    # nobody rides one on a road, even if the trip isn't marked as stationary
    is_virtual = found["sport_type"] in INDOORS.values()
    if is_indoors or isinstance(is_stationary, bool):
        found["trainer"] = is_indoors or is_virtual or bool(is_stationary)
    if commutes:
        found["commute"] = True
    return found


def _word(value: Any, words: dict[int, str]) -> str | None:
    """The word of FIT for a number, which may come as text or as the word itself; None if absent."""
    text = "" if value is None or isinstance(value, bool) else str(value).strip().lower()
    return words.get(int(text), None if text == "0" else f"fit_{text}") if text.isdecimal() else text or None


def _correct(summary: dict[str, Any], given: Json) -> None:
    """Correct a field by others: nobody climbs indoors; power without a maximum is the service's guess."""
    if given.get("is_stationary") is True and not summary.get("total_elevation_gain"):
        summary.pop("total_elevation_gain", None)
    if "average_watts" in summary:
        summary["device_watts"] = "max_watts" in summary
    summary["has_heartrate"] = "average_heartrate" in summary


def rows(content: Any) -> Sequence[Any]:
    """The trips of an answer: a page of the list, with or without the gear of its trips, or one trip.

    An answer to `sync.json`, and a page of the web site's list, which a listing has for its gear, hold no rows of their
    own. Raises UnreadableRowError for anything else.
    """
    if not isinstance(content, dict):
        raise UnreadableRowError("the answer is no object")
    if isinstance(page := content.get("page"), dict) and isinstance(gear := content.get("gear"), dict):
        return [_with_gear(trip, gear) for trip in rows(page)]
    if isinstance(content.get("trips"), list):
        return list(content["trips"])
    if isinstance(content.get("trip"), dict):
        return [content["trip"]]
    for name in ("items", "results"):
        if isinstance(content.get(name), list):
            return [_NO_ROW] * len(content[name])
    raise UnreadableRowError("the answer holds no trips")


_NO_ROW: Json = {"deleted_at": ""}  # an item that is passed over


def _with_gear(trip: Any, gear: Mapping[str, Any]) -> Any:
    key = id_text(trip.get("id")) if isinstance(trip, dict) else None
    return {**trip, "gear_id": gear[key]} if key is not None and key in gear and trip.get("gear") is None else trip


def versions_of_trips(content: Any) -> dict[str, datetime]:
    """When each trip of an answer was updated (UTC), by its id; without trips of unknown time."""
    found = {}
    for trip in (each for each in rows(content) if isinstance(each, dict)):
        key, at = id_text(trip.get("id")), read_start(trip.get("updated_at"))
        if key is not None and at is not None:
            found[key] = at.astimezone(UTC)
    return found


def gear_of_trips(content: Any) -> dict[str, Any]:
    """The gear's id (None: none) of each trip in a page of the web site's list, by the trip's id. Raises UnreadableRowError."""
    if not isinstance(content, dict) or not isinstance(content.get("results"), list):
        raise UnreadableRowError("the answer has no results")
    trips = [trip for trip in content["results"] if isinstance(trip, dict)]
    return {key: trip.get("gear_id") for trip in trips if (key := id_text(trip.get("id"))) is not None}


def read_gear(content: Any) -> Sequence[tuple[str, Json]]:
    """Each piece of gear: its id, and its fields by the names of the table `gear`."""
    return list(_gear_items(content["gear"]))


def _gear_items(gear: Iterable[Any]) -> Iterable[tuple[str, Json]]:
    for item in gear:
        if (key := id_text(item["id"])) is None:
            raise ValueError("gear without an id")
        words = [str(item[name]) for name in ("make", "model") if item.get(name)]
        fields = {
            "name": item.get("name") or item.get("nickname") or " ".join(words) or None,
            "nickname": item.get("nickname") or None,
            "brand_name": item.get("make"),
            "model_name": item.get("model"),
            "retired": item.get("archived"),
            "weight": item.get("weight"),
            "description": item.get("description") or None,
            "exclude_from_totals": item.get("exclude_from_totals"),
            "year": item.get("year"),
        }
        yield key, without_none(fields)


GEAR_FIELDS = "id make model nickname name archived exclude_from_totals weight description year visibility created_at"
"""The fields of a piece of gear that are kept. The answer around it contains the account's token, e-mail, weight and
date of birth.
"""


def gear_alone(content: Any) -> Json:
    """The gear in the web site's answer about its user, and nothing else from it. Raises UnreadableRowError."""
    user = content.get("user") if isinstance(content, dict) else None
    gear = user.get("gear") if isinstance(user, dict) else None
    if not isinstance(gear, list) or not all(isinstance(item, dict) for item in gear):
        raise UnreadableRowError("the answer has no list of gear")
    return {"gear": _kept(gear)}


def gear_of_details(gear: Iterable[Json]) -> Json:
    """Gear from trips, in the form of a list of gear. It is partial: only the list has nicknames and archived gear."""
    return {"gear": _kept(gear), "is_partial": True}


def _kept(gear: Iterable[Json]) -> list[Json]:
    return [{name: item[name] for name in GEAR_FIELDS.split() if name in item} for item in gear]


SPEC = ProviderSpec(
    name=NAME,
    title="Ride with GPS",
    link="https://ridewithgps.com/trips/{source_id}",
    precedence=4,
    priority=2,
    read_page=page_reader(NAME, rows, read_row),
    for_whom="rides that you keep there",
    login_steps=(
        "Make an API client at https://ridewithgps.com/settings/developers. Its page shows the API key, and makes the "
        "authentication token."
    ),
    capabilities=frozenset({"feed", "files", "webhooks"}),
    edits=frozenset({"name", "gear"}),
    kinds={"gear": read_gear},
    has_gear_apart=True,
    webhooks=WEBHOOKS,
)
