"""What activity trips leave in a data folder that is kept: settings before the first run, and runs."""

from pathlib import Path
from typing import Any

from strava_pipeline_tests.rig import Rig
from strava_pipeline_tests.trips.activity.sources import NEW, OLD, write_sqlite
from strava_pipeline_tests.trips.activity.world import ride

YEARS = (2022, 2023, 2024)


def settings(folder: Path) -> dict[str, Any]:
    source, keys = folder / "trips.sqlite", folder / "keys.json"
    keys.write_text(f'{{"keys": ["{NEW}", "{OLD}"]}}')
    keys.chmod(0o600)
    write_sqlite(source, [ride(number, year) for number, year in enumerate(YEARS, start=1)])
    return {"trips_source": f"sqlite:///{source}", "trips_keys_file": keys}


def live(rig: Rig) -> None:
    rig.run("trips", list(YEARS))
