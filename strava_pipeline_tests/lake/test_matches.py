"""lake.gold.matches: activities are compared where two sources, or one at one moment, may have the same one."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from unittest.mock import Mock

import pytest

from strava_pipeline.core.sources import FILE
from strava_pipeline.lake.decisions import record_decisions
from strava_pipeline.lake.gold import matches
from strava_pipeline.lake.gold.efforts import efforts
from strava_pipeline.lake.gold.warehouse import writing
from strava_pipeline.lake.paths import Lake
from strava_pipeline_tests.lake.insight_rows import activity, put, put_into


@pytest.mark.parametrize(
    ("sources", "minutes", "is_compared"),
    [
        (("strava", "strava"), 60, True),
        (("strava", "strava"), 67, False),  # an activity takes 4,000 s
        (("garmin", "garmin"), 60, True),
        (("garmin", "garmin"), 67, False),
        (("strava", "garmin"), 67, True),
        (("file", "file"), 67, True),
        (("strava",), 0, False),
    ],
)
def test_activities_are_compared_where_several_sources_or_one_moment_has_two(
    lake: Lake, sources: Sequence[str], minutes: int, is_compared: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    compare = Mock(wraps=matches._activities)
    monkeypatch.setattr(matches, "_activities", compare)
    for name in sources:
        if name != FILE:
            lake.listings_of(name).mkdir(parents=True, exist_ok=True)
    put(
        lake,
        [
            {
                **activity(
                    (one + 1) * (1 if source == "strava" else -1),
                    f"2025-05-01T{8 + one * minutes // 60:02}:{one * minutes % 60:02}",
                ),
                "source": source,
            }
            for one, source in enumerate(sources)
        ],
    )
    with writing(lake) as connection:
        matches.match_activities(connection, lake)
    assert compare.called is is_compared


def test_two_of_one_service_and_the_legs_of_a_whole_count_once_until_one_is_gone(lake: Lake) -> None:
    watch = activity(1, "2025-05-01T08:00")
    computer = activity(2, "2025-05-01T08:01", elapsed_time=3900, distance=19_500.0)
    doubtful = activity(3, "2025-05-01T08:20", distance=18_000.0)
    whole = activity(9, "2025-06-01T08:00", sport_type="Triathlon", elapsed_time=9000, distance=51_500.0)
    legs = [
        {**activity(-place, f"2025-06-01T{at}", elapsed_time=elapsed, distance=distance), "source": "garmin"}
        for place, (at, elapsed, distance) in enumerate(
            [("08:00", 1800, 1500.0), ("08:35", 4000, 40_000.0), ("09:45", 2700, 10_000.0)], start=1
        )
    ]
    lake.listings_of("garmin").mkdir(parents=True)
    put(lake, [watch, computer, doubtful, whole, *legs])
    with writing(lake) as connection:

        def counted() -> tuple[list[int], list[int], list[str], int]:
            report = matches.match_activities(connection, lake)
            compared = efforts(connection, ["2025-06"], {"strava": None, "garmin": None})
            queries = ("SELECT id FROM activities ORDER BY 1", "SELECT activity_id FROM counted_activities ORDER BY 1")
            shown, counts = ([one for (one,) in connection.execute(query).fetchall()] for query in queries)
            return shown, counts, [one.key for one in compared], report.proposed

        assert counted() == ([-3, -2, -1, 1, 3, 9], [1, 9], ["9"], 1), "and of the two that may be one, one"
        matches.note_tracks_current(connection, [2025])
        record_decisions(
            lake, matches.MatchDecision(at=datetime.now(UTC), by="a test", id=9, other_id=-1, joined=False)
        )
        assert counted()[1:3] == ([-1, 1, 9], ["-1", "9"])
        assert matches.tracks_due(connection) == {2025}, "the track of the leg counts now"
        connection.execute("UPDATE activities_all SET deleted_at = now() WHERE id IN (1, 9)")
        assert counted() == ([-3, -2, -1, 2, 3], [-3, -2, -1, 2], ["-3", "-2", "-1"], 1)


HIDDEN = "00:00:01"
LAP = {"distance": 2_000.0, "elapsed_time": 240, "moving_time": 240}
Row = tuple[str, str, dict[str, Any]]


def hidden(**fields: Any) -> Row:
    return "strava", HIDDEN, fields


def shown(at: str = "08:00", source: str = "garmin", **fields: Any) -> Row:
    return source, at, fields


@pytest.mark.parametrize(
    ("rows", "count"),
    [
        ([hidden(), hidden(distance=20_100.0)], 2),  # to work and back
        ([hidden(**LAP)] * 3, 3),  # of a club race
        ([hidden(sport_type="VirtualRide"), hidden(sport_type="GravelRide", start_latlng=[48.0, 11.0])], 2),
        ([hidden(sport_type="Swim", distance=1500.0)] * 2, 2),
        # there and back at three services, with other metres at each
        (
            [hidden(distance=20_000.0 + m) for m in (0, 10)]
            + [
                shown(at, source, distance=20_000.0 + m)
                for at, source, m in (
                    ("08:00", "garmin", 0),
                    ("17:00", "garmin", 10),
                    ("08:01", "wahoo", 12),
                    ("17:00", "wahoo", -2),
                )
            ],
            2,
        ),
        ([hidden(), shown("08:00", "strava"), shown("08:00"), shown("17:00")], 2),  # one of them shown there, too
        ([hidden(), shown(source="strava")], 2),
        ([hidden(), shown()], 1),
        ([hidden(), shown(source="intervals_icu")], 1),
        ([hidden(), shown(), shown(source="intervals_icu")], 1),
        ([hidden(), shown(distance=21_000.0)], 2),
        ([hidden(), shown(sport_type="Run")], 2),
        ([hidden(start_latlng=[48.0, 11.0]), shown(start_latlng=[48.5, 11.0])], 2),
        ([hidden(average_heartrate=130.0), shown(average_heartrate=140.0)], 2),
        ([hidden(sport_type="VirtualRide"), shown(start_latlng=[48.0, 11.0])], 2),
        ([hidden(sport_type="VirtualRide"), shown(sport_type="VirtualRide")], 1),
        ([hidden(), hidden(distance=20_100.0), shown(distance=20_010.0), shown("17:00", distance=20_110.0)], 2),
        ([hidden(**LAP)] * 3 + [shown(f"09:{10 * lap}", **LAP) for lap in range(1, 4)], 3),
        ([hidden(), shown("08:00"), shown("17:00")], 3),  # one of them, and nobody knows which
        ([shown("00:00:01"), shown("00:00:01", source="strava_archive")], 1),  # who keep their clock
        ([shown("12:00", source="strava", manual=True), shown("12:00", source="strava", manual=True)], 2),
        ([shown("12:00", manual=True)] * 2, 2),
        ([shown("12:00"), shown("12:00")], 1),
        ([shown("12:00", source="strava", manual=True, distance=19_950.0), shown("12:01", distance=20_000.0)], 1),
    ],
    ids=str,
)
def test_a_hidden_start_is_no_moment_and_two_rows_typed_for_noon_are_two(
    lake: Lake, rows: list[Row], count: int
) -> None:
    for source in ("garmin", "intervals_icu"):
        lake.listings_of(source).mkdir(parents=True)
    made = [
        {**activity(place if source.startswith("strava") else -place, f"2025-05-01T{at}", **fields), "source": source}
        for place, (source, at, fields) in enumerate(rows, start=1)
    ]
    for ordered in (made, made[::-1]):
        with writing(lake) as connection:
            connection.execute("DELETE FROM activities_all")
            put_into(connection, ordered)
            matches.match_activities(connection, lake)
            assert connection.execute("SELECT count(*) FROM activities").fetchall() == [(count,)]


@pytest.mark.parametrize(
    ("rows", "counted"),
    [
        ([shown("08:00", "strava", distance=5e7), shown("08:10")], [-2]),  # what can't be is in no total
        ([shown("08:00", "strava", extra='{"not_counted": "a leg"}'), shown("08:10", distance=18_000.0)], [-2]),
        ([shown("08:00", "strava"), shown("08:10", distance=18_000.0)], [1]),
        ([shown("12:00", "strava", manual=True), shown("12:10", distance=18_000.0)], [-2, 1]),  # a typed noon
    ],
    ids=str,
)
def test_one_counts_of_two_that_may_be_one(lake: Lake, rows: list[Row], counted: list[int]) -> None:
    lake.listings_of("garmin").mkdir(parents=True)
    made = [
        {**activity(place if source == "strava" else -place, f"2025-05-01T{at}", **fields), "source": source}
        for place, (source, at, fields) in enumerate(rows, start=1)
    ]
    with writing(lake) as connection:
        put_into(connection, made)
        matches.match_activities(connection, lake)
        found = connection.execute("SELECT activity_id FROM counted_activities ORDER BY 1").fetchall()
    assert [one for (one,) in found] == counted


def test_a_start_without_a_local_clock_is_a_moment(lake: Lake) -> None:
    put(lake, [{**activity(1, "2025-05-01T08:00"), "start_date_local": None}, activity(2, f"2025-05-02T{HIDDEN}")])
    with writing(lake) as connection:
        matches.match_activities(connection, lake)
        found = connection.execute("SELECT id, has_time FROM activities ORDER BY id").fetchall()
    assert found == [(1, True), (2, False)]
