"""Days and nights of several sources in one warehouse: whose number counts, what is one number twice, what is not the same."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import partial
from typing import Any

from strava_pipeline.core.wellness import KeptAnswer, days_of, kept_answer
from strava_pipeline.lake.bronze.answers import land_of_kind
from strava_pipeline.lake.gold.days import sync_days
from strava_pipeline.lake.gold.warehouse import is_due, reading, writing
from strava_pipeline.lake.paths import Lake

NOW, DAY = datetime(2026, 3, 1, 12, tzinfo=UTC), date(2026, 2, 28)


def land(lake: Lake, source: str, part: str, content: Any) -> None:
    land_of_kind(lake, source, "wellness", kept_answer(part, DAY, DAY, json.dumps(content).encode()), NOW)


def rows(lake: Lake, query: str) -> list[tuple[Any, ...]]:
    with reading(lake) as connection:
        asked = partial(sync_days, connection, lake)
        assert is_due(connection, asked)
        with writing(lake):
            asked()
        assert not is_due(connection, asked)
        assert asked().rows_merged == 0
        return connection.execute(query).fetchall()


def test_each_number_is_of_the_first_source_and_variabilities_are_not_mixed(lake: Lake) -> None:
    hrv = {"hrvSummaries": [{"calendarDate": str(DAY), "lastNightAvg": 61}]}
    land(lake, "garmin", "hrv", hrv)
    land(lake, "intervals_icu", "wellness", [{"id": str(DAY), "hrvSDNN": 55.0, "sleepSecs": 25_000}])
    query = "SELECT hrv_rmssd, hrv_rmssd_source, hrv_sdnn, hrv_sdnn_source, asleep_seconds_source FROM nights"
    assert rows(lake, query) == [(61, "garmin", 55, "intervals_icu", "intervals_icu")]
    land(lake, "intervals_icu", "wellness", [{"id": str(DAY), "hrv": 61.0, "updated": "2026-03-01T00:00:00"}])
    assert rows(lake, query) == [(61, "intervals_icu", None, None, None)], "one number, and what is gone is none"
    assert rows(replace(lake, priorities={"garmin": 1}), query)[0][1] == "garmin"
    with writing(lake) as connection:
        assert connection.execute("SELECT count(*) FROM day_values").fetchall() == [(2,)]
    land(lake, "intervals_icu", "wellness", [{"id": str(DAY), "hrv": 64.0, "updated": "2026-03-01T00:00:00"}])
    assert rows(lake, query) == [(64, "intervals_icu", None, None, None)], "whatever `updated` says"


def test_of_two_nights_on_one_date_the_longer_one_counts_whole_and_a_date_may_have_none() -> None:
    """After a flight over the date line, or with a nap."""
    answer = KeptAnswer("sleep", DAY, date(2026, 3, 1), None)
    night, nap = {"asleep_seconds": 21_000, "deep_seconds": 4_000}, {"asleep_seconds": 3_600, "starts_at": 1.7e9}
    for nights in ([night, nap], [nap, night]):
        found = days_of(answer, [*((str(DAY), each) for each in nights), ("2026-03-02", {})])
        assert found == [("2026-02-28 sleep", night), ("2026-03-01 sleep", {})]
