"""The commands `trips car`: status, list, drain and replay, from the log of pings or from scenarios."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from strava_pipeline.core.text import fields_of
from strava_pipeline.verbs.options import Verbose, command_group

if TYPE_CHECKING:
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

    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.orchestrate.job_years import years_without_choice
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
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.trips.car.keeping import current_users
    from strava_pipeline.trips.car.rules.users import live_status
    from strava_pipeline.verbs.views import show

    users = sorted(current_users(Lake(Settings.load().data_dir)).items())
    found = [{"user_id": name, **live_status(user)} for name, user in users]
    nothing = "No ping ever came. docs/trips/car/README.md describes how phones send them."
    show({"users": found}, as_json=as_json, nothing=nothing)


@app.command("list")
def list_(
    user_id: UserId = None,
    year: Annotated[int | None, typer.Option(help="Only of this year.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest first.")] = 20,
    as_json: Json = False,
) -> None:
    """List trips by car of the published warehouse, the newest first."""
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.lake.gold.publish import snapshot
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.trips.car.keeping import published_trips
    from strava_pipeline.verbs.views import show

    with snapshot(Lake(Settings.load().data_dir)) as connection:
        trips = published_trips(connection, user_id, year, limit)
    rows = [trip | _times(trip) for trip in trips]
    show({"trips": rows}, as_json=as_json, nothing="No trips by car yet.", hidden=_FOR_PROGRAMS)


_FOR_PROGRAMS = ("trip_id", "car_id", "gps_only", "long_route", "deviation_percent", "resumes_trip_id")


def _times(trip: Mapping[str, Any]) -> dict[str, str | None]:
    """Start and end of a row of `car_trips`, with milliseconds as in trip ids."""
    from strava_pipeline.core.json_values import format_milliseconds

    return {name: format_milliseconds(trip[name].timestamp()) for name in ("start_time", "end_time")}


FORMAT = "car-tracker-comparison/1"


def replay_recorded(limits: "Limits", *, as_json: bool) -> None:
    """Replay all of bronze twice, and show the trips that differ."""
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.trips.car.keeping import compare_limits
    from strava_pipeline.verbs.views import show

    found = compare_limits(Lake(Settings.load().data_dir), limits)
    different = [
        {"trip_id": one.trip_id, "before": _ended(one.before), "after": _ended(one.after)} for one in found.different
    ]
    advice = [
        "Where a car would have been asked that was not asked then, that counts as no answer: these trips may have come out "
        "otherwise."
    ]
    answer = {"format": FORMAT, **fields_of(found), "different": different}
    show(answer, as_json=as_json, advice=advice if found.unknown else [])


def _ended(trip: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The values of a trip, with its end as text."""
    from strava_pipeline.core.json_values import format_milliseconds

    return None if trip is None else {**trip, "end_time": format_milliseconds(trip["end_time"])}
