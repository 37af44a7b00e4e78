"""An athlete in somebody else's Dagster: keys, jobs, steps and resources get a prefix, so that several don't meet.

All other files know plain names. Here is the way to prefixed names; the way back needs no prefix: `plain_name`, and the last
part of a key.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import dagster as dg

from strava_pipeline.core.errors import MisuseError
from strava_pipeline.core.process import private_files
from strava_pipeline.environment.process_owner import reading_folder
from strava_pipeline.lake.files import write_whole
from strava_pipeline.lake.paths import Lake
from strava_pipeline.operations.step_reports import PUBLISHED
from strava_pipeline.orchestrate.job_records import SEPARATOR

Asset = dg.AssetsDefinition | dg.AssetSpec
FOLLOWS = {"tracks", PUBLISHED}  # what follows from one of these alone is made again without a call
V = TypeVar("V")
T = TypeVar("T", dg.ScheduleDefinition, dg.SensorDefinition)


@dataclass(frozen=True, slots=True)
class Place:
    """Where definitions stand in a Dagster.

    Args:
        prefix: of keys; empty: our own Dagster.
        folder: the athlete's, which settings are read from and messages name; None: that of this process.
        group: the prefix of groups.
        owners, tags: additional ones of all assets.
        condition: of the assets that follow from gold alone.
        sources: the sources whose assets are defined; None: all that are set up.
    """

    prefix: tuple[str, ...] = ()
    folder: Path | None = None
    group: str = ""
    owners: Sequence[str] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    condition: dg.AutomationCondition[Any] | None = None
    sources: frozenset[str] | None = None

    @property
    def is_ours(self) -> bool:
        """Whether the Dagster is the athlete's own."""
        return not self.prefix

    def chosen(self, sources: Mapping[str, V]) -> dict[str, V]:
        """Those of the sources whose assets are defined."""
        return {name: each for name, each in sources.items() if self.sources is None or name in self.sources}

    def name(self, plain: str) -> str:
        """The name of a job, a step, a schedule, a sensor or a resource."""
        return SEPARATOR.join((*self.prefix, plain))

    def key(self, plain: dg.AssetKey) -> dg.AssetKey:
        """The key of an asset."""
        return dg.AssetKey([*self.prefix, *plain.path])

    def spec(self, spec: dg.AssetSpec) -> dg.AssetSpec:
        """The spec of an asset, and what it says of others."""
        follows = any(dep.asset_key.to_user_string() in FOLLOWS for dep in spec.deps)
        return spec.replace_attributes(
            key=self.key(spec.key),
            deps=[dg.AssetDep(self.key(dep.asset_key), partition_mapping=dep.partition_mapping) for dep in spec.deps],
            group_name=f"{self.group}{spec.group_name}",
            automation_condition=self.condition if follows else None,
            metadata={name: self._lineage(value) for name, value in spec.metadata.items()},
        ).merge_attributes(owners=self.owners, tags=self.tags)

    def check(self, spec: dg.AssetCheckSpec) -> dg.AssetCheckSpec:
        """The spec of a check."""
        return spec.replace_key(dg.AssetCheckKey(self.key(spec.asset_key), spec.name))

    def config(self, run_config: Mapping[str, Any]) -> dict[str, Any]:
        """The run config, by steps."""
        return {"ops": {self.name(step): given for step, given in run_config.get("ops", {}).items()}}

    def schedule(self, schedule: dg.ScheduleDefinition) -> dg.ScheduleDefinition:
        """The schedule; its runs are of the prefixed jobs."""
        return dg.ScheduleDefinition(
            self.name(schedule.name),
            job_name=self.name(schedule.job_name),
            cron_schedule=schedule.cron_schedule,
            execution_timezone=schedule.execution_timezone,
            execution_fn=self._asking(schedule),
            default_status=schedule.default_status,
            description=schedule.description,
        )

    def sensor(self, sensor: dg.SensorDefinition, jobs: Mapping[str, Any]) -> dg.SensorDefinition:
        """The sensor, which has no cursor; its runs are of `jobs`, by their prefixed names."""
        return dg.SensorDefinition(
            self.name(sensor.name),
            jobs=[jobs[self.name(target.job_name)] for target in sensor.targets],
            evaluation_fn=self._asking(sensor),
            minimum_interval_seconds=sensor.minimum_interval_seconds,
            default_status=sensor.default_status,
            description=sensor.description,
        )

    def _asking(self, definition: T) -> Callable[[Any], Any]:
        def asked(context: Any) -> Any:
            with private_files(), reading_folder(self.folder):
                found: Any = definition(context)
            return self._request(found) if isinstance(found, dg.RunRequest) else found

        return asked

    def _request(self, request: dg.RunRequest) -> dg.RunRequest:
        selected = request.asset_selection
        return request.with_replaced_attrs(
            job_name=self.name(request.job_name) if request.job_name else None,
            asset_selection=[*map(self.key, selected)] if selected is not None else None,
            run_config=self.config(request.run_config),
        )

    def _lineage(self, value: Any) -> Any:
        if not isinstance(value, dg.TableColumnLineage):
            return value
        return dg.TableColumnLineage(
            {
                column: [dg.TableColumnDep(self.key(dep.asset_key), dep.column_name) for dep in deps]
                for column, deps in value.deps_by_column.items()
            }
        )


HOME = Place()


def refuse_shared(data_dir: Path, prefix: str, others: Mapping[str, Path]) -> None:
    """Raise MisuseError if another athlete has the same data folder, or one has it inside the other's."""
    for other, folder in others.items():
        own, there = data_dir.resolve(), folder.resolve()
        if own.is_relative_to(there) or there.is_relative_to(own):
            raise MisuseError(
                f"The data folders of {prefix} and {other}, {data_dir} and {folder}, are not apart: each would write into the "
                "other's. Give each a `folder` of its own in its defs.yaml, or another STRAVA_DATA_DIR in its .env."
            )


def claim(lake: Lake, prefix: str) -> None:
    """Mark the data folder as this prefix's. Raises MisuseError if it is another's, or inside a folder with a mark."""
    own = lake.data_dir.resolve()
    for folder in (own, *own.parents):
        mark = Lake(folder).key_prefix
        if mark.is_file() and (mark.read_text().strip() != prefix or folder != own):
            raise MisuseError(
                f"{lake.data_dir}, the data folder of {prefix}, is another athlete's or inside theirs, as {mark} says: each "
                f"would write into the other's. Give {prefix} another folder; or, if its prefix changed, delete that file."
            )
    if not lake.key_prefix.exists():
        write_whole(lake.key_prefix, prefix.encode())
