"""The file cars.toml, which a person writes at the path in PINGS_CONFIG; checked for `doctor`.

rules/people.py defines its format.
"""

import stat
import tomllib
from dataclasses import replace
from pathlib import Path

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.core.facts import Fact, ok, problem, warning
from strava_pipeline.environment.setting_files import read_toml
from strava_pipeline.trips.car.rules.people import People, PeopleError, read_people

PEOPLE = "pings: people"


class UnusablePeopleError(PipelineError):
    """cars.toml exists and can't be used; the message says where and why."""

    exit_code = 2


def people_in(path: Path) -> People:
    """The people, the path of CarConnectivity's configuration made absolute; empty without a file.

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


def people_health(path: Path) -> Fact:
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
    """The end of the error's text, `(at line 3, column 5)`; the rest may quote the line."""
    text = str(error)
    return text[text.rindex("(") + 1 :].rstrip(")") if "(" in text else "it can't be parsed"
