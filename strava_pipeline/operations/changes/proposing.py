"""Proposing: recording the changes that the data call for, and updating the table of changes. Nothing is sent.

Every run that merges does it, after matching. The comparison is comparing.py's; the resulting state is core's.
"""

import hashlib
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from strava_pipeline.core.changes.states import ChangeState, History, Said, change_states, ended_ids, what_is_due
from strava_pipeline.core.numbers import Numbers, if_any
from strava_pipeline.core.tables import PROPOSED_CHANGES
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.providers_file import enabled_providers, providers_file
from strava_pipeline.lake.bronze.answers import newest_athlete
from strava_pipeline.lake.changes import DECIDING, changes_folder, has_changes, history, record_proposals
from strava_pipeline.lake.gold.changes import due_ids, newest_landings, state_counts, write_states
from strava_pipeline.lake.gold.notes import TOLD, begin_change, mark_changed, note, note_made, noted, revision, stands
from strava_pipeline.lake.gold.publish import current_snapshot
from strava_pipeline.lake.gold.warehouse import Connection, transaction
from strava_pipeline.lake.locks import locked
from strava_pipeline.lake.paths import Lake
from strava_pipeline.operations.changes.comparing import find_proposals
from strava_pipeline.operations.run_context import RunContext

_LEFT = f"{TOLD}changes_left_out"  # how many more changes could be proposed


@dataclass(frozen=True, slots=True)
class Proposed(Numbers):
    """The counts of proposing. Counts alone, because values are private.

    Args:
        newly_proposed: how many changes were proposed, for the first time or again.
        changes_expired: how many ended without having been applied.
        states: how many changes have each state, by state, service and kind.
        changes_left_out: how many more the data call for, beyond the number that runs propose at a time.
    """

    newly_proposed: int = 0
    changes_expired: int = 0
    states: Mapping[tuple[str, str, str], int] = field(default_factory=dict, repr=False)
    changes_left_out: int = 0

    def shown(self) -> dict[str, Any]:
        counts: dict[str, dict[str, int]] = {}
        for (state, provider, kind), count in self.states.items():
            counts.setdefault(state, {})[f"{kind} {provider}"] = count
        waiting = sum(counts.get("proposed", {}).values())
        return {**Numbers.shown(self), "changes_waiting": waiting, **if_any(changes_by_state=counts)}


def approval_time(settings: Settings) -> timedelta:
    """How long an approval holds, by providers.toml."""
    return timedelta(days=providers_file(settings.providers_config).changes.approval_days)


def update_proposals(
    run: RunContext, settings: Settings, connection: Connection, months: Collection[str] = ()
) -> Proposed:
    """Record the changes that the warehouse's data call for now, and update the table. Opens a transaction of its own.

    Args:
        months: local months, as 2026-10, with all of their changes proposed; other months get the runs' own proposals.
    """
    if not _is_anything_compared(run.lake, settings):
        return Proposed()
    if not months and stands(connection, PROPOSED_CHANGES.name, _signature(run, settings, connection)):
        return Proposed(states=state_counts(connection), changes_left_out=_left_out(connection))
    begin_change()
    with transaction(connection):
        return propose(run, settings, connection, months)


def _is_anything_compared(lake: Lake, settings: Settings) -> bool:
    return bool(enabled_providers(settings)) or has_changes(lake)


def propose_if_any(run: RunContext, settings: Settings, connection: Connection) -> None:
    """`propose` for a warehouse that is made again from bronze; does nothing if there is nothing to compare."""
    if _is_anything_compared(run.lake, settings):
        propose(run, settings, connection)


def propose(run: RunContext, settings: Settings, connection: Connection, months: Collection[str] = ()) -> Proposed:
    """`update_proposals` within the caller's transaction, even if the table is up to date."""
    lake, now, approval = run.lake, run.now(), approval_time(settings)
    with locked(lake, DECIDING, who=run.who, tell=run.progress.say):
        recorded = history(lake)
        said, left_out = _said(settings, connection, lake, recorded, now, months)
        due = what_is_due(recorded, said, now, approval)
        record_proposals(lake, due.proposed, [(each.change.id, each.round, each.reason) for each in due.expired], now)
        states = change_states(history(lake), said, now, approval)
        athlete = newest_athlete(lake)
        write_states(connection, lake, states, said.keys(), athlete[1].get("id") if athlete else None)
        if left_out != _left_out(connection):
            note(connection, _LEFT, str(left_out))
            mark_changed(connection)
        note_made(connection, PROPOSED_CHANGES.name, _signature(run, settings, connection))
    return Proposed(len(due.proposed), len(due.expired), state_counts(connection), left_out)


def _left_out(connection: Connection) -> int:
    return int(noted(connection, _LEFT, "0"))


def _said(
    settings: Settings, connection: Connection, lake: Lake, recorded: History, now: datetime, months: Collection[str]
) -> tuple[dict[str, Said], int]:
    """The changes that the data call for, by id: earlier proposals that still hold, and new ones; and how many were left out."""
    standing = {each.change.id: each.change for each in recorded.proposals if each.change.undoes is None}
    decided = {each.id for each in recorded.verdicts}
    ended = ended_ids(recorded, now, approval_time(settings))
    proposals = find_proposals(
        settings, connection, months=None, now=now, standing=standing.values(), decided=decided, ended=ended
    )
    found = proposals.changes
    if months:
        found = [*found, *find_proposals(settings, connection, months=months, now=now).changes]
    landed = newest_landings(lake)
    said = {change.id: Said(change, landed.newest(change)) for change in found}
    return said, len(proposals.left - said.keys())


def _signature(run: RunContext, settings: Settings, connection: Connection) -> str:
    """A text that differs if the states may: from the data, the records, the person's choices, and the day."""
    lake = run.lake
    folder = changes_folder(lake)
    paths = [settings.providers_config, lake.decisions / "changes.jsonl", folder / "proposed.jsonl"]
    paths += sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    seen = [(path.name, stat.st_mtime_ns, stat.st_size) for path in paths if (stat := _stat(path)) is not None]
    day = run.now().date().isoformat()
    landed = newest_landings(lake)
    text = repr(
        [revision(connection), day, seen, sorted(landed.listed.items()), max(landed.activities.values(), default=0)]
    )
    return hashlib.sha256(text.encode()).hexdigest()


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None


def left_out_now(lake: Lake) -> int:
    """How many more changes the published data call for than are proposed.

    Raises PipelineError if nothing usable is published.
    """
    with current_snapshot(lake) as connection:
        return _left_out(connection)


def states_now(lake: Lake, settings: Settings, now: datetime) -> dict[str, ChangeState]:
    """The state of every change, by id: from the present records and the published data.

    Raises PipelineError if nothing usable is published.
    """
    recorded = history(lake)
    if not recorded.proposals:
        return {}
    with current_snapshot(lake) as connection:
        due = due_ids(connection)
    last = {each.change.id: each.change for each in recorded.proposals}
    said = {key: Said(change) for key, change in last.items() if key in due}
    return change_states(recorded, said, now, approval_time(settings))
