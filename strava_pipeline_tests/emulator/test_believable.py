"""The generated athlete adds up: sums, offsets, ranks, gear; and everything that is awkward in real life is there."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from math import cos, hypot, radians
from statistics import fmean
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import polyline
import pytest

from strava_pipeline.core.tables import TRACKS
from strava_pipeline.core.tables.bests import DURATIONS
from strava_pipeline.core.track_measures import curves
from strava_pipeline.core.wellness import MEASURES
from strava_pipeline.emulator.generate.activities import Athlete
from strava_pipeline.emulator.generate.days import days_since
from strava_pipeline.emulator.generate.places import BEST_EFFORTS
from strava_pipeline.emulator.generate.recordings import METRES_PER_DEGREE, recorded_streams
from strava_pipeline.emulator.generate.training import is_ill
from strava_pipeline.ingest.strava.emulator.state import build_state
from strava_pipeline.ingest.strava.emulator.summaries import encode_polyline
from strava_pipeline.verbs.demo_athlete import SEED
from strava_pipeline_tests.emulator.conftest import NOW, config
from strava_pipeline_tests.present import there

Activity = dict[str, Any]


@pytest.fixture
def activities(default_truth: dict[str, Any]) -> list[Activity]:
    found: list[Activity] = default_truth["activities"]
    return found


def when(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_the_ordered_number_lies_within_the_years_and_before_now(activities: list[Activity]) -> None:
    assert len(activities) == 800
    years = Counter(each["start_date_local"][:4] for each in activities)
    assert sorted(years) == [str(year) for year in range(2015, 2027)]
    assert min(years.values()) > 20
    assert all(when(each["start_date"]) + timedelta(seconds=each["elapsed_time"]) < NOW for each in activities)


def test_ids_rise_with_time_beyond_32_bits(activities: list[Activity]) -> None:
    by_start = sorted(activities, key=lambda each: (each["start_date"], each["id"]))
    ids = [each["id"] for each in by_start]
    assert all(earlier < later for earlier, later in pairwise(ids))
    assert ids[0] > 2**31
    assert ids[-1] < 2 * 10**10
    efforts = [effort["id"] for each in activities for effort in each["segment_efforts"]]
    laps = [lap["id"] for each in activities for lap in each.get("laps", [])]
    bests = [effort["id"] for each in activities for effort in each.get("best_efforts", [])]
    assert min(efforts) > 2**53
    assert max(efforts) < 2**63
    for unique in (efforts, laps, bests):
        assert len(unique) == len(set(unique))


def test_the_local_clock_is_that_of_the_zone_and_the_label_shows_standard_time(activities: list[Activity]) -> None:
    labels = set()
    for each in activities:
        zone = ZoneInfo(each["timezone"].partition(" ")[2])
        local = when(each["start_date"]).astimezone(zone)
        assert each["start_date_local"] == local.strftime("%Y-%m-%dT%H:%M:%SZ")
        offset = there(local.utcoffset())
        assert repr(each["utc_offset"]) == repr(offset.total_seconds())
        standard = offset - (local.dst() or timedelta(0))
        sign, minutes = "-" if standard < timedelta(0) else "+", abs(standard) // timedelta(minutes=1)
        assert each["timezone"].startswith(f"(GMT{sign}{minutes // 60:02d}:{minutes % 60:02d}) ")
        labels.add((each["timezone"], each["utc_offset"]))
    assert labels >= {
        ("(GMT+01:00) Europe/Berlin", 3600.0),
        ("(GMT+01:00) Europe/Berlin", 7200.0),
        ("(GMT-05:00) America/New_York", -18000.0),
        ("(GMT-05:00) America/New_York", -14400.0),
        ("(GMT+12:00) Pacific/Auckland", 43200.0),
        ("(GMT+12:00) Pacific/Auckland", 46800.0),
        ("(GMT+05:30) Asia/Kolkata", 19800.0),
    }


def test_some_belong_to_another_year_here_than_in_utc(activities: list[Activity]) -> None:
    awkward = [each for each in activities if each["start_date"][:4] != each["start_date_local"][:4]]
    assert len(awkward) > 5
    assert {each["start_date"] < each["start_date_local"] for each in awkward} == {True, False}
    assert len({each["timezone"] for each in awkward}) > 2


def test_ranks_are_true_and_counted(activities: list[Activity]) -> None:
    boards: dict[Any, list[int]] = {}
    for each in sorted(activities, key=lambda each: (each["start_date"], each["id"])):
        ranks = []
        for effort in each["segment_efforts"] + each.get("best_efforts", []):
            board = boards.setdefault(effort["segment"]["id"] if "segment" in effort else effort["name"], [])
            faster = sum(time < effort["elapsed_time"] for time in board)
            expected = faster + 1 if board and faster < 3 else None
            assert effort["pr_rank"] == expected
            assert [achievement["rank"] for achievement in effort["achievements"]] == ([expected] if expected else [])
            board.append(effort["elapsed_time"])
            ranks.append(expected)
        assert each["pr_count"] == ranks.count(1)
        assert each["achievement_count"] == sum(rank is not None for rank in ranks)
    assert sum(each["pr_count"] for each in activities) > 100


def test_tracks_decode_to_their_ends_and_their_length(activities: list[Activity]) -> None:
    mapped = [each for each in activities if each["map"]["polyline"]]
    assert len(mapped) > 500
    for each in mapped[::7]:
        points = polyline.decode(each["map"]["polyline"])
        assert points[0] == pytest.approx(each["start_latlng"], abs=1e-5)
        assert points[-1] == pytest.approx(each["end_latlng"], abs=1e-5)
        thin = polyline.decode(each["map"]["summary_polyline"])
        assert set(thin) < set(points)
        assert (thin[0], thin[-1]) == (points[0], points[-1])
        east = cos(radians(points[0][0]))
        length = METRES_PER_DEGREE * sum(hypot(b[0] - a[0], (b[1] - a[1]) * east) for a, b in pairwise(points))
        assert length == pytest.approx(each["distance"], rel=0.03)


def of_track(seconds: Sequence[float], **columns: Sequence[float]) -> pl.DataFrame:
    """Points with all columns of a track, so many seconds after NOW."""
    points = pl.DataFrame({"recorded_at": [NOW + timedelta(seconds=each) for each in seconds], **columns})
    return pl.concat(
        [pl.DataFrame(schema=TRACKS.polars_schema), points.cast({"recorded_at": pl.Datetime("us", "UTC")})],
        how="diagonal_relaxed",
    )


@pytest.mark.dear
def test_the_best_times_of_a_track_are_the_best_efforts_and_a_pause_is_a_gap() -> None:
    athlete = Athlete(7, 300, (2024, 2026), NOW)
    runs = [each for each in athlete.activities if each.best and each.mapped]
    assert len(runs) > 30
    for run in runs:
        recorded = there(recorded_streams(7, run, 10))
        assert (recorded["time"][-1], recorded["distance"][-1]) == (run.elapsed, run.distance)
        points = of_track(recorded["time"], distance=recorded["distance"])
        found = {row["width"]: row["value"] for row in curves(points, "run").rows(named=True)}
        for effort in run.best:
            metres = BEST_EFFORTS[effort.index][1]
            if metres in found and metres < run.distance * 0.98:
                assert found[metres] == pytest.approx(effort.seconds, rel=0.04), (run, effort)
        if run.elapsed - run.moving > 60:
            longest = max(b - a for a, b in pairwise(recorded["time"]))
            assert longest == pytest.approx(run.elapsed - run.moving, abs=2), "nothing was recorded in the pause"


@pytest.mark.dear
def test_summaries_say_what_was_recorded() -> None:
    state = build_state(config(activities=200, years=(2024, 2026), seed=7, point_seconds=10))
    compared: Counter[str] = Counter()
    for row in state.store.existing(state.epoch):
        said, recorded = row.source.summary(), row.source.streams()
        if recorded is None:
            continue
        steps = [*zip(pairwise(recorded["time"]), recorded["moving"][1:], strict=True)]
        assert sum(later - before for (before, later), moves in steps if moves) == said["moving_time"]
        assert max(recorded["velocity_smooth"]) == pytest.approx(said["max_speed"], rel=0.2)
        found = {
            "max_heartrate": (max(recorded.get("heartrate", [0])), 0.5),
            "max_watts": (max(recorded.get("watts", [0])), 10),
        }
        if "heartrate" in recorded:
            found["average_heartrate"] = fmean(recorded["heartrate"]), 4
        if "watts" in recorded:
            weights = [(later - before) * moves for (before, later), moves in steps]
            mean = fmean(recorded["watts"][1:], weights)
            found["average_watts"] = mean, 0.05 * mean
            assert said["average_watts"] <= said["weighted_average_watts"] <= said["max_watts"]
        if "altitude" in recorded and "elev_high" in said:
            climbed = sum(max(0.0, high - low) for low, high in pairwise(recorded["altitude"]))
            found["total_elevation_gain"] = climbed, 3 + 0.05 * climbed
            found["elev_high"], found["elev_low"] = (max(recorded["altitude"]), 3), (min(recorded["altitude"]), 3)
        if "temp" in recorded:
            found["average_temp"] = fmean(recorded["temp"]), 1
        for name, (value, tolerance) in found.items():
            if name in said:
                assert said[name] == pytest.approx(value, abs=tolerance), (row.id, name)
                compared[name] += 1
    assert min(compared.values()) > 20
    assert len(compared) == 8


@pytest.mark.dear
def test_the_demos_power_is_that_of_a_trained_amateur() -> None:
    athlete = Athlete(SEED, 2000, (2015, 2026), NOW)
    best: dict[int, tuple[float, int]] = {}
    for ride in [ride for ride in athlete.activities if ride.power_meter][::3]:
        streams = there(recorded_streams(SEED, ride, 10))
        points = of_track(streams["time"], watts=streams["watts"])
        for width, value in curves(points, None).select("width", "value").iter_rows():
            best[int(width)] = max(best.get(int(width), (0.0, 0)), (value, ride.id))
    assert [*best] == [*DURATIONS]
    watts = {width: value for width, (value, _) in best.items()}
    assert watts[5] / watts[3600] > 3
    assert len({ride for _, ride in best.values()}) >= 4
    for width, low, high in ((5, 800, 950), (60, 400, 450), (300, 285, 310), (1200, 250, 268), (3600, 225, 245)):
        assert low <= watts[width] <= high, width


@pytest.mark.parametrize(
    "points",
    [[(38.5, -120.2), (40.7, -120.95), (43.252, -126.453)], [(0.0, 0.0), (-0.00001, 0.00001), (-89.99999, 179.99999)]],
)
def test_polylines_are_encoded_as_everybody_decodes_them(points: list[tuple[float, float]]) -> None:
    assert encode_polyline(points) == polyline.encode(points)


def test_gear_is_what_the_activities_used(default_truth: dict[str, Any], activities: list[Activity]) -> None:
    gear = {each["id"]: each for each in default_truth["gear"]}
    assert sorted(identity[0] for identity in gear) == ["b", "b", "b", "g", "g", "g"]
    assert Counter(each["retired"] for each in gear.values()) == {False: 5, True: 1}
    for identity, each in gear.items():
        total = sum(activity["distance"] for activity in activities if activity["gear_id"] == identity)
        assert each["distance"] == pytest.approx(total, abs=0.501), "a whole number, however the sum was rounded"
    for each in activities:
        assert ("gear" in each) is (each["gear_id"] is not None)
        if "gear" in each:
            assert each["gear"]["id"] == each["gear_id"]
            assert each["gear"]["distance"] == gear[each["gear_id"]]["distance"]
    athlete = default_truth["athlete"]
    assert {each["id"] for each in athlete["bikes"] + athlete["shoes"]} == set(gear)


def test_what_makes_life_awkward_is_there(activities: list[Activity]) -> None:
    def count(found: Any) -> int:
        return sum(1 for each in activities if found(each))

    starts = Counter(each["start_date"] for each in activities)
    names = "".join(each["name"] for each in activities)
    assert count(lambda each: starts[each["start_date"]] > 1) >= 2
    assert count(lambda each: each["start_date_local"].endswith("T00:00:01Z")) > 5
    assert count(lambda each: each["private"]) == count(lambda each: each["visibility"] == "only_me") > 20
    assert count(lambda each: each["commute"]) > 100
    assert count(lambda each: each["has_heartrate"]) > 300
    assert count(lambda each: each.get("device_watts")) > 100
    assert count(lambda each: each["type"] != each["sport_type"]) > 50
    assert count(lambda each: "elev_high" not in each and each["start_latlng"]) > 20
    assert count(lambda each: "upload_id_str" not in each and not each["manual"]) > 50
    assert count(lambda each: each["description"]) > 200
    assert count(lambda each: each["photos"]["count"]) > 50
    assert not any(each["kudos_count"] for each in activities if each["private"])
    assert any(ord(letter) > 0xFFFF for letter in names)
    assert any("֐" <= letter <= "׿" for letter in names)
    assert {each["sport_type"] for each in activities} == {
        "Ride",
        "Run",
        "VirtualRide",
        "GravelRide",
        "MountainBikeRide",
        "Walk",
        "Hike",
        "Swim",
        "WeightTraining",
        "Workout",
        "Yoga",
    }


@pytest.mark.parametrize(
    ("activities", "years", "now"),
    [
        (0, (2015, 2026), NOW),
        (1, (2026, 2026), NOW),
        (50, (2026, 2026), datetime(2026, 1, 3, 1, tzinfo=UTC)),
        (400, (1995, 2001), NOW),
        (3000, (2025, 2025), NOW),
        (60, (2020, 2040), NOW),
    ],
)
def test_any_number_of_activities_fits_any_span(activities: int, years: tuple[int, int], now: datetime) -> None:
    state = build_state(config(activities=activities, years=years, now=now))
    rows = state.store.existing(state.epoch)
    assert len(rows) == activities
    for row in rows[::20]:
        detail = row.source.detail()
        assert detail["id"] == row.id > 2**31
        assert row.start + detail["elapsed_time"] <= now.timestamp()


def test_every_number_of_a_day_or_night_can_be_believed_and_illness_shows() -> None:
    made = [*days_since(date(2020, 1, 1), NOW, SEED)]
    days = {day: worn | weighed for day, worn, weighed in made if worn or weighed}
    assert {bool(worn) for _, worn, _ in made[-365:]} == {True, False}, "on some days the watch was not worn"
    numbers = [(MEASURES[name], value) for each in days.values() for name, value in each.items()]
    assert all(measure.least <= value <= measure.most for measure, value in numbers)
    nights = [each for each in days.values() if "deep_seconds" in each]
    stages = ("deep_seconds", "light_seconds", "rem_seconds")
    assert {each["asleep_seconds"] - sum(each[name] for name in stages) for each in nights} == {0}
    sick = fmean(worn["resting_heartrate"] for day, worn, _ in made if worn and is_ill(day, SEED))
    assert sick > 2 + fmean(worn["resting_heartrate"] for day, worn, _ in made if worn and not is_ill(day, SEED))
