"""Where a measured stage works: a data folder, and the emulator's address. No measuring here."""

from dataclasses import dataclass
from pathlib import Path

from strava_pipeline.core.years import YearRange
from strava_pipeline.lake.paths import Lake
from strava_pipeline.settings import Settings
from strava_pipeline.verbs.demo import demo_settings


@dataclass(frozen=True, slots=True)
class Place:
    """A folder of its own for each round: the product's stages and the floor's follow one another in it."""

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
        from strava_pipeline.operations.years import year_range  # Dagster: only where it is wanted

        return year_range(self.settings.first_year)

    @property
    def floor(self) -> Path:
        """What the floor program makes."""
        return self.folder / "floor"

    @property
    def token(self) -> str:
        """The emulator's access token."""
        import json

        return str(json.loads((self.settings.secrets_dir / "strava_token.json").read_text())["access_token"])
