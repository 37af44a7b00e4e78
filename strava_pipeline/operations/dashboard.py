"""The dashboard's interface to the pipeline: the command line's functions, with the settings that they need. No HTTP here."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from strava_pipeline.core.changes.states import Verdict
from strava_pipeline.core.errors import NothingPublishedError, PipelineError
from strava_pipeline.core.facts import Fact
from strava_pipeline.core.gear_links import GearItem
from strava_pipeline.core.sources import STRAVA
from strava_pipeline.core.wellness import DaysSource
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.registry import missing_login, primed_clock
from strava_pipeline.lake.gold.corrections import Edit
from strava_pipeline.lake.gold.shared_snapshot import SharedSnapshot
from strava_pipeline.lake.gold.warehouse import shared_by_thread
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.requests import Wanted
from strava_pipeline.operations.bests import believe, correct, decide_bests, decide_pair, publish_at_once, take_back
from strava_pipeline.operations.changes.comparing import months_back
from strava_pipeline.operations.changes.deciding import Wanted as WantedChange
from strava_pipeline.operations.changes.deciding import decide_each, seal_of, shown, shown_attempts
from strava_pipeline.operations.changes.months import calendar_of, compared_month, known_since
from strava_pipeline.operations.changes.proposing import left_out_now, states_now
from strava_pipeline.operations.changing_settings import (
    change_settings,
    chosen_settings,
    gear_of,
    link_gear,
    switch_days,
)
from strava_pipeline.operations.days import days_sources
from strava_pipeline.operations.estimating import backfill_estimate
from strava_pipeline.operations.facts import facts
from strava_pipeline.operations.requesting import refuse_request

DECIDED_BY = "dashboard"


@dataclass(frozen=True, slots=True)
class DashboardPipeline:
    """The pipeline of the data folder of these settings (`Pipeline` in serve/dashboard/pipeline.py)."""

    settings: Settings
    snapshot: SharedSnapshot = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "snapshot", SharedSnapshot(self._lake))

    def months_back(self, count: int) -> list[str]:
        return sorted(months_back(count, self._now()))

    def known_months(self) -> tuple[str, str]:
        with self._sharing():
            return known_since(self.settings), self.months_back(1)[0]

    def calendar(self, months: Collection[str]) -> dict[str, Any]:
        try:
            with self._sharing():
                found = calendar_of(self.settings, months, self._now())
        except NothingPublishedError:
            return {}
        return {month: asdict(state) for month, state in found.items()}

    def month(self, month: str) -> dict[str, Any]:
        now, lake = self._now(), self._lake
        with self._sharing():
            states = states_now(lake, self.settings, now)
            waiting = {
                key: each for key, each in states.items() if each.change.month == month and each.state == "proposed"
            }
            return {**compared_month(self.settings, month, now).to_json(waiting), "left_out": left_out_now(lake)}

    def changes(self) -> dict[str, dict[str, Any]]:
        with self._sharing():
            states = states_now(self._lake, self.settings, self._now())
        found = {key: shown(state) for key, state in states.items()}
        return {key: {**each, "seal": seal_of(key, each)} for key, each in found.items()}

    def attempts(self, change_id: str) -> dict[int, dict[str, Any]]:
        return shown_attempts(self._lake, change_id)

    def decide(self, decisions: Sequence[tuple[Verdict, str, str | None]]) -> list[str]:
        wanted = [(verdict, WantedChange(key, seal)) for verdict, key, seal in decisions]
        return decide_each(self.settings, wanted, DECIDED_BY)

    def decide_bests(self, activity_id: int, *, dismissed: bool) -> bool:
        return decide_bests(self.settings, activity_id, dismissed=dismissed, by=DECIDED_BY)

    def decide_pair(self, one: int, other: int, *, joined: bool | None) -> bool:
        return decide_pair(self.settings, one, other, joined=joined, by=DECIDED_BY)

    def believe(self, device: str | None) -> bool:
        return believe(self.settings, device)

    def correct(self, ids: Collection[int], edit: Edit) -> str | None:
        return correct(self.settings, ids, edit, DECIDED_BY).step

    def take_back(self, step: str) -> None:
        take_back(self.settings, step, DECIDED_BY)

    def publish(self) -> bool:
        return publish_at_once(self.settings)

    def facts(self) -> list[Fact]:
        with self._sharing():
            return facts(self.settings, self._now())

    def days_sources(self) -> dict[str, DaysSource]:
        return days_sources(self.settings)

    def switch_days(self, source: str, *, pulled: bool) -> None:
        switch_days(self.settings, source, pulled=pulled)

    def strava_problem(self) -> str | None:
        return missing_login(STRAVA, self.settings)

    def backfill_estimate(self, year: int | None) -> dict[str, Any]:
        with self._sharing():
            return backfill_estimate(self.settings, year, self._now())

    def settings_now(self) -> dict[str, Any]:
        return chosen_settings(self.settings)

    def change_settings(self, priorities: Mapping[str, int], write: Mapping[str, Sequence[str]], seal: str) -> None:
        change_settings(self.settings, priorities, write, seal)

    def gear(self) -> list[GearItem]:
        with self._sharing():
            return gear_of(self.settings)

    def link_gear(self, name: str) -> None:
        with self._sharing():
            link_gear(self.settings, [name])

    def refuse(self, wanted: Wanted) -> None:
        refuse_request(self.settings, wanted, self._now())

    @property
    def _lake(self) -> Lake:
        return Lake(self.settings.data_dir)

    @contextmanager
    def _sharing(self) -> Iterator[None]:
        """Readings of the snapshot in the body use the pages' connection: opening the file costs 20 ms of CPU."""
        with ExitStack() as held:
            with suppress(PipelineError):  # pages that need it report its faults
                held.enter_context(shared_by_thread(self._lake.snapshot, self.snapshot.reader))
            yield

    def _now(self) -> datetime:
        """The server's time, as far as known from answers."""
        return primed_clock(self.settings).now()
