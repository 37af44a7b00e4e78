"""Listing and shards of every source, beside Strava's of the same athlete: what a row of each costs.

The stages are the product's, without Dagster. A place's folder is named after its source; the services' settings stand in the
folder above the rounds. The work returns the number of rows, because services have more and fewer activities than Strava.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import product
from benchmarks.place import Place
from benchmarks.product import Work
from strava_pipeline.core.sources import STRAVA
from strava_pipeline.emulator.services import SETTINGS_FILE
from strava_pipeline.ingest.registry import PROVIDERS

if TYPE_CHECKING:
    from strava_pipeline.environment.settings import Settings

SOURCES = (STRAVA, *PROVIDERS)
STAGES = {"listing": "listing → bronze", "shards": "shards"}
WORKBOOK = "workbook"  # the floor of listing a workbook: what openpyxl alone takes to read it
SERVICES = "services"  # the folder with the services' settings


def listing(place: Place) -> Work:
    from strava_pipeline.core.sources import STRAVA
    from strava_pipeline.operations.feeds import pull_activities
    from strava_pipeline.operations.options import ListingOptions
    from strava_pipeline.operations.progress import LogProgress
    from strava_pipeline.operations.pulling import pull_listing
    from strava_pipeline.operations.run_context import run_context
    from strava_pipeline.operations.source import BudgetedSource, Source

    name, settings = place.folder.name, _settings(place)
    run = run_context(settings, LogProgress(product.silent_log()))
    everything = ListingOptions(mode="all")
    if name == STRAVA:
        strava = BudgetedSource(STRAVA, settings, run)
        return lambda: pull_listing(run, strava, everything, []).rows_received
    source = Source(name, settings, run)
    return lambda: pull_activities(run, source, everything, []).rows_received


def shards(place: Place) -> Work:
    from strava_pipeline.lake.made.shards import write_shards

    years = place.years
    return lambda: sum(write_shards(place.lake, years.all, years).rows.values())


def workbook(place: Place) -> Work:
    """The floor of listing a workbook: every cell read by the library, as values alone, and nothing kept."""
    import openpyxl

    path = _settings(place).spreadsheet_path
    assert path is not None, "the emulator's athlete keeps a table"

    def read() -> int:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        return sum(1 for _ in book.worksheets[0].iter_rows(values_only=True)) - 1  # the header

    return read


def has_workbook(place: Place) -> bool:
    """Whether the source of the place is a workbook; without openpyxl, the emulator's athlete keeps CSV."""
    return place.folder.name == "spreadsheet" and str(_settings(place).spreadsheet_path).endswith(".xlsx")


def _settings(place: Place) -> "Settings":
    from strava_pipeline.verbs.demo import demo_settings

    lines = services_folder(place.folder.parent.parent).joinpath(SETTINGS_FILE).read_text().splitlines()
    return demo_settings(place.folder, place.url, dict(line.split("=", 1) for line in lines))


def services_folder(folder: Path) -> Path:
    """Where the emulator of these rounds writes what leads to the services."""
    return folder / SERVICES
