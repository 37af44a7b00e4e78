"""The command `copy`: the second copy is made now, listed, checked and brought back. The work is operations/copying.py's."""

from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from strava_pipeline.core.text import at_minute, counted, some_of
from strava_pipeline.verbs.options import Json
from strava_pipeline.verbs.output import echo, echo_json, plain

if TYPE_CHECKING:
    from strava_pipeline.operations.copy_proof import Checked, Restored
    from strava_pipeline.operations.copying import Copied

_DIFFERENT = 4
_MOST = 5  # files of which the names are printed


def copy(as_json: Json = False) -> None:
    """Bring the second copy in RESTIC_REPOSITORY up to date. Each run that lands or publishes something does the same."""
    _copy(adopt=False, as_json=as_json)


def adopt(as_json: Json = False) -> None:
    """Copy this folder as it is now to RESTIC_REPOSITORY, whatever the copy there, or this folder, had before."""
    _copy(adopt=True, as_json=as_json)


def _copy(*, adopt: bool, as_json: bool) -> None:
    from strava_pipeline.operations.copying import make_copy
    from strava_pipeline.operations.run_context import run_context
    from strava_pipeline.settings import Settings
    from strava_pipeline.verbs.terminal import progress_for_terminal

    settings = Settings.load()
    done = make_copy(run_context(settings, progress_for_terminal()(), "copy"), settings, adopt=adopt)
    if as_json:
        echo_json(plain(asdict(done)))
    else:
        _print_copied(done)
    raise typer.Exit(_DIFFERENT if done.problem else 0)


def _print_copied(done: "Copied") -> None:
    from rich.filesize import decimal

    if done.kinds:
        gone = f"; {counted(done.forgotten, 'old snapshot')} deleted" if done.forgotten else ""
        echo(
            f"Copied to {done.where}: {counted(done.files_copied, 'new or changed file')}, {decimal(done.bytes_copied)}{gone}."
        )
    else:
        echo(f"The copy in {done.where} is up to date.")
    if done.problem:
        echo(done.problem)


def list_(as_json: Json = False) -> None:
    """Show the snapshots of the second copy, the newest first: when each was made, of what, and on which machine."""
    from rich.table import Table

    from strava_pipeline.ingest.restic import restic_of
    from strava_pipeline.settings import Settings
    from strava_pipeline.verbs.terminal import out

    restic = restic_of(Settings.load())
    found = [each for each in restic.snapshots() if each.kind]
    found.sort(key=lambda each: each.at, reverse=True)
    if as_json:
        shown = [
            {
                "id": each.id,
                "at": each.at,
                "kind": each.kind,
                "folder": each.folder,
                "name": each.name,
                "host": each.host,
            }
            for each in found
        ]
        echo_json({"where": restic.where, "snapshots": plain(shown)})
        return
    table = Table("made (UTC)", "of", "folder", "machine", "snapshot", box=None, pad_edge=False)
    for each in found:
        table.add_row(at_minute(each.at), each.kind, each.name, each.host, each.id[:8])
    if found:
        out.print(table)
    else:
        echo(f"There is no copy of a data folder in {restic.where}.")


def check(
    percent: Annotated[
        float, typer.Option("--percent", min=0.1, max=100, help="Read so much of the copy's data, chosen by restic.")
    ] = 5,
    as_json: Json = False,
) -> None:
    """Prove that the second copy brings everything back: ends with 4 if anything is damaged, missing or different.

    restic checks the repository and reads a part of its data. Then the newest state is restored beside the data, rebuilt, and
    compared with the files and tables here.
    """
    from strava_pipeline.operations.copy_proof import check_copy
    from strava_pipeline.operations.run_context import run_context
    from strava_pipeline.settings import Settings
    from strava_pipeline.verbs.terminal import progress_for_terminal

    settings = Settings.load()
    found = check_copy(run_context(settings, progress_for_terminal()(), "copy check"), settings, percent)
    if as_json:
        echo_json(plain(asdict(found) | {"agrees": found.agrees}))
    else:
        _print_checked(found)
    raise typer.Exit(0 if found.agrees else _DIFFERENT)


def _print_checked(found: "Checked") -> None:
    echo(f"The copy in {found.where}: last brought up to date {at_minute(found.at) or 'at an unknown time'}.")
    if found.lost:
        echo(f"It lacks all of: {', '.join(found.lost)}. `strava-pipeline copy` copies what is here once more.")
        return
    echo(f"Restored from it: {counted(found.files, 'file')}.")
    if found.lacking:
        echo(
            f"New or changed here since: {counted(len(found.lacking), 'file')}: {some_of(found.lacking, _MOST)}. "
            "`strava-pipeline copy` copies what lacks. Tables were not compared."
        )
    if found.unequal:
        echo(
            f"Other bytes than in the copy, with the same size and time: {some_of(found.unequal, _MOST)}. One of the two is "
            "damaged; `strava-pipeline copy restore` into an empty folder brings the copy's."
        )
    if found.differing:
        echo(
            f"Tables that differ when they are made again from it: {some_of(found.differing, _MOST)}. What is here may not be "
            "merged yet: `strava-pipeline compact`, `strava-pipeline copy`, then check again."
        )
    if found.agrees:
        echo(
            "Files and rebuilt tables are the same as here."
            if found.differing is not None
            else "Files are the same as here."
        )


def restore(
    into: Annotated[Path, typer.Argument(help="A new or empty folder.", metavar="FOLDER", show_default=False)],
    at: Annotated[
        datetime | None,
        typer.Option(
            "--at", formats=["%Y-%m-%d"], help="As it was at the end of this day.", metavar="DAY", show_default=False
        ),
    ] = None,
    folder: Annotated[
        str | None,
        typer.Option("--folder", help="Which one, where the repository has several: name or id.", metavar="NAME"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Bring a data folder back from RESTIC_REPOSITORY, into an empty folder. Needs the copy's password, and no login."""
    from zoneinfo import ZoneInfo

    from strava_pipeline.ingest.clock import system_clock
    from strava_pipeline.ingest.restic import restic_of
    from strava_pipeline.operations.copy_proof import restore as bring_back
    from strava_pipeline.settings import Settings
    from strava_pipeline.verbs.terminal import progress_for_terminal

    settings = Settings.load()
    target, zone, day = into.expanduser().resolve(), ZoneInfo(settings.timezone), at.date() if at else None
    now, progress = system_clock(settings).now(), progress_for_terminal()()
    done = bring_back(restic_of(settings), target, now, zone, progress, day=day, folder=folder)
    if as_json:
        echo_json(plain({"into": target, **asdict(done)}))
    else:
        _print_restored(done, target)


def _print_restored(done: "Restored", into: Path) -> None:
    from rich.filesize import decimal

    echo(f"Restored into {into}: {counted(done.files, 'file')}, {decimal(done.bytes)}, as of {at_minute(done.at)}.")
    for moment in done.newer.values():
        echo(
            f"What came by Strava's API is of {at_minute(moment)}: because it expires (STRAVA_API_KEEP_DAYS), the copy keeps no "
            "earlier state of it."
        )
    echo(f"To make the warehouse of it:\n  cd {into} && strava-pipeline rebuild")
    echo("Logins, keys and .env are not in a copy: log in again (strava-pipeline auth), and write your settings again.")
