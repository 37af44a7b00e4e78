"""Exports of gold: the step that keeps PostgreSQL in sync with the published warehouse, and the files that a person exports."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path

from pydantic import SecretStr

from strava_pipeline.core.errors import MisuseError, PipelineError
from strava_pipeline.core.numbers import if_any
from strava_pipeline.core.tables.exported import Exported, exported_tables
from strava_pipeline.environment.process_owner import own_name
from strava_pipeline.environment.setting_values import postgres_parameters
from strava_pipeline.environment.settings import Settings
from strava_pipeline.lake.gold.export_files import FilesReport, export_files
from strava_pipeline.lake.gold.postgres import Target, delete_exported, export_gold
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.user_files import goals_of
from strava_pipeline.operations.progress import progressing
from strava_pipeline.operations.run_context import RunContext
from strava_pipeline.operations.step_reports import StepReport, table_report
from strava_pipeline.operations.table_rules import Finding

EXPORTED = "exported_gold"
SCHEMA = "strava"  # of the tables in PostgreSQL
_LOCK = "export"  # of two runs at once, each would write what the other replaces


def export_to_postgres(run: RunContext, settings: Settings, years: Sequence[int]) -> StepReport:
    """Bring the tables in PostgreSQL in sync with the published warehouse; arguments and errors as of `export_gold`."""
    if settings.export_url is None:
        raise ValueError("there is no such asset where EXPORT_URL is not set")
    tables = tables_to_export(run.lake)
    with (
        run.exclusive(_LOCK),
        progressing(run.progress, "Exporting to PostgreSQL", len(tables)) as advance,
    ):
        report = export_gold(run.lake, _target(settings, settings.export_url), tables, years, advance)
    found = Finding(
        "equals_snapshot",
        not report.unequal,
        if_any(unequal_tables=sorted(report.unequal)),
        "Something else writes to these tables in PostgreSQL, or changes what is written. Run it again; what is no "
        "table of the warehouse belongs into another schema.",
    )
    return table_report(EXPORTED, [report], report.rows, years, [found])


def purge_exported(settings: Settings, athlete_id: int | None) -> Iterator[str]:
    """Delete the athlete's rows in PostgreSQL; yields those that can't be deleted now, with the reason.

    `athlete_id`: the athlete, if no published warehouse names it.
    """
    if settings.export_url is None:
        return
    lake = Lake(settings.data_dir)
    try:
        delete_exported(lake, _target(settings, settings.export_url), athlete_id)
    except PipelineError as error:
        rows = f"the rows in PostgreSQL, schema {SCHEMA}, with exported_for = {athlete_id or _nobody()}"
        yield f"{rows}. {str(error).rstrip('.')}. Delete them there yourself"


def tables_to_export(lake: Lake, *, full: bool = False) -> dict[str, Exported]:
    """The tables to export: without positions if goals.toml sets privacy zones, unless `full`. Raises UnusableGoalsError."""
    return exported_tables(with_positions=full or not goals_of(lake).zones)


def _target(settings: Settings, url: SecretStr) -> Target:
    parameters = postgres_parameters(url)
    return Target(parameters, parameters.pop("password", ""), SCHEMA, _nobody())


def _nobody() -> int:
    """The athlete id of rows without a login: 0; for one of several athletes, a number derived from the name."""
    name = own_name()
    return -int.from_bytes(blake2b(name.encode(), digest_size=5).digest()) if name else 0


def files_of_gold(
    settings: Settings, to: str, form: str, tables: Mapping[str, Exported], advance: Callable[[int], object]
) -> FilesReport:
    """Bring the files in the folder `to` in sync; arguments as of `export_files`. Raises MisuseError for an address."""
    if "://" in to:
        raise MisuseError(f"{to} is not a folder. Name one; `rclone sync` takes it to a bucket, and only what changed.")
    folder = Path(to).expanduser().absolute()
    return export_files(Lake(settings.data_dir), folder, tables, form, advance, as_text=settings.csv_escape_formulas)
