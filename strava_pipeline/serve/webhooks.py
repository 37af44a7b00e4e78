"""The services' side of the intake: deliveries into the inbox, and the handshake of a subscription. Nothing acts on them here.

How a service's deliveries are recognised is in its record. Without a signature, the secret in the path makes a delivery
trusted enough to be stored; following it asks the service itself.
"""

import hmac

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from strava_pipeline.core.deliveries import NoDeliveryError, Sender, intake_path
from strava_pipeline.serve.bodies import answer_or_refuse, read_body, refusal
from strava_pipeline.serve.inbox import Inbox

LONGEST_CHALLENGE = 1000  # characters; Strava's have some dozen


class Webhooks:
    """The handler of one service's path. A wrong secret, or a foreign delivery, is answered like an unknown path."""

    def __init__(self, name: str, sender: Sender, inbox: Inbox) -> None:
        self._path, self._webhooks, self._secret, self._inbox = intake_path(name), sender.webhooks, sender.secret, inbox
        token_of = sender.webhooks.token_of
        self._token = None if token_of is None else token_of(sender.secret)

    def routes(self) -> list[Route]:
        if self._token is None:
            return [Route(self._path, self.answer, methods=["POST"])]
        return [Route(f"{self._path}/{{secret}}", self.answer, methods=["GET", "POST"])]

    async def answer(self, request: Request) -> Response:
        if self._token is not None:
            if not _same(request.path_params["secret"], self._secret):
                return refusal(request, 404, "no such path")
            if request.method != "POST":
                return self.handshake(request, self._token)
        return await answer_or_refuse(request, self.delivery(request), NoDeliveryError)

    def handshake(self, request: Request, token: str) -> Response:
        """Answers the challenge of a subscriber that knows the token derived from the secret."""
        query = request.query_params
        if query.get("hub.mode") != "subscribe" or not 0 < len(query.get("hub.challenge", "")) <= LONGEST_CHALLENGE:
            return refusal(request, 400, "hub.mode is not subscribe, or there is no hub.challenge")
        if not _same(query.get("hub.verify_token", ""), token):
            return refusal(request, 403, "hub.verify_token is not ours")
        return JSONResponse({"hub.challenge": query["hub.challenge"]})

    async def delivery(self, request: Request) -> Response:
        """200 when the delivery is on disk. Raises errors that `answer_or_refuse` turns into a refusal."""
        body = await read_body(request, self._webhooks.most_bytes)
        if not self._webhooks.is_verified(request.headers, body, self._secret):
            return refusal(request, 404, "no such path")
        kept = self._webhooks.kept(body)
        self._webhooks.read(kept)
        await self._inbox.keep(kept)
        return JSONResponse({"kept": True})


def _same(given: str, expected: str) -> bool:
    """A comparison in constant time, so that the time reveals nothing."""
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), expected.encode())
