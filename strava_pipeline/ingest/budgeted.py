"""The interface of a client whose calls are counted in a budget (budget.py), and which has details and streams."""

from datetime import timedelta
from typing import Protocol

from strava_pipeline.ingest.budget import Pacing, RateBudget
from strava_pipeline.ingest.calls import FetchAnswer, FetchClient
from strava_pipeline.ingest.provider import Provider


class BudgetedProvider(Provider, FetchClient, Protocol):
    """A client whose spec names `budget`, `details` and `streams`: its calls are counted in a budget that processes share."""

    @property
    def budget(self) -> RateBudget:
        """The number of calls that may still be made."""

    @property
    def pacing(self) -> Pacing:
        """Which windows of the limits are waited for."""

    @property
    def waited(self) -> timedelta:
        """How long the client waited for limits, in the server's time."""

    def get_detail(self, activity_id: int, *, patient: bool = True) -> FetchAnswer:
        """The activity with all of the service's data. Without `patient` it is attempted once."""

    def get_streams(self, activity_id: int, *, patient: bool = True) -> FetchAnswer:
        """The points of an activity. Raises GoneError if nothing was recorded."""

    def get_athlete(self) -> FetchAnswer:
        """The login's athlete."""

    def get_stats(self, athlete_id: int) -> FetchAnswer:
        """The athlete's own totals."""

    def get_gear(self, gear_id: str) -> FetchAnswer:
        """A bike or a pair of shoes."""
