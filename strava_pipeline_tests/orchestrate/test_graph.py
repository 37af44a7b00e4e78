"""The shape of the graph is a reviewed file, graph.txt: what changed stands in its diff.

`make graph` writes it anew.
"""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from strava_pipeline.core.tables import TABLES
from strava_pipeline.orchestrate.build import build_defs
from strava_pipeline.orchestrate.freshness import PROMISED, freshness
from strava_pipeline.settings import Settings

SNAPSHOT = Path(__file__).with_name("graph.txt")


def shape(defs: dg.Definitions) -> Iterator[str]:
    """Assets, checks, jobs, schedules and sensors, one paragraph each."""
    graph = defs.resolve_asset_graph()
    for spec in sorted(defs.resolve_all_asset_specs(), key=lambda spec: spec.key):
        name = spec.key.to_user_string()
        yield f"asset {name}"
        yield f"  group {spec.group_name}; kinds {', '.join(sorted(spec.kinds))}; owners {', '.join(spec.owners)}"
        yield f"  partitions {'by year' if spec.partitions_def else 'none'}"
        if above := sorted(dep.asset_key.to_user_string() for dep in spec.deps):
            yield f"  below {', '.join(above)}"
        if tags := sorted(f"{key}={value}" for key, value in spec.tags.items() if not key.startswith("dagster/")):
            yield f"  tags {', '.join(tags)}"
        if spec.freshness_policy is not None:
            yield "  freshness"
        for key in sorted(key for key in graph.asset_check_keys if key.asset_key == spec.key):
            yield f"  check {key.name}, {'blocks with ERROR' if graph.get_check_spec(key).blocking else 'warns'}"
    for job in sorted(defs.resolve_all_job_defs(), key=lambda job: job.name):
        if not job.name.startswith("__"):
            held = sorted(key.to_user_string() for key in job.asset_layer.selected_asset_keys)
            yield f"job {job.name}"
            yield f"  {', '.join(held) or 'no assets'}"
    repository = defs.get_repository_def()
    for schedule in sorted(repository.schedule_defs, key=lambda schedule: schedule.name):
        yield f"schedule {schedule.name}: {schedule.cron_schedule} {schedule.execution_timezone}, job {schedule.job_name}"
    for sensor in sorted(repository.sensor_defs, key=lambda sensor: sensor.name):
        jobs = ", ".join(sorted(target.job_name for target in sensor.targets)) or "no job"
        every = sensor.minimum_interval_seconds
        yield f"sensor {sensor.name}: {sensor.sensor_type.value.lower()}, every {every} s, {jobs}"


def written() -> str:
    settings = Settings.load(_env_file=None, schedule="0 5 * * *", timezone="Europe/London", automation=True)
    return "\n".join(shape(build_defs(settings))) + "\n"


def test_the_graph_is_the_one_that_was_reviewed() -> None:
    assert SNAPSHOT.read_text() == written(), "if that is meant: make graph"


@pytest.fixture
def specs(tmp_path: Path) -> dict[str, dg.AssetSpec]:
    settings = Settings.load(_env_file=None, data_dir=tmp_path)
    return {spec.key.to_user_string(): spec for spec in build_defs(settings).resolve_all_asset_specs()}


def columns(spec: dg.AssetSpec) -> set[str]:
    return {column.name for column in spec.metadata["dagster/column_schema"].columns}


def test_every_column_s_lineage_leads_to_a_column_that_is_there(specs: dict[str, dg.AssetSpec]) -> None:
    seen = 0
    for name, spec in specs.items():
        lineage = spec.metadata.get("dagster/column_lineage")
        for column, sources in (lineage.deps_by_column if lineage else {}).items():
            assert column in columns(spec), (name, column)
            for source in sources:
                above = source.asset_key.to_user_string()
                assert source.column_name in columns(specs[above]), (name, column, source)
                seen += 1
    assert seen > sum(len(table.sourced) for table in TABLES.values())


@pytest.mark.parametrize(
    ("asset", "column", "source"),
    [
        ("activity_shards", "summary_polyline", ("bronze_activities", "map.summary_polyline")),
        ("activities", "summary_polyline", ("activity_shards", "summary_polyline")),
        ("activity_details", "activity_id", ("bronze_activity_details", "id")),
        ("activity_laps", "distance", ("bronze_activity_details", "laps[].distance")),
        ("published_warehouse", "activities_all", ("activities", "id")),
    ],
)
def test_a_column_comes_from_the_layer_above(
    specs: dict[str, dg.AssetSpec], asset: str, column: str, source: tuple[str, str]
) -> None:
    (found,) = specs[asset].metadata["dagster/column_lineage"].deps_by_column[column]
    assert (found.asset_key.to_user_string(), found.column_name) == source


def test_a_column_s_description_names_its_unit_and_its_field_at_the_source(specs: dict[str, dg.AssetSpec]) -> None:
    told = {
        column.name: column.description for column in specs["activity_laps"].metadata["dagster/column_schema"].columns
    }
    assert told["distance"] == "length [m] ← laps[].distance"
    assert told["lap_position"] == "place in the list, from 1"


@pytest.mark.parametrize(
    ("schedule", "warned", "failed"),
    [
        ("0 5 * * *", "1 day, 3:00:00", "1 day, 9:00:00"),
        ("0 5,17 * * *", "15:00:00", "21:00:00"),
        ("0 5 * * 1-5", "3 days, 3:00:00", "3 days, 9:00:00"),
        ("30 4 * * 1", "7 days, 3:00:00", "7 days, 9:00:00"),
    ],
    ids=["daily", "twice a day", "on weekdays", "weekly"],
)
def test_what_is_late_follows_from_the_longest_pause_of_the_schedule(schedule: str, warned: str, failed: str) -> None:
    policy = freshness(schedule)
    assert (str(policy.warn_window.to_timedelta()), str(policy.fail_window.to_timedelta())) == (warned, failed)


def test_where_nothing_runs_by_itself_nothing_is_promised(specs: dict[str, dg.AssetSpec], tmp_path: Path) -> None:
    assert {name for name, spec in specs.items() if spec.freshness_policy} == set(PROMISED)
    still = build_defs(Settings.load(_env_file=None, data_dir=tmp_path, automation=False))
    assert not [spec for spec in still.resolve_all_asset_specs() if spec.freshness_policy]


if __name__ == "__main__":
    SNAPSHOT.write_text(written())
