"""lake.gold.matches: activities are compared where two sources, or one that repeats them, may have the same one."""

from collections.abc import Sequence
from unittest.mock import Mock

import pytest

from strava_pipeline.core.sources import FILE
from strava_pipeline.lake.gold import matches
from strava_pipeline.lake.gold.warehouse import writing
from strava_pipeline.lake.paths import Lake
from strava_pipeline_tests.lake.insight_rows import activity, put


@pytest.mark.parametrize(
    ("sources", "is_compared"),
    [
        (("strava", "strava"), False),
        (("garmin", "garmin"), False),
        (("intervals_icu", "intervals_icu"), True),  # two devices bring one effort there
        (("strava", "garmin"), True),
        (("file", "file"), True),
    ],
)
def test_two_at_one_time_are_compared_unless_one_source_numbers_each_once(
    lake: Lake, sources: Sequence[str], is_compared: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    compare = Mock(wraps=matches._activities)
    monkeypatch.setattr(matches, "_activities", compare)
    for name in sources:
        if name != FILE:
            lake.listings_of(name).mkdir(parents=True, exist_ok=True)
    put(
        lake,
        [
            {**activity((one + 1) * (1 if source == "strava" else -1), "2025-05-01T08:00"), "source": source}
            for one, source in enumerate(sources)
        ],
    )
    with writing(lake) as connection:
        matches.match_activities(connection, lake)
    assert compare.called is is_compared
