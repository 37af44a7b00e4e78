"""What a listing needs of its source, whichever provider that is; one object of a run answers it. No calls here."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from strava_pipeline.core.providers import ProviderSpec
from strava_pipeline.ingest.provider import Lister
from strava_pipeline.operations.options import CallOptions


@dataclass(frozen=True, slots=True)
class Account:
    """Who asks: the athlete of the data folder, the account at the source (None: Strava), and whether all is shown."""

    athlete_id: int | None
    account: str | None
    sees_private: bool


class Source(Protocol):
    """A provider with one login, as one run uses it."""

    @property
    def spec(self) -> ProviderSpec:
        """What the provider offers."""
        ...

    @property
    def host(self) -> str | None:
        """The host of its API."""
        ...

    @property
    def days(self) -> int:
        """How far before the watermark an incremental listing begins."""
        ...

    @property
    def per_page(self) -> int:
        """The page size that is asked for."""
        ...

    def lister(self, limits: CallOptions | None = None) -> Lister:
        """The client that lists; the `limits` of the first caller hold for the whole run."""
        ...

    @property
    def account_name(self) -> str | None:
        """The account at the source, which keeps its listings apart from those of another login; None: Strava."""
        ...

    def account(self) -> Account:
        """Whose login it is, as far as is known."""
        ...

    def calling(self) -> AbstractContextManager[None]:
        """Holds while calls are made, so that their pace is known."""
        ...
