"""A line for each asset of a run of trips by car, as commands print it."""

from collections.abc import Mapping
from typing import Any

from strava_pipeline.core.text import counted
from strava_pipeline.trips.car.jobs import PINGS
from strava_pipeline.trips.car.tables import CAR_TRIPS


def _pings(values: Mapping[str, Any]) -> str:
    nets = f"; safety nets for silent trips: {values['safety_nets_sent']}" if values["safety_nets_sent"] else ""
    return f"Took in {counted(values['pings_received'], 'ping')} ({values['seconds']:.1f} s){nets}"


def _car_trips(values: Mapping[str, Any]) -> str:
    return f"Trips by car: {values['rows_merged']} new"


LINES = {PINGS: _pings, CAR_TRIPS.name: _car_trips}
