"""The files of a year against its goals: which years are written, what is in them, and that they are laid beside gold."""

import json
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.core.insights.goals import Goals
from strava_pipeline.core.sports import FILE_SPORTS
from strava_pipeline.lake.gold.insight_differences import insight_differences
from strava_pipeline.lake.gold.insights import (
    Athlete,
    InsightsReport,
    athlete_of,
    limit_sports,
    newest_year,
    read_insights,
    write_insights,
    year_summary,
)
from strava_pipeline.lake.gold.notes import mark_changed
from strava_pipeline.lake.gold.publish import publish, snapshot
from strava_pipeline.lake.gold.warehouse import writing
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.user_files import UnusableGoalsError, goals_of
from strava_pipeline_tests.lake.insight_rows import ME, activity, day_of, loads, many, measured, moved, put, splits

pytestmark = pytest.mark.slow

TODAY, TOMORROW = date(2023, 3, 15), date(2023, 3, 16)
NOW = datetime(2023, 3, 15, 12, tzinfo=UTC)


def written(
    lake: Lake, years: list[int], goals: Goals | None = None, today: date = TODAY, sports: str = FILE_SPORTS
) -> InsightsReport:
    publish(lake)
    with snapshot(lake) as connection:
        athlete = athlete_of(connection, goals or Goals(), NOW)
        assert athlete is not None
        report = write_insights(connection, lake, athlete, goals or Goals(), today, years, sports)
        assert insight_differences(connection, lake, athlete, report.written, today, sports) == {}
    return report


def change(lake: Lake, statement: str) -> None:
    with writing(lake) as connection:
        connection.execute(statement)
        mark_changed(connection)


def test_the_files_are_what_the_rows_come_to(lake: Lake) -> None:
    rows = many(400)
    put(lake, rows)
    report = written(lake, [])
    assert report.left_out.activities_in_the_future == sum(day_of(row) > TOMORROW for row in rows) > 0
    silent = (
        sum(moved(row) is None for row in rows),
        sum(measured(row["total_elevation_gain"]) is None for row in rows),
    )
    assert (report.left_out.activities_without_moving_time, report.left_out.activities_without_climb) == silent
    rows = [row for row in rows if day_of(row) <= TOMORROW]
    for year in (2020, 2021, 2022, 2023):
        rides = sorted(
            (row for row in rows if day_of(row).year == year and row["sport_type"] in ("Ride", "VirtualRide")),
            key=lambda row: (row["start_date_local"], row["id"]),
        )
        files = read_insights(lake, year)
        by_day: dict[str, dict[str, Any]] = {}
        for row in rides:
            of_day = by_day.setdefault(day_of(row).isoformat(), {"miles": 0.0, "ids": []})
            of_day["miles"] += (measured(row["distance"]) or 0.0) / 1000 * 0.62137
            of_day["ids"].append(row["id"])
        told = files["summary_activities.json"]
        ids = {day: each["ids"] for day, each in by_day.items()}
        assert {day: each["activity_ids"] for day, each in told.items()} == ids
        assert {day: each["distance_miles"] for day, each in told.items()} == {
            day: pytest.approx(each["miles"], rel=1e-12) for day, each in by_day.items()
        }
        points = files["distances.json"]["distance_traveled"]
        assert points[0]["x"] == f"{year}-01-01"
        in_year = [day_of(row) for row in rows if day_of(row).year == year]
        last = max(TODAY, *in_year) if year == 2023 else date(year, 12, 31)
        assert points[-1]["x"] == last.isoformat()
        running = accumulate(told.get(point["x"], {}).get("distance_miles", 0.0) for point in points)
        assert [point["y"] for point in points] == [pytest.approx(y, rel=1e-12) for y in running]
        everything = files["pacing.json"]["groups"]["all"]
        assert everything["activities"]["total"] == sum(day_of(row).year == year for row in rows)
        assert len(everything["activities"]["cumulative"]) == len(points)


@pytest.mark.dear
def test_what_claims_to_be_later_than_tomorrow_waits_for_its_day(lake: Lake) -> None:
    put(lake, [activity(1, "2023-03-01T08:00"), activity(2, "2023-03-16T08:00"), activity(3, "2023-11-30T08:00")])
    put(
        lake,
        [
            activity(
                4,
                "2090-03-01T08:00",
                timezone="(GMT+12:00) Pacific/Auckland",
                start_date=datetime(2090, 3, 1, tzinfo=UTC),
            )
        ],
    )
    report = written(lake, [2023])
    assert report.left_out.activities_in_the_future == 2
    assert report.written == [2023]
    assert list(read_insights(lake, 2023)["summary_activities.json"]) == ["2023-03-01", "2023-03-16"]
    assert read_insights(lake, 2023)["pacing.json"]["until"] == "2023-03-16", "where it is tomorrow already"
    with snapshot(lake) as connection:
        athlete = athlete_of(connection, Goals(), NOW)
        assert athlete is not None
        assert athlete.zone is None, "nor does it tell where the athlete is"
        told = year_summary(connection, athlete, Goals(), TODAY, 2023)
    assert (told.totals.activities, told.later) == (2, 2)
    assert written(lake, [2023], today=date(2023, 12, 1)).written == [2023]
    assert len(read_insights(lake, 2023)["summary_activities.json"]) == 3


@pytest.mark.dear
def test_load_is_carried_on_through_the_rest_since_the_last_activity(lake: Lake) -> None:
    power = {"weighted_average_watts": 240.0, "device_watts": True}
    put(lake, [activity(day, f"2022-12-{day:02d}T08:00", **power) for day in range(1, 21)])
    put(lake, [{"athlete_id": ME, "ftp": 240.0, "fetched_at": "2022-01-01"}], "athlete")
    publish(lake)
    with snapshot(lake) as connection:
        athlete = athlete_of(connection, Goals(), NOW)
        assert athlete is not None
        for today in (date(2022, 12, 20), date(2022, 12, 21), date(2022, 12, 28), date(2023, 3, 1)):
            until = min(today, date(2022, 12, 31))
            load = year_summary(connection, athlete, Goals(), today, 2022).load
            assert load is not None
            state = loads({date(2022, 12, day): 100.0 for day in range(1, 21)}, until)
            assert load.on_day == until
            assert (load.fitness, load.fatigue, load.form) == pytest.approx(state[until])
            assert load.highest_on == date(2022, 12, 20)
        later = year_summary(connection, athlete, Goals(), date(2023, 3, 1), 2023)
        load, state = later.load, loads({date(2022, 12, day): 100.0 for day in range(1, 21)}, date(2023, 3, 1))
        assert (load.on_day, load.highest_on) == (date(2023, 3, 1), date(2023, 1, 1)), (
            "a year of rest begins with what is left"
        )
        assert (load.fitness, load.fatigue, load.form) == pytest.approx(state[date(2023, 3, 1)])
        assert [each.on_day for each in later.load_days] == [date(2023, 1, 1) + timedelta(days=n) for n in range(60)]
        assert {each.load for each in later.load_days} == {0.0}


def test_a_streak_is_of_the_years_that_its_active_days_are_in(lake: Lake) -> None:
    put(lake, [activity(1, "2025-12-30T08:00"), activity(2, "2026-01-06T08:00"), activity(3, "2026-01-14T08:00")])
    publish(lake)
    with snapshot(lake) as connection:
        athlete = athlete_of(connection, Goals(), NOW)
        assert athlete is not None
        later = date(2026, 3, 1)
        told = {year: year_summary(connection, athlete, Goals(), later, year).streaks for year in (2024, 2025, 2026)}
    assert told[2024] == []
    assert [(each.unit, each.length) for each in told[2025]] == [("day", 1), ("week", 3)]
    assert told[2026][1].starts_on == date(2025, 12, 30)
    assert told[2026][1].ends_on == date(2026, 1, 14)


def test_splits_that_are_some_metres_short_are_no_faster_for_it(lake: Lake) -> None:
    put(lake, [activity(1, "2022-06-01T08:00", sport_type="Run")])
    put(lake, splits(1, [300] * 5, metres=981.0), "activity_splits_metric")
    publish(lake)
    with snapshot(lake) as connection:
        told = dict(
            connection.execute("SELECT record, value FROM records WHERE told_by = 'splits' AND NOT at_most").fetchall()
        )
    assert told == {"fastest_1k": 306, "fastest_3k": 918, "fastest_5k": 1530}, (
        "306 s for each kilometre at that pace, and a bit"
    )


@pytest.mark.dear
def test_what_nobody_can_do_is_not_measured(lake: Lake) -> None:
    for year, value in enumerate((3e12, 1e300, float("inf"), -1.0), start=2019):
        odd = dict.fromkeys(("distance", "total_elevation_gain", "suffer_score"), value)
        odd |= dict.fromkeys(("moving_time", "elapsed_time"), 2**62)
        put(lake, [activity(10 * year + day, f"{year}-06-0{day}T08:00", **odd) for day in (1, 2, 3)])
    written(lake, [])
    with snapshot(lake) as connection:
        athlete = athlete_of(connection, Goals(), NOW)
        assert athlete is not None
        for year in range(2019, 2023):
            told = year_summary(connection, athlete, Goals(), TODAY, year).totals
            count = 0 if year < 2021 else 3  # more than once around the earth can't be; no number is no distance
            assert (told.activities, told.distance_m, told.moving_time_seconds) == (count, None, None), year


def test_kilometres_that_are_exact_count_as_such(lake: Lake) -> None:
    thirds = [activity(10 * day + part, f"2022-06-{day:02d}T0{part}:00", distance=distance)
              for day in range(1, 4) for part, distance in enumerate((1000.1, 999.8, 1000.1))]  # fmt: skip
    put(lake, thirds)
    publish(lake)
    with snapshot(lake) as connection:
        found = connection.execute("SELECT DISTINCT eddington FROM eddington_numbers WHERE unit = 'km'")
        assert found.fetchall() == [(3,)]


def test_folders_that_are_no_years_are_left_alone(lake: Lake) -> None:
    put(lake, [activity(1, "2022-06-01T08:00")])
    for name in ("20240101", "0000", "²", "notes", "12345678901234567890"):
        (lake.insights / name).mkdir(parents=True)
    (lake.insights / "2019").write_text("no folder")
    assert written(lake, [2022]).written == [2022]
    assert {path.name for path in lake.insights.iterdir()} == {
        "20240101", "0000", "²", "notes", "12345678901234567890", "2019", "2022",
    }  # fmt: skip


@pytest.mark.dear
def test_goals_of_sports_that_are_only_partly_counted_are_left_out(lake: Lake) -> None:
    put(lake, many(200))
    publish(lake)
    wanted = Goals(all={(None, group, "activities"): (50.0,) for group in ("all", "ride", "run", "swim")})
    with snapshot(lake) as connection:
        athlete = athlete_of(connection, wanted, NOW)
        assert athlete is not None
        limited = wanted.limited_to(limit_sports(connection, ["run", "Ride"]))
        told = year_summary(connection, athlete, limited, TODAY, 2021, ["run", "Ride"])
    assert {each.group for each in told.paced if each.own} == {"run"}


@pytest.mark.dear
def test_what_tells_no_sport_is_other(lake: Lake, subtests: pytest.Subtests) -> None:
    sports = ("Ride", "Quidditch", None, "Run")
    put(lake, [activity(day, f"2022-06-0{day}T08:00", sport_type=sport) for day, sport in enumerate(sports, start=1)])
    publish(lake)
    for name, expected in (("all", 4), ("other", 2), ("ride", 1), ("Quidditch", 1)):
        with subtests.test(sport=name), snapshot(lake) as connection:
            athlete = athlete_of(connection, Goals(), NOW)
            assert athlete is not None
            limit_sports(connection, [name])
            told = year_summary(connection, athlete, Goals(), TODAY, 2022, [name])
            assert told.totals.activities == expected
            assert told.unknown_sports == ["Quidditch"], "of the whole warehouse"


SPORTS_OF_JUNE = ("Ride", "VirtualRide", "GravelRide", "EBikeRide", "Velomobile", "Run", None)


@pytest.mark.dear
def test_the_two_files_of_a_year_count_the_sports_that_are_set(lake: Lake, subtests: pytest.Subtests) -> None:
    days = list(enumerate(SPORTS_OF_JUNE, start=1))
    put(lake, [activity(one, f"2022-06-0{one}T08:00", sport_type=sport, distance=1000.0 * one) for one, sport in days])
    for sports, expected in (
        (FILE_SPORTS, [1, 2]), ("ride", [1, 2, 3, 5]), ("Ride, Run", [1, 6]), ("other", [7]), ("swim", []),
        ("all", [1, 2, 3, 4, 5, 6, 7]),
    ):  # fmt: skip
        with subtests.test(sports=sports):
            written(lake, [2022], sports=sports)
            files = read_insights(lake, 2022)
            ids = [one for day in files["summary_activities.json"].values() for one in day["activity_ids"]]
            assert ids == expected
            miles = sum(expected) * 0.62137
            assert files["distances.json"]["distance_traveled"][-1]["y"] == pytest.approx(miles)
            total = files["pacing.json"]["groups"]["all"]["activities"]["total"]
            assert total == 7, "every sport is in pacing.json"


@pytest.mark.dear
def test_files_follow_the_setting_and_an_edit_of_the_sport_within_its_group(lake: Lake) -> None:
    put(lake, [activity(1, "2022-06-01T08:00"), activity(2, "2022-06-02T08:00")])
    written(lake, [2022])
    change(lake, "UPDATE activities_all SET sport_type = 'GravelRide' WHERE id = 2")
    assert written(lake, []).written == [2022]
    assert list(read_insights(lake, 2022)["summary_activities.json"]) == ["2022-06-01"]
    assert written(lake, [], sports="GravelRide").written == [2022]
    assert list(read_insights(lake, 2022)["summary_activities.json"]) == ["2022-06-02"]
    assert written(lake, [], sports=" GravelRide,").written == [], "the same sports in other words"


@pytest.mark.dear
def test_only_the_years_that_changed_are_written_again(lake: Lake) -> None:
    put(lake, [activity(number, f"{2018 + number}-06-01T08:00") for number in range(1, 5)])
    assert written(lake, [2022]).written == [2019, 2020, 2021, 2022]
    assert written(lake, [2022]).written == []
    change(lake, "UPDATE activities_all SET distance = 31000 WHERE id = 2")
    assert written(lake, [2022]).written == [2020], "an edit of an old year, in a run of another"
    change(lake, "UPDATE activities_all SET name = 'Evening ride', kudos_count = 5")
    assert written(lake, [2022]).written == []
    change(lake, "UPDATE activities_all SET deleted_at = now() WHERE id = 1")
    assert written(lake, [2022]).written == [2019]
    assert read_insights(lake, 2019)["summary_activities.json"] == {}
    change(lake, "UPDATE activities_all SET deleted_at = NULL WHERE id = 1")
    assert written(lake, [2022]).written == [2019]
    goals = Goals(all={(2021, "ride", "distance_m"): (1e6,)})
    assert written(lake, [2022], goals).written == [2021]
    assert written(lake, [2022], Goals("miles", goals.all)).written == [2019, 2020, 2021, 2022]


@pytest.mark.dear
def test_the_running_year_grows_by_a_day_and_the_others_stay(lake: Lake) -> None:
    put(lake, [activity(1, "2022-06-01T08:00"), activity(2, "2023-01-05T08:00")])
    written(lake, [2023])
    assert written(lake, [2023], today=date(2023, 3, 16)).written == [2023]
    assert read_insights(lake, 2023)["distances.json"]["distance_traveled"][-1]["x"] == "2023-03-16"
    assert written(lake, [2023], today=date(2024, 1, 1)).written == [2023]
    assert len(read_insights(lake, 2023)["distances.json"]["distance_traveled"]) == 365
    assert written(lake, [2023], today=date(2024, 1, 2)).written == []


def test_a_year_without_activities_that_is_asked_for_has_its_files(lake: Lake) -> None:
    put(lake, [activity(1, "2022-06-01T08:00")])
    assert written(lake, [2020, 2022, 2024]).written == [2020, 2022, 2024]
    assert read_insights(lake, 2020)["summary_activities.json"] == {}
    assert len(read_insights(lake, 2020)["distances.json"]["distance_traveled"]) == 366
    assert read_insights(lake, 2024)["distances.json"] == {"distance_traveled": []}, "it has not begun"
    assert read_insights(lake, 2024)["pacing.json"]["groups"] == {}


@pytest.fixture
def one_ride(lake: Lake) -> Lake:
    """One ride, and the files of its year."""
    put(lake, [activity(1, "2022-06-01T08:00")])
    written(lake, [2022])
    return lake


def faults_of(lake: Lake) -> dict[int, list[str]]:
    """What is told of the files of that year."""
    with snapshot(lake) as connection:
        athlete = athlete_of(connection, Goals(), NOW)
        assert athlete is not None
        return insight_differences(connection, lake, athlete, [2022], TODAY)


@pytest.mark.dear
def test_damaged_files_are_told_and_made_anew(one_ride: Lake, subtests: pytest.Subtests) -> None:
    for path in sorted(one_ride.insights_of(2022).iterdir()):
        whole = path.read_bytes()
        for damage in ("gone", "torn"):
            with subtests.test(file=path.name, damage=damage):
                path.unlink() if damage == "gone" else path.write_bytes(whole[: len(whole) // 2])
                assert faults_of(one_ride) == {2022: [f"{path.name} is missing or damaged"]}
                assert written(one_ride, [2022]).written == [2022]
                assert path.read_bytes() == whole


@pytest.mark.dear
def test_what_is_not_as_in_the_warehouse_or_of_another_shape_is_told(one_ride: Lake, subtests: pytest.Subtests) -> None:
    assert faults_of(one_ride) == {}
    for name, old, new, told in (
        ("summary_activities.json", "[1]", "[9]", "activities in summary_activities.json: 1, in the warehouse 1"),
        ("summary_activities.json", "12.42739", "12.52739", "miles in summary_activities.json: 12.527"),
        ("distances.json", "12.42739", "12.32739", "miles in distances.json: 12.327"),
        ("pacing.json", '"total":1.0', '"total":2.0', "activities in pacing.json: 2.000"),
        ("pacing.json", '"total":20000.0', '"total":20001.0', "metres in pacing.json: 20001.000"),
        *(("summary_activities.json", None, shape, "") for shape in ("[]", "null", "{}", '{"2022-06-01": 5}')),
    ):
        with subtests.test(file=name, new=new):
            path = one_ride.insights_of(2022) / name
            text = path.read_text()
            assert (old or text) in text
            path.write_text(text.replace(old or text, new))
            faults = faults_of(one_ride)
            path.write_text(text)
            assert any(told in fault for fault in faults[2022])


def test_ids_are_whole_numbers_beyond_what_a_double_holds(lake: Lake) -> None:
    put(lake, [activity(2**53 + 1, "2022-06-01T08:00")])
    written(lake, [2022])
    text = (lake.insights_of(2022) / "summary_activities.json").read_text()
    assert "9007199254740993" in text


@pytest.mark.dear
def test_deleting_and_adding_again_changes_nothing(lake: Lake) -> None:
    rows = [activity(number, f"2022-06-01T{20 - number}:00") for number in (1, 2, 3)]
    put(lake, rows)
    written(lake, [2022])
    before = {path.name: path.read_bytes() for path in lake.insights_of(2022).iterdir()}
    change(lake, "DELETE FROM activities_all WHERE id = 1")
    written(lake, [2022])
    put(lake, rows[:1])
    written(lake, [2022])
    assert {path.name: path.read_bytes() for path in lake.insights_of(2022).iterdir()} == before
    day = read_insights(lake, 2022)["summary_activities.json"]["2022-06-01"]
    assert day["activity_ids"] == [3, 2, 1], "by their starts"


@pytest.mark.parametrize(
    ("label", "now", "today"),
    [
        ("(GMT+12:00) Pacific/Auckland", datetime(2026, 12, 31, 12, tzinfo=UTC), date(2027, 1, 1)),
        ("(GMT-10:00) Pacific/Honolulu", datetime(2027, 1, 1, 9, tzinfo=UTC), date(2026, 12, 31)),
        ("-36000.0", datetime(2027, 1, 1, 9, tzinfo=UTC), date(2026, 12, 31)),
        ("(GMT+01:00) Nowhere/Atlantis", datetime(2026, 6, 30, 23, 30, tzinfo=UTC), date(2026, 7, 1)),
        (None, datetime(2026, 6, 30, 23, 30, tzinfo=UTC), date(2026, 7, 1)),
    ],
)
def test_today_is_that_of_the_athletes_zone_else_of_the_setting(label: str | None, now: datetime, today: date) -> None:
    assert Athlete(ME, 0, "km", label).today(now, "Europe/London") == today


@pytest.mark.dear
def test_the_zone_is_that_of_most_new_activities_and_the_unit_that_of_the_profile(lake: Lake) -> None:
    home = "(GMT+01:00) Europe/Berlin"
    put(lake, [
        activity(1, "2022-06-01T08:00", timezone=home),
        activity(2, "2022-06-02T08:00", timezone="Europe/Berlin"),
        activity(3, "2022-07-01T08:00", timezone="(GMT-10:00) Pacific/Honolulu"),
        activity(4, "2022-08-01T08:00", timezone=None),
    ])  # fmt: skip
    put(lake, [{"athlete_id": ME, "measurement_preference": "feet", "fetched_at": "2024-01-01"}], "athlete")
    publish(lake)
    with snapshot(lake) as connection:
        assert athlete_of(connection, Goals(), NOW) == Athlete(ME, 0, "miles", "Europe/Berlin")
        assert athlete_of(connection, Goals("km"), NOW) == Athlete(ME, 0, "km", "Europe/Berlin")
        typed = athlete_of(connection, Goals(timezone="Asia/Tokyo"), NOW)
        assert typed == Athlete(ME, 0, "miles", "Asia/Tokyo")
    # as Garmin by its key has them: winter, summer, and a day elsewhere
    offsets = {
        "2022-02-01": 3600.0,
        "2022-02-02": 3600.0,
        "2022-02-03": 3600.0,
        "2022-08-11": 7200.0,
        "2022-08-12": 32_400.0,
    }
    rows = enumerate(offsets.items(), 5)
    put(lake, [activity(n, f"{day}T08:00", timezone=None, utc_offset=offset) for n, (day, offset) in rows])
    publish(lake)
    with snapshot(lake) as connection:
        found = athlete_of(connection, Goals(), NOW)
        assert found == Athlete(ME, 0, "miles", "7200.0", is_zone_clear=False)


@pytest.mark.dear
def test_other_athletes_are_counted_and_left_out(lake: Lake) -> None:
    put(lake, [activity(1, "2022-06-01T08:00"), *(activity(n, "2022-06-02T08:00", athlete_id=5) for n in (2, 3, 4))])
    publish(lake)
    with snapshot(lake) as connection:
        athlete = athlete_of(connection, Goals(), NOW)
        assert athlete is not None
        assert (athlete.id, athlete.others) == (5, 1), "no login: who has most"
    put(lake, [{"athlete_id": ME, "fetched_at": "2024-01-01"}], "athlete")
    written(lake, [2022])
    assert read_insights(lake, 2022)["pacing.json"]["groups"]["all"]["activities"]["total"] == 1


def test_an_empty_warehouse_is_nobodys(lake: Lake) -> None:
    put(lake, [])
    publish(lake)
    with snapshot(lake) as connection:
        assert athlete_of(connection, Goals(), NOW) is None


@pytest.mark.dear
def test_sports_are_limited_in_every_number_and_nothing_is_left_out_of_the_warehouse(lake: Lake) -> None:
    rows = many(300)
    put(lake, rows)
    ride = next(row["id"] for row in rows if row["sport_type"] == "Ride")
    put(lake, splits(ride, [200] * 6), "activity_splits_metric")
    publish(lake)
    with snapshot(lake) as connection:
        athlete = athlete_of(connection, Goals(), NOW)
        assert athlete is not None
        whole = year_summary(connection, athlete, Goals(), TODAY, 2021)
    with snapshot(lake) as connection:
        limit_sports(connection, ["Run", "swim"])
        told = year_summary(connection, athlete, Goals(), TODAY, 2021, ["Run", "swim"])
        in_table = connection.execute("SELECT count(*) FROM activities").fetchall()
    mine = [row for row in rows if row["sport_type"] in ("Run", "Swim") and day_of(row).year == 2021]
    assert in_table == [(300,)]
    assert told.totals.activities == len(mine) < whole.totals.activities
    assert {sport for sport, _, _ in told.by_sport} == {"Run", "Swim"}
    assert {record.group for record in told.records} == {"run", "swim"}
    assert {each.group for each in told.eddington} <= {"all", "run", "swim"}
    assert next(each.of_year for each in told.eddington if each.group == "all") <= next(
        each.of_year for each in whole.eddington if each.group == "all"
    )
    assert sum(each.activities for each in told.gear) == sum(row["gear_id"] is not None for row in mine)
    assert sum(sums.activities for _, sums in told.by_month) == len(mine)
    everything = next(each for each in told.paced if (each.group, each.measure) == ("all", "activities"))
    assert everything.total == len(mine)


def test_the_newest_year_is_the_last_with_an_activity_that_is_not_ahead_of_today(lake: Lake) -> None:
    put(lake, [activity(1, "2021-06-01T08:00"), activity(2, "2107-06-01T08:00")])
    publish(lake)
    with snapshot(lake) as connection:
        athlete = athlete_of(connection, Goals(), NOW)
        assert athlete is not None
        assert newest_year(connection, athlete, TODAY) == 2021


def test_eddington_numbers_of_all_years_are_of_all_groups(lake: Lake) -> None:
    run = activity(1, "2020-06-01T08:00", sport_type="Run", distance=5_000.0)
    put(lake, [run, activity(2, "2021-06-01T08:00", distance=20_000.0)])
    publish(lake)
    with snapshot(lake) as connection:
        athlete = athlete_of(connection, Goals(), NOW)
        assert athlete is not None
        found = year_summary(connection, athlete, Goals(), TODAY, 2021).eddington
    assert {each.group: (each.of_year, each.of_all) for each in found} == {"all": (1, 2), "ride": (1, 1), "run": (0, 1)}


def test_goals_stand_beside_the_data_folder(lake: Lake, tmp_path: Path) -> None:
    assert goals_of(lake) == Goals()
    (tmp_path / "goals.toml").write_text("\ufeff[2026.ride]\ndistance_km = 1", encoding="utf-8")
    assert goals_of(lake).of(2026, "ride", "distance_m") == (1000,)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"2026.ride", "no TOML"),
        (b"a = '\xff'", "no TOML"),
        (b"[2026.rides]\ncount = 1", "no group of sports"),
        (None, "can't be read"),
    ],
)
def test_goals_that_can_not_be_followed_say_why(lake: Lake, tmp_path: Path, content: bytes | None, told: str) -> None:
    path = tmp_path / "goals.toml"
    path.mkdir() if content is None else path.write_bytes(content)
    with pytest.raises(UnusableGoalsError, match=told):
        goals_of(lake)


def test_files_are_json_that_any_reader_takes(lake: Lake) -> None:
    put(lake, many(200))
    written(lake, [])
    for path in lake.insights.rglob("*.json"):
        assert json.loads(path.read_text(), parse_constant=pytest.fail) is not None
