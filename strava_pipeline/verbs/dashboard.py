"""The command `dashboard`: the private web page over the published snapshot. Its pages are in serve/dashboard/.

Its libraries are an extra of the installation: they are imported by the commands, never here.
"""

import json
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from strava_pipeline.verbs.dashboard_extra import check_extra
from strava_pipeline.verbs.output import echo, new_password

if TYPE_CHECKING:
    from fastapi import FastAPI

    from strava_pipeline.environment.settings import Settings

SOON = 10  # seconds for the dashboard, which begins with the scheduler


def dashboard(
    workers: Annotated[int, typer.Option(min=1, max=64, help="How many processes answer.")] = 1,
    behind_proxy: Annotated[
        bool,
        typer.Option("--behind-proxy", help="A proxy in front speaks https; needs a password and DASHBOARD_HOSTS."),
    ] = False,
    opens: Annotated[
        bool, typer.Option("--open", help="Open it in this machine's browser, also one that runs already.")
    ] = False,
    demo: Annotated[bool, typer.Option("--demo", help="Of the demo, without Dagster and services.")] = False,
    folder: Annotated[Path, typer.Option(help="The demo's folder.")] = Path("demo"),
    dagster: Annotated[
        str | None, typer.Option(hidden=True, help="Where Dagster's UI is that is to be below /dagster.")
    ] = None,
) -> None:
    """Run the dashboard: your activities in a browser, on this machine or (DASHBOARD_LAN) your home network.

    `dashboard link` prints an address that logs a browser in, once; `dashboard password` sets a password in its place.
    """
    from strava_pipeline.environment.settings import Settings

    settings = _demo(folder) if demo else Settings.load()
    check_extra()
    if opens:
        if (url := running_dashboard(settings)) is not None:
            typer.launch(way_in(settings, url))
            echo(f"Dashboard: {way_in(settings, url) if sys.stderr.isatty() else url}", err=True)
            return
        from strava_pipeline.verbs.service_process import free_address  # another folder's dashboard may have its own

        settings = settings.model_copy(update={"dashboard_address": free_address(settings.dashboard_address)})
    from strava_pipeline.serve.dashboard.process import run
    from strava_pipeline.serve.dashboard.site import system_now

    is_proxied = behind_proxy or settings.dashboard_behind_proxy
    served, build, begin = _served(settings, workers, behind_proxy=is_proxied, opens=opens, dagster=dagster)
    with suppress(KeyboardInterrupt):  # Ctrl-C is how it ends
        run(served, build, workers=workers, behind_proxy=is_proxied, now=system_now, on_ready=begin)


def _demo(folder: Path) -> "Settings":
    from strava_pipeline.core.sources import NOWHERE
    from strava_pipeline.verbs.demo import demo_folder, demo_settings

    return demo_settings(demo_folder(folder), NOWHERE)


def _served(
    settings: "Settings", workers: int, *, behind_proxy: bool, opens: bool, dagster: str | None
) -> tuple["Settings", Callable[[Callable[[str], object]], "FastAPI"], Callable[[str], object]]:
    """For this folder, or for all athletes: the settings, the builder of the application, and the action once it listens."""
    from strava_pipeline.operations.dashboard import DashboardPipeline
    from strava_pipeline.serve.house_settings import house_settings

    house = house_settings(settings)
    if house is None:
        from strava_pipeline.serve.dashboard.app import build_dashboard

        build = partial(
            build_dashboard,
            settings,
            DashboardPipeline(settings),
            behind_proxy=behind_proxy,
            link_command=link_command(settings),
            dagster=dagster,
            takes_files=workers == 1,
        )
        return settings, lambda say: build(say=say), lambda url: _begin(settings, url, workers, opens=opens)

    from strava_pipeline.environment.process_owner import is_house
    from strava_pipeline.serve.dashboard.athletes_app import build_house
    from strava_pipeline.verbs.accounts import begin_house

    of_house = dagster if is_house() else None  # an athlete's Dagster UI isn't for admins
    return (
        house,
        lambda say: build_house(house, DashboardPipeline, behind_proxy=behind_proxy, dagster=of_house, say=say),
        lambda url: begin_house(house, url, opens=opens),
    )


def password(
    remove: Annotated[bool, typer.Option("--remove", help="Have none again: log in by links.")] = False,
) -> None:
    """Set the dashboard's password, asked for twice; everybody has to log in again. Tokens of programs stay."""
    from strava_pipeline.core.errors import MisuseError
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.ingest.secret_file import save_secret

    settings = Settings.load()
    check_extra()
    _refuse_with_accounts(settings)
    from strava_pipeline.serve.dashboard.passwords import hashed

    if settings.dashboard_password is not None:
        raise MisuseError("DASHBOARD_PASSWORD is set, and is the password. Change or remove it there, and start again.")
    if remove:
        settings.dashboard_password_file.unlink(missing_ok=True)
    else:
        save_secret(settings.dashboard_password_file, hashed(new_password()))
    tokens = _end_sessions(settings)
    echo("There is no password any more." if remove else "The password is set. Log in with it at /login.")
    if tokens:
        echo(f"Tokens that go on to open it: {', '.join(tokens)}. `strava-pipeline tokens remove` takes one back.")


def link(
    demo: Annotated[bool, typer.Option("--demo", help="Of the demo's dashboard, which `dev --demo` runs.")] = False,
    folder: Annotated[Path, typer.Option(help="The demo's folder.")] = Path("demo"),
) -> None:
    """Print an address that logs a browser in, once, within ten minutes; for a dashboard without a password."""
    from strava_pipeline.core.errors import MisuseError, PipelineError
    from strava_pipeline.core.sources import NOWHERE
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.verbs.demo import demo_settings, folder_option

    settings = demo_settings(folder.absolute(), NOWHERE) if demo else Settings.load()
    check_extra()
    _refuse_with_accounts(settings)
    from strava_pipeline.serve.dashboard.passwords import has_password
    from strava_pipeline.serve.dashboard.process import new_link
    from strava_pipeline.serve.dashboard.site import system_now

    if has_password(settings):
        raise MisuseError(
            "A password is set: log in with it. `strava-pipeline dashboard password --remove` removes it."
        )
    url = running_dashboard(settings)
    if url is None:
        start = f"dev --demo{folder_option(folder.absolute())}" if demo else "dashboard"
        raise PipelineError(f"No dashboard is running. Start one: strava-pipeline {start}")
    echo(new_link(settings, url, system_now()))


def link_command(settings: "Settings") -> str:
    """The command for a link of the dashboard of these settings, which may be the demo's."""
    from strava_pipeline.serve.dashboard.site import LINK_COMMAND
    from strava_pipeline.verbs.demo import MARK, folder_option

    folder = settings.data_dir.parent
    return f"{LINK_COMMAND} --demo{folder_option(folder)}" if (folder / MARK).exists() else LINK_COMMAND


def running_dashboard(settings: "Settings") -> str | None:
    """The address of the running dashboard of the data folder, or of all athletes, or None."""
    from strava_pipeline.environment.file_locks import is_held
    from strava_pipeline.lake.paths import Lake

    folders = (each for each in (settings.data_dir, settings.athletes_dir) if each is not None)
    for note in (Lake(each).dashboard_note for each in folders):
        if is_held(note):
            with suppress(OSError, ValueError, KeyError):  # it has just begun, or just ended
                return str(json.loads(note.read_text(encoding="utf-8"))["url"])
    return None


def _refuse_with_accounts(settings: "Settings") -> None:
    from strava_pipeline.core.errors import MisuseError
    from strava_pipeline.serve.house_settings import house_settings

    if house_settings(settings) is not None:
        raise MisuseError("This dashboard has accounts. See: strava-pipeline dashboard account --help")


def _begin(settings: "Settings", url: str, workers: int, *, opens: bool) -> None:
    """The actions once the dashboard listens, before it answers."""
    _keep_password(settings)
    _show_address(settings, url, opens=opens)
    if workers == 1:  # a process with threads is not forked
        from strava_pipeline.verbs.dashboard_imports import keep_importing

        keep_importing(settings)


def _keep_password(settings: "Settings") -> None:
    """Store the hash of DASHBOARD_PASSWORD, if that is set; if it changed, everybody has to log in again."""
    from strava_pipeline.core.errors import PipelineError
    from strava_pipeline.ingest.secret_file import save_secret
    from strava_pipeline.serve.dashboard.passwords import hashed, is_password

    if settings.dashboard_password is None:
        return
    wanted, is_kept = settings.dashboard_password.get_secret_value(), False
    with suppress(PipelineError):  # the file is damaged
        is_kept = settings.dashboard_password_file.exists() and is_password(settings, wanted)
    if not is_kept:
        save_secret(settings.dashboard_password_file, hashed(wanted))
        _end_sessions(settings)


def _show_address(settings: "Settings", url: str, *, opens: bool) -> None:
    """Show the address. With a login token if a person reads it; in a log only with DASHBOARD_LAN, where somebody
    without a password would otherwise have no way in. A browser that is opened gets its own token.
    """
    from strava_pipeline.serve.dashboard.passwords import has_password
    from strava_pipeline.serve.dashboard.process import new_link
    from strava_pipeline.serve.dashboard.records.store import LOGGED_LINK
    from strava_pipeline.serve.dashboard.site import system_now

    if settings.dashboard_lan:
        echo(f"The dashboard answers on the home network{_how_others_see(settings)}.", err=True)
    if opens:
        typer.launch(way_in(settings, url))
    if has_password(settings):
        echo(f"Dashboard: {url} (log in with your password; Ctrl-C stops it)", err=True)
    elif settings.dashboard_lan:
        logged = new_link(settings, url, system_now(), LOGGED_LINK)
        echo(
            f"Dashboard: {logged}\nThe address logs one browser in, once, within a day. In a container, put the machine's own "
            "name or address in its place. A password: strava-pipeline dashboard password",
            err=True,
        )
    elif sys.stderr.isatty():
        echo(
            f"Dashboard: {way_in(settings, url)}\nThe address logs one browser in, once, within ten minutes. Ctrl-C stops it.",
            err=True,
        )
    else:
        echo(f"Dashboard: {url} (`{link_command(settings)}` prints an address that logs in)", err=True)


def way_in(settings: "Settings", url: str) -> str:
    """The address of a running dashboard, with a token that logs in once; without one where a password or an account does."""
    from strava_pipeline.environment.file_locks import is_held
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.serve.dashboard.passwords import has_password
    from strava_pipeline.serve.dashboard.process import new_link
    from strava_pipeline.serve.dashboard.site import system_now

    is_alone = is_held(Lake(settings.data_dir).dashboard_note)  # and not that of all athletes
    return new_link(settings, url, system_now()) if is_alone and not has_password(settings) else url


def print_dashboard(settings: "Settings") -> None:
    """Print where the dashboard answers, once it does; at a terminal, as a link that logs in once."""
    from strava_pipeline.serve.addresses import dashboard_address
    from strava_pipeline.verbs.dagster_process import wait_until
    from strava_pipeline.verbs.dashboard_extra import has_extra

    if dashboard_address(settings) is not None and has_extra():
        wait_until(lambda: running_dashboard(settings) is not None, SOON)
    if url := running_dashboard(settings):
        echo(f"Dashboard: {way_in(settings, url) if sys.stdout.isatty() else url}")


def _how_others_see(settings: "Settings") -> str:
    if settings.dashboard_cert is not None:
        return ", by https"
    return (
        ", by http: who listens there can read its pages and the password that is typed. With DASHBOARD_CERT and DASHBOARD_KEY "
        "it speaks https"
    )


def _end_sessions(settings: "Settings") -> list[str]:
    """End all sessions and links; the names of the tokens, which stay."""
    from strava_pipeline.verbs.tokens import opened_records

    with opened_records(settings) as records:
        records.end_all()
        return [each.name for each in records.tokens()]
