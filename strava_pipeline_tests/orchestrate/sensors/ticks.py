"""Sensors looked at as the daemon does, at any time of the machine's clock; and what they ask for, run here. No assertions."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
from dagster import DagsterEvent, DagsterEventType, DagsterRunStatus
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_START_TAG

from strava_pipeline.core.sources import STRAVA
from strava_pipeline.orchestrate.sensors import sensors
from strava_pipeline.orchestrate.tags import DATA_DIR
from strava_pipeline_tests.rig import Rig, definitions

ENDED = {
    DagsterRunStatus.SUCCESS: DagsterEventType.RUN_SUCCESS,
    DagsterRunStatus.FAILURE: DagsterEventType.RUN_FAILURE,
    DagsterRunStatus.CANCELED: DagsterEventType.RUN_CANCELED,
}


@dataclass
class Watch:
    """An instance, and the machine's clock `later` than it is, or at `at`. `scheduled`: whose next ticks are noted."""

    rig: Rig
    instance: dg.DagsterInstance
    later: timedelta = timedelta(0)
    at: datetime | None = None
    cursors: dict[str, str | None] = field(default_factory=dict)
    scheduled: list[dg.ScheduleDefinition] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.defs = definitions(self.rig.settings)

    def tick(self, name: str) -> tuple[dg.RunRequest | None, str]:
        """What the sensor asks for, or why it does not."""
        now = lambda: self.at or datetime.now(UTC) + self.later  # noqa: E731 - a line of it
        made = sensors(
            self.rig.settings, [STRAVA], [], [*(self.defs.jobs or ())], self.scheduled, running=False, now=now
        )
        sensor = next(one for one in made if one.name == name)
        context = dg.build_sensor_context(
            instance=self.instance, definitions=self.defs, cursor=self.cursors.get(name), sensor_name=name
        )
        with context:
            told = sensor.evaluate_tick(context)
        self.cursors[name] = told.cursor
        asked = list(told.run_requests or [])
        assert len(asked) <= 1
        return (asked[0] if asked else None), told.skip_message or ""

    def launch(self, request: dg.RunRequest) -> dg.DagsterRun:
        """Run what a sensor asked for, to its end."""
        result = self.defs.resolve_job_def(request.job_name or "flow").execute_in_process(
            run_config=request.run_config,
            tags={**request.tags, "dagster/run_key": request.run_key or ""},
            asset_selection=list(request.asset_selection) if request.asset_selection else None,
            instance=self.instance,
        )
        self.later = timedelta(0)  # the run has noted the server's time by the machine's own clock
        return self.run(result.run_id)

    def run(self, run_id: str) -> dg.DagsterRun:
        found = self.instance.get_run_by_id(run_id)
        assert found is not None
        return found

    def note(
        self,
        job: str,
        status: DagsterRunStatus,
        *,
        at: datetime | None = None,
        years: str = "2026",
        tags: dict[str, str] | None = None,
        **more: Any,
    ) -> dg.DagsterRun:
        """A run as Dagster would have noted it, ended `at`; nothing runs."""
        tags = tags or {}
        of_years = {} if ASSET_PARTITION_RANGE_START_TAG in tags else {"dagster/partition": years}
        run = self.instance.create_run_for_job(
            self.defs.resolve_job_def(job),
            status=DagsterRunStatus.STARTED if at else status,
            tags={DATA_DIR: str(self.rig.settings.data_dir), **of_years, **tags},
            **more,
        )
        if at is not None:
            event = DagsterEvent(ENDED[status].value, job_name=job, message="It ended.")
            self.instance.report_dagster_event(event, run_id=run.run_id, timestamp=at.timestamp())
        return self.run(run.run_id)


@contextmanager
def watched(rig: Rig, *, on_disk: bool = False) -> Iterator[Watch]:
    """The instance in memory, which knows no schedules; or the one `on_disk`, which takes a quarter of a second to make."""
    with rig.instance() if on_disk else nullcontext(rig.remembered) as instance:
        rig.remembered = instance
        yield Watch(rig, instance)
