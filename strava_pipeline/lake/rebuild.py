"""Rebuilding shards and gold from bronze, without calls: on demand, after an update that changed the tables, or after a loss.

The new warehouse grows in a file of its own next to the working one and replaces it when complete, in one rename. Until
then running runs continue with the old one, new runs wait, and readers keep their snapshot. The next run continues an
interrupted rebuild with the file it left.
"""

from collections.abc import Callable
from typing import Protocol

import duckdb

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.core.files.recording import VERSION
from strava_pipeline.core.sources import STRAVA, gear_source
from strava_pipeline.core.systems import parts
from strava_pipeline.core.tables import ACTIVITIES_ALL, DETAIL_TABLES, GEAR, TABLES
from strava_pipeline.core.tables.details import RECORDED
from strava_pipeline.core.years import YearRange
from strava_pipeline.lake.bronze.answers import count_details, detail_files
from strava_pipeline.lake.bronze.expired import expired_ids
from strava_pipeline.lake.files import sync_folder
from strava_pipeline.lake.gold.deletions import mark_absent
from strava_pipeline.lake.gold.expired import TOLD_BY_API
from strava_pipeline.lake.gold.matches import match_activities
from strava_pipeline.lake.gold.merge import merge_activities
from strava_pipeline.lake.gold.merge_details import fetch_times_in_gold, merge_profile, sync_kudos
from strava_pipeline.lake.gold.notes import DUE, is_noted, note, note_made, stands, unmark
from strava_pipeline.lake.gold.publish import publish, snapshot
from strava_pipeline.lake.gold.quality import counted, table_columns, table_keys
from strava_pipeline.lake.gold.quarantine import sync_quarantine
from strava_pipeline.lake.gold.warehouse import (
    REBUILDING,
    Connection,
    DamagedWarehouseError,
    OtherCatalogueError,
    attach,
    exclusively,
    has_ever_existed,
    is_a_database,
    is_outdated,
    opened,
    reading,
    transaction,
    writing,
)
from strava_pipeline.lake.imports.activities import all_listings, has_outdated_activities, remove_activities
from strava_pipeline.lake.imports.files import has_old_readings
from strava_pipeline.lake.imports.manifests import undone_names
from strava_pipeline.lake.imports.merge import merge_details, merge_files, merge_fresh_details
from strava_pipeline.lake.imports.rereading import READINGS, changes_of_reading
from strava_pipeline.lake.imports.undo import (
    expected_loss,
    has_left_out_note,
    left_out_imports,
    left_out_of_lake,
    note_left_out,
)
from strava_pipeline.lake.locks import locked
from strava_pipeline.lake.made.shards import drop_imported_rows, write_shards
from strava_pipeline.lake.paths import Lake, log_of
from strava_pipeline.lake.sql import sql

LOCK = "rebuild"
_PUBLISHED = "SELECT activity_id FROM published.activity_details_by_source WHERE source = $source"
Work = Callable[[], object]
Changed = Callable[[str], object]
Propose = Callable[[Connection], object]
"""Makes the table of proposed changes, within the transaction of the new warehouse."""
# marks in the new warehouse, for the run that continues the rebuild
_SHARDS_DUE, _IMPORTS_DUE = f"{DUE}shards", f"{DUE}imports"


class Watch(Protocol):
    """Follows the progress of the work."""

    def begin(self, what: str, total: int | None) -> None: ...

    def advance(self, steps: int = 1) -> None: ...

    def say(self, text: str) -> None: ...

    def end(self) -> None: ...


def ensure_current(
    lake: Lake,
    years: YearRange,
    watch: Watch,
    *,
    make_imports: Work = lambda: None,
    propose: Propose = lambda connection: None,
    changed: Changed = lambda said: None,
) -> bool:
    """Rebuild if the warehouse has other tables, an undone import or older readings, is lost, or a rebuild was interrupted.

    Returns whether it was rebuilt. Does nothing if there never was a warehouse. `make_imports`, `changed`: as in
    `rebuild`.
    """
    if reason_to_rebuild(lake) is None:
        return False
    with locked(lake, LOCK, who="a rebuild", tell=watch.say):
        why = reason_to_rebuild(lake)  # another process may have done it meanwhile
        if why is None:
            return False
        watch.say(f"{why} It is rebuilt from bronze, without a call.")
        rebuild(lake, years, watch, make_imports=make_imports, propose=propose, changed=changed, everything=False)
        return True


def reason_to_rebuild(lake: Lake) -> str | None:
    """Why the next run rebuilds the warehouse, as a sentence, or None if it doesn't, or there never was one."""
    if lake.remade.working.exists():
        return "The last rebuild did not come to its end."
    if not lake.working.exists():
        return "The working warehouse is not there any more." if has_ever_existed(lake) else None
    if not is_a_database(lake.working):
        return "The working warehouse is damaged."
    try:
        with reading(lake) as connection:
            if is_noted(connection, REBUILDING):
                return "The working warehouse is not whole."
            if left_out_imports(connection) != undone_names(lake):
                return "An import was undone."
            is_old = has_old_readings(lake) or has_outdated_activities(lake)
            is_outdated_reading = is_old and not stands(connection, READINGS, str(VERSION))
            return "The warehouse holds what another version read in files." if is_outdated_reading else None
    except OtherCatalogueError:
        return "The working warehouse has the tables of another version."
    except DamagedWarehouseError:
        return "The working warehouse is damaged."


def rebuild(
    lake: Lake,
    years: YearRange,
    watch: Watch,
    *,
    make_imports: Work = lambda: None,
    propose: Propose = lambda connection: None,
    changed: Changed = lambda said: None,
    everything: bool = True,
) -> None:
    """Rebuild all shards and gold of every year from bronze, whatever their state, then publish.

    `make_imports` writes the activities of all imports that count, from bronze, replacing those on disk. `changed` is
    called with a sentence about the changes, if files were read again. Without `everything` only outdated shards are
    made.
    """
    with locked(lake, LOCK, who="a rebuild", tell=watch.say):
        new, undone, rereads = lake.remade, undone_names(lake), has_old_readings(lake)
        _discard_unless_usable(new, undone)
        try:
            follows_undo = (left_out_of_lake(lake) or []) != undone
            with writing(new) as connection:
                if everything:
                    note(connection, _SHARDS_DUE)
                is_new = not has_left_out_note(connection)
                if everything or has_outdated_activities(lake) or ((follows_undo or rereads) and is_new):
                    note(connection, _IMPORTS_DUE)
                note_left_out(connection, undone)
                note_made(connection, READINGS, str(VERSION))
            _make_imports(lake, watch, make_imports, drop=follows_undo or rereads)
            _write_all_shards(lake, years, watch)
            _merge_all(new, years, watch)
            said = _put_in_place(lake, new, years, propose, rereads=rereads)
        except Exception:
            _discard(new)  # a failed rebuild must not fill the disk, nor stop runs that need none
            raise
        if said:
            watch.say(said)
            changed(said)
        publish(lake)
        remove_activities(lake, undone)


def _make_imports(lake: Lake, watch: Watch, make_imports: Work, *, drop: bool) -> None:
    """Write the activities of imports, if due; `drop`: shards may hold rows of undone imports or older readings."""
    with reading(lake.remade) as connection:
        due = is_noted(connection, _IMPORTS_DUE)
    if due:
        make_imports()
        if drop:
            for name in drop_imported_rows(lake):
                watch.say(f"{name}: damaged, and set aside; its rows are made again from bronze.")
        with writing(lake.remade) as connection:
            unmark(connection, _IMPORTS_DUE)


def _write_all_shards(lake: Lake, years: YearRange, watch: Watch) -> None:
    with reading(lake.remade) as connection:
        everything = is_noted(connection, _SHARDS_DUE)
    watch.begin("Writing shards", sum(listing.manifest.rows for listing in all_listings(lake)))
    try:
        write_shards(lake, years.all, years, rewrite=everything, tick=watch.advance)
    finally:
        watch.end()
    with writing(lake.remade) as connection:
        unmark(connection, _SHARDS_DUE)


def _detail_years(lake: Lake, years: YearRange) -> list[int]:
    """The partitions, and older ones with details from before STRAVA_FIRST_YEAR was raised."""
    on_disk = {int(path.name.removeprefix("year=")) for path in lake.details.glob("year=[0-9][0-9][0-9][0-9]")}
    return sorted(on_disk.union(years.all))


def _merge_all(new: Lake, years: YearRange, watch: Watch) -> None:
    with writing(new) as connection:
        merge_activities(connection, new, years.all)
    details_in = _detail_years(new, years)
    watch.begin("Merging details", sum(count_details(new, year) for year in details_in))
    try:
        merge_details(new, details_in, tick=watch.advance)
    finally:
        watch.end()


def _put_in_place(lake: Lake, new: Lake, years: YearRange, propose: Propose, *, rereads: bool) -> str:
    """Merge data that other runs landed meanwhile, check that nothing is missing, and make the new file the working one."""
    with exclusively(lake):
        with opened(new) as connection:
            with transaction(connection):
                merge_activities(connection, new, years.all)
                merge_fresh_details(connection, new, _detail_years(new, years))
                merge_files(connection, new)
                merge_profile(connection, new)
                for system in parts("keeping"):
                    system.merge(connection, new)
                mark_absent(connection, new, years.all, years)
                match_activities(connection, new)
                propose(connection)
                sync_kudos(connection, new, years.all)
                sync_quarantine(connection, new, _detail_years(new, years))
                _keep_damaged_details(lake, connection, years)
                _refuse_a_fault(connection)
                left = _refuse_a_loss(lake, connection)
                unmark(connection, REBUILDING)
            connection.execute("CHECKPOINT")
        changes = changes_of_reading(lake, new, left) if (rereads or left) and lake.snapshot.exists() else ""
        if _is_damaged(lake):
            lake.working.replace(lake.working.with_suffix(".damaged"))
        log_of(lake.working).unlink(missing_ok=True)  # the old file's log must never be replayed into the new one
        new.working.replace(lake.working)
        sync_folder(lake.working.parent)
        return changes


def _keep_damaged_details(lake: Lake, new: Connection, years: YearRange) -> None:
    """Keep published details whose answer on disk is damaged, until they are fetched again."""
    on_disk = [files for year in _detail_years(lake, years) for files in detail_files(lake, year).values()]
    lost = {files.activity_id for files in on_disk if files.lost}
    if not lost or not lake.snapshot.exists():
        return
    with snapshot(lake) as published:
        if is_outdated(published):
            return
    attach(new, lake.snapshot, "published", "READ_ONLY")
    fetched = {key for (key,) in new.execute(_PUBLISHED, {"source": STRAVA}).fetchall()}
    missing = sorted((lost & fetched) - fetch_times_in_gold(new).keys())
    for table in DETAIL_TABLES:
        if table not in RECORDED:  # an archive has these instead
            new.execute(sql("forget_details").format(table=TABLES[table].stored), {"ids": missing})
            new.execute(sql("keep_published").format(table=TABLES[table].stored), {"ids": missing})


def _refuse_a_fault(connection: Connection) -> None:
    """Raise PipelineError if a key is duplicate or missing, which every run checks before it publishes."""
    for name in TABLES:
        if any(counted(connection, "duplicate_keys", name).values()):
            raise PipelineError(
                f"The warehouse was rebuilt, but in {name} a key is duplicate or missing. Nothing was replaced. "
                "Please report this; the published warehouse stays as it is."
            )


def _refuse_a_loss(lake: Lake, new: Connection) -> list[str]:
    """Raise PipelineError if published rows are missing: bronze may be incomplete (a deleted folder, an unmounted disk).

    An edit may remove nested rows, and a good answer quarantined ones, so only tables that may not shrink are checked.
    Returns the names of files that lost an activity when read again, one entry for each.
    """
    if not lake.snapshot.exists():
        return []
    lost, left = [], list[str]()
    with snapshot(lake) as connection:
        expected, expired = expected_loss(lake, connection, new), expired_ids(lake)
        there, here = table_columns(connection), table_columns(new)
        for name in (name for name, table in TABLES.items() if not table.may_shrink):
            held = table_keys(connection, name, there)
            if name == GEAR.name:  # earlier versions stored the archive that named a piece, not the owner of its id
                held = {(gear_source(str(source), str(gear_id)), gear_id) for source, gear_id in held}
            gone = held - table_keys(new, name, here)
            if name == ACTIVITIES_ALL.name:
                left = sorted(expected.left[key[0]] for key in gone if key[0] in expected.left)
            if name in TOLD_BY_API:
                gone = {key for key in gone if key[0] not in expired}
            if gone := gone - expected.among(connection, name, gone):
                lost.append(f"{name}: {len(gone)} of {len(held)} published are not in bronze")
    if lost:
        raise PipelineError(
            f"The warehouse was to be rebuilt from {lake.data_dir / 'bronze'}, but that holds less than what is "
            f"published ({'; '.join(sorted(lost))}). Nothing was replaced. Bring the missing files back and run again, or have "
            "Strava list everything again: `strava-pipeline run-all`, then the same command. If the loss is meant, delete "
            f"{lake.snapshot}."
        )
    return left


def _is_damaged(lake: Lake) -> bool:
    """Whether the working file, which the caller holds, exists and is damaged."""
    if not lake.working.exists():
        return False
    if not is_a_database(lake.working):
        return True
    try:
        with opened(lake):
            return False
    except OtherCatalogueError:
        return False
    except DamagedWarehouseError:
        return True


def _discard_unless_usable(new: Lake, undone: list[str]) -> None:
    """Discard the remains of a rebuild, if another version began it, it is damaged, or an import was undone since."""
    try:
        if new.working.exists():
            usable = is_a_database(new.working)
            if usable:
                with reading(new) as connection:
                    usable = left_out_imports(connection) == undone and stands(connection, READINGS, str(VERSION))
            if not usable:
                _discard(new)
    except (PipelineError, duckdb.Error):
        _discard(new)


def _discard(new: Lake) -> None:
    for path in (new.working, log_of(new.working)):
        path.unlink(missing_ok=True)
