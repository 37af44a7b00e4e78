"""A writer whose changes are calls to a service: the requests, as shown to a person and as sent.

A service's writer defines the calls of a change (`calls_of`) and how its value is read (`read`). Only approved changes
are sent: operations/changes loads writers.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar
from urllib.parse import urlencode

from strava_pipeline.core.changes.records import Change
from strava_pipeline.ingest.http import form_with_file
from strava_pipeline.ingest.service_client import Answer, ServiceClient
from strava_pipeline.ingest.upload_files import UploadFile
from strava_pipeline.ingest.writer import Answered, Reading, Request, UnsupportedChangeError


@dataclass(frozen=True, slots=True)
class WriteCall:
    """A call that changes something.

    Args:
        path: after the API's own.
        body: in JSON's types; with a file, the other fields of the form.
        file: the file to upload.
    """

    method: str
    path: str
    body: Any = field(default=None, repr=False)
    params: Mapping[str, str] = field(default_factory=dict, repr=False)
    file: UploadFile | None = field(default=None, repr=False)


class ServiceWriter(ABC):
    """Changes of single activities at the service that `service` asks.

    `api`: the prefix of its calls' paths, for a person. `unsupported`: by kind, why such a change can't be made or
    undone.
    """

    most_at_once = 1
    unsupported: ClassVar[Mapping[str, str]] = {}

    def __init__(self, service: ServiceClient, api: str = "") -> None:
        self._service, self._api = service, api

    @property
    def calls(self) -> int:
        """The attempts that reached the service or may have."""
        return self._service.calls

    @abstractmethod
    def read(self, change: Change) -> Reading:
        """As the protocol says."""

    @abstractmethod
    def calls_of(self, change: Change, before: Reading) -> Sequence[WriteCall]:
        """The calls of a change. Raises UnsupportedChangeError."""

    def requests(self, change: Change, before: Reading) -> Sequence[Request]:
        """The calls of a change, as they are sent."""
        return [
            Request(
                call.method,
                self.address(call.path, call.params),
                call.body if call.file is None else {**(call.body or {}), **call.file.described()},
            )
            for call in self.calls_of(change, before)
        ]

    def write(self, changes: Sequence[Change], before: Sequence[Reading]) -> Sequence[Answered]:
        """Write one change."""
        (change,), (reading,) = changes, before
        return [self.answered(call, self.send(call)) for call in self.calls_of(change, reading)]

    def send(self, call: WriteCall) -> Answer:
        """Send a call, once."""
        content = None
        if call.file is not None:
            content = form_with_file(call.body or {}, call.file.name, call.file.content)
        json = call.body if call.file is None else None
        return self._service.write(call.method, call.path, params=call.params, json=json, content=content)

    def answered(self, call: WriteCall, answer: Answer) -> Answered:
        """The answer to a call, for the record."""
        address = self.address(call.path, call.params)
        return Answered(call.method, address, answer.status, answer.body, answer.fetched_at)

    def address(self, path: str, params: Mapping[str, Any] = {}) -> str:
        """The path at the host, with the query."""
        return f"{self._api}{path}" + (f"?{urlencode(params)}" if params else "")

    def activity_of(self, change: Change) -> str:
        """The service's id of the activity whose name or gear changes. Raises UnsupportedChangeError for other changes."""
        if change.kind not in ("update_name", "update_gear") or change.source_id is None:
            raise self.refusal(change)
        return change.source_id

    def refusal(self, change: Change) -> UnsupportedChangeError:
        """The error that the service does not support a change."""
        title, why = self._service.title, self.unsupported.get(change.kind)
        if why is None and change.kind == "update_gear":
            why = f"This gear has no counterpart at {title} yet: strava-pipeline providers gear --link names it."
        return UnsupportedChangeError(why or f"{title} takes no change of the kind {change.kind} from here.")
