"""The interface of every provider's client, and the records it exchanges with the pipeline. No provider here.

A client uses one login at one service. Errors are core's types: TransientError, BudgetExhaustedError, GoneError,
ForbiddenError, NeedsLoginError. A client waits by itself if a limit is short, and retries where useful; each answer is
on disk before it is asked for more.
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
"""Receives a client's pause: why and until when, as a sentence, and the remaining seconds."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a listing.

    Args:
        number: its place in the listing, from 1.
        per_page: the page size that the service was asked for, which may be less than the pipeline asked for.
        read: the result of `ProviderSpec.read_page` for `body`.
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
    """The owner of a client's login.

    Args:
        account: the account at the service, as the service names it; None for Strava, where it is the athlete.
        sees_everything: whether the login sees data visible only to the athlete. Without that, absence from a listing
            proves nothing.
    """

    account: str | None
    sees_everything: bool = True


@dataclass(frozen=True, slots=True)
class KeptLogin:
    """The kind of the present login, as far as known here.

    Args:
        way: its kind, for a person: `by key`.
        ends_on: the last day on which it works, or None if it has no end, or unknown.
        renewal: a person's action before that day, as a sentence.
        by_key: whether `providers login --key` renews it.
    """

    way: str
    ends_on: date | None = None
    renewal: str = ""
    by_key: bool = False

    @property
    def described(self) -> str:
        """All fields as a phrase."""
        return f"login {self.way}" + (f", until {self.ends_on}" if self.ends_on else "")

    def warning(self, title: str, today: date) -> str | None:
        """A warning if the login at the service `title` ends within two weeks, or has ended; else None."""
        if self.ends_on is None or self.ends_on - today > WARNED_BEFORE:
            return None
        verb = "ended" if self.ends_on < today else "ends"
        return f"The login at {title} ({self.way}) {verb} on {self.ends_on}."


@dataclass(frozen=True, slots=True)
class LoginRequest:
    """A person's input to `providers login NAME`, for the provider's `login`.

    Args:
        tokens: the file of `--tokens`, with another program's login, or None.
        ask: asks the person a question and returns the answer.
        ask_secret: the same, without echo on the terminal.
        say: shows the person a line, such as the reason for waiting.
        code: the code, or the address with it, to which the service's page sent the person; None: show the page.
        listen: the port on which that address is caught; None: the person pastes it.
        writes: whether changes at the service are wanted, so that the login has to allow them.
        creates_gear: whether new gear is wanted there, too.
        reads_days: whether days and nights are wanted.
        by_key: whether the person has a key of the service's API, which `ask_secret` gets.
        asks_again: whether a wrong answer can be asked for again; False: another program answers.
    """

    tokens: Path | None
    ask: Callable[[str], str]
    ask_secret: Callable[[str], str]
    say: Callable[[str], None]
    code: str | None = None
    listen: int | None = None
    writes: bool = False
    creates_gear: bool = False
    reads_days: bool = False
    by_key: bool = False
    asks_again: bool = False


@dataclass(frozen=True, slots=True)
class Received:
    """An answer besides the listings: a file, or gear. `name`: the service's name of a file."""

    body: bytes = field(repr=False)
    fetched_at: datetime
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Changes:
    """A feed's report of changes.

    Args:
        page: the answer as received, which is read as a page without activities.
        cursor: where the next request continues, once all of this has landed.
        changed: the last change of each existing activity (UTC), by its id at the service; None if unknown.
        deleted: the ids of deleted activities.
    """

    page: Page
    cursor: str
    changed: Mapping[str, datetime | None] = field(repr=False)
    deleted: Sequence[str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Original:
    """The original of a reading from a source without a service, such as a person's file, and the ending of its name."""

    body: bytes = field(repr=False)
    suffix: str


@dataclass(frozen=True, slots=True)
class Whole:
    """Everything that a source shows, at once.

    Args:
        read: the result of `ProviderSpec.read_page` for `body`.
        body: JSON, which is kept as the one page of a listing; rebuilding needs nothing else.
        originals: the originals of the reading, to be kept with it.
    """

    read: ReadPage = field(repr=False)
    body: bytes = field(repr=False)
    originals: Sequence[Original] = field(repr=False)


class Lister(Protocol):
    """The part of a client that lists."""

    @property
    def calls(self) -> int:
        """The attempts that reached the server or may have."""

    def list_pages(self, after: int | None, before: int | None, per_page: int) -> Iterator[Page]:
        """The pages of the listing from `after` to `before` (exclusive epoch seconds of the start; None: no bound).

        A listing that comes to its end either yields a page without rows or just ends.
        """

    def landed(self, answers: Iterator[T], land: Callable[[T], object]) -> Iterator[T]:
        """Each of `answers`, which are asked for as they are taken, after `land` has put it on disk.

        An interrupt between the sending of a call and the landing of its answer waits.
        """


class WholeReader(Protocol):
    """The part of a client that reads all at once, in place of `list_pages`. (`whole`)"""

    def read_whole(self, before: bytes | None) -> Whole | None:
        """The source's present contents, or None if unchanged. `before`: the body of the newest stored one."""


class Provider(Lister, Protocol):
    """A client of one login. Capabilities missing from its `spec` are never used; `whole` adds WholeReader."""

    @property
    def spec(self) -> ProviderSpec:
        """The provider's offers to this login."""

    @property
    def host(self) -> str | None:
        """The host of its API."""

    def login(self) -> Login:
        """The login's owner. May make a call, once. Raises NeedsLoginError."""

    def landing(self) -> AbstractContextManager[None]:
        """An interrupt within the body waits from the sending of a call until the body has landed its answer. (`files`)"""

    def get_file(self, source_id: str) -> Received:
        """The file of an activity. Raises GoneError if there is none. (`files`)"""

    def get_gear_of_activity(self, source_id: str) -> Received:
        """The service's data about an activity's gear. (if the spec reads it)"""

    def list_kind(self, kind: Kind, first: date | None, last: date | None) -> Iterator[Received]:
        """The answers with all of the account's data of a kind that the spec names.

        `first`, `last`: the local days that are asked for, if it has days; gear comes completely. Answers about days are
        as of core/wellness.py's `kept_answer`.
        """


class HookedProvider(Provider, Protocol):
    """A client whose spec names `webhooks` or `feed`: single activities are asked for."""

    @property
    def login_digest(self) -> str:
        """A hash of the login: records about another one do not count."""

    def get_activity(self, source_id: str) -> Page:
        """One activity, as a page. Raises GoneError (WithheldError if the service has it and never shows it) and, if
        only this one is not shown, ForbiddenError.
        """


class FeedProvider(HookedProvider, Protocol):
    """A client whose spec names `feed`. Without `windows`, its `list_pages` ignores bounds.

    Thanks to its `login_digest`, the account is not asked for on each quiet day.
    """

    def changes(self, since: str, account: str | None) -> Changes:
        """The changes since a cursor or an instant in ISO 8601. Raises RefusedError or GoneError for one that is too old."""

    def versions(self, content: Any) -> Mapping[str, datetime]:
        """When the activities of a page, parsed from JSON, changed last (UTC), by id; without those of unknown time."""

    def list_all(self, per_page: int, landed: Sequence[tuple[int, Any]]) -> Iterator[Page]:
        """The pages of the list of everything, even if it changes meanwhile.

        `landed`: number and content, parsed from JSON, of the pages that came before this listing was interrupted.
        """
