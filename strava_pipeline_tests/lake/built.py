"""A program that builds a lake of made-up rows and tracks, in an order of its own, and prints a hash of each table, view and file."""

import json
import random
import sys
from datetime import timedelta
from hashlib import sha256
from itertools import accumulate
from pathlib import Path

import polars as pl

from strava_pipeline.lake.gold.measured import note_unmeasured
from strava_pipeline.lake.gold.publish import publish, snapshot
from strava_pipeline.lake.gold.warehouse import writing
from strava_pipeline.lake.made.tracks import write_track
from strava_pipeline.lake.paths import Lake
from strava_pipeline.operations.tracking import measure_what_was_said
from strava_pipeline_tests.core.pairs.planted import START, effort, recorded
from strava_pipeline_tests.core.test_cuts import track
from strava_pipeline_tests.lake.insight_rows import ME, activity, many, put
from strava_pipeline_tests.operations.test_device_pairs import compared, file

SHOWN = "SELECT table_name FROM information_schema.tables WHERE table_name <> 'lake_meta' ORDER BY 1"
HASHED = "SELECT count(*), sum(hash(held)::HUGEINT)::VARCHAR FROM (SELECT COLUMNS(lambda name: name <> 'ingestion_ts') FROM {}) AS held"
TRACKS = range(1, 13)


def walk(seed: int) -> pl.DataFrame:
    """The points of a track at random; without the columns of its activity."""
    dice = random.Random(seed)
    steps = {name: [dice.uniform(-1e-5, 2.5e-5) for _ in range(1200)] for name in ("latitude", "longitude")}
    places = {name: [*accumulate(each, initial=47.0 + dice.random())][1:] for name, each in steps.items()}
    heart: list[float | None] = [dice.uniform(90, 180) for _ in range(1200)]
    return track(1200, **places, heartrate=heart).drop("activity_id", "athlete_id", "source", "part", "point")


def build(lake: Lake, order: random.Random) -> None:
    """Publish four hundred activities; twelve of them have a track, and one was recorded by two devices."""
    local = START.replace(tzinfo=None) + timedelta(hours=2)
    twice = [activity(one, "2024-05-01T10:00", sport_type="Run", start_date_local=local) for one in (900, -900)]
    rows = [*many(400, first="2024-01-01", days=360), *twice]
    put(lake, order.sample(rows, len(rows)))
    members = [{"id": one, "activity_id": 900, "place": place} for place, one in enumerate((900, -900))]
    put(lake, members, "activity_members")
    for one in order.sample(TRACKS, len(TRACKS)):
        write_track(lake, 2024, one, ME, "file", [walk(one)], f"file:{one}")
    watch = recorded(effort(), 7, shift=5, heartrate=(6.0, 2.0, 1.0), watts=(0.0, 4.0, 1.05))
    kept = {
        900: file(lake, "computer", effort(), "Garmin Edge 530", {}),
        -900: file(lake, "watch", watch, "Garmin Forerunner 935", {}),
    }
    compared(lake, kept)
    publish(lake)
    with writing(lake) as connection:
        note_unmeasured(connection, order.sample(TRACKS, len(TRACKS)))
    measure_what_was_said(lake)
    publish(lake)


def hashes(lake: Lake) -> dict[str, object]:
    """Of each table and view its rows in any order; of each Parquet file its bytes."""
    with snapshot(lake) as connection:
        names = [f'"{name}"' for (name,) in connection.execute(SHOWN).fetchall()]
        found: dict[str, object] = {name: connection.execute(HASHED.format(name)).fetchone() for name in names}
    files = sorted(
        {*lake.data_dir.rglob("*.parquet")} - {*lake.contributions.glob("*")}
    )  # these say when it was published
    return found | {str(path.relative_to(lake.data_dir)): sha256(path.read_bytes()).hexdigest() for path in files}


if __name__ == "__main__":
    made = Lake(Path(sys.argv[1]))
    build(made, random.Random(int(sys.argv[2])))
    print(json.dumps(hashes(made)))
