"""What an enabled provider adds to Dagster: its assets, job, schedule and freshness, all from its record and the registry."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from strava_pipeline.core.providers import ReadPage
from strava_pipeline.core.tables import DETAIL_TABLES
from strava_pipeline.core.years import YearRange
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.clock import ServerClock
from strava_pipeline.lake.bronze.listing import begin_listing
from strava_pipeline.lake.bronze.manifests import Window
from strava_pipeline.lake.paths import Lake
from strava_pipeline.orchestrate.build import build_defs
from strava_pipeline.orchestrate.jobs import JOBS, SOURCES_JOB, jobs_of
from strava_pipeline.orchestrate.schedules import an_hour_after
from strava_pipeline.orchestrate.tags import PRIORITY, limit_tag
from strava_pipeline_tests.orchestrate.test_graph import shape, written
from strava_pipeline_tests.present import there
from strava_pipeline_tests.providers.subjects import ToySubject, register_toy, toy
from strava_pipeline_tests.providers.toy import client as toy_client
from strava_pipeline_tests.providers.toy_service import new_toy
from strava_pipeline_tests.rig import Rig

NOW = datetime(2026, 3, 10, 6, tzinfo=UTC)
ENABLED = "[providers.toy]\nenabled = true\n"
ADDED = """\
+asset bronze_toy
+  group bronze; kinds file, json; owners team:athlete
+  partitions by year
+  freshness
+  check listing_complete
+  check shape
+asset bronze_toy_files
+  group provider_files; kinds file; owners team:athlete
+  partitions by year
+  below activities, activity_members
+  check files_complete
+asset provider_files_received
+  group provider_files; kinds file, json; owners team:athlete
+  partitions none
+  made by no run
+  below bronze_toy_files
+asset providers_received
+  group bronze; kinds file, json; owners team:athlete
+  partitions none
+  made by no run
+  below bronze_toy
+job toy
+  activities, activity_best_efforts, activity_details, activity_history, activity_laps, activity_lengths, activity_matches, \
activity_members, activity_segment_efforts, activity_sessions, activity_shards, activity_splits_metric, \
activity_splits_standard, bronze_toy, bronze_toy_files, imported_activities, insights, pair_agreements, \
proposed_changes, published_warehouse, route_members, tile_visits, tracks
+job backfill_sources
+  activities, activity_best_efforts, activity_details, activity_history, activity_laps, activity_lengths, activity_matches, \
activity_members, activity_segment_efforts, activity_sessions, activity_shards, activity_splits_metric, \
activity_splits_standard, bronze_toy, bronze_toy_files, imported_activities, insights, pair_agreements, \
proposed_changes, published_warehouse, quarantine, route_members, tile_visits, tracks
+job sync_month
+  activities, activity_history, activity_matches, activity_members, activity_shards, bronze_toy, imported_activities, insights, \
proposed_changes, published_warehouse
+schedule daily_toy: 0 6 * * * Europe/London, job toy
+schedule weekly_toy: 0 4 * * 0 Europe/London, job toy
+schedule monthly_toy: 0 3 1 * * Europe/London, job toy
+sensor requests: standard, every 60 s, apply_changes, backfill, backfill_sources, compact, fetch_region, flow, import_and_merge, refresh, sync_month, toy
+sensor resume_toy: standard, every 600 s, toy
-activity_shards  below bronze_activities, events_received, imports
+activity_shards  below bronze_activities, events_received, imports, providers_received
-sensor requests: standard, every 60 s, apply_changes, backfill, compact, fetch_region, flow, import_and_merge, refresh
-tracks  below activities, activity_members, imports, streams_received
+tracks  below activities, activity_members, imports, provider_files_received, streams_received
""" + "".join(
    f"-{name}  below bronze_activity_details, imports\n"
    f"+{name}  below bronze_activity_details, imports, provider_files_received\n"
    for name in DETAIL_TABLES
)


@dataclass
class Enabled:
    """Settings that enable the toy, and what Dagster loads for them."""

    settings: Settings
    defs: dg.Definitions


@pytest.fixture(scope="module")
def enabled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Enabled]:
    with pytest.MonkeyPatch.context() as patch:
        register_toy(patch)
        folder = tmp_path_factory.mktemp("enabled")
        (folder / "providers.toml").write_text(ENABLED)
        settings = Settings.load(
            _env_file=None,
            data_dir=folder / "data",
            secrets_dir=folder / "secrets",
            providers_config=folder / "providers.toml",
            schedule="0 5 * * *",
            timezone="Europe/London",
            first_year=2022,
        )
        with pytest.MonkeyPatch.context() as before_any_run:
            before_any_run.delitem(sys.modules, toy_client.__name__)
            defs = build_defs(settings)
            assert toy_client.__name__ not in sys.modules, "definitions import no client"
        yield Enabled(settings, defs)


@pytest.mark.slow
def test_an_enabled_provider_adds_its_assets_job_and_schedule_and_no_more(enabled: Enabled, tmp_path: Path) -> None:
    (tmp_path / "strava_token.json").write_text("{}")  # Strava is used
    beside_strava = build_defs(enabled.settings.model_copy(update={"secrets_dir": tmp_path}))
    before = [line for file in written() for line in file.read_text().splitlines()]
    after = list(shape(beside_strava))
    added = _difference(before, after)
    assert sorted(added) == sorted(ADDED.splitlines())


def _difference(before: list[str], after: list[str]) -> list[str]:
    """Lines with their paragraph's head, so that equal lines of other assets don't cancel each other."""

    def headed(lines: list[str]) -> set[tuple[str, str]]:
        head, found = "", set()
        for line in lines:
            head = head if line.startswith(" ") else line
            found.add((head, line))
        return found

    old, new = headed(before), headed(after)
    kept = {head for head, _ in old & new}
    names = {head: head.removeprefix("asset ") if head in kept else "" for head, _ in old | new}
    return [f"+{names[head]}{line}" for head, line in new - old] + [f"-{names[head]}{line}" for head, line in old - new]


def test_each_new_asset_is_described_and_says_whose_it_is(enabled: Enabled) -> None:
    specs = {spec.key.to_user_string(): spec for spec in enabled.defs.resolve_all_asset_specs()}
    assert "activity listing of Toy" in str(specs["bronze_toy"].description)
    assert specs["providers_received"].description
    assert "Toy" in str(enabled.defs.resolve_job_def("toy").description)


def test_dagster_s_ui_asks_for_nothing_before_a_provider_s_first_run(enabled: Enabled) -> None:
    graph = enabled.defs.resolve_asset_graph()
    launched = enabled.defs.resolve_job_def("toy").asset_layer.selected_asset_keys
    parents = {parent for key in launched for parent in graph.get(key).parent_keys} - launched
    made_by_strava_s_first_run = {*JOBS["backfill"].assets}
    asked = {parent.to_user_string() for parent in parents if graph.get(parent).is_materializable}
    assert asked <= made_by_strava_s_first_run


def test_what_a_provider_gives_comes_before_what_reads_it_in_the_same_run(enabled: Enabled) -> None:
    """No asset by year stands below them: each step's priority decides."""
    graph = enabled.defs.resolve_asset_graph()
    priority = {
        name: graph.assets_def_for_key(dg.AssetKey(name)).op.tags.get(PRIORITY, "0")
        for name in ("bronze_toy", "activity_shards", "bronze_toy_files", "tracks", "activity_laps")
    }
    order = [int(priority[name]) for name in priority]
    assert order[0] > order[1]
    assert order[2] > order[3] > order[4]


def test_the_job_of_all_sources_asks_strava_where_there_is_an_application(enabled: Enabled) -> None:
    of_strava = {"bronze_activities", "bronze_activity_details"}
    assert not of_strava.intersection(jobs_of(enabled.settings)[SOURCES_JOB].assets)
    with_application = enabled.settings.model_copy(update={"client_id": "1"})
    assert of_strava < {*jobs_of(with_application)[SOURCES_JOB].assets}


def test_a_job_of_a_provider_is_known_where_the_provider_is_enabled(enabled: Enabled, tmp_path: Path) -> None:
    assert jobs_of(enabled.settings)["toy"].assets[0] == "bronze_toy"
    assert "toy" not in jobs_of(enabled.settings.model_copy(update={"providers_config": tmp_path / "none.toml"}))


def tick(enabled: Enabled, schedule: str = "daily_toy", at: datetime = NOW) -> dg.RunRequest | str:
    """What a schedule asks for; the reason, where it asks for nothing."""
    with (
        dg.instance_for_test() as instance,
        dg.build_schedule_context(instance=instance, scheduled_execution_time=at) as context,
    ):
        data = enabled.defs.resolve_schedule_def(schedule).evaluate_tick(context)
    return data.run_requests[0] if data.run_requests else str(data.skip_message)


def test_without_a_login_the_schedule_says_what_is_missing(enabled: Enabled) -> None:
    assert tick(enabled) == "There is no toy_login.json yet. Ask the toy for a key."


@pytest.mark.slow
def test_the_schedule_asks_for_what_is_new_over_the_years_that_may_have_changed(enabled: Enabled) -> None:
    ToySubject(new_toy()).log_in(enabled.settings)
    first = tick(enabled)
    assert isinstance(first, dg.RunRequest)
    assert first.run_config == {"ops": {"bronze_toy": {"config": {"mode": "incremental"}}}}
    assert first.tags["dagster/asset_partition_range_start"] == "2022", "nothing was listed yet"
    newest = int(first.tags["dagster/asset_partition_range_end"])
    now = datetime(newest, 6, 1, tzinfo=UTC)
    listing = begin_listing(
        Lake(enabled.settings.data_dir),
        Window(mode="all", after=None, before=None),
        athlete_id=None,
        at=now,
        source="toy",
        account="toy-account",
    )
    listing.land(
        ReadPage([{"id": 1, "start_date": now.isoformat()}]),
        b'{"items": [], "more": false}',
        {},
        now,
        YearRange(2022, newest),
    )
    listing.mark_ended()
    later = tick(enabled)
    assert isinstance(later, dg.RunRequest)
    assert later.tags["dagster/asset_partition_range_start"] == str(newest)


@pytest.mark.slow
def test_every_week_two_years_and_every_month_everything_is_compared(enabled: Enabled) -> None:
    ToySubject(new_toy()).log_in(enabled.settings)
    sunday = datetime(2026, 3, 8, 4, tzinfo=UTC)
    for schedule, mode, first in (("weekly_toy", "year", "2025"), ("monthly_toy", "all", "2022")):
        asked = tick(enabled, schedule, sunday)
        assert isinstance(asked, dg.RunRequest)
        assert asked.run_config == {"ops": {"bronze_toy": {"config": {"mode": mode}}}}
        assert asked.tags["dagster/asset_partition_range_start"] == first
    assert tick(enabled, "weekly_toy", datetime(2026, 2, 1, 4, tzinfo=UTC)) == "Everything was compared an hour ago."


@pytest.mark.parametrize(
    ("schedule", "later"),
    [
        ("0 5 * * *", "0 6 * * *"),
        ("30 5,17 * * 1-5", "30 6,18 * * 1-5"),
        ("15 23 * * *", "15 23 * * *"),
        ("0 */6 * * *", "0 */6 * * *"),
        ("0 4-6 1 * *", "0 4-6 1 * *"),
    ],
)
def test_a_provider_s_schedule_is_an_hour_after_the_daily_run_if_on_the_same_day(schedule: str, later: str) -> None:
    assert an_hour_after(schedule) == later


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[ToySubject]:
    """The toy, running, with an activity in each of three years; nobody waits for it."""
    with toy(monkeypatch) as subject:
        monkeypatch.setattr(ServerClock, "sleep", lambda _, seconds: subject.clock.advance(max(seconds, 0.0)))
        for day in ("2024-12-31", "2025-01-01", "2025-12-31", "2026-01-01"):
            subject.add(day, f"toy {day}")
        yield subject


@pytest.mark.dear
def test_a_run_publishes_a_provider_s_year_and_its_failures_touch_nobody_else(
    make_rig: Any, service: ToySubject, tmp_path: Path
) -> None:
    (tmp_path / "providers.toml").write_text(ENABLED)
    rig: Rig = make_rig(settings={"providers_config": tmp_path / "providers.toml"})
    rig.begin_with("flow")
    service.log_in(rig.settings)
    strava = "SELECT * FROM activities WHERE source = 'strava' ORDER BY id"
    before = rig.gold(strava)

    service.fail(kind="status", status=500, times=3)
    with pytest.raises(Exception, match="500"):
        rig.run("toy", [2025])
    assert rig.gold(strava) == before
    service.fail(kind="status", status=429, headers={"Retry-After": "7200"})
    limited = rig.run("toy", [2025])
    assert "Toy lets no more calls through until" in str(limited.stopped_early)
    tagged = there(rig.remembered.get_run_by_id(limited.run_id))
    assert tagged.tags[limit_tag("toy")] == "bronze_toy", "the first step that the limit stopped"
    assert rig.gold("SELECT * FROM activities WHERE source <> 'strava'") == []

    outcome = rig.run("toy", [2025])
    assert outcome.stopped_early is None
    found = outcome.metadata["bronze_toy"]
    assert (found["listing_mode"], found["rows_received"], found["gear_answers"]) == ("year", 4, 1)
    of_toy = "SELECT name FROM activities WHERE source = 'toy' ORDER BY start_date"
    assert rig.gold(of_toy) == [("toy 2025-01-01",), ("toy 2025-12-31",)]
    assert outcome.metadata["bronze_toy_files"]["received"] == 2
    assert rig.golds(
        {
            "files": "SELECT format FROM files WHERE source = 'toy' ORDER BY format",
            "laps": "SELECT count(*) FROM activity_laps WHERE source = 'toy'",
        }
    ) == {"files": [("fit",), ("gpx",)], "laps": [(1,)]}
    tracked = "SELECT source, count(DISTINCT activity_id) FROM read_parquet('{}/year=2025/*.parquet') GROUP BY source"
    assert ("toy", 2) in rig.gold(tracked.format(rig.lake.data_dir / "tracks")), "files came before the tracks"
    assert rig.gold("SELECT name FROM gear WHERE source = 'toy'") == [("Blue bike",)]
    assert rig.gold(strava) == before
    assert rig.run("toy", [2025]).metadata["bronze_toy"]["gear_answers"] == 0, "gear is not fetched again at once"

    rig.run("flow", [2025, 2026])
    assert rig.gold(of_toy)[-1] == ("toy 2026-01-01",), "the daily run merges what the listing of the year saw besides"
