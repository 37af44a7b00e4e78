"""The command `trips`, below which the systems of strava_pipeline/trips have theirs."""

import typer

from strava_pipeline.core.systems import parts

trips = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Trips that phones recorded: why was this one rejected or missed?"
)
for system in parts("commands"):
    trips.add_typer(system.app)
