"""`trips car status` and `list`: what is under way, and the trips that were. No positions are shown."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from strava_pipeline.verbs.echo import echo_json

Json = Annotated[bool, typer.Option("--json", help="One JSON object.")]
UserId = Annotated[str | None, typer.Option("--user", help="Only this user's, as cars.toml names them.")]


def status(as_json: Json = False) -> None:
    """Show each user's trip as it is now: state, car, distance, duration."""
    from strava_pipeline.core.pings.users import live_status
    from strava_pipeline.lake.car_told import users_now
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.settings import Settings
    from strava_pipeline.verbs.terminal import out

    users = {name: live_status(user) for name, user in sorted(users_now(Lake(Settings.load().data_dir)).items())}
    if as_json:
        echo_json({"users": [{"user_id": name, **user} for name, user in users.items()]})
        return
    if not users:
        out.print("No ping ever came. docs/cars.md tells how phones send them.")
    for name, user in users.items():
        line = f"{name}: {user['state']}"
        if user["start_time"]:
            car = user["car_name"] or "no car yet"
            line += (
                f", {car}, {user['distance_km']:.1f} km in {user['duration_s'] / 60:.0f} min since {user['start_time']}"
            )
        out.print(line)


def list_(
    user_id: UserId = None,
    year: Annotated[int | None, typer.Option(help="Only of this year.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest first.")] = 20,
    as_json: Json = False,
) -> None:
    """List trips by car of the published warehouse, the newest first."""
    from rich.table import Table

    from strava_pipeline.lake.car_told import published_trips
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.lake.publish import snapshot
    from strava_pipeline.settings import Settings
    from strava_pipeline.verbs.terminal import out
    from strava_pipeline.verbs.values import plain

    with snapshot(Lake(Settings.load().data_dir)) as connection:
        trips = published_trips(connection, user_id, year, limit)
    if as_json:
        echo_json({"trips": [plain(trip) | _times(trip) for trip in trips]})
        return
    if not trips:
        out.print("No trips by car yet.")
        return
    table = Table(box=None)
    table.add_column("Start (UTC)", no_wrap=True)
    for title in ("Minutes", "User", "Car", "km", "By", "From", "To", "Class", "Ended"):
        table.add_column(title, justify="right" if title in ("Minutes", "km") else "left", overflow="fold")
    for trip in trips:
        minutes = (trip["end_time"] - trip["start_time"]).total_seconds() / 60
        table.add_row(
            f"{trip['start_time']:%Y-%m-%d %H:%M}",
            f"{minutes:.0f}",
            trip["user_id"],
            trip["car_name"] or "–",
            f"{trip['distance_km']:.1f}",
            trip["distance_source"],
            trip["start_location"] or "–",
            trip["end_location"] or "–",
            trip["classification"],
            trip["via"],
        )
    out.print(table)


def _times(trip: Mapping[str, Any]) -> dict[str, str | None]:
    """Start and end of a row of `car_trips`, with milliseconds as in trip ids."""
    from strava_pipeline.core.trips.values import format_milliseconds

    return {name: format_milliseconds(trip[name].timestamp()) for name in ("start_time", "end_time")}
