"""Making shards and gold anew from bronze, without a call: after an update that changed the tables, or a lost file.

The new warehouse carries a mark until it is whole, so that a rebuild that was interrupted goes on with the next run;
the old file is kept beside it until then. Readers keep the old snapshot meanwhile.
"""

from collections.abc import Callable
from pathlib import Path

from strava_pipeline.core.activities import YearRange
from strava_pipeline.core.errors import PipelineError
from strava_pipeline.lake.counts import row_counts
from strava_pipeline.lake.locks import locked
from strava_pipeline.lake.merge import merge_activities, merge_details, merge_profile, sync_kudos
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.publish import publish, snapshot
from strava_pipeline.lake.shards import write_shards
from strava_pipeline.lake.warehouse import (
    REBUILDING,
    DamagedWarehouseError,
    OtherCatalogueError,
    exclusively,
    is_a_database,
    is_marked,
    mark,
    reading,
    unmark,
    writing,
)


def ensure_current(lake: Lake, years: YearRange, *, tell: Callable[[str], object]) -> bool:
    """Rebuild if the warehouse has the tables of another version, is lost, or was left half rebuilt; whether it was.

    `tell` is told why. Nothing is done where there never was a warehouse.
    """
    if _why(lake) is None:
        return False
    with locked(lake, "rebuild"):
        why = _why(lake)  # another process may have done it meanwhile
        if why is None:
            return False
        tell(f"{why} It is made anew from bronze, without a call.")
        rebuild(lake, years)
        return True


def rebuild(lake: Lake, years: YearRange) -> None:
    """Shards and gold of every year from bronze, then publish."""
    old = _set_aside(lake)
    with writing(lake) as connection:
        mark(connection, REBUILDING)
    write_shards(lake, years.all, years)
    with writing(lake) as connection:
        merge_activities(connection, lake, years.all)
        merge_profile(connection, lake)
    merge_details(lake, years.all)
    with writing(lake) as connection:
        sync_kudos(connection, years.all)
        _refuse_a_loss(lake, row_counts(connection))
        unmark(connection, REBUILDING)
    publish(lake)
    old.unlink(missing_ok=True)


def _refuse_a_loss(lake: Lake, made: dict[str, int]) -> None:
    """Bronze may be incomplete (a folder deleted, a disk not mounted): then what is published is the last copy."""
    if not lake.snapshot.exists():
        return
    with snapshot(lake) as connection:
        held = row_counts(connection)
    if fewer := {name: (held[name], made[name]) for name in held if made[name] < held[name]}:
        lost = "; ".join(f"{name}: {before} published, {after} in bronze" for name, (before, after) in fewer.items())
        raise PipelineError(
            f"The warehouse was to be made anew from {lake.data_dir / 'bronze'}, but that holds less than what is "
            f"published ({lost}). Nothing was replaced. Bring the missing files back and run again, or have Strava list "
            "everything again: `strava-pipeline run-all`, then the same command. If the loss is meant, delete "
            f"{lake.snapshot}."
        )


def _why(lake: Lake) -> str | None:
    if not lake.working.exists():
        return "The working warehouse is not there any more." if lake.was_made.exists() else None
    if not is_a_database(lake.working):
        return "The working warehouse is damaged."
    try:
        with reading(lake) as connection:
            return "The last rebuild did not come to its end." if is_marked(connection, REBUILDING) else None
    except OtherCatalogueError:
        return "The working warehouse has the tables of another version."
    except DamagedWarehouseError:
        return "The working warehouse is damaged."


def _set_aside(lake: Lake) -> Path:
    """Move a warehouse of another version out of the way; a half rebuilt one stays and is gone on with."""
    old = lake.working.with_suffix(".old")
    try:
        if lake.working.exists() and not is_a_database(lake.working):
            _move(lake, lake.working.with_suffix(".damaged"))
        if lake.working.exists():
            with reading(lake):
                pass
    except OtherCatalogueError:
        _move(lake, old)
    except DamagedWarehouseError:
        _move(lake, lake.working.with_suffix(".damaged"))
    return old


def _move(lake: Lake, to: Path) -> None:
    with exclusively(lake):
        lake.working.replace(to)
        wal = lake.working.with_name(f"{lake.working.name}.wal")
        wal.unlink(missing_ok=True)  # played back when the file was opened, or of no use without it
