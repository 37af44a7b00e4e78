"""lake.gold.publish_pause: what waits to be published is not forgotten before readers have it."""

import os
from datetime import UTC, datetime, timedelta

import pytest

from strava_pipeline.lake.gold.notes import mark_changed
from strava_pipeline.lake.gold.publish import publish, published_at
from strava_pipeline.lake.gold.publish_pause import (
    may_wait,
    note_insights,
    note_look,
    pause_ends_at,
    put_off,
    waiting_years,
)
from strava_pipeline.lake.gold.warehouse import writing
from strava_pipeline.lake.health import PUBLISHED, warehouse_health
from strava_pipeline.lake.locks import live_run
from strava_pipeline.lake.paths import Lake
from strava_pipeline_tests.lake.bronze import activity, listed, merge

pytestmark = pytest.mark.slow

PAUSE = timedelta(minutes=5)


def change(lake: Lake) -> None:
    with writing(lake) as connection:
        mark_changed(connection)


def last_publish(lake: Lake) -> datetime:
    found = published_at(lake)
    assert found is not None
    return found


def test_a_year_waits_until_its_insights_are_made_of_all_that_was_merged(lake: Lake) -> None:
    publish(lake)
    change(lake)
    put_off(lake, [2024, 2026])
    put_off(lake, [2025])
    note_insights(lake, [2024, 2025, 2026])
    assert waiting_years(lake) == {2024, 2025, 2026}
    publish(lake)
    note_insights(lake, [2024, 2026])
    assert waiting_years(lake) == {2025}
    note_insights(lake, [2025])
    assert not lake.publish_waits.exists()


def test_nothing_waits_longer_than_the_pause_even_if_the_clock_was_put_back(lake: Lake) -> None:
    assert pause_ends_at(lake, PAUSE, datetime.now(UTC)) is None
    publish(lake)
    last = last_publish(lake)
    assert pause_ends_at(lake, PAUSE, last) == last + PAUSE
    assert pause_ends_at(lake, PAUSE, last + PAUSE) is None
    assert pause_ends_at(lake, PAUSE, last - timedelta(seconds=1)) is None
    assert pause_ends_at(lake, timedelta(0), last) is None


@pytest.mark.dear
def test_only_what_is_looked_after_waits_and_only_where_something_changed(lake: Lake) -> None:
    listed(lake, [activity(1)])
    merge(lake)
    publish(lake)
    last = last_publish(lake)
    change(lake)
    assert not may_wait(lake, PAUSE, last)
    note_look(lake, last)
    assert may_wait(lake, PAUSE, last)
    assert not may_wait(lake, PAUSE, last + PAUSE)
    with writing(lake) as connection:
        connection.execute("UPDATE activities_all SET deleted_at = now()")
    assert not may_wait(lake, PAUSE, last)  # a deletion
    publish(lake)
    assert not may_wait(lake, PAUSE, last_publish(lake))  # all is published


def test_doctor_is_content_with_what_waits_while_somebody_looks_after_it(lake: Lake) -> None:
    publish(lake)
    change(lake)
    put_off(lake, [2026])
    note_look(lake, last_publish(lake))

    def told(later: timedelta) -> tuple[str, str]:
        found = {one.name: one for one in warehouse_health(lake, last_publish(lake) + later)}[PUBLISHED]
        return found.state, found.text

    later = "readable; what webhook events changed since is published in some minutes"
    assert told(timedelta(minutes=1)) == ("ok", later)
    assert told(timedelta(hours=1)) == ("warning", "it is behind the working one.")
    with live_run(lake, "a-run"):
        assert told(timedelta(hours=1)) == ("ok", "readable; the run at work publishes what it changed")
    os.utime(lake.publish_looked, (0, 0))
    assert told(timedelta(0))[0] == "warning"
