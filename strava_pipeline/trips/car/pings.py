"""The phones' side of the intake: pings into the log, each on disk before it is acknowledged, and the live state.

The path's token identifies the user. A ping's meaning is the tracker's (live.py), after the answer.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Literal

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from strava_pipeline.serve.bodies import answer_or_refuse, read_body, refusal
from strava_pipeline.serve.inbox import Inbox
from strava_pipeline.trips.car.live import Live
from strava_pipeline.trips.car.rules.events import NoEventError
from strava_pipeline.trips.car.rules.formats import LARGEST, OWNTRACKS, read_ping
from strava_pipeline.trips.car.rules.lines import ReceivedLine, line_bytes, new_id
from strava_pipeline.trips.car.rules.people import People
from strava_pipeline.trips.car.rules.users import with_believable_time

Kind = Literal["ping", "start", "end"]
LONGEST_QUERY = 4_000  # characters; OsmAnd's have some 200


class Pings:
    """The handlers below /pings."""

    def __init__(
        self, people: People, inbox: Inbox, live: Live, now: Callable[[], datetime], *, scripted: bool
    ) -> None:
        self._people, self._inbox, self._live, self._now, self._scripted = people, inbox, live, now, scripted

    def routes(self) -> list[Route]:
        """A separate path for each kind, since a Shortcut or an automation knows no more than a URL."""

        def handler(kind: Kind) -> Callable[[Request], object]:
            async def receive(request: Request) -> Response:
                return await answer_or_refuse(request, self.receive(request, kind), NoEventError)

            return receive

        return [
            Route("/pings/{token}", handler("ping"), methods=["GET", "POST"]),  # OsmAnd sends its positions by GET
            Route("/pings/{token}/start", handler("start"), methods=["POST"]),
            Route("/pings/{token}/end", handler("end"), methods=["POST"]),
            Route("/pings/{token}/status", self.status, methods=["GET"]),
        ]

    async def receive(self, request: Request, kind: Kind) -> Response:
        """200 when it is on disk. Raises errors that `answer_or_refuse` turns into a refusal."""
        user_id = self._people.user_of(request.path_params["token"])
        if user_id is None:
            return refusal(request, 404, "no such path")
        query, at = request.url.query, self._now()
        if len(query) > LONGEST_QUERY:
            return refusal(request, 414, f"the query is longer than {LONGEST_QUERY} characters")
        if request.method == "HEAD" or (request.method == "GET" and not query):
            return refusal(request, 405, "a position comes by POST, or in the query", {"allow": "POST"})
        body = await read_body(request, LARGEST)
        ping = read_ping(body, query, kind, at.timestamp(), is_new=True)
        if ping is None and request.method == "GET":
            return refusal(request, 400, "there is no position in the query")
        line = ReceivedLine(
            id=new_id(at),
            kind=kind if ping is None else ping.event.kind,
            user_id=user_id,
            received_at=at,
            body=body.decode(),
            query=query,
            scripted=self._scripted,
        )
        await self._inbox.keep_line(line_bytes(line))
        self._live.receive(line, ping and with_believable_time(ping, line))
        if ping is None or ping.format == OWNTRACKS:
            return JSONResponse([])  # the app takes a list of messages for an answer
        return JSONResponse({"kept": True, "interval_s": self._live.interval_s(user_id)})

    async def status(self, request: Request) -> Response:
        """The present result of the user's pings. Times are the phone's."""
        user_id = self._people.user_of(request.path_params["token"])
        if user_id is None:
            return refusal(request, 404, "no such path")
        return JSONResponse(self._live.status(user_id))
