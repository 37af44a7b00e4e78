"""Garmin Connect, filled with what the made-up athlete has there."""

import json

from strava_pipeline.emulator.services import Athlete, Service
from strava_pipeline.ingest.garmin.emulator import app, library, service


def fill(athlete: Athlete) -> Service:
    """The service, and the settings that lead there: a key, and the unofficial login for gear and changes."""
    state = service.Garmin.starting(athlete.now, athlete.speed)
    known = library.library_of(athlete.activities, athlete.gear_names, athlete.seed)
    state.activities = {entry["activityId"]: entry for entry in known.entries}
    state.gear, state.linked = known.gear, dict(known.linked)
    tokens = athlete.folder / "garmin_tokens.json"
    tokens.write_text(json.dumps({**state.log_in(), "account": str(state.account)}))
    tokens.chmod(0o600)
    settings = {
        "GARMIN_PERSONAL_API_BASE_URL": "{url}",
        "GARMIN_PERSONAL_API_KEY": state.make_key(),
        "GARMIN_API_URL": "{url}",
        "GARMIN_AUTH_URL": "{url}",
        "GARMIN_TOKENS_FILE": str(tokens),
        "GARMIN_INTERVAL": "0",
    }
    pairs = {str(key): strava_id for key, strava_id in known.pairs.items()}
    return Service(app.application(state), settings, pairs, len(known.entries) - len(pairs))
