"""The part of the map around home: how many bytes it takes, then its streets, as a region in data/maps."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.core.insights.goals import Goals
from strava_pipeline.core.map_tiles import Edges, bytes_of
from strava_pipeline.core.numbers import Numbers
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.map_region import RegionSource
from strava_pipeline.lake.gold.insights import athlete_of
from strava_pipeline.lake.maps import HOME, write_region
from strava_pipeline.lake.requests import RegionWanted, note_progress, request_view
from strava_pipeline.lookups.home_box import home_box
from strava_pipeline.operations.insights import Opened
from strava_pipeline.operations.run_context import RunContext
from strava_pipeline.operations.step_reports import StepReport

MAP_REGION = "map_region"  # the asset, and the lock
_MARGIN = 1.1  # another day's archive may be a little larger than the one that a person agreed to


class _CancelledError(Exception):
    """A person cancelled the request."""


@dataclass(slots=True)
class RegionReport(Numbers):
    """What was loaded, or would be. `bytes_loaded`: 0 where only the size was asked."""

    bytes_in_all: int
    bytes_loaded: int
    host: str

    def __str__(self) -> str:
        size = f"{self.bytes_in_all / 1e6:,.1f} MB"
        return (
            f"{size} were loaded from {self.host}." if self.bytes_loaded else f"It would load {size} from {self.host}."
        )


def fetch_region(run: RunContext, opened: Opened, settings: Settings, request_id: str | None) -> StepReport:
    """Load the streets around home as a request says, or see how many bytes that takes. Nobody is asked without a request.

    A cancelled request keeps nothing.
    """
    report = RegionReport(0, 0, urlsplit(settings.map_region_source).hostname or "the server")
    view = request_view(run.lake, None, request_id or "", run.now())
    if view is None or not isinstance(wanted := view.request.wanted, RegionWanted):
        return StepReport(
            MAP_REGION, [report], notes={"result": "Nobody asked for it; the dashboard's page /maps has a button."}
        )

    def went(count: int) -> None:
        report.bytes_loaded += count
        if not note_progress(run.lake, view.request.id, report.bytes_loaded, report.bytes_in_all):
            raise _CancelledError

    try:
        with run.exclusive(MAP_REGION):
            edges, source = _edges(run, opened), RegionSource(settings, run.clock)
            went(0)
            cut = source.find(edges)
            report.bytes_in_all = total = bytes_of(cut.pieces)
            went(0)
            if (most := wanted.most_bytes) is not None and total > most * _MARGIN:
                raise PipelineError(f"{report} That is more than you agreed to: ask again on the page /maps.")
            if most is not None:  # needed: what is loaded, and the archive that is made of it
                write_region(run.lake, HOME, 2 * total, lambda file: source.cut(cut, file, run.lake.maps, went))
    except _CancelledError:
        return StepReport(MAP_REGION, [report], notes={"result": "cancelled"})
    return StepReport(MAP_REGION, [report])


def _edges(run: RunContext, opened: Opened) -> Edges:
    with opened() as connection:
        athlete = athlete_of(connection, Goals(), run.now())
        box = None if athlete is None else home_box(connection, run.lake, athlete.id)
    if box is None:
        raise PipelineError("No activity has a track yet, so nobody knows which part of the map is yours.")
    return box.west, box.south, box.east, box.north
