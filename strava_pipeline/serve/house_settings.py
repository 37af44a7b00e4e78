"""The settings of this process's dashboard: that of all athletes, if there are several; otherwise that of one folder."""

from strava_pipeline.environment.process_owner import athlete_folder
from strava_pipeline.environment.settings import Settings


def house_settings(settings: Settings) -> Settings | None:
    """The settings of the dashboard of all athletes, with ATHLETES_DIR as its data folder, or None if it serves one folder.

    A process of an athlete (`--athlete NAME`) serves that athlete's folder. Raises UnusableRegistryError.
    """
    if settings.athletes_dir is None or athlete_folder() is not None:
        return None
    from strava_pipeline.environment.athletes import athletes  # which nobody without ATHLETES_DIR needs

    return None if len(athletes(settings)) < 2 else settings_of_all(settings)


def settings_of_all(settings: Settings) -> Settings:
    """The same, however many there are."""
    return settings.model_copy(update={"data_dir": settings.athletes_dir})
