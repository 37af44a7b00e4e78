"""What `doctor` looks at in Dagster's folder. Reads only.

Dagster is imported only where there is an instance to ask: what it is asked stands in instance_health.py.
"""

from datetime import datetime
from pathlib import Path

from strava_pipeline.core.findings import Finding, ok, skipped, warning
from strava_pipeline.lake.paths import Lake
from strava_pipeline.orchestrate.home import CONFIG, own_configuration

INSTANCE = "dagster"


def config_health(home: Path) -> Finding:
    """Whether the instance is configured as this version of the project wants it."""
    path = home / CONFIG
    if not path.exists():
        return skipped(CONFIG, f"none in {home} yet")
    if path.read_bytes() == own_configuration():
        return ok(CONFIG, "the project's own")
    from strava_pipeline.orchestrate.instance import (
        NO_CONFIGURATION,
        configuration_lines,
        is_replaceable,
        missing_configuration,
    )

    if is_replaceable(path):
        return ok(CONFIG, "empty, or an earlier version's own; the next command replaces it")
    try:
        missing = missing_configuration(home)
    except NO_CONFIGURATION as error:
        return warning(CONFIG, f"{path} can't be read ({type(error).__name__}).", f"mv '{path}' '{path}.away'")
    if not missing:
        return ok(CONFIG, "your own; it says all that this version counts on")
    return warning(
        CONFIG,
        f"{path} is not this version's own and lacks {', '.join(missing)}.",
        "If you changed it, add these lines, each to the section of its name where there is one:\n"
        f"{configuration_lines(missing)}"
        "Else move it away, and the next command puts the project's own there:\n"
        f"mv '{path}' '{path}.away'",
    )


def instance_health(home: Path, lake: Lake, now: datetime) -> list[Finding]:
    """Dagster's records, its daemon and runs that died. An instance that was never used is not made."""
    if not (home / "history" / "runs.db").exists():
        return [skipped(INSTANCE, f"none in {home} yet; the first run makes it")]
    from strava_pipeline.orchestrate.instance_health import look_at_instance

    return look_at_instance(home, lake, now)
