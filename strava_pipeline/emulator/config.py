"""What an emulator is made from: one frozen record, checked when it is built.

Nothing here reads the environment or a clock; whoever builds the record brings both.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from strava_pipeline.emulator.errors import EmulatorConfigError
from strava_pipeline.emulator.limits import Limits

OLDEST_YEAR = 1970
NEWEST_YEAR = 2100


@dataclass(frozen=True, slots=True)
class EmulatorConfig:
    """`years` is a range, both ends included; `now` is where the emulator's clock starts (with a time zone).

    With a dataset, `activities`, `years` and `seed` shape nothing but the tokens. `limits` None: limits that
    nobody reaches. `speed` is emulator seconds per second; `latency` (s) is waited before every API answer.
    """

    now: datetime
    activities: int = 2000
    years: tuple[int, int] = (2015, 2026)
    seed: int = 1
    dataset: Path | None = None
    limits: Limits | None = field(default_factory=Limits)
    speed: float = 1.0
    latency: float = 0.0
    short_pages: bool = False
    client_id: str = "12345"
    client_secret: str = "emulator-secret"
    token_lifetime: int = 21_600  # six hours, as Strava's: developers.strava.com/docs/authentication
    athlete_id: int | None = None
    username: str = "emulated_athlete"
    firstname: str = "Emilia"
    lastname: str = "Emulator"
    sex: str = "F"
    weight: float = 68.5
    ftp: int = 243
    measurement_preference: str = "meters"

    def __post_init__(self) -> None:
        first, last = self.years
        problems = {
            "now needs a time zone.": self.now.tzinfo is None,
            f"activities must be 0 or more, not {self.activities}.": self.activities < 0,
            f"speed must be 0 (a clock that stands still) or more, not {self.speed}.": not self.speed >= 0,
            f"latency must be 0 or more seconds, not {self.latency}.": not self.latency >= 0,
            f"token_lifetime must be above 0, not {self.token_lifetime}.": self.token_lifetime <= 0,
            f"years must be a range A-B within {OLDEST_YEAR}-{NEWEST_YEAR}, not {first}-{last}.": not (
                OLDEST_YEAR <= first <= last <= NEWEST_YEAR
            ),
        }
        for problem, found in problems.items():
            if found:
                raise EmulatorConfigError(problem)
        begins = datetime(first, 1, 1, tzinfo=UTC)
        if self.dataset is None and self.activities and self.now < begins + timedelta(days=1):
            raise EmulatorConfigError(f"Nothing of {first}-{last} has passed at the emulator's now, {self.now}.")
