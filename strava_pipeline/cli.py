"""Assembles the command line. A verb's body stands in verbs/ and is imported when the verb is called."""

import os
import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from strava_pipeline.verbs.interrupts import only_first_interrupt
from strava_pipeline.verbs.output import echo

INTERRUPTED = 130  # a shell's code for Ctrl-C

# verb → (module in verbs/, function or app with sub-verbs, one line of help, panel)
VERBS: dict[str, tuple[str, str, str, str]] = {
    "demo": ("demo", "demo", "Twelve years of a made-up athlete, end to end, in demo/.", "Start here"),
    "auth": ("auth", "auth", "Log in to Strava.", "Start here"),
    "status": ("status", "status", "Login, budget, what is in the warehouse, what is missing.", "Start here"),
    "doctor": ("doctor", "doctor", "What is wrong on this machine, and how to mend it.", "Start here"),
    "plan": ("plan", "plan", "Calls and days that a backfill will take, by year; makes no call.", "Start here"),
    "flow": ("pipeline", "flow", "The daily run: pull, merge, fetch recent details, publish.", "Pipeline"),
    "flow-backfill": ("pipeline", "flow_backfill", "Everything: pull all, merge, fetch every detail.", "Pipeline"),
    "backfill": ("whole_years", "backfill", "Whole years again, a run each.", "Pipeline"),
    "reconcile": (
        "whole_years",
        "reconcile",
        "Whole years compared with Strava: deletions, edits, late uploads.",
        "Pipeline",
    ),
    "run": ("pipeline", "run", "Pull what is new, and the lookback window again.", "Pipeline"),
    "run-lite": ("pipeline", "run_lite", "Pull what is new, without a lookback.", "Pipeline"),
    "run-all": ("pipeline", "run_all", "Pull everything, back to day zero.", "Pipeline"),
    "compact": ("pipeline", "compact", "Merge shards into gold and publish.", "Pipeline"),
    "recompact": ("pipeline", "recompact", "Merge all shards again, changed or not.", "Pipeline"),
    "rebuild": ("pipeline", "rebuild", "Shards and the warehouse anew from bronze, without a call.", "Pipeline"),
    "enrich": ("pipeline", "enrich", "Fetch details of the recent window, or of chosen activities.", "Pipeline"),
    "enrich-all": ("pipeline", "enrich_all", "Fetch every detail that is missing or was edited.", "Pipeline"),
    "quarantine": ("quarantine", "quarantine", "Activities whose detail always fails: list, retry, drop.", "Pipeline"),
    "streams": ("whole_years", "streams", "Tracks from Strava, a call each, with calls to spare.", "Pipeline"),
    "import": ("import_", "import_", "Strava's archive, folders and files into the warehouse; no call.", "Pipeline"),
    "refresh": ("pipeline", "refresh", "Pull what is new, merge, publish; no details.", "Pipeline"),
    "profile": ("pipeline", "profile", "Fetch the athlete and all gear again.", "Pipeline"),
    "sql": ("query", "sql", "Query the published warehouse.", "Look"),
    "duck": ("query", "duck", "A SQL prompt on the published warehouse.", "Look"),
    "schema": ("query", "schema", "Tables and columns, with units and meanings.", "Look"),
    "insights": (
        "insights",
        "insights",
        "A year: sums, goals and pace, records, streaks, gear, training load.",
        "Look",
    ),
    "report": ("insights", "report", "A year as one HTML page: charts, calendar, months, records.", "Look"),
    "goals": ("insights", "goals", "Your goals in goals.toml: check them.", "Look"),
    "matches": ("matches", "matches", "One activity from several sources: list, explain, join, split.", "Look"),
    "logs": ("pipeline", "logs", "Logs of runs: the newest one, or remove old ones.", "Look"),
    "archive": ("archive", "archive", "Is all that Strava's archive lists in the warehouse, and the same?", "Look"),
    "trips": ("trips", "trips", "Trips that phones recorded, and trips by car made of pings.", "Look"),
    "dev": ("service", "dev", "Dagster's UI and daemon on this machine.", "Serve"),
    "service": ("service", "service", "The same in the background, through closed terminals and reboots.", "Serve"),
    "serve": ("intake", "serve", "The web intake: takes Strava's webhook events and phones' pings.", "Serve"),
    "subscription": (
        "intake",
        "subscription",
        "Strava's webhook subscription: create, view, delete.",
        "Serve",
    ),
    "webhooks": ("webhooks", "webhooks", "Strava's webhook events: follow them now, or replay some.", "Serve"),
    "purge": ("purge", "purge", "All of the athlete's data here and the login: delete them for good.", "Serve"),
    "emulator": ("emulator", "emulator", "A Strava on your own machine.", "Serve"),
}

# names under which engineers of trip products know these commands (docs/trips.md) → the words that are typed here
ALIASES: dict[str, tuple[str, ...]] = {
    "export_activity_trips": ("trips", "activity", "export"),
    "diagnose_activity_trips": ("trips", "activity", "diagnose"),
    "analyze_activity_trip": ("trips", "activity", "analyze"),
}
UNDER_VERBS = {  # of verbs that do something by themselves, too
    ("import", "list"): ("imports", "list_"),
    ("import", "undo"): ("imports", "undo"),
}


class LazyVerbs(TyperGroup):
    """Lists every verb from the table above; imports a verb's module only when it is called. `help VERB` is `VERB --help`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args[:1] == ["help"]:
            args = [*args[1:], "--help"]
        return super().parse_args(ctx, [*ALIASES.get(args[0], args[:1]), *args[1:]] if args else args)

    def list_commands(self, ctx: Any) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in VERBS:
            return None
        _, _, text, panel = VERBS[cmd_name]
        return typer.main.get_command(_listed(cmd_name, text, panel))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if (under := tuple(args[:2])) in UNDER_VERBS:
            return " ".join(under), _command(" ".join(under), *UNDER_VERBS[under]), args[2:]
        if args[0] not in VERBS:
            self.commands = {name: self.get_command(ctx, name) for name in VERBS}  # what Typer compares a typo with
        name, command, rest = super().resolve_command(ctx, args)
        return name, command and _loaded(str(name)), rest


app = typer.Typer(
    cls=LazyVerbs,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    epilog=f"A command's own options: strava-pipeline help COMMAND. Other names of `trips activity …`: {', '.join(ALIASES)}.",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        echo(f"strava-pipeline {version('strava_pipeline')}")
        raise typer.Exit


@app.callback()
def strava_pipeline(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_show_version, help="Show the version and exit.")
    ] = False,
) -> None:
    """Everything you ever recorded, in one DuckDB warehouse on your own disk, kept true to Strava."""


def main() -> None:
    """Run a verb; a failure that has a way out ends with its message and exit code, without a traceback."""
    from strava_pipeline.core.errors import PipelineError, TransientError
    from strava_pipeline.core.process import collect_seldom

    collect_seldom()
    try:
        with only_first_interrupt(until_exit=True):
            app()
    except TransientError as error:
        echo(f"{error}. What was fetched is kept; run the same command again later.", err=True)
        sys.exit(error.exit_code)
    except PipelineError as error:
        echo(f"{error}", err=True)
        sys.exit(error.exit_code)
    except OSError as error:  # a full disk, a folder that may not be written to
        echo(
            f"{error.filename2 or error.filename or 'A file'}: {error.strerror or type(error).__name__}. {_whose(error)}"
            "Check the disk and the permissions; what was fetched before is kept, and the same command goes on from there.",
            err=True,
        )
        sys.exit(1)
    except SystemExit as end:
        if end.code == INTERRUPTED:
            if sys.stderr.isatty():
                sys.stderr.write("\r")  # over the ^C that the terminal showed
            echo("Interrupted. What was fetched is kept; the same command goes on from there.", err=True)
        raise


def _whose(error: OSError) -> str:
    """Of a permission denied: who may write there, if that is somebody else, as with volumes of a container."""
    if not isinstance(error, PermissionError) or not isinstance(error.filename, str):
        return ""
    for path in (Path(error.filename), *Path(error.filename).parents):
        with suppress(OSError):  # not there, or not to be looked at
            owner, user = path.stat().st_uid, os.getuid()
            return "" if owner == user else f"{path} belongs to user {owner}, and this is user {user}. "
    return ""


def _loaded(name: str) -> Any:
    module, function, _, _ = VERBS[name]
    return _command(name, module, function)


def _command(name: str, module: str, function: str) -> Any:
    found = getattr(import_module(f"strava_pipeline.verbs.{module}"), function)
    if isinstance(found, typer.Typer):
        return typer.main.get_command(found)
    verb = typer.Typer(add_completion=False)
    # a query may begin with a comment, which looks like an option
    settings = {"ignore_unknown_options": True} if name == "sql" else {}
    verb.command(name, context_settings=settings)(found)
    return typer.main.get_command(verb)


def _listed(name: str, text: str, panel: str) -> typer.Typer:
    shown = typer.Typer(add_completion=False)
    shown.command(name, help=text, rich_help_panel=panel)(lambda: None)
    return shown
