"""Fixtures for all rooms: a whole pipeline on temporary folders."""

import gc
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from hypothesis import HealthCheck, settings

from strava_pipeline.core.process import collect_seldom
from strava_pipeline.environment.file_locks import exclusive
from strava_pipeline.lake.paths import Lake
from strava_pipeline_tests.examples import examples
from strava_pipeline_tests.open_once import opened_once
from strava_pipeline_tests.small_disk import SmallDisk, small_disk
from strava_pipeline_tests.templates import Templates, tables_copied

if TYPE_CHECKING:  # a rig imports Dagster, which takes seconds: tests of other rooms do without
    from strava_pipeline_tests.postgres import Server
    from strava_pipeline_tests.rig import Rig

pytest_plugins = ["strava_pipeline_tests.draw"]
pytest.register_assert_rewrite("strava_pipeline_tests.rig")  # what it asserts is shown as tests' own is

# Tests start hundreds of processes, and each worker reads all tests: what they import is compiled once, whatever the shell says.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
if (
    signal.getsignal(signal.SIGINT) is signal.SIG_IGN
):  # by nohup or a script's `&`: what tests interrupt would inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)
gc.disable()  # until all tests are collected, for half of that was looking for garbage: see pytest_runtestloop

# A test's tables are tiny, and each core has a worker of its own: more threads only add to the CPU, a sixth of that of a
# rebuild. What starts processes of its own tests DuckDB with all its threads.
os.environ.setdefault("POLARS_MAX_THREADS", "1")
_connect = duckdb.connect
_numbers = count()


def _connect_with_one_thread(
    database: Path | str = ":memory:", read_only: bool = False, config: dict[str, Any] | None = None
) -> duckdb.DuckDBPyConnection:
    return _connect(database, read_only=read_only, config={"threads": 1, **(config or {})})


duckdb.connect = _connect_with_one_thread

# The same examples every time, however fast the machine: what fails here fails everywhere.
settings.register_profile(
    "same",
    max_examples=examples(100),
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("same")

OF_PROCESSES = ("browser", "container", "e2e", "old_folders")  # rooms whose tests start them

# what `make soak` runs one after the other: each under an hour
SOAK = "days", "kills", "damage", "calendar", "daemon"


def pytest_xdist_auto_num_workers() -> int:
    """What `-n auto` is: one more than there are cores, for one of them always waits."""
    return (os.cpu_count() or 1) + 1


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Bytes that are long are named by their argument: a zip holds the time, and each worker must find the same names."""
    return argname if isinstance(val, bytes) and len(val) > 16 else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Who has a rig runs whole jobs, and is slow; so is what is dear. Quick tests first, then what is dear."""
    for item in items:
        soak = item.get_closest_marker("soak")
        if soak is not None and soak.kwargs.get("part") not in SOAK:
            raise pytest.UsageError(f"{item.nodeid} is in no part of the soak: mark it soak(part=…), one of {SOAK}")
        is_dear = item.get_closest_marker("dear") or "make_rig" in getattr(item, "fixturenames", ())
        if is_dear and not any(map(item.get_closest_marker, ("soak", "samples"))):
            item.add_marker(pytest.mark.slow)
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    """At the end no worker is alone with a long one."""
    return -1 if item.get_closest_marker("slow") is None else 0 if item.get_closest_marker("dear") else 1


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop() -> None:
    """From here on garbage is collected as in a command of ours; the modules and tests of the session are not looked through again."""
    gc.freeze()
    collect_seldom()
    gc.enable()


@pytest.fixture(scope="session", autouse=True)
def state_folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """In place of the user's own state folder, for this process and its children: no test touches the user's."""
    folder = tmp_path_factory.getbasetemp() / "state"
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("XDG_STATE_HOME", str(folder))
        environment.setenv("GARMIN_PERSONAL_API_KEY_FILE", str(folder / "no-garmin-key"))  # nor the user's key there
        # no `dev` or service of a test starts one, at the same port as another's
        environment.setenv("DASHBOARD_ADDRESS", "off")
        yield folder


@pytest.fixture(autouse=True)
def state_folder(state_folders: Path) -> Iterator[Path]:
    """Another one for each test, so that none counts on the calls of an earlier one."""
    folder = state_folders / str(next(_numbers))
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("XDG_STATE_HOME", str(folder))
        yield folder


@pytest.fixture(autouse=True)
def usual_umask() -> Iterator[None]:
    """Whatever the program sets in a test, each begins with the umask of most shells."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture(autouse=True)
def open_once(request: pytest.FixtureRequest) -> Iterator[None]:
    """The working warehouse is opened once for a test, unless it is marked `closed`, is about processes, or its room is drawn."""
    from strava_pipeline_tests.draw import is_closed  # pytest has to import its plugins itself

    room = request.path.relative_to(Path(__file__).parent).parts[0]
    if (
        room in OF_PROCESSES
        or is_closed(room, request.config)
        or any(map(request.node.get_closest_marker, ("closed", "soak", "samples")))
    ):
        yield
        return
    with opened_once():
        yield


@pytest.fixture(scope="session")
def shared_by_workers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of all workers of a session."""
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "shared"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def server() -> "Iterator[Server]":
    """A PostgreSQL server, started once."""
    from strava_pipeline_tests import postgres

    with postgres.started() as running:
        yield running


@pytest.fixture(scope="session")
def beginnings(shared_by_workers: Path) -> Path:
    """Where first runs are kept for rigs to begin with."""
    folder = shared_by_workers / "beginnings"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session", autouse=True)
def templates(shared_by_workers: Path) -> Iterator[Templates]:
    """What is made once and copied, the tables of every new warehouse of this process among it."""
    made = Templates(shared_by_workers)
    with tables_copied(made):
        yield made


@pytest.fixture(scope="session")
def empty_warehouse(templates: Templates) -> Path:
    """The file of a warehouse without rows."""
    return templates.empty_warehouse()


@pytest.fixture(scope="session")
def new_repository(shared_by_workers: Path) -> Path:
    """An empty repository of restic's to copy, whose password is `restic.PASSWORD`."""
    from strava_pipeline_tests.restic import make_repository

    folder = shared_by_workers / "restic"
    with exclusive(shared_by_workers / "restic.lock"):
        return folder / "repository" if folder.exists() else make_repository(folder)


@pytest.fixture(scope="session")
def new_lake(empty_warehouse: Path) -> Callable[[Path], Lake]:
    """`new_lake(folder)`: a lake with an empty warehouse and nothing else, as after a first look into it."""

    def make(folder: Path) -> Lake:
        lake = Lake(folder)
        lake.working.parent.mkdir(parents=True)
        shutil.copyfile(empty_warehouse, lake.working)
        return lake

    return make


@pytest.fixture
def make_rig(tmp_path: Path, beginnings: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator["Callable[..., Rig]"]:
    """Starts rigs: `make_rig(activities=…, settings={…})`. With `jumping` none of its runs in this process waits really."""
    from strava_pipeline_tests.jumping import JumpingTime
    from strava_pipeline_tests.rig import started

    monkeypatch.chdir(tmp_path)
    with ExitStack() as stack:

        def make(*, jumping: bool = False, **config: Any) -> "Rig":
            made = stack.enter_context(started(tmp_path, kept=beginnings, **config))
            if jumping:
                JumpingTime().rule(made.emulator, monkeypatch)
            return made

        yield make


@pytest.fixture
def rig(make_rig: "Callable[..., Rig]") -> "Rig":
    """30 activities of 2022 to 2026, seen from 10 March 2026, and a login."""
    return make_rig()


@pytest.fixture
def on_disk() -> Iterator[Callable[[Path], SmallDisk]]:
    """Mounts a disk of a few megabytes over a folder."""
    with ExitStack() as stack:

        def made(folder: Path) -> SmallDisk:
            try:
                return stack.enter_context(small_disk(folder))
            except OSError as error:
                pytest.skip(f"this kernel lets nobody mount in a namespace of their own: {error}")

        yield made
