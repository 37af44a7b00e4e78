"""An activity as an entry of Garmin's list: its names, units and nulls."""

from datetime import datetime, timedelta
from typing import Any

from strava_pipeline.emulator.service import Json

TYPES = {  # Garmin's number of a type and of the type above it
    "running": (1, 17),
    "cycling": (2, 17),
    "hiking": (3, 17),
    "other": (4, 17),
    "mountain_biking": (5, 2),
    "trail_running": (6, 1),
    "walking": (9, 17),
    "road_biking": (10, 2),
    "strength_training": (13, 29),
    "treadmill_running": (18, 1),
    "indoor_cycling": (25, 2),
    "lap_swimming": (27, 26),
    "driving_general": (49, 4),
    "multi_sport": (89, 17),
    "gravel_cycling": (143, 2),
    "virtual_ride": (152, 2),
    "yoga": (163, 29),
}
PRIVACY = {"private": 2, "subscribers": 3, "public": 1, "groups": 4}


def entry(key: int, name: str | None, kind: str, began: datetime, **more: Any) -> Json:
    """An entry of the list.

    Args:
        began: the start on the athlete's clock, with its offset.
        more: further fields by Garmin's names; `seconds`, the elapsed time, gives the times that are not named.
    """
    number, parent = TYPES.get(kind, (4, 17))
    seconds = float(more.pop("seconds", 0.0))
    instant = began - (began.utcoffset() or timedelta())
    return {
        "activityId": key,
        "activityName": name,
        "description": None,
        "startTimeLocal": f"{began:%Y-%m-%d %H:%M:%S}",
        "startTimeGMT": f"{instant:%Y-%m-%d %H:%M:%S}",
        "activityType": {"typeId": number, "typeKey": kind, "parentTypeId": parent, "isHidden": False},
        "eventType": {"typeId": 9, "typeKey": "uncategorized", "sortOrder": 10},
        "parentId": None,
        "distance": None,
        "duration": seconds,
        "elapsedDuration": seconds,
        "movingDuration": None,
        "elevationGain": None,
        "averageSpeed": None,
        "averageHR": None,
        "maxHR": None,
        "startLatitude": None,
        "startLongitude": None,
        "ownerId": 2_591_602,
        "ownerDisplayName": "athlete",
        "ownerFullName": "Made Up Athlete",
        "userRoles": ["ROLE_CONNECTUSER"],
        "privacy": {"typeId": PRIVACY["private"], "typeKey": "private"},
        "timeZoneId": 124,
        "beginTimestamp": int(began.timestamp() * 1000),
        "endTimeGMT": f"{instant + timedelta(seconds=seconds):%Y-%m-%d %H:%M:%S}",
        "manufacturer": "GARMIN",
        "deviceId": 3_618_356_072,
        "parent": False,
        "pr": False,
        "favorite": False,
        "manualActivity": False,
        **more,
    }
