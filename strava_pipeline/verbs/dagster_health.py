"""What `doctor` looks at in Dagster's folder. Reads only.

Dagster is imported only where there is an instance to ask: what it is asked stands in instance_health.py.
"""

from datetime import datetime
from pathlib import Path

from strava_pipeline.core.errors import Finding, ok, skipped, warning
from strava_pipeline.lake.paths import Lake
from strava_pipeline.orchestrate.home import CONFIG, may_have_records, names_other_storage, own_configuration

INSTANCE = "dagster"


def config_health(home: Path) -> Finding:
    """Whether the instance is configured as this version of the project wants it."""
    path = home / CONFIG
    if not path.exists():
        return skipped(CONFIG, f"none in {home} yet")
    if path.read_bytes() == own_configuration():
        return ok(CONFIG, "the project's own")
    from strava_pipeline.verbs.instance import NO_CONFIGURATION, is_replaceable
    from strava_pipeline.verbs.instance_health import configuration_lines, missing_configuration

    if is_replaceable(path):
        return ok(CONFIG, "empty, or an earlier version's own; the next command replaces it")
    try:
        missing = missing_configuration(home)
    except NO_CONFIGURATION as error:
        fix = (
            f"Correct it. If it names no database of your own, you can move it away instead:\nmv '{path}' '{path}.away'"
        )
        return warning(CONFIG, f"{path} can't be read ({type(error).__name__}).", fix)
    if not missing:
        return ok(CONFIG, "your own; it says all that this version counts on")
    lines = f"add these lines, each to the section of its name where there is one:\n{configuration_lines(missing)}"
    if names_other_storage(home):
        fix = f"Keep the file, whose section storage leads to the records of past runs, and {lines}"
    else:
        away = f"Else move it away, and the next command puts the project's own there:\nmv '{path}' '{path}.away'"
        fix = f"If you changed it, {lines}{away}"
    return warning(CONFIG, f"{path} is not this version's own and lacks {', '.join(missing)}.", fix)


def instance_health(home: Path, lake: Lake, now: datetime) -> list[Finding]:
    """Dagster's records, its daemon and runs that died. An instance that was never used is not made."""
    if not may_have_records(home):
        return [skipped(INSTANCE, f"none in {home} yet; the first run makes it")]
    from strava_pipeline.verbs.instance_health import look_at_instance

    return look_at_instance(home, lake, now)
