"""`metrics`: what a data folder's numbers are, that each part fails alone, and that Prometheus and its tools read them."""

import json
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import urlopen

import dagster as dg
import pytest
from dagster._daemon.types import DaemonHeartbeat
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.failed_calls import KINDS, counting
from strava_pipeline.lake.copied import KnownCopy, note_copy
from strava_pipeline.lake.gold.publish import publish
from strava_pipeline.lake.notifications import notify
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.requests import PullWanted, begin_request, keep_request
from strava_pipeline.orchestrate.records import MIGRATED_BY
from strava_pipeline.orchestrate.tags import DATA_DIR
from strava_pipeline.trips.car.keeping import merge_replay
from strava_pipeline.trips.car.log import count_readings, move_to_bronze
from strava_pipeline.trips.car.rules.config import read_config
from strava_pipeline.verbs.instance import open_instance
from strava_pipeline.verbs.metrics import registry_of
from strava_pipeline.verbs.metrics_collector import UP
from strava_pipeline.verbs.metrics_parts import all_groups, all_measures
from strava_pipeline.verbs.service_process import metrics_beside
from strava_pipeline_tests.documents import REPO
from strava_pipeline_tests.lake.insight_rows import activity, put
from strava_pipeline_tests.patience import PATIENCE
from strava_pipeline_tests.trips.car.logs import MORNING, Log, config, drive, nobody_drives
from strava_pipeline_tests.verbs.conftest import Type

PAGE = (REPO / "docs" / "monitoring.md").read_text(encoding="utf-8")
Values = dict[str, float]
COPIED_AT = datetime(2026, 3, 5, tzinfo=UTC)
PRIVATE = "Round the secret lake"


def settings_in(folder: Path, **more: Any) -> Settings:
    places = {f"{name}_dir": folder / name for name in ("data", "secrets", "logs")}
    return Settings.load(
        _env_file=None,
        **places,
        dagster_home=folder / "dagster_home",
        providers_config=folder / "providers.toml",
        **more,
    )


@pytest.fixture(scope="module")
def filled(new_lake: Callable[[Path], Lake], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder to copy, with two activities, a drive, a request, a notification and a failed call among its data."""
    folder = tmp_path_factory.mktemp("filled")
    lake = new_lake(folder / "data")
    lake.state.mkdir()
    put(lake, [activity(1, "2026-03-01 10:00:00", name=PRIVATE), activity(2, "2026-03-04 10:00:00")])
    found, now = settings_in(folder), datetime.now(UTC)
    drives(lake)
    publish(lake)
    counting(found, "strava")("server")
    note_copy(lake, KnownCopy("elsewhere", COPIED_AT))
    notify(lake, "error", f"{PRIVATE} failed", now)
    keep_request(lake, PullWanted(kind="pull", provider="strava"), now - timedelta(minutes=1), "a test")
    second = keep_request(lake, PullWanted(kind="pull", provider="garmin"), now, "a test")
    begin_request(lake, second.id, "a-run", now, None)
    return folder


@pytest.fixture
def settings(filled: Path, tmp_path: Path) -> Settings:
    shutil.copytree(filled, tmp_path, dirs_exist_ok=True)
    return settings_in(tmp_path, client_id="7", client_secret="hush")


def drives(lake: Lake) -> None:
    """A trip, a walk that is none, an error of the car, and a wait at the school."""
    log = Log(lake)
    log.config(read_config(config()))
    school = {"lat": 51.0 + 4 / 111.195, "lng": 4.2}
    there = drive(km=4)
    waits = [step | {"gps": school, "api": {"zoe": step["api"]["zoe"] | school}} for step in there[-3:]]
    walk = nobody_drives(MORNING + timedelta(hours=4))
    onward = drive(MORNING + timedelta(minutes=15), odometer=20_004.0)
    log.steps([*there[:-3], *waits, *onward, *walk, walk[-1] | {"api": {"zoe": "error"}}])
    move_to_bronze(lake, MORNING + timedelta(days=9))
    merge_replay(lake)
    count_readings(lake, [2026])


def read(settings: Settings) -> Values:
    return values_of(generate_latest(registry_of(settings)).decode())


def values_of(text: str) -> Values:
    """By name and labels, as Prometheus writes them."""
    return {
        f"{each.name}{{{','.join(f'{name}={value}' for name, value in sorted(each.labels.items()))}}}".replace(
            "{}", ""
        ).removeprefix("strava_pipeline_"): each.value
        for family in text_string_to_metric_families(text)
        for each in family.samples
    }


def test_the_numbers_are_those_of_the_data_folder(settings: Settings) -> None:
    found = read(settings)
    assert {name for name, value in found.items() if name.startswith("part_up") and not value} == set()
    expected = {
        "table_rows{table=activities_all}": 2,
        "details_missing": 2,
        "newest_activity_timestamp_seconds": datetime(2026, 3, 4, 10, tzinfo=UTC).timestamp(),
        "calls_limit{limit=read calls in a day,source=strava}": 1000,
        "calls_left{limit=read calls in a day,source=strava}": 1000,
        "login_usable{source=strava}": 0,
        "failed_calls_total{kind=server,source=strava}": 1,
        "failed_calls_total{kind=limit,source=strava}": 0,
        "requests{status=waiting}": 1,
        "requests{status=running}": 0,  # nobody holds the lock of that run: it is dead
        "notifications_unread{level=error}": 1,
        "notifications_unread{level=info}": 0,
        "second_copy_timestamp_seconds": COPIED_AT.timestamp(),
        "car_trip_cancellations_total{reason=no_driving_car}": 1,
        "car_trip_cancellations_total{reason=no_gps}": 0,
        "car_readings_total": 24,
        "car_reading_errors_total{kind=unavailable}": 1,
        "car_pings_total{status=finalized}": 1,
        "car_pings_total{status=paused_at_skip}": 3,
    }
    assert {name: found.get(name) for name in expected} == expected
    assert abs(found["published_timestamp_seconds"] - time.time()) < PATIENCE


def test_no_number_names_an_activity_a_person_or_a_place(settings: Settings) -> None:
    text = generate_latest(registry_of(settings)).decode()
    assert not re.search(rf"{PRIVATE}|anna|zoe|51\.0|School|Office|{re.escape(str(settings.data_dir))}", text)


@pytest.mark.parametrize(
    ("part", "damage"),
    [
        ("published", lambda settings: Lake(settings.data_dir).snapshot.unlink()),
        ("services", lambda settings: settings.providers_config.write_text("[no table")),
        ("dagster", lambda settings: _write(settings.dagster_home / "history" / "runs.db", "no database")),
    ],
)
def test_a_part_that_cannot_be_read_leaves_the_others_alone(
    settings: Settings, part: str, damage: Callable[[Settings], object], capsys: pytest.CaptureFixture[str]
) -> None:
    before = read(settings)
    damage(settings)
    after, cars = read(settings), part == "published"  # trips by car are published, too
    lost = {f"part_up{{part={name}}}" for name in ([part, "cars"] if cars else [part])}
    assert {name for name, value in after.items() if name.startswith("part_up") and not value} == lost
    assert {name for name in before if name.startswith("car")} - after.keys() == (
        {name for name in before if name.startswith("car")} if cars else set()
    )
    said = capsys.readouterr().err
    assert f"The metrics '{part}' are left out: " in said
    assert len(said.splitlines()) == len(lost)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True)
    path.write_text(text)
    (path.parents[1] / "dagster.yaml").write_text("telemetry: {enabled: false}")


def test_every_measure_is_described_even_where_there_is_nothing(tmp_path: Path) -> None:
    text = generate_latest(registry_of(settings_in(tmp_path))).decode()
    described = set(re.findall(r"^# HELP (\S+) ", text, re.MULTILINE))
    assert described == {each.full_name for each in (UP, *all_measures())}
    assert not (tmp_path / "data").exists(), "a look makes no folder"


def test_the_page_lists_every_measure_and_every_kind_of_failure() -> None:
    rows = re.findall(r"^\| `strava_pipeline_(\w+)` \| (\w+) \| (.+?) \| (.+?) \|$", PAGE, re.MULTILINE)
    assert rows == [
        (
            each.full_name.removeprefix("strava_pipeline_"),
            each.kind,
            ", ".join(f"`{label}`" for label in each.labels) or "–",
            each.about,
        )
        for each in (UP, *all_measures())
    ]
    for kind, about in KINDS.items():
        assert f"| `{kind}` | {about} |" in PAGE


def test_a_house_lists_its_athletes_by_name_and_the_broken_one_too(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "athletes"
    home.mkdir()
    (home / "athletes.toml").write_text(f'[anna]\nfolder = "{tmp_path}"\n[bert]\n[carl]\n')
    for name in ("bert", "carl"):
        (home / name).mkdir()
    (home / "carl" / ".env").write_text("PER_PAGE=many\n")
    house = settings_in(tmp_path / "house", athletes_dir=home)
    found = read(house)
    assert found["table_rows{athlete=anna,table=activities_all}"] == 2
    assert found["part_up{athlete=bert,part=services}"] == 1
    assert found["part_up{athlete=carl,part=settings}"] == 0
    assert "The metrics 'settings' of carl are left out: The settings of carl:" in capsys.readouterr().err
    assert {name for name in found if "athlete=" not in name or "athlete=," in name} == {
        f"part_up{{athlete=,part={part}}}" for part in ("athletes", "settings", "dagster")
    }
    (home / "athletes.toml").write_text("[An Na]\n")
    assert read(house) == {"part_up{athlete=,part=athletes}": 0}


@pytest.mark.parametrize(
    ("words", "address", "message"),
    [
        (["metrics"], None, "METRICS_ADDRESS is not set"),
        (["metrics"], "8.8.8.8:8724", "may be a public address"),
        (["metrics"], "127.0.0.1", "not a host and a port"),
        (["metrics"], "0.0.0.0:8724", "every address of this machine, and one of them may be public"),
        (["metrics"], "TAKEN", "can't be listened on"),
    ],
)
def test_what_cannot_be_served_is_refused(
    words: list[str], address: str | None, message: str, type_in: Type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("strava_pipeline.serve.addresses.own_address", lambda: None)
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        if address is not None:
            monkeypatch.setenv("METRICS_ADDRESS", address.replace("TAKEN", f"127.0.0.1:{taken.getsockname()[1]}"))
        typed = type_in(*words)
    assert typed.code in (1, 2)
    assert message in typed.err


def test_once_prints_what_promtool_accepts(settings: Settings, type_in: Type, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in settings.environ().items():
        monkeypatch.setenv(name, value)
    typed = type_in("metrics", "--once")
    assert (typed.code, typed.err) == (0, "")
    assert values_of(typed.out)["details_missing"] == 2
    assert promtool("check", "metrics", text=typed.out) == ""


@pytest.mark.slow
def test_runs_are_counted_without_dagster_as_its_database_counts_them(settings: Settings) -> None:
    home, ours = settings.dagster_home, {DATA_DIR: str(settings.data_dir)}
    with open_instance(home) as instance:
        for job, status, tags in (
            ("flow", dg.DagsterRunStatus.STARTED, ours),
            ("flow", dg.DagsterRunStatus.FAILURE, ours),
            ("flow", dg.DagsterRunStatus.FAILURE, {DATA_DIR: "another folder"}),
            ("profile", dg.DagsterRunStatus.STARTED, {}),
        ):
            instance.add_run(dg.DagsterRun(job_name=job, status=status, tags=tags))
        instance.add_daemon_heartbeat(DaemonHeartbeat(1000.0, "SCHEDULER", "1", []))
    found = read(settings)
    counts = {name: value for name, value in found.items() if name.startswith("runs{") and value}
    assert counts == {
        "runs{dagster_job=flow,status=started}": 1,
        "runs{dagster_job=flow,status=failure}": 1,
        "runs{dagster_job=profile,status=started}": 1,
    }
    assert (found["runs{dagster_job=profile,status=failure}"], found["automation_failed"]) == (0, 0)
    assert found["daemon_heartbeat_timestamp_seconds{daemon=scheduler}"] == 1000
    (home / MIGRATED_BY).write_text("another version")  # so it is left to Dagster
    assert read(settings) == found


def test_the_last_end_of_each_job_is_told(settings: Settings) -> None:
    with open_instance(settings.dagster_home) as instance:
        run = instance.create_run_for_job(dg.job(name="flow")(lambda: None), tags={DATA_DIR: str(settings.data_dir)})
        instance.report_run_failed(run)
        ended = instance.get_run_record_by_id(run.run_id).end_time
    assert read(settings)["run_end_timestamp_seconds{dagster_job=flow,status=failure}"] == ended


ALERTS = """
evaluation_interval: 5m
rule_files: [rules.yml]
tests:
  - interval: 5m
    input_series:
      - {series: 'strava_pipeline_run_end_timestamp_seconds{dagster_job="flow",status="success"}', values: '3600x1000'}
      - {series: 'strava_pipeline_run_end_timestamp_seconds{dagster_job="flow",status="failure"}', values: '1800x1000'}
      - {series: 'strava_pipeline_run_end_timestamp_seconds{dagster_job="streams",status="failure"}', values: '7200x1000'}
      - {series: 'strava_pipeline_source_success_timestamp_seconds{source="strava"}', values: '0x1000'}
      - {series: 'strava_pipeline_source_success_timestamp_seconds{source="wahoo"}', values: '300000x1000'}
      - {series: 'strava_pipeline_login_usable{source="wahoo"}', values: '1x240 0x760'}
      - {series: 'strava_pipeline_login_usable{source="garmin"}', values: '0x1000'}
      - {series: 'strava_pipeline_part_up{part="cars"}', values: '1x800 0x200'}
    promql_expr_test:
      - expr: count by (alertname, dagster_job, source, part) (ALERTS{alertstate="firing"})
        eval_time: 30h
        exp_samples:
          - {labels: '{alertname="StravaPipelineRunFailed", dagster_job="streams"}', value: 1}
          - {labels: '{alertname="StravaPipelineSourceSilent", source="wahoo"}', value: 1}
      - expr: count by (alertname, dagster_job, source, part) (ALERTS{alertstate="firing"})
        eval_time: 75h
        exp_samples:
          - {labels: '{alertname="StravaPipelineNoDailyRun", dagster_job="flow"}', value: 1}
          - {labels: '{alertname="StravaPipelineRunFailed", dagster_job="streams"}', value: 1}
          - {labels: '{alertname="StravaPipelineSourceSilent", source="strava"}', value: 1}
          - {labels: '{alertname="StravaPipelineSourceSilent", source="wahoo"}', value: 1}
          - {labels: '{alertname="StravaPipelineBlind", part="cars"}', value: 1}
"""


def blocks() -> list[str]:
    """The files that the page shows: Prometheus' own, and the rules."""
    return re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.slow
def test_the_pages_alerts_are_rules_that_fire_when_they_should(tmp_path: Path) -> None:
    _, rules = blocks()
    (tmp_path / "rules.yml").write_text(rules)
    (tmp_path / "tests.yml").write_text(ALERTS)
    assert promtool("check", "rules", "rules.yml", folder=tmp_path) == ""
    assert promtool("test", "rules", "tests.yml", folder=tmp_path) == ""
    known = {each.full_name for each in (UP, *all_measures())}
    assert set(re.findall(r"\bstrava_pipeline_\w+", PAGE.replace("strava_pipeline.rules", ""))) <= known


@pytest.mark.dear
def test_a_real_prometheus_reads_what_the_service_serves(settings: Settings, tmp_path: Path) -> None:
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("Prometheus is not installed")
    ours, its = (f"127.0.0.1:{port}" for port in free_ports())
    with open_instance(settings.dagster_home) as instance:
        run = instance.create_run_for_job(dg.job(name="flow")(lambda: None), tags={DATA_DIR: str(settings.data_dir)})
        instance.report_run_failed(run)
    scrape, rules = blocks()
    (tmp_path / "prometheus.yml").write_text(scrape.replace("127.0.0.1:8724", ours).replace("1m", "1s"))
    options = ["--config.file=prometheus.yml", "--storage.tsdb.path=tsdb", f"--web.listen-address={its}"]
    with (
        metrics_beside(settings.model_copy(update={"metrics_address": ours})),
        started(program, *options, folder=tmp_path),
    ):
        assert asked(its, "strava_pipeline_table_rows{table='activities_all'}") == "2"
        assert asked(its, "sum(strava_pipeline_part_up)") == str(len(all_groups()))
        of_flow = rules.partition("strava_pipeline_run_end_timestamp_seconds{")[2].partition(",")[0]
        assert asked(its, f"count(strava_pipeline_run_end_timestamp_seconds{{{of_flow}}})") == "1"


@contextmanager
def started(*command: str, folder: Path) -> Iterator[None]:
    with (folder / "said").open("wb") as said:
        process = subprocess.Popen(command, cwd=folder, stdout=said, stderr=said)
        try:
            yield
        finally:
            process.terminate()
            process.wait(PATIENCE)


def asked(address: str, query: str) -> str:
    """What Prometheus says, once it has read something."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        with suppress(OSError), urlopen(f"http://{address}/api/v1/query?query={quote(query)}", timeout=5) as answer:
            if result := json.load(answer)["data"]["result"]:
                return str(result[0]["value"][1])
        time.sleep(0.2)
    raise AssertionError(f"no answer to {query}")


def free_ports() -> list[int]:
    with (
        closing(socket.create_server(("127.0.0.1", 0))) as one,
        closing(socket.create_server(("127.0.0.1", 0))) as other,
    ):
        return [one.getsockname()[1], other.getsockname()[1]]


def promtool(*words: str, text: str = "", folder: Path | None = None) -> str:
    """What it objects to."""
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("Prometheus is not installed")
    done = subprocess.run([program, *words], input=text, text=True, capture_output=True, cwd=folder, check=False)
    return "" if done.returncode == 0 else f"{done.returncode}: {done.stdout}{done.stderr}"
