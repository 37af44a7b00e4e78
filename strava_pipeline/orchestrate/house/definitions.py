"""The definitions that Dagster loads for the house (workspace.yaml names this module). Everything is made in build.py."""

from strava_pipeline.core.process import importing, keep_files_private

keep_files_private()  # a code server or a run that no command of ours started
with importing():
    from dagster import Definitions

    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.orchestrate.house.build import house_defs

    defs: Definitions = house_defs(Settings.load())
