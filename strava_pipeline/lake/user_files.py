"""Files that a person writes: goals.toml beside the data folder, and cars.toml, where PINGS_CONFIG says; checked for `doctor`.

core/insights/goals.py and core/pings/people.py define what may stand in them.
"""

import stat
import tomllib
from dataclasses import replace
from pathlib import Path

from strava_pipeline.core.errors import Finding, PipelineError, ok, problem, warning
from strava_pipeline.core.insights.goals import Goals, GoalsError, read_goals
from strava_pipeline.core.pings.people import People, PeopleError, read_people
from strava_pipeline.lake.paths import Lake
from strava_pipeline.setting_files import read_toml

GOALS = "goals"
PEOPLE = "pings: people"


class UnusableGoalsError(PipelineError):
    """goals.toml exists and can't be used; the message says where and why."""


def goals_health(lake: Lake) -> Finding:
    """Whether goals.toml can be used, for `doctor`."""
    if not lake.goals.exists():
        return ok(GOALS, f"none set: there is no {lake.goals}")
    try:
        goals = goals_of(lake)
    except UnusableGoalsError as error:
        return problem(GOALS, str(error), "Correct it, and check it again: strava-pipeline goals check")
    rides = "; power that names no group of sports counts for rides (ftp = { ride = 250, run = 310 })"
    return ok(GOALS, f"{lake.goals} sets {len(goals.all)}{rides if goals.ungrouped_power else ''}")


def goals_of(lake: Lake) -> Goals:
    """The goals in goals.toml; none where there is no file. Raises UnusableGoalsError."""
    path = lake.goals
    try:
        return read_toml(path, read_goals, UnusableGoalsError) or Goals()
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UnusableGoalsError(f"{path} is no TOML in UTF-8: {error}") from error
    except GoalsError as error:
        raise UnusableGoalsError(f"{path}:\n{error}") from error


class UnusablePeopleError(PipelineError):
    """cars.toml exists and can't be used; the message says where and why."""

    exit_code = 2


def people_in(path: Path) -> People:
    """The people, the path of CarConnectivity's configuration made absolute; nobody where there is no file.

    Raises UnusablePeopleError.
    """
    try:
        people = read_toml(path, read_people, UnusablePeopleError) or People()
    except tomllib.TOMLDecodeError as error:
        raise UnusablePeopleError(f"{path} is no TOML: {_where(error)}.") from None
    except UnicodeDecodeError:
        raise UnusablePeopleError(f"{path} is no text in UTF-8.") from None
    except PeopleError as error:
        raise UnusablePeopleError(f"{path}:\n{error}") from error
    if people.carconnectivity is None:
        return people
    return replace(people, carconnectivity=str(path.parent.absolute() / Path(people.carconnectivity).expanduser()))


def people_health(path: Path) -> Finding:
    """Whether cars.toml can be used, and whether others can read its tokens, for `doctor`."""
    try:
        people = people_in(path)
        mode = stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        return ok(PEOPLE, f"no pings are taken: there is no {path}")
    except UnusablePeopleError as error:
        return problem(PEOPLE, str(error), f"Correct {path}; cars.example.toml shows what it may hold.")
    unset = [person.config.user_id for person in people.people if not person.has_token]
    if unset:
        what = f"{', '.join(unset)} can't send pings: the token is still the example's."
        return warning(PEOPLE, what, f"Put a token into {path}: openssl rand -hex 32")
    if mode & 0o077:
        return warning(PEOPLE, f"{path} holds tokens and can be read by others.", f"chmod 600 '{path}'")
    cars = sum(len(config.cars) for config in people.configs)
    return ok(PEOPLE, f"{path} names {len(people.people)}, with {cars} cars, of which {len(people.vins)} can be asked")


def _where(error: tomllib.TOMLDecodeError) -> str:
    """The end of the error's text, `(at line 3, column 5)`; what stands before it may quote the line."""
    text = str(error)
    return text[text.rindex("(") + 1 :].rstrip(")") if "(" in text else "it can't be parsed"
