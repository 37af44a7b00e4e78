"""Two processes with a data folder each and one API application: Strava counts them together, and so do they."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.strava.emulator.application import Limits
from strava_pipeline_tests.e2e.dagster_dev import ROOT
from strava_pipeline_tests.ingest.world import World

CALLING = """
import sys
from strava_pipeline.core.errors import BudgetExhaustedError
from strava_pipeline.ingest.strava.client import connect
from strava_pipeline.environment.settings import Settings

client = connect(Settings.load(_env_file=None), wait=False)
sys.stdin.readline()
client.get("/athlete")
print("called", flush=True)
sys.stdin.readline()
try:
    while True:
        client.get("/athlete")
except BudgetExhaustedError:
    print(client.calls, flush=True)
"""


class Folder:
    """A data folder and a process that works on it."""

    def __init__(self, world: World, folder: Path) -> None:
        folder.mkdir()
        world.log_in()
        world.settings.secrets_dir.rename(folder / "secrets")
        own = {"data_dir": folder / "data", "secrets_dir": folder / "secrets"}
        settings: Settings = world.settings.model_copy(update=own)
        self.process = subprocess.Popen(
            [sys.executable, "-c", CALLING],
            env={"PYTHONPATH": str(ROOT), **settings.environ()},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def let(self) -> None:
        """Let it go on to its next stop."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def said(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()


@pytest.fixture
def world(tmp_path: Path, limit: int) -> Iterator[World]:
    with World.started(tmp_path, activities=1, limits=Limits(1000, 10_000, limit, 10_000)) as world:
        yield world


# Of 3 calls each process makes one to learn the limit, and one is left for both: each of two ledgers would let its process
# make it. Of 40, they race for the rest.
@pytest.mark.dear
@pytest.mark.parametrize("limit", [3, 40], ids=["one-left-for-both", "a-race"])
def test_two_data_folders_of_one_application_never_make_more_calls_than_it_may(
    world: World, tmp_path: Path, limit: int
) -> None:
    with ExitStack() as ended:
        both = [Folder(world, tmp_path / name) for name in ("one", "two")]
        for folder in both:
            ended.enter_context(folder.process)
            ended.callback(folder.process.kill)
        for folder in both:
            folder.let()
            assert folder.said() == "called"
        for folder in both:
            folder.let()
        made = [int(folder.said()) for folder in both]
    calls = world.calls()
    assert (sum(made), calls["total"], calls["refused"]) == (limit, limit, 0)
