"""The shape of the graph is a reviewed file, graph.txt; what of it six folders show, set_up.txt: what changed stands in their diff.

`make graph` writes them anew.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from graphlib import TopologicalSorter
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import dagster as dg
import pytest

from strava_pipeline.core.systems import parts
from strava_pipeline.core.tables import TABLES
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.registry import PROVIDERS
from strava_pipeline.orchestrate.build import build_defs
from strava_pipeline.orchestrate.jobs import JOBS
from strava_pipeline.orchestrate.schedules import DAILY_ASSETS, freshness

SNAPSHOT = Path(__file__).with_name("graph.txt")
OF_SYSTEMS = Path(__file__).parent.parent / "trips"  # the graph of each system beside activities is in its folder there


def shape(defs: dg.Definitions) -> Iterator[str]:
    """Assets, checks, jobs, schedules and sensors, one paragraph each."""
    graph = defs.resolve_asset_graph()
    for spec in sorted(defs.resolve_all_asset_specs(), key=lambda spec: spec.key):
        name = spec.key.to_user_string()
        yield f"asset {name}"
        yield f"  group {spec.group_name}; kinds {', '.join(sorted(spec.kinds))}; owners {', '.join(spec.owners)}"
        yield f"  partitions {'by year' if spec.partitions_def else 'none'}"
        if not graph.get(spec.key).is_materializable:
            yield "  made by no run"
        if above := sorted(dep.asset_key.to_user_string() for dep in spec.deps):
            yield f"  below {', '.join(above)}"
        if tags := sorted(f"{key}={value}" for key, value in spec.tags.items() if not key.startswith("dagster/")):
            yield f"  tags {', '.join(tags)}"
        if spec.freshness_policy is not None:
            yield "  freshness"
        for key in sorted(key for key in graph.asset_check_keys if key.asset_key == spec.key):
            yield f"  check {key.name}{', blocks' if graph.get_check_spec(key).blocking else ''}"
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


def written() -> dict[Path, str]:
    """File → the paragraphs of what a system registers, or of everything else."""
    settings = Settings.load(_env_file=None, schedule="0 5 * * *", timezone="Europe/London", automation=True)
    owners = {
        f"{kind} {name}": OF_SYSTEMS / system.__package__.rpartition(".")[2] / "graph.txt"
        for system in parts("jobs")
        for job in system.JOBS
        for kind, names in (("asset", job.assets), ("job", [job.name]))
        for name in names
    }
    found: dict[Path, str] = {}
    for line in shape(build_defs(settings)):
        if not line.startswith(" "):
            subject, _, started = line.partition(": ")
            file = owners.get(subject) or owners.get(f"job {started.rpartition(' ')[2]}", SNAPSHOT)
        found[file] = found.get(file, "") + line + "\n"
    return found


def test_the_graph_is_the_one_that_was_reviewed() -> None:
    for file, text in written().items():
        assert file.read_text() == text, "if that is meant: make graph"


KEY = {"client_id": "12345"}
GARMIN = {"garmin_personal_api_key": "a-key"}
TRIPS = {"trips_source": "postgresql://trips.example/trips"}
ELSEWHERE = {
    "export_url": "postgresql://gold.example/g",
    "restic_repository": "/copy",
    "restic_password_command": "say",
}
INTAKES = {"webhook_secret": "a" * 16, "intervals_webhook_secret": "b", "ridewithgps_client_secret": "c"}
SIX: dict[str, tuple[list[str], dict[str, Any]]] = {
    "nothing": ([], {}),
    "Strava": ([], KEY),
    "Garmin's key": (["garmin"], GARMIN),
    "files alone": ([], {}),
    "everything": ([*PROVIDERS], {**KEY, **GARMIN, **TRIPS, **ELSEWHERE, **INTAKES, "alert_url": "https://a.example"}),
    "trips alone": ([], TRIPS),
}


def in_folder(folder: Path, services: list[str], settings: dict[str, Any]) -> Settings:
    paths = {f"{name}_dir": folder / name for name in ("data", "secrets")}
    paths |= {"providers_config": folder / "providers.toml", "pings_config": folder / "cars.toml"}
    folder.mkdir(parents=True)
    (folder / "providers.toml").write_text("".join(f"[providers.{name}]\nenabled = true\n" for name in services))
    return Settings.load(_env_file=None, **paths | settings)


def shown(folder: Path, name: str) -> dict[str, set[str]]:
    """What Dagster shows of it: assets by group, checks, jobs, schedules, sensors and how many looks of these make a day."""
    settings = in_folder(folder / name, *SIX[name])
    if name == "files alone":
        (settings.data_dir / "inbox" / "files").mkdir(parents=True)
        (settings.data_dir / "inbox" / "files" / "export.zip").touch()
    if name == "everything":
        settings.pings_config.touch()
    defs = build_defs(settings, only_set_up=True)
    graph, repository = defs.resolve_asset_graph(), defs.get_repository_def()
    found = {"jobs": {job.name for job in defs.resolve_all_job_defs() if not job.name.startswith("__")}}
    for key in graph.get_all_asset_keys():  # those that others stand on among them: no stub of what is left out
        found.setdefault(f"assets of {graph.get(key).group_name}", set()).add(key.to_user_string())
    for spec in defs.resolve_all_asset_specs():
        lineage = spec.metadata.get("dagster/column_lineage")
        above = {dep.asset_key for deps in lineage.deps_by_column.values() for dep in deps} if lineage else set()
        assert above <= set(graph.get_all_asset_keys()), "column lineage leads to what is there"
    found["schedules"] = {schedule.name for schedule in repository.schedule_defs}
    looks = sum(86_400 // (sensor.minimum_interval_seconds or 1) for sensor in repository.sensor_defs)
    return found | {"sensors": {sensor.name for sensor in repository.sensor_defs}, "looks a day": {str(looks)}}


def of_six(folder: Path) -> str:
    """The first of the six whole, of the others what they show beside it."""
    first, *others = (shown(folder, name) for name in SIX)
    lines = []
    for name, found in zip(SIX, (first, *others), strict=True):
        lines.append(name if found is first else f"{name}: beside it")
        for kind in sorted(found):
            assert kind == "looks a day" or found[kind] >= first.get(kind, set()), "what receives is always there"
            if more := found[kind] if found is first else found[kind] - first.get(kind, set()):
                lines.append(f"  {kind}: {', '.join(sorted(more))}")
    return "\n".join(lines) + "\n"


@pytest.mark.dear
def test_six_folders_show_what_is_set_up_there(tmp_path: Path) -> None:
    assert SNAPSHOT.with_name("set_up.txt").read_text() == of_six(tmp_path), "if that is meant: make graph"


@pytest.mark.filterwarnings("error", "ignore::ResourceWarning")  # what other tests leave to be collected is not meant
def test_nothing_warns_a_person_while_the_graph_is_loaded() -> None:
    build_defs(Settings.load(_env_file=None)).get_repository_def()


@pytest.mark.parametrize(
    ("left_out", "steps", "events"),
    [({"cars", "trips"}, 12, 253), (set[str](), 17, 335)],
    ids=["who has neither cars nor trips", "everything"],
)
def test_a_year_of_the_whole_graph_is_few_steps_and_events(left_out: set[str], steps: int, events: int) -> None:
    defs = build_defs(Settings.load(_env_file=None))
    chosen = {
        spec.key
        for spec in defs.resolve_all_asset_specs()
        if spec.partitions_def is not None and spec.group_name not in left_out
    }
    job = defs.resolve_implicit_global_asset_job_def().get_subset(asset_selection=chosen)
    checks = [key for key in defs.resolve_asset_graph().asset_check_keys if key.asset_key in chosen]
    assert len(job.nodes) <= steps
    assert 3 * (len(chosen) + len(checks)) + 2 * len(job.nodes) + 16 <= events, "what a run's records come to"


def test_every_step_of_several_tables_can_be_launched_for_some_of_them() -> None:
    """Dagster (1.13) refuses a backfill of what lies at the end of several ways, where its tables are only made together."""
    for assets in build_defs(Settings.load(_env_file=None)).resolve_asset_graph().assets_defs:
        assert assets.can_subset or len(assets.keys) == 1 or not assets.is_executable, assets.keys


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
    told = {one.name: one.description for one in specs["activity_laps"].metadata["dagster/column_schema"].columns}
    assert told["distance"] == "length [m] ← laps[].distance"
    assert told["lap_position"] == "place in the list, from 1"


def test_no_description_names_a_file_of_the_program(specs: dict[str, dg.AssetSpec]) -> None:
    defs = build_defs(Settings.load(_env_file=None))
    graph = defs.resolve_asset_graph()
    seen = {
        **{name: spec.description for name, spec in specs.items()},
        **{str(key): graph.get_check_spec(key).description for key in graph.asset_check_keys},
        **{job.name: job.description for job in defs.resolve_all_job_defs()},
        **{
            f"{name}.{column.name}": column.description
            for name, spec in specs.items()
            if "dagster/column_schema" in spec.metadata
            for column in spec.metadata["dagster/column_schema"].columns
        },
    }
    assert {name: text for name, text in seen.items() if re.search(r"\.py\b|\bcore/|\blake/", text or "")} == {}


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


def test_no_asset_stands_below_itself() -> None:
    """Dagster runs such a graph, and its UI shows none."""
    graph = build_defs(Settings.load(_env_file=None)).resolve_asset_graph()
    order = TopologicalSorter({key: graph.get(key).parent_keys for key in graph.get_all_asset_keys()}).static_order()
    assert {*order} == graph.get_all_asset_keys()


@pytest.mark.parametrize("providers", [(), tuple(PROVIDERS)], ids=["Strava alone", "every provider"])
def test_the_groups_read_from_left_to_right(providers: tuple[str, ...], tmp_path: Path) -> None:
    """Dagster's UI draws a graph of groups first: a circle in it puts gold to the left of bronze."""
    config = tmp_path / "providers.toml"
    config.write_text("".join(f"[providers.{name}]\nenabled = true\n" for name in providers))
    specs = build_defs(Settings.load(_env_file=None, providers_config=config)).resolve_all_asset_specs()
    group_of = {spec.key: spec.group_name for spec in specs}
    above: dict[str | None, set[str | None]] = {}
    for spec in specs:
        groups = {group_of[dep.asset_key] for dep in spec.deps}
        above.setdefault(spec.group_name, set()).update(groups - {spec.group_name})
    TopologicalSorter(above).prepare()  # raises CycleError, which names the circle
    for left, right in pairwise(("bronze", "shards", "gold", "details", "published", "insights")):
        assert left in above[right]
    assert ("provider_files" in above["details"]) is bool(providers)


def test_dagster_s_ui_warns_of_no_source_that_nobody_has_to_have() -> None:
    """It warns of each parent outside of what is launched that a run could make and that no run has made yet."""
    defs = build_defs(Settings.load(_env_file=None))
    graph, first = defs.resolve_asset_graph(), {*JOBS["backfill"].assets}
    # made by the job that leads there
    before = {"merge_files": {"file_readings"}, "replay_trips": {"trip_diagnostics"}}
    warned = {}
    for job in JOBS.values():
        launched = defs.resolve_job_def(job.name).asset_layer.selected_asset_keys
        parents = {parent for key in launched for parent in graph.get(key).parent_keys} - launched
        asked = {key.to_user_string() for key in parents if graph.get(key).is_materializable}
        warned[job.name] = asked - (set() if first <= {*job.assets} else first | before.get(job.name, set()))
    assert {job: asked for job, asked in warned.items() if asked} == {}


@pytest.mark.parametrize(
    ("group", "jobs"),
    [
        ("gold", {"backfill", "flow", "compact", "merge_files", "events", "apply_changes", "refresh", "reconcile"}),
        ("details", {"backfill", "flow", "enrich", "merge_files", "events", "apply_changes"}),
    ],
)
def test_a_new_table_is_made_by_the_jobs_that_take_its_group_and_named_in_none(
    group: str, jobs: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(TABLES, "longest_rides", replace(TABLES["quarantine"], name="longest_rides", group=group))
    assert {name for name in jobs if "longest_rides" in JOBS[name].assets} == jobs
    assert "longest_rides" not in {*JOBS["streams"].assets, *JOBS["run"].assets}


def test_where_nothing_runs_by_itself_nothing_is_promised(specs: dict[str, dg.AssetSpec], tmp_path: Path) -> None:
    assert {name for name, spec in specs.items() if spec.freshness_policy} == set(DAILY_ASSETS)
    still = build_defs(Settings.load(_env_file=None, data_dir=tmp_path, automation=False))
    assert not [spec for spec in still.resolve_all_asset_specs() if spec.freshness_policy]


if __name__ == "__main__":
    for path, paragraphs in written().items():
        path.write_text(paragraphs)
    with TemporaryDirectory() as place:
        SNAPSHOT.with_name("set_up.txt").write_text(of_six(Path(place)))
