"""The file goals.toml, which a person writes beside the data folder; checked for `doctor`.

core/insights/goals.py defines what may stand in it.
"""

import tomllib

from strava_pipeline.core.errors import Finding, PipelineError, ok, problem
from strava_pipeline.core.insights.goals import Goals, GoalsError, read_goals
from strava_pipeline.lake.paths import Lake
from strava_pipeline.setting_files import read_toml

GOALS = "goals"


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
