"""`trips car replay`: scenarios, or the pings that came, through the tracker."""

from pathlib import Path
from typing import Annotated

import typer


def replay(
    scenarios: Annotated[
        Path | None, typer.Argument(help="Steps with the answers that each gets.", metavar="SCENARIOS.json")
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="A limit of the tracker: parked_count=4; may be repeated.")
    ] = None,
    recorded: Annotated[
        bool, typer.Option("--recorded", help="The pings that came, instead: which trips would come out differently?")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object, with --recorded; scenarios always are.")
    ] = False,
) -> None:
    """What the tracker makes of scenarios, step by step, as JSON: no network, no storage, no clock."""
    from strava_pipeline.core.errors import MisuseError
    from strava_pipeline.core.json_text import parse_json
    from strava_pipeline.core.trips.car.config import limits_with
    from strava_pipeline.core.trips.car.scenarios import read_scenarios, result_parts
    from strava_pipeline.verbs.private_file import emit
    from strava_pipeline.verbs.trips_car_recorded import replay_recorded

    limits = limits_with(set_ or ())
    if recorded == (scenarios is not None):
        raise MisuseError("Replay what? Either name a file of scenarios, SCENARIOS.json, or say --recorded.")
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
