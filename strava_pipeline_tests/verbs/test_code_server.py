"""verbs.code_server: Dagster's own classes put together by hand, so a release of Dagster that moves them fails here."""

import os
import signal
from pathlib import Path

import pytest
import yaml

from strava_pipeline.orchestrate.dagster_private import (
    DagsterGrpcClient,
    DagsterUserCodeUnreachableError,
    WorkspaceFileTarget,
    WorkspaceProcessContext,
)
from strava_pipeline.verbs import code_server as module
from strava_pipeline_tests.e2e.dagster_dev import until
from strava_pipeline_tests.rig import Rig

pytestmark = pytest.mark.slow


def servers() -> set[int]:
    """The processes with the definitions that this one has started."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
            command = (stat.parent / "cmdline").read_bytes()
        except OSError:  # it has just ended
            continue
        if int(parent) == os.getpid() and state != "Z" and b"grpc" in command:
            found.add(int(stat.parent.name))
    return found


@pytest.mark.dear
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc")
def test_definitions_are_loaded_again_where_their_process_dies_a_person_asks_or_something_is_set_up(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in rig.settings.environ().items():
        monkeypatch.setenv(name, value)
    services = rig.folder / "providers.toml"
    monkeypatch.setenv("PROVIDERS_CONFIG", str(services))
    monkeypatch.setattr(module, "_LOOK", 0.2)
    with rig.instance() as instance, module.code_server(instance) as workspace:
        (listed,) = yaml.safe_load(workspace.read_text())["load_from"]
        client = DagsterGrpcClient(socket=listed["grpc_server"]["socket"], host="localhost")
        (first,) = servers()
        until(lambda: answers(client), bool)  # it listens in a thread of its own
        os.kill(first, signal.SIGKILL)
        until(lambda: servers() - {first} and answers(client), bool)
        (second,) = servers()
        with WorkspaceProcessContext(instance, WorkspaceFileTarget([str(workspace)]), version="") as context:
            assert job_names(context) >= {"flow", "import_files"}
            context.reload_code_location(listed["grpc_server"]["location_name"])
            assert job_names(context) >= {"flow", "import_files"}
            services.write_text("[providers.intervals_icu")
            assert module._set_up_now() is None, "half written: what was loaded stays"
            services.write_text("[providers.intervals_icu]\nenabled = true\n")
            until(lambda: job_names(context), lambda names: "intervals_icu" in names)
            services.unlink()
            until(lambda: job_names(context), lambda names: "intervals_icu" not in names)
        assert second not in servers()
    assert servers() == set()


def answers(client: DagsterGrpcClient) -> bool:
    try:
        return client.ping("again")["echo"] == "again"
    except DagsterUserCodeUnreachableError:
        return False


def job_names(context: WorkspaceProcessContext) -> set[str]:
    (location,) = context.create_request_context().code_locations
    (repository,) = location.get_repositories().values()
    return {job.name for job in repository.get_all_jobs()}
