"""What Dagster loads (workspace.yaml names this module). Everything is made in orchestrate/build.py."""

from strava_pipeline.core.process import collect_seldom, importing, keep_files_private

keep_files_private()  # a code server or a run that no command of ours started
collect_seldom()
with importing():
    from dagster import Definitions

    from strava_pipeline.orchestrate.build import build_defs
    from strava_pipeline.orchestrate.run_log import without_console
    from strava_pipeline.settings import Settings

    settings = Settings.load()
    if settings.log_stdout == "runs":
        without_console()
    defs: Definitions = build_defs(settings, only_set_up=True)
