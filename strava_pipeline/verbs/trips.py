"""`trips activity …`: encrypted trips looked at, explained and replayed; `trips car …`: the tracker of car trips.

The sub-verbs' bodies stand in files beside this one.
"""

import typer

from strava_pipeline.verbs import trips_car
from strava_pipeline.verbs.trips_looking import analyze, diagnose, explain, export
from strava_pipeline.verbs.trips_replaying import algorithms_, replay, sweep

trips = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Trips that phones recorded: why was this one rejected or missed?"
)
activity = typer.Typer(no_args_is_help=True, add_completion=False, help="Encrypted activity trips, read-only.")
trips.add_typer(activity, name="activity")
car = typer.Typer(no_args_is_help=True, add_completion=False, help="Car trips recognised from pings.")
trips.add_typer(car, name="car")

activity.command()(export)
activity.command()(diagnose)
activity.command()(analyze)
activity.command()(explain)
activity.command()(replay)
activity.command()(sweep)
activity.command("algorithms")(algorithms_)
car.command("replay")(trips_car.replay)
car.command("drain")(trips_car.drain)
car.command("status")(trips_car.status)
car.command("list")(trips_car.list_)
