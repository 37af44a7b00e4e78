"""The command `dashboard`: the private web page over the published snapshot. What it shows stands in serve/dashboard/.

Its libraries are an extra of the installation: they are imported by the commands, never here.
"""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from strava_pipeline.verbs.dashboard_extra import check_extra
from strava_pipeline.verbs.output import ask, echo

if TYPE_CHECKING:
    from strava_pipeline.settings import Settings


def dashboard(
    workers: Annotated[int, typer.Option(min=1, max=64, help="How many processes answer.")] = 1,
    behind_proxy: Annotated[
        bool,
        typer.Option("--behind-proxy", help="A proxy in front speaks https; needs a password and DASHBOARD_HOSTS."),
    ] = False,
    opens: Annotated[bool, typer.Option("--open", help="Open it in this machine's browser, too.")] = False,
) -> None:
    """Run the dashboard: your activities in a browser, on this machine alone.

    `dashboard link` prints an address that logs a browser in, once; `dashboard password` sets a password in its place.
    """
    from contextlib import suppress

    from strava_pipeline.settings import Settings

    settings = Settings.load()
    check_extra()
    from strava_pipeline.operations.dashboard import DashboardPipeline
    from strava_pipeline.serve.dashboard.process import run
    from strava_pipeline.serve.dashboard.site import system_now

    with suppress(KeyboardInterrupt):  # Ctrl-C is how it ends
        run(
            settings,
            DashboardPipeline(settings),
            workers=workers,
            behind_proxy=behind_proxy or settings.dashboard_behind_proxy,
            link_command=link_command(settings),
            now=system_now,
            on_ready=lambda url: _show_address(settings, url, opens=opens),
        )


def password(
    remove: Annotated[bool, typer.Option("--remove", help="Have none again: log in by links.")] = False,
) -> None:
    """Set the dashboard's password, asked for twice; everybody has to log in again."""
    from strava_pipeline.core.errors import MisuseError
    from strava_pipeline.ingest.secret_file import save_secret
    from strava_pipeline.settings import Settings

    settings = Settings.load()
    check_extra()
    from strava_pipeline.serve.dashboard.passwords import LEAST, MOST, hashed

    if remove:
        settings.dashboard_password_file.unlink(missing_ok=True)
    else:
        wanted = ask("Password", hide_input=True, confirmation_prompt=True, err=True)
        if not LEAST <= len(wanted) <= MOST:
            raise MisuseError(f"The password was not set: it needs {LEAST} characters or more, and at most {MOST}.")
        save_secret(settings.dashboard_password_file, hashed(wanted))
    _end_sessions(settings)
    echo("There is no password any more." if remove else "The password is set. Log in with it at /login.")


def link(
    demo: Annotated[bool, typer.Option("--demo", help="Of the demo's dashboard, which `dev --demo` runs.")] = False,
    folder: Annotated[Path, typer.Option(help="The demo's folder.")] = Path("demo"),
) -> None:
    """Print an address that logs a browser in, once; for a dashboard without a password."""
    from strava_pipeline.core.errors import MisuseError, PipelineError
    from strava_pipeline.settings import Settings
    from strava_pipeline.verbs.demo import NOWHERE, demo_settings, folder_option

    settings = demo_settings(folder.absolute(), NOWHERE) if demo else Settings.load()
    check_extra()
    from strava_pipeline.serve.dashboard.process import new_link
    from strava_pipeline.serve.dashboard.site import system_now

    if settings.dashboard_password_file.exists():
        raise MisuseError(
            "A password is set: log in with it. `strava-pipeline dashboard password --remove` removes it."
        )
    url = running_dashboard(settings)
    if url is None:
        start = f"dev --demo{folder_option(folder.absolute())}" if demo else "dashboard"
        raise PipelineError(f"No dashboard is running. Start one: strava-pipeline {start}")
    echo(new_link(settings, url, system_now()))


def link_command(settings: "Settings") -> str:
    """What to type for a link of the dashboard of these settings, which may be the demo's."""
    from strava_pipeline.serve.dashboard.site import LINK_COMMAND
    from strava_pipeline.verbs.demo import MARK, folder_option

    folder = settings.data_dir.parent
    return f"{LINK_COMMAND} --demo{folder_option(folder)}" if (folder / MARK).exists() else LINK_COMMAND


def running_dashboard(settings: "Settings") -> str | None:
    """Where the dashboard of the data folder answers; None where none is running."""
    from strava_pipeline.file_locks import is_held

    note = dashboard_note(settings)
    if not is_held(note):
        return None
    try:
        return str(json.loads(note.read_text(encoding="utf-8"))["url"])
    except (OSError, ValueError, KeyError):  # it has just begun, or just ended
        return None


def dashboard_note(settings: "Settings") -> Path:
    """The file that a running dashboard holds."""
    from strava_pipeline.lake.paths import Lake

    return Lake(settings.data_dir).dashboard_note


def _show_address(settings: "Settings", url: str, *, opens: bool) -> None:
    """The address; with a token that logs in where a person reads it, never in a log. A browser that is opened gets its own."""
    from strava_pipeline.serve.dashboard.process import new_link
    from strava_pipeline.serve.dashboard.site import system_now

    if opens:
        typer.launch(url if settings.dashboard_password_file.exists() else new_link(settings, url, system_now()))
    if settings.dashboard_password_file.exists():
        echo(f"Dashboard: {url} (log in with your password; Ctrl-C stops it)", err=True)
    elif sys.stderr.isatty():
        echo(
            f"Dashboard: {new_link(settings, url, system_now())}\nThe address logs one browser in. Ctrl-C stops it.",
            err=True,
        )
    else:
        echo(f"Dashboard: {url} (`{link_command(settings)}` prints an address that logs in)", err=True)


def _end_sessions(settings: "Settings") -> None:
    from contextlib import closing

    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.serve.dashboard.records.database import connect, database_of, migrate
    from strava_pipeline.serve.dashboard.records.store import Records

    url = database_of(settings)
    migrate(url, Lake(settings.data_dir).state)
    with closing(Records(connect(url))) as records:
        records.end_all()
