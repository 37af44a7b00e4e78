"""intervals.icu: its offers, and how its activities and gear read. Pure.

It withholds activities that came from Strava: its list shows a stub with Strava's id. Its own numbers are computed from
the same files again. Body data (weight, resting heart rate, thresholds) stays in bronze. Fields:
intervals.icu/api/v1/docs.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from strava_pipeline.core.json_values import is_number, without_none
from strava_pipeline.core.providers import ProviderRow, ProviderSpec, UnreadableRowError, Withheld, page_reader
from strava_pipeline.core.rows import Json
from strava_pipeline.core.sources import STRAVA
from strava_pipeline.core.sports import GROUP_OF
from strava_pipeline.core.start_times import clock_text, start_fields, zone_label
from strava_pipeline.ingest.intervals_icu.webhooks import WEBHOOKS, instant, text_id
from strava_pipeline.ingest.intervals_icu.wellness import read_wellness

NAME = "intervals_icu"
KEY_PAGE = "https://intervals.icu/settings, under Developer Settings"
OTHER_SPORTS = {
    "TrackRide": "Ride",
    "Cyclocross": "GravelRide",
    "OpenWaterSwim": "Swim",
    "VirtualSki": "NordicSki",
    **dict.fromkeys(("Hockey", "Rugby", "WaterSport", "Transition", "Other"), "Workout"),
}
"""Sports unknown to Strava; the other 51 have Strava's words."""

_RENAMED = {
    "max_altitude": "elev_high",
    "min_altitude": "elev_low",
    "icu_average_watts": "average_watts",
    "icu_weighted_avg_watts": "weighted_average_watts",
}
_BODY = frozenset(
    ("icu_weight", "icu_resting_hr", "lthr", "athlete_max_hr", "icu_hr_zones", "icu_hrr", "wellness", "feel")
)
_STARTS = ("start_date", "start_date_local", "timezone")
_READ = frozenset(("id", "type", "gear", "icu_joules", "external_id", "strava_id", *_STARTS, *_RENAMED))
_NOT_OURS = frozenset(("links", "source_id", "athlete"))  # names that mean something else in our rows
_NOT_KEPT = _READ | _BODY | _NOT_OURS
_RACES = {"run": 1, "ride": 11}  # Strava's workout_type of a race
_MOST_OFFSET = timedelta(hours=14)  # UTC+14


def rows(content: Any) -> Sequence[Any]:
    """The items of a listing, the newest first; or the activity of an answer about one. Raises UnreadableRowError."""
    if isinstance(content, dict) and content.get("id") is not None:
        return [content]
    if not isinstance(content, list):
        raise UnreadableRowError("the page is no list")
    return content


def read_row(item: Json) -> ProviderRow | Withheld | None:
    """An item of the list. A stub is Withheld; a stub without an id is None."""
    key, start, local = text_id(item.get("id")), instant(item.get("start_date")), _clock(item.get("start_date_local"))
    if _is_stub(item):
        return Withheld(key, local) if key else None
    if key is None:
        raise UnreadableRowError("it has no id", start)
    if start is None and local is None:
        raise UnreadableRowError("it has no start")
    summary = {
        **{name: value for name, value in item.items() if name not in _NOT_KEPT},
        **_numbers(item),
        **_start(start, local, item.get("timezone")),
        **_sport(item),
        "external_id": text_id(item.get("external_id")),
        "gear_id": _gear_id(item.get("gear")),
    }
    if isinstance(source := item.get("source"), str):
        summary["manual"] = source == "MANUAL"
    return ProviderRow(key, without_none(summary), _links(item, key))


def _is_stub(item: Json) -> bool:
    """Whether it is a stub of an activity from Strava: five fields, or fewer."""
    note = item.get("_note")
    of_strava = item.get("source") == "STRAVA" or (isinstance(note, str) and "strava" in note.lower())
    return of_strava and (item.get("type") is None or item.get("start_date") is None)


def _numbers(item: Json) -> dict[str, Any]:
    """The numbers with other names or units than Strava's; a value that isn't a number stays under its own name."""
    found = {ours if is_number(item.get(theirs)) else theirs: item.get(theirs) for theirs, ours in _RENAMED.items()}
    joules = item.get("icu_joules")
    return {**found, **({"kilojoules": joules / 1000} if is_number(joules) else {"icu_joules": joules})}


def _start(start: datetime | None, local: datetime | None, zone: Any) -> Mapping[str, Any]:
    """The fields of a start. Without its instant and its zone, only the time on the athlete's clock is known."""
    zone = zone if isinstance(zone, str) and _is_zone(zone) else None
    if start is None and local is not None and zone is not None:
        start = local.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    if start is None:
        return {} if local is None else {"start_date_local": clock_text(local)}
    if local is None:
        began = start.astimezone(ZoneInfo(zone)) if zone else start
        fields = start_fields(began, zone)
        return fields if zone else {"start_date": fields["start_date"]}
    offset = timedelta(seconds=round((local - start.replace(tzinfo=None)).total_seconds()))
    if abs(offset) > _MOST_OFFSET:  # one of the two is wrong, but which is unknown
        return {"start_date": start_fields(start)["start_date"], "start_date_local": clock_text(local)}
    return start_fields(start.astimezone(timezone(offset)), zone)


@lru_cache(maxsize=1000)  # hundreds of zones are in use; an athlete's activities have a few
def _is_zone(name: str) -> bool:
    return zone_label(name, datetime(2000, 1, 1, tzinfo=UTC)) is not None


def _clock(text: Any) -> datetime | None:
    """The time on the athlete's clock; an offset in the text is ignored."""
    try:
        at = datetime.fromisoformat(text).replace(tzinfo=None)
        at - timedelta(days=2), at + timedelta(days=2)
    except (TypeError, ValueError, OverflowError):
        return None
    return at


def _sport(item: Json) -> dict[str, Any]:
    """The sport in Strava's words, the service's own word if it differs, and Strava's number of a race."""
    word = item.get("type")
    sport = OTHER_SPORTS.get(word, word) if isinstance(word, str) else None
    is_race = item.get("race") is True or item.get("sub_type") == "RACE"
    race = _RACES.get(GROUP_OF.get(sport or "", "")) if is_race else None
    return {"sport_type": sport, "icu_type": word if word != sport else None, "workout_type": race}


def _gear_id(gear: Any) -> str | None:
    """The gear's id. Its name is null in listings, and its distance grows with each ride: both are in the list of gear."""
    return text_id(gear.get("id")) if isinstance(gear, dict) else None


def _links(item: Json, key: str) -> dict[str, str]:
    """The activity's ids at Strava and at Garmin Connect; ids of other origins are names of files."""
    source, strava, external = item.get("source"), text_id(item.get("strava_id")), text_id(item.get("external_id"))
    if source == "STRAVA":
        strava = strava or key
    found = {STRAVA: strava, "garmin": external if source == "GARMIN_CONNECT" else None}
    return {name: value for name, value in found.items() if value and value.isascii() and value.isdigit()}


def read_gear(content: Any) -> Sequence[tuple[str, Json]]:
    """Bikes, shoes and their parts. Raises UnreadableRowError."""
    if not isinstance(content, list):
        raise UnreadableRowError("it is no list of gear")
    keys = [text_id(item.get("id")) if isinstance(item, dict) else None for item in content]
    if None in keys:
        raise UnreadableRowError("a piece of gear has no id")
    return [(key or "", _gear(item)) for key, item in zip(keys, content, strict=True)]


def _gear(item: Json) -> Json:
    """The fields by the names of the table `gear`; `retired` is a date there."""
    retired = item.get("retired")
    found = {
        **{name: value for name, value in item.items() if name not in ("id", "athlete_id", "retired", "notes")},
        "retired": bool(retired),
        "retired_on": retired if isinstance(retired, str) else None,
        "description": item.get("notes"),
    }
    return without_none(found)


SPEC = ProviderSpec(
    name=NAME,
    title="intervals.icu",
    link="https://intervals.icu/activities/{source_id}",
    precedence=3,
    priority=4,
    read_page=page_reader(NAME, rows, read_row),
    paged=False,
    for_whom="any other watch: Polar, Suunto, COROS …",
    login_steps=f"The API key is at {KEY_PAGE}.",
    withheld=(
        "They came to it from Strava, whose data it may not pass on. Connect the watch to intervals.icu directly; "
        "for older ones, import Strava's archive there (Settings, Import all Strava data)."
    ),
    capabilities=frozenset({"windows", "files", "webhooks", "uploads", "creates_gear"}),
    edits=frozenset({"name", "gear"}),
    kinds={"gear": read_gear, "wellness": read_wellness},
    webhooks=WEBHOOKS,
)
