"""Where a measured stage works: a data folder, and the emulator's address. No measuring here."""

from dataclasses import dataclass
from pathlib import Path

from strava_pipeline.core.years import YearRange
from strava_pipeline.environment.settings import Settings
from strava_pipeline.lake.paths import Lake
from strava_pipeline.verbs.demo import demo_settings


@dataclass(frozen=True, slots=True)
class Place:
    """A data folder for one round of stages, of the product and of the floor; `url` is the emulator's."""

    folder: Path
    url: str

    @property
    def settings(self) -> Settings:
        return demo_settings(self.folder, self.url)

    @property
    def lake(self) -> Lake:
        return Lake(self.settings.data_dir)

    @property
    def years(self) -> YearRange:
        from strava_pipeline.operations.years import year_range  # imports Dagster, which not every stage needs

        return year_range(self.settings.first_year)

    @property
    def floor(self) -> Path:
        """The folder of the floor program."""
        return self.folder / "floor"

    @property
    def token(self) -> str:
        """The emulator's access token."""
        import json

        return str(json.loads((self.settings.secrets_dir / "strava_token.json").read_text())["access_token"])
