"""Looking at the logs of runs, and removing old ones. How they are written stands in orchestrate/run_log.py."""

import sys
from typing import Annotated

import typer

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.core.text import counted, escaped_json, printable
from strava_pipeline.verbs.output import echo

logs = typer.Typer(no_args_is_help=True, add_completion=False, help="Logs of runs: the newest one, or remove old ones.")


@logs.command()
def latest(
    as_json: Annotated[bool, typer.Option("--json", help="The structured log: one JSON object per line.")] = False,
) -> None:
    """Print the log of the run that began last."""
    from strava_pipeline.operations.log_files import HUMAN, STRUCTURED, list_logs
    from strava_pipeline.settings import Settings

    logs_dir = Settings.load().logs_dir
    found = list_logs(logs_dir, STRUCTURED if as_json else HUMAN)
    if not found:
        raise PipelineError(f"No run has left a log in {logs_dir} yet. `strava-pipeline flow` makes the first.")
    with found[-1].open(encoding="utf-8", errors="replace") as file:  # a full disk may have cut its last line
        for line in file:
            sys.stdout.write(escaped_json(line) if as_json else printable(line))


@logs.command()
def clean(
    days: Annotated[
        int | None, typer.Option(min=0, help="Keep both kinds for N days instead of 14 and 30; 0: today's only.")
    ] = None,
) -> None:
    """Remove logs older than 14 days, structured ones older than 30, as every run does."""
    from datetime import UTC, datetime

    from strava_pipeline.operations.log_files import prune
    from strava_pipeline.settings import Settings

    logs_dir = Settings.load().logs_dir
    removed, faults = prune(logs_dir, datetime.now(UTC).date(), days)
    echo(f"{counted(removed, 'old log')} removed from {logs_dir}.")
    if faults:
        raise PipelineError(f"These could not be removed: {'; '.join(faults)}. Check who owns them.")
