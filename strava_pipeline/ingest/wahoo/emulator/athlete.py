"""Wahoo, filled with the made-up athlete's data.

The same recordings as at Strava, with the service's own distances and moving times. Some are missing, some are at no
other service, and some workouts are planned only.
"""

import json
from datetime import UTC, datetime, timedelta
from random import Random

from strava_pipeline.emulator.service import Json
from strava_pipeline.emulator.services import Athlete, Service
from strava_pipeline.ingest.wahoo.emulator.service import Wahoo, application

FIRST_ID = 90_000_000
ABSENT_HERE, ABSENT_AT_STRAVA, PLANNED = 0.1, 0.06, 0.05  # shares of the activities
_KINDS = {"Ride": 0, "VirtualRide": 68, "MountainBikeRide": 13, "GravelRide": 11, "EBikeRide": 64, "Run": 1}
_KINDS |= {"TrailRun": 4, "Walk": 6, "Hike": 9, "Swim": 25, "NordicSki": 30, "WeightTraining": 42, "Yoga": 66}


def fill(athlete: Athlete) -> Service:
    """The service, and the settings for using it."""
    state, pairs = Wahoo.starting(athlete.now, athlete.speed), dict[str, int]()
    for place, activity in enumerate(athlete.activities):
        rng, key = Random(f"{athlete.seed}:wahoo:{activity['id']}"), FIRST_ID + 7 * place
        fate, began = rng.random(), datetime.fromisoformat(activity["start_date"]).astimezone(UTC)
        if activity.get("manual") or fate < ABSENT_HERE:
            continue
        kind = _KINDS.get(activity["sport_type"], 47)
        later = began + timedelta(seconds=rng.randint(21_600, 86_400))
        if fate > 1 - ABSENT_AT_STRAVA and later < athlete.now - timedelta(days=1):
            summary = _summary(activity, rng, rng.uniform(0.4, 0.7))
            state.add(key + 1, later, summary, name="Not at Strava", workout_type_id=kind)
        elif fate > 1 - ABSENT_AT_STRAVA - PLANNED:
            state.add(key + 2, began + timedelta(days=1), None, name="Planned", plan_id=key, workout_type_id=kind)
        state.add(key, began, _summary(activity, rng), name=activity["name"], workout_type_id=kind)
        pairs[str(key)] = activity["id"]
    login, tokens = state.log_in(), athlete.folder / "wahoo_token.json"
    tokens.write_text(json.dumps(login))
    tokens.chmod(0o600)
    settings = {
        "SEAM_WAHOO_URL": "{url}",
        "WAHOO_CLIENT_ID": state.consents.client_id,
        "WAHOO_CLIENT_SECRET": state.consents.client_secret,
        "SEAM_WAHOO_TOKEN_FILE": str(tokens),
        "SEAM_PAUSES": "0",
    }
    done = sum(row["workout_summary"] is not None for row in state.workouts.values())
    return Service(application(state), settings, pairs, done - len(pairs))


def _summary(activity: Json, rng: Random, factor: float = 1.0) -> Json:
    """The measurements of an activity of Strava's, or of one that is shorter by a factor."""
    moving, elapsed = (round(activity[name] * factor) for name in ("moving_time", "elapsed_time"))
    active = round(moving * rng.uniform(0.985, 1.0))
    distance, joules = round(activity["distance"] * factor * rng.uniform(0.998, 1.002), 2), activity.get("kilojoules")
    return {
        "time_zone": activity["timezone"].partition(" ")[2],
        "distance_accum": distance,
        "duration_active_accum": float(active),
        "duration_paused_accum": float(max(elapsed - active, 0)),
        "duration_total_accum": float(elapsed),
        "ascent_accum": round(activity["total_elevation_gain"] * factor * rng.uniform(0.9, 1.2), 1),
        "speed_avg": round(distance / active, 2) if active else None,
        "heart_rate_avg": activity.get("average_heartrate"),
        "cadence_avg": activity.get("average_cadence"),
        "power_avg": activity.get("average_watts") if activity.get("device_watts") else None,
        "work_accum": joules and joules * 1000 * factor,
    }
