"""A value of a file has one definition: row, track, list, page, CSV, API and exported file say the same, and what was drawn.

Each file is a line drawn along a meridian with values of sensors, and faults strewn over it that stand for no value.
"""

import csv
import io
import itertools
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from starlette.testclient import TestClient

from strava_pipeline.core.geodesy import distance_m
from strava_pipeline.core.sources import FILE, hashed_id
from strava_pipeline.core.tables.exported import exported_tables
from strava_pipeline.lake.gold.export_files import export_files
from strava_pipeline.serve.dashboard.display import distance as distance_text
from strava_pipeline_tests.imports import import_by_dagster
from strava_pipeline_tests.rig import Rig, started
from strava_pipeline_tests.serve.dashboard.conftest import served

METRE = 1 / 111_195  # of a meridian, in degrees
FILES = 6  # as many GPX as TCX


@dataclass(frozen=True)
class Drawn:
    """A file and what was drawn in it."""

    name: str
    content: str
    began: datetime
    metres: float
    rates: Sequence[tuple[float, int]]  # each heart rate and for how many seconds it held
    heights: Sequence[float]


def drawn(number: int) -> Drawn:
    dice = random.Random(number)
    began = datetime(2025, 3, 1, 9, tzinfo=UTC) + timedelta(days=number)
    gaps = [dice.choice((1, 1, 2, 5, 9)) for _ in range(150)]
    rates, heights = [dice.randint(90, 180) for _ in range(151)], [500.0 + dice.uniform(-3, 3) for _ in range(151)]
    speed, points, at, metres = dice.uniform(2, 4), [], began, 0.0
    kept_rates, kept_heights, kept_metres = [], [], []
    for place, gap in enumerate([*gaps, 1]):
        rate = dice.choice((0, 255, rates[place])) if dice.random() < 0.1 else rates[place]
        height = dice.choice((-32_768, 0.0, heights[place])) if dice.random() < 0.1 else heights[place]
        inside = 5 < place < 145
        lost, jumps = inside and dice.random() < 0.05, inside and dice.random() < 0.03
        where = "0" if lost else f"{47 + (metres + 3000 * jumps) * METRE:.9f}"
        points.append((at, where, "0" if lost else "11.5", height, rate))
        kept_rates += [(at, rate)] if 0 < rate < 255 else []
        kept_heights += [height] if height > 0 else []
        kept_metres += [] if lost or jumps else [metres]
        at, metres = at + timedelta(seconds=gap), metres + speed * gap
    held = [(then - now).total_seconds() for (now, _), (then, _) in itertools.pairwise(kept_rates)]
    weights = [int(seconds) if seconds <= 10 else 1 for seconds in held] + [1]
    told = [(float(rate), weight) for (_, rate), weight in zip(kept_rates, weights, strict=True)]
    write, ending = (gpx, "gpx") if number % 2 else (tcx, "tcx")
    return Drawn(f"{number}.{ending}", write(points), began, kept_metres[-1], told, kept_heights)


def gpx(points: Sequence[tuple[datetime, str, str, float, int]]) -> str:
    rows = "".join(
        f'<trkpt lat="{lat}" lon="{lng}"><ele>{height}</ele><time>{at.isoformat()}</time><extensions><hr>{rate}</hr></extensions></trkpt>'
        for at, lat, lng, height, rate in points
    )
    return f"<gpx><trk><type>running</type><trkseg>{rows}</trkseg></trk></gpx>"


def tcx(points: Sequence[tuple[datetime, str, str, float, int]]) -> str:
    rows = "".join(
        f"<Trackpoint><Time>{at.isoformat()}</Time><Position><LatitudeDegrees>{lat}</LatitudeDegrees><LongitudeDegrees>{lng}"
        f"</LongitudeDegrees></Position><AltitudeMeters>{height}</AltitudeMeters><HeartRateBpm><Value>{rate}</Value></HeartRateBpm></Trackpoint>"
        for at, lat, lng, height, rate in points
    )
    lap = f'<Lap StartTime="{points[0][0].isoformat()}"><Track>{rows}</Track></Lap>'
    return f'<TrainingCenterDatabase><Activities><Activity Sport="Running">{lap}</Activity></Activities></TrainingCenterDatabase>'


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    folder = tmp_path_factory.mktemp("one_value")
    files = folder / "files"
    files.mkdir()
    for number in range(FILES):
        file = drawn(number)
        (files / file.name).write_text(file.content)
    with started(folder, logged_in=False, activities=1) as rig:
        import_by_dagster(rig, files)
        yield rig


@pytest.fixture(scope="module")
def exported(rig: Rig, tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    """The activities as `export gold` writes them."""
    folder = tmp_path_factory.mktemp("exported")
    tables = {"activities": exported_tables(with_positions=True)["activities"]}
    export_files(rig.lake, folder, tables, "parquet", lambda steps: None, as_text=False)
    return pl.read_parquet(folder / "activities" / "**" / "*.parquet")


@pytest.fixture(scope="module")
def site(rig: Rig) -> Iterator[TestClient]:
    with served(rig.settings) as made:
        yield made.browser()


Said = dict[str, Any]
DATE, LISTED = "start_date", ("distance", "average_heartrate")
FIELDS = ("distance", "average_heartrate", "max_heartrate", "elev_high", "elev_low")


def of_track(rig: Rig, activity_id: int) -> Said:
    """From the points on disk, by arithmetic of this test's own."""
    (path,) = rig.lake.tracks.rglob(f"{activity_id}.parquet")
    points = pl.read_parquet(path)
    placed = points.select("latitude", "longitude").drop_nulls().rows()
    rates = points.select("recorded_at", "heartrate").drop_nulls().rows()
    gaps = [(then - now).total_seconds() for (now, _), (then, _) in itertools.pairwise(rates)]
    weights = [gap if gap <= 10 else 1 for gap in gaps] + [1]
    return {
        DATE: points["recorded_at"].min(),
        "distance": sum(distance_m(*one, *next_one) for one, next_one in itertools.pairwise(placed)),
        "average_heartrate": sum(rate * weight for (_, rate), weight in zip(rates, weights, strict=True))
        / sum(weights),
        "max_heartrate": points["heartrate"].max(),
        "elev_high": points["altitude"].max(),
        "elev_low": points["altitude"].min(),
    }


@pytest.mark.slow
def test_each_face_is_told(rig: Rig, site: TestClient, exported: pl.DataFrame, subtests: pytest.Subtests) -> None:
    listed = {int(row["id"]): row for row in csv.DictReader(io.StringIO(site.get("/activities.csv").text))}
    names = {"activities": (DATE, *FIELDS), "activity_sources": (DATE, *FIELDS), "activity_list": LISTED}
    gold = rig.golds(
        {table: f"SELECT id, {', '.join(columns)} FROM {table}" for table, columns in names.items()}
        | {"files": "SELECT unnest(list_append(names, name)), content FROM files"}
    )
    contents = dict(gold.pop("files"))
    for number in range(FILES):
        with subtests.test(number=number):
            file = drawn(number)
            one = hashed_id(FILE, f"{contents[file.name]}:0")
            said = {"track": of_track(rig, one), "exported": exported.filter(pl.col("id") == one).row(0, named=True)}
            said |= {"api": site.get(f"/api/activities/{one}").json()["activity"]}
            said |= {"csv": {name: float(listed[one][name]) for name in LISTED}}
            for table, rows in gold.items():
                ((_, *values),) = (row for row in rows if row[0] == one)
                said[table] = dict(zip(names[table], values, strict=True))
            page = site.get(f"/activities/{one}", headers={"Accept": "text/html"}).text
            compare(file, said, page)


def compare(file: Drawn, said: Mapping[str, Said], page: str) -> None:
    seconds = sum(weight for _, weight in file.rates)
    right = {
        "distance": file.metres,
        "average_heartrate": sum(rate * weight for rate, weight in file.rates) / seconds,
        "max_heartrate": max(rate for rate, _ in file.rates),
        "elev_high": max(file.heights),
        "elev_low": min(file.heights),
    }
    for face, values in said.items():
        for name in FIELDS:
            if name in values:
                assert values[name] == pytest.approx(right[name], rel=1e-3), (face, name)
        if DATE in values:
            at = values[DATE]
            assert (datetime.fromisoformat(at) if isinstance(at, str) else at) == file.began, face
    assert f"<b>{distance_text(right['distance'], 'km')}</b>" in page
    assert f"<b>{right['max_heartrate']:.0f} bpm</b>" in page
