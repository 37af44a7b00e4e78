"""What a person says of an activity counts before any source, through matching, later edits and rebuilds; until it is taken back."""

from datetime import UTC, datetime
from typing import Any

import pytest

from strava_pipeline.core.errors import MisuseError
from strava_pipeline.lake.decisions import record_decisions
from strava_pipeline.lake.gold.corrections import CorrectionDecision, checked_words
from strava_pipeline.lake.gold.publish import is_publish_due, publish, snapshot
from strava_pipeline.lake.gold.warehouse import reading
from strava_pipeline.lake.paths import Lake
from strava_pipeline_tests.lake.insight_rows import activity, put

pytestmark = pytest.mark.slow

AT = datetime(2026, 11, 28, tzinfo=UTC)


def say(lake: Lake, activity_id: int, **words: Any) -> None:
    record_decisions(lake, CorrectionDecision(at=AT, by="a test", activity_id=activity_id, words=checked_words(words)))
    publish(lake)


def shown(
    lake: Lake, columns: str = "id, name, sport_type, gear_source, gear_id, commute, counts"
) -> list[tuple[Any, ...]]:
    with snapshot(lake) as connection:
        return connection.execute(f"SELECT {columns} FROM activities ORDER BY id").fetchall()


@pytest.mark.dear
def test_a_word_counts_before_every_source_until_it_is_taken_back(lake: Lake) -> None:
    put(
        lake,
        [
            activity(1, "2025-05-01T08:00", name="Morning Ride", gear_id="b1", commute=False),
            activity(2, "2025-05-02T08:00", sport_type="Driving"),
        ],
    )
    publish(lake)
    before = shown(lake)
    assert before == [
        (1, "Morning Ride", "Ride", "strava", "b1", False, True),
        (2, None, "Driving", None, None, None, False),
    ]
    say(
        lake,
        1,
        name=" To <work> ",
        sport_type="GravelRide",
        gear="garmin:9",
        commute=True,
        note="rain",
        tags=["a", "b", "a", " "],
    )
    say(lake, 2, sport_type="Ride")
    assert shown(lake) == [
        (1, "To <work>", "GravelRide", "garmin", "9", True, True),
        (2, None, "Ride", None, None, None, True),
    ]
    with snapshot(lake) as connection:
        totals = connection.execute("SELECT sport_type, activities FROM totals_by_year ORDER BY sport_type").fetchall()
        listed = connection.execute("SELECT name, sport_type FROM activity_list WHERE id = 1").fetchall()
        said = connection.execute("SELECT note, tags, fields FROM corrections WHERE activity_id = 1").fetchall()
    assert (totals, listed) == ([("GravelRide", 1), ("Ride", 1)], [("To <work>", "GravelRide")])
    assert said == [("rain", ["a", "b"], ["name", "sport_type", "gear", "commute", "note", "tags"])]
    say(lake, 1, counts=False)
    assert shown(lake, "id, counts") == [(1, False), (2, True)]
    say(lake, 1, **dict.fromkeys(("name", "sport_type", "gear", "commute", "note", "tags", "counts")))
    say(lake, 2, sport_type="")
    assert shown(lake) == before


@pytest.mark.dear
def test_a_word_follows_its_activity_into_another_and_back(lake: Lake) -> None:
    put(
        lake,
        [activity(1, "2025-05-01T08:00", name="One"), activity(-7, "2025-05-01T08:00", source="file", name="Other")],
    )
    say(lake, -7, name="Mine")
    assert shown(lake, "id, name") == [(-7, "Mine"), (1, "One")]
    members = [
        {"activity_id": 1, "id": key, "place": place, "source": source}
        for place, (key, source) in enumerate(((1, "strava"), (-7, "file")))
    ]
    put(lake, members, "activity_members")
    publish(lake)
    assert shown(lake, "id, name") == [(1, "Mine")]
    say(lake, 1, name="Later")
    assert shown(lake, "id, name") == [(1, "Later")]


@pytest.mark.dear
def test_an_activity_is_of_the_gear_that_a_person_names_alone(lake: Lake) -> None:
    written = {"source": "spreadsheet", "extra": '{"equipment": "Old Bike"}'}
    put(lake, [activity(1, "2025-05-01T08:00", gear_id="b1"), activity(2, "2025-05-02T08:00", gear_id="b1")])
    put(lake, [activity(-3, "2025-05-03T08:00") | written])
    say(lake, 1, gear="spreadsheet:Old Bike")
    say(lake, -3, gear="strava:b1")
    with snapshot(lake) as connection:
        uses = connection.execute("SELECT gear_item, id FROM activity_list ORDER BY id").fetchall()
    assert uses == [("strava:b1", -3), ("spreadsheet:old bike", 1), ("strava:b1", 2)]


@pytest.mark.parametrize(
    "words",
    [
        {"sport_type": "Nothing"}, {"gear": "b1"}, {"counts": "no"}, {"commute": "yes"}, {"distance": -5},
        {"tags": ["x" * 51]}, {"name": "x" * 2001},
    ],
)  # fmt: skip
def test_what_cannot_be_said_is_refused(words: dict[str, Any]) -> None:
    with pytest.raises(MisuseError):
        checked_words(words)


@pytest.mark.parametrize(
    ("first", "other", "shown"),
    [
        ("29.10.2026", "Volcano climb", "Volcano climb"),
        ("Hills", "Volcano climb", "Hills"),
        ("Morning Ride", "29.10.2026", "Morning Ride"),
        ("Vienna Hike", "Up there", "Up there"),
        (None, "Morning Ride", "Morning Ride"),
    ],
)
def test_a_name_that_a_person_wrote_stands_before_a_services_own_at_once(
    lake: Lake, first: str | None, other: str, shown: str
) -> None:
    near = {"start_latlng": [48.21, 16.37]}
    rows = [activity(1, "2025-05-01T08:00", name=first, **near), activity(2, "2025-05-01T08:00", name=other, **near)]
    put(lake, rows)
    put(
        lake,
        [{"id": one, "activity_id": 1, "place": one - 1, "source": "strava"} for one in (1, 2)],
        "activity_members",
    )
    publish(lake)
    with snapshot(lake) as connection:
        found = connection.execute("SELECT name FROM activities UNION ALL SELECT name FROM activity_list").fetchall()
    assert found == [(shown,)] * 2
    with reading(lake) as connection:
        assert not is_publish_due(connection, lake)
