"""Assembles the command line. A command's body stands in verbs/ and is imported when the command is called."""

import os
import re
import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from strava_pipeline.core.systems import parts
from strava_pipeline.verbs.interrupts import only_first_interrupt
from strava_pipeline.verbs.output import advise_for, echo

INTERRUPTED = 130  # a shell's code for Ctrl-C

# command → (module in verbs/, function or app with subcommands, one line of help), by subject; first what everybody needs, in the
# order of use
SUBJECTS: dict[str, dict[str, tuple[str, str, str]]] = {
    "Start here": {
        "demo": ("demo", "demo", "Try it all on twelve years of a made-up athlete, in demo/."),
        "start": ("start", "start", "From nothing to your activities, by three questions."),
        "auth": ("auth", "auth", "Log in to Strava."),
        "flow": ("pipeline", "flow", "The daily run: pull, merge, fetch recent details, publish."),
        "import": ("import_", "import_", "Import archives, folders and files; no call."),
        "status": ("status", "status", "Login, limits, what is in the warehouse, what is missing."),
        "sql": ("query", "sql", "Query the warehouse in SQL."),
        "dashboard": ("dashboard", "dashboard", "Your activities in a browser, on this machine or your home network."),
        "service": ("service", "service", "Dagster's UI and daemon in the background, through reboots."),
        "doctor": ("doctor", "doctor", "Check this machine, and show how to fix each problem."),
    },
    "Fetch from Strava": {
        "flow-backfill": ("pipeline", "flow_backfill", "Pull everything, merge, fetch every detail, publish."),
        "plan": ("plan", "plan", "Calls and days that a backfill takes, by year; makes no call."),
        "run": ("pipeline", "run", "Pull new activities, and the lookback window again."),
        "run-lite": ("pipeline", "run_lite", "Pull new activities, without a lookback."),
        "run-all": ("pipeline", "run_all", "Pull every activity, from the first one on."),
        "refresh": ("pipeline", "refresh", "Pull new activities, merge, publish; no details."),
        "backfill": (
            "whole_years",
            "backfill",
            "Pull whole years again and fetch their details, up to five years a run.",
        ),
        "reconcile": (
            "whole_years",
            "reconcile",
            "Compare years with Strava or another service: deletions, edits, late uploads.",
        ),
        "enrich": ("pipeline", "enrich", "Fetch details of the recent window, or of chosen activities."),
        "enrich-all": ("pipeline", "enrich_all", "Fetch every detail that is missing or was edited."),
        "streams": ("whole_years", "streams", "Fetch tracks from Strava, one call each, with spare calls."),
        "profile": ("pipeline", "profile", "Fetch the athlete and all gear again."),
        "quarantine": ("quarantine", "quarantine", "Activities whose detail always fails: list, retry, drop."),
    },
    "Several services": {
        "providers": ("providers", "providers", "Services besides Strava: list, status, login, pull, gear, check."),
        "sync-month": ("months", "sync_month", "Pull a month from all services, compare, propose changes."),
        "changes": ("changes", "changes", "Changes at services: list, show, approve, reject, apply, undo."),
        "calendar": ("months", "calendar", "By month: what each service has, and where services differ."),
        "matches": ("matches", "matches", "Activities that were recorded several times: list, explain, join, split."),
    },
    "The warehouse": {
        "compact": ("pipeline", "compact", "Merge shards into gold and publish."),
        "recompact": ("pipeline", "recompact", "Merge all shards again, changed or not."),
        "rebuild": ("pipeline", "rebuild", "Rebuild shards and the warehouse from bronze, without a call."),
        "duck": ("query", "duck", "A SQL prompt on the published warehouse."),
        "schema": ("query", "schema", "Tables and columns, with units and meanings."),
        "export": ("export", "export", "An activity as a file: GPX, TCX, CSV, Parquet; all tables as files."),
        "archive": ("archive", "archive", "Compare Strava's archive with the warehouse, field by field."),
        "copy": ("copy", "copy", "A second copy, encrypted, by restic: make, check, list, restore, adopt."),
        "purge": ("purge", "purge", "Delete all of the athlete's data here and the login, for good."),
        "readmit": ("readmit", "readmit", "Let what expired of Strava's API come in again."),
    },
    "Look": {
        "insights": ("insights", "insights", "A year: totals, goals and pace, records, streaks, gear, training load."),
        "why": ("why", "why", "Why a number is what it is: what counts, what doesn't, what each service has."),
        "bests": ("bests", "bests", "Bests of an activity: how each was measured; and keeping it out of records."),
        "devices": (
            "devices",
            "devices",
            "How devices that recorded the same efforts agree, and who errs by how much.",
        ),
        "corrections": ("corrections", "corrections", "What you say of an activity counts first: set, list, undo."),
        "rules": ("rules", "rules", "Your rules in rules.toml: check what they match and would change."),
        "report": ("insights", "report", "A year as one HTML page: charts, calendar, months, records."),
        "goals": ("insights", "goals", "Your goals in goals.toml: check them."),
        "trips": ("trips", "trips", "Trips recorded by phones, and car trips recognised from pings."),
        "maps": ("maps", "maps", "Regions of OpenStreetMap for the dashboard's maps: add, list, remove."),
        "notifications": ("notifications", "notifications", "What you should know of: list, read, clear."),
        "logs": ("pipeline", "logs", "Logs of runs: the newest one, or remove old ones."),
    },
    "Serve": {
        "tokens": ("tokens", "tokens", "Keys with which programs read, and phones send: add, list, remove."),
        "athletes": ("athletes", "athletes", "Several athletes, each with a folder of their own: add, list, remove."),
        "dev": ("service", "dev", "Run Dagster's UI and daemon in this terminal."),
        "serve": ("intake", "serve", "Run the web intake: it receives webhook events and phones' pings."),
        "subscription": ("intake", "subscription", "Strava's webhook subscription: create, view, delete."),
        "metrics": ("metrics", "metrics", "Numbers for Prometheus: calls left, last success, runs, rows, errors."),
        "webhooks": ("webhooks", "webhooks", "Webhook events: process them now, or replay some of Strava's."),
        "machines": ("machines", "machines", "Several machines for many athletes: Dagster's processes, and workers."),
        "emulator": ("emulator", "emulator", "Run an emulated Strava on your own machine."),
    },
}
COMMANDS = {name: command for commands in SUBJECTS.values() for name, command in commands.items()}

SUBCOMMANDS = {  # of commands that also do something without one
    ("import", "undo"): ("import_", "undo"),
    ("dashboard", "account"): ("accounts", "account"),
    **{("copy", name): ("copy", name) for name in ("adopt", "check", "restore")},
    ("copy", "list"): ("copy", "list_"),
    ("dashboard", "link"): ("dashboard", "link"),
    ("dashboard", "password"): ("dashboard", "password"),
}


def aliases() -> dict[str, tuple[str, ...]]:
    """Other names of commands, from the systems that have some → the words that are typed here."""
    return {name: words for system in parts("aliases") for name, words in system.ALIASES.items()}


class LazyCommands(TyperGroup):
    """Lists the commands of every day, or `help all` of the table above; imports a command's module only to run it.

    `help NAME` is `NAME --help`.
    """

    shown = SUBJECTS["Start here"]

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        whose, args = athlete_option(args)
        if athlete_option(args)[0]:
            raise typer.BadParameter("--athlete is there twice.")
        house, args = house_option(args)
        if args[:1] == ["help"]:
            args = [*args[1:], "--help"]
        if sorted(args) == ["--help", "all"]:
            self.shown, args = COMMANDS, ["--help"]
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            args = [*aliases().get(args[0], args[:1]), *args[1:]]
        return super().parse_args(ctx, [*whose, *house, *args])

    def list_commands(self, ctx: Any) -> list[str]:
        return list(self.shown)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        for subject, commands in SUBJECTS.items():
            if cmd_name in commands:
                return typer.main.get_command(_listed(cmd_name, commands[cmd_name][2], subject))
        return None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if (under := tuple(args[:2])) in SUBCOMMANDS:
            return " ".join(under), _command(" ".join(under), *SUBCOMMANDS[under]), args[2:]
        if args[0] not in COMMANDS:
            self.commands = {name: self.get_command(ctx, name) for name in COMMANDS}  # what Typer compares a typo with
        name, command, rest = super().resolve_command(ctx, args)
        return name, command and _loaded(str(name)), rest


def athlete_option(args: list[str]) -> tuple[list[str], list[str]]:
    """`--athlete NAME` with its name, wherever it stands before `--`, and the other arguments."""
    end = args.index("--") if "--" in args else len(args)
    for place, word in enumerate(args[:end]):
        if word == "--athlete":
            return args[place : min(place + 2, end)], [*args[:place], *args[place + 2 :]] if place + 1 < end else []
        if re.fullmatch(r"--athlete=\S*", word):
            return [word], [*args[:place], *args[place + 1 :]]
    return [], args


def house_option(args: list[str]) -> tuple[list[str], list[str]]:
    """`--house`, if it stands anywhere before `--`, and the other arguments."""
    end = args.index("--") if "--" in args else len(args)
    rest = [word for place, word in enumerate(args) if word != "--house" or place > end]
    return ["--house"] if len(rest) < len(args) else [], rest


app = typer.Typer(
    cls=LazyCommands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    epilog="All commands: strava-pipeline help all. The options of one: strava-pipeline help COMMAND.",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        echo(f"strava-pipeline {version('strava_pipeline')}")
        raise typer.Exit


def _become(name: str | None) -> None:
    if name is not None:
        from strava_pipeline.environment.athletes import become

        become(name)
        advise_for(name, COMMANDS)


OF_THE_HOUSE = ("dev", "service")  # commands that may have --house


@app.callback()
def strava_pipeline(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_show_version, help="Show the version and exit.")
    ] = False,
    athlete: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            is_eager=True,
            callback=_become,
            help="Act for one athlete of several.",
        ),
    ] = None,
    house: Annotated[
        bool,
        typer.Option("--house", hidden=True, help="Of `dev` and `service`, which say so: for all athletes at once."),
    ] = False,
) -> None:
    """Everything you ever recorded, at Strava and elsewhere, in one DuckDB warehouse on your own disk."""
    if house:
        from strava_pipeline.environment.athletes import become_house

        if context.invoked_subcommand not in OF_THE_HOUSE:
            raise typer.BadParameter(f"--house is for {' and '.join(OF_THE_HOUSE)}.")
        become_house()


def main() -> None:
    """Run a command. An expected failure ends with its message and exit code, without a traceback."""
    from strava_pipeline.core.errors import PipelineError, TransientError
    from strava_pipeline.core.process import collect_seldom, keep_files_private

    keep_files_private()
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
            f"{error.filename2 or error.filename or 'A file'}: {error.strerror or type(error).__name__}. {_owner_hint(error)}"
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


def _owner_hint(error: OSError) -> str:
    """For a denied permission: the owner of the place, if that is another user, as with volumes of a container."""
    if not isinstance(error, PermissionError) or not isinstance(error.filename, str):
        return ""
    for path in (Path(error.filename), *Path(error.filename).parents):
        with suppress(OSError):  # missing, or not readable
            owner, user = path.stat().st_uid, os.getuid()
            return "" if owner == user else f"{path} belongs to user {owner}, and this is user {user}. "
    return ""


def _loaded(name: str) -> Any:
    module, function, _ = COMMANDS[name]
    return _command(name, module, function)


def _command(name: str, module: str, function: str) -> Any:
    found = getattr(import_module(f"strava_pipeline.verbs.{module}"), function)
    if isinstance(found, typer.Typer):
        return typer.main.get_command(found)
    single = typer.Typer(add_completion=False)
    # a query may begin with a comment, and the id of a file is negative: both look like options
    settings = {"ignore_unknown_options": True} if name in ("bests", "purge", "sql") else {}
    single.command(name, context_settings=settings)(found)
    return typer.main.get_command(single)


def _listed(name: str, text: str, panel: str) -> typer.Typer:
    shown = typer.Typer(add_completion=False)
    shown.command(name, help=text, rich_help_panel=panel)(lambda: None)
    return shown
