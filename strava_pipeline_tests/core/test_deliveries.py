"""core.deliveries: what many events ask for, and the queue of that."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from strava_pipeline.core.activities import summary_of_detail
from strava_pipeline.core.deliveries import (
    MAX_LEAD,
    MEMORY,
    RETRY_PAUSES,
    Hint,
    News,
    Queued,
    covers_event,
    news_of,
    remember_followed,
    update_queue,
)
from strava_pipeline_tests.present import there

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


def hint(key: int, ago: float = 0, *, gone: bool = False) -> Hint:
    return Hint("7", str(key), NOW - timedelta(seconds=ago), is_deletion=gone)


def news(*hints: Hint) -> News:
    """As of a source whose deletions are believed."""
    return news_of([(each, NOW) for each in hints], NOW, believes_deletions=True)


HINTS = st.lists(st.builds(hint, st.integers(1, 4), st.integers(0, 5), gone=st.booleans()), max_size=12)


@given(HINTS, st.randoms(use_true_random=False), st.booleans())
def test_neither_order_nor_repetition_matters(hints: list[Hint], chance: Any, believes: bool) -> None:
    again = [*hints, *hints]
    chance.shuffle(again)
    shuffled = news_of([(each, NOW) for each in again], NOW, believes_deletions=believes)
    straight = news_of([(each, NOW) for each in hints], NOW, believes_deletions=believes)
    assert (shuffled.activities, shuffled.gone) == (straight.activities, straight.gone)


@given(HINTS, st.integers(0, 12))
def test_it_does_not_matter_either_which_came_before_a_look_and_which_after(hints: list[Hint], cut: int) -> None:
    at_once = update_queue({}, news(*hints))
    then = update_queue(update_queue({}, news(*hints[:cut])), news(*hints[cut:]))
    assert {key: one for key, one in then.items() if key not in news(*hints).gone} == at_once


def test_the_newest_counts_and_of_one_second_the_deletion() -> None:
    found = news(hint(1, 9), hint(1, 5, gone=True), hint(2, 5, gone=True), hint(2, 1))
    assert (set(found.gone), set(found.activities)) == ({"1"}, {"2"})
    tied = news(hint(3), hint(3, gone=True))
    assert (set(tied.gone), set(tied.activities)) == ({"3"}, set())


def test_a_deletion_that_is_not_believed_is_asked_for() -> None:
    found = news_of([(hint(1, gone=True), NOW), (hint(1, -2), NOW)], NOW)
    assert (found.gone, found.activities["1"].is_deletion) == ({}, True)


def test_what_claims_to_be_of_the_future_is_of_now() -> None:
    ahead = news(hint(1, -86_400, gone=True), hint(2, -2))
    assert ahead.gone == {"1": NOW}
    assert ahead.activities["2"].at == NOW + timedelta(seconds=2)
    assert timedelta(seconds=2) < MAX_LEAD


def test_what_is_refused_is_counted_by_reason() -> None:
    found = news_of([(hint(1), NOW), (Hint("9", "1", NOW), NOW)], NOW, refuse=lambda each: each.account and "another")
    assert (found.accepted, dict(found.refused)) == (0, {"another": 2})


def test_what_fails_rests_longer_each_time_and_is_given_up() -> None:
    one: Queued | None = Queued(at=NOW)
    for pause in RETRY_PAUSES:
        assert one is not None
        assert one.may_be_fetched(NOW)
        one = there(one.failed(NOW))
        assert not one.may_be_fetched(NOW + pause - timedelta(seconds=1))
        assert one.may_be_fetched(NOW + pause)
        one = one.model_copy(update={"not_before": None})
    assert one is not None
    assert one.failed(NOW) is None


def test_a_newer_event_begins_again_and_an_older_one_changes_nothing() -> None:
    tried = Queued(at=NOW - timedelta(seconds=60), tries=2, not_before=NOW + timedelta(hours=1))
    assert update_queue({"1": tried}, news(hint(1)), {}) == {"1": Queued(at=NOW)}
    assert update_queue({"1": tried}, news(hint(1, 60)), {}) == {"1": tried}
    assert update_queue({"1": tried}, news(hint(1, 61, gone=True)), {}) == {"1": tried}
    assert update_queue({"1": tried}, news(hint(1, 60, gone=True)), {}) == {}


def test_what_was_followed_is_nothing_new_but_the_next_second_is() -> None:
    followed = {"1": NOW}
    assert update_queue({}, news(hint(1)), followed) == {}
    assert update_queue({}, news(hint(1, -1)), followed).keys() == {"1"}
    assert not covers_event(NOW, NOW + timedelta(seconds=0.9))
    assert covers_event(NOW, NOW + timedelta(seconds=1))
    assert remember_followed(followed, {}, NOW + MEMORY) == {}
    assert remember_followed(followed, {"1": NOW - timedelta(1), "2": NOW}, NOW + MEMORY - timedelta(seconds=1)) == {
        "1": NOW,
        "2": NOW,
    }


def test_a_detail_tells_what_a_listing_would() -> None:
    listed: dict[str, Any] = {
        "id": 2**53 + 1,
        "resource_state": 2,
        "athlete": {"id": 7, "resource_state": 1},
        "name": "Ride",
        "map": {"id": "a1", "summary_polyline": "abc", "resource_state": 2},
        "of_next_year": 1,
    }
    detail = listed | {
        "resource_state": 3,
        "athlete": {"id": 7, "resource_state": 1, "firstname": "Emilia"},
        "map": listed["map"] | {"polyline": "abcdef"},
        "description": "words",
        "laps": [],
        "segment_efforts": [],
        "device_name": "Watch",
    }
    assert (
        summary_of_detail(detail | {"of_details_only_next_year": 1}, without=["device_name"], also=["of_next_year"])
        == listed
    )
    assert summary_of_detail(detail)["device_name"] == "Watch"
