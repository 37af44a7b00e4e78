"""Days and nights in the four answers of the emulated official API, each refused if it would be about too many days."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from strava_pipeline.emulator.service import Json, answer

DAILY, SLEEP = "/usersummary-service/v2/dailysummaries", "/sleep-service/sleep/dailySleepSummariesByDate"
HRV, WEIGHT = "/hrv-service/hrv/daily", "/weight-service/weight/range"
LIMITS = {  # days at most, the status for more of them, and the field with the rows
    DAILY: (90, 500, "data"),
    SLEEP: (31, 400, ""),
    HRV: (365, 400, "hrvSummaries"),
    WEIGHT: (366, 400, "dailyWeightSummaries"),
}


def rows_of_day(day: date, values: Mapping[str, Any]) -> dict[str, Json]:
    """What each answer has of a day, by its path; `values`: by the names of core/wellness.py."""
    get, on = values.get, day.isoformat()
    found: dict[str, Json] = {DAILY: _summary(on, values)}
    if any(get(name) for name in ("asleep_seconds", "starts_at", "sleep_score", "sleeping_heartrate")):
        found[SLEEP] = {
            "calendarDate": on,
            "sleepTimeSeconds": get("asleep_seconds"),
            "sleepStartTimestampGMT": _milliseconds(get("starts_at")),
            "sleepEndTimestampGMT": _milliseconds(get("ends_at")),
            "deepSleepSeconds": get("deep_seconds"),
            "lightSleepSeconds": get("light_seconds"),
            "remSleepSeconds": get("rem_seconds"),
            "awakeSleepSeconds": get("awake_seconds"),
            "sleepScores": {"overall": {"value": get("sleep_score")}},
            "avgHeartRate": get("sleeping_heartrate"),
        }
    if get("hrv_rmssd") is not None:
        found[HRV] = {"calendarDate": on, "lastNightAvg": get("hrv_rmssd"), "status": "BALANCED"}
    if get("weight_kg") is not None:
        weighing = {
            "calendarDate": on,
            "weight": round(values["weight_kg"] * 1000),
            "bodyFat": get("body_fat_percent"),
            "metabolicAge": None,
            "sourceType": "INDEX_SCALE",
        }
        found[WEIGHT] = {"summaryDate": on, "latestWeight": weighing, "allWeightMetrics": [weighing]}
    return found


def _summary(on: str, values: Mapping[str, Any]) -> Json:
    get = values.get
    return {
        "calendarDate": on,
        "includesWellnessData": True,
        "heartRate": {
            "restingValue": get("resting_heartrate", get("lowest_heartrate")),
            "minValue": get("lowest_heartrate"),
        },
        "movement": {"steps": {"value": get("steps")}},
        "stress": {"avgLevel": get("stress", -1)},
        "bodyBattery": {"minValue": get("body_battery_lowest"), "maxValue": get("body_battery_highest")},
        "pulseOx": {"avgValue": get("oxygen_percent")},
        "respiration": {"avgValue": get("respiration")},
        "calories": {"burnedActive": get("active_kilocalories")},
    }


def _milliseconds(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1000)


async def answered(request: Request) -> Response:
    """The rows of the account's days; 204 where there is no variability at all."""
    state, asked = request.app.state.emulator, {**request.query_params, **request.path_params}
    path = next(path for path in LIMITS if request.url.path.startswith(path))
    longest, status, name = LIMITS[path]
    first, last = asked["startDate"], asked["endDate"]
    if date.fromisoformat(last) - date.fromisoformat(first) >= timedelta(days=longest):
        return answer({}, status)
    account = state.caller_of(request) or state.account
    own = state.days if account == state.account else {}
    rows = [parts[path] for day, parts in sorted(own.items()) if first <= day <= last and path in parts]
    if path == DAILY:
        rows = [{**row, "userProfilePk": account} for row in rows or [{"calendarDate": last}]]
    if path == HRV and not rows:
        return Response(status_code=204)
    return answer({name: rows} if name else rows)


ROUTES = [
    Route(DAILY, answered),
    Route(SLEEP, answered),
    *(Route(f"{path}/{{startDate}}/{{endDate}}", answered) for path in (HRV, WEIGHT)),
]
