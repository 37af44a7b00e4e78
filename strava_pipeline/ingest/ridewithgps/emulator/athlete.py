"""Ride with GPS, filled with what the made-up athlete has there."""

from strava_pipeline.emulator.services import Athlete, Service
from strava_pipeline.ingest.ridewithgps.emulator import app, library, service


def fill(athlete: Athlete) -> Service:
    """The service, and the settings that lead there."""
    state = service.RideWithGps.starting(athlete.now, athlete.speed)
    known = library.library_of(athlete.activities, athlete.gear_names, state.user_id, athlete.seed)
    state.trips = {trip["id"]: trip for trip in known.trips}
    state.gear = known.gear
    for trip_id in state.trips:
        state.record("created", trip_id)
    settings = {
        "RIDEWITHGPS_BASE_URL": "{url}",
        "RIDEWITHGPS_API_KEY": state.key,
        "RIDEWITHGPS_AUTH_TOKEN": state.token,
        "RIDEWITHGPS_INTERVAL": "0",
        "RIDEWITHGPS_CLIENT_SECRET": state.client_secret,
    }
    pairs = {str(key): strava_id for key, strava_id in known.pairs.items()}
    return Service(app.application(state), settings, pairs, len(known.trips) - len(pairs))
