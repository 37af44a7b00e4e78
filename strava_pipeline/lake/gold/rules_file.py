"""The file rules.toml, which a person writes next to the data folder: what holds of which activities. Read and checked.

    [[rule]]
    title = "To work"                                 # optional
    when.sport = "ride"                               # all conditions must hold: CONDITIONS
    when.weekdays = ["mon", "tue", "wed"]
    when.from = "06:00"                               # local time of the start
    when.until = "10:00"
    when.within = { latitude = 52.5163, longitude = 13.3777, radius_m = 300 }   # where it starts
    then.name = "To work"                             # GIVES
    then.commute = true

No fault names a place: errors are shown, and positions are private. What rules give stands in rules.py.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import time
from typing import Any

import duckdb
import tomlkit

from strava_pipeline.core.errors import MisuseError, PipelineError
from strava_pipeline.core.facts import Fact, ok, problem
from strava_pipeline.core.sports import GROUP_OF, SPORTS
from strava_pipeline.core.text import counted
from strava_pipeline.environment.setting_files import file_text, read_toml, replace_file
from strava_pipeline.lake.gold.corrections import Word, checked_words
from strava_pipeline.lake.gold.sessions import first_line
from strava_pipeline.lake.locks import locked
from strava_pipeline.lake.paths import Lake

RULES = "rules"
MOST_RULES = 1_000  # a publish takes some 10 ms for each
HEARTRATE = "heartrate_from"
GIVES = ("name", "sport_type", "gear", "commute", "tags", "counts", HEARTRATE)
"""What a rule can give: fields of a person's words, and the device whose heart rate counts where several recorded one."""
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class UnusableRulesError(PipelineError):
    """rules.toml exists and can't be used; the message says where and why."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule. `number`: its place in the file, from 1. `when`: parameters of sql/rules/matches.sql; `then`: values by field."""

    number: int
    title: str
    when: Mapping[str, Any] = field(repr=False)
    then: Mapping[str, str | bool | float | list[str]]

    def __str__(self) -> str:
        return f"rule {self.number}, {self.title}" if self.title else f"rule {self.number}"


def rules_health(lake: Lake) -> Fact:
    """Whether rules.toml can be used, for `doctor`."""
    if not lake.rules.exists():
        return ok(RULES, f"none set: there is no {lake.rules}")
    try:
        return ok(RULES, f"{lake.rules} has {counted(len(rules_of(lake)), 'rule')}")
    except UnusableRulesError as error:
        return problem(RULES, str(error), "Correct it, and check it again: strava-pipeline rules check")


def rules_of(lake: Lake) -> tuple[Rule, ...]:
    """The rules in rules.toml, in its order; empty without the file. Raises UnusableRulesError."""
    try:
        return read_toml(lake.rules, read_rules, UnusableRulesError) or ()
    except ValueError as error:  # of TOML, of UTF-8, or of a rule
        raise UnusableRulesError(f"{lake.rules}:\n{error}") from error


def read_rules(document: Mapping[str, Any]) -> tuple[Rule, ...]:
    """The rules in a parsed rules.toml. Raises ValueError with a line per fault, each naming the rule."""
    entries, found, faults = document.get("rule", []), list[Rule](), list[str]()
    if document.keys() - {"rule"} or not (
        isinstance(entries, list) and all(isinstance(each, Mapping) for each in entries)
    ):
        raise ValueError("Each rule stands in a table of its own, [[rule]], and nothing stands beside them.")
    if len(entries) > MOST_RULES:
        raise ValueError(
            f"It has {len(entries)} rules, and at most {MOST_RULES} are followed. Say several places or names in one rule."
        )
    for number, entry in enumerate(entries, start=1):
        try:
            found.append(_rule(number, entry))
        except MisuseError as error:
            faults.append(f"[[rule]] {number}: {error}")
    if faults := [*faults, *_faulty_patterns(found)]:
        raise ValueError("\n".join(faults))
    return tuple(found)


def _rule(number: int, entry: Mapping[str, Any]) -> Rule:
    if (unknown := entry.keys() - {"title", "when", "then"}) or not isinstance(entry.get("title", ""), str):
        raise MisuseError(
            f"{', '.join(sorted(unknown)) or 'title'}: a rule has a title, which is a text, when and then"
        )
    given = dict(_table(entry, "then", GIVES))
    asked = {} if given.keys() == {HEARTRATE} and "when" not in entry else _table(entry, "when", CONDITIONS)
    when = {name: _condition(name, value) for name, value in asked.items()}
    leads = {HEARTRATE: _text(given.pop(HEARTRATE))} if HEARTRATE in given else {}
    then: Mapping[str, Word] = leads | (checked_words(given) if given or not leads else {})
    for name in (name for name, value in then.items() if value is None or (name == "counts" and value)):
        raise MisuseError(f"then.{name}: a rule can't give this value")
    values = {name: value for name, value in then.items() if value is not None}
    circle = when.pop("within", {})
    return Rule(number, entry.get("title", "").strip(), _NO_CONDITIONS | when | circle, values)


def _table(entry: Mapping[str, Any], name: str, known: Collection[str]) -> Mapping[str, Any]:
    given = entry.get(name)
    if not isinstance(given, Mapping) or not given or given.keys() - {*known}:
        raise MisuseError(f"{name}: it needs one or more of {', '.join(known)}, and nothing else")
    return given


def _condition(name: str, value: Any) -> Any:
    read, form = CONDITIONS[name]
    if (found := read(value)) is None:
        raise MisuseError(f"when.{name}: not {form}")
    return found


def _is_believing(entry: Mapping[str, Any]) -> bool:
    """Whether a rule of the file says of all activities whose heart rate counts."""
    return "when" not in entry and entry["then"].keys() == {HEARTRATE}


def believed_device(lake: Lake) -> str | None:
    """The device whose heart rate counts wherever it recorded beside another one. Raises UnusableRulesError."""
    document = read_toml(lake.rules, dict, UnusableRulesError) if rules_of(lake) else None
    return next((entry["then"][HEARTRATE] for entry in (document or {}).get("rule", ()) if _is_believing(entry)), None)


def believe(lake: Lake, device: str | None) -> None:
    """Write the rule that says so into rules.toml, last; None takes it out. All else in the file stays.

    Raises UnusableRulesError if the file can't be used, or would not say just this.
    """
    with locked(lake, RULES, who="the dashboard"):
        believed, before = believed_device(lake), file_text(lake.rules)
        if believed == device:
            return
        if believed is not None:
            document = tomlkit.parse(before)
            rules: list[Any] = document["rule"]
            del rules[next(place for place, each in enumerate(rules) if _is_believing(each))]
            if not rules:
                del document["rule"]
            after = tomlkit.dumps(document)
        else:
            after = before
        if device is not None:
            text = tomlkit.item(device).as_string()
            after = f'{after.rstrip()}\n\n[[rule]]\ntitle = "The heart rate to believe"\nthen.{HEARTRATE} = {text}\n'.lstrip()
        replace_file(lake.rules, before, after, is_private=True)
        try:
            is_said = believed_device(lake) == device
        except UnusableRulesError:
            is_said = False
        if not is_said:
            replace_file(lake.rules, after, before, is_private=True)
            raise UnusableRulesError(f"{lake.rules} can't be changed as it is written; change it yourself.")


def _faulty_patterns(rules: Sequence[Rule]) -> Iterator[str]:
    """A line for each pattern that DuckDB can't use."""
    if patterns := {each.number: each.when["name"] for each in rules if each.when["name"]}:
        with closing(duckdb.connect()) as connection:
            for number, pattern in patterns.items():
                try:
                    connection.execute("SELECT regexp_matches('', $pattern, 'i')", {"pattern": pattern})
                except duckdb.Error as error:
                    yield f"[[rule]] {number}: when.name: no pattern of RE2 ({first_line(error)})"


def _texts(value: Any) -> list[str] | None:
    """A text or several."""
    texts = value if isinstance(value, list) else [value]
    return texts if texts and all(isinstance(each, str) and each for each in texts) else None


def _small(value: Any) -> list[str] | None:
    return [each.lower() for each in _texts(value) or ()] or None


def _sports(value: Any) -> list[str] | None:
    return sports if (sports := _texts(value)) and {*sports} <= {*GROUP_OF, *SPORTS} else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _weekdays(value: Any) -> list[int] | None:
    days = _small(value) or []
    return [_DAYS.index(each) + 1 for each in days] if days and {*days} <= {*_DAYS} else None


def _time(value: Any) -> time | None:
    try:
        found = time.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        return None
    return found if isinstance(found, time) and found.tzinfo is None else None


def _metres(value: Any) -> float | None:
    return float(value) if _is_between(value, 0, 1e9) else None


def _circle(value: Any) -> dict[str, float] | None:
    ranges = {"latitude": (-90, 90), "longitude": (-180, 180), "radius_m": (0, 1e8)}
    is_one = isinstance(value, Mapping) and value.keys() == ranges.keys()
    if not is_one or not all(_is_between(value[name], *bounds) for name, bounds in ranges.items()):
        return None
    return {name: float(value[name]) for name in ranges}


def _is_between(value: Any, low: float, high: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high


CONDITIONS: Mapping[str, tuple[Callable[[Any], Any], str]] = {
    "source": (_text, 'a source: "garmin"'),
    "device": (_small, 'a device or several in []: "Garmin Edge 530"'),
    "sport": (_sports, f"a sport as Strava names it, or one of {', '.join(SPORTS)}; or several in []"),
    "name": (_text, 'a pattern: "work|office"'),
    "within": (_circle, "{ latitude, longitude, radius_m } in degrees and metres"),
    "weekdays": (_weekdays, f"a day or several in []: {', '.join(_DAYS)}"),
    "from": (_time, 'a time of day: "06:30"'),
    "until": (_time, 'a time of day: "06:30"'),
    "min_distance_m": (_metres, "a number of metres"),
    "max_distance_m": (_metres, "a number of metres"),
    "gear": (lambda value: "missing" if value == "missing" else None, '"missing"'),
}
"""What a rule can ask: how each value is read (None: it can't be used), and what it must be."""
_NO_CONDITIONS: dict[str, Any] = dict.fromkeys((*(CONDITIONS.keys() - {"within"}), "latitude", "longitude", "radius_m"))
