"""What the rules of rules.toml give activities: the table `ruled`, which each publish fills, and what each rule would change.

An unusable rules.toml counts as empty; `rules check` and `doctor` say what is wrong in it. Rules look at what sources and the
person's own words say, never at what rules gave. For each field of an activity the first rule counts that matches and gives it.
Statements stand in lake/sql/rules/.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import Any

from strava_pipeline.core.geodesy import EARTH_M
from strava_pipeline.core.tables.gear import RULED
from strava_pipeline.lake.gold.corrections import is_known_gear
from strava_pipeline.lake.gold.measured import note_unmeasured
from strava_pipeline.lake.gold.notes import mark_changed
from strava_pipeline.lake.gold.rules_file import HEARTRATE, Rule, UnusableRulesError, rules_of
from strava_pipeline.lake.gold.warehouse import Connection, one_number, transaction
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.sql import sql

_COLUMNS = [column.name for column in RULED.columns][1:-2]  # of `rule_fields`
_OLD, _NEW = f"FROM {RULED.name}", "FROM rule_gives"
_CHANGED = f"FROM (({_OLD} EXCEPT {_NEW}) UNION ALL ({_NEW} EXCEPT {_OLD}))"
_TABLES = (RULED.name, "rule_seen", "rule_matches", "rule_fields", "rule_gives")


@dataclass(frozen=True, slots=True)
class RuleEffect:
    """What a rule does to activities as sources and the person's words have them.

    Args:
        rule: its number in the file
        title: its title
        matches: activities that it matches
        changes: by field, activities whose value it changes
        examples: the newest three of these by field, each with `activity_id`, `field`, `old` and `new`
    """

    rule: int
    title: str
    matches: int
    changes: dict[str, int]
    examples: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two rules that give a field of the same activities different values; the first one counts.

    Args:
        field: what they disagree about
        rule: the number of the first one
        other: that of the other one
        activities: of how many they do
    """

    field: str
    rule: int
    other: int
    activities: int


@dataclass(frozen=True, slots=True)
class RulesCheck:
    """What the rules do, before they count.

    Args:
        rules: each rule, in the order of the file
        conflicts: pairs of rules that disagree
        unknown_gear: by rule, gear that it gives and no source has
        unknown_devices: by rule, a device whose heart rate it takes, and that recorded beside no other one
        known_devices: those that did
    """

    rules: list[RuleEffect]
    conflicts: list[Conflict]
    unknown_gear: dict[int, str]
    unknown_devices: dict[int, str]
    known_devices: list[str]


def sync_rules(connection: Connection, lake: Lake) -> bool:
    """Update `ruled` from rules.toml; returns whether anything changed. Needs the other tables of a person to be current."""
    with _applied(connection, _usable_rules(lake)):
        if is_due := bool(one_number(connection, f"SELECT count(*) {_CHANGED}")):
            with transaction(connection):
                note_unmeasured(
                    connection, [one for (one,) in connection.execute(f"SELECT activity_id {_CHANGED}").fetchall()]
                )
                connection.execute(f"DELETE FROM {RULED.name}")
                connection.execute(f"INSERT INTO {RULED.name} FROM rule_gives")
                mark_changed(connection)
    return is_due


def check_rules(connection: Connection, rules: Sequence[Rule]) -> RulesCheck:
    """What each rule does, and where rules disagree. Changes nothing."""
    with _applied(connection, rules):
        if not rules:
            return RulesCheck([], [], {}, {}, [])
        matches = dict(connection.execute("SELECT number, count(*) FROM rule_matches GROUP BY number").fetchall())
        changes = connection.execute(sql("rules/changes")).fetchall()
        conflicts = connection.execute(sql("rules/conflicts")).fetchall()
    effects = [
        RuleEffect(
            each.number,
            each.title,
            matches.get(each.number, 0),
            {name: count for number, name, count, _ in changes if number == each.number},
            [example for number, _, _, examples in changes if number == each.number for example in examples],
        )
        for each in rules
    ]
    gear = {each.number: str(each.then["gear"]) for each in rules if "gear" in each.then}
    unknown = {number: name for number, name in gear.items() if not is_known_gear(connection, name)}
    query = "SELECT DISTINCT unnest([first_by, second_by]) FROM recording_pairs WHERE quantity = 'heartrate'"
    known = sorted(name for (name,) in connection.execute(query).fetchall())
    met = {name.casefold() for name in known}
    named = {each.number: str(each.then[HEARTRATE]) for each in rules if each.then.get(HEARTRATE)}
    devices = {number: name for number, name in named.items() if name.strip().casefold() not in met}
    return RulesCheck(effects, [Conflict(*row) for row in conflicts], unknown, devices, known)


def given_by_rules(connection: Connection, activity_id: int) -> tuple[dict[str, str], list[str]]:
    """What rules gave an activity: by field the rule, as number and title; and its tags."""
    query = f"SELECT fields, rules, tags FROM {RULED.name} WHERE activity_id = $id"
    ((fields, rules, tags),) = connection.execute(query, {"id": activity_id}).fetchall() or [((), (), None)]
    return dict(zip(fields, rules, strict=True)), tags or []


def _usable_rules(lake: Lake) -> tuple[Rule, ...]:
    try:
        return rules_of(lake)
    except UnusableRulesError:
        return ()


@contextmanager
def _applied(connection: Connection, rules: Sequence[Rule]) -> Iterator[None]:
    """While the body runs, temporary tables have what the rules see, match and give: `rule_gives` has the new rows of `ruled`."""
    try:
        # hides what rules gave from `activities`
        connection.execute(f"CREATE OR REPLACE TEMPORARY TABLE {RULED.name} ({RULED.ddl})")
        if rules:
            _match(connection, rules)
            connection.execute(sql("rules/gives"))
        else:
            connection.execute(f"CREATE OR REPLACE TEMPORARY TABLE rule_gives ({RULED.ddl})")
        connection.execute(f"DROP TABLE temp.{RULED.name}")
        yield
    finally:
        for name in _TABLES:
            connection.execute(f"DROP TABLE IF EXISTS temp.{name}")


def _match(connection: Connection, rules: Sequence[Rule]) -> None:
    asks_source = any(each.when["source"] for each in rules)
    connection.execute(sql("rules/seen").format(owner=sql("owner"), asks_source=asks_source))
    for rule in rules:
        connection.execute(sql("rules/matches"), {**rule.when, "number": rule.number, "earth_m": EARTH_M})
    rows = [row for rule in rules for row in _rows(rule)]
    marks = f"({', '.join('?' * len(rows[0]))})"  # in one statement: each takes a millisecond to plan
    connection.execute(f"INSERT INTO rule_fields VALUES {', '.join([marks] * len(rows))}", [*chain.from_iterable(rows)])


def _rows(rule: Rule) -> Iterator[list[Any]]:
    """A row per field: the rule, the field, its value as a text and in its column."""
    for field, value in rule.then.items():
        text = ", ".join(value) if isinstance(value, list) else str(value).lower() if value in (True, False) else value
        source, _, gear_id = str(text).partition(":")
        own: dict[str, Any] = {"gear_source": source, "gear_id": gear_id} if field == "gear" else {field: value}
        yield [rule.number, str(rule), field, text, *(own.get(name) for name in _COLUMNS)]
