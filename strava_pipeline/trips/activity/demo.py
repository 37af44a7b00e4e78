"""The demo of activity trips: a made-up encrypted source, its runs, and the results."""

import logging
from datetime import datetime
from pathlib import Path
from shlex import quote
from typing import Any

from strava_pipeline.environment.settings import Settings

TRIPS, COUNT = "trips", 300
SOURCE, KEYS = "activity_trip.sqlite", "TEST_KEYS_ONLY.json"
FOLLOW = (
    "A product's {trips} encrypted trips follow. {damaged} are damaged, and no key opens them: they belong to the demo."
)
VERDICTS = "SELECT verdict, count(*) FROM trip_diagnostics GROUP BY 1 ORDER BY 2 DESC"


def prepare(folder: Path, seed: int, until: datetime) -> None:
    """Write the source into the demo's folder."""
    from strava_pipeline.trips.activity.generate import write_trips

    write_trips(folder / TRIPS, seed=seed, count=COUNT, until=until)


def settings(folder: Path) -> dict[str, Any]:
    """The settings for the source, if there is one."""
    source = folder / TRIPS / SOURCE
    there = source.exists()
    return {
        "trips_source": f"sqlite:///{source}" if there else None,
        "trips_keys_file": folder / TRIPS / KEYS if there else None,
    }


def run(settings: Settings) -> None:
    """Read, measure and judge the trips, then replay the algorithms."""
    from strava_pipeline.trips.activity.generate import DAMAGED_EVERY
    from strava_pipeline.trips.activity.jobs import TRIP_REPLAY_JOB, TRIPS_JOB
    from strava_pipeline.trips.activity.reading import read
    from strava_pipeline.verbs.options import all_years
    from strava_pipeline.verbs.run_report import run_and_report
    from strava_pipeline.verbs.terminal import print_wrapped

    print_wrapped(FOLLOW.format(trips=COUNT, damaged=COUNT // DAMAGED_EVERY))
    read.log.setLevel(logging.ERROR)  # it would name each of them, in each run
    run_and_report(settings, TRIPS_JOB, years=all_years(settings))
    run_and_report(settings, TRIP_REPLAY_JOB, years=None)


def show(settings: Settings) -> None:
    """Print how many trips have each verdict."""
    from strava_pipeline.lake.gold.publish import snapshot
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.verbs.terminal import print_wrapped

    with snapshot(Lake(settings.data_dir)) as connection:
        verdicts: dict[str, int] = dict(connection.execute(VERDICTS).fetchall())
    counts = ", ".join(f"{count} {verdict.replace('_', ' ')}" for verdict, count in verdicts.items())
    print_wrapped(
        f"Activity trips, encrypted, decrypted in memory, measured and judged: {sum(verdicts.values())} ({counts})"
    )


def print_next_steps(shown: Path) -> None:
    """Print the next commands to type; `shown`: the demo's folder."""
    from strava_pipeline.verbs.terminal import out, program

    source, keys = (shown / TRIPS / name for name in (SOURCE, KEYS))
    out.print("\nWhy was this trip rejected? (The keys open only the demo's made-up trips.)")
    where = f"--source {quote(f'sqlite:///{source}')} --keys-file {quote(str(keys))}"
    out.print(f"  {program()} trips activity diagnose {where} --status rejected --limit 3")
