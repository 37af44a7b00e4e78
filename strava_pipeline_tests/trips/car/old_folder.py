"""What trips by car leave in a data folder that is kept: pings, answers of cars, and a run."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from strava_pipeline_tests.rig import Rig
from strava_pipeline_tests.trips.car.logs import MORNING, config, drive, nobody_drives, scenarios
from strava_pipeline_tests.trips.car.phones import phones, post


def settings(_folder: Path) -> dict[str, Any]:
    return {}


def live(rig: Rig) -> None:
    steps = [*drive(), *nobody_drives(MORNING + timedelta(hours=3))]
    with phones(rig, scenarios((config(), steps))) as url:
        post(url, steps)
        rig.run("car_trips", pings={"safety_net": False})
