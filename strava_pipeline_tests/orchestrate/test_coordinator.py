"""Which processes take a home as its daemon, and what another one is told. Daemons as processes: e2e/test_second_daemon.py."""

import os
import sys
from pathlib import Path

import dagster as dg
import pytest
from dagster._daemon.controller import all_daemons_live, create_daemons_from_instance

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.orchestrate.home import daemon_of
from strava_pipeline.verbs.dagster_process import exclusive_instance, is_daemon_running
from strava_pipeline.verbs.instance import open_instance

OURS = f"process {os.getpid()} on "


@pytest.fixture(autouse=True)
def _no_end_of_the_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    """A daemon that is refused ends its process at once, here by an exception."""
    monkeypatch.setattr(os, "_exit", sys.exit)


def start_daemon(instance: dg.DagsterInstance) -> None:
    """What `dagster-daemon run` does first."""
    create_daemons_from_instance(instance)


def test_a_second_daemon_is_refused_until_the_first_ended(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with open_instance(tmp_path) as first, open_instance(tmp_path) as second:
        start_daemon(first)
        with pytest.raises(SystemExit):
            start_daemon(second)
        assert capfd.readouterr().err.startswith(f"Dagster is already running on {tmp_path} ({OURS}")
        first.dispose()
        start_daemon(second)
    assert daemon_of(tmp_path) is None


def test_a_process_that_is_no_daemon_takes_nothing(tmp_path: Path) -> None:
    with open_instance(tmp_path) as instance:
        assert not all_daemons_live(instance)  # as the web server shows it
        assert instance.get_concurrency_config().run_queue_config is not None
        assert "ExclusiveRunCoordinator" in instance.info_str()
        assert not is_daemon_running(tmp_path)


def test_dev_and_the_service_are_refused_beside_a_bare_daemon(tmp_path: Path) -> None:
    with open_instance(tmp_path) as instance:
        start_daemon(instance)
        assert is_daemon_running(tmp_path)
        with pytest.raises(PipelineError, match=OURS), exclusive_instance(tmp_path):
            pass
    with exclusive_instance(tmp_path):
        assert is_daemon_running(tmp_path)


def test_a_bare_daemon_is_refused_while_dev_or_the_service_prepares_and_theirs_is_not(tmp_path: Path) -> None:
    with open_instance(tmp_path) as instance, exclusive_instance(tmp_path) as held:
        with pytest.raises(SystemExit):
            start_daemon(instance)
        held.daemon.close()  # as `serve` does before it starts the daemon
        start_daemon(instance)
        with pytest.raises(PipelineError, match=OURS), exclusive_instance(tmp_path):
            pass
