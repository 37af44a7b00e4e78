"""Fetch and land streams. The loop over years is by_year.py's, which activities wanted_streams.py's."""

from collections.abc import Sequence

from strava_pipeline.core.forecast import Forecast
from strava_pipeline.ingest.strava.activities import get_streams
from strava_pipeline.lake.stream_files import land_no_streams, land_streams
from strava_pipeline.lake.wanted_streams import still_due, untouched, wanted_streams
from strava_pipeline.operations.by_year import Errand, YearsReport, eta_of, fetch_by_year
from strava_pipeline.operations.options import StreamsOptions
from strava_pipeline.operations.pipeline import Pipeline
from strava_pipeline.operations.progress import progressing

STREAMS = Errand("streams", get_streams, untouched, land_streams, land_no_streams)


def pull_streams(pipeline: Pipeline, config: StreamsOptions, years: Sequence[int]) -> YearsReport:
    """Fetch the streams that `years` lack, newest year first; a lock per year."""
    report = YearsReport()
    client = pipeline.client(config)
    calls = client.calls
    wanted = wanted_streams(pipeline.lake, years, pipeline.now())
    total = len(wanted.due)
    report.estimate = Forecast(0, 0, total, pipeline.pace.done_at(total))
    with progressing(pipeline.progress, "Fetching streams", total, eta_of(pipeline, total)), pipeline.pace.calling():
        fetch_by_year(pipeline, STREAMS, wanted.due, report)
    now, left = pipeline.now(), still_due(pipeline.lake, wanted.due)
    report.missing = sum(not candidate.rests(now) for candidate in left)
    report.resting = len(wanted.resting) + len(left) - report.missing
    report.calls = client.calls - calls
    return report
