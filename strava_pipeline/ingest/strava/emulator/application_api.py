"""Requests of an application itself, with its id and secret instead of an athlete's token and outside the limits.

OAuth below the base URL: consent (always given, unless an order says otherwise), tokens, revocation. Push subscriptions
below the API: at most one, and the callback must be on this machine and repeat a challenge first.
"""

import asyncio
import base64
import binascii
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from strava_pipeline.core.json_values import json_if_any
from strava_pipeline.emulator.deliveries import ask, is_local
from strava_pipeline.emulator.service import answer
from strava_pipeline.ingest.strava.emulator.api import bad_request, not_found, state_of, unauthorized
from strava_pipeline.ingest.strava.emulator.application import SCOPES
from strava_pipeline.ingest.strava.emulator.changes import withdraw
from strava_pipeline.ingest.strava.emulator.state import State
from strava_pipeline.ingest.strava.emulator.summaries import summary_athlete

SUBSCRIPTIONS = "/push_subscriptions"
RESOURCE, CALLBACK = "PushSubscription", "callback url"  # Strava's names in errors


def oauth_routes() -> list[Route]:
    """The paths of OAuth, below the base URL."""
    return [
        Route("/oauth/authorize", authorize),
        Route("/oauth/token", token, methods=["POST"]),
        Route("/oauth/revoke", revoke, methods=["POST"]),
    ]


async def authorize(request: Request) -> Response:
    """The consent page, without a question: redirects to redirect_uri with a code, or with error=access_denied."""
    state, query = state_of(request), request.query_params
    redirect = query.get("redirect_uri", "")
    scopes = tuple(query.get("scope", "").replace(" ", ",").split(","))
    checks = (
        (query.get("client_id") == state.config.client_id, "Application", "client_id"),
        (bool(urlsplit(redirect).scheme and urlsplit(redirect).netloc), "Application", "redirect_uri"),
        (set(scopes) <= set(SCOPES), "Authorize", "scope"),
    )
    for valid, resource, field in checks:
        if not valid:
            return bad_request(resource, field)
    back: dict[str, str] = {"state": query.get("state", "")}
    if state.tokens.denied:
        back["error"] = "access_denied"
    else:
        grant = state.tokens.consent(scopes)
        back |= {"code": state.tokens.new_code(grant), "scope": ",".join(grant.scopes)}
    separator = "&" if urlsplit(redirect).query else "?"
    return RedirectResponse(f"{redirect}{separator}{urlencode(back, safe=',:')}", 302)


def _by_client(
    handle: Callable[[Request, State, Mapping[str, str]], Awaitable[Response]],
) -> Callable[[Request], Awaitable[Response]]:
    """The answer of `handle`, with the sent fields, or the one to a wrong id or secret of the application."""

    async def answered(request: Request) -> Response:
        state, fields = state_of(request), await _sent_fields(request)
        if fields.get("client_id") != state.config.client_id:
            return bad_request("Application", "client_id")
        if fields.get("client_secret") != state.config.client_secret:
            return unauthorized("Application", "", "invalid")
        return await handle(request, state, fields)

    return answered


@_by_client
async def token(request: Request, state: State, fields: Mapping[str, str]) -> Response:
    """New tokens for a code or a refresh token, which is then used up."""
    match fields.get("grant_type"):
        case "authorization_code":
            pair = state.tokens.exchange_code(fields.get("code", ""), state.epoch)
            if pair is None:
                return bad_request("RequestToken", "code")
            return answer(pair | {"athlete": summary_athlete(state.config, state.athlete["id"])})
        case "refresh_token":
            pair = state.tokens.refresh(fields.get("refresh_token", ""), state.epoch)
            return bad_request("RefreshToken", "refresh_token") if pair is None else answer(pair)
        case _:
            return bad_request("Application", "grant_type")


async def revoke(request: Request) -> Response:
    """Withdraw a login: HTTP Basic with the client's id and secret, form field `token`."""
    state, fields = state_of(request), await _sent_fields(request)
    client_id, secret = _basic_credentials(request.headers.get("authorization", ""))
    if client_id != state.config.client_id or secret != state.config.client_secret:
        return unauthorized("Application", "", "invalid")
    if "token" not in fields:
        return bad_request("Application", "token", "missing")
    if state.tokens.is_issued(fields["token"]):  # an unknown token is not an error: RFC 7009, section 2.2
        withdraw(state)
    return answer({})


async def _sent_fields(request: Request) -> dict[str, str]:
    """The fields of query and form; those of the form count where both have one."""
    body = (await request.body()).decode("utf-8", "replace")
    return dict(request.query_params) | dict(parse_qsl(body))


def _basic_credentials(header: str) -> tuple[str, str]:
    kind, _, encoded = header.partition(" ")
    try:
        user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return (user, password) if kind.lower() == "basic" else ("", "")


def subscription_routes() -> list[Route]:
    """The paths of push subscriptions, below the API."""
    return [
        Route(SUBSCRIPTIONS, view_subscription, methods=["GET"]),
        Route(SUBSCRIPTIONS, subscribe, methods=["POST"]),
        Route(f"{SUBSCRIPTIONS}/{{id}}", unsubscribe, methods=["DELETE"]),
    ]


@_by_client
async def view_subscription(request: Request, state: State, fields: Mapping[str, str]) -> Response:
    """A list of the one subscription, or an empty list."""
    current = state.subscriptions.current
    return answer([] if current is None else [current.document()])


@_by_client
async def subscribe(request: Request, state: State, fields: Mapping[str, str]) -> Response:
    """201 and the subscription, after the callback has repeated the challenge."""
    callback, token = fields.get("callback_url", ""), fields.get("verify_token", "")
    checks = (
        (state.subscriptions.current is None, "", "already exists"),
        (is_local(callback), CALLBACK, "not on this machine"),
    )
    for valid, field, code in checks:
        if not valid:
            return bad_request(RESOURCE, field, code)
    fault = await _handshake(state, callback, token)
    if fault is not None:
        return bad_request(RESOURCE, CALLBACK, fault)
    if state.subscriptions.current is not None:  # another call was faster during the handshake
        return bad_request(RESOURCE, "", "already exists")
    return answer(state.subscriptions.begin(callback, state.clock.now()).document(), 201)


@_by_client
async def unsubscribe(request: Request, state: State, fields: Mapping[str, str]) -> Response:
    """204, or 404 for an unknown id."""
    return Response(status_code=204) if state.subscriptions.end(request.path_params["id"]) else not_found(RESOURCE)


async def _handshake(state: State, callback: str, token: str) -> str | None:
    """Strava's message about a callback's wrong answer, or None if it is right."""
    challenge = state.subscriptions.challenge()
    query = {"hub.mode": "subscribe", "hub.challenge": challenge, "hub.verify_token": token}
    status, body = await asyncio.to_thread(ask, callback, query, state.deliveries.orders.timeout)
    if status != 200:
        return "GET to callback URL does not return 200"
    reply = json_if_any(body)
    return None if isinstance(reply, dict) and reply.get("hub.challenge") == challenge else "not verifiable"
