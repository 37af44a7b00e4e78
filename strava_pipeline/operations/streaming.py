"""Fetch and land streams. The loop over years is by_year.py's, which activities wanted_streams.py's."""

from collections.abc import Sequence

from strava_pipeline.core.plan import Forecast
from strava_pipeline.lake.bronze.answers import land_no_streams, land_streams
from strava_pipeline.lake.gold.fetch_selection import due_streams, select_streams, unfetched_streams
from strava_pipeline.lake.paths import Lake
from strava_pipeline.operations.by_year import Errand, YearsReport, eta_of, fetch_by_year
from strava_pipeline.operations.options import StreamsOptions
from strava_pipeline.operations.progress import progressing
from strava_pipeline.operations.run_context import RunContext
from strava_pipeline.operations.strava_source import StravaSource

STREAMS = Errand(
    "streams",
    lambda source: source.client().get_streams,
    unfetched_streams,
    Lake.streams_of,
    land_streams,
    land_no_streams,
)


def pull_streams(run: RunContext, source: StravaSource, config: StreamsOptions, years: Sequence[int]) -> YearsReport:
    """Fetch the streams that `years` lack, newest year first; a lock per year."""
    report = YearsReport()
    client = source.client(config)
    calls = client.calls
    wanted = select_streams(run.lake, years, run.now(), config.sports)
    total = len(wanted.due)
    report.estimate = Forecast(0, 0, total, source.pace.done_at(total))
    with progressing(run.progress, "Fetching streams", total, eta_of(source, total)), source.pace.calling():
        fetch_by_year(run, source, STREAMS, wanted.due, report)
    now, left = run.now(), due_streams(run.lake, wanted.due)
    report.missing = sum(not candidate.rests(now) for candidate in left)
    report.resting = len(wanted.resting) + len(left) - report.missing
    report.calls = client.calls - calls
    return report
