"""The commands `mirror` and `restore`: the second copy is made, checked, and brought back. The work is operations/copies'."""

from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from strava_pipeline.core.text import at_minute, counted, some_of
from strava_pipeline.verbs.options import Json
from strava_pipeline.verbs.output import echo, echo_json
from strava_pipeline.verbs.purge_elsewhere import VERSIONS

if TYPE_CHECKING:
    from strava_pipeline.operations.copies.checking import Checked
    from strava_pipeline.operations.copies.mirroring import Mirrored
    from strava_pipeline.operations.copies.restoring import Restored
    from strava_pipeline.settings import Settings

_DIFFERENT = 4
_MOST = 5  # files of which the names are printed


def mirror(
    plain: Annotated[bool, typer.Option("--plain", help="Begin a copy without a key: others can read it.")] = False,
    adopt: Annotated[
        bool, typer.Option("--adopt", help="Go on with a copy that another folder made, or begin one where it is gone.")
    ] = False,
    allow_shrink: Annotated[
        bool, typer.Option("--allow-shrink", help="Follow, however many of its files are gone here.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Bring the second copy at MIRROR_URL up to date: what is new or changed is encrypted, copied, and read back."""
    from strava_pipeline.operations.copies.mirroring import mirror as bring_up_to_date
    from strava_pipeline.operations.run_context import run_context
    from strava_pipeline.settings import Settings
    from strava_pipeline.verbs.output import plain as as_plain
    from strava_pipeline.verbs.terminal import progress_for_terminal

    settings = Settings.load()
    run = run_context(settings, progress_for_terminal()(), "mirror")
    done = bring_up_to_date(run, settings, plain=plain, adopt=adopt, allow_shrink=allow_shrink)
    if as_json:
        echo_json(as_plain(asdict(done)))
        return
    _print_mirrored(done)


def _print_mirrored(done: "Mirrored") -> None:
    from rich.filesize import decimal

    calls = counted(sum(done.calls.values()), "call")
    if not done.files and not done.forgotten:
        echo(f"The copy in {done.where} is up to date; {calls} of the store.")
    else:
        gone = f", {counted(done.forgotten, 'old object')} deleted" if done.forgotten else ""
        echo(
            f"Copied to {done.where}: {counted(done.files, 'file')}, {decimal(done.bytes)}{gone}; {calls} of the store."
        )
    if done.keeps_versions and done.forgotten:
        echo(VERSIONS)


def key(
    file: Annotated[
        Path | None,
        typer.Argument(help="The file to write; by default the one that MIRROR_KEY_FILE names.", show_default=False),
    ] = None,
) -> None:
    """Make a key for the second copy, in a new file that you alone can read."""
    from secrets import token_bytes

    from strava_pipeline.core.copies.sealing import KEY_BYTES, key_text
    from strava_pipeline.core.errors import MisuseError
    from strava_pipeline.settings import Settings
    from strava_pipeline.verbs.output import write_private

    settings = Settings.load()
    path = (file.expanduser().absolute() if file else settings.mirror_key_file) or settings.secrets_dir / "mirror_key"
    if path.exists():
        raise MisuseError(f"{path} is there already, and a copy may need it. Name another file.")
    if file is None:
        path.parent.mkdir(parents=True, exist_ok=True)
    write_private(path, [f"{key_text(token_bytes(KEY_BYTES))}\n".encode()])
    echo(f"The key is in {path}.")
    echo(
        "Keep it elsewhere as well, for example its one line in a password manager: it is never copied with the data, and "
        "without it nobody can read the copy, you included."
    )
    if settings.mirror_key_file != path:
        echo(f"Put this into .env:\nMIRROR_KEY_FILE={path}")


def check(
    share: Annotated[
        float, typer.Option("--share", min=0.001, max=1, help="Read this part of the copy, chosen at random.")
    ] = 0.05,
    everything: Annotated[bool, typer.Option("--all", help="Read all of it.")] = False,
    as_json: Json = False,
) -> None:
    """Read a sample of the second copy back and compare it with the files here: ends with 4 if anything differs."""
    from random import Random

    from strava_pipeline.operations.copies.checking import check_copy
    from strava_pipeline.settings import Settings
    from strava_pipeline.verbs.output import plain
    from strava_pipeline.verbs.terminal import progress_for_terminal

    found = check_copy(Settings.load(), 1 if everything else share, Random(), progress_for_terminal()())
    if as_json:
        echo_json(plain(_checked_json(found)))
    else:
        _print_checked(found)
    raise typer.Exit(0 if found.agrees else _DIFFERENT)


def _checked_json(found: "Checked") -> dict[str, Any]:
    return {
        "where": found.where,
        "copied_at": found.at,
        "agrees": found.agrees,
        "blocks": found.blocks,
        "blocks_read": found.read,
        "files_compared": len(found.compared),
        "damaged": found.damaged,
        "differing": sorted(found.differing),
        "lacking": found.lacking,
    }


def _print_checked(found: "Checked") -> None:
    echo(f"The copy in {found.where}: last brought up to date {at_minute(found.at) or 'never'}.")
    echo(
        f"Read back: {found.read} of {counted(found.blocks, 'object')}; {counted(len(found.compared), 'file')} compared with "
        "those here."
    )
    if found.lacking:
        echo(f"It lacks {counted(found.lacking, 'file')} that are new or were changed since: strava-pipeline mirror")
    if found.damaged:
        echo(
            f"Damaged or missing in the copy: {some_of(found.damaged, _MOST)}. `strava-pipeline mirror` puts their files once "
            "more."
        )
    if found.differing:
        echo(
            f"Different here, with the size and time that were copied: {some_of(sorted(found.differing), _MOST)}. One of "
            "the two is damaged; `strava-pipeline restore` into an empty folder brings the copy's."
        )
    if found.agrees:
        echo("No difference.")


def restore(
    into: Annotated[Path, typer.Argument(help="A new or empty folder.", metavar="INTO", show_default=False)],
    at: Annotated[
        datetime | None,
        typer.Option(
            "--at", formats=["%Y-%m-%d"], help="As it was at the end of this day.", metavar="DAY", show_default=False
        ),
    ] = None,
    source: Annotated[
        str | None, typer.Option("--from", help="Where the copy is (setting MIRROR_URL).", metavar="URL")
    ] = None,
    key_file: Annotated[
        Path | None, typer.Option("--key", help="The file with its key (setting MIRROR_KEY_FILE).", metavar="FILE")
    ] = None,
    as_json: Json = False,
) -> None:
    """Bring the second copy back, into an empty folder; needs its key, and no login."""
    from zoneinfo import ZoneInfo

    from strava_pipeline.core.errors import PipelineError
    from strava_pipeline.ingest.copy_store import open_store
    from strava_pipeline.operations.copies.opened import LostHeadError, OpenedCopy, open_copy, seal_of
    from strava_pipeline.operations.copies.restoring import restore as bring_back
    from strava_pipeline.settings import Settings
    from strava_pipeline.verbs.output import plain
    from strava_pipeline.verbs.terminal import progress_for_terminal

    given = {name: value for name, value in (("mirror_url", source), ("mirror_key_file", key_file)) if value}
    settings = Settings.load(**given)
    store = open_store(settings)
    seal = seal_of(settings.mirror_key_file)
    try:
        copy = open_copy(store, seal)
    except LostHeadError:
        copy = OpenedCopy(store, seal, "")  # what is in it opens with the key all the same
    if copy is None:
        raise PipelineError(f"There is no copy in {store.where}.")
    folder, zone, day = into.expanduser().resolve(), ZoneInfo(settings.timezone), at.date() if at else None
    done = bring_back(copy, folder, day, zone, progress_for_terminal()())
    if as_json:
        echo_json(plain(_restored_json(done, folder)))
    else:
        _print_restored(done, folder, day, settings)
    raise typer.Exit(1 if done.lost or done.incomplete else 0)


def _restored_json(done: "Restored", folder: Path) -> dict[str, Any]:
    return {"into": folder, **asdict(done)}


def _print_restored(done: "Restored", folder: Path, day: date | None, settings: "Settings") -> None:
    from rich.filesize import decimal

    echo(f"Restored into {folder}: {counted(done.files, 'file')}, {decimal(done.bytes)}, as of {at_minute(done.at)}.")
    for moment in done.newer.values():
        echo(
            f"What came by Strava's API is of {at_minute(moment)}: because it expires (STRAVA_API_KEEP_DAYS), the copy keeps no "
            "earlier state of it."
        )
    if done.unreadable:
        echo(f"{counted(done.unreadable, 'manifest')} of the copy can't be read, so older ones were used.")
    if done.incomplete:
        echo("The copy was never completed: more belongs to it, which is not here.")
    if done.lost:
        echo(
            f"{counted(len(done.lost), 'file')} could not be restored, because the copy lost their bytes: "
            f"{some_of(done.lost, _MOST)}. If it can be repaired, the same command goes on."
        )
    echo("To make the warehouse of it:")
    echo(f"  cd {folder} && strava-pipeline rebuild")
    echo("Logins, keys and .env are not in a copy: log in again (strava-pipeline auth), and write your settings again.")
