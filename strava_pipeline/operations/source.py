"""A source as one run uses it, whichever service that is: what a listing needs of it. Nothing is fetched here."""

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime

from strava_pipeline.core.providers import ProviderSpec, spec_of
from strava_pipeline.ingest.provider import Lister
from strava_pipeline.lake.bronze.answers import newest_athlete
from strava_pipeline.lake.bronze.listing import Listing, begin_listing
from strava_pipeline.lake.bronze.manifests import Window
from strava_pipeline.operations.options import CallOptions
from strava_pipeline.operations.run_context import RunContext
from strava_pipeline.settings import Settings


@dataclass(frozen=True, slots=True)
class Account:
    """Who asks: the athlete of the data folder, the account at the source (None: Strava), and whether all is shown."""

    athlete_id: int | None
    account: str | None
    sees_private: bool


class Source(ABC):
    """The source `name` with the login of `settings`, for one run. `days`: how far before the watermark a listing begins."""

    def __init__(self, name: str, settings: Settings, run: RunContext) -> None:
        self.spec: ProviderSpec = spec_of(name)
        self.days, self.per_page = settings.days, settings.per_page
        self.settings, self._run = settings, run

    @property
    @abstractmethod
    def host(self) -> str | None:
        """The host of its API."""

    @abstractmethod
    def lister(self, limits: CallOptions | None = None) -> Lister:
        """The run's one client, which lists; the `limits` of the first caller hold for the whole run."""

    @property
    @abstractmethod
    def account_name(self) -> str | None:
        """The account at the source, which keeps its listings apart from those of another login; None: Strava."""

    @abstractmethod
    def account(self) -> Account:
        """Whose login it is, as far as is known."""

    @property
    def athlete_id(self) -> int | None:
        """The data folder's athlete, as far as is known."""
        athlete = newest_athlete(self._run.lake)
        return athlete[1].get("id") if athlete else None

    def calling(self) -> AbstractContextManager[None]:
        """Holds while calls are made, so that their pace is known."""
        return nullcontext()

    def begin_listing(self, window: Window, at: datetime, account: Account | None = None) -> Listing:
        """A listing of this login (`account`) in bronze, without a page yet. `at`: when its first answer came."""
        account = account or Account(self.athlete_id, self.account_name, sees_private=True)
        return begin_listing(
            self._run.lake,
            window,
            athlete_id=account.athlete_id,
            at=at.astimezone(UTC),
            source=self.spec.name,
            account=account.account,
            sees_private=account.sees_private,
            host=self.host,
            run_id=self._run.run_id,
        )
