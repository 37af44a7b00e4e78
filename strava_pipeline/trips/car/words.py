"""A line for each asset of a run of trips by car, as commands print it (verbs/run_report.py says how)."""

from strava_pipeline.trips.car.jobs import PINGS
from strava_pipeline.trips.car.tables import CAR_TRIPS

LINES = {
    PINGS: (
        "Took in {pings_received:ping} ({seconds:.1f} s)",
        "safety_nets_sent?; safety nets for silent trips: {}",
    ),
    CAR_TRIPS.name: ("Trips by car: {rows_merged} new",),
}
