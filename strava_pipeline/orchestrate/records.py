"""Dagster's records in SQLite about its daemon, its automation and some runs, read without importing Dagster.

Importing it and opening its instance takes a second and a half, which a read-only look avoids. The tables and their
contents are Dagster's own: only files that the installed version made or migrated are read here, and a test compares
the results with Dagster's. Opening and migrating the instance is verbs/instance.py's.
"""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from strava_pipeline.orchestrate.home import CONFIG, own_configuration
from strava_pipeline.orchestrate.tags import DATA_DIR

MIGRATED_BY = ".migrated_by"  # a note in Dagster's home: the version of Dagster that last checked the databases there
_RUNS, _EVENTS, _SCHEDULES = "history/runs.db", "history/runs/index.db", "schedules/schedules.db"
_ENDED = {"SUCCESS", "FAILURE", "CANCELED"}
_LAST_TICKS = """
SELECT instigator_body, tick_body FROM instigators JOIN job_ticks AS tick USING (selector_id)
WHERE instigators.status <> 'STOPPED' AND tick.status = 'FAILURE' AND tick.id = (
    SELECT id FROM job_ticks AS other WHERE other.selector_id = tick.selector_id ORDER BY timestamp DESC LIMIT 1
)
"""
RUNS_OF_FOLDER = """
SELECT pipeline_name, runs.status, count(*), max(end_time) FROM runs
WHERE NOT EXISTS (SELECT 1 FROM run_tags WHERE run_id = runs.run_id AND key = :key AND value <> :folder)
GROUP BY pipeline_name, runs.status
"""  # also asked of other databases, by Dagster's own connection


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The last heartbeat of a daemon (UTC), and whether it reported an error."""

    at: datetime
    fails: bool


@dataclass(frozen=True, slots=True)
class Records:
    """The contents of the records.

    Args:
        heartbeats: by kind of daemon.
        failed: the active schedules and sensors that failed at their last tick (UTC).
        unfinished: the requested runs that are not over, by their records.
    """

    heartbeats: dict[str, Heartbeat] = field(default_factory=dict)
    failed: dict[str, datetime] = field(default_factory=dict)
    unfinished: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class RunCount:
    """The number of runs of a job with a status (as `success`), and the end of the latest one (UTC), or None."""

    job: str
    status: str
    count: int
    ended_at: datetime | None


def are_as_installed(home: Path) -> bool:
    """Whether the records are the SQLite files in `home` that the project's own dagster.yaml means, all of the
    installed version.
    """
    note, config = home / MIGRATED_BY, home / CONFIG
    is_ours = config.exists() and config.read_bytes() == own_configuration()
    return is_ours and note.exists() and note.read_text() == version("dagster")


def read_records(home: Path, run_ids: Sequence[str]) -> Records:
    """The present contents of the files in `home`; `run_ids`: the runs to ask about. Raises sqlite3.Error if one can't
    be read.
    """
    with closing(_opened(home / _EVENTS)) as events:
        events.execute("SELECT count(*) FROM alembic_version")  # from which nothing is read; but it has to open
    with closing(_opened(home / _RUNS)) as runs:
        beats = [json.loads(body) for (body,) in runs.execute("SELECT body FROM daemon_heartbeats")]
        places = ", ".join("?" * len(run_ids))
        known = dict(runs.execute(f"SELECT run_id, status FROM runs WHERE run_id IN ({places})", [*run_ids]))
    with closing(_opened(home / _SCHEDULES)) as schedules:
        ticks = [(json.loads(state), json.loads(tick)) for state, tick in schedules.execute(_LAST_TICKS)]
    return Records(
        {beat["daemon_type"]: Heartbeat(_moment(beat), bool(beat["errors"])) for beat in beats},
        {state["origin"]["job_name"]: _moment(tick) for state, tick in ticks},
        [run_id for run_id in run_ids if run_id in known and known[run_id] not in _ENDED],
    )


def read_run_counts(home: Path, data_dir: Path) -> list[RunCount]:
    """The counts of a data folder's runs in the files in `home`. Raises sqlite3.Error if they can't be read."""
    with closing(_opened(home / _RUNS)) as runs:
        return run_counts(runs.execute(RUNS_OF_FOLDER, of_folder(data_dir)))


def of_folder(data_dir: Path) -> dict[str, str]:
    """The parameters of RUNS_OF_FOLDER: a run without the tag has not begun, and may be the folder's."""
    return {"key": DATA_DIR, "folder": str(data_dir)}


def run_counts(rows: Iterable[Sequence[Any]]) -> list[RunCount]:
    """The rows of RUNS_OF_FOLDER."""
    return [
        RunCount(job, status.lower(), count, None if ended is None else datetime.fromtimestamp(ended, UTC))
        for job, status, count, ended in rows
    ]


def _opened(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)


def _moment(body: dict[str, Any]) -> datetime:
    return datetime.fromtimestamp(body["timestamp"], UTC)
