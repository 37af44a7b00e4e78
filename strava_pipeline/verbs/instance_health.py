"""What `doctor` asks Dagster's instance: its records, its daemon, automation, runs that died, its configuration. Reads only."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import yaml  # type: ignore[import-untyped]
from sqlalchemy.exc import SQLAlchemyError

from strava_pipeline.core.errors import Finding, ok, problem, skipped, warning
from strava_pipeline.lake.paths import Lake
from strava_pipeline.orchestrate.dagster_private import DEFAULT_DAEMON_HEARTBEAT_TOLERANCE_SECONDS
from strava_pipeline.orchestrate.home import CONFIG, STORAGES, names_other_storage, own_configuration
from strava_pipeline.orchestrate.runs import dead_runs
from strava_pipeline.orchestrate.storage import OtherHomeError
from strava_pipeline.verbs.dagster_health import INSTANCE
from strava_pipeline.verbs.instance import (
    NotUnderstoodError,
    configuration_sections,
    fault_of_database,
    is_behind,
    keeps_records_in,
    load_instance,
    unreachable,
    unset_variables,
)

DAEMON, AUTOMATION, RUNS = "dagster daemon", "automation", "runs"
RUNNING = timedelta(minutes=3)  # a heartbeat comes every 30 s, later while the daemon is busy
GONE = timedelta(seconds=DEFAULT_DAEMON_HEARTBEAT_TOLERANCE_SECONDS)
# each the user's to choose; by the names under which dagster.yaml may say it
_CHOICES = {
    "storage": STORAGES,
    "run_launcher": {"run_launcher"},
    "compute_logs": {"compute_logs"},
}


def look_at_instance(home: Path, lake: Lake, now: datetime) -> list[Finding]:
    """Each look's finding; one alone where the instance in `home` can't be opened."""
    try:
        with load_instance(home) as instance:
            return [_schema(instance, home), _daemon(instance, now), _automation(instance), _dead(instance, lake)]
    except NotUnderstoodError as error:
        if names_other_storage(home) or unset_variables(home):
            return [problem(INSTANCE, str(error), f"Edit {home / CONFIG}, or set what it names.")]
        return [skipped(INSTANCE, f"not looked at: Dagster does not understand {home / CONFIG}")]
    except OtherHomeError as error:
        return [problem(INSTANCE, str(error), f"Edit {home / CONFIG}: storage, base_dir.")]
    except Exception as error:
        fault = fault_of_database(error)
        if fault is not None and names_other_storage(home):
            return [problem(INSTANCE, unreachable(home, fault), f"Start the database, or edit {home / CONFIG}.")]
        if fault is None and not isinstance(error, (dg.DagsterError, SQLAlchemyError, OSError)):
            raise
        return [
            problem(
                INSTANCE,
                f"the instance in {home} can't be opened ({type(error).__name__}).",
                "Its records are runs and logs, no activities. End the service (`strava-pipeline service down`) and other "
                "commands, move them away, and the next run makes new ones:\n"
                f"mv '{home / 'history'}' '{home / 'history.away'}'",
            )
        ]


def _schema(instance: dg.DagsterInstance, home: Path) -> Finding:
    place = f"in {home}" if keeps_records_in(home, instance) else f"in the database that {home / CONFIG} names"
    if is_behind(instance):
        return ok(INSTANCE, f"the records {place} are another version of Dagster's; the next command migrates them")
    return ok(INSTANCE, f"the instance in {home} opens, with its records {place}")


def _daemon(instance: dg.DagsterInstance, now: datetime) -> Finding:
    beats = instance.get_daemon_heartbeats()
    if not beats:
        return ok(DAEMON, "not running; `strava-pipeline service up` starts it")
    heard = {kind: datetime.fromtimestamp(beat.timestamp, UTC) for kind, beat in beats.items()}
    newest = max(heard.values())
    if now - newest > GONE:
        return ok(DAEMON, f"not running since {newest:%Y-%m-%d %H:%M} UTC; `strava-pipeline service up` starts it")
    restart = "Start it again: strava-pipeline service restart (or Ctrl-C in its terminal, and strava-pipeline dev)"
    if now - newest > RUNNING:
        minutes = (now - newest).total_seconds() / 60
        return warning(DAEMON, f"last heard of {minutes:.0f} minutes ago: it was stopped, or it hangs.", restart)
    if silent := sorted(kind for kind, at in heard.items() if RUNNING < now - at <= GONE):
        return warning(DAEMON, f"runs, but without a word of {', '.join(silent)}.", restart)
    if failing := sorted(kind for kind, beat in beats.items() if beat.errors):
        return warning(
            DAEMON,
            f"runs, but {', '.join(failing)} fails.",
            f"Its terminal says why, or `strava-pipeline service logs`. {restart}",
        )
    return ok(DAEMON, "runs")


def _automation(instance: dg.DagsterInstance) -> Finding:
    """Schedules and sensors whose last look ended in an error: nobody else tells of these."""
    failing = []
    for state in instance.all_instigator_state():
        ticks = instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=1) if state.is_running else []
        if ticks and ticks[0].is_failure:
            failing.append(
                f"{state.instigator_name} ({datetime.fromtimestamp(ticks[0].timestamp, UTC):%Y-%m-%d %H:%M} UTC)"
            )
    if not failing:
        return ok(AUTOMATION, "no schedule or sensor failed when it last looked")
    return warning(
        AUTOMATION,
        f"failed when they last looked: {', '.join(sorted(failing))}.",
        "The UI says why, under Automation (strava-pipeline dev, or service status tells where). After an update: "
        "strava-pipeline service restart",
    )


def _dead(instance: dg.DagsterInstance, lake: Lake) -> Finding:
    dead = dead_runs(instance, lake)
    if not dead:
        return ok(RUNS, "none that died and still counts as running")
    fix = "Nothing to do: the next command, or `strava-pipeline service up`, marks them as failed. What they fetched is kept."
    return warning(RUNS, f"died without a word: {', '.join(dead)}.", fix)


def missing_configuration(home: Path) -> list[str]:
    """What the project's own dagster.yaml says and the one in `home`, of an older version or edited, does not.

    A storage, a run launcher or compute logs of the user's own are never missing.
    """
    own, present = _own(), configuration_sections(home)
    return sorted(
        name for name in _absent(own, present) if not _CHOICES.get(name.partition(".")[0], set()) & present.keys()
    )


def configuration_lines(names: list[str]) -> str:
    """The project's own settings of these dotted names, as lines of a dagster.yaml."""
    lines: dict[str, Any] = {}
    for name in names:
        *above, last = name.split(".")
        value, target = _own(), lines
        for part in above:
            value, target = value[part], target.setdefault(part, {})
        target[last] = value[last]
    return str(yaml.safe_dump(lines, sort_keys=False))


def _own() -> dict[str, Any]:
    return dict(dg.config_from_yaml_strings([own_configuration().decode()]))


def _absent(own: Mapping[str, Any], present: Any, above: str = "") -> list[str]:
    found: list[str] = []
    for name, value in own.items():
        if not isinstance(present, dict) or name not in present:
            found.append(f"{above}{name}")
        elif isinstance(value, dict):
            found += _absent(value, present[name], f"{above}{name}.")
    return found
