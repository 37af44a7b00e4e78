"""The command `copy`: the second copy is made now, listed, checked and brought back. The work is operations/copying.py's."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.filesize import decimal

from strava_pipeline.core.text import fields_of
from strava_pipeline.verbs.options import Json
from strava_pipeline.verbs.views import show

if TYPE_CHECKING:
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.operations.copy_proof import Checked

_DIFFERENT = 4
_FORMS = {"bytes": decimal}
_COUNT_AGAIN = "They count again after the next run, or `strava-pipeline rebuild`."


def copy(as_json: Json = False) -> None:
    """Bring the second copy in RESTIC_REPOSITORY up to date. Each run that lands or publishes something does the same."""
    _copy(adopt=False, as_json=as_json)


def adopt(as_json: Json = False) -> None:
    """Copy this folder as it is now to RESTIC_REPOSITORY, whatever the copy there, or this folder, had before."""
    _copy(adopt=True, as_json=as_json)


def _copy(*, adopt: bool, as_json: bool) -> None:
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.operations.copying import make_copy
    from strava_pipeline.operations.run_context import run_context
    from strava_pipeline.verbs.terminal import progress_for_terminal

    settings = Settings.load()
    done = make_copy(run_context(settings, progress_for_terminal()(), "copy"), settings, adopt=adopt)
    nothing = [] if done.kinds else ["The copy is up to date."]
    show(done, as_json=as_json, hidden=("lost",), advice=[*nothing, *filter(None, [done.problem])], forms=_FORMS)
    raise typer.Exit(_DIFFERENT if done.problem else 0)


def list_(as_json: Json = False) -> None:
    """Show the snapshots of the second copy, the newest first: when each was made, of what, and on which machine."""
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.ingest.restic import restic_of

    restic = restic_of(Settings.load())
    found = [each for each in restic.snapshots() if each.kind]
    found.sort(key=lambda each: each.at, reverse=True)
    fields = ("id", "at", "kind", "folder", "name", "host")
    rows = [{name: getattr(each, name) for name in fields} for each in found]
    show({"where": restic.where, "snapshots": rows}, as_json=as_json, hidden=("folder",))


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
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.operations.copy_proof import check_copy
    from strava_pipeline.operations.run_context import run_context
    from strava_pipeline.verbs.terminal import progress_for_terminal

    settings = Settings.load()
    found = check_copy(run_context(settings, progress_for_terminal()(), "copy check"), settings, percent)
    show(fields_of(found) | {"agrees": found.agrees}, as_json=as_json, advice=_advice(found))
    raise typer.Exit(0 if found.agrees else _DIFFERENT)


def _advice(found: "Checked") -> Iterator[str]:
    """The possible meaning of each difference, and what to do."""
    if found.lost or found.lacking:
        yield "`strava-pipeline copy` copies what lacks. Tables were not compared."
    if found.gone:
        yield (
            "What is gone here is in the copy: `strava-pipeline copy restore`, into an empty folder, brings it back. Tables were "
            "not compared."
        )
    if found.unequal:
        yield (
            "What is unequal has other bytes here than in the copy, with the same size and time: one of the two is damaged. "
            "`strava-pipeline copy restore` into an empty folder brings the copy's."
        )
    if found.differing:
        yield (
            "Tables differ when they are made again from the copy. What is here may not be merged yet: "
            "`strava-pipeline compact`, `strava-pipeline copy`, then check again."
        )


def restore(
    into: Annotated[
        Path | None, typer.Argument(help="A new or empty folder.", metavar="FOLDER", show_default=False)
    ] = None,
    *,
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
    decisions: Annotated[
        bool, typer.Option("--decisions", help="Instead: add lost lines of this folder's decisions again; remove none.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Bring a data folder back from RESTIC_REPOSITORY, into an empty folder. Needs the copy's password, and no login.

    With --decisions lost lines of data/decisions come back into this folder, from data/state and, if there is one, the copy.
    """
    from zoneinfo import ZoneInfo

    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.ingest.clock import system_clock
    from strava_pipeline.ingest.restic import restic_of
    from strava_pipeline.operations.copy_proof import restore as bring_back
    from strava_pipeline.verbs.terminal import progress_for_terminal

    settings = Settings.load()
    if decisions != (into is None) or (decisions and at):
        raise typer.BadParameter("a FOLDER, please, or --decisions alone", param_hint="FOLDER")
    if into is None:
        _restore_decisions(settings, system_clock(settings).now(), folder, as_json=as_json)
        return
    target, zone, day = into.expanduser().resolve(), ZoneInfo(settings.timezone), at.date() if at else None
    now, progress = system_clock(settings).now(), progress_for_terminal()()
    done = bring_back(restic_of(settings), target, now, zone, progress, day=day, folder=folder)
    advice = [
        f"To make the warehouse of it: cd {target} && strava-pipeline rebuild",
        "Logins, keys and .env are not in a copy: log in again (strava-pipeline auth), and write your settings again.",
    ]
    if done.newer:
        advice.append("What came by Strava's API expires (STRAVA_API_KEEP_DAYS): the copy keeps only its newest state.")
    show({"into": target, **fields_of(done)}, as_json=as_json, advice=advice, forms=_FORMS)


def _restore_decisions(settings: "Settings", now: datetime, folder: str | None, *, as_json: bool) -> None:
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.lake.purge import unfinished_purge
    from strava_pipeline.operations.copy_proof import restore_decisions

    lake = Lake(settings.data_dir)
    added = restore_decisions(lake, settings, now, folder)
    left = unfinished_purge(lake)
    advice = (
        [f"What was purged may be here again. It goes by `{left[1]}`."] if left else [_COUNT_AGAIN] if added else []
    )
    show({"added": sum(added.values()), "files": added}, as_json=as_json, advice=advice)
