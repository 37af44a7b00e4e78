"""Intervals.icu, filled with what the made-up athlete has there."""

from strava_pipeline.emulator.services import Athlete, Service
from strava_pipeline.ingest.intervals_icu.emulator import app, library, routes

_KEY = "emulator-key"


def fill(athlete: Athlete) -> Service:
    """The service, and the settings that lead there."""
    state = app.IntervalsIcu.starting(athlete.now, athlete.speed, key=_KEY)
    known = library.library_of(athlete.activities, athlete.gear_names, state.athlete, athlete.seed)
    state.activities = {row["id"]: row for row in known.rows}
    state.gear = known.gear
    settings = {
        "INTERVALS_BASE_URL": "{url}",
        "INTERVALS_API_KEY": _KEY,
        "INTERVALS_WEBHOOK_SECRET": state.webhook_secret,
    }
    alone = len(known.rows) - len(known.pairs) - len(known.withheld)
    return Service(routes.application(state), settings, known.pairs, alone)
