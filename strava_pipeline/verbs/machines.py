"""The command `machines`: the processes of several machines whose athletes have one Dagster (docs/scale.md).

Each becomes one process in the foreground, with the secrets of files in its environment: Dagster's own code server and daemon,
Dagster's web server behind the check of who asks, and a worker of Celery's. The last two are machine_programs.py's.
"""

import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn

import typer

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.core.facts import Fact, ok, problem

if TYPE_CHECKING:
    from strava_pipeline.environment.settings import Settings

WORKSPACE = "workspace.yaml"  # in Dagster's home: names the code server of each machine
WORKERS = "workers"  # what `doctor` calls its check
PROGRAMS = "strava_pipeline.verbs.machine_programs"
UI_PORT, CODE_SERVER_PORT = 3000, 4266


def machines(
    part: Annotated[
        Literal["code-server", "ui", "daemon", "worker"],
        typer.Argument(help="One of Dagster's three processes, or a worker, which runs what is asked of its athletes."),
    ],
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Of the code server (4266) or the UI (3000).")
    ] = None,
    host: Annotated[
        str, typer.Option(help="Address of the code server or the UI; there is no password, so keep it local.")
    ] = "127.0.0.1",
    slots: Annotated[int, typer.Option(min=1, help="How many runs a worker has at work at once.")] = 2,
    health: Annotated[
        bool,
        typer.Option("--health", help="Check that the part answers, for containers; exit code 1 where it does not."),
    ] = False,
) -> None:
    """Run a process of Dagster on several machines, or a worker, in the foreground.

    The code server tells the UI and the daemon of the athletes on its machine; the daemon starts once there are workers for
    all runs that it may launch at once.
    """
    settings = _house()
    workspace = str(settings.dagster_home / WORKSPACE)
    if part == "code-server":
        _code_server(settings, host, str(port or CODE_SERVER_PORT), health=health)
    elif part == "ui" and health:
        _check_ui(port or UI_PORT)
    elif part == "ui":
        _become(settings, PROGRAMS, "ui", host, str(port or UI_PORT), workspace)
    elif part == "daemon" and health:
        _become(settings, "dagster._daemon", "liveness-check")
    elif part == "daemon":
        _await_workers(settings)
        _become(settings, "dagster._daemon", "run", "--workspace", workspace)
    elif health:
        _become(settings, PROGRAMS, "ping", settings.house_name)
    else:
        _become(settings, PROGRAMS, "worker", settings.house_name, str(slots))


def _code_server(settings: "Settings", host: str, port: str, *, health: bool) -> NoReturn:
    from strava_pipeline.orchestrate.home import HOUSE_DEFINITIONS

    if health:
        _become(settings, "dagster", "api", "grpc-health-check", "--port", port)
    where = ("--host", host, "--port", port, "--location-name", settings.house_name)
    _become(settings, "dagster", "api", "grpc", "--module-name", HOUSE_DEFINITIONS, *where)


def _check_ui(port: int) -> None:
    from strava_pipeline.verbs.dagster_process import Address
    from strava_pipeline.verbs.service_process import ui_answers

    if not ui_answers(Address("127.0.0.1", port)):
        raise PipelineError("The UI does not answer.")


def _await_workers(settings: "Settings") -> None:
    """Bring Dagster's databases up to date, for all parts. Raises PipelineError where there are too few workers."""
    from strava_pipeline.verbs.instance import open_instance

    with open_instance(settings.dagster_home):
        pass
    if found := _shortages(settings.dagster_home):
        raise PipelineError("\n".join(f"There are too few workers: {what} {fix}" for what, fix in found))


def workers_health(settings: "Settings") -> list[Fact]:
    """For `doctor`: whether there are workers for all runs that may be launched at once; empty without several machines."""
    from strava_pipeline.environment.athletes import house_home
    from strava_pipeline.orchestrate.home import configuration

    home = house_home(settings)
    if not _has_workers(configuration(home)):
        return []
    found = [problem(WORKERS, *one) for one in _shortages(home)]
    return found or [ok(WORKERS, "enough for all runs that may be launched at once")]


def _shortages(home: Path) -> list[tuple[str, str]]:
    """Why runs would wait for a worker, each with how to fix it. Asks the broker, which takes ten seconds.

    Raises PipelineError if the broker does not answer.
    """
    from kombu.exceptions import OperationalError

    from strava_pipeline.orchestrate.home import configuration
    from strava_pipeline.orchestrate.machines import workers
    from strava_pipeline.orchestrate.queues import Limits, locations, shortages
    from strava_pipeline.verbs.instance import database_faults_named, load_instance

    try:
        with database_faults_named(home), load_instance(home) as instance:
            present = workers(instance.run_launcher.celery)  # type: ignore[attr-defined]  # `_house` looked which it is
    except OperationalError as error:
        raise PipelineError(
            f"The queue of runs can't be reached ({error}). See that Redis runs, and that CELERY_BROKER_URL leads to it."
        ) from None
    return list(shortages(locations(home / WORKSPACE), present, Limits.of(configuration(home))))


def _house() -> "Settings":
    """The settings of all athletes' Dagster. Raises PipelineError if its dagster.yaml sends no runs to workers."""
    from importlib.util import find_spec

    from strava_pipeline.environment.athletes import become_house
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.orchestrate.home import CONFIG, configuration

    become_house()
    settings = Settings.load()
    if find_spec("dagster_celery") is None:
        raise PipelineError("Several machines need more packages: pip install 'strava_pipeline[machines]'.")
    if not _has_workers(configuration(settings.dagster_home)):
        raise PipelineError(
            f"{settings.dagster_home / CONFIG} sends no runs to workers. Put deploy/server.dagster.yaml in its place; "
            "docs/scale.md goes through it step by step."
        )
    return settings


def _has_workers(configuration: Mapping[str, Any]) -> bool:
    """Whether a dagster.yaml sends runs to workers."""
    return (configuration.get("run_launcher") or {}).get("module") == "strava_pipeline.orchestrate.machines"


def _become(settings: "Settings", module: str, *arguments: str) -> NoReturn:
    """Replace this process by a Python module, in a folder without a `.env`, which Dagster would load by itself."""
    from strava_pipeline.verbs.dagster_process import environment_of_dagster
    from strava_pipeline.verbs.instance import provide_secrets

    provide_secrets(settings.dagster_home)
    environment = environment_of_dagster(settings)  # of the folder with the house's .env
    os.chdir(settings.dagster_home)
    # Dagster does at SIGTERM what it does at Ctrl-C, which nohup and a script's background job ignore
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.execve(sys.executable, [sys.executable, "-m", module, *arguments], environment)
