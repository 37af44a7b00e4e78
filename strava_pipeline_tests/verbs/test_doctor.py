"""`doctor`: what it says of each thing that is wrong on a machine, and that it changes nothing and makes no call."""

import json
import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest
from dagster._core.remote_origin import InProcessCodeLocationOrigin, RemoteInstigatorOrigin, RemoteRepositoryOrigin
from dagster._core.scheduler.instigation import InstigatorState, InstigatorStatus, InstigatorType, TickData, TickStatus
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._daemon.controller import DEFAULT_DAEMON_HEARTBEAT_TOLERANCE_SECONDS
from dagster._daemon.types import DaemonHeartbeat
from dagster._utils.error import SerializableErrorInfo

from strava_pipeline.core.facts import Fact, State
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.http import Exchange
from strava_pipeline.ingest.strava.access import CLOCK, clock_health, ledger_path
from strava_pipeline.lake.gold.warehouse import NEW_FILE, attach
from strava_pipeline.lake.health import LEFTOVERS, judged_room, warehouse_health, writable
from strava_pipeline.lake.locks import locked
from strava_pipeline.lake.paths import Lake
from strava_pipeline.operations.facts import looked_at
from strava_pipeline.orchestrate.records import MIGRATED_BY, are_as_installed, read_records
from strava_pipeline.verbs import dagster_health
from strava_pipeline.verbs.dagster_health import GONE, records_of
from strava_pipeline.verbs.doctor import examine, looks
from strava_pipeline.verbs.instance import open_instance
from strava_pipeline_tests.ingest.tls import https_server, make_certificate
from strava_pipeline_tests.processes import ran
from strava_pipeline_tests.rig import Rig, started
from strava_pipeline_tests.verbs.conftest import Type, TypeOn

OK, WARNING, PROBLEM, SKIPPED = State.OK, State.WARNING, State.PROBLEM, State.SKIPPED
DAEMON, AUTOMATION, NO_WORKING = "dagster daemon", "automation", "working warehouse"
LOOK_OF = {
    "keys": NO_WORKING,
    "published warehouse": NO_WORKING,
    DAEMON: "dagster",
    AUTOMATION: "dagster",
    "runs": "dagster",
    "login": "providers",
}


@dataclass(frozen=True)
class Patient:
    """A machine on which everything was well."""

    settings: Settings
    now: datetime

    @property
    def lake(self) -> Lake:
        return Lake(self.settings.data_dir)

    @property
    def token(self) -> Path:
        return self.settings.secrets_dir / "strava_token.json"

    def examined(self, settings: dict[str, Any] | None = None) -> list[Fact]:
        """Everything that is not well, the clock aside: an emulator has one of its own."""
        used = self.settings.model_copy(update=settings or {})
        return [one for one in examine(used, {}, self.now) if one.state is not OK and one.name != CLOCK]

    def looked(self, name: str) -> list[Fact]:
        """What the look that tells of `name` finds wrong."""
        look = looks(self.settings, {}, self.now)[LOOK_OF.get(name, name)]
        return [one for one in looked_at(name, look) if one.needs_a_person]


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """A rig whose pipeline ran once, with an instance on disk that holds no run."""
    with started(tmp_path_factory.mktemp("healthy"), activities=6) as rig:
        rig.do("flow_backfill")
        rig.run_unpartitioned("profile")
        rig.calls()
        with rig.instance():
            pass
        yield rig


@pytest.fixture
def patient(healthy: Rig, tmp_path: Path) -> Patient:
    """A copy of it, to be broken."""
    shutil.copytree(healthy.folder, tmp_path / "copy")
    kept = ("data_dir", "secrets_dir", "logs_dir", "ledger_dir")
    folders = {name: tmp_path / "copy" / name.removesuffix("_dir") for name in kept}
    home = tmp_path / "copy" / "dagster_home"
    made = healthy.settings.model_copy(update={**folders, "dagster_home": home})
    for folder in (made.data_dir, made.logs_dir, home):
        folder.chmod(0o700)
    return Patient(made, datetime.now(UTC))


def test_where_all_is_well_nothing_is_wrong_or_changed_and_no_call_made(healthy: Rig, patient: Patient) -> None:
    before = _state(patient.lake.data_dir, patient.settings.secrets_dir)
    home = {path for path in patient.settings.dagster_home.rglob("*") if path.suffix not in (".db-wal", ".db-shm")}
    assert patient.examined() == []
    assert _state(patient.lake.data_dir, patient.settings.secrets_dir) == before
    assert {p for p in patient.settings.dagster_home.rglob("*") if p.suffix not in (".db-wal", ".db-shm")} == home
    assert healthy.calls()["total"] == 0


def _empty(path: Callable[[Patient], Path]) -> Callable[[Patient], object]:
    return lambda patient: path(patient).write_bytes(b"")


def _cut(path: Callable[[Patient], Path]) -> Callable[[Patient], object]:
    return lambda patient: path(patient).write_bytes(path(patient).read_bytes()[:-20])


def _mode(path: Callable[[Patient], Path], mode: int) -> Callable[[Patient], object]:
    return lambda patient: path(patient).chmod(mode)


def _made(path: Callable[[Patient], Path], *, age: float = 2) -> Callable[[Patient], object]:
    def make(patient: Patient) -> None:
        path(patient).parent.mkdir(parents=True, exist_ok=True)
        path(patient).touch()
        at = (patient.now - timedelta(hours=age)).timestamp()
        os.utime(path(patient), (at, at))

    return make


def _sql(statement: str) -> Callable[[Patient], object]:
    def execute(patient: Patient) -> None:
        with duckdb.connect(str(patient.lake.working)) as connection:
            connection.execute("PRAGMA disable_checkpoint_on_shutdown")
            connection.execute(statement)

    return execute


def _published(statement: str) -> Callable[[Patient], object]:
    def execute(patient: Patient) -> None:
        _snapshot(patient).chmod(0o600)
        with duckdb.connect(str(_snapshot(patient))) as connection:
            connection.execute(statement)
        _snapshot(patient).chmod(0o400)

    return execute


def _token(**fields: object) -> Callable[[Patient], object]:
    return lambda patient: patient.token.write_text(json.dumps(json.loads(patient.token.read_text()) | fields))


def _beat(*, fails: bool = False, **ages: float) -> Callable[[Patient], object]:
    """Heartbeats, minutes ago."""

    def beat(patient: Patient) -> None:
        errors = [SerializableErrorInfo("it broke", [], None)] if fails else []
        with open_instance(patient.settings.dagster_home) as instance:
            for kind, minutes in ages.items():
                at = (patient.now - timedelta(minutes=minutes)).timestamp()
                instance.add_daemon_heartbeat(DaemonHeartbeat(at, kind, "a daemon", errors))

    return beat


def _tick(status: TickStatus, *, running: bool = True, name: str = "resume") -> Callable[[Patient], object]:
    """The last look of a sensor."""

    def tick(patient: Patient) -> None:
        origin = RemoteInstigatorOrigin(
            RemoteRepositoryOrigin(InProcessCodeLocationOrigin(LoadableTargetOrigin(python_file="x.py")), "it"), name
        )
        selector = origin.get_selector().get_id()
        state = InstigatorState(
            origin, InstigatorType.SENSOR, InstigatorStatus.RUNNING if running else InstigatorStatus.STOPPED
        )
        with open_instance(patient.settings.dagster_home) as instance:
            instance.add_instigator_state(state)
            error = SerializableErrorInfo("it broke", [], None) if status is TickStatus.FAILURE else None
            told = {"status": status, "timestamp": patient.now.timestamp(), "error": error, "selector_id": selector}
            instance.create_tick(TickData(origin.get_id(), name, InstigatorType.SENSOR, **told))

    return tick


def _dead_run(patient: Patient) -> None:
    with open_instance(patient.settings.dagster_home) as instance:
        run = dg.DagsterRun(job_name="flow", run_id="0123", status=dg.DagsterRunStatus.STARTED)
        instance.add_run(run)
    _made(lambda patient: patient.lake.state / "runs" / "0123.lock")(patient)


def _lost(path: Callable[[Patient], Path]) -> Callable[[Patient], object]:
    return lambda patient: path(patient).unlink()


def _in_the_way(path: Callable[[Patient], Path]) -> Callable[[Patient], object]:
    def put(patient: Patient) -> None:
        shutil.rmtree(path(patient), ignore_errors=True)
        path(patient).touch()

    return put


def _working(patient: Patient) -> Path:
    return patient.lake.working


def _snapshot(patient: Patient) -> Path:
    return patient.lake.snapshot


def _page(patient: Patient) -> Path:
    return min(patient.lake.listings.rglob("page-0001.json.gz"))


def _manifest(patient: Patient) -> Path:
    return _page(patient).with_name("manifest.json")


def _detail(patient: Patient) -> Path:
    return min(patient.lake.details.rglob("*.json.gz"))


def _records(patient: Patient) -> Path:
    return patient.settings.dagster_home / "history" / "runs.db"


def _torn_decision(patient: Patient) -> None:
    patient.lake.decisions.mkdir()
    (patient.lake.decisions / "quarantine.jsonl").write_bytes(b'{"at": "2026-')


BROKEN: dict[str, tuple[Callable[[Patient], object], str, State, str, str]] = {
    # what is broken: (how, what doctor calls it, how bad it is, what it says, how to mend it)
    "token lost": (_lost(lambda p: p.token), "login", WARNING, "no login yet", "strava-pipeline auth"),
    "token garbage": (_empty(lambda p: p.token), "login", PROBLEM, "not a login file", "strava-pipeline auth"),
    "token open": (_mode(lambda p: p.token, 0o644), "login", PROBLEM, "by others", "chmod 600"),
    "secrets open": (_mode(lambda p: p.token.parent, 0o755), "login", WARNING, "by others", "chmod 700"),
    "half a token": (_made(lambda p: p.token.with_name(".strava_token.json.x1")), "login", WARNING, "unfinished", "rm"),
    "token refused": (_token(refused_at=1_790_000_000), "login", PROBLEM, "Strava refused it on 2026-09-21", "auth"),
    "scope denied": (_token(scope="read,activity:read_all"), "login", WARNING, "gear, weight", "every box ticked"),
    "ledger garbage": (_empty(lambda p: ledger_path(p.settings)), "budget ledger", WARNING, "underst", "Nothing"),
    "ledger no folder": (
        _in_the_way(lambda p: p.settings.ledger_dir), "folder: ledger", PROBLEM, "in the way", "mv '"
    ),
    "logs no folder": (_in_the_way(lambda p: p.settings.logs_dir), "folder: logs", PROBLEM, "in the way", "mv '"),
    "edited dagster.yaml": (
        lambda p: (p.settings.dagster_home / "dagster.yaml").write_text("nux:\n  enabled: false\n"),
        "dagster.yaml",
        WARNING,
        "not this version's own and does not say as it does: ",
        "\nstorage:\n  custom:\n    module: strava_pipeline.orchestrate.storage\n    class: PipelineStorage",
    ),
    "garbage dagster.yaml": (
        lambda p: (p.settings.dagster_home / "dagster.yaml").write_bytes(b"\xff{"),
        "dagster.yaml",
        WARNING,
        "can't be read",
        "mv '",
    ),
    "records damaged": (lambda p: _records(p).write_bytes(b"x" * 999), "dagster", PROBLEM, "can't be opened", "mv '"),
    "daemon silent": (_beat(SENSOR=9), DAEMON, WARNING, "9 minutes ago", "strava-pipeline dev"),
    "scheduler silent": (_beat(SENSOR=1, SCHEDULER=9), DAEMON, WARNING, "a word of SCHEDULER", "strava-pipeline dev"),
    "sensors fail": (_beat(SENSOR=1, fails=True), DAEMON, WARNING, "SENSOR fails", "strava-pipeline dev"),
    "sensor failed": (_tick(TickStatus.FAILURE), AUTOMATION, WARNING, "resume (2", "service restart"),
    "run died": (_dead_run, "runs", WARNING, "0123", "marks them as failed"),
    "manifest damaged": (_empty(_manifest), "bronze: listings", WARNING, "manifest.json of", "strava-pipeline run-all"),
    "page lost": (_lost(_page), "bronze: listings", PROBLEM, "missing or damaged", "strava-pipeline run-all"),
    "page damaged": (_cut(_page), "bronze: listings", PROBLEM, "missing or damaged", "strava-pipeline run-all"),
    "detail damaged": (_cut(_detail), "bronze: details", PROBLEM, "1 of 6", "strava-pipeline enrich --ids "),
    "decision torn": (_torn_decision, "decisions", WARNING, "quarantine.jsonl, line 1", "decide again"),
    "goals mistyped": (
        lambda p: p.lake.goals.write_text("[2026.rides]\ncount = 5\n"),
        "goals",
        PROBLEM,
        "no group of sports is called 'rides'",
        "strava-pipeline goals check",
    ),
    "rules mistyped": (
        lambda p: p.lake.rules.write_text("[[rule]]\nwhen.name = '('\nthen.commute = true\n"),
        "rules",
        PROBLEM,
        "[[rule]] 1: when.name: no pattern",
        "strava-pipeline rules check",
    ),
    "working lost": (_lost(_working), NO_WORKING, WARNING, "not there any more", "strava-pipeline compact"),
    "working emptied": (_empty(_working), NO_WORKING, PROBLEM, "not a DuckDB file", "strava-pipeline compact"),
    "working cut": (
        lambda p: _working(p).write_bytes(_working(p).read_bytes()[:9000]), NO_WORKING, PROBLEM, "damaged", "mv '"
    ),
    "no tables": (
        lambda p: (_working(p).unlink(), attach(duckdb.connect(), _working(p), "made", *NEW_FILE)),
        NO_WORKING, WARNING, "no tables yet", "strava-pipeline compact",
    ),
    "table lost": (_sql("DROP TABLE gear"), NO_WORKING, PROBLEM, "damaged (CatalogException)", "mv '"),
    "other tables": (
        _sql("UPDATE lake_meta SET value = 'x' WHERE key = 'catalogue'"), NO_WORKING, WARNING, "another version", "compact"
    ),
    "half rebuilt": (
        _sql("INSERT INTO lake_meta VALUES ('due:everything', 'yes')"), NO_WORKING, WARNING, "did not come to its end", "compact"
    ),
    "keys doubled": (
        _sql("INSERT INTO gear SELECT * FROM gear LIMIT 1"), "keys", PROBLEM, "gear: 1 keys stand twice", "mv '"
    ),
    "behind": (
        _sql("UPDATE lake_meta SET value = '99' WHERE key = 'revision'"), "published warehouse", WARNING, "behind", "compact"
    ),
    "other views": (_published("UPDATE lake_meta SET value = 'x' WHERE key = 'made:views'"), "published warehouse", WARNING, "the views of another version", "compact"),
    "unpublished": (_lost(_snapshot), "published warehouse", WARNING, "not there", "compact"),
    "snapshot writable": (_mode(_snapshot, 0o644), "published warehouse", WARNING, "written to", "chmod a-w"),
    "folders open": (_mode(lambda p: p.lake.data_dir, 0o755), "folders: privacy", WARNING, "look into /", "chmod -R go= '/"),
    "snapshot damaged": (
        lambda p: (_snapshot(p).unlink(), _snapshot(p).write_bytes(b"x" * 9000), _snapshot(p).chmod(0o444)),
        "published warehouse", PROBLEM, "can't be read", "strava-pipeline compact",
    ),
    "log of a snapshot": (
        _made(lambda p: p.lake.snapshot.with_name("strava.duckdb.wal")), "leftovers", WARNING, ".wal", "rm -f '"
    ),
    "older warehouse": (_made(lambda p: p.lake.working.with_suffix(".old")), "leftovers", WARNING, ".old", "rm -f '"),
    "damaged warehouse": (
        _made(lambda p: p.lake.working.with_suffix(".damaged")), "leftovers", WARNING, ".damaged", "rm -f '"
    ),
    "ledger set aside": (
        _made(lambda p: ledger_path(p.settings).with_suffix(".json.corrupt-20260310")), "budget ledger", WARNING, "set aside", "rm -f '"
    ),
    "half a snapshot": (
        _made(lambda p: p.lake.snapshot.with_name(".strava.duckdb.tmp")), "leftovers", WARNING, ".tmp", "rm -f '"
    ),
    "half a page": (_made(lambda p: _page(p).with_name(".page-0009.json.gz.77.tmp")), "leftovers", WARNING, ".tmp", "rm"),
    "detail lost": (
        lambda p: _detail(p).rename(f"{_detail(p)}.damaged"), "bronze: details", PROBLEM, "1 of 6", "strava-pipeline enrich --ids "
    ),
    "damaged detail": (
        _made(lambda p: _detail(p).with_name("20200101T000000000000Z.json.gz.damaged")), "leftovers", WARNING, ".gz.damaged", "rm -f '"
    ),
}  # fmt: skip


@pytest.mark.parametrize("broken", BROKEN)
def test_each_thing_that_is_broken_is_named_alone_with_the_way_to_mend_it(patient: Patient, broken: str) -> None:
    break_it, name, state, what, mend = BROKEN[broken]
    break_it(patient)
    found = patient.looked(name)
    assert [(one.name, one.state) for one in found] == [(name, state)]
    assert what in found[0].text
    assert mend in str(found[0].advice)


COMMANDS = ("mv ", "chmod ", "rm ", "DAGSTER_HOME=", "strava-pipeline ")


@pytest.mark.soak(part="damage")
@pytest.mark.parametrize("broken", BROKEN)
def test_the_commands_that_are_told_mend_it(patient: Patient, broken: str) -> None:
    break_it, name, *_ = BROKEN[broken]
    break_it(patient)
    (found,) = patient.looked(name)
    commands = [line for line in str(found.advice).splitlines() if line.startswith(COMMANDS)]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for command in commands:
        done = ran("/bin/sh", "-c", command, env={**os.environ, **patient.settings.environ(), "PATH": path})
        assert done.returncode == 0, f"{command}: {done.stdout}\n{done.stderr}"
    assert not commands or patient.looked(name) == []


@pytest.mark.parametrize(
    ("harmless", "name"),
    [
        (_made(lambda p: _page(p).with_name(".page-0009.json.gz.77.tmp"), age=0.1), "leftovers"),  # a run is writing it
        (lambda p: (p.lake.listings / "20260310T000000000000Z-year").mkdir(), "bronze: listings"),  # one has just begun
        (_beat(SENSOR=1, SCHEDULER=1), DAEMON),
        (_beat(SENSOR=90), DAEMON),
        (_tick(TickStatus.SKIPPED), AUTOMATION),
        (_tick(TickStatus.FAILURE, running=False), AUTOMATION),
        (_token(scope=None), "login"),
    ],
)
def test_everyday_life_is_nothing_wrong(patient: Patient, harmless: Callable[[Patient], object], name: str) -> None:
    harmless(patient)
    assert patient.looked(name) == []


@pytest.mark.dear
def test_records_are_read_without_dagster_as_dagster_reads_them(patient: Patient) -> None:
    home, seen = patient.settings.dagster_home, set()
    for change in (
        lambda patient: None,
        _beat(SENSOR=1, SCHEDULER=9),
        _beat(SENSOR=90, fails=True),
        _dead_run,
        _tick(TickStatus.SKIPPED),
        _tick(TickStatus.FAILURE, name="inbox"),
        _tick(TickStatus.FAILURE, name="alerts"),
        _tick(TickStatus.FAILURE, name="catch_up", running=False),
    ):
        change(patient)
        assert are_as_installed(home)
        with open_instance(home) as instance:
            expected = records_of(instance, ["0123", "4567"])
        assert read_records(home, ["0123", "4567"]) == expected
        seen.add(repr(expected))
    assert len(seen) == 6, "looks without a failure, and of what is switched off, leave no trace; all else does"
    assert timedelta(seconds=DEFAULT_DAEMON_HEARTBEAT_TOLERANCE_SECONDS) == GONE


def test_records_of_another_version_are_left_to_dagster(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Path] = []
    monkeypatch.setattr(dagster_health, "opened_instance_health", lambda home, *_: asked.append(home) or [])
    home = patient.settings.dagster_home
    for path, text in ((home / MIGRATED_BY, "1.5.0"), (home / "dagster.yaml", "telemetry: {enabled: false}")):
        before = path.read_bytes()
        path.write_text(text)
        patient.looked("dagster")
        path.write_bytes(before)
    assert asked == [home, home]


def test_a_log_that_a_dead_run_left_beside_the_working_warehouse_is_to_be_kept(patient: Patient) -> None:
    _sql("UPDATE lake_meta SET value = '99' WHERE key = 'revision'")(patient)
    log = patient.lake.working.with_name("strava.duckdb.wal")
    before = log.read_bytes()
    told = {one.name: one for one in examine(patient.settings, {}, patient.now)}
    assert "keep it" in told["working warehouse"].text
    assert "rm" not in str(told["leftovers"].advice)
    assert log.read_bytes() == before


def test_a_run_at_work_is_left_alone(patient: Patient) -> None:
    with locked(patient.lake, "warehouse"), ThreadPoolExecutor() as another:  # who holds the lock may take it again
        found = another.submit(warehouse_health, patient.lake, datetime.now(UTC)).result()[:2]
    assert [(one.name, one.state) for one in found] == [("working warehouse", SKIPPED), ("keys", SKIPPED)]
    assert "a run is at work" in found[0].text


@pytest.mark.slow
def test_a_program_that_has_the_working_warehouse_open_is_told_of(patient: Patient) -> None:
    hold = "import duckdb, sys; held = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", hold, str(patient.lake.working)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        found = patient.looked(NO_WORKING)
        other.communicate()
    assert [(one.name, one.state) for one in found] == [("working warehouse", PROBLEM)]
    assert "another program" in found[0].text


def test_an_emulators_login_with_the_settings_of_another_host_is_a_problem(patient: Patient) -> None:
    found = patient.examined({"base_url": "http://0.0.0.0:9"})
    assert [(one.name, one.state) for one in found] == [("server", PROBLEM), ("login", PROBLEM)]


def test_a_look_that_fails_itself_is_a_problem_and_the_others_go_on(patient: Patient) -> None:
    (patient.lake.state / ".x.tmp").symlink_to("nowhere")
    found = patient.examined()
    assert [(one.name, one.state) for one in found] == [(LEFTOVERS, PROBLEM)]
    assert "looking at it failed: FileNotFoundError" in found[0].text


DATE = "Tue, 10 Mar 2026 12:00:30 GMT"
AT = datetime(2026, 3, 10, 12, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("ahead", "took", "state", "what"),
    [
        (0, 0, OK, "as the server's"),
        (0.9, 0, OK, "as the server's"),  # a Date header has whole seconds
        (20, 19.5, OK, "as the server's"),  # the answer was on its way
        (-3, 5, OK, "3 seconds behind the server's"),
        (60, 0, OK, "59 seconds ahead of the server's"),
        (62, 0, WARNING, "61 seconds ahead of the server's"),
        (-62, 30, WARNING, "62 seconds behind the server's"),
        (-86_400 * 3, 0, WARNING, "3 days behind the server's"),
        (7200 + 1, 0, WARNING, "2 hours ahead of the server's"),
    ],
)
def test_the_clock_is_off_by_more_than_the_answer_took(ahead: float, took: float, state: State, what: str) -> None:
    found = clock_health(Exchange(200, {"Date": DATE}, b"", took), AT + timedelta(seconds=ahead))
    assert (found.state, found.text.partition(". ")[0]) == (state, what)


def test_without_a_date_the_clock_is_not_judged() -> None:
    assert clock_health(Exchange(200, {}, b"", 0), AT).state is SKIPPED


@pytest.mark.parametrize(
    ("free", "warehouse", "state"),
    [
        (10**12, 10**9, OK),
        (200_000_000, 0, OK),
        (199_999_999, 0, WARNING),
        (2_199_999_999, 10**9, WARNING),
        (10**9, 10**9, PROBLEM),
        (0, 0, PROBLEM),
    ],
)
def test_the_disk_needs_room_for_a_copy_and_as_much_to_grow(free: int, warehouse: int, state: State) -> None:
    assert judged_room("disk", free, warehouse).state is state


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_to_is_a_problem(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    found = writable("logs", tmp_path / "not" / "made")
    tmp_path.chmod(0o700)
    assert (found.state, str(found.advice).split()[:2]) == (PROBLEM, ["chmod", "u+rwx"])


def test_in_a_fresh_folder_nothing_is_wrong_and_nobody_is_asked_about_strava(tmp_path: Path, type_here: Type) -> None:
    said = type_here("doctor", "--json")
    report = json.loads(said.out)
    assert said.code == 0
    told = {one["name"]: one["state"] for one in report["facts"]}
    assert {name for name, state in told.items() if state == "skipped"} == {
        *("dagster.yaml", "dagster"),
        *("bronze: listings", "bronze: details", "bronze: times", "working warehouse", "published warehouse"),
    }
    assert {"application", "server", "trips: source"}.isdisjoint(told)
    assert (report["problems"], report["warnings"]) == (0, 0)
    assert list(tmp_path.iterdir()) == []


def test_faulty_settings_are_named_and_the_others_still_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, type_here: Type
) -> None:
    (tmp_path / ".env").write_text(
        "PER_PAGE=999\nREQUESTS_CA_BUNDLE=lost.pem\nSTRAVA_CLIENT_ID=7\nSTRAVA_DATA_DIR=kept\n"
    )
    monkeypatch.setenv("STRAVA_BASE_URL", "htp:here")
    said = type_here("doctor")
    assert said.code == 1
    for told in ("PER_PAGE: Input", "REQUESTS_CA_BUNDLE: ", "STRAVA_BASE_URL: not an address"):
        assert re.search(rf"✗ settings +{told}", said.out)
    assert "STRAVA_CLIENT_SECRET not set" in said.out
    assert f"{tmp_path / 'kept'} can be made" in said.out
    assert re.search(r"· server +STRAVA_BASE_URL is faulty", said.out)


def test_an_env_file_that_is_no_text_is_a_problem_beside_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, type_here: Type
) -> None:
    (tmp_path / ".env").write_bytes(b"\xff\xfe")
    monkeypatch.setenv("PER_PAGE", "999")
    said = type_here("doctor")
    assert said.code == 1
    assert re.search(r"✗ settings +\.env: ", said.out)
    assert re.search(r"✗ settings +PER_PAGE: ", said.out)


def test_where_all_is_well_it_ends_with_0(healthy: Rig, type_on: TypeOn) -> None:
    said = type_on(healthy)("doctor")
    assert (said.code, said.err) == (0, "")
    assert re.search(r"✓ strava login +there; access until ", said.out)
    token = json.loads((healthy.settings.secrets_dir / "strava_token.json").read_text())
    assert token["access_token"] not in said.out
    assert token["refresh_token"] not in said.out


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificates")
def test_a_bundle_is_made_once_and_told_how_to_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, type_here: Type
) -> None:
    made, key = make_certificate(tmp_path, "corporate")
    bundle = tmp_path / "secrets" / "ca-bundle.pem"
    with https_server(made, key) as url:
        monkeypatch.setenv("STRAVA_BASE_URL", url)
        monkeypatch.setenv("STRAVA_CLIENT_ID", "12345")
        assert "the certificate of 127.0.0.1 is not trusted" in type_here("doctor").out
        said = type_here("doctor", "--make-ca-bundle", str(made))
        line = said.out.splitlines()[-1]
        assert (said.code, line) == (0, f"REQUESTS_CA_BUNDLE={bundle}")
        (tmp_path / ".env").write_text(f"{line}\n")
        assert "127.0.0.1 answers; its certificate is good" in type_here("doctor").out
    written = bundle.stat().st_mtime_ns
    again = type_here("doctor", "--make-ca-bundle", str(made))
    assert (again.code, "holds them already" in again.out) == (0, True)
    assert bundle.stat().st_mtime_ns == written
    assert stat.S_IMODE(bundle.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    "words",
    [("--make-ca-bundle",), ("root.pem",), ("--make-ca-bundle", "absent.pem"), ("--make-ca-bundle", "a", "--json")],
)
def test_a_bundle_of_nothing_is_misuse(tmp_path: Path, type_here: Type, words: tuple[str, ...]) -> None:
    assert type_here("doctor", *words).code == 2
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def type_here(healthy: Rig, type_on: TypeOn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Type:
    """A command in an empty folder, without settings, and with nobody at the server's address."""
    typed = type_on(healthy)
    for name in healthy.settings.environ():
        monkeypatch.delenv(name)
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.setenv("STRAVA_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster_home"))
    monkeypatch.chdir(tmp_path)
    return typed


def _state(*folders: Path) -> dict[str, tuple[int, int, bytes]]:
    """Everything about every file that a careless look could change; locks aside, which are touched to be taken."""
    return {
        str(path): (stat.S_IMODE(path.stat().st_mode), path.stat().st_mtime_ns, path.read_bytes())
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file()
    }
