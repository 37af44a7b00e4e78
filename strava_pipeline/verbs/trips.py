"""The command `trips`, below which the systems of strava_pipeline/trips have theirs."""

from strava_pipeline.core.systems import parts
from strava_pipeline.verbs.options import command_group

trips = command_group("Trips that phones recorded: why was this one rejected or missed?")
for system in parts("commands"):
    trips.add_typer(system.app)
