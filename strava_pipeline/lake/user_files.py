"""The file goals.toml, which a person writes next to the data folder: checked for `doctor`, and changed at a page's request.

core/insights/goals.py defines its format.
"""

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import tomlkit

from strava_pipeline.core.errors import MisuseError, PipelineError
from strava_pipeline.core.facts import Fact, ok, problem
from strava_pipeline.core.insights.goals import CHOICES, Goals, GoalsError, read_goals
from strava_pipeline.environment.setting_files import file_text, read_toml
from strava_pipeline.lake.paths import Lake

GOALS = "goals"


class UnusableGoalsError(PipelineError):
    """goals.toml exists and can't be used; the message says where and why."""


def goals_health(lake: Lake) -> Fact:
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
    """The goals in goals.toml; empty without the file. Raises UnusableGoalsError."""
    path = lake.goals
    try:
        return read_toml(path, read_goals, UnusableGoalsError) or Goals()
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UnusableGoalsError(f"{path} is no TOML in UTF-8: {error}") from error
    except GoalsError as error:
        raise UnusableGoalsError(f"{path}:\n{error}") from error


def seal_of_goals(lake: Lake) -> str:
    """A hash of goals.toml's present text, or of an empty text without the file. Raises PipelineError."""
    return _seal(file_text(lake.goals))


def _seal(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def with_display(lake: Lake, chosen: Mapping[str, str | None], seal: str) -> tuple[str, str]:
    """The text of goals.toml (empty without the file), and the same with these CHOICES; None removes a choice's line.

    Comments and order stay. Raises MisuseError if the file was changed since it had this seal, or if nothing would
    change; UnusableGoalsError if it can't be used.
    """
    known, before = goals_of(lake), file_text(lake.goals)
    if _seal(before) != seal:
        raise MisuseError("goals.toml was changed since the page showed it. Load the page again.")
    usual = Goals()
    values: dict[str, Any] = {name: chosen[name] or getattr(usual, name) for name in CHOICES if name in chosen}
    wanted = replace(known, **values)
    if wanted == known:
        raise MisuseError("Nothing of it differs from goals.toml, so nothing is written.")
    mark = "\ufeff" if before.startswith("\ufeff") else ""
    document = tomlkit.parse(before.removeprefix(mark))
    for name in CHOICES:
        if getattr(wanted, name) == getattr(known, name):
            continue
        if getattr(wanted, name) is None:
            del document[name]
        else:
            document[name] = getattr(wanted, name)
    after = tomlkit.dumps(document)
    if read_goals(tomllib.loads(after)) != wanted:
        raise UnusableGoalsError(f"{lake.goals} can't be changed as it is written; change it yourself.")
    return before, mark + after
