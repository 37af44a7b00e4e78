"""The calls for activities, their streams, gear and the athlete, each checked to be what was asked for.

An answer of the wrong shape is a transient failure, tried again by the client. Nothing is kept here.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import quote

from strava_pipeline.core.activities import STREAM_KEYS, is_nothing_recorded, is_streams, split_page
from strava_pipeline.core.errors import GoneError, RefusedError, RepeatingListingError
from strava_pipeline.ingest.provider import Page
from strava_pipeline.ingest.strava.client import Answer, StravaClient

T = TypeVar("T")
REPEATED = 2  # pages in a row without a new activity, behind which a listing is taken for endless


@dataclass(frozen=True, slots=True)
class StravaLister:
    """Lists what the login of `client` sees."""

    client: StravaClient

    @property
    def calls(self) -> int:
        """The attempts of the client that reached the server or may have."""
        return self.client.calls

    def list_pages(self, after: int | None, before: int | None, per_page: int) -> Iterator[Page]:
        """The pages of the listing from `after` to `before` (exclusive epoch seconds), the empty last one too."""
        return list_pages(self.client, after, before, per_page)

    def landed(self, answers: Iterator[T], land: Callable[[T], object]) -> Iterator[T]:
        """Each of `answers` after `land` has put it on disk; an interrupt waits for that."""
        return self.client.landed(answers, land)


def list_pages(
    client: StravaClient, after: int | None, before: int | None, per_page: int, start_page: int = 1
) -> Iterator[Page]:
    """The pages of the listing from `after` to `before` (exclusive epoch seconds), the empty last one too.

    Newest first; oldest first as soon as `after` is given. A short page ends nothing, only an empty one. Each
    page is handed out before the next call is made; what `client.get` raises ends the iteration. Raises
    RepeatingListingError behind REPEATED pages in a row without anything new: uploads meanwhile repeat less.
    """
    number, repeated = start_page, 0
    seen: set[int | str] = set()
    while True:
        window = {"after": after, "before": before}
        request = {name: value for name, value in window.items() if value is not None}
        request |= {"per_page": per_page, "page": number}
        calls = client.calls
        answer = client.get("/athlete/activities", request, check=_is_page)
        activities, unreadable = split_page(answer.json)
        yield Page(number, request, activities, unreadable, answer.body, answer.fetched_at, client.calls - calls)
        if not answer.json:
            return
        held: set[int | str] = {activity["id"] for activity in activities} | {row.digest for row in unreadable}
        repeated = repeated + 1 if held <= seen else 0
        if repeated == REPEATED:
            raise RepeatingListingError(repeated)
        seen |= held
        number += 1


def get_detail(client: StravaClient, activity_id: int, *, patient: bool = True) -> Answer:
    """The detailed activity with all its efforts; a body that is another's or none is a TransientError."""
    return client.get(
        f"/activities/{activity_id}",
        {"include_all_efforts": "true"},
        check=lambda answer: _is_object(answer, activity_id),
        patient=patient,
    )


def get_streams(client: StravaClient, activity_id: int, *, patient: bool = True) -> Answer:
    """All streams of an activity. GoneError: Strava says that it has none; a 404 of somebody else's is a RefusedError."""
    try:
        return client.get(
            f"/activities/{activity_id}/streams",
            {"keys": ",".join(STREAM_KEYS), "key_by_type": "true"},
            check=lambda answer: None if is_streams(answer.json) else "the body is no set of streams",
            patient=patient,
        )
    except GoneError as error:
        if is_nothing_recorded(error.status, error.body):
            raise
        raise RefusedError(
            f"GET /activities/{activity_id}/streams: 404, but not from Strava. Is STRAVA_API_URL right?",
            status=error.status,
            body=error.body,
        ) from error


def get_athlete(client: StravaClient) -> Answer:
    """The athlete whose login it is."""
    return client.get("/athlete", check=lambda answer: _is_object(answer, None))


def get_gear(client: StravaClient, gear_id: str) -> Answer:
    """A bike or a pair of shoes."""
    return client.get(f"/gear/{quote(gear_id, safe='')}", check=lambda answer: _is_object(answer, gear_id))


def _is_page(answer: Answer) -> str | None:
    return None if isinstance(answer.json, list) else "the body is not a list"


def _is_object(answer: Answer, wanted: int | str | None) -> str | None:
    if not isinstance(answer.json, dict):
        return "the body is not an object"
    found = answer.json.get("id")
    if wanted is None:
        return None if type(found) is int else "the body has no id"
    if type(found) is not type(wanted) or found != wanted:
        return f"the body's id is not {wanted}"
    return None
