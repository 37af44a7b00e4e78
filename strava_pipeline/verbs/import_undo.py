"""`strava-pipeline import undo`: what one import brought leaves the warehouse. How is lake/undoing.py's and the rebuild's."""

from typing import TYPE_CHECKING, Annotated

import typer

from strava_pipeline.verbs.echo import echo_json
from strava_pipeline.verbs.options import Verbose

if TYPE_CHECKING:
    from strava_pipeline.lake.imports import Import
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.orchestrate.execute import RunOutcome
    from strava_pipeline.settings import Settings

_COUNTED = ("activities_all", "files")


def import_undo(
    name: Annotated[
        str,
        typer.Argument(
            help="The import: its folder in data/bronze/imports (`import_name` in the table files), or the name of the "
            "archive, folder or file that came in, where only one has it.",
            metavar="NAME",
            show_default=False,
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    verbose: Verbose = False,
) -> None:
    """Take one import's rows and files out of the warehouse. Bronze keeps them and a note; no call is made."""
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.lake.undoing import find_import
    from strava_pipeline.settings import Settings
    from strava_pipeline.verbs.terminal import out

    settings = Settings.load()
    lake = Lake(settings.data_dir)
    one = find_import(lake, name)
    before = _counts(lake)
    outcome = _take_out(settings, one, verbose=verbose)
    after = _counts(lake)
    gone = {table: before[table] - after[table] for table in _COUNTED}
    if as_json:
        told = {"import_name": one.name, "came_as": one.manifest.came_as, "run_id": outcome.run_id}
        echo_json(told | {"activities": gone["activities_all"], "files": gone["files"]})
        return
    out.print(
        f"Undone: {one.name} ({one.manifest.came_as}). {gone['activities_all']} activities and {gone['files']} files left the "
        "warehouse; what others say of the same activities stays."
    )
    out.print(
        f"Its bytes stay in {lake.files} and {lake.imports / one.name}; `import` of the same path brings it back."
    )


def _take_out(settings: "Settings", one: "Import", *, verbose: bool) -> "RunOutcome":
    from datetime import UTC, datetime
    from functools import partial

    from strava_pipeline.lake.imported import is_made
    from strava_pipeline.lake.locks import locked
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.lake.undoing import undo
    from strava_pipeline.orchestrate.execute import run_job
    from strava_pipeline.orchestrate.importing import LOCK
    from strava_pipeline.orchestrate.jobs import REBUILD_JOB
    from strava_pipeline.verbs.terminal import progress_for_terminal

    lake, log_level = Lake(settings.data_dir), "INFO" if verbose else "CRITICAL"
    rebuild = partial(
        run_job, settings, REBUILD_JOB, years=None, progress_of=progress_for_terminal(), log_level=log_level
    )
    if not is_made(lake, one.name):  # only what it came to tells which rows may leave
        rebuild()
    with locked(lake, LOCK, who="import undo"):
        undo(lake, one, datetime.now(UTC))
    return rebuild()


def _counts(lake: "Lake") -> dict[str, int]:
    """Rows of the published tables; 0 where nothing was published."""
    from strava_pipeline.lake.counts import row_counts
    from strava_pipeline.lake.publish import snapshot

    if not lake.snapshot.exists():
        return dict.fromkeys(_COUNTED, 0)
    with snapshot(lake) as connection:
        counts = row_counts(connection)
    return {table: counts.get(table, 0) for table in _COUNTED}
