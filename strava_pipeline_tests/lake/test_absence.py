"""lake.bronze.listings: what a complete listing proves to be gone, and where it proves nothing."""

from datetime import UTC, datetime
from typing import Any

import pytest

from strava_pipeline.core.activities import split_page
from strava_pipeline.core.providers import ReadPage
from strava_pipeline.lake.bronze.listing import Listing
from strava_pipeline.lake.bronze.listings import Span, gaps, is_within, listings, proofs
from strava_pipeline.lake.paths import Lake
from strava_pipeline_tests.lake.bronze import DAY, NOW, SECOND, YEARS, activity, land, listed, started

MAY, JUNE = datetime(2026, 5, 1, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC)


def second(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


def asked(listing: Listing, *pages: list[dict[str, Any]], per_page: int = 2, **window: int) -> Listing:
    """Pages that were asked for with a size and, each, a window of its own."""
    for page in pages:
        request = {"per_page": per_page, "page": 1, **window}
        listing.land(ReadPage(page), b"[]", request, NOW + len(listing.manifest.pages) * SECOND, YEARS)
    return listing


A, B, C = (activity(number, f"2026-05-0{number}T10:00:00Z") for number in (1, 2, 3))
FIRST, SECOND_, THIRD = (second(str(one["start_date"])) for one in (A, B, C))
BEFORE_MAY, LATER = FIRST - 86_400, THIRD + 86_400


@pytest.mark.parametrize(
    ("mode", "after", "pages", "expected"),
    [
        ("year", MAY, [[A], []], []),
        ("year", MAY, [[]], []),
        ("year", MAY, [[A, B], []], [(SECOND_ - 1, second("2026-06-01T00:00:00Z"))]),  # a full last page
        ("year", MAY, [[A, B], [C], []], [(SECOND_ - 1, THIRD + 1)]),
        ("all", None, [[C, B], [A], []], [(FIRST - 1, SECOND_ + 1)]),
        ("all", None, [[C, B], []], [(None, SECOND_ + 1)]),
        ("year", MAY, [[A], [B], [C], []], [(FIRST - 1, SECOND_ + 1), (SECOND_ - 1, THIRD + 1)]),
        ("year", MAY, [[activity(2, None)], []], [(second("2026-05-01T00:00:00Z"), second("2026-06-01T00:00:00Z"))]),  # type: ignore[arg-type]
    ],
)
def test_between_two_pages_nothing_is_proven(
    lake: Lake, mode: Any, after: datetime | None, pages: list[Any], expected: list[Span]
) -> None:
    listing = asked(started(lake, mode=mode, after=after, before=JUNE if after else None), *pages)
    assert gaps(listing.manifest) == expected
    for span in expected:
        assert not any(
            is_within(start, (proof.after, proof.before)) for proof in proofs([listing]) for start in _inside(span)
        )


@pytest.mark.parametrize(
    ("mode", "after", "pages", "unreadable_in", "unproven"),
    [
        ("year", MAY, [[A], [B], [C], []], 1, {BEFORE_MAY, FIRST, SECOND_, THIRD}),  # the borders of its page, too
        ("year", MAY, [[A], [C], []], 1, {BEFORE_MAY, FIRST, SECOND_, THIRD, LATER}),
        ("year", MAY, [[A], [B], [C], []], 0, {BEFORE_MAY, FIRST, SECOND_, THIRD}),
        ("all", None, [[C], [B], [A], []], 0, {LATER, THIRD, SECOND_, FIRST}),
        ("all", None, [[C], [B], [A], []], 2, {THIRD, SECOND_, FIRST, BEFORE_MAY}),
        ("all", None, [[], []], 0, {BEFORE_MAY, FIRST, SECOND_, THIRD, LATER}),
    ],
)
def test_where_a_row_that_cant_be_read_may_belong_nothing_is_proven(
    lake: Lake, mode: Any, after: datetime | None, pages: list[Any], unreadable_in: int, unproven: set[int]
) -> None:
    listing = started(lake, mode=mode, after=after, before=JUNE if after else None)
    for place, page in enumerate(pages):
        _, bad = split_page([None] if place == unreadable_in else [])
        request = {"per_page": 2, "page": place + 1}
        listing.land(ReadPage(page, bad), b"[null]", request, NOW + place * SECOND, YEARS)
    everywhere = {BEFORE_MAY, FIRST, SECOND_, THIRD, LATER}
    proven = {
        start
        for start in everywhere
        if any(is_within(start, (proof.after, proof.before)) for proof in proofs([listing]))
    }
    assert listing.manifest.complete
    assert proven == everywhere - unproven


def _inside(span: Span) -> list[int]:
    after, before = span
    return [start for start in (FIRST, SECOND_, THIRD) if is_within(start, (after, before))]


def test_a_gap_that_was_looked_at_again_is_closed(lake: Lake) -> None:
    listing = asked(started(lake, mode="year", after=MAY, before=JUNE), [A, B], [C], [])
    (gap,) = gaps(listing.manifest)
    asked(listing, [B], per_page=200, after=SECOND_ - 1, before=THIRD)
    assert gaps(listing.manifest) == [gap], "another window was asked for"
    asked(listing, [B, C], per_page=2, after=SECOND_ - 1, before=THIRD + 1)
    assert gaps(listing.manifest) == [gap], "a full page may not be all there is"
    asked(listing, [B, C], per_page=200, after=SECOND_ - 1, before=THIRD + 1)
    assert gaps(listing.manifest) == []
    assert listing.manifest.complete
    (again,) = listings(lake)
    assert gaps(again.manifest) == []


def test_only_a_listing_that_saw_everything_proves_anything(lake: Lake) -> None:
    started(lake, at=NOW)
    land(started(lake, at=NOW + DAY), [activity()])
    blind = listed(lake, [activity()], at=NOW + 2 * DAY)
    blind.manifest.sees_private = False
    blind._save()
    whole = listed(lake, [activity()], at=NOW + 3 * DAY)
    lost = listed(lake, [activity()], at=NOW + 4 * DAY)
    (lost.folder / "page-0001.json.gz").unlink()
    list(lost.pages())
    assert [proof.listing for proof in proofs(listings(lake))] == [whole.name]
