"""Activity trips on one core: diagnosed, replayed, read into the tables, and read again when nothing or a hundredth is new.

Beside them stands a floor that only reads, decrypts and parses the same trips.

The trips are written before anything is measured: 80 points on average, two keys, one at random for each trip. Stages have the
shape of benchmarks/product.py's and return the number of trips. No printing.
"""

import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.place import Place
from benchmarks.product import Work

if TYPE_CHECKING:
    from strava_pipeline.trips.activity.reading.read import Tally
    from strava_pipeline.trips.activity.rules.bundle import Bundle

NAME, COUNTS, HELP = "trips", [5_000, 20_000], "numbers of activity trips"
TITLE = "{:,} activity trips, one core"
STAGES = {
    "diagnose": "trips diagnosed, as JSON",
    "replay": "trips replayed, as JSON",
    "first": "trips read into the tables",
    "unchanged": "nothing new, the file as it was",
    "quiet": "nothing new, the file written anew",
    "hundredth": "a hundredth of the trips changed",
}
ENVIRONMENT = {"POLARS_MAX_THREADS": "1"}


def prepare(folder: Path, trips: int) -> None:
    """Write the source of the trips."""
    from strava_pipeline_tests.trips.activity.sources import rides, write_sqlite

    write_sqlite(_source(folder), rides(trips))
    # in a process of its own: the peaks of those that it starts would count this one's memory
    program = [sys.executable, "-m", "benchmarks.measure", __name__, "unchanged", str(folder), ""]
    subprocess.run(program, check=True, stdout=subprocess.DEVNULL)


def floor(place: Place) -> Work:
    """The least possible work: SQLite's rows in their order, cryptography's MultiFernet, orjson."""
    import orjson
    from cryptography.fernet import Fernet, MultiFernet

    from strava_pipeline_tests.trips.activity.sources import NEW, OLD

    keys = MultiFernet([Fernet(NEW), Fernet(OLD)])

    def work() -> int:
        trips = 0
        connection = sqlite3.connect(_source(place.folder))
        for tokens in connection.execute("SELECT locations, activity_distribution, user_feedback FROM activity_trip"):
            for token in tokens:
                _ = orjson.loads(keys.decrypt(token)) if token is not None else None
            trips += 1
        return trips

    return work


def diagnose(place: Place) -> Work:
    """As `trips activity diagnose --format json` does it."""
    from strava_pipeline.trips.activity.reading.read import Tally
    from strava_pipeline.trips.activity.rules.diagnosis import diagnose as diagnose_batch
    from strava_pipeline.trips.activity.rules.report import json_parts
    from strava_pipeline.trips.activity.rules.thresholds import thresholds

    limits, bundles = thresholds(), _opener(place)

    def work() -> int:
        tally = Tally()
        with bundles() as batches, Path(os.devnull).open("wb") as out:
            found = (diagnose_batch(batch, limits) for batch in _counted(batches, tally))
            out.writelines(json_parts(found, limits, lambda: (tally.keys_used, tally.counts)))
        return tally.trips

    return work


def replay(place: Place) -> Work:
    """As `trips activity replay --format json --processes 1` does it."""
    from strava_pipeline.core.json_values import json_bytes
    from strava_pipeline.trips.activity.rules.replay import BASELINE, Sweep
    from strava_pipeline.trips.activity.rules.thresholds import thresholds
    from strava_pipeline.trips.activity.rules.verdict import ALGORITHMS

    bundles = _opener(place)
    result = Sweep(ALGORITHMS[-1], {BASELINE: thresholds(ALGORITHMS[-1].full_name)})

    def work() -> int:
        with bundles() as batches:
            for batch in batches:
                result.add(batch)
        return len(result.trips) if json_bytes(result.replay_json()) else 0

    return work


def first(place: Place) -> Work:
    """A first run of the job `trips`, without Dagster."""
    data = Path(tempfile.mkdtemp(dir=place.folder))
    return lambda: _read(place.folder, data)


def unchanged(place: Place) -> Work:
    """A run after one that read everything."""
    return lambda: _read(place.folder, place.folder / "read")


def quiet(place: Place) -> Work:
    """The same, where the file has another time, so that it is listed."""
    os.utime(_source(place.folder))
    return unchanged(place)


def hundredth(place: Place) -> Work:
    """The same, where a trip in a hundred has another status."""
    with closing(sqlite3.connect(_source(place.folder))) as connection, connection:
        connection.execute(
            "UPDATE activity_trip SET status = CASE status WHEN 'accepted' THEN 'rejected' ELSE 'accepted' END WHERE id % 100 = 0"
        )
    return unchanged(place)


def _read(folder: Path, data: Path) -> int:
    """Read all years into a data folder; how many trips are listed."""
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.trips.activity.operations import read_trips
    from strava_pipeline.verbs.options import context_without_run
    from strava_pipeline_tests.trips.activity.sources import NEW, OLD

    settings = Settings.load(
        data_dir=data, trips_source=f"sqlite:///{_source(folder)}", trips_fernet_keys=f"{NEW},{OLD}", first_year=2022
    )
    run = context_without_run(settings)
    (read, _) = read_trips(run, settings, run.years.all)
    return int(read.metadata["listed"])


def _opener(place: Place) -> "Callable[[], AbstractContextManager[Iterator[list[Bundle]]]]":
    from strava_pipeline.trips.activity.reading.opening import open_source
    from strava_pipeline.trips.activity.reading.read import read_bundles
    from strava_pipeline_tests.trips.activity.sources import RING

    @contextmanager
    def bundles() -> Iterator[Iterator[list["Bundle"]]]:
        with open_source(f"sqlite:///{_source(place.folder)}") as source:
            yield read_bundles(source, RING)

    return bundles


def _counted(batches: Iterator[list["Bundle"]], tally: "Tally") -> Iterator[list["Bundle"]]:
    for batch in batches:
        tally.add(batch)
        yield batch


def _source(folder: Path) -> Path:
    return folder / "trips.db"
