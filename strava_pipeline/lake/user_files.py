"""The file goals.toml, which a person writes next to the data folder, or on a page: read, checked for `doctor`, changed.

core/insights/goals.py defines its format.
"""

import hashlib
import tomllib
from collections.abc import Callable, Mapping, MutableMapping
from itertools import pairwise
from typing import Any

import tomlkit

from strava_pipeline.core.errors import MisuseError, PipelineError
from strava_pipeline.core.facts import Fact, ok, problem, warning
from strava_pipeline.core.insights.athlete import Estimates, low_maxima
from strava_pipeline.core.insights.goals import Goals, GoalsError, read_goals
from strava_pipeline.environment.setting_files import file_text, read_toml, replace_file
from strava_pipeline.lake.locks import locked
from strava_pipeline.lake.paths import Lake

GOALS = "goals"
_MARK = "\ufeff"  # a byte order mark


class UnusableGoalsError(PipelineError):
    """goals.toml exists and can't be used; the message says where and why."""


def goals_health(lake: Lake, estimates: Estimates) -> Fact:
    """Whether goals.toml can be used, for `doctor`. `estimates`: as of `low_maxima`."""
    if not lake.goals.exists():
        return ok(GOALS, f"none set: there is no {lake.goals}")
    try:
        goals = goals_of(lake)
    except UnusableGoalsError as error:
        return problem(GOALS, str(error), "Correct it, and check it again: strava-pipeline goals check")
    if low := low_maxima(goals.athlete, estimates):
        return warning(GOALS, "; ".join(sorted(low)), "Correct it, on the page Settings or in the file.")
    rides = "; power that names no group of sports counts for rides (ftp = { ride = 250, run = 310 })"
    return ok(GOALS, f"{lake.goals} sets {len(goals.all)}{rides if goals.ungrouped_power else ''}")


def goals_of(lake: Lake) -> Goals:
    """The goals in goals.toml; empty without the file. Raises UnusableGoalsError."""
    return _read(lake)[0]


def _read(lake: Lake) -> tuple[Goals, dict[str, Any]]:
    """The goals and the content that they were read from."""
    path = lake.goals
    try:
        found = read_toml(path, lambda document: (read_goals(document), document), UnusableGoalsError)
        return found or (Goals(), {})
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UnusableGoalsError(f"{path} is no TOML in UTF-8: {error}") from error
    except GoalsError as error:
        raise UnusableGoalsError(f"{path}:\n{error}") from error


def seal_of_goals(lake: Lake) -> str:
    """A hash of goals.toml's present text, or of an empty text without the file. Raises PipelineError."""
    return _seal(file_text(lake.goals))


def _seal(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


Place = tuple[str | int, ...]
"""Where a value stands in goals.toml: names of tables, numbers of entries from 0, and the value's name."""


def goals_document(lake: Lake) -> dict[str, Any]:
    """The content of goals.toml, empty without the file. Raises UnusableGoalsError if a value of it can't be used."""
    return _read(lake)[1]


def write_goals(lake: Lake, values: Mapping[Place, Any], seal: str, estimates: Estimates = ()) -> None:
    """Write values into goals.toml, for its owner alone; None removes one, and a table that has none left.

    `estimates`: as of `low_maxima`. Comments and order stay. Raises MisuseError if the file was changed since it had this
    seal, or if nothing would change; GoalsError if a value can't be used; UnusableGoalsError if the file can't be.

        write_goals(lake, {("2026", "ride", "distance_km"): 5000, ("athlete", 0, "weight_kg"): None}, seal)
    """
    with locked(lake, "goals", who="the dashboard"):
        before, wanted = file_text(lake.goals), goals_document(lake)
        if _seal(before) != seal:
            raise MisuseError("goals.toml was changed since the page showed it. Load the page again.")
        try:
            low = low_maxima(read_goals(wanted).athlete, estimates)
            _edit(wanted, values, dict, list)
            if low := low_maxima(read_goals(wanted).athlete, estimates) - low:
                raise GoalsError("\n".join(sorted(low)))
        except (KeyError, IndexError, TypeError):
            raise MisuseError("goals.toml has no such place. Load the page again.") from None
        mark = _MARK if before.startswith(_MARK) else ""
        document = tomlkit.parse(before.removeprefix(mark))
        _edit(document, values, tomlkit.table, tomlkit.aot)
        after = mark + tomlkit.dumps(document)
        if after == before:
            raise MisuseError("Nothing of it differs from goals.toml, so nothing is written.")
        if not _says(after.removeprefix(mark), wanted):
            raise UnusableGoalsError(f"{lake.goals} can't be changed as it is written; change it yourself.")
        replace_file(lake.goals, before, after, is_private=True)


def _says(text: str, wanted: Mapping[str, Any]) -> bool:
    try:
        return tomllib.loads(text) == wanted
    except tomllib.TOMLDecodeError:  # tomlkit has no place for a table in a list between brackets
        return False


def _edit(
    document: MutableMapping[str, Any],
    values: Mapping[Place, Any],
    new_table: Callable[[], Any],
    new_tables: Callable[[], Any],
) -> None:
    for place, value in values.items():
        if value is not None:
            _put(document, place, value, new_table, new_tables)
    for place in sorted((place for place, value in values.items() if value is None), key=_order, reverse=True):
        _remove(document, place)  # the last entries first: the numbers of the others stay


def _order(place: Place) -> list[tuple[bool, str]]:
    """By which `since`, without which an entry is none, is the last value of its entry."""
    return [(each == "since", f"{each:06}" if isinstance(each, int) else each) for each in place]


def _put(
    holder: Any, place: tuple[Any, ...], value: Any, new_table: Callable[[], Any], new_tables: Callable[[], Any]
) -> None:
    for name, below in pairwise(place):
        if isinstance(holder, list) and name == len(holder):
            holder.append(new_table())
        elif not isinstance(holder, list) and name not in holder:
            holder[name] = new_tables() if isinstance(below, int) else new_table()
        holder = holder[name]
        if not isinstance(holder, MutableMapping | list):
            raise MisuseError(f"goals.toml has one value for all at {name}. Change that one.")
    holder[place[-1]] = value


def _remove(holder: Any, place: tuple[Any, ...]) -> None:
    name, *below = place
    if below:
        _remove(holder[name], tuple(below))
    if not below or not holder[name] or (isinstance(holder, list) and holder[name].keys() <= {"since"}):
        del holder[name]
