"""The steps of a run that make no call: files, shards, gold, details, matches, tracks, snapshot. Each does and reports.

A step of tables can be asked for its assets, for their checks, or for both: one look at the warehouse in any case. How tables
are merged is merging.py's and the lake's.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from strava_pipeline.core.limits import ImportLimits
from strava_pipeline.core.tables import (
    ACTIVITY_DETAILS,
    DETAIL_TABLES,
    FILES,
    MATCH_TABLES,
    PROPOSED_CHANGES,
    QUARANTINE,
    ROUTE_MEMBERS,
    TILE_VISITS,
    TRACKS,
    Table,
)
from strava_pipeline.lake.gold.publish import Published
from strava_pipeline.lake.gold.quality import (
    details_with_bronze,
    rows_by_year,
    shards_with_bronze,
)
from strava_pipeline.lake.gold.warehouse import one_number, reading, writing
from strava_pipeline.lake.imports.merge import merge_files
from strava_pipeline.lake.shards import write_shards
from strava_pipeline.lake.track_measures import measured_rows
from strava_pipeline.lake.tracks import track_sizes
from strava_pipeline.operations.changes.proposing import Proposed, update_proposals
from strava_pipeline.operations.held_years import hold_back
from strava_pipeline.operations.importing import LOCK, lacks_activities, land_paths, make_activities
from strava_pipeline.operations.merging import (
    details_merged,
    match,
    publish_run,
    settle,
    update_kudos,
    update_quarantine,
)
from strava_pipeline.operations.progress import progressing
from strava_pipeline.operations.reading_files import read_unread_files
from strava_pipeline.operations.run_context import RunContext
from strava_pipeline.operations.step_reports import (
    ROWS,
    YEAR_ROWS,
    Scope,
    StepReport,
    check_agreement,
    check_tables,
    if_any,
    table_report,
    timed,
    unknown_fields,
)
from strava_pipeline.operations.table_rules import Finding
from strava_pipeline.operations.tracking import make_tracks
from strava_pipeline.settings import Settings

SHARDS = "activity_shards"
_EXAMPLES = 50  # problems in the metadata; the table `files` and data/bronze/imports have all


def land_files(run: RunContext, paths: Sequence[Path], limits: ImportLimits, *, also_undone: bool) -> StepReport:
    """Take in files and archives; no `paths`: what lies in data/inbox/files."""
    with timed() as seconds:
        wanted = paths or sorted(run.lake.inbox_files.glob("[!.]*"))
        report = land_paths(run, wanted, limits, also_undone=also_undone)
    problems = if_any(first_problems=report.problems[:_EXAMPLES])
    return StepReport(
        "bronze_files",
        {
            ROWS: report.files,
            "new_files": report.new,
            "bytes": report.bytes,
            "new_imports": len(report.imports),
            "paths_already_imported": report.known,
            "recovered_files": report.healed,
            "problems": len(report.problems),
            **if_any(unknown_columns_and_sports=sorted(report.unknown)[:_EXAMPLES]),
            **problems,
            **if_any(unsupported=len(report.unsupported), unsupported_files=report.unsupported[:_EXAMPLES]),
            **if_any(paths_without_files=report.nothing_kept[:_EXAMPLES]),
            **if_any(left_out_by_kind={kind: len(names) for kind, names in report.left_out.items()}),
            "seconds": seconds.value,
        },
        complete=Finding(
            "all_taken_in", not report.problems, {"problems": len(report.problems), **problems}, refuses=False
        ),
    )


def read_imports(run: RunContext, limits: ImportLimits) -> StepReport:
    """Read the files that were imported and make activities of them."""
    with timed() as seconds, run.exclusive(LOCK):
        activities, unknown = 0, set[str]()
        files, problems, first_problems = read_unread_files(run.lake, run.progress, limits)
        if lacks_activities(run.lake):
            with progressing(run.progress, "Making activities of them", None) as advance:
                activities = make_activities(run, advance, unknown)
    return StepReport(
        "file_readings",
        {
            "files_read": files,
            "files_with_problems": problems,
            **if_any(first_problems=first_problems[:_EXAMPLES]),
            **if_any(unknown_columns_and_sports=sorted(unknown)[:_EXAMPLES]),
            "activities": activities,
            "seconds": seconds.value,
        },
    )


def list_files(run: RunContext) -> StepReport:
    """Merge the table `files`: a row for each imported file."""
    with reading(run.lake) as connection:
        with timed() as seconds, writing(run.lake):
            report = merge_files(connection, run.lake)
        rows = one_number(connection, f"SELECT count(*) FROM {FILES.name}")
        found = check_tables(run, connection, [FILES.name], {})
    changed = report.inserted + report.updated
    metadata = {ROWS: rows, "rows_changed": changed, "seconds": seconds.value}
    return StepReport(FILES.name, metadata, findings=found[FILES.name])


def write_activity_shards(run: RunContext, scope: Scope, *, is_last: bool) -> StepReport:
    """Write the shards of the years. `is_last`: the run ends with them."""
    metadata: dict[str, Any] | None = None
    by_year: dict[int, dict[str, Any]] = {}
    findings = None
    if scope.assets:
        with timed() as seconds:
            report = write_shards(run.lake, scope.years, run.years)
        by_year = {year: {YEAR_ROWS: rows} for year, rows in report.rows.items()}
        metadata = {
            "rows": report.rows.total(),
            "files": report.files,
            "bytes": report.bytes,
            "seconds": seconds.value,
            **unknown_fields(report.unknown),
        }
    if scope.checks:
        compare = partial(shards_with_bronze, run.lake, scope.years, run.years)
        names = ("pages_in_bronze", "pages_in_shards")
        findings = [check_agreement(run, scope, scope.years, "holds_bronze", names, compare)]
    if scope.assets:
        hold_back(run, SHARDS, findings or ())
        if is_last:
            settle(run)
    return StepReport(SHARDS, metadata, by_year, findings)


def match_sources(run: RunContext, scope: Scope, settings: Settings, months: Sequence[str] = ()) -> list[StepReport]:
    """Decide which activities of several sources are one, make the tracks that this moves, and propose changes.

    `months`: local months of which every change is proposed.
    """
    with timed() as seconds:
        with reading(run.lake) as connection:
            matching = set(MATCH_TABLES).intersection(scope.assets)
            matched = match(run) if matching else None
            proposed = None
            if PROPOSED_CHANGES.name in scope.assets:
                with timed() as proposing:
                    proposed = update_proposals(run, settings, connection, months)
            rows = {name: rows_by_year(connection, name) for name in matching}
            found = check_tables(run, connection, scope.checks, {})
        tracks = make_tracks(run, matched.tracks_due).made if matched and matched.tracks_due else 0
    metadata = None
    if matched is not None:
        metadata = {
            "rows_merged": matched.rows_merged,
            "activities_with_several_sources": matched.matches.activities,
            "pairs_proposed": matched.matches.proposed,
            "matches_changed": matched.matches.changed,
            "tracks_written": tracks,
            "seconds": seconds.value,
        }
    reports = {
        name: table_report(
            name, metadata if name in scope.assets else None, rows.get(name, {}), scope.years, found.get(name)
        )
        for name in sorted({*scope.assets, *scope.checks})
    }
    if proposed is not None:
        numbers = {**_proposed_numbers(proposed), "seconds": proposing.value}
        reports[PROPOSED_CHANGES.name] = replace(reports[PROPOSED_CHANGES.name], metadata=numbers, by_year={})
    return [*reports.values()]


def _proposed_numbers(found: Proposed) -> dict[str, Any]:
    """Counts alone: values are private."""
    counts: dict[str, dict[str, int]] = {}
    for (state, provider, kind), count in found.states.items():
        counts.setdefault(state, {})[f"{kind} {provider}"] = count
    return {
        ROWS: sum(found.states.values()),
        "newly_proposed": found.new,
        "changes_expired": found.expired,
        "changes_waiting": sum(counts.get("proposed", {}).values()),
        "changes_left_out": found.left_out,
        **if_any(changes_by_state=counts),
    }


def merge_detail_tables(run: RunContext, scope: Scope) -> list[StepReport]:
    """Merge details and what they nest, follow kudos, and list which details fail."""
    tables = [name for name in DETAIL_TABLES if name in scope.assets]
    reported: dict[str, dict[str, Any]] = {}
    with timed() as seconds, details_merged(run, scope.years if tables else []) as (connection, report):
        if tables:
            raised = update_kudos(run, connection, scope.years)
            reported = {name: {"rows_merged": report.rows[name]} for name in tables}
            reported.get(ACTIVITY_DETAILS.name, {}).update({"kudos_updated": raised, **unknown_fields(report.unknown)})
        if QUARANTINE.name in scope.assets:
            reported[QUARANTINE.name] = {"rows_changed": update_quarantine(run, connection, scope.years)}
        rows = {name: rows_by_year(connection, name) for name in reported}
        more = dict[str, list[Finding]]()
        if ACTIVITY_DETAILS.name in scope.checks:
            compare = partial(details_with_bronze, connection, run.lake, scope.years)
            names = ("on_disk", "in_gold")
            more[ACTIVITY_DETAILS.name] = [check_agreement(run, scope, scope.years, "holds_bronze", names, compare)]
        found = check_tables(run, connection, scope.checks, more)
    if tables:  # nothing is rolled back: a detail is merged whole or not at all, and what came is right
        hold_back(run, ACTIVITY_DETAILS.name, found.get(ACTIVITY_DETAILS.name, ()))
    for metadata in reported.values():
        metadata["seconds"] = seconds.value
    return [
        table_report(name, reported.get(name), rows.get(name, {}), scope.years, found.get(name))
        for name in {**reported, **found}
    ]


def write_tracks(run: RunContext, years: Sequence[int], assets: Collection[str]) -> list[StepReport]:
    """Write the tracks of `years` and what follows from them; reports of `assets`."""
    with timed() as seconds:
        report = make_tracks(run, years)
    sizes = {year: track_sizes(run.lake, year) for year in years}
    tracks = StepReport(
        TRACKS.name,
        {
            "tracks_written": report.made,
            "tracks_from_files": report.made_of_files,
            "tracks_removed": report.removed,
            "streams_damaged": report.damaged,
            "tracks_measured": report.measured,
            "tracks": sum(files for files, _ in sizes.values()),
            "seconds": seconds.value,
        },
        {year: {YEAR_ROWS: points, "files": files} for year, (files, points) in sizes.items()},
    )
    routes = _measured_rows(run, ROUTE_MEMBERS, years, {"routes_looked_for": report.assigned})
    tiles = _measured_rows(run, TILE_VISITS, years, {"tile_years_written": report.years_of_tiles})
    return [each for each in (tracks, routes, tiles) if each.asset in assets]


def _measured_rows(run: RunContext, table: Table, years: Sequence[int], numbers: dict[str, int]) -> StepReport:
    by_year = {year: {YEAR_ROWS: measured_rows(run.lake, table, year)} for year in years}
    return StepReport(table.name, numbers, by_year)


def publish_warehouse(run: RunContext, years: Sequence[int] = (), pause: timedelta = timedelta(0)) -> StepReport:
    """Replace the snapshot that readers open, if anything changed; arguments as of `publish_run`."""
    with timed() as seconds:
        published = publish_run(run, years, pause)
    return StepReport(
        "published_warehouse",
        {
            "replaced": published.replaced or run.has_rebuilt,
            **if_any(published_later=published.is_put_off),
            "bytes": run.lake.snapshot.stat().st_size,
            "seconds": seconds.value,
            **if_any(views_left_out=published.left_out, changed_by_reading=run.changes),
            **{f"rows/{name}": count for name, count in published.rows.items()},
        },
        findings=[_holds_gold(published), _views_applied(published)],
    )


def _holds_gold(published: Published) -> Finding:
    """A warehouse that is half rebuilt, or is published later, leaves nothing to compare."""
    unequal = published.unequal or {}
    counts = {f"rows_in_gold/{name}": gold for name, (gold, _) in unequal.items()}
    counts |= {f"rows_published/{name}": read for name, (_, read) in unequal.items()}
    return Finding(
        "holds_gold",
        not unequal,
        {"compared": published.unequal is not None, **counts},
        "Delete the snapshot and run `strava-pipeline compact`: that makes it again.",
    )


def _views_applied(published: Published) -> Finding:
    return Finding(
        "views_applied",
        not published.left_out,
        if_any(views_left_out=published.left_out),
        "The files that are left out, each with the reason, are in `strava-pipeline status`.",
        refuses=False,
    )
