"""Dagster's UI and daemon on this machine, in the foreground. How they run stands in dagster_process.py."""

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.verbs.output import echo


def dev(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the UI.")] = 3000,
    host: Annotated[
        str, typer.Option(help="Address or name of the UI; it has no password, so keep it local.")
    ] = "127.0.0.1",
    demo: Annotated[bool, typer.Option("--demo", help="On the demo's instance, with its emulator.")] = False,
    folder: Annotated[Path, typer.Option(help="The demo's folder.")] = Path("demo"),
) -> None:
    """Dagster's UI and daemon on http://127.0.0.1:3000."""
    from strava_pipeline.settings import Settings
    from strava_pipeline.verbs.dagster_process import Address, alone_on, serve
    from strava_pipeline.verbs.demo import MARK, demo_settings
    from strava_pipeline.verbs.emulator import emulator_process, log_in_locally
    from strava_pipeline.verbs.terminal import program

    with ExitStack() as held:
        if demo:
            folder = folder.absolute()
            if not (folder / MARK).exists():
                raise PipelineError(f"There is no demo in {folder} yet. Run `{program()} demo` first.")
            lock = held.enter_context(alone_on(folder / "dagster_home"))
            athlete = (folder / MARK).read_text().split()
            url = held.enter_context(emulator_process(*athlete, log=folder / "logs" / "emulator.log"))
            settings, env_file = demo_settings(folder, url), folder / ".env"  # there is none
            log_in_locally(settings)
        else:
            settings, env_file = Settings.load(), None
            lock = held.enter_context(alone_on(settings.dagster_home))
        echo(f"Dagster's UI: {Address(host, port).url} (Ctrl-C stops it)", err=True)
        raise typer.Exit(serve(settings, Address(host, port), lock, runs_may_finish=True, env_file=env_file))
