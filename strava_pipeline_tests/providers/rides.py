"""What the contract asks a subject to have: a ride of ten minutes, and the file of its recording."""

from dataclasses import dataclass
from datetime import datetime

from strava_pipeline.testing.subjects import GPX, fit_of


@dataclass(frozen=True)
class Ride:
    day: str
    title: str
    began: str = ""
    zone: str = "Europe/Vienna"
    has_distance: bool = True
    file_of: str | None = None
    strava_id: int | None = None

    @property
    def start(self) -> str:
        return self.began or f"{self.day}T07:00:00+01:00"

    @property
    def at(self) -> datetime:
        return datetime.fromisoformat(self.start)

    def file(self, number: int) -> tuple[str, bytes]:
        """GPX and FIT in turn; GPX where another day's file is asked for."""
        if self.file_of or number % 2:
            return "gpx", GPX.format(self.file_of or self.day).encode()
        return "fit", fit_of(self.day)
