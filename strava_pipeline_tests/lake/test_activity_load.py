"""The load of each activity: known hours, and everything laid beside the same in plain Python."""

import random
from collections import Counter
from datetime import date, datetime, timedelta
from math import exp
from statistics import median
from typing import Any

import duckdb
import pytest

from strava_pipeline.lake.gold.publish import publish, snapshot
from strava_pipeline.lake.gold.warehouse import mark_changed, reading, writing
from strava_pipeline.lake.notifications import notifications
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.sql import bests_statement, load_statement
from strava_pipeline_tests.lake.insight_rows import Row, activity, group_of, put, put_into

pytestmark = pytest.mark.slow

BEST = {
    "watts": ("watts", 1200.0),
    "beats": ("heartrate", 1200.0),
    "top": ("heartrate", 60.0),
    "pace": ("pace", 10_000.0),
}
GIVEN = ("ftp", "threshold_pace", "threshold_heartrate", "max_heartrate", "resting_heartrate")
TOLD = (
    "load", "method", "threshold", "threshold_on", "max_heartrate", "max_heartrate_on", "resting_heartrate",
    "is_assumed",
)  # fmt: skip


def filled(
    lake: Lake, rows: list[Row], bests: dict[int, dict[str, float]], held: dict[int, dict[float, float]]
) -> None:
    """`bests`: by activity, as in BEST; `held`: by activity the seconds at each heart rate of its track."""
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
        lists = [{"activity_id": one, "heartrates": [*of], "seconds": [*of.values()]} for one, of in held.items()]
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


def expected(rows: list[Row], bests: Any, held: Any, given: list[Row]) -> dict[int, tuple[Any, ...]]:
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
        if row["weighted_average_watts"] and row["device_watts"] is not False and ftp[0]:
            found["power"] = (
                seconds / 36 * (row["weighted_average_watts"] / ftp[0]) ** 2,
                *ftp,
                None,
                None,
                None,
                False,
            )
        mean_pace = seconds / row["distance"] * 1000
        if group == "run" and pace[0] and pace[0] <= 1.5 * mean_pace:
            found["pace"] = (seconds / 36 * (pace[0] / mean_pace) ** 2, *pace, None, None, None, False)
        mean = {row["average_heartrate"]: seconds} if row["average_heartrate"] else {}
        if (beating := held.get(row["id"]) or mean) and beats[0] and beats[0] >= rest + 20:
            reserve, time = max(top[0], beats[0]) - rest, sum(beating.values())
            sum_of = sum(for_s * strain((bpm - rest) / reserve) for bpm, for_s in beating.items())
            load = sum_of / 36 / strain((beats[0] - rest) / reserve) * max(seconds / time, 1)
            shown = top if top[0] > beats[0] else (None, None)
            found["heartrate"] = (load, *beats, *shown, rest, "resting_heartrate" not in said)
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
    years = {row["id"]: (group_of(row), day[row["id"]].year) for row in rows}
    having = Counter((years[one], method) for one, of_one in ways.items() for method in of_one)
    all_of = Counter(years[one] for one, of_one in ways.items() if of_one)
    told = {}
    for one, of_one in ways.items():
        usual = [method for method in of_one if having[years[one], method] >= 0.8 * all_of[years[one]]]
        if method := next(iter(usual or of_one), None):
            told[one] = (of_one[method][0], method, *of_one[method][1:])
    return told


@pytest.mark.parametrize("seed", range(2))
def test_loads_are_those_of_a_plain_count(lake: Lake, seed: int) -> None:
    dice = random.Random(seed)
    rows, bests, held = [], {}, {}
    for number in range(1, 121):
        start = datetime.fromisoformat("2022-01-01T08:00") + timedelta(days=dice.randrange(1200), hours=number % 12)
        mean = dice.choice([None, dice.uniform(95, 170)])
        row = activity(
            number,
            start.isoformat(),
            sport_type=dice.choice(["Ride", "Run", "TrailRun", "Hike"]),
            distance=dice.uniform(3000, 40_000),
            elapsed_time=20_000,
            moving_time=dice.randrange(600, 9000),
            average_heartrate=mean,
            max_heartrate=mean and dice.choice([None, mean + 20]),
            weighted_average_watts=dice.choice([None, dice.uniform(120, 300)]),
            device_watts=dice.choice([None, True, True, False]),
            suffer_score=dice.choice([None, 0.0, float(dice.randrange(1, 200))]),
        )
        rows.append(row)
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
    filled(lake, rows, bests, held)
    put(lake, given, "thresholds_by_date")
    told, wanted = loads(lake), expected(rows, bests, held, [{k: v for k, v in one.items() if v} for one in given])
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
        activity(5, "2024-05-05T08:00", sport_type="Run", distance=40_000.0, average_heartrate=170.0),
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
    assert told == [("power", 100), ("pace", 100), *by_beats], "nobody runs 40 km in an hour: by heart rate"
    assert days == [([method], load, 0) for method, load in told]
    assert total == [(sum(load for _, load in told),)]


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
def test_whoever_had_loads_of_two_scales_is_told_once(lake: Lake) -> None:
    put(lake, [activity(1, "2024-05-01T08:00", suffer_score=50.0)])
    publish(lake)
    assert not notifications(lake)
    lake.snapshot.chmod(0o600)
    with duckdb.connect(str(lake.snapshot)) as connection:
        connection.execute("CREATE OR REPLACE VIEW training_load AS SELECT 'relative_effort' AS measure")
    for number in (2, 3):
        put(lake, [activity(number, "2024-05-02T08:00")])
        assert publish(lake)
    assert [note.message[:13] for note in notifications(lake)] == ["Training load"]
