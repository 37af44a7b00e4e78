"""Several years in one run: a listing for each stretch of years without a gap, of which each year is judged for itself."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from strava_pipeline.core.years import YearRange, year_window
from strava_pipeline.lake.bronze.listings import listings, watermark
from strava_pipeline_tests.rig import Make, Rig, log_in

pytestmark = pytest.mark.slow

PARTITIONS = YearRange(2022, 2026)
FULL = (2022, 2023, 2024, 2025)  # years that have been over for long, with some dozen activities each


def by_start(rig: Rig, year: int) -> list[int]:
    """The activities of a local year, the oldest first."""
    found = [item for item in rig.truth() if item["start_date_local"].startswith(str(year))]
    return [item["id"] for item in sorted(found, key=lambda item: str(item["start_date"]))]


def delete(rig: Rig, *ids: int) -> None:
    for one in ids:
        rig.control("delete", id=one)


def windows(rig: Rig) -> list[tuple[int | None, int | None]]:
    """After and before of each listing call since the last look."""
    found = []
    for _, _, path, _ in rig.calls()["log"]:
        if (call := urlsplit(path)).path.endswith("/athlete/activities"):
            query = parse_qs(call.query)
            found.append(tuple(int(query[name][0]) if name in query else None for name in ("after", "before")))
    return found


def present(rig: Rig) -> dict[int, int]:
    return dict(rig.gold("SELECT year, count(*) FROM activities GROUP BY year"))


def gone(rig: Rig) -> set[int]:
    return {key for (key,) in rig.gold("SELECT id FROM deleted_activities")}


def names(rig: Rig) -> set[str]:
    return {name for (name,) in rig.gold("SELECT name FROM activities WHERE name LIKE 'Renamed%'")}


@pytest.mark.dear
def test_several_years_are_listed_in_one_window_and_nothing_of_another_year_is_merged(make_rig: Make) -> None:
    rig = make_rig(activities=40)
    rig.do("refresh", [2023, 2024, 2025], bronze_activities={"mode": "year"})
    assert windows(rig) == [year_window(2023, 2025, PARTITIONS)] * 2, "one page, and the empty one that ends it"
    assert present(rig) == {year: len(by_start(rig, year)) for year in (2023, 2024, 2025)}
    (listing,) = listings(rig.lake)
    assert (listing.manifest.window.mode, listing.manifest.complete) == ("year", True)


@pytest.mark.dear
def test_each_year_of_a_run_follows_its_source_and_no_other_year_does(make_rig: Make) -> None:
    rig = make_rig(activities=60)
    rig.begin_with("flow_backfill")
    for year in FULL:
        first, second, third, *_ = by_start(rig, year)
        delete(rig, first)
        rig.control("edit", id=second, set={"name": f"Renamed in {year}"})
        rig.control("edit", id=third, set={"kudos_count": 4000 + year})
    rig.calls()
    done = rig.do("reconcile", [2023, 2024, 2025])
    assert rig.calls()["by_endpoint"] == {"/athlete/activities": 2, "/activities/{id}": 3}, "details of what was edited"
    assert (done.absent.deleted, done.absent.held, done.merged.updated) == (3, [], 6)
    assert {year for (year,) in rig.gold("SELECT year FROM deleted_activities")} == {2023, 2024, 2025}
    assert names(rig) == {"Renamed in 2023", "Renamed in 2024", "Renamed in 2025"}
    rig.do("reconcile", [2022])
    rig.assert_true_to_source()


@pytest.mark.dear
def test_the_years_in_a_gap_are_not_asked_for_and_not_judged(make_rig: Make) -> None:
    rig = make_rig(activities=60)
    rig.begin_with("flow_backfill")
    deleted = {year: by_start(rig, year)[3] for year in FULL}
    delete(rig, *deleted.values())
    rig.calls()
    done = rig.do("reconcile", [2022, 2024, 2025])
    assert windows(rig) == [year_window(2024, 2025, PARTITIONS)] * 2 + [year_window(2022, 2022, PARTITIONS)] * 2
    assert done.absent.deleted == 3
    assert gone(rig) == {deleted[2022], deleted[2024], deleted[2025]}


@pytest.mark.dear
@pytest.mark.parametrize("per_page", [4, 7])
def test_a_listing_of_several_years_that_breaks_off_marks_nothing_and_goes_on_where_it_was(
    make_rig: Make, per_page: int
) -> None:
    rig = make_rig(activities=60)
    rig.begin_with("flow_backfill")
    deleted = [by_start(rig, year)[2] for year in (2023, 2024, 2025)]
    delete(rig, *deleted)
    rig.control("edit", id=by_start(rig, 2023)[0], set={"name": "Renamed before the limit"})
    rig.control("edit", id=by_start(rig, 2025)[-1], set={"name": "Renamed behind it"})
    years, config = [2023, 2024, 2025], {"per_page": per_page}
    done = rig.do("reconcile", years, bronze_activities={**config, "max_calls": 2})
    assert done.stopped is not None
    assert done.absent.deleted == 0
    assert names(rig) == {"Renamed before the limit"}, "what came is merged"
    rig.calls()
    done = rig.do("reconcile", years, bronze_activities=config)
    assert done.listing.listing_resumed
    assert done.absent.deleted == 3
    assert len([None for after, _ in windows(rig) if after == year_window(2023, 2025, PARTITIONS)[0]]) == 0
    rig.assert_true_to_source()


@pytest.mark.dear
def test_a_limit_in_the_second_stretch_leaves_the_first_judged(make_rig: Make) -> None:
    rig = make_rig(activities=60)
    rig.begin_with("flow_backfill")
    deleted = {year: by_start(rig, year)[3] for year in (2022, 2025)}
    delete(rig, *deleted.values())
    done = rig.do("reconcile", [2022, 2025], bronze_activities={"max_calls": 3})
    assert done.stopped is not None
    assert not done.listing.is_complete
    assert gone(rig) == {deleted[2025]}, "the newest years are listed first"
    rig.do("reconcile", [2022, 2025])
    assert gone(rig) == {*deleted.values()}


@pytest.mark.dear
def test_a_year_that_shrinks_too_much_waits_and_the_others_of_its_run_do_not(make_rig: Make) -> None:
    rig = make_rig(activities=60)
    rig.begin_with("flow_backfill")
    before = present(rig)
    delete(rig, *by_start(rig, 2024)[2:9], by_start(rig, 2023)[1], by_start(rig, 2025)[1])
    done = rig.do("reconcile", [2023, 2024, 2025])
    assert [(shrink.year, shrink.missing, shrink.present) for shrink in done.absent.held] == [(2024, 7, before[2024])]
    assert done.absent.deleted == 2
    assert present(rig) == {**before, 2023: before[2023] - 1, 2025: before[2025] - 1}
    done = rig.do("reconcile", [2024, 2025], activities={"allow_shrink": True})
    assert (done.absent.deleted, done.absent.held) == (7, [])
    rig.assert_true_to_source()


@pytest.mark.dear
def test_what_one_login_is_not_shown_is_deleted_in_no_year(make_rig: Make) -> None:
    rig = make_rig(activities=40)
    rig.begin_with("flow_backfill")
    for year in (2023, 2025):
        rig.control("edit", id=by_start(rig, year)[1], set={"visibility": "only_me", "private": True})
    log_in(rig, scope="read,activity:read")
    assert rig.do("reconcile", [2023, 2024, 2025]).absent.deleted == 0
    log_in(rig)
    rig.do("reconcile", [2023, 2024, 2025])
    rig.assert_true_to_source()


@pytest.mark.dear
def test_an_activity_that_moves_to_another_year_of_the_run_or_out_of_it_is_there_once(make_rig: Make) -> None:
    rig = make_rig(activities=60)
    rig.begin_with("flow_backfill")
    inside, outside = by_start(rig, 2023)[4], by_start(rig, 2024)[4]
    moved = {"start_date": "2025-06-15T08:00:00Z", "start_date_local": "2025-06-15T09:00:00Z"}
    rig.control("edit", id=inside, set=moved)
    rig.control("edit", id=outside, set={name: at.replace("2025", "2022") for name, at in moved.items()})
    rig.do("reconcile", [2023, 2024, 2025])
    assert rig.gold(f"SELECT year FROM activities WHERE id = {inside}") == [(2025,)]
    assert rig.gold(f"SELECT year, deleted_at IS NULL FROM activities_all WHERE id = {outside}") == [(2024, False)]
    rig.do("reconcile", [2022])
    assert rig.gold(f"SELECT year, deleted_at IS NULL FROM activities_all WHERE id = {outside}") == [(2022, True)]
    rig.assert_true_to_source()


@pytest.mark.dear
def test_whole_years_in_several_runs_are_what_the_daily_run_goes_on_from(make_rig: Make) -> None:
    rig = make_rig(activities=40)
    for years in ([2022, 2023, 2024], [2025, 2026]):
        rig.do("backfill", years)
    assert watermark(rig.lake) is not None
    rig.calls()
    rig.do("flow")
    asked = windows(rig)
    assert all(after is not None and before is None for after, before in asked)
    rig.assert_true_to_source()


@pytest.mark.parametrize("config", [{"mode": "month", "month": "2024-05"}], ids=["a month of another year"])
def test_a_window_outside_the_years_of_the_run_is_refused(rig: Rig, config: dict[str, Any]) -> None:
    with pytest.raises(Exception, match="2024-05 is not in 2025 to 2026"):
        rig.do("refresh", [2025, 2026], bronze_activities=config)
    assert rig.calls()["total"] == 0
