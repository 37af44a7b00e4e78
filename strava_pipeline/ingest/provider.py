"""What every provider's client offers to the pipeline, and the records that pass between them. No provider here.

A client speaks with one login to one service. Errors are core's types: TransientError, BudgetExhaustedError, GoneError,
ForbiddenError, NeedsLoginError. A client waits by itself where a limit is short, and retries what is worth it; what
it hands out is on disk before it is asked for more.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol, TypeVar

from strava_pipeline.core.providers import Kind, ProviderSpec, ReadPage

T = TypeVar("T")
WARNED_BEFORE = timedelta(days=14)  # its end; Garmin itself writes a week before
OnWait = Callable[[str, float], None]
"""Informed of a pause that a client waits for: why and until when, as a sentence, and the seconds still to go."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a listing.

    Args:
        number: its place in the listing, from 1.
        per_page: the page size that the service was asked for, which may be less than the pipeline asked for.
        read: what `ProviderSpec.read_page` reads from `body`.
        body: the bytes as received.
        fetched_at: when they came, by the server's clock (UTC).
        calls: how many calls the page took.
    """

    number: int
    per_page: int
    read: ReadPage = field(repr=False)
    body: bytes = field(repr=False)
    fetched_at: datetime
    calls: int


@dataclass(frozen=True, slots=True)
class Login:
    """Whose login a client has.

    Args:
        account: the account at the service, as the service names it; None: Strava, where it is the athlete.
        sees_everything: whether the login is shown what only the athlete may see. Without that, what a listing lacks
            proves nothing.
    """

    account: str | None
    sees_everything: bool = True


@dataclass(frozen=True, slots=True)
class KeptLogin:
    """How the login that is here is made, as far as it is kept here.

    Args:
        way: how, for a person: `by key`.
        ends_on: the last day on which it works; None: it has no end, or nobody knows it.
        renewal: what a person does before that day, as a sentence.
    """

    way: str
    ends_on: date | None = None
    renewal: str = ""

    @property
    def described(self) -> str:
        """All of it as a phrase."""
        return f"login {self.way}" + (f", until {self.ends_on}" if self.ends_on else "")

    def warning(self, title: str, today: date) -> str | None:
        """That the login at the service `title` ends within two weeks, or has ended; None: it does not, or nobody knows."""
        if self.ends_on is None or self.ends_on - today > WARNED_BEFORE:
            return None
        verb = "ended" if self.ends_on < today else "ends"
        return f"The login at {title} ({self.way}) {verb} on {self.ends_on}. {self.renewal}".rstrip()


@dataclass(frozen=True, slots=True)
class LoginRequest:
    """What a person who runs `providers login NAME` gives to the provider's `login`.

    Args:
        tokens: the file of `--tokens`, which holds a login that another program got; None: there is none.
        ask: puts a question to the person and returns the answer.
        ask_secret: the same, and the terminal does not show what is typed.
        say: shows the person a line, such as what a slow step waits for.
        code: the code, or the address with it, that a service's page sent the person to; None: the page is to be shown.
        listen: the port on which that address is caught; None: the person pastes it.
        writes: something may be changed at the service, so that the login has to allow it.
        creates_gear: new gear may be made there, too.
        by_key: the person has a key of the service's API, and `ask_secret` gets it.
    """

    tokens: Path | None
    ask: Callable[[str], str]
    ask_secret: Callable[[str], str]
    say: Callable[[str], None]
    code: str | None = None
    listen: int | None = None
    writes: bool = False
    creates_gear: bool = False
    by_key: bool = False


@dataclass(frozen=True, slots=True)
class Received:
    """An answer beside the listings: a file, or gear. `name`: what the service calls a file."""

    body: bytes = field(repr=False)
    fetched_at: datetime
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Changes:
    """What a feed says that changed.

    Args:
        page: the answer as received, which is read as a page without activities.
        cursor: where the next question goes on, once all of this has landed.
        changed: when each activity that is there changed last (UTC), by its id at the service; None: nobody says.
        deleted: the ids of activities that are gone.
    """

    page: Page
    cursor: str
    changed: Mapping[str, datetime | None] = field(repr=False)
    deleted: Sequence[str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Original:
    """Something that a source without a service was read from, such as a person's file, and the ending of its name."""

    body: bytes = field(repr=False)
    suffix: str


@dataclass(frozen=True, slots=True)
class Whole:
    """All that a source shows at once.

    Args:
        read: what `ProviderSpec.read_page` reads from `body`.
        body: JSON, which is kept as the one page of a listing; rebuilding needs nothing else.
        originals: what it was read from, to be kept beside.
    """

    read: ReadPage = field(repr=False)
    body: bytes = field(repr=False)
    originals: Sequence[Original] = field(repr=False)


class Lister(Protocol):
    """The part of a client that lists."""

    @property
    def calls(self) -> int:
        """The attempts that reached the server or may have."""
        ...

    def list_pages(self, after: int | None, before: int | None, per_page: int) -> Iterator[Page]:
        """The pages of the listing from `after` to `before` (exclusive epoch seconds of the start; None: no bound).

        A listing that comes to its end either yields a page without rows or just ends.
        """
        ...

    def landed(self, answers: Iterator[T], land: Callable[[T], object]) -> Iterator[T]:
        """Each of `answers`, which are asked for as they are taken, after `land` has put it on disk.

        An interrupt between the sending of a call and the landing of its answer waits.
        """
        ...


class WholeReader(Protocol):
    """The part of a client that reads all at once, in place of `list_pages`. (`whole`)"""

    def read_whole(self, before: bytes | None) -> Whole | None:
        """What the source shows now. `before`: the body of the newest one kept; None comes back where nothing changed."""
        ...


class Provider(Lister, Protocol):
    """A client of one login. A capability that its `spec` does not name is never asked for; `whole` adds WholeReader."""

    @property
    def spec(self) -> ProviderSpec:
        """What the provider offers to this login."""
        ...

    @property
    def host(self) -> str | None:
        """The host of its API."""
        ...

    def login(self) -> Login:
        """Whose login it is. May make a call, once. Raises NeedsLoginError."""
        ...

    def landing(self) -> AbstractContextManager[None]:
        """An interrupt within the body waits from the sending of a call until the body has landed its answer. (`files`)"""
        ...

    def get_file(self, source_id: str) -> Received:
        """The file of an activity. Raises GoneError where there is none. (`files`)"""
        ...

    def get_gear_of_activity(self, source_id: str) -> Received:
        """What the service says of an activity's gear. (where the spec reads it)"""
        ...

    def list_kind(self, kind: Kind, after: int | None, before: int | None) -> Iterator[Received]:
        """The answers that hold all of the account's data of a kind that the spec names.

        `after`, `before`: bounds of its days (epoch seconds; None: no bound). What has no day, such as gear, comes whole.
        """
        ...


class HookedProvider(Provider, Protocol):
    """A client whose spec names `webhooks` or `feed`: single activities are asked for."""

    @property
    def login_digest(self) -> str:
        """A hash of the login: what was noted of another one does not count."""
        ...

    def get_activity(self, source_id: str) -> Page:
        """One activity, as a page. Raises GoneError (WithheldError where the service has it and never shows it) and, where
        only this one is not shown, ForbiddenError.
        """
        ...


class FeedProvider(HookedProvider, Protocol):
    """A client whose spec names `feed`. Without `windows`, its `list_pages` passes bounds over.

    By its `login_digest`, the account is not asked for on each quiet day.
    """

    def changes(self, since: str, account: str | None) -> Changes:
        """What changed since a cursor or an instant in ISO 8601. Raises RefusedError or GoneError for one that is too old."""
        ...

    def versions(self, content: Any) -> Mapping[str, datetime]:
        """When the activities of a page, parsed from JSON, changed last (UTC), by id; without those that don't say."""
        ...

    def list_all(self, per_page: int, landed: Sequence[tuple[int, Any]]) -> Iterator[Page]:
        """The pages of the list of everything, also where it changes meanwhile.

        `landed`: number and content, parsed from JSON, of the pages that came before this listing broke off.
        """
        ...
