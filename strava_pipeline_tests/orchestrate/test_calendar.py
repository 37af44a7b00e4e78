"""Starts that sit on an edge of the calendar: whose year it is, and that no listing, page or resume loses one."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.core.errors import TransientError
from strava_pipeline.core.tables import TABLES
from strava_pipeline.orchestrate.job_years import flow_years
from strava_pipeline_tests.orchestrate.test_rebuild import everything, lose_all_but_bronze
from strava_pipeline_tests.rig import NOW, Make, Rig, started

pytestmark = pytest.mark.soak(part="calendar")

LISTING, DETAIL = "/athlete/activities", "/activities/{id}"
FIRST = 2022  # the rig's first partition

ZONES = {  # hours from UTC, and how Strava writes them
    14: "(GMT+14:00) Pacific/Kiritimati",
    1: "(GMT+01:00) Europe/Berlin",
    -10: "(GMT-10:00) Pacific/Honolulu",
    -11: "(GMT-11:00) Pacific/Pago_Pago",
}


def add(rig: Rig, local: str, hours: float = 0, **more: Any) -> int:
    """An activity that began at `local` on a clock `hours` ahead of UTC; its id."""
    start = datetime.fromisoformat(local).replace(tzinfo=UTC) - timedelta(hours=hours)
    zone = ZONES.get(int(hours), "(GMT+00:00) UTC")
    activity = {"start_date": f"{start:%Y-%m-%dT%H:%M:%SZ}", "utc_offset": hours * 3600, "timezone": zone, **more}
    return int(rig.control("add", activity=activity)["id"])


def local_years(rig: Rig, newest: int) -> dict[int, int]:
    """The partition of each activity of the source, by id."""
    return {item["id"]: min(max(int(item["start_date_local"][:4]), FIRST), newest) for item in rig.truth()}


def gold_years(rig: Rig) -> dict[int, int]:
    rows = rig.gold("SELECT id, year FROM activities")
    assert len(rows) == len({row[0] for row in rows})
    return dict(rows)


def test_the_listing_of_a_year_brings_exactly_what_the_athletes_clock_showed_as_that_year(make_rig: Make) -> None:
    rig = make_rig(activities=0)
    for year in (2023, 2024, 2025):
        for hours in ZONES:
            for moment in ("12-31T23:59:59", "01-01T00:00:00", "12-31T00:00:00", "01-01T23:59:59", "07-01T12:00:00"):
                add(rig, f"{year}-{moment}", hours)
    expected = local_years(rig, max(rig.years))
    for year in (2024, 2025, 2023):
        rig.run("backfill", [year])
        held = {key for key, where in gold_years(rig).items() if where == year}
        assert held == {key for key, where in expected.items() if where == year}, year
    assert gold_years(rig) == expected
    assert set(rig.calls()["details"].values()) == {1}
    rig.assert_true_to_source()


ODD = [  # local start, hours, other fields, partition (None: the newest)
    ("2024-03-31T02:30:00", 1, {}, 2024),  # skipped by Berlin's clocks
    ("2024-10-27T02:30:00", 2, {}, 2024),  # twice on Berlin's clocks: the first
    ("2024-10-27T02:30:00", 1, {}, 2024),  # and the second
    ("2024-02-29T23:59:59", 14, {}, 2024),
    ("2023-06-01T10:00:00", 5.75, {}, 2023),  # Kathmandu
    ("1969-12-31T23:00:00", 0, {}, FIRST),
    ("2009-05-05T05:05:05", -10, {}, FIRST),
    ("2021-12-31T23:59:59", 14, {}, FIRST),
    ("2099-12-31T23:59:59", 0, {}, None),
    ("2025-08-01T08:00:00", 0, {"start_date_local": "2023-08-01T08:00:00Z"}, 2023),
    ("2023-08-01T08:00:00", 0, {"start_date_local": "2025-08-01T08:00:00Z"}, 2025),
    ("2024-08-01T08:00:00", 0, {"start_date_local": None}, 2024),
    ("2024-08-01T08:00:00", 0, {"start_date_local": "yesterday"}, 2024),
    ("2024-08-01T08:00:00", 0, {"timezone": "Mars/Olympus"}, 2024),
]


def add_the_odd(rig: Rig) -> dict[int, int]:
    return {add(rig, local, hours, **more): year or max(rig.years) for local, hours, more, year in ODD}


def test_an_odd_start_stands_in_its_partition_as_it_was_told(make_rig: Make) -> None:
    rig = make_rig(activities=5)
    odd = add_the_odd(rig)
    rig.run("flow_backfill", bronze_activities={"per_page": 4})
    held = gold_years(rig)
    assert {key: held[key] for key in odd} == odd
    told = dict(rig.gold("SELECT id, strftime(start_date_local, '%Y-%m-%dT%H:%M:%SZ') FROM activities"))
    for item in rig.truth():
        local, start = item["start_date_local"], datetime.fromisoformat(item["start_date"])
        shown = f"{start + timedelta(seconds=item['utc_offset']):%Y-%m-%dT%H:%M:%SZ}"  # where it wasn't told
        assert told[item["id"]] == (local if local and local[0].isdigit() else shown)
    rig.calls()
    rig.run("flow", flow_years(rig.settings))
    assert rig.calls()["by_endpoint"] == {LISTING: 2}, "one from the future moves no watermark"
    rig.assert_true_to_source()


def test_odd_starts_are_found_by_years_one_by_one_and_the_flow_behind_them(make_rig: Make) -> None:
    rig = make_rig(activities=5)
    odd = add_the_odd(rig)
    for year in reversed(rig.years):
        rig.run("backfill", [year])
    rig.run("flow", flow_years(rig.settings))  # what a year's listing brought of another year is merged by this
    held = gold_years(rig)
    assert {key: held[key] for key in odd} == odd
    rig.run("enrich_all")
    rig.assert_true_to_source()


@pytest.mark.parametrize("breaks_at", [None, 2, 3, 4])
@pytest.mark.parametrize("mode", ["all", "year", "incremental"])
def test_more_starts_in_a_second_than_a_page_holds_are_there(make_rig: Make, mode: str, breaks_at: int | None) -> None:
    rig = make_rig(activities=0, jumping=True)
    earlier = add(rig, "2026-03-01T07:00:00")
    if mode == "incremental":
        rig.run("flow_backfill")
    for _ in range(8):
        add(rig, "2026-03-02T08:00:00")
    for second in range(4):
        add(rig, f"2026-03-02T08:00:0{second // 2 + 1}")
    job, years = {"all": ("flow_backfill", None), "year": ("backfill", [2026]), "incremental": ("flow", [2026])}[mode]
    if breaks_at is not None:
        rig.fault(LISTING, "status", status=500, times=-1, query={"page": str(breaks_at)})
        with pytest.raises(TransientError):
            rig.run(job, years, bronze_activities={"per_page": 3})
        rig.clear_faults()
    rig.run(job, years, bronze_activities={"per_page": 3})
    assert len(gold_years(rig)) == 13
    assert earlier in gold_years(rig)
    assert set(rig.calls()["details"].values()) == {1}
    rig.assert_true_to_source()


@pytest.mark.parametrize("rows", [1, 3, 9])
def test_a_page_that_falls_short_anywhere_ends_nothing_and_costs_no_more_than_itself(make_rig: Make, rows: int) -> None:
    rig = make_rig(activities=45)
    rig.fault(LISTING, "short_page", query={"page": "2"}, rows=rows)
    rig.run("flow_backfill", bronze_activities={"per_page": 10})
    assert len(gold_years(rig)) == 45
    rig.assert_true_to_source()
    rig.fault(LISTING, "short_page", query={"page": "1"}, rows=rows)
    rig.run("backfill", [2024], bronze_activities={"per_page": 10})
    rig.assert_true_to_source()


@pytest.mark.parametrize("days_ago", [60, 300], ids=["two months late", "into an earlier year"])
def test_a_late_upload_is_found_by_a_backfill_of_its_year(rig: Rig, days_ago: int) -> None:
    add(rig, "2026-03-10T06:00:00")  # the newest known start, from which the lookback counts
    rig.run("flow_backfill")
    late = NOW - timedelta(days=days_ago)
    new = add(rig, f"{late:%Y-%m-%dT%H:%M:%S}", -10)
    rig.calls()
    rig.run("flow", flow_years(rig.settings))
    assert rig.calls()["by_endpoint"] == {LISTING: 2}
    assert new not in gold_years(rig), "older than the lookback: README says so"
    year = local_years(rig, max(rig.years))[new]
    rig.run("backfill", [year])
    assert gold_years(rig)[new] == year
    assert rig.calls()["details"] == {str(new): 1}
    rig.assert_true_to_source()


def test_an_edit_that_moves_an_activity_over_new_year_moves_its_row(make_rig: Make) -> None:
    rig = make_rig(activities=10, settings={"days": 100})
    over = add(rig, "2026-01-01T08:00:00", 14)
    back = add(rig, "2025-12-31T20:00:00", -10)
    rig.run("flow_backfill")
    before = gold_years(rig)
    assert (before[over], before[back]) == (2026, 2025)
    for moved, hours in ((over, -10), (back, 14)):
        start = next(item["start_date"] for item in rig.truth() if item["id"] == moved)
        local = datetime.fromisoformat(start) + timedelta(hours=hours)
        change = {
            "timezone": ZONES[hours],
            "utc_offset": hours * 3600,
            "start_date_local": f"{local:%Y-%m-%dT%H:%M:%SZ}",
        }
        rig.control("edit", id=moved, set=change)
    rig.calls()
    rig.run("flow", flow_years(rig.settings))
    assert rig.calls()["details"] == {str(over): 1, str(back): 1}
    after = gold_years(rig)
    assert after == {**before, over: 2025, back: 2026}
    rig.assert_true_to_source()
    held = everything(rig)
    lose_all_but_bronze(rig)
    rig.run("compact")
    assert everything(rig) == held


def test_what_has_no_start_is_kept_and_hinders_nothing(rig: Rig) -> None:
    page = [{"id": 71}, {"id": 72, "start_date": None, "start_date_local": "2024-05-05T05:05:05Z"}, *rig.truth()]
    rig.fault(LISTING, "body", body=page)
    outcome = rig.run("flow_backfill")
    held = gold_years(rig)
    assert (len(held), held[71], held[72]) == (32, FIRST, 2024)
    assert rig.gold("SELECT count(*), count(name) FROM activities WHERE id = 71") == [(1, 0)]
    assert outcome.metadata["bronze_activity_details"]["gone"] == 2
    rig.calls()
    rig.run("flow", flow_years(rig.settings))
    assert rig.calls()["by_endpoint"] == {LISTING: 2}
    assert len(gold_years(rig)) == 32


def test_ninety_days_offline_over_new_year_cost_a_page_and_a_detail_each(make_rig: Make) -> None:
    rig = make_rig(activities=8, years=(2025, 2025), now=datetime(2025, 11, 20, tzinfo=UTC))
    rig.begin_with("flow_backfill")
    rig.control("clock", advance=90 * 86_400)
    new = [
        add(rig, local, hours)
        for hours in ZONES
        for local in ("2025-12-01T06:00:00", "2025-12-31T23:59:59", "2026-01-01T00:00:00", "2026-02-01T06:00:00")
    ]
    rig.calls()
    rig.run("flow", flow_years(rig.settings))
    calls = rig.calls()
    assert calls["by_endpoint"][LISTING] == 2
    assert {calls["details"][str(one)] for one in new} == {1}
    assert gold_years(rig) == local_years(rig, max(rig.years))
    rig.assert_true_to_source()


def in_zone(zone: str, monkeypatch: pytest.MonkeyPatch, work: Callable[[], object]) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        work()
    finally:
        monkeypatch.undo()
        time.tzset()


def without_clocks(rig: Rig) -> dict[str, list[tuple[Any, ...]]]:
    """Everything in gold but when it came, which no two runs share."""
    said = "COLUMNS(lambda name: name NOT IN ('fetched_at', 'edited_at', 'ingestion_ts', 'valid_from'))"
    return rig.golds({name: f"SELECT {said} FROM {name} ORDER BY {', '.join(one.key)}" for name, one in TABLES.items()})


@pytest.fixture(scope="module")
def in_utc(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[tuple[Any, ...]]]:
    """What a host in UTC makes of the odd ones."""
    with started(tmp_path_factory.mktemp("utc"), activities=8, speed=0.0) as rig:
        add_the_odd(rig)
        in_zone("UTC", pytest.MonkeyPatch(), lambda: rig.run("flow_backfill"))
        return without_clocks(rig)


@pytest.mark.parametrize("zone", ["Pacific/Auckland", "America/New_York", "Europe/Berlin"])
def test_gold_is_the_same_wherever_the_host_stands(
    make_rig: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, zone: str, in_utc: dict[str, list[tuple[Any, ...]]]
) -> None:
    rig = make_rig(activities=8, speed=0.0)  # an id tells when its activity came
    add_the_odd(rig)
    in_zone(zone, monkeypatch, lambda: rig.run("flow_backfill"))
    assert without_clocks(rig) == in_utc
    held = everything(rig)
    lose_all_but_bronze(rig)
    in_zone("UTC", monkeypatch, lambda: rig.run("compact"))
    assert everything(rig) == held, "and the same from its bronze, to the microsecond, when it is carried elsewhere"
