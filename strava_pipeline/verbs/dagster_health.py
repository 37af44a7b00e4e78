"""The checks of `doctor` in Dagster's folder: its configuration, records, daemon, automation, and dead runs. Reads only.

Dagster takes a second to import, so it is imported only if there is an instance to ask. How an instance is opened
stands in instance.py.
"""

import sqlite3
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from strava_pipeline.core.facts import Fact, ok, problem, skipped, warning
from strava_pipeline.lake.locks import runs_that_died
from strava_pipeline.lake.paths import Lake
from strava_pipeline.orchestrate.home import (
    CONFIG,
    STORAGES,
    may_have_records,
    names_other_storage,
    own_configuration,
)
from strava_pipeline.orchestrate.records import Heartbeat, Records, are_as_installed, read_records

if TYPE_CHECKING:
    import dagster as dg

INSTANCE, DAEMON, AUTOMATION, RUNS = "dagster", "dagster daemon", "automation", "runs"
RUNNING = timedelta(minutes=3)  # a heartbeat comes every 30 s, later while the daemon is busy
GONE = timedelta(minutes=30)  # Dagster's own tolerance: after that, its daemon does not count as running
# each the user's to choose; by the names under which dagster.yaml may say it
_CHOICES = {
    "storage": STORAGES,
    "run_launcher": {"run_launcher"},
    "compute_logs": {"compute_logs"},
}

_EARLIER = {  # values of earlier versions that this one replaces; nobody chose them
    "run_coordinator.module": "dagster.core.run_coordinator",
    "run_coordinator.class": "QueuedRunCoordinator",
    "run_monitoring.start_timeout_seconds": 180,
}


def config_health(home: Path) -> Fact:
    """Whether the instance has the configuration that this version of the project needs."""
    path = home / CONFIG
    if not path.exists():
        return skipped(CONFIG, f"none in {home} yet")
    if path.read_bytes() == own_configuration():
        return ok(CONFIG, "the project's own")
    from strava_pipeline.verbs.instance import NO_CONFIGURATION, is_replaceable

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
    lines = (
        "write these lines into it, each into the section of its name where there is one, in place of what that says there:\n"
        f"{configuration_lines(missing)}"
    )
    if names_other_storage(home):
        fix = f"Keep the file, whose section storage leads to the records of past runs, and {lines}"
    else:
        away = f"Else move it away, and the next command puts the project's own there:\nmv '{path}' '{path}.away'"
        fix = f"If you changed it, {lines}{away}"
    return warning(CONFIG, f"{path} is not this version's own and does not say as it does: {', '.join(missing)}.", fix)


def instance_health(home: Path, lake: Lake, now: datetime) -> list[Fact]:
    """Dagster's records, its daemon and dead runs. An instance that was never used is not created."""
    if not may_have_records(home):
        return [skipped(INSTANCE, f"none in {home} yet; the first run makes it")]
    return _in_files(home, lake, now) if are_as_installed(home) else opened_instance_health(home, lake, now)


def opened_instance_health(home: Path, lake: Lake, now: datetime) -> list[Fact]:
    """A finding per check; a single one if the instance in `home` can't be opened."""
    import dagster as dg
    from sqlalchemy.exc import SQLAlchemyError

    from strava_pipeline.verbs.instance import (
        NotUnderstoodError,
        fault_of_database,
        load_instance,
        unreachable,
        unset_variables,
    )

    try:
        with load_instance(home) as instance:
            return [_schema(instance, home), *_findings(records_of(instance, runs_that_died(lake)), now)]
    except NotUnderstoodError as error:
        if names_other_storage(home) or unset_variables(home):
            return [problem(INSTANCE, str(error), f"Edit {home / CONFIG}, or set what it names.")]
        return [skipped(INSTANCE, f"not looked at: Dagster does not understand {home / CONFIG}")]
    except Exception as error:
        fault = fault_of_database(error)
        if fault is not None and names_other_storage(home):
            return [problem(INSTANCE, unreachable(home, fault), f"Start the database, or edit {home / CONFIG}.")]
        if fault is None and not isinstance(error, (dg.DagsterError, SQLAlchemyError, OSError)):
            raise
        return [_unusable(home, error)]


def _in_files(home: Path, lake: Lake, now: datetime) -> list[Fact]:
    """The same from records in SQLite, read without Dagster."""
    try:
        found = read_records(home, runs_that_died(lake))
    except sqlite3.Error as error:
        return [_unusable(home, error)]
    return [_opens(home, f"in {home}"), *_findings(found, now)]


def _unusable(home: Path, error: Exception) -> Fact:
    return problem(
        INSTANCE,
        f"the instance in {home} can't be opened ({type(error).__name__}).",
        "Its records are runs and logs, no activities. End the service (`strava-pipeline service down`) and other "
        "commands, move them away, and the next run makes new ones:\n"
        f"mv '{home / 'history'}' '{home / 'history.away'}'",
    )


def records_of(instance: "dg.DagsterInstance", run_ids: list[str]) -> Records:
    """The records of an instance, wherever they are; `run_ids`: the runs to ask about."""
    from strava_pipeline.orchestrate.runs import unfinished

    beats = instance.get_daemon_heartbeats()
    failed = {}
    for state in instance.all_instigator_state():
        ticks = instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=1) if state.is_running else []
        if ticks and ticks[0].is_failure:
            failed[state.instigator_name] = datetime.fromtimestamp(ticks[0].timestamp, UTC)
    return Records(
        {
            kind: Heartbeat(datetime.fromtimestamp(beat.timestamp, UTC), bool(beat.errors))
            for kind, beat in beats.items()
        },
        failed,
        [run.run_id for run in unfinished(instance, run_ids)],
    )


def _schema(instance: "dg.DagsterInstance", home: Path) -> Fact:
    from strava_pipeline.verbs.instance import is_behind, keeps_records_in

    place = f"in {home}" if keeps_records_in(home, instance) else f"in the database that {home / CONFIG} names"
    if is_behind(instance):
        return ok(INSTANCE, f"the records {place} are another version of Dagster's; the next command migrates them")
    return _opens(home, place)


def _opens(home: Path, place: str) -> Fact:
    return ok(INSTANCE, f"the instance in {home} opens, with its records {place}")


def _findings(records: Records, now: datetime) -> list[Fact]:
    return [_daemon(records.heartbeats, now), _automation(records.failed), _dead(records.unfinished)]


def _daemon(beats: Mapping[str, Heartbeat], now: datetime) -> Fact:
    if not beats:
        return ok(DAEMON, "not running; `strava-pipeline service up` starts it")
    newest = max(beat.at for beat in beats.values())
    if now - newest > GONE:
        return ok(DAEMON, f"not running since {newest:%Y-%m-%d %H:%M} UTC; `strava-pipeline service up` starts it")
    restart = "Start it again: strava-pipeline service restart (or Ctrl-C in its terminal, and strava-pipeline dev)"
    if now - newest > RUNNING:
        minutes = (now - newest).total_seconds() / 60
        return warning(DAEMON, f"last heard of {minutes:.0f} minutes ago: it was stopped, or it hangs.", restart)
    if silent := sorted(kind for kind, beat in beats.items() if RUNNING < now - beat.at <= GONE):
        return warning(DAEMON, f"runs, but without a word of {', '.join(silent)}.", restart)
    if failing := sorted(kind for kind, beat in beats.items() if beat.fails):
        return warning(
            DAEMON,
            f"runs, but {', '.join(failing)} fails.",
            f"Its terminal says why, or `strava-pipeline service logs`. {restart}",
        )
    return ok(DAEMON, "runs")


def _automation(failed: Mapping[str, datetime]) -> Fact:
    """Schedules and sensors whose last evaluation failed: nothing else reports them."""
    if not failed:
        return ok(AUTOMATION, "no schedule or sensor failed when it last looked")
    looks = sorted(f"{name} ({at:%Y-%m-%d %H:%M} UTC)" for name, at in failed.items())
    return warning(
        AUTOMATION,
        f"failed when they last looked: {', '.join(looks)}.",
        "The UI says why, under Automation (strava-pipeline dev, or service status tells where). After an update: "
        "strava-pipeline service restart",
    )


def _dead(dead: list[str]) -> Fact:
    if not dead:
        return ok(RUNS, "none that died and still counts as running")
    fix = "Nothing to do: the next command, or `strava-pipeline service up`, marks them as failed. What they fetched is kept."
    return warning(RUNS, f"died without a word: {', '.join(dead)}.", fix)


def missing_configuration(home: Path) -> list[str]:
    """Settings of the project's own dagster.yaml that the one in `home`, from an older version or edited, lacks, by dotted names.

    Values from an earlier version count as missing, too, if this one relies on another value. The user's own storage,
    run launcher or compute logs never count as missing.
    """
    from strava_pipeline.verbs.instance import configuration_sections

    own, present = _own(), configuration_sections(home)
    return sorted(
        name for name in _absent(own, present) if not _CHOICES.get(name.partition(".")[0], set()) & present.keys()
    )


def configuration_lines(names: list[str]) -> str:
    """The project's own settings of these dotted names, as lines of a dagster.yaml."""
    import yaml  # type: ignore[import-untyped]

    lines: dict[str, Any] = {}
    for name in names:
        *above, last = name.split(".")
        value, target = _own(), lines
        for part in above:
            value, target = value[part], target.setdefault(part, {})
        target[last] = value[last]
    return str(yaml.safe_dump(lines, sort_keys=False))


def _own() -> dict[str, Any]:
    import dagster as dg

    return dict(dg.config_from_yaml_strings([own_configuration().decode()]))


def _absent(own: Mapping[str, Any], present: Any, above: str = "") -> list[str]:
    found: list[str] = []
    for name, value in own.items():
        if not isinstance(present, dict) or name not in present or present[name] == _EARLIER.get(f"{above}{name}"):
            found.append(f"{above}{name}")
        elif isinstance(value, dict):
            found += _absent(value, present[name], f"{above}{name}.")
    return found
