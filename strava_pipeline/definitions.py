"""What Dagster loads (workspace.yaml names this module): the definitions of orchestrate/build.py, and what stands in defs/."""

from multiprocessing import parent_process
from pathlib import Path

from strava_pipeline.core.process import collect_seldom, importing, keep_files_private

HERE = Path(__file__).parent

keep_files_private()  # a code server or a run that no command of ours started
collect_seldom()
with importing():
    from dagster import Definitions, load_from_defs_folder

    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.operations.used import first_shown
    from strava_pipeline.orchestrate.build import build_defs
    from strava_pipeline.orchestrate.run_log import without_console

    settings = Settings.load()
    if settings.log_stdout == "runs":
        without_console()
    # a run's own process, which Dagster forks or spawns, has every year: it may have been asked for by other definitions
    first_year = settings.first_year if parent_process() else first_shown(settings)
    defs: Definitions = build_defs(settings, only_set_up=True, first_year=first_year)
    # in a checkout: a wheel has neither a project file nor definitions of others
    if (HERE.parent / "pyproject.toml").exists() and any((HERE / "defs").glob("[!_]*")):
        defs = Definitions.merge(defs, load_from_defs_folder(path_within_project=HERE))
