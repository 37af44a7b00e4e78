"""rules.toml: what rules match and give, who stands above whom, and that each fault is named with its place."""

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.core.facts import State
from strava_pipeline.lake.gold.publish import is_publish_due, publish, snapshot
from strava_pipeline.lake.gold.rules import Conflict, RuleEffect, check_rules, given_by_rules
from strava_pipeline.lake.gold.rules_file import read_rules, rules_health
from strava_pipeline.lake.gold.warehouse import reading
from strava_pipeline.lake.paths import Lake
from strava_pipeline_tests.lake.conftest import NewLake
from strava_pipeline_tests.lake.insight_rows import Row, activity, put
from strava_pipeline_tests.lake.test_corrections import say, shown

pytestmark = pytest.mark.slow

ROWS = [  # 1 May 2025 was a Thursday
    activity(1, "2025-05-01T08:00", name="Morning Ride", gear_id="b1", start_latlng=[48.2, 16.37], device_name="Edge"),
    activity(2, "2025-05-02T23:30", name="Über die Brücke", sport_type="GravelRide", distance=9_999.5),
    activity(3, "2025-05-03T01:00", name=None, sport_type="Run", start_latlng=[48.2, 16.3741], distance=None),
    activity(-4, "2025-05-04T12:00", name="Lunch (slow)", source="file", sport_type="Quidditch")
    | {"extra": '{"equipment": "Old shoes"}', "start_date": None},
    activity(-5, "2025-05-01T08:00", name="Afternoon Ride", source="garmin", gear_id="g1") | {"gear_source": "garmin"},
]
MEMBERS = [{"activity_id": 1, "id": key, "place": abs(key) // 5, "source": "-"} for key in (1, -5)]


def filled(lake: Lake, rows: Iterable[Row] = ROWS) -> Lake:
    put(lake, rows)
    put(lake, [one | {"source": "garmin" if one["place"] else "strava"} for one in MEMBERS], "activity_members")
    publish(lake)
    return lake


@pytest.fixture(scope="module")
def stock(new_lake: NewLake, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    return filled(new_lake(tmp_path_factory.mktemp("rules") / "data"))


def ruled(lake: Lake) -> list[tuple[Any, ...]]:
    with snapshot(lake) as connection:
        return connection.execute("FROM ruled ORDER BY activity_id").fetchall()


CONDITIONS = {
    'source = "garmin"': {1},
    'source = "file"': {-4},
    'device = ["EDGE", "other"]': {1},
    'sport = "ride"': {1, 2},
    'sport = ["GravelRide", "run"]': {2, 3},
    'sport = "other"': {-4},
    'name = "RIDE|br.cke$"': {1, 2},
    'name = "\\\\(slow\\\\)"': {-4},
    "within = { latitude = 48.2, longitude = 16.37, radius_m = 300 }": {1},
    "within = { latitude = 48.2, longitude = 16.37, radius_m = 305 }": {1, 3},
    'weekdays = ["thu", "Fri"]': {1, 2},
    'from = "23:30"': {2},
    "until = 08:00:00": {3},
    'from = "22:00"\nwhen.until = "01:30"': {2, 3},
    'from = "08:00"\nwhen.until = "23:30"': {1},
    "min_distance_m = 10000": {1, -4},
    "max_distance_m = 9999.5": {2},
    'gear = "missing"': {2, 3},
    'gear = "missing"\nwhen.sport = "run"': {3},
}


@pytest.mark.parametrize(("condition", "matched"), CONDITIONS.items())
def test_a_rule_matches_where_all_of_its_conditions_hold(stock: Lake, condition: str, matched: set[int]) -> None:
    rules = read_rules(tomllib.loads(f"[[rule]]\nwhen.{condition}\nthen.tags = ['x']"))
    with snapshot(stock) as connection:
        (effect,) = check_rules(connection, rules).rules
    assert ({each["activity_id"] for each in effect.examples}, effect.matches) == (matched, len(matched))


RULES = """
[[rule]]
title = "To work"
when.weekdays = "thu"
then.name = "To <work>"
then.sport_type = "Walk"
[[rule]]
when.sport = "ride"
then.name = "Later"
then.gear = "garmin:g1"
then.tags = ["a", "b"]
then.counts = false
[[rule]]
when.sport = "walk"
then.commute = true
"""


@pytest.mark.dear
def test_a_word_stands_above_the_first_rule_which_stands_above_later_ones_and_these_above_sources(
    stocked: Lake,
) -> None:
    before = shown(stocked, "id, name, sport_type, gear_id, counts")
    stocked.rules.write_text(RULES)
    publish(stocked)
    assert shown(stocked, "id, name, sport_type, gear_source, gear_id, commute, counts")[1:3] == [
        (1, "To <work>", "Walk", "garmin", "g1", None, False),  # no rule sees what another one gave
        (2, "Later", "GravelRide", "garmin", "g1", None, False),
    ]
    say(stocked, 1, name="Mine", gear="strava:b1", counts=True)
    assert shown(stocked, "name, sport_type, gear_id, counts")[1] == ("Mine", "Walk", "b1", True)
    say(stocked, 1, sport_type="Walk", name="")
    with snapshot(stocked) as connection:
        uses = connection.execute("SELECT gear_item FROM activity_list WHERE id = 1").fetchall()
        assert given_by_rules(connection, 1) == (
            {"commute": "rule 3", "name": "rule 1, To work", "sport_type": "rule 1, To work"},
            [],
        )
    assert (uses, shown(stocked, "name, commute")[1]) == ([("strava:b1",)], ("To <work>", True)), "rules see words"
    say(stocked, 1, **dict.fromkeys(("sport_type", "gear", "counts")))
    stocked.rules.unlink()
    publish(stocked)
    assert (shown(stocked, "id, name, sport_type, gear_id, counts"), ruled(stocked)) == (before, [])


@pytest.mark.dear
def test_the_same_rules_give_the_same_in_any_order_of_activities_and_publish_once(
    stocked: Lake, tmp_path: Path, new_lake: NewLake
) -> None:
    stocked.rules.write_text(RULES)
    with reading(stocked) as connection:
        assert is_publish_due(connection, stocked)
    assert (publish(stocked), publish(stocked)) == (True, False)
    with reading(stocked) as connection:
        assert not is_publish_due(connection, stocked)
    other = new_lake(tmp_path / "other" / "data")
    other.rules.write_text(RULES)
    assert ruled(filled(other, reversed(ROWS))) == ruled(stocked) != []


def test_rules_are_about_the_owners_activities(lake: Lake) -> None:
    names = {"name": "x"}
    put(
        lake,
        [
            activity(key, f"2025-05-0{key}T08:00", athlete_id=whose, **names)
            for key, whose in ((1, 7), (2, 7), (3, 8), (4, None))
        ],
    )
    lake.rules.write_text("[[rule]]\nwhen.name = 'x'\nthen.commute = true")
    publish(lake)
    assert [row[0] for row in ruled(lake)] == [1, 2, 4]


@pytest.mark.dear
def test_what_rules_would_change_is_counted_before_it_counts(stocked: Lake) -> None:
    say(stocked, 2, name="Mine")
    stocked.rules.write_text(RULES)
    with snapshot(stocked) as connection:
        found = check_rules(
            connection, read_rules(tomllib.loads(RULES + "then.gear = 'strava:b9'\nthen.tags = ['c']\n"))
        )
    first, second, third = found.rules
    example = {"activity_id": 1, "field": "name", "old": "Morning Ride", "new": "To <work>"}
    sport = {"activity_id": 1, "field": "sport_type", "old": "Ride", "new": "Walk"}
    assert first == RuleEffect(1, "To work", 1, {"name": 1, "sport_type": 1}, [example, sport])
    assert (second.matches, second.changes) == (2, {"counts": 2, "gear": 2, "tags": 2})
    assert (third.matches, third.changes) == (0, {})
    assert found.conflicts == [Conflict("name", 1, 2, 1)]
    assert found.unknown_gear == {3: "strava:b9"}
    publish(stocked)
    with snapshot(stocked) as connection:
        assert check_rules(connection, read_rules(tomllib.loads(RULES))).rules[:2] == [first, second]


FAULTS = {
    "rules = 1": "Each rule",
    "rule = 1": "Each rule",
    "[rule]\nwhen.name = 'x'": "Each rule",
    "[[rule]]\nthen.commute = true": "[[rule]] 1: when: it needs",
    "[[rule]]\nwhen.name = 'x'": "[[rule]] 1: then: it needs",
    "[[rule]]\nwhen.names = 'x'\nthen.commute = true": "[[rule]] 1: when: it needs",
    "[[rule]]\nwhen.name = 'x'\nthen.note = 'y'": "[[rule]] 1: then: it needs",
    "[[rule]]\nwhen.name = 'x'\nthen.name = ' '": "[[rule]] 1: then.name",
    "[[rule]]\nwhen.name = 'x'\nthen.counts = true": "[[rule]] 1: then.counts",
    "[[rule]]\nwhen.name = 'x'\nthen.sport_type = 'Nothing'": "[[rule]] 1: No sport",
    "[[rule]]\ntitel = 'x'\nwhen.name = 'x'\nthen.commute = true": "[[rule]] 1: titel",
    "[[rule]]\ntitle = 1\nwhen.name = 'x'\nthen.commute = true": "[[rule]] 1: title:",
    "[[rule]]\nwhen.name = '('\nthen.commute = true": "[[rule]] 1: when.name: no pattern of RE2",
    "[[rule]]\nwhen.name = 'x{1000}{1000}'\nthen.commute = true": "[[rule]] 1: when.name: no pattern of RE2",
    **{
        f"[[rule]]\nwhen.{name} = {value}\nthen.commute = true": f"[[rule]] 1: when.{name}: not"
        for name, value in (
            ("source", "[]"),
            ("device", "1"),
            ("sport", "'Quidditch'"),
            ("name", "''"),
            ("weekdays", "['mon', 'x']"),
            ("weekdays", "[]"),
            ("from", "'25:00'"),
            ("until", "6"),
            ("min_distance_m", "-1"),
            ("max_distance_m", "nan"),
            ("gear", "'strava:b1'"),
            ("within", "{ latitude = 48.2, longitude = 16.3 }"),
            ("within", "{ latitude = 98.2, longitude = 16.3, radius_m = 5 }"),
        )
    },
}


@pytest.mark.parametrize(("text", "fault"), FAULTS.items())
def test_a_fault_is_named_with_its_place_and_without_a_position(text: str, fault: str) -> None:
    with pytest.raises(ValueError, match="rule") as raised:
        read_rules(tomllib.loads(text))
    assert (str(raised.value).startswith(fault), "8.2" in str(raised.value)) == (True, False)


@pytest.mark.dear
def test_rules_that_cannot_be_used_count_as_none(stocked: Lake) -> None:
    assert (rules_health(stocked).state, stocked.rules.exists()) == (State.OK, False)
    stocked.rules.write_text(RULES)
    publish(stocked)
    assert (rules_health(stocked).text.endswith("has 3 rules"), ruled(stocked) != []) == (True, True)
    for text in ("[[rule]", "[[rule]]\nwhen.name = '('\nthen.commute = true\n[[rule]]\n"):
        stocked.rules.write_text(text)
        publish(stocked)
        found = rules_health(stocked)
        assert (found.state, str(stocked.rules) in found.text, ruled(stocked)) == (State.PROBLEM, True, [])
