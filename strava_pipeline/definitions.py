"""What Dagster loads (workspace.yaml names this module). Everything is made in orchestrate/build.py."""

from dagster import Definitions

from strava_pipeline.orchestrate.build import build_defs
from strava_pipeline.orchestrate.kept_connections import keep_connections
from strava_pipeline.settings import Settings

keep_connections()
defs: Definitions = build_defs(Settings.load())
