"""goals.toml: what it may hold, and that each fault is named with its place."""

import tomllib
from datetime import date

import pytest

from strava_pipeline.core.insights.athlete import AthleteFrom, Thresholds
from strava_pipeline.core.insights.goals import (
    CHOICES,
    Goals,
    GoalsError,
    amount_text,
    day_text,
    difference_text,
    read_goals,
)
from strava_pipeline.core.insights.services import GearService
from strava_pipeline.core.sports import SPORTS


def read(text: str) -> Goals:
    return read_goals(tomllib.loads(text))


def test_goals_are_amounts_in_metres_seconds_and_activities() -> None:
    goals = read("""
        units = "miles"
        [2026.ride]
        distance_km = [5000, 4000, 5000]
        elevation_ft = 1000
        [2026.run]
        distance_miles = 500
        time_hours = 1.5
        elevation_m = 900
        [every_year.all]
        count = 200
    """)
    assert goals.units == "miles"
    assert goals.of(2026, "ride", "distance_m") == (4_000_000, 5_000_000)
    assert goals.of(2026, "ride", "elevation_gain_m") == pytest.approx((304.8,))
    assert goals.of(2026, "run", "distance_m") == pytest.approx((804_672,))
    assert goals.of(2026, "run", "moving_time_seconds") == (5400,)
    assert goals.of(2026, "run", "elevation_gain_m") == (900,)
    assert goals.of(1987, "all", "activities") == (200,)
    assert goals.of(2025, "ride", "distance_m") == ()


def test_a_year_of_its_own_counts_before_every_year() -> None:
    goals = read("every_year.run.count = 100\n2026.run.count = 150")
    assert (goals.of(2026, "run", "activities"), goals.of(2025, "run", "activities")) == ((150,), (100,))


def test_values_of_the_athlete_hold_until_others_come_in_any_order() -> None:
    goals = read("""
        [[athlete]]
        since = 2025-06-01
        threshold_heartrate = { ride = 170 }
        [[athlete]]
        since = 2024-03-01
        ftp = { ride = 250, run = 300 }
        weight_kg = 72.5
        power_zones = { ride = [100, 200] }
        heartrate_zones = [120]
        [[athlete]]
        since = 2025-01-01
        ftp = { ride = 260 }
    """)
    coggan = (143.0, 195.0, 234.0, 273.0, 312.0, 390.0)  # 55, 75, 90, 105, 120 and 150 % of 260
    of_run = Thresholds(300, None, (165.0, 225.0, 270.0, 315.0, 360.0, 450.0), (120,))
    others = dict.fromkeys(SPORTS.keys() - {"ride", "run"}, Thresholds(heartrate_zones=(120,)))
    rides = [
        Thresholds(250, None, (100, 200), (120,)),
        Thresholds(260, None, coggan, (120,)),
        Thresholds(260, 170, coggan, (115.6, 141.1, 159.8, 178.5)),
    ]
    days = [date(2024, 3, 1), date(2025, 1, 1), date(2025, 6, 1), None]
    assert goals.athlete == tuple(
        AthleteFrom(days[place] or date.max, days[place + 1], 72.5, {**others, "run": of_run, "ride": ride})
        for place, ride in enumerate(rides)
    )
    assert not goals.ungrouped_power


def test_power_without_a_group_is_of_rides_and_heart_rate_of_every_group_without_its_own() -> None:
    goals = read("athlete = [{since = 2024-03-01, ftp = 250, threshold_heartrate = {all = 160, run = 170}}]")
    [only] = goals.athlete
    assert {group for group, of in only.groups.items() if of.ftp is not None or of.power_zones} == {"ride"}
    expected = dict.fromkeys(SPORTS, 160) | {"run": 170}
    assert {group: of.threshold_heartrate for group, of in only.groups.items()} == expected
    assert goals.ungrouped_power


def test_what_loads_go_by_holds_for_every_group_or_for_runs() -> None:
    goals = read("""
        [[athlete]]
        since = 2024-03-01
        max_heartrate = { all = 189, run = 192 }
        resting_heartrate = 48
        threshold_pace = "6:50 / mile"
        [[athlete]]
        since = 2025-03-01
        threshold_pace = "4:05"
    """)
    first, last = (entry.groups for entry in goals.athlete)
    assert first["walk"] == Thresholds(max_heartrate=189, resting_heartrate=48)
    pace = pytest.approx(410 / 1.609344)
    assert first["run"] == Thresholds(threshold_pace=pace, max_heartrate=192, resting_heartrate=48)
    assert last["run"].threshold_pace == 245


def test_services_of_gear() -> None:
    goals = read("""
        [service."Domane"]
        chain = { every_miles = 1000, done = [2025-09-14, 2025-03-01] }
        fork = { every_hours = 50, every_km = 2000.5, done = 2024-02-29 }
        [service.b1.tyres]
        every_km = 4000
    """)
    assert goals.services == (
        GearService("Domane", "chain", 1_609_344, None, date(2025, 9, 14)),
        GearService("Domane", "fork", 2_000_500, 180_000, date(2024, 2, 29)),
        GearService("b1", "tyres", 4_000_000),
    )


def test_an_empty_file_sets_none() -> None:
    assert read("") == Goals()


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("2026.rides.count = 1", r"\[2026.rides\]: no group of sports is called 'rides'"),
        ("2026.ride.km = 1", r"\[2026.ride\] km: no goal has this name"),
        ("2026.ride.distance_km = -5", r"\[2026.ride\] distance_km: -5 is not a number above 0"),
        ("2026.ride.distance_km = 0", "0 is not a number above 0"),
        ("2026.ride.distance_km = '5000'", "'5000' is not a number"),
        ("2026.ride.distance_km = true", "True is not a number"),
        ("2026.ride.distance_km = nan", "nan is not a number"),
        ("2026.ride.distance_km = inf", "inf is not a number"),
        ("2026.ride.distance_km = 1e306", "is not a number above 0 and below 1e9"),
        (f"2026.all.count = 1{'0' * 400}", "is not a number above 0"),
        ("2026.ride.distance_km = []", "not a number above 0"),
        ("2026.ride.distance_km = [1, 2, 3, 4, 5, 6]", "nor a list of one to 5"),
        ("2026.ride.count = [12, 12.5]", r"\[12, 12.5\] is not whole"),
        ("2026.ride.distance_km = 5\n2026.ride.distance_miles = 5", "another goal of distance"),
        ("26.ride.count = 1", r"\[26\]: neither a year"),
        (
            "every_day.ride.count = 1",
            r"\[every_day\]: neither a year .* nor every_year nor every_month nor every_week nor",
        ),
        ("every_month.ride.count = 1.5", r"\[every_month.ride\] count: 1.5 is not whole"),
        ("every_week = 5", r"every_week: goals stand in a table of a group, like \[every_week.ride\]"),
        ("2026.ride = 5", r"\[2026.ride\]: goals stand in a table"),
        ("2026 = 5", "2026: goals stand in a table"),
        ("athlete = 5", "athlete: entries stand in tables of their own"),
        ("athlete = [5]", r"\[\[athlete\]\] 1: an entry stands in a table"),
        ("athlete = [{ftp = 250}]", r"\[\[athlete\]\] 1 since: None is no date"),
        ("athlete = [{since = 2024-03-01T06:00:00, ftp = 250}]", "is no date; write since = 2024-03-01"),
        ("athlete = [{since = 2024-03-01}]", "1: it sets nothing"),
        (
            "athlete = [{since = 2024-03-01, ftp = 250}, {since = 2024-03-01, ftp = 260}]",
            r"2 since: another entry begins on 2024-03-01",
        ),
        ("athlete = [{since = 2024-03-01, ftp = 2500}]", r"ftp: 2500 is not a number from 30 to 700 \(W\)"),
        ("athlete = [{since = 2024-03-01, ftp = {run = 2500}}]", r"ftp: 2500 is not a number from 30 to 700 \(W\)"),
        (
            "athlete = [{since = 2024-03-01, ftp = {all = 250}}]",
            "ftp: no group is called 'all'; there are ride, e_ride",
        ),
        (
            "athlete = [{since = 2024-03-01, threshold_heartrate = {bike = 160}}]",
            "no group is called 'bike'; .* other, all",
        ),
        ("athlete = [{since = 2024-03-01, ftp = {}}]", "1: it sets nothing"),
        ("athlete = [{since = 2024-03-01, threshold_pace = 255}]", 'threshold_pace: 255 is no pace .* write "4:15/km"'),
        ('athlete = [{since = 2024-03-01, threshold_pace = "4:65/km"}]', "'4:65/km' is no pace"),
        ('athlete = [{since = 2024-03-01, threshold_pace = "1:05/km"}]', "'1:05/km' is no pace"),
        (
            'athlete = [{since = 2024-03-01, threshold_pace = {walk = "9:00/km"}}]',
            "threshold_pace: no group is called 'walk'; there are run",
        ),
        ("athlete = [{since = 2024-03-01, weight_kg = nan}]", r"weight_kg: nan is not a number from 20 to 300 \(kg\)$"),
        ("athlete = [{since = 2024-03-01, weight_kg = true}]", "weight_kg: True is not a number"),
        ("athlete = [{since = 2024-03-01, lthr = 170}]", "lthr: no value has this name; there are ftp"),
        ("athlete = [{since = 2024-03-01, power_zones = [200, 100]}]", "not 1 to 9 rising numbers"),
        ("athlete = [{since = 2024-03-01, power_zones = []}]", "not 1 to 9 rising numbers"),
        ("athlete = [{since = 2024-03-01, heartrate_zones = [100, 300]}]", r"from 30 to 250 \(bpm\)"),
        ("service = 5", "service: a service stands in a table of a piece of gear"),
        ("service.Domane = 5", 'service."Domane": a service stands in a table'),
        ("service.Domane.chain = 3000", r'\[service."Domane".chain\]: a service stands in a table'),
        ("service.Domane.chain = {}", "it sets no interval; there are every_km"),
        ("service.Domane.chain.km = 3000", "km: no value has this name; there are every_km"),
        ("service.Domane.chain.every_km = 0", "every_km: 0 is not a number above 0"),
        ("service.Domane.chain.every_hours = inf", "every_hours: inf is not a number"),
        ("service.Domane.chain = {every_km = 1, every_miles = 1}", "every_km and every_miles say the same twice"),
        ("service.Domane.chain = {every_km = 1, done = [2025-01-01, '2025']}", "done: '2025' is no date"),
        ('units = "furlongs"', "units: 'furlongs'"),
        ('week_starts = "friday"', 'week_starts: \'friday\' is neither "monday" nor "sunday" nor "saturday"'),
        ('dates = "dd.mm"', "dates: 'dd.mm' is neither"),
    ],
)
def test_faults_are_named_with_their_place(text: str, fault: str) -> None:
    with pytest.raises(GoalsError, match=fault):
        read(text)


def test_days_and_weeks_are_written_and_begin_as_the_file_says() -> None:
    day = date(2026, 3, 5)
    assert {dates: day_text(day, read(f'dates = "{dates}"').dates) for dates in CHOICES["dates"]} == {
        "d mmm yyyy": "5 Mar 2026",
        "yyyy-mm-dd": "2026-03-05",
        "dd.mm.yyyy": "05.03.2026",
        "dd/mm/yyyy": "05/03/2026",
        "mm/dd/yyyy": "03/05/2026",
    }
    assert [read(f'week_starts = "{each}"').week_begins for each in CHOICES["week_starts"]] == [0, 6, 5]
    assert (day_text(day), day_text(None, "dd.mm.yyyy"), read("").week_begins) == ("5 Mar 2026", "–", 0)


def test_a_sum_is_written_alike_in_whatever_order_it_was_added() -> None:
    assert {amount_text("elevation_gain_m", each, "km") for each in (1473.5, 1473.5 - 3e-13, 1473.5 + 3e-13)} == {
        "1,474 m"
    }


def test_every_fault_is_told_at_once() -> None:
    with pytest.raises(GoalsError) as raised:
        read("2026.rides.count = 1\n2026.run.km = 5\nunits = 5")
    assert len(str(raised.value).splitlines()) == 3


@pytest.mark.parametrize(
    ("measure", "amounts", "shown"),
    [
        ("distance_m", (3_156_600.0, 3_803_400.0), ("3,157 km", "3,803 km", "646 km")),
        ("elevation_gain_m", (22.4, 902.6), ("22 m", "903 m", "881 m")),
        ("distance_m", (120_300.0, 60_400.0), ("120 km", "60.4 km", "59.6 km")),
        ("activities", (7, 9), ("7", "9", "2")),
    ],
)
def test_a_difference_is_that_of_the_amounts_as_they_are_shown(
    measure: str, amounts: tuple[float, float], shown: tuple[str, str, str]
) -> None:
    texts = [amount_text(measure, each, "km") for each in amounts]
    assert (*texts, difference_text(measure, *amounts, "km")) == shown
