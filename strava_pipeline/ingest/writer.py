"""What a service's writer offers, and the records that pass: reading the target of a change, and writing it. No service here.

A writer stands in ingest/NAME/writes.py, apart from the client that reads, with `connect_writer(settings, clock, on_wait) ->
Writer`. Only operations/changes imports it, which asks for nothing that a person has not approved. Errors are core's types, as
those of clients (provider.py), and `UnsupportedChangeError`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from strava_pipeline.core.changes.records import Change, Value
from strava_pipeline.core.errors import PipelineError
from strava_pipeline.core.rows import Json
from strava_pipeline.ingest.provider import Page, Received


class UnsupportedChangeError(PipelineError):
    """The service can't take the change, now or later; nothing was sent. The text says why, without any value."""


class HalfDoneError(PipelineError):
    """Of the requests of a change the first ones were done, and one was not: what the service has now is to be read."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it goes out, without the login: for a person who looks before it is sent, and for the record.

    Args:
        address: the path at the service, with its query; of a file, its name.
        body: in JSON's types; of a file that is uploaded, its name, size and hash.
    """

    method: str
    address: str
    body: object = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Answered:
    """What the service answered to a request: `body` as received, without any secret."""

    method: str
    address: str
    status: int
    body: bytes = field(repr=False)
    at: datetime


@dataclass(frozen=True, slots=True)
class Reading:
    """What the service has at the moment where a change would be.

    Args:
        value: compares with `Change.value_before` and `Change.value_after`. None: nothing is there.
        answers: what was asked and answered, for the record.
        page: the activity as a page of a listing, to be kept as such; None: the answers hold no such thing.
        gear: the answer about the activity's gear, where rows of the service do not name it.
        detail: the activity in full, where the service has that beside its listings (Strava), in place of `page`.
        source_id: of a row or an upload that is there: its id at the service.
        restore: what an exact undo needs beside the value, in JSON's types; the undo's `Change.details` have it as `restore`.
    """

    value: Value
    answers: Sequence[Answered] = field(default=(), repr=False)
    page: Page | None = field(default=None, repr=False)
    gear: Received | None = field(default=None, repr=False)
    detail: Received | None = field(default=None, repr=False)
    source_id: str | None = None
    restore: Mapping[str, Any] | None = field(default=None, repr=False)


class Writer(Protocol):
    """The writer of one login."""

    @property
    def calls(self) -> int:
        """The attempts that reached the service or may have."""
        ...

    @property
    def most_at_once(self) -> int:
        """How many changes one `write` takes: 1 at a service, more in a file."""
        ...

    def read(self, change: Change) -> Reading:
        """What the service has now. Raises GoneError where the activity is no more, UnsupportedChangeError."""
        ...

    def requests(self, change: Change, before: Reading) -> Sequence[Request]:
        """What `write` would send. Nothing is sent. Raises UnsupportedChangeError."""
        ...

    def write(self, changes: Sequence[Change], before: Sequence[Reading]) -> Sequence[Answered]:
        """Write the changes, each with the reading of just before. What was done is for another reading to find.

        Raises as `read` does; what certainly was not sent is tried again, and nothing else.
        """
        ...


class WholeWriter(Writer, Protocol):
    """A writer of what is read whole, and whose activities have ids only in the readings that are kept. (`whole`)"""

    def start_from(self, newest: bytes | None) -> None:
        """Called before anything else. `newest`: the body of the newest reading kept; None: there is none."""
        ...


def piece_to_set(title: str, change: Change, pieces: Mapping[str, Json]) -> str:
    """The id of the gear that the change sets.

    Args:
        title: how messages call the service.
        pieces: all gear there by its id, with its fields by the names of the table `gear`.

    Raises UnsupportedChangeError where the service has no such piece, or where that is retired.
    """
    if change.new_id is None or change.new_id not in pieces:
        raise UnsupportedChangeError(
            f"{title} has no such gear any more: link another piece (strava-pipeline providers gear --link)."
        )
    if pieces[change.new_id].get("retired"):
        raise UnsupportedChangeError(
            f"The gear is retired at {title}: put it back into use there, or link another piece."
        )
    return change.new_id
