"""goals.toml, a person's goals: beside the data folder, where a person writes. What is in it is core/insights/goals.py's."""

import tomllib

from strava_pipeline.core.errors import Finding, PipelineError, ok, problem
from strava_pipeline.core.insights.goals import Goals, GoalsError, read_goals
from strava_pipeline.lake.paths import Lake

GOALS = "goals"


class UnusableGoalsError(PipelineError):
    """goals.toml is there and can't be followed; says where and why."""


def goals_health(lake: Lake) -> Finding:
    """Whether the file can be followed, for `doctor`."""
    if not lake.goals.exists():
        return ok(GOALS, f"none set: there is no {lake.goals}")
    try:
        return ok(GOALS, f"{lake.goals} sets {len(goals_of(lake).all)}")
    except UnusableGoalsError as error:
        return problem(GOALS, str(error), "Mend it, and look again: strava-pipeline goals check")


def goals_of(lake: Lake) -> Goals:
    """The goals; none where there is no file. Raises UnusableGoalsError."""
    path = lake.goals
    try:
        return read_goals(tomllib.loads(path.read_text(encoding="utf-8-sig")))
    except FileNotFoundError:
        return Goals()
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UnusableGoalsError(f"{path} is no TOML in UTF-8: {error}") from error
    except GoalsError as error:
        raise UnusableGoalsError(f"{path}:\n{error}") from error
    except RecursionError as error:
        raise UnusableGoalsError(f"{path} is nested too deeply.") from error
    except OSError as error:
        raise UnusableGoalsError(f"{path} can't be read ({type(error).__name__}).") from error
