"""An answer tells of a ping's moment, or of another."""

import pytest

from strava_pipeline.core.pings.answers import APART_S, is_of_moment

T = 1_768_826_000.0


@pytest.mark.parametrize(("off", "does"), [(0, True), (50, True), (-50, True), (50.001, False), (-50.001, False)])
def test_an_answer_belongs_to_a_ping_that_is_no_further_off_than_the_next_one(off: float, does: bool) -> None:
    assert APART_S == 50
    assert is_of_moment(T + off, T) is does
