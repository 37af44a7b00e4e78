"""core.listed: which items of a page are activities, and what is said of the others."""

from datetime import UTC, datetime

import pytest

from strava_pipeline.core.listed import sift

GOOD = {"id": 7, "name": "Ride"}


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        (None, "it is null and not an object"),
        ([GOOD], "it is a list and not an object"),
        ({}, "it has no id"),
        ({"id": None}, "its id is null and not a whole number"),
        ({"id": "7"}, "its id is text and not a whole number"),
        ({"id": 1.5}, "its id is a number with decimals and not a whole number"),
        ({"id": True}, "its id is true or false and not a whole number"),
        ({"id": {}}, "its id is an object and not a whole number"),
        ({"id": 2**63}, "its id is out of range"),
        ({"id": 0}, "its id is out of range"),
        ({"id": -7}, "its id is out of range"),  # ids of files are negative
    ],
    ids=str,
)
def test_an_item_without_a_usable_id_is_set_apart(item: object, reason: str) -> None:
    activities, (row,) = sift([GOOD, item, GOOD])
    assert activities == [GOOD, GOOD]
    assert (row.row, row.reason) == (2, reason)


def test_the_largest_id_is_one() -> None:
    assert sift([{"id": 2**63 - 1}]) == ([{"id": 2**63 - 1}], [])


def test_the_same_content_has_the_same_digest_wherever_it_stands() -> None:
    (one, other), (again,) = sift([{"id": "7", "name": "x"}, {"id": "8"}])[1], sift([{"name": "x", "id": "7"}])[1]
    assert one.digest == again.digest != other.digest


def test_a_row_is_known_again_though_its_kudos_are_others() -> None:
    row = {"id": "7", "start_date": "2026-05-01T08:00:00Z", "kudos_count": 1}
    (one, again, other) = sift([row, row | {"kudos_count": 2}, row | {"id": "8"}])[1]
    assert one.digest == again.digest != other.digest
    assert one.start == datetime(2026, 5, 1, 8, tzinfo=UTC)


def test_text_that_is_no_unicode_is_no_obstacle() -> None:
    assert len(sift([{"id": "\ud800"}])[1]) == 1
