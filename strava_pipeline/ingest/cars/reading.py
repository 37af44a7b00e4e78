"""What a car answered at the moment of a ping, and what every way of asking one has in common. No service is asked here."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class Trouble(StrEnum):
    """Why there is no answer."""

    TIMEOUT = "timeout"  # none in time
    UNAVAILABLE = "unavailable"  # the service can't be reached, or has a fault
    TOO_MANY = "too_many_requests"  # the service wants to be left alone
    LOGIN = "login_refused"
    MISCONFIGURED = "misconfigured"
    UNKNOWN_CAR = "unknown_car"  # the service, or our configuration, has no such car
    NO_ANSWER = "no_answer"  # the script has none
    FAILED = "failed"  # anything else


@dataclass(frozen=True, slots=True)
class Reading:
    """`measured_at`: when the car itself told what counts, where its service says so; `is_parked` None: it doesn't know.

    With an `error` nothing is told.
    """

    car_id: str
    asked_at: datetime
    answered_at: datetime
    measured_at: datetime | None = None
    is_parked: bool | None = None
    odometer_km: float | None = None
    lat: float | None = field(default=None, repr=False)
    lng: float | None = field(default=None, repr=False)
    error: Trouble | None = None

    @property
    def at(self) -> datetime:
        """The moment that it tells of."""
        return self.measured_at or self.answered_at


class CarAdapter(Protocol):
    """A way of asking cars. `ask` never raises: what goes wrong is in the reading."""

    def ask(self, car_id: str, at: datetime, user_id: str) -> Reading:
        """How that user's car is now; `at` is the moment of the ping because of which it is asked."""
