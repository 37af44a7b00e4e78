"""The command `export`: an activity as a file for other programs, or all tables as files. No call to a service."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from strava_pipeline.verbs.options import NEGATIVE_IDS, AnyId, Json, command_group

if TYPE_CHECKING:
    from strava_pipeline.core.privacy import PrivacyZone
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.lookups.activities import FoundActivity

export = command_group("An activity as a file, or all tables as files.")
_FORMATS = (".gpx", ".tcx", ".csv", ".parquet")


@export.callback()
def _group() -> None:
    """Files for other programs."""


@export.command(context_settings=NEGATIVE_IDS)
def activity(
    one: AnyId,
    to: Annotated[
        Path, typer.Option("--to", help="The file to write; its ending says the format: .gpx, .tcx, .csv, .parquet.")
    ],
    original: Annotated[
        bool, typer.Option("--original", help="The file that a device wrote, as it came, whatever the ending.")
    ] = False,
    full: Annotated[bool, typer.Option("--full", help="With what lies in privacy zones.")] = False,
) -> None:
    """Write an activity's track to a file; its points in privacy zones are left out unless you say --full."""
    from strava_pipeline.core.errors import MisuseError
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.lake.gold.publish import current_snapshot
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.lake.user_files import goals_of
    from strava_pipeline.verbs.terminal import out

    path = to.expanduser().absolute()
    if not original and path.suffix.lower() not in _FORMATS:
        raise MisuseError(f"--to {to.name}: the file's ending says the format; there are {', '.join(_FORMATS)}.")
    if path.exists():
        raise MisuseError(f"{path} is there already. Name another file, or remove that one.")
    if not path.parent.is_dir():
        raise MisuseError(f"{path.parent} is no folder. Make it, or name a file in a folder that is there.")
    lake = Lake(Settings.load().data_dir)
    zones = () if full else goals_of(lake).zones  # if they can't be read, the places to cut are unknown
    with current_snapshot(lake) as connection:
        body, said = _original(lake, connection, one, zones) if original else _track(lake, connection, one, path, zones)
    _write_new(path, body)
    out.print(f"{said} The file is {path}")


@export.command()
def gold(
    to: Annotated[str, typer.Option("--to", help="A folder, which is made.")],
    form: Annotated[Literal["parquet", "csv"], typer.Option("--format", help="The format of the files.")] = "parquet",
    full: Annotated[bool, typer.Option("--full", help="With positions, although privacy zones are set.")] = False,
    as_json: Json = False,
) -> None:
    """Write every table to files by year, and again only what changed; without positions where privacy zones are set."""
    from strava_pipeline.core.text import fields_of
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.operations.exporting import files_of_gold, tables_to_export
    from strava_pipeline.verbs.terminal import watched
    from strava_pipeline.verbs.views import show

    settings = Settings.load()
    tables = tables_to_export(Lake(settings.data_dir), full=full)
    with watched("Exporting tables", len(tables), output_follows=True) as advance:
        report = files_of_gold(settings, to, form, tables, advance)
    is_cut = not full and len(tables) < len(tables_to_export(Lake(settings.data_dir), full=True))
    advice = ["Privacy zones are set, so no table holds a position. Add --full for all of it."]
    answer = {"destination": to, "format": form, "tables": len(tables), **fields_of(report)}
    show(answer, as_json=as_json, advice=advice if is_cut else [])


def _write_new(path: Path, body: bytes) -> None:
    """Write a file that only its owner can read, since it contains positions. Raises MisuseError if one exists by now,
    which stays.
    """
    import os

    from strava_pipeline.core.errors import MisuseError
    from strava_pipeline.environment.file_locks import sync_file

    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise MisuseError(f"{path} is there already. Name another file, or remove that one.") from None
    try:
        with os.fdopen(file, "wb") as opened:
            opened.write(body)
            sync_file(opened)
    except BaseException:
        path.unlink(missing_ok=True)  # ours, and not whole
        raise


def _original(lake: "Lake", connection: Any, one: int, zones: "tuple[PrivacyZone, ...]") -> tuple[bytes, str]:
    """The file of an activity as a device wrote it. It can't be cut, so zones forbid it."""
    from strava_pipeline.core.errors import MisuseError, PipelineError
    from strava_pipeline.lake.imports.files import stored_bytes
    from strava_pipeline.lookups.downloads import original_file

    if zones:
        raise MisuseError(
            "goals.toml sets privacy zones, and the file of a device can't be cut. Add --full for all of it, "
            "or leave --original out."
        )
    found = original_file(connection, lake, _found(connection, one).id)
    if found is None:
        raise PipelineError(
            f"No file of a device is there for the activity {one}. Leave --original out for its track, if it has one."
        )
    return stored_bytes(lake, found.sha256), f"{found.name}, as it came."


def _track(lake: "Lake", connection: Any, one: int, path: Path, zones: "tuple[PrivacyZone, ...]") -> tuple[bytes, str]:
    """The track of an activity in the format of the path's ending."""
    from strava_pipeline.core.text import counted
    from strava_pipeline.lookups.downloads import exported_track

    found = exported_track(connection, lake, _found(connection, one), path.suffix.lower(), zones)
    cut = f", {found.left_out:,} in privacy zones left out" if found.left_out else ""
    return found.body, f"{counted(found.points, 'point')}{cut}."


def _found(connection: Any, one: int) -> "FoundActivity":
    from strava_pipeline.core.errors import PipelineError
    from strava_pipeline.lookups.activities import find_activity

    found = find_activity(connection, one)
    if found is None:
        raise PipelineError(f"No activity has the id {one}.")
    return found
