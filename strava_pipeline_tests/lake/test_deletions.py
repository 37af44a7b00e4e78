"""lake.gold.deletions: `deleted_at` follows from bronze and decisions; what is unlikely waits for a person."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest

from strava_pipeline.lake.bronze.listings import Proof
from strava_pipeline.lake.gold.deletions import AbsenceReport, Shrink, confirmation, doubtful_spans, judge, mark_absent
from strava_pipeline.lake.gold.merge import merge_activities
from strava_pipeline.lake.gold.warehouse import writing
from strava_pipeline.lake.made.shards import shard_files, write_shards
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.rebuild import rebuild
from strava_pipeline_tests.lake.bronze import (
    ALL,
    DAY,
    HOUR,
    NOW,
    SECOND,
    YEARS,
    Activity,
    Watched,
    activity,
    land,
    listed,
    rows,
    started,
)

Y2025 = {"mode": "year", "after": datetime(2024, 12, 31, tzinfo=UTC), "before": datetime(2026, 1, 2, tzinfo=UTC)}


def some(count: int, year: int = 2025) -> list[Activity]:
    return [activity(year * 100 + number, f"{year}-05-{number + 1:02}T06:00:00Z") for number in range(count)]


def mark(lake: Lake, years: Iterable[int] = ALL, *, confirmed: bool = False) -> AbsenceReport:
    """Shards and gold of all, then the marks. Years without a shard are passed over, for there is nothing to be done."""
    write_shards(lake, list(ALL), YEARS)
    confirm = (lambda shrink: confirmation(shrink, NOW + DAY, "a test")) if confirmed else None
    merged = [year for year in ALL if shard_files(lake, year)]
    marked = [year for year in years if year in merged]
    with writing(lake) as connection:
        merge_activities(connection, lake, merged)
        return mark_absent(connection, lake, marked, YEARS, confirm=confirm)


def gone(lake: Lake) -> dict[int, datetime]:
    return {row["id"]: row["deleted_at"] for row in rows(lake, "deleted_activities")}


@pytest.mark.slow
def test_what_a_later_listing_of_its_window_lacks_is_gone_and_stays_in_the_warehouse(lake: Lake) -> None:
    first, second = some(2)
    listed(lake, [first, second])
    assert mark(lake) == AbsenceReport()
    listed(lake, [second], at=NOW + DAY)
    assert mark(lake) == AbsenceReport(deleted=1)
    assert gone(lake) == {first["id"]: NOW + DAY + SECOND}, "when the listing's end was read"
    assert mark(lake) == AbsenceReport(), "nothing new"
    listed(lake, [second], at=NOW + 2 * DAY)
    mark(lake)
    assert gone(lake) == {first["id"]: NOW + DAY + SECOND}, "still since then"
    assert len(rows(lake)) == 2


@pytest.mark.parametrize("name", ["Run 202500", "renamed"])
def test_what_a_listing_holds_again_is_present_again_changed_or_not(lake: Lake, name: str) -> None:
    first, second = some(2)
    listed(lake, [first, second])
    listed(lake, [second], at=NOW + DAY)
    mark(lake)
    listed(lake, [{**first, "name": name}, second], at=NOW + 2 * DAY)
    assert mark(lake) == AbsenceReport(restored=1)
    assert gone(lake) == {}


@pytest.mark.parametrize(
    ("start", "window", "expected"),
    [
        ("2025-06-01T10:00:00Z", {"mode": "year", "after": datetime(2025, 1, 1, tzinfo=UTC)}, True),
        ("2025-06-01T10:00:00Z", {"mode": "incremental", "after": datetime(2025, 5, 1, tzinfo=UTC)}, True),
        ("2025-06-01T10:00:00Z", {"mode": "incremental", "after": datetime(2025, 7, 1, tzinfo=UTC)}, False),
        ("2025-06-01T10:00:00Z", {"mode": "incremental", "after": datetime(2025, 6, 1, 10, tzinfo=UTC)}, False),
        ("2025-06-01T10:00:00Z", Y2025, True),
        ("2024-12-31T10:00:00Z", Y2025, True),  # the day before, that the window holds for other zones
        ("2024-12-30T10:00:00Z", Y2025, False),
    ],
)
def test_a_listing_says_nothing_of_what_lies_outside_its_window(
    lake: Lake, start: str, window: dict[str, object], expected: bool
) -> None:
    listed(lake, [activity(1, start)])
    listed(lake, [], at=NOW + DAY, **window)
    assert (mark(lake).deleted == 1) is expected


def test_what_was_uploaded_while_a_listing_went_on_is_not_taken_for_gone(lake: Lake) -> None:
    first, second = some(2)
    listing = started(lake, at=NOW + DAY)
    listed(lake, [first, second], at=NOW + DAY + SECOND / 2)  # seen by another run, within the same second
    land(listing, [first], [], at=NOW + DAY + SECOND)
    assert mark(lake) == AbsenceReport()


def test_another_athletes_listing_proves_nothing(lake: Lake) -> None:
    listed(lake, [activity(1, athlete={"id": 8, "resource_state": 1}), activity(2)])
    listed(lake, [], at=NOW + DAY)  # of athlete 7
    assert mark(lake).deleted == 1
    assert list(gone(lake)) == [2]


def test_a_listing_that_broke_off_marks_nothing(lake: Lake) -> None:
    first, second = some(2)
    listed(lake, [first, second])
    land(started(lake, at=NOW + DAY), [second], at=NOW + DAY)
    assert mark(lake) == AbsenceReport()


def test_what_another_runs_listing_holds_is_not_gone_before_its_shards_are_written(lake: Lake) -> None:
    first, second = some(2)
    listed(lake, [first, second])
    mark(lake)
    listed(lake, [first], at=NOW + DAY)  # the other run has landed it, and gone no further
    with writing(lake) as connection:
        assert mark_absent(connection, lake, list(ALL), YEARS) == AbsenceReport(deleted=1)
    assert list(gone(lake)) == [second["id"]]


@pytest.mark.slow
def test_one_whose_year_was_edited_is_not_gone_from_its_old_year(lake: Lake) -> None:
    moved = activity(1, "2025-12-31T23:30:00Z")
    listed(lake, [moved, *some(3)])
    mark(lake)
    later = {**moved, "start_date": "2026-01-01T06:00:00Z", "start_date_local": "2026-01-01T06:00:00Z"}
    listed(lake, [*some(3), later], at=NOW + DAY, **Y2025)  # type: ignore[arg-type]
    write_shards(lake, [2025], YEARS)
    with writing(lake) as connection:
        assert mark_absent(connection, lake, [2025], YEARS) == AbsenceReport(), "2025 knows it from the pages"
    assert mark(lake) == AbsenceReport()


@pytest.mark.parametrize(
    ("had", "kept", "deleted"), [(40, 35, 5), (5, 0, 5), (40, 34, 6), (40, 32, 8), (40, 31, 0), (20, 14, 0), (6, 0, 0)]
)
def test_more_than_five_and_a_fifth_of_a_year_waits_for_a_person(lake: Lake, had: int, kept: int, deleted: int) -> None:
    known = [
        activity(number, f"2025-{1 + number // 20:02}-{1 + number % 20:02}T06:00:00Z") for number in range(1, had + 1)
    ]
    listed(lake, known)
    mark(lake)
    shrunk = listed(lake, known[:kept], at=NOW + DAY)
    report = mark(lake)
    assert report.deleted == deleted
    assert report.held == ([] if deleted else [Shrink(2025, shrunk.name, had - kept, had)])
    if not deleted:
        assert mark(lake).held == report.held, "it is told each time"
        assert mark(lake, confirmed=True) == AbsenceReport(deleted=had - kept)
        assert mark(lake) == AbsenceReport(), "and stays confirmed"


def test_a_confirmation_holds_for_its_listing_only(lake: Lake) -> None:
    known = some(25)
    listed(lake, known)
    listed(lake, known[:15], at=NOW + DAY)
    assert mark(lake, confirmed=True).deleted == 10
    listed(lake, known[:5], at=NOW + 2 * DAY)
    report = mark(lake)
    assert (report.deleted, [(one.missing, one.present) for one in report.held]) == (0, [(10, 15)])


def test_a_glitch_is_forgotten_as_soon_as_a_listing_is_whole_again(lake: Lake) -> None:
    known = some(25)
    listed(lake, known)
    listed(lake, [], at=NOW + DAY)
    assert len(mark(lake).held) == 1
    listed(lake, known[1:], at=NOW + 2 * DAY)
    assert mark(lake) == AbsenceReport(deleted=1)


@pytest.mark.dear
def test_a_rebuild_marks_the_same(lake: Lake) -> None:
    known, others = some(25), some(10, 2024)
    listed(lake, [*others, *known])
    mark(lake)
    listed(lake, [*others, *known[:10]], at=NOW + DAY)
    mark(lake, confirmed=True)
    listed(lake, [*others[:3], *known[:10]], at=NOW + 2 * DAY)  # held
    mark(lake)
    listed(lake, [*others[:3], *known[:9], known[20]], at=NOW + 3 * DAY)
    mark(lake)
    before = rows(lake), gone(lake)
    assert len(before[1]) == 15
    rebuild(lake, YEARS, Watched())
    assert (rows(lake), gone(lake)) == before


def test_years_whose_listings_and_shards_are_the_same_are_not_judged_again(lake: Lake) -> None:
    listed(lake, some(3))
    mark(lake)
    with writing(lake) as connection:
        connection.execute("UPDATE activities_all SET deleted_at = $now", {"now": NOW})
    assert mark(lake) == AbsenceReport()
    listed(lake, some(3), at=NOW + HOUR)
    assert mark(lake) == AbsenceReport(restored=3)


def test_what_has_no_start_is_never_marked(lake: Lake) -> None:
    listed(lake, [activity(1, None)])  # type: ignore[arg-type]
    listed(lake, [], at=NOW + DAY)
    assert mark(lake) == AbsenceReport()


def test_a_listing_that_may_have_missed_something_asks_for_that_place_only(lake: Lake) -> None:
    known = some(4)
    listed(lake, known)
    mark(lake)
    shifted = started(lake, at=NOW + DAY, **Y2025)  # type: ignore[arg-type]
    land(shifted, known[:2], [known[3]], [], at=NOW + DAY)
    third = int(datetime.fromisoformat(str(known[2]["start_date"])).timestamp())
    (span,) = doubtful_spans(lake, shifted, YEARS)
    assert span == (third - 86_400 - 1, third + 86_400 + 1)
    assert mark(lake) == AbsenceReport(), "until it was looked at, nothing is proven"


def test_what_only_a_dead_run_listed_is_asked_for_as_what_is_in_gold_is(lake: Lake) -> None:
    known = some(4)
    listed(lake, [*known[:2], known[3]])
    mark(lake)
    listed(lake, known, at=NOW + HOUR)  # and no run merged it
    shifted = started(lake, at=NOW + DAY, **Y2025)  # type: ignore[arg-type]
    land(shifted, known[:2], [known[3]], [], at=NOW + DAY)
    third = int(datetime.fromisoformat(str(known[2]["start_date"])).timestamp())
    assert doubtful_spans(lake, shifted, YEARS) == [(third - 86_400 - 1, third + 86_400 + 1)]


def test_judging_many_is_the_same_in_one_go_or_day_by_day() -> None:
    """Ten are gone after the first listing, and nine more after the second: each is judged by what was there then."""
    at = [NOW + timedelta(days=day) for day in (1, 2)]
    found = [Proof(f"listing {number}", 7, when, when, None, None) for number, when in enumerate(at)]
    missing = [(key, 2025, [0, 1]) for key in range(10)] + [(key, 2025, [1]) for key in range(10, 19)]
    verdicts, held = judge(missing, found, set(), lambda year, of: set(range(55)))
    assert sorted(verdicts) == list(range(19)), "a fifth of 55, then a fifth of the 45 that were left"
    assert not held
    verdicts, held = judge(missing, found, set(), lambda year, of: set(range(54)))
    assert sorted(verdicts) == list(range(10))
    assert held == [Shrink(2025, "listing 1", 9, 44)]


def test_what_is_held_back_is_told_until_it_is_settled_whatever_else_is_deleted(lake: Lake) -> None:
    known = [activity(number, f"2025-{1 + number // 20:02}-{1 + number % 20:02}T06:00:00Z") for number in range(100)]
    listed(lake, known)
    shrunk = listed(lake, known[40:], at=NOW + DAY)
    assert mark(lake).held == [Shrink(2025, shrunk.name, 40, 100)]
    recent = datetime(2025, 5, 16, tzinfo=UTC)
    listed(lake, known[95:99], at=NOW + 2 * DAY, mode="incremental", after=recent)
    report = mark(lake)
    assert (report.deleted, report.held) == (1, [Shrink(2025, shrunk.name, 40, 100)])


def test_an_empty_answer_of_a_daily_run_is_not_believed(lake: Lake) -> None:
    known = [activity(number, f"2025-{1 + number // 20:02}-{1 + number % 20:02}T06:00:00Z") for number in range(140)]
    listed(lake, known)
    listed(lake, [], at=NOW + DAY, mode="incremental", after=datetime(2025, 7, 1, tzinfo=UTC))
    report = mark(lake)
    assert (report.deleted, [(one.missing, one.present) for one in report.held]) == (0, [(20, 20)])


def test_what_a_newer_listing_holds_that_was_not_merged_yet_is_not_gone(lake: Lake) -> None:
    first, second = some(2)
    listed(lake, [first, second])
    mark(lake)
    listed(lake, [second], at=NOW + DAY, **Y2025)  # type: ignore[arg-type]
    listed(lake, [first, second], at=NOW + 2 * DAY)  # landed by another run, which has come no further
    with writing(lake) as connection:
        assert mark_absent(connection, lake, list(ALL), YEARS) == AbsenceReport()
    assert mark(lake) == AbsenceReport()


def test_one_that_moved_to_a_year_that_was_not_merged_yet_is_not_gone(lake: Lake) -> None:
    first, second = some(2)
    listed(lake, [first, second])
    mark(lake)
    moved = {**first, "start_date": "2026-03-01T06:00:00Z", "start_date_local": "2026-03-01T06:00:00Z"}
    listed(lake, [moved], at=NOW + DAY, mode="year", after=datetime(2025, 12, 31, tzinfo=UTC))  # its run died there
    listed(lake, [second], at=NOW + 2 * DAY, **Y2025)  # type: ignore[arg-type]
    write_shards(lake, [2025], YEARS)
    with writing(lake) as connection:
        merge_activities(connection, lake, [2025])
        assert mark_absent(connection, lake, [2025], YEARS) == AbsenceReport()


def test_a_listing_mended_from_its_pages_proves_nothing(lake: Lake) -> None:
    first, second = some(2)
    listed(lake, [first, second])
    (listed(lake, [second], at=NOW + DAY).folder / "manifest.json").unlink()
    assert mark(lake) == AbsenceReport()


def test_many_gaps_are_not_asked_for(lake: Lake) -> None:
    known = [activity(number, f"2025-05-{number + 1:02}T06:00:00Z") for number in range(28)]
    listed(lake, known)
    mark(lake)
    listing = started(lake, at=NOW + DAY, **Y2025)  # type: ignore[arg-type]
    land(listing, *([one] for one in known[::2]), [], at=NOW + DAY)
    assert doubtful_spans(lake, listing, YEARS) == []
    listing.mark_limited_view()
    assert doubtful_spans(lake, listing, YEARS) == []
