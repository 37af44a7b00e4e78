"""The load of each activity: known hours, and everything laid beside the same in plain Python."""

import random
from datetime import date, datetime, timedelta
from math import exp
from statistics import median
from typing import Any

import duckdb
import pytest

from strava_pipeline.lake.gold.notes import mark_changed
from strava_pipeline.lake.gold.publish import publish, snapshot
from strava_pipeline.lake.gold.warehouse import reading, writing
from strava_pipeline.lake.notifications import notifications
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.sql import bests_statement, load_statement
from strava_pipeline_tests.lake.insight_rows import ME, Row, activity, group_of, put, put_into

pytestmark = pytest.mark.slow

BEST = {
    "watts": ("watts", 1200.0),
    "beats": ("heartrate", 1200.0),
    "top": ("heartrate", 60.0),
    "pace": ("pace", 10_000.0),
}
GIVEN = ("ftp", "threshold_pace", "threshold_heartrate", "max_heartrate", "resting_heartrate")
TOLD = (
    "load", "method", "intensity", "threshold", "threshold_on", "max_heartrate", "max_heartrate_on", "resting_heartrate",
    "is_assumed",
)  # fmt: skip


def filled(
    lake: Lake,
    rows: list[Row],
    bests: dict[int, dict[str, float]],
    held: dict[int, dict[float, float]],
    power_of: dict[int, float | None] | None = None,
) -> None:
    """By activity, `bests`: as in BEST; `held`: the seconds at each heart rate of its track; `power_of`: those with a power."""
    put(lake, rows)
    with writing(lake) as connection:
        windows = [
            {
                "activity_id": one,
                "measure": BEST[name][0],
                "width": BEST[name][1],
                "value": value,
                "measured_by": "meter",
            }
            for one, of in bests.items()
            for name, value in of.items()
        ]
        lists = [
            {
                "activity_id": one,
                "heartrates": [*of] or None,
                "seconds": [*of.values()] or None,
                "powered_seconds": powered,
            }
            for one in {**held, **(power_of or {})}
            for of, powered in [(held.get(one, {}), (power_of or {}).get(one))]
        ]
        put_into(connection, windows, "track_bests")
        put_into(connection, lists, "activity_heartrates")


def loads(lake: Lake) -> dict[int, Any]:
    with reading(lake) as connection:
        connection.execute(bests_statement())  # as a publish does
        connection.execute(load_statement())
        rows = connection.execute(f"SELECT activity_id, {', '.join(TOLD)} FROM activity_load").fetchall()
    return {one: told for one, *told in rows}


def strain(share: float) -> float:
    return max(share, 0.0) * exp(1.92 * max(share, 0.0))


def expected(rows: list[Row], bests: Any, held: Any, power_of: Any, given: list[Row]) -> dict[int, tuple[Any, ...]]:
    """What `activity_load` is to say, row by row."""
    day = {row["id"]: row["start_date_local"].date() for row in rows}
    ways: dict[int, dict[str, tuple[Any, ...]]] = {}
    for row in rows:
        on, group, seconds = day[row["id"]], group_of(row), row["moving_time"]
        said = next((one for one in reversed(given) if one["sport_group"] == group and one["since"] <= on), {})
        lately = [each for each in rows if on - timedelta(days=365) <= day[each["id"]] <= on]

        def best(values: list[tuple[float | None, date]], factor: float = 1) -> tuple[float | None, date | None]:
            known = [(value * factor, at) for value, at in values if value is not None]
            return max(known, default=(None, None))

        def of(name: str, each: Row) -> Any:
            return bests.get(each["id"], {}).get(name)

        def threshold(name: str, estimated: Any) -> tuple[Any, Any]:
            return (said[name], None) if said.get(name) else estimated  # noqa: B023 - called at once

        alike = [each for each in lately if group_of(each) == group]
        ftp = threshold(
            "ftp", best([(of("watts", e), day[e["id"]]) for e in alike if e["device_watts"] is not False], 0.95)
        )
        pace = best([(of("pace", e) if group_of(e) == "run" else None, day[e["id"]]) for e in alike], -0.1)
        pace = threshold("threshold_pace", (-pace[0] if pace[0] else None, pace[1]))
        means = [(e["average_heartrate"] if e["moving_time"] >= 1200 else None, day[e["id"]]) for e in lately]
        beats = threshold(
            "threshold_heartrate", best([*means, *((of("beats", e), day[e["id"]]) for e in lately)], 0.95)
        )
        tops = [(of("top", e) or e["max_heartrate"] or e["average_heartrate"], day[e["id"]]) for e in lately]
        top, rest = threshold("max_heartrate", best(tops)), said.get("resting_heartrate") or 60.0
        found = ways.setdefault(row["id"], {})
        powered = row["moving_time"] if power_of[row["id"]] is None else power_of[row["id"]]
        is_measured = row["device_watts"] is not False and powered >= max(600, 0.8 * row["moving_time"])
        if is_measured and ftp[0] and row["weighted_average_watts"]:
            found["power"] = (
                seconds / 36 * (row["weighted_average_watts"] / ftp[0]) ** 2,
                *ftp,
                None,
                None,
                None,
                False,
            )
        mean = {row["average_heartrate"]: seconds} if row["average_heartrate"] else {}
        if (beating := held.get(row["id"]) or mean) and beats[0] and beats[0] >= rest + 20:
            reserve, time = max(top[0], beats[0]) - rest, sum(beating.values())
            sum_of = sum(for_s * strain((bpm - rest) / reserve) for bpm, for_s in beating.items())
            load = sum_of / 36 / strain((beats[0] - rest) / reserve) * max(seconds / time, 1)
            shown = top if top[0] > beats[0] else (None, None)
            found["heartrate"] = (load, *beats, *shown, rest, "resting_heartrate" not in said)
        mean_pace = seconds / row["distance"] * 1000
        if group == "run" and pace[0] and pace[0] <= 1.5 * mean_pace:
            found["pace"] = (seconds / 36 * (pace[0] / mean_pace) ** 2, *pace, None, None, None, False)
    both = [
        next(iter(ways[r["id"]].values()))[0] / r["suffer_score"] for r in rows if ways[r["id"]] and r["suffer_score"]
    ]
    for row in rows if both else ():
        if row["suffer_score"] is not None:
            ways[row["id"]]["relative_effort"] = (
                row["suffer_score"] * median(both),
                None,
                None,
                None,
                None,
                None,
                False,
            )
    told = {}
    for row in rows:
        if of_one := ways[row["id"]]:
            method = next(iter(of_one))
            load, *basis = of_one[method]
            told[row["id"]] = (load, method, (load * 36 / row["moving_time"]) ** 0.5, *basis)
    return told


@pytest.mark.parametrize("seed", range(2))
def test_loads_are_those_of_a_plain_count(lake: Lake, seed: int) -> None:
    dice = random.Random(seed)
    rows, bests, held = [], {}, {}
    power_of: dict[int, float | None] = {}
    for number in range(1, 121):
        start = datetime.fromisoformat("2022-01-01T08:00") + timedelta(days=dice.randrange(1200), hours=number % 12)
        mean = dice.choice([None, dice.uniform(95, 170)])
        row = activity(
            number,
            start.isoformat(),
            sport_type=dice.choice(["Ride", "Run", "TrailRun", "Hike"]),
            distance=dice.uniform(3000, 40_000),
            elapsed_time=20_000,
            moving_time=dice.randrange(400, 9000),
            average_heartrate=mean,
            max_heartrate=mean and dice.choice([None, mean + 20]),
            weighted_average_watts=dice.choice([None, dice.uniform(120, 300)]),
            device_watts=dice.choice([None, True, True, False]),
            suffer_score=dice.choice([None, 0.0, float(dice.randrange(1, 200))]),
        )
        rows.append(row)
        power_of[number] = dice.choice([None, row["moving_time"] * dice.uniform(0.7, 1)])
        if dice.random() < 0.5:
            limits = {"watts": (150, 320), "beats": (120, 175), "top": (150, 195), "pace": (1900, 4000)}
            bests[number] = {name: dice.uniform(*limit) for name, limit in limits.items() if dice.random() < 0.7}
            held[number] = {float(bpm): dice.uniform(10, 200) for bpm in range(50, 180, 10)}
    values = ((None, None, 165.0, None, None), (245.0, 270.0, None, 188.0, 50.0))
    since = (date(2023, 3, 1), date(2024, 5, 1))
    given = [
        {
            "since": on,
            "until": since[1] if on == since[0] else None,
            "sport_group": group,
            **dict(zip(GIVEN, of, strict=True)),
        }
        for group in ("ride", "run")
        for on, of in zip(since, values, strict=True)
    ]
    filled(lake, rows, bests, held, power_of)
    put(lake, given, "thresholds_by_date")
    told, wanted = (
        loads(lake),
        expected(rows, bests, held, power_of, [{k: v for k, v in one.items() if v} for one in given]),
    )
    assert told.keys() == wanted.keys()
    assert len({method for _, method, *_ in told.values()}) == 4
    for one, of_one in wanted.items():
        assert tuple(told[one]) == tuple(pytest.approx(v) if isinstance(v, float) else v for v in of_one), one


def test_an_hour_at_threshold_is_100_by_each_method_and_a_resting_heart_rate_moves_the_others(lake: Lake) -> None:
    rows = [
        activity(1, "2024-05-01T08:00", weighted_average_watts=250.0, device_watts=True),
        activity(2, "2024-05-02T08:00", sport_type="Run", distance=14_400.0),
        activity(3, "2024-05-03T08:00", sport_type="Hike", average_heartrate=170.0),
        activity(4, "2024-05-04T08:00", sport_type="Hike", average_heartrate=140.0),
        activity(5, "2024-05-05T08:00", sport_type="Run", distance=28_000.0, average_heartrate=170.0),
        activity(6, "2024-05-06T08:00", sport_type="Hike", average_heartrate=140.0, max_heartrate=250.0),
    ]
    put(lake, rows)
    lake.goals.write_text(
        '[[athlete]]\nsince = 2024-01-01\nftp = 250\nthreshold_pace = "4:10/km"\nthreshold_heartrate = 170\nmax_heartrate = 192\n'
        "[[athlete]]\nsince = 2024-05-06\nresting_heartrate = 45\n"
    )
    publish(lake)
    with snapshot(lake) as connection:
        told = connection.execute("SELECT method, round(load) FROM activity_load ORDER BY activity_id").fetchall()
        days = connection.execute(
            "SELECT methods, round(load), unmeasured_activities FROM training_load ORDER BY on_day"
        ).fetchall()
        total = connection.execute("SELECT round(sum(load)) FROM totals_by_year").fetchall()
    by_beats = [("heartrate", load) for load in (100, 47, 100, 51)]
    assert told == [("power", 100), ("pace", 100), *by_beats], "nobody runs 28 km in an hour: by heart rate"
    assert days == [([method], load, 0) for method, load in told]
    assert total == [(sum(load for _, load in told),)]


def test_power_counts_where_it_was_measured_however_few_rides_of_the_year_have_it(lake: Lake) -> None:
    measured = {"weighted_average_watts": 196.0, "device_watts": True, "average_heartrate": 120.0, "moving_time": 9562}
    cases: dict[int, dict[str, Any]] = {
        1: {},
        2: {"device_watts": False},
        3: {"moving_time": 599},
        4: {},  # of which a fifth of the power is lost
        5: {"sport_type": "EBikeRide"},  # of which no FTP is known
        6: {"distance": 230_000.0},  # a drive
    }
    others = [activity(n, f"2024-06-{n:02}T08:00", average_heartrate=130.0) for n in range(10, 30)]
    rows = [activity(n, f"2024-05-0{n}T08:00", **{**measured, **case}) for n, case in cases.items()]
    put(lake, [{"since": date(2024, 1, 1), "sport_group": "ride", "ftp": 245.0}], "thresholds_by_date")
    filled(lake, [*rows, *others], {}, {}, {1: 7700.0, 4: 7600.0})
    told = loads(lake)
    assert [told[n][1] for n in cases] == ["power", *["heartrate"] * 5]
    assert (round(told[1][0]), told[1][2:5]) == (170, [pytest.approx(0.8), 245.0, None]), "intensity, FTP, and by whom"
    assert {told[row["id"]][1] for row in others} == {"heartrate"}


def test_the_ftp_of_a_profile_is_of_rides_since_a_year_before_and_of_others_where_nothing_tells_theirs(
    lake: Lake,
) -> None:
    ride = {"weighted_average_watts": 180.0, "device_watts": True}
    days = {1: "2016-05-01", 2: "2020-05-01", 3: "2023-05-01", 4: "2024-05-01"}
    put(lake, [{"athlete_id": ME, "ftp": 240.0, "fetched_at": "2024-03-01"}], "athlete")
    rows = [activity(n, f"{day}T08:00", **ride) for n, day in days.items()]
    filled(lake, rows, {n: {"watts": 200.0} for n in (2, 3, 4)}, {})
    told = loads(lake)
    assert [told[n][3:5] for n in days] == [[240.0, None], [190.0, date(2020, 5, 1)], [240.0, None], [240.0, None]]


def test_what_load_estimates_makes_zones_that_say_so_until_somebody_says_more(lake: Lake) -> None:
    days = {1: "2024-05-01", 2: "2024-05-11", 3: "2024-06-01", 4: "2024-07-10", 5: "2024-08-01"}
    rows = [activity(n, f"{day}T08:00", moving_time=1800, elapsed_time=1800) for n, day in days.items()]
    best = {1: {"watts": 200.0, "beats": 160.0}, 3: {"watts": 250.0}, 5: {"watts": 400.0, "beats": 190.0}}
    put(
        lake,
        [{"since": date(2024, 7, 1), "sport_group": "ride", "ftp": 260.0, "power_zones": [150.0]}],
        "thresholds_by_date",
    )
    filled(lake, [*rows, activity(9, "2024-05-01T08:00", sport_type="Hike")], best, {})
    loads(lake)
    with reading(lake) as connection:
        query = "SELECT measure, since, until, zone, from_value, below_value, threshold_on FROM training_zones "
        zones = connection.execute(f"{query} WHERE sport_group = 'ride' ORDER BY ALL").fetchall()
        hikes = connection.execute(
            "SELECT DISTINCT measure, since FROM training_zones WHERE sport_group = 'walk'"
        ).fetchall()
    first, third, fifth, said = (date.fromisoformat(days[n]) for n in (1, 3, 5, 3))
    said = date(2024, 7, 1)
    assert hikes == [("heartrate", first)], "heart rates are of all sports"
    assert {(measure, since, until, on) for measure, since, until, *_, on in zones} == {
        ("heartrate", first, fifth, first),
        ("heartrate", fifth, None, fifth),
        ("watts", first, third, first),
        ("watts", third, said, third),
        ("watts", said, None, None),
    }
    assert zones[1][3:] == (2, 103.4, 126.2, first), "68 to 83 % of 152 bpm"


def test_an_hour_is_an_hour_whatever_part_of_it_the_strap_heard(lake: Lake) -> None:
    parts = {1: 3600.0, 2: 3540.0, 3: 3060.0, 4: 2890.0, 5: 2800.0, 6: 700.0, 7: 300.0, 8: 5400.0}
    rows = [
        activity(n, f"2024-05-0{n}T08:00", sport_type="Hike", average_heartrate=150.0, moving_time=3600) for n in parts
    ]
    filled(lake, rows, {}, {n: {150.0: seconds} for n, seconds in parts.items()})
    told = {n: load for n, (load, *_) in loads(lake).items()}
    assert [told[n] / told[1] for n in parts] == pytest.approx([1.0] * 7 + [1.5]), (
        "the last one has stops of half an hour"
    )


def test_a_measured_resting_heart_rate_counts_where_none_is_given_and_that_is_said_once(lake: Lake) -> None:
    put(lake, [activity(n, f"2024-05-0{n}T08:00", sport_type="Hike", average_heartrate=140.0) for n in (1, 4, 6)])
    lake.goals.write_text(
        "[[athlete]]\nsince = 2024-01-01\nthreshold_heartrate = 170\nmax_heartrate = 192\n"
        "[[athlete]]\nsince = 2024-05-06\nresting_heartrate = 60\n"
    )
    publish(lake)
    with writing(lake) as connection:  # an odd morning among others; the last one was a month before the first activity
        mornings = [("2024-03-30", 30), ("2024-05-02", 45), ("2024-05-03", 45), ("2024-05-04", 90), ("2024-05-06", 45)]
        connection.executemany("INSERT INTO days (day, resting_heartrate) VALUES (?, ?)", mornings)
        mark_changed(connection)
    publish(lake)
    with snapshot(lake) as connection:
        told = connection.execute(
            "SELECT round(load), resting_heartrate, is_assumed FROM activity_load ORDER BY activity_id"
        ).fetchall()
    assert told == [(47, 60, True), (51, 45, False), (47, 60, False)]
    assert ["measured resting heart rate" in each.message for each in notifications(lake)] == [True]


@pytest.mark.dear
def test_whoever_had_loads_by_the_usual_method_of_a_year_is_told_once(lake: Lake) -> None:
    ride = {"weighted_average_watts": 200.0, "device_watts": True, "average_heartrate": 150.0}
    put(lake, [activity(1, "2024-05-01T08:00", **ride)])
    lake.goals.write_text("[[athlete]]\nsince = 2024-01-01\nftp = 250\nthreshold_heartrate = 170\n")
    publish(lake)
    assert not notifications(lake)
    lake.snapshot.chmod(0o600)
    with duckdb.connect(str(lake.snapshot)) as connection:  # as another version published it
        connection.execute("ALTER TABLE activity_load DROP COLUMN intensity")
        connection.execute("UPDATE activity_load SET load = 70")
    for number in (2, 3):
        put(lake, [activity(number, "2024-05-02T08:00")])
        assert publish(lake)
    (note,) = notifications(lake)
    assert note.message.startswith("Training load goes by activity now")
