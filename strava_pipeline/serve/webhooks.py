"""The services' side of the intake: events into the inbox, and the handshake of Strava's subscription. Nothing acts on them here.

Strava's events are not signed. A request with the path's secret is trusted enough to store its event; whoever acts on the event
asks Strava itself. How another service's deliveries are verified is in its record.
"""

import hmac

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from strava_pipeline.core.deliveries import NoDeliveryError, WebhookSpec
from strava_pipeline.core.webhooks import MAX_BODY_BYTES, NoEventError, intake_path, read_event, verify_token
from strava_pipeline.serve.bodies import answer_or_refuse, read_body, refusal
from strava_pipeline.serve.inbox import Inbox

LONGEST_CHALLENGE = 1000  # characters; Strava's have some dozen


class Webhooks:
    """The handlers of one path."""

    def __init__(self, secret: str, inbox: Inbox) -> None:
        self._secret, self._verify_token, self._inbox = secret, verify_token(secret), inbox

    def routes(self) -> list[Route]:
        return [Route(intake_path("{secret}"), self.answer, methods=["GET", "POST"])]

    async def answer(self, request: Request) -> Response:
        """A wrong secret is answered like any path that there is none of."""
        if not _same(request.path_params["secret"], self._secret):
            return refusal(request, 404, "no such path")
        if request.method != "POST":
            return self.handshake(request)
        return await answer_or_refuse(request, self.event(request), NoEventError)

    def handshake(self, request: Request) -> Response:
        """Answers the challenge of whoever subscribes us and knows the token that goes with the secret."""
        query = request.query_params
        if query.get("hub.mode") != "subscribe" or not 0 < len(query.get("hub.challenge", "")) <= LONGEST_CHALLENGE:
            return refusal(request, 400, "hub.mode is not subscribe, or there is no hub.challenge")
        if not _same(query.get("hub.verify_token", ""), self._verify_token):
            return refusal(request, 403, "hub.verify_token is not ours")
        return JSONResponse({"hub.challenge": query["hub.challenge"]})

    async def event(self, request: Request) -> Response:
        """200 when the event is on disk. Raises what `answer_or_refuse` turns into a refusal."""
        body = await read_body(request, MAX_BODY_BYTES)
        read_event(body)
        await self._inbox.keep(body)
        return JSONResponse({"kept": True})


class ProviderWebhooks:
    """The handler of another service's path, which has no secret in it: the delivery shows that it is the service's."""

    def __init__(self, name: str, webhooks: WebhookSpec, secret: str, inbox: Inbox) -> None:
        self.path, self._webhooks, self._secret, self._inbox = provider_path(name), webhooks, secret, inbox

    def routes(self) -> list[Route]:
        return [Route(self.path, self.answer, methods=["POST"])]

    async def answer(self, request: Request) -> Response:
        """A delivery that is not the service's is answered like any path that there is none of."""
        return await answer_or_refuse(request, self.delivery(request), NoDeliveryError)

    async def delivery(self, request: Request) -> Response:
        """200 when the delivery is on disk. Raises what `answer_or_refuse` turns into a refusal."""
        body = await read_body(request, self._webhooks.most_bytes)
        if not self._webhooks.is_verified(request.headers, body, self._secret):
            return refusal(request, 404, "no such path")
        kept = self._webhooks.kept(body)
        self._webhooks.read(kept)
        await self._inbox.keep(kept)
        return JSONResponse({"kept": True})


def provider_path(name: str) -> str:
    """The path to which the service of that name posts, below the intake's address."""
    return f"/webhooks/{name}"


def _same(given: str, expected: str) -> bool:
    """Compared in constant time, so that the time reveals nothing."""
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), expected.encode())
