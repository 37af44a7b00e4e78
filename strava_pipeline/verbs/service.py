"""The commands `dev` and `service`: Dagster's daemon and UI in this terminal, or in the background.

How they run stands in dagster_process.py and service_process.py, what `status` shows in service_status.py. Here, too: the unit of
systemd or the agent of launchd that starts the service at boot, from the templates in units/. A unit holds paths, never a
setting: settings are read from .env in its working directory.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from strava_pipeline.core.errors import MisuseError, PipelineError
from strava_pipeline.verbs.options import Json, Verbose, command_group
from strava_pipeline.verbs.output import echo

if TYPE_CHECKING:
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.verbs.dagster_process import Address
    from strava_pipeline.verbs.service_process import Service

Port = Annotated[int, typer.Option(min=1, max=65535, help="Port of the UI.")]
Host = Annotated[str, typer.Option(help="Address or name of the UI; it has no password, so keep it local.")]


def dev(
    port: Port = 3000,
    host: Host = "127.0.0.1",
    demo: Annotated[bool, typer.Option("--demo", help="On the demo's instance, with its emulator.")] = False,
    folder: Annotated[Path, typer.Option(help="The demo's folder.")] = Path("demo"),
    verbose: Verbose = False,
) -> None:
    """Run Dagster's UI and daemon in this terminal, on http://127.0.0.1:3000. With --house: of all athletes at once."""
    from contextlib import ExitStack

    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.verbs.dagster_process import Address, exclusive_instance, serve
    from strava_pipeline.verbs.demo import MARK, demo_folder, emulated
    from strava_pipeline.verbs.service_process import dashboard_beside, free_address, metrics_beside, together

    with ExitStack() as held:
        if demo:
            folder = demo_folder(folder)
            instance = held.enter_context(exclusive_instance(folder / "dagster_home"))
            athlete = (folder / MARK).read_text().split()
            settings, env_file = held.enter_context(emulated(folder, athlete)), folder / ".env"  # it doesn't exist
            settings = settings.model_copy(update={"dashboard_address": free_address(settings.dashboard_address)})
        else:
            settings, env_file = Settings.load(), None
            instance = held.enter_context(exclusive_instance(settings.dagster_home))
        ui = Address(host, port).on(settings)
        echo(f"Dagster's UI: {ui.url} (Ctrl-C stops it)", err=True)
        beside = together(dashboard_beside(settings, ui, env_file, quiet=not verbose), metrics_beside(settings))
        interrupt = held.enter_context(beside)
        code = serve(
            settings, ui, instance, runs_may_finish=True, env_file=env_file, on_stop=interrupt, verbose=verbose
        )
        raise typer.Exit(code)


service = command_group(
    "Dagster's daemon and UI in the background, through closed terminals and reboots. With --house: of all athletes."
)

NoUi = Annotated[bool, typer.Option("--no-ui", help="The daemon alone.")]


@service.command()
def up(no_ui: NoUi = False, port: Port = 3000, host: Host = "127.0.0.1") -> None:
    """Start it, with the web intake where a webhook or pings are configured; it outlives the terminal."""
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.verbs.dashboard import print_dashboard
    from strava_pipeline.verbs.service_process import running

    settings = Settings.load()
    if present := running(settings.dagster_home):
        print_dashboard(settings)
        echo(f"Already running {_since(present)}. `service restart` starts it with the present settings.")
        return
    _up(settings, _address(no_ui, host, port))


@service.command()
def down() -> None:
    """End it; runs at work are interrupted and go on next time."""
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.verbs.service_process import end, running

    home = Settings.load().dagster_home
    present = running(home)
    if present is None:
        echo(f"No service is running on {home}.")
        return
    end(home, present)
    echo("Ended.")


@service.command()
def restart() -> None:
    """End it and start it again, with the present settings and the UI where it was."""
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.verbs.dagster_process import check_schedule
    from strava_pipeline.verbs.service_process import end, running

    settings = Settings.load()
    check_schedule(settings)  # before anything is ended
    present = running(settings.dagster_home)
    if present is not None and present.by_unit:
        raise PipelineError(
            f"It was started by this machine's service manager, so restart it there: {restart_command()}"
        )
    if present is not None:
        end(settings.dagster_home, present)
    _up(settings, present.ui if present is not None else _address(False, "127.0.0.1", 3000))


@service.command()
def status(
    as_json: Json = False,
    allow_down: Annotated[
        bool, typer.Option("--allow-down", help="End with 0 where it is not running, too: that is no failure.")
    ] = False,
) -> None:
    """Show whether it is alive, since when, and when each schedule ticks; exit code 1 where it is not."""
    from datetime import UTC, datetime

    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.verbs.service_status import service_status, status_advice
    from strava_pipeline.verbs.views import show

    report = service_status(Settings.load(), datetime.now(UTC))
    show(report, as_json=as_json, advice=status_advice(report))
    raise typer.Exit(0 if report.alive or allow_down else 1)


@service.command()
def logs(
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Follow the log until Ctrl-C.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="How many of the newest lines.")] = 50,
) -> None:
    """Show the scheduler's own log. The logs of runs: `logs latest`."""
    import os
    import re

    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.verbs.service_process import last_lines, service_log

    log = service_log(Settings.load().logs_dir)
    if not log.exists():
        raise PipelineError(
            f"There is no {log} yet: `strava-pipeline service up` makes it. In a container everything is in the container's own "
            "log (`docker compose logs`)."
        )
    if follow:
        os.execvp("tail", ["tail", "-n", str(lines), "-F", str(log)])  # which knows a log that begins anew
    echo(re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(last_lines(log, lines))))  # without Dagster's colours


@service.command("exec", context_settings={"ignore_unknown_options": True, "help_option_names": []})
def exec_(
    arguments: Annotated[list[str] | None, typer.Argument(metavar="-- ARGS", help="Options of `flow`.")] = None,
) -> None:
    """Run `flow` now, in this terminal, on the service's instance; ends with its exit code."""
    from strava_pipeline.environment.process_owner import is_house
    from strava_pipeline.verbs.pipeline import flow

    if is_house():
        raise MisuseError(
            "The house has no activities of its own. Whose run is it? `strava-pipeline flow --athlete NAME`"
        )
    verb = typer.Typer(add_completion=False)
    verb.command("flow")(flow)
    typer.main.get_command(verb).main(args=arguments or [], prog_name="strava-pipeline service exec")


@service.command("time")
def time_() -> None:
    """Show the zone, the time there, and the next run of each schedule that is on."""
    from datetime import UTC, datetime

    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.verbs.service_status import time_lines

    echo("\n".join(time_lines(Settings.load(), datetime.now(UTC))))


@service.command()
def install(
    no_ui: NoUi = False,
    port: Port = 3000,
    host: Host = "127.0.0.1",
    show: Annotated[bool, typer.Option("--print", help="Print it; write nothing.")] = False,
    uninstall: Annotated[bool, typer.Option("--uninstall", help="Remove it again.")] = False,
) -> None:
    """Write a systemd user unit or a launchd agent, so that it is there after a reboot."""
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.verbs.dagster_process import check_schedule

    settings = Settings.load()
    if uninstall:
        echo("\n".join(remove_unit()))
        return
    check_schedule(settings)
    text = unit_text(_address(no_ui, host, port), settings.logs_dir)
    if show:
        echo(text, nl=False)
    else:
        echo("\n".join(write_unit(text, settings.logs_dir)))
    if absent := Settings.unwritten():
        echo(
            f"It reads .env in this folder, and not this terminal's environment, where alone {', '.join(absent)} "
            f"{'is' if len(absent) == 1 else 'are'} set as now. Write what it needs into .env.",
            err=True,
        )


@service.command(hidden=True)
def run(
    no_ui: NoUi = False,
    port: Port = 3000,
    host: Host = "127.0.0.1",
    by_unit: Annotated[bool, typer.Option("--by-unit", help="Started by systemd or launchd.")] = False,
    log_to_stdout: Annotated[
        bool, typer.Option("--log-to-stdout", help="Log to stdout and not to a file, as in a container.")
    ] = False,
) -> None:
    """Be the service, in the foreground: what `up`, the installed unit and a container start."""
    from strava_pipeline.verbs.interrupts import end_at_interrupt

    end_at_interrupt()
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.verbs.service_process import run as be_the_service

    settings, ui = Settings.load(), _address(no_ui, host, port)
    ui = None if ui is None else ui.on(settings)
    code = be_the_service(settings, ui, by_unit=by_unit, log_to_stdout=log_to_stdout)
    raise typer.Exit(code)


@service.command(hidden=True)
def health() -> None:
    """Check that the UI, the intake and the scheduler answer; exit code 1 where one does not. For containers."""
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.verbs.service_status import service_faults

    if found := service_faults(Settings.load()):
        echo("\n".join(found), err=True)
        raise typer.Exit(1)
    echo("The UI, the intake (if it is on) and the scheduler answer.")


def _up(settings: "Settings", ui: "Address | None") -> None:
    from strava_pipeline.verbs.dagster_process import check_schedule
    from strava_pipeline.verbs.dashboard import print_dashboard
    from strava_pipeline.verbs.service_process import running, start

    check_schedule(settings)
    start(settings, None if ui is None else ui.on(settings))
    if present := running(settings.dagster_home):
        print_dashboard(settings)
        echo(f"Running {_since(present)}.")


def _address(no_ui: bool, host: str, port: int) -> "Address | None":
    from strava_pipeline.verbs.dagster_process import Address

    return None if no_ui else Address(host, port)


def _since(present: "Service") -> str:
    where = f"UI: {present.ui.url}" if present.ui else "no UI"
    return f"since {present.since:%Y-%m-%d %H:%M:%S} UTC (process {present.pid}); {where}"


NAME = "strava-pipeline"


@dataclass(frozen=True, slots=True)
class _Manager:
    """A system's service manager: the folder of units below the user's home, and the commands to type."""

    folder: str
    ending: str
    enable: tuple[str, ...]
    disable: str
    restart: str


_SYSTEMD = _Manager(
    ".config/systemd/user",
    ".service",
    (
        "systemctl --user daemon-reload",
        "systemctl --user enable --now {unit}",
        "loginctl enable-linger        # from boot on, also while nobody is logged in",
    ),
    "systemctl --user disable --now {unit}",
    "systemctl --user restart {unit}",
)


_LAUNCHD = _Manager(
    "Library/LaunchAgents",
    ".plist",
    ("launchctl bootstrap gui/$(id -u) ~/Library/LaunchAgents/{unit}.plist",),
    "launchctl bootout gui/$(id -u)/{unit}",
    "launchctl kickstart -k gui/$(id -u)/{unit}",
)


def unit_text(ui: "Address | None", logs_dir: Path) -> str:
    """The unit for this machine: this Python, this working directory and athlete, and the UI if wanted."""
    from importlib.resources import files

    from strava_pipeline.environment.process_owner import own_option
    from strava_pipeline.verbs.dagster_process import ui_options
    from strava_pipeline.verbs.service_process import service_log

    command = [sys.executable, "-m", "strava_pipeline", "service", "run", "--by-unit", *ui_options(ui)]
    command += own_option()
    template = files("strava_pipeline.verbs").joinpath("units", f"{NAME}{_service_manager().ending}").read_bytes()
    if _service_manager() is _LAUNCHD:
        import plistlib

        log = str(service_log(logs_dir))
        filled = {
            "Label": _unit(),
            "ProgramArguments": command,
            "WorkingDirectory": str(Path.cwd()),
            "StandardErrorPath": log,
        }
        return plistlib.dumps({**plistlib.loads(template), **filled}, sort_keys=False).decode()
    folder = str(Path.cwd()).replace("%", "%%")
    text = template.decode().replace("@WORKING_DIRECTORY@", folder)
    return text.replace("@COMMAND@", " ".join(map(_quoted, command)))


def write_unit(text: str, logs_dir: Path) -> list[str]:
    """Write the unit, and return the lines to show."""
    from strava_pipeline.verbs.service_process import service_log

    path = _unit_path()
    service_log(logs_dir).parent.mkdir(parents=True, exist_ok=True)  # launchd does not make it
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return [f"Written: {path}", "Enable it (if it is running already: `strava-pipeline service down` first):"] + [
        f"  {line.format(unit=_unit())}" for line in _service_manager().enable
    ]


def remove_unit() -> list[str]:
    """Remove the unit, and return the lines to show."""
    path = _unit_path()
    if not path.exists():
        return [f"There is no {path}."]
    path.unlink()
    return [f"Removed: {path}", "If it was enabled, end it:", f"  {_service_manager().disable.format(unit=_unit())}"]


def restart_command() -> str:
    """The command of this machine's service manager that restarts the service."""
    return _service_manager().restart.format(unit=_unit())


def _unit() -> str:
    """The unit's name: one for each athlete of several, and one for the house."""
    from strava_pipeline.environment.process_owner import own_option

    kind, *name = own_option() or [""]
    return f"{NAME}.house" if kind == "--house" else "-".join([NAME, *name])  # no athlete's name has a dot


def _unit_path() -> Path:
    return Path.home() / _service_manager().folder / f"{_unit()}{_service_manager().ending}"


def _service_manager() -> _Manager:

    if sys.platform == "darwin":
        return _LAUNCHD
    if sys.platform == "linux":
        return _SYSTEMD
    raise PipelineError(f"No service manager is known for {sys.platform}; let it start `strava-pipeline service run`.")


def _quoted(word: str) -> str:
    """A word of ExecStart, quoted so that specifiers (%), variables ($), blanks and quotes stand for themselves."""
    import re

    if re.fullmatch(r"[\w./:-]+", word):
        return word
    escaped = re.sub(r'(["\\])', r"\\\1", word).replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"'
