"""The interface of a service's writer, and its records: reading the target of a change, and writing it. No service here.

A writer stands in ingest/NAME/writes.py, apart from the client that reads, with `connect_writer(settings, clock,
on_wait) -> Writer`. Only operations/changes imports it, which requests only approved changes. Errors are core's types,
as those of clients (provider.py), and `UnsupportedChangeError`.
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
    """The service does not support the change, now or later; nothing was sent. The text says why, without any value."""


class HalfDoneError(PipelineError):
    """The first requests of a change were done, and one was not: the service's present state has to be read."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it is sent, without the login: for a person's preview, and for the record.

    Args:
        address: the path at the service, with its query; for a file, its name.
        body: in JSON's types; for an uploaded file, its name, size and hash.
    """

    method: str
    address: str
    body: object = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Answered:
    """The service's answer to a request: `body` as received, without any secret."""

    method: str
    address: str
    status: int
    body: bytes = field(repr=False)
    at: datetime


@dataclass(frozen=True, slots=True)
class Reading:
    """The service's present state in a change's place.

    Args:
        value: compares with `Change.value_before` and `Change.value_after`; None if nothing is there.
        answers: the requests and answers, for the record.
        page: the activity as a page of a listing, to be stored as such, or None.
        gear: the answer about the activity's gear, if rows of the service do not name it.
        detail: the activity in full, if the service has that besides its listings (Strava), instead of `page`.
        source_id: the id at the service of an existing row or upload.
        restore: further data for an exact undo, in JSON's types; the undo's `Change.details` have it as `restore`.
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

    @property
    def most_at_once(self) -> int:
        """How many changes one `write` accepts: 1 at a service, more in a file."""

    def read(self, change: Change) -> Reading:
        """The service's present state. Raises GoneError if the activity no longer exists, UnsupportedChangeError."""

    def requests(self, change: Change, before: Reading) -> Sequence[Request]:
        """The requests that `write` would send. Nothing is sent. Raises UnsupportedChangeError."""

    def write(self, changes: Sequence[Change], before: Sequence[Reading]) -> Sequence[Answered]:
        """Write the changes, each with the reading of just before. The result is for another reading to find.

        Raises as `read` does; only requests that certainly were not sent are retried.
        """


class WholeWriter(Writer, Protocol):
    """A writer for a source that is read completely, whose activities have ids only in the stored readings. (`whole`)"""

    def start_from(self, newest: bytes | None) -> None:
        """Called before anything else. `newest`: the body of the newest stored reading, or None."""


def piece_to_set(title: str, change: Change, pieces: Mapping[str, Json]) -> str:
    """The id of the gear that the change sets.

    Args:
        title: the service's name in messages.
        pieces: all gear there by its id, with its fields by the names of the table `gear`.

    Raises UnsupportedChangeError if the service has no such piece, or if that is retired.
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
