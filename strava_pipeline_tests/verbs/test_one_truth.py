"""One truth: bests and totals of imported files are the same by SQL, by `insights` and `bests`, in the API and on the pages.

The files are what makes real exports hard: power of runs beside that of rides, intervals in a hall, a jump of the positions, a tram
ride in a pause, an activity without a zone; and nothing in the present year. In the year before it are drives, a virtual ride,
a day of lifts, twins and a triathlon with its legs.
"""

import csv
import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from starlette.testclient import TestClient

from strava_pipeline.core.files.writing import Titled, gpx, tcx
from strava_pipeline.core.insights.goals import amount_text, record_text
from strava_pipeline.core.tables import TRACKS
from strava_pipeline_tests.facts import shown
from strava_pipeline_tests.ingest.archive.exports import SUMMARIES, garmin_item
from strava_pipeline_tests.ingest.archive.made import unpacked
from strava_pipeline_tests.ingest.files.made import BEGAN
from strava_pipeline_tests.rig import NOW, Rig, started
from strava_pipeline_tests.serve.dashboard.conftest import served
from strava_pipeline_tests.serve.dashboard.test_pages import words
from strava_pipeline_tests.verbs.conftest import Type

pytestmark = pytest.mark.slow
YEAR, MIXED = 2025, 2024
RUN_POWER, RIDE_POWER, HALL, JUMP, TRAM = "Run with power", "Ride with power", "400 in a hall", "Jump", "Tram"
Seconds = list[tuple[int, dict[str, float]]]


def north(metres: float) -> dict[str, float]:
    return {"latitude": 47.0 + metres / 111_195, "longitude": 11.0}


def moving(speed: float, seconds: int, **more: float) -> Seconds:
    return [(t, {"distance": speed * t, **north(speed * t), **more}) for t in range(seconds + 1)]


OUTSIDE = moving(3.0, 400)
RECORDED: dict[str, Seconds] = {
    RUN_POWER: moving(3.1, 1300, watts=330.0),
    RIDE_POWER: moving(8.0, 1300, watts=250.0),
    HALL: OUTSIDE + [(t, {"distance": 1200 + 7.0 * (t - 400)}) for t in range(401, 471)],
    JUMP: [(t, north(3.2 * t + (400 if 200 <= t < 205 else 0))) for t in range(701)],
    TRAM: [(t + (300 if t > 200 else 0), north(2.9 * t + (2000 if t > 200 else 0))) for t in range(701)],
}


def file_of(name: str, day: int) -> tuple[str, bytes]:
    """The file of a recording on a day of May: GPX, which has no distance, or TCX."""
    start = datetime(YEAR, 5, day, 9, tzinfo=UTC)
    rows = [{"recorded_at": start + timedelta(seconds=t), "part": 0, **values} for t, values in RECORDED[name]]
    points = pl.DataFrame(rows, schema=TRACKS.polars_schema)
    titled = Titled(name, "Ride" if name == RIDE_POWER else "Run")
    return (f"{day}.gpx", gpx(points, titled)) if name in (JUMP, TRAM) else (f"{day}.tcx", tcx(points, titled))


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """What came of the files and of an archive with one typed-in activity, published."""
    with started(tmp_path_factory.mktemp("truth"), logged_in=False) as rig:
        given = rig.folder / "given"
        given.mkdir()
        for day, name in enumerate(RECORDED, start=1):
            path, body = file_of(name, day)
            (given / path).write_bytes(body)
        archive = rig.folder / "export"
        archive.mkdir()
        (archive / "activities.csv").write_text(
            "Activity ID,Activity Date,Activity Name,Activity Type,Elapsed Time,Distance,Filename\n"
            f'77,"May 31, {YEAR}, 11:30:00 PM",Typed in,Run,1800,5.0,\n'
            f'78,"May 1, {MIXED}, 8:00:00 AM",Twin,Trail Run,1860,5.0,\n'
            f'79,"May 3, {MIXED}, 8:00:00 AM",Watopia,Virtual Ride,3600,40.0,\n'
            f'80,"May 4, {MIXED}, 8:00:00 AM",Lifts,Snowboard,7200,30.0,\n'
        )
        days = [BEGAN + timedelta(days=each) for each in range(9)]
        car = {"activityType": "driving_general"}
        whole = {"activityType": "multi_sport", "distance": 5_150_000.0, "elapsedDuration": 6_000_000.0}
        legs = [garmin_item(4 + leg, days[5] + timedelta(seconds=2000 * leg), parentId=3) for leg in range(3)]
        items = [garmin_item(1, BEGAN), garmin_item(2, days[4], **car), garmin_item(3, days[5], **whole), *legs]
        items.append(garmin_item(7, days[6], activityType="resort_skiing_snowboarding_ws", elevationGain=300_000.0))
        unpacked(rig.folder / "garmin", {SUMMARIES: json.dumps([{"summarizedActivitiesExport": items}]).encode()})
        rows = [{"recorded_at": days[7] + timedelta(seconds=t), "part": 0, **north(20 * t)} for t in range(600)]
        drive = gpx(pl.DataFrame(rows, schema=TRACKS.polars_schema), Titled("Drive", "driving"))
        (given / "drive.gpx").write_bytes(drive)
        (rig.folder / "goals.toml").write_text(
            "[[athlete]]\nsince = 2020-01-01\nftp = { ride = 240 }\nweight_kg = 75\n"
        )
        rig.import_files(given)
        rig.import_files(archive)
        rig.import_files(rig.folder / "garmin")
        yield rig


@pytest.fixture(scope="module")
def site(rig: Rig) -> Iterator[TestClient]:
    with served(rig.settings, time=NOW) as dashboard:
        yield dashboard.browser()


@pytest.fixture
def typed(rig: Rig, monkeypatch: pytest.MonkeyPatch, type_in: Type) -> Type:
    for name, value in rig.settings.environ().items():
        monkeypatch.setenv(name, value)
    return type_in


RECORD = ("sport_group", "record", "value", "unit", "activity_id", "on_day", "told_by", "measured_by", "all_time")


def records(rig: Rig, view: str = "records") -> list[dict[str, Any]]:
    rows = rig.gold(f"SELECT {', '.join(RECORD)} FROM {view} WHERE local_year = {YEAR} ORDER BY ALL")
    return [dict(zip(RECORD, row, strict=True)) for row in rows]


def named(rig: Rig) -> Mapping[int, str]:
    """What was recorded on which day of May; a TCX has no title."""
    days = rig.gold(f"SELECT id, day(start_date_local) FROM activities WHERE year = {YEAR}")
    return {key: ([*RECORDED][day - 1] if day < 31 else "Typed in") for key, day in days}


@pytest.mark.dear
def test_what_holds_the_bests_of_such_an_export(rig: Rig) -> None:
    names = named(rig)
    best = {
        row["record"]: (names[row["activity_id"]], row["value"]) for row in records(rig) if row["sport_group"] == "run"
    }
    assert best["fastest_400m"] == (JUMP, pytest.approx(400 / 3.2, abs=0.1)), "no metres of the jump or the hall"
    assert best["fastest_1k"] == (JUMP, pytest.approx(1000 / 3.2, abs=0.1))
    assert best["fastest_3k"][0] == RUN_POWER
    (apart,) = [row for row in records(rig, "device_records") if row["record"] == "fastest_400m"]
    assert (names[apart["activity_id"]], apart["value"]) == (HALL, pytest.approx(400 / 7, abs=0.5))
    every = rig.gold("SELECT activity_id, value FROM activity_bests WHERE record = 'fastest_1k'")
    assert {names[key]: value for key, value in every}[TRAM] == pytest.approx(1000 / 2.9, abs=0.1), "no tram"
    power = dict(rig.gold("SELECT sport_group, max(watts) FROM power_bests WHERE all_time GROUP BY ALL"))
    assert power == {"run": 330, "ride": 250}
    stressful = rig.gold("SELECT activity_id FROM counted_activities WHERE training_stress IS NOT NULL")
    assert [names[key] for (key,) in stressful] == [RIDE_POWER], "nobody has said a threshold of runs"
    assert rig.gold("SELECT year(start_date_local), utc_offset FROM activities WHERE name = 'Typed in'") == [
        (YEAR, None)
    ]


@pytest.mark.dear
def test_records_are_the_same_everywhere(rig: Rig, site: TestClient, typed: Type) -> None:
    by_sql = records(rig)
    assert len(by_sql) > 10
    told = json.loads(typed("insights", "--json").out)
    assert told["year"] == YEAR, "the newest year with an activity"
    expected = {(*row.values(),) for row in by_sql}
    assert {
        (
            each["group"],
            *(each[name] for name in RECORD[1:5]),
            date.fromisoformat(each["on_day"]),
            *(each[name] for name in RECORD[6:]),
        )
        for each in told["records"]
    } == expected
    assert site.get(f"/api/insights/{YEAR}").json()["records"] == told["records"]
    page, of_year = site.get("/records").text, words(site.get(f"/year/{YEAR}").text)
    for row in by_sql:
        shown = record_text(row["value"], row["unit"], row["record"], "km")
        assert f'>{shown}</a> <a class="on" href="/activities/{row["activity_id"]}">' in page, row
        assert shown in of_year, row
    bests = json.loads(typed("bests", str(by_sql[-1]["activity_id"]), "--json").out)["bests"]
    assert bests == site.get(f"/api/activities/{by_sql[-1]['activity_id']}").json()["bests"]


@pytest.mark.parametrize("group", ["run", "ride"])
def test_curves_are_the_records_and_the_best_power(rig: Rig, site: TestClient, group: str) -> None:
    found = site.get(f"/api/fitness/{YEAR}?sport={group}").json()
    fields = ("value", "activity_id", "measured_by")
    pace = {
        (row["value"], row["activity_id"], row["measured_by"])
        for row in records(rig)
        if row["sport_group"] == group and row["record"].startswith("fastest")
    }
    assert (
        {tuple(one["of_period"][name] for name in fields) for one in found["curves"]["pace"].values()} == pace != set()
    )
    power = rig.gold(
        f"SELECT seconds, watts, activity_id, watts_per_kg FROM power_bests WHERE sport_group = '{group}' ORDER BY 1"
    )
    told = [(float(width), one["of_all"]) for width, one in found["curves"]["watts"].items()]
    assert [(width, one["value"], one["activity_id"], one["watts_per_kg"]) for width, one in sorted(told)] == power
    page = site.get(f"/fitness/{YEAR}?sport={group}").text
    for _, watts, activity_id, _ in power:
        assert f'>{watts:.0f} W</a></td><td class="extra"><a href="/activities/{activity_id}">' in page
    other = 330 if group == "ride" else 250
    assert f"{other} W" not in page, "bests of another group"


@pytest.mark.dear
@pytest.mark.parametrize(("year", "count", "climb"), [(YEAR, len(RECORDED) + 1, None), (MIXED, 5, 246.0)])
def test_totals_of_a_year_are_the_same_everywhere(
    rig: Rig, site: TestClient, typed: Type, tmp_path: Path, year: int, count: int, climb: float | None
) -> None:
    sums = "sum(activities)::INT, sum(distance_m), sum(moving_time_seconds), sum(elevation_gain_m)"
    ((activities, metres, seconds, climbed),) = rig.gold(f"SELECT {sums} FROM totals_by_year WHERE local_year = {year}")
    assert (activities, climbed) == (count, climb)
    of_year, days = f"WHERE year(start_date_local) = {year}", f"from={year}-01-01&to={year}-12-31"
    by_sql = [f"activities {of_year} AND counts", f"gold.activities {of_year}", f"activity_list {of_year} AND counts"]
    found = rig.golds({name: f"SELECT count(*), sum(distance) FROM {name}" for name in by_sql})
    told = json.loads(typed("insights", "--year", str(year), "--json").out)["totals"]
    assert told == site.get(f"/api/insights/{year}").json()["totals"]
    assert (told["moving_time_seconds"], told["elevation_gain_m"]) == (seconds, climb)
    found["insights"] = [(told["activities"], told["distance_m"])]
    listed = site.get(f"/api/activities?{days}").json()
    assert listed["totals"]["not_counted"] == len(listed["activities"]) - count == (5 if year == MIXED else 0)
    assert listed["totals"]["total_elevation_gain"] == climb
    found["list"] = [(listed["totals"]["activities"], listed["totals"]["distance"])]
    lines = [
        line
        for line in csv.DictReader(site.get(f"/activities.csv?{days}").text.splitlines())
        if line["counts"] == "true"
    ]
    found["csv"] = [(len(lines), sum(float(line["distance"]) for line in lines))]
    status = shown(typed("status", "--json").out)
    published, of_year = status["published"], status[f"year {year}"]["values"]
    counted, rows_of_sources = rig.gold(
        "SELECT count(*), (SELECT count(*) FROM activities_all) FROM counted_activities"
    )[0]
    assert f"{counted} activities in {rows_of_sources} rows of sources" in published["text"]
    assert published["values"]["activities"] == site.get("/api/activities").json()["totals"]["activities"] == counted
    months = json.loads(typed("calendar", "--months", "240", "--json").out)["months"]
    by_month = rig.gold(
        f"SELECT strftime(on_day, '%Y-%m'), count(*) FROM counted_activities WHERE local_year = {year} GROUP BY 1"
    )
    assert dict(by_month) == {
        month: each["activities"] for month, each in months.items() if month[:4] == str(year) and each["activities"]
    }
    found["status"] = [(of_year["activities"], 1000 * of_year["kilometres"])]
    typed("export", "gold", "--to", str(tmp_path), "--full")
    for table, column in (("activities", "distance"), ("counted_activities", "distance_m")):
        rows = pl.read_parquet(tmp_path / table / f"year={year}" / f"{table}.parquet")
        rows = rows.filter("counts") if table == "activities" else rows
        found[f"exported {table}"] = [(rows.height, rows[column].sum())]
    assert found == {key: [(activities, pytest.approx(metres, abs=50))] for key in found}
    report = tmp_path / "report.html"
    typed("report", "--year", str(year), "--html", str(report))
    for page in (site.get(f"/year/{year}").text, report.read_text(), *([site.get("/").text] if year == YEAR else [])):
        for text in (amount_text("distance_m", metres, "km"), amount_text("moving_time_seconds", seconds, "km")):
            assert re.search(rf"\b{re.escape(text)}", words(page)), text


def test_without_an_activity_in_the_present_year_the_newest_one_is_shown(site: TestClient) -> None:
    assert site.get("/year").headers["Location"] == f"/year/{YEAR}"
    assert f"There is no activity in {NOW.year}, so this is {YEAR}" in words(site.get("/").text)


@pytest.mark.dear
def test_a_drive_opens_and_says_that_it_is_in_no_total(rig: Rig, site: TestClient) -> None:
    for key, why in rig.gold("SELECT id, extra ->> '$.not_counted' FROM activities WHERE NOT counts"):
        assert f"This is in no total{f': {why}' if why else ''}." in words(site.get(f"/activities/{key}").text)
