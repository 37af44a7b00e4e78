"""`python -m strava_pipeline` is `strava-pipeline`."""

from strava_pipeline.cli import main

main()
