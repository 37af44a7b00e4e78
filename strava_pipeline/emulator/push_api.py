"""The paths /push_subscriptions: made for an application, not for an athlete, so without a token and outside all limits.

Errors in the real one's shape. A callback is called before it is subscribed, and only on this machine.
"""

import asyncio
import json

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from strava_pipeline.emulator.api import state_of
from strava_pipeline.emulator.callback import ask, is_here
from strava_pipeline.emulator.oauth import fields_of, refuse_client
from strava_pipeline.emulator.state import State
from strava_pipeline.emulator.wire import answer, bad_request, not_found

PATH = "/push_subscriptions"
LONGEST_CALLBACK = 255  # characters: developers.strava.com/docs/webhooks
RESOURCE, CALLBACK = "PushSubscription", "callback url"


def routes() -> list[Route]:
    """All paths of subscriptions, below /api/v3."""
    return [
        Route(PATH, view, methods=["GET"]),
        Route(PATH, create, methods=["POST"]),
        Route(f"{PATH}/{{id}}", delete, methods=["DELETE"]),
    ]


async def view(request: Request) -> Response:
    """A list of one subscription, or of none."""
    state, fields = state_of(request), await fields_of(request)
    current = state.subscriptions.current
    found = [] if current is None else [current.document()]
    return refuse_client(state, fields.get("client_id"), fields.get("client_secret")) or answer(found)


async def create(request: Request) -> Response:
    """201 and the subscription, once the callback has said the challenge back."""
    state, fields = state_of(request), await fields_of(request)
    callback, token = fields.get("callback_url", ""), fields.get("verify_token", "")
    refusal = refuse_client(state, fields.get("client_id"), fields.get("client_secret"))
    if refusal is not None:
        return refusal
    checks = (
        (state.subscriptions.current is None, "", "already exists"),
        (bool(callback), CALLBACK, "missing"),
        (len(callback) <= LONGEST_CALLBACK, CALLBACK, "too long"),
        (bool(token), "verify token", "missing"),
        (is_here(callback), CALLBACK, "not on this machine"),
    )
    for right, field, code in checks:
        if not right:
            return bad_request(RESOURCE, field, code)
    fault = await _handshake(state, callback, token)
    if fault is not None:
        return bad_request(RESOURCE, CALLBACK, fault)
    if state.subscriptions.current is not None:  # by another call, while this one was verified
        return bad_request(RESOURCE, "", "already exists")
    return answer(state.subscriptions.begin(callback, state.clock.now()).document(), 201)


async def delete(request: Request) -> Response:
    """204 without a body."""
    state, fields = state_of(request), await fields_of(request)
    refusal = refuse_client(state, fields.get("client_id"), fields.get("client_secret"))
    if refusal is not None:
        return refusal
    return Response(status_code=204) if state.subscriptions.end(request.path_params["id"]) else not_found(RESOURCE)


async def _handshake(state: State, callback: str, token: str) -> str | None:
    """What is wrong with how a callback answers, in Strava's words; None: nothing."""
    challenge = state.subscriptions.challenge()
    query = {"hub.mode": "subscribe", "hub.challenge": challenge, "hub.verify_token": token}
    status, body = await asyncio.to_thread(ask, callback, query, state.deliveries.orders.timeout)
    if status != 200:
        return "GET to callback URL does not return 200"
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        said = None
    return None if isinstance(said, dict) and said.get("hub.challenge") == challenge else "not verifiable"
