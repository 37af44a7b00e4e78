"""The steps of a run that make no call: files, shards, gold, details, matches, tracks, snapshot. Each works and reports.

A step of tables can be asked for its assets, for their checks, or for both, with one look at the warehouse in any case.
How tables are merged is merging.py's and the lake's.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path

from strava_pipeline.core.limits import ImportLimits
from strava_pipeline.core.numbers import Numbers, if_any
from strava_pipeline.core.tables import (
    ACTIVITY_DETAILS,
    DETAIL_TABLES,
    FILES,
    MATCH_TABLES,
    PAIR_AGREEMENTS,
    PROPOSED_CHANGES,
    QUARANTINE,
    ROUTE_MEMBERS,
    TILE_VISITS,
    TRACKS,
)
from strava_pipeline.environment.settings import Settings
from strava_pipeline.lake.gold.publish import Published
from strava_pipeline.lake.gold.quality import (
    details_with_bronze,
    rows_by_year,
    shards_with_bronze,
)
from strava_pipeline.lake.gold.warehouse import one_number, reading, writing
from strava_pipeline.lake.imports.merge import merge_files
from strava_pipeline.lake.made.made_files import measured_rows
from strava_pipeline.lake.made.shards import write_shards
from strava_pipeline.lake.made.tracks import track_sizes
from strava_pipeline.operations.changes.proposing import update_proposals
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
from strava_pipeline.operations.reading_files import EXAMPLES, read_unread_files
from strava_pipeline.operations.run_context import RunContext
from strava_pipeline.operations.step_reports import (
    PUBLISHED,
    YEAR_ROWS,
    Merged,
    Scope,
    StepReport,
    check_agreement,
    check_tables,
    table_report,
)
from strava_pipeline.operations.table_rules import Finding
from strava_pipeline.operations.tracking import TracksReport, make_tracks

SHARDS = "activity_shards"


def land_files(run: RunContext, paths: Sequence[Path], limits: ImportLimits, *, also_undone: bool) -> StepReport:
    """Import files and archives; without `paths`: everything in data/inbox/files."""
    wanted = paths or sorted(run.lake.inbox_files.glob("[!.]*"))
    report = land_paths(run, wanted, limits, also_undone=also_undone)
    counts = {"problems": len(report.problems), **if_any(first_problems=report.problems[:EXAMPLES])}
    found = Finding("all_taken_in", not report.problems, counts, refuses=False)
    return StepReport("bronze_files", [report], report.files, findings=[found])


@dataclass(frozen=True, slots=True)
class ActivitiesMade(Numbers):
    """The results from the files that were read: activities, and unknown values that were kept unchanged."""

    activities: int
    unknown_columns_and_sports: list[str]


def read_imports(run: RunContext, limits: ImportLimits) -> StepReport:
    """Read the imported files and make activities from them."""
    activities, unknown = 0, set[str]()
    with run.exclusive(LOCK):
        read = read_unread_files(run.lake, run.progress, limits)
        if lacks_activities(run.lake):
            with progressing(run.progress, "Making activities of files", None) as advance:
                activities = make_activities(run, advance, unknown)
    return StepReport("file_readings", [read, ActivitiesMade(activities, sorted(unknown)[:EXAMPLES])])


def list_files(run: RunContext) -> StepReport:
    """Merge the table `files`: a row for each imported file."""
    with reading(run.lake) as connection:
        with writing(run.lake):
            report = merge_files(connection, run.lake)
        rows = one_number(connection, f"SELECT count(*) FROM {FILES.name}")
        found = check_tables(run, connection, [FILES.name], {})
    return StepReport(FILES.name, [Merged(report.inserted + report.updated)], rows, findings=found[FILES.name])


def write_activity_shards(run: RunContext, scope: Scope, *, is_last: bool) -> StepReport:
    """Write the shards of the years. `is_last`: the run ends with them."""
    report = write_shards(run.lake, scope.years, run.years) if scope.assets else None
    findings = []
    if scope.checks:
        compare = partial(shards_with_bronze, run.lake, scope.years, run.years)
        names = ("pages_in_bronze", "pages_in_shards")
        findings = [check_agreement(run, scope, scope.years, "holds_bronze", names, compare)]
    if report is None:
        return StepReport(SHARDS, findings=findings)
    hold_back(run, SHARDS, findings)
    if is_last:
        settle(run)
    by_year = {year: {YEAR_ROWS: rows} for year, rows in report.rows.items()}
    return StepReport(SHARDS, [report], by_year=by_year, findings=findings)


def match_sources(run: RunContext, scope: Scope, settings: Settings, months: Sequence[str] = ()) -> list[StepReport]:
    """Match activities of several sources, make the tracks that this moves, and propose changes.

    `months`: local months for which every change is proposed.
    """
    proposed = None
    with reading(run.lake) as connection:
        matching = set(MATCH_TABLES).intersection(scope.assets)
        matched = match(run) if matching else None
        if PROPOSED_CHANGES.name in scope.assets:
            proposed = update_proposals(run, settings, connection, months)
        rows = {name: rows_by_year(connection, name) for name in matching}
        found = check_tables(run, connection, scope.checks, {})
    tracks = make_tracks(run, matched.tracks_due) if matched and matched.tracks_due else TracksReport()
    reports = [
        table_report(
            name,
            [matched, tracks] if matched and name in matching else None,
            rows.get(name, {}),
            scope.years,
            found.get(name, ()),
        )
        for name in sorted({*MATCH_TABLES}.intersection({*scope.assets, *scope.checks}))
    ]
    if PROPOSED_CHANGES.name in {*scope.assets, *scope.checks}:
        numbers, rows_now = ([proposed], sum(proposed.states.values())) if proposed is not None else (None, None)
        reports.append(
            StepReport(PROPOSED_CHANGES.name, numbers, rows_now, findings=found.get(PROPOSED_CHANGES.name, ()))
        )
    return reports


@dataclass(frozen=True, slots=True)
class Followed(Numbers):
    """Values that `activity_details` took from the activities, and fields without a column: they are in `extra`."""

    kudos_updated: int
    unknown_fields: Mapping[str, int]


def merge_detail_tables(run: RunContext, scope: Scope) -> list[StepReport]:
    """Merge details and what they nest, follow kudos, and list which details fail."""
    tables = [name for name in DETAIL_TABLES if name in scope.assets]
    numbers: dict[str, list[Numbers]] = {}
    with details_merged(run, scope.years if tables else []) as (connection, report):
        if tables:
            numbers = {name: [Merged(report.rows[name])] for name in tables}
            followed = Followed(update_kudos(run, connection, scope.years), report.unknown_fields)
            numbers.get(ACTIVITY_DETAILS.name, []).append(followed)
        if QUARANTINE.name in scope.assets:
            numbers[QUARANTINE.name] = [Merged(update_quarantine(run, connection, scope.years))]
        rows = {name: rows_by_year(connection, name) for name in numbers}
        more = dict[str, list[Finding]]()
        if ACTIVITY_DETAILS.name in scope.checks:
            compare = partial(details_with_bronze, connection, run.lake, scope.years)
            names = ("on_disk", "in_gold")
            more[ACTIVITY_DETAILS.name] = [check_agreement(run, scope, scope.years, "holds_bronze", names, compare)]
        found = check_tables(run, connection, scope.checks, more)
    if tables:  # nothing is rolled back: a detail is merged whole or not at all, and what came is right
        hold_back(run, ACTIVITY_DETAILS.name, found.get(ACTIVITY_DETAILS.name, ()))
    return [
        table_report(name, numbers.get(name), rows.get(name, {}), scope.years, found.get(name, ()))
        for name in {**numbers, **found}
    ]


def write_tracks(run: RunContext, years: Sequence[int], assets: Collection[str]) -> list[StepReport]:
    """Write the tracks of `years` and everything derived from them; reports for `assets`."""
    report = make_tracks(run, years)
    sizes = {year: track_sizes(run.lake, year) for year in years}
    report.tracks = sum(files for files, _ in sizes.values())
    by_year: dict[str, Mapping[int, Mapping[str, int]]] = {
        TRACKS.name: {year: {YEAR_ROWS: points, "files": files} for year, (files, points) in sizes.items()}
    }
    for table in (ROUTE_MEMBERS, TILE_VISITS, PAIR_AGREEMENTS):
        by_year[table.name] = {year: {YEAR_ROWS: measured_rows(run.lake, table, year)} for year in years}
    return [StepReport(name, [report], by_year=found) for name, found in by_year.items() if name in assets]


def publish_warehouse(run: RunContext, years: Sequence[int] = (), pause: timedelta = timedelta(0)) -> StepReport:
    """Replace the snapshot that readers open, if anything changed; arguments as of `publish_run`."""
    found = publish_run(run, years, pause)
    published = replace(found, replaced=found.replaced or run.has_rebuilt)
    findings = [_holds_gold(published), _views_applied(published)]
    return StepReport(PUBLISHED, [published], findings=findings, notes={"changed_by_reading": run.changes})


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
        not published.views_left_out,
        if_any(views_left_out=published.views_left_out),
        "The files that are left out, each with the reason, are in `strava-pipeline status`.",
        refuses=False,
    )
