"""The commands `trips car`: status, list, drain and replay, from the log of pings or from scenarios."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from strava_pipeline.verbs.options import Verbose, command_group
from strava_pipeline.verbs.output import echo_json

if TYPE_CHECKING:
    from strava_pipeline.trips.car.keeping import Comparison
    from strava_pipeline.trips.car.rules.config import Limits


app = command_group("Car trips recognised from pings.", name="car")


@app.command()
def replay(
    scenarios: Annotated[
        Path | None, typer.Argument(help="Steps with the answers that each gets.", metavar="SCENARIOS.json")
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="A limit of the tracker: parked_count=4; may be repeated.")
    ] = None,
    recorded: Annotated[
        bool,
        typer.Option("--recorded", help="Replay the received pings instead: which trips would come out differently?"),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object, with --recorded; scenarios always are.")
    ] = False,
) -> None:
    """Replay scenarios through the tracker, step by step, as JSON: no network, no storage, no clock."""
    from strava_pipeline.core.errors import MisuseError
    from strava_pipeline.core.json_values import parse_json
    from strava_pipeline.trips.car.rules.config import limits_with
    from strava_pipeline.trips.car.rules.scenarios import read_scenarios, result_parts
    from strava_pipeline.verbs.output import emit

    limits = limits_with(set_ or ())
    if recorded == (scenarios is not None):
        raise MisuseError("Replay what? Either name a file of scenarios, SCENARIOS.json, or use --recorded.")
    if scenarios is None:
        if any(each.partition("=")[0].strip() in ("skip_radius_m", "location_radius_m") for each in set_ or ()):
            raise MisuseError("The radii of places are recorded with the pings: --set can't change them.")
        replay_recorded(limits, as_json=as_json)
        return
    try:
        document = parse_json(scenarios.read_bytes())
    except OSError as error:
        raise MisuseError(f"{scenarios} can't be read ({error.strerror}).") from None
    except (ValueError, RecursionError):
        raise MisuseError(f"{scenarios} is no JSON.") from None
    try:
        read = read_scenarios(document, limits)
    except MisuseError as error:
        raise MisuseError(f"{scenarios}: {error}") from None
    emit(result_parts(read, limits), None)


@app.command()
def drain(verbose: Verbose = False) -> None:
    """Bring received pings to gold now, and end trips that were silent for two hours."""
    from datetime import UTC, datetime

    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.orchestrate.job_years import years_without_choice
    from strava_pipeline.settings import Settings
    from strava_pipeline.trips.car.jobs import CARS_JOB
    from strava_pipeline.trips.car.keeping import is_due
    from strava_pipeline.verbs.run_report import run_and_report
    from strava_pipeline.verbs.terminal import out

    settings = Settings.load()
    if not is_due(Lake(settings.data_dir), datetime.now(UTC)):
        out.print("Every ping is in gold, and no trip is to be ended.")
        return
    run_and_report(settings, CARS_JOB, years=years_without_choice(settings, CARS_JOB), verbose=verbose)


Json = Annotated[bool, typer.Option("--json", help="One JSON object.")]
UserId = Annotated[str | None, typer.Option("--user", help="Only this user's, as cars.toml names them.")]


@app.command()
def status(as_json: Json = False) -> None:
    """Show each user's trip as it is now: state, car, distance, duration."""
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.settings import Settings
    from strava_pipeline.trips.car.keeping import current_users
    from strava_pipeline.trips.car.rules.users import live_status
    from strava_pipeline.verbs.terminal import out

    users = {name: live_status(user) for name, user in sorted(current_users(Lake(Settings.load().data_dir)).items())}
    if as_json:
        echo_json({"users": [{"user_id": name, **user} for name, user in users.items()]})
        return
    if not users:
        out.print("No ping ever came. docs/trips/car/README.md describes how phones send them.")
    for name, user in users.items():
        line = f"{name}: {user['state']}"
        if user["start_time"]:
            car = user["car_name"] or "no car yet"
            line += (
                f", {car}, {user['distance_km']:.1f} km in {user['duration_s'] / 60:.0f} min since {user['start_time']}"
            )
        out.print(line)


@app.command("list")
def list_(
    user_id: UserId = None,
    year: Annotated[int | None, typer.Option(help="Only of this year.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest first.")] = 20,
    as_json: Json = False,
) -> None:
    """List trips by car of the published warehouse, the newest first."""
    from rich.table import Table

    from strava_pipeline.lake.gold.publish import snapshot
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.settings import Settings
    from strava_pipeline.trips.car.keeping import published_trips
    from strava_pipeline.verbs.output import plain
    from strava_pipeline.verbs.terminal import out

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
    from strava_pipeline.core.json_values import format_milliseconds

    return {name: format_milliseconds(trip[name].timestamp()) for name in ("start_time", "end_time")}


FORMAT = "car-tracker-comparison/1"


def replay_recorded(limits: "Limits", *, as_json: bool) -> None:
    """Replay all of bronze twice, and show the trips that differ."""
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.settings import Settings
    from strava_pipeline.trips.car.keeping import compare_limits

    found = compare_limits(Lake(Settings.load().data_dir), limits)
    if as_json:
        echo_json({"format": FORMAT, **_comparison_json(asdict(found))})
    else:
        _print_comparison(found)


def _print_comparison(found: "Comparison") -> None:
    from strava_pipeline.verbs.terminal import out

    out.print(
        f"{found.trips_before} trips, {found.cancelled_before} cancelled; with these limits {found.trips_after} and "
        f"{found.cancelled_after}. Different: {len(found.different)}."
    )
    for one in found.different:
        before, after = one.before or {}, one.after or {}
        changes = [
            f"{name} {_text(before.get(name))} → {_text(after.get(name))}"
            for name in {**before, **after}
            if before.get(name) != after.get(name)
        ]
        what = "; ".join(changes) if before and after else ("no trip any more" if before else "a trip now")
        out.print(f"  {one.trip_id}: {what}")
    if found.unknown:
        out.print(
            f"{found.unknown} times a car would have been asked that was not asked then; that counts as no answer, so these "
            "trips may have come out otherwise."
        )


def _comparison_json(comparison: Mapping[str, Any]) -> dict[str, Any]:
    """The comparison as JSON, instants as text."""
    from strava_pipeline.core.json_values import format_milliseconds

    def trip(one: Mapping[str, Any] | None) -> dict[str, Any] | None:
        return None if one is None else {**one, "end_time": format_milliseconds(one["end_time"])}

    different = [{**one, "before": trip(one["before"]), "after": trip(one["after"])} for one in comparison["different"]]
    return {**comparison, "different": different}


def _text(value: Any) -> str:
    from strava_pipeline.core.json_values import format_milliseconds

    if isinstance(value, float):
        return format_milliseconds(value) or "–" if value > 1e8 else f"{value:.3f}"
    return "–" if value is None else str(value)
