"""OAuth at the base URL: consent (always given, unless a test says no), tokens, revocation.

Answers and errors have the shape of the real ones. Tokens themselves live in tokens.py.
"""

import base64
import binascii
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from strava_pipeline.emulator.api import state_of
from strava_pipeline.emulator.changes import withdraw
from strava_pipeline.emulator.state import State
from strava_pipeline.emulator.tokens import SCOPES, TokenPair
from strava_pipeline.emulator.wire import Json, answer, bad_request, unauthorized

SUMMARY_ATHLETE = [
    "id",
    "username",
    "resource_state",
    "firstname",
    "lastname",
    "bio",
    "city",
    "state",
    "country",
    "sex",
    "premium",
    "summit",
    "created_at",
    "updated_at",
    "badge_type_id",
    "weight",
    "profile_medium",
    "profile",
    "friend",
    "follower",
]


def routes() -> list[Route]:
    """All paths of OAuth."""
    return [
        Route("/oauth/authorize", authorize),
        Route("/oauth/mobile/authorize", authorize),
        Route("/oauth/token", token, methods=["POST"]),
        Route("/oauth/revoke", revoke, methods=["POST"]),
        Route("/oauth/deauthorize", deauthorize, methods=["POST"]),
    ]


async def authorize(request: Request) -> Response:
    """The consent page, answered at once: back to redirect_uri with a code, or with error=access_denied."""
    state, query = state_of(request), request.query_params
    redirect = query.get("redirect_uri", "")
    scopes = tuple(query.get("scope", "").replace(" ", ",").split(","))
    checks = (
        (query.get("client_id") == state.config.client_id, "Application", "client_id"),
        (bool(urlsplit(redirect).scheme and urlsplit(redirect).netloc), "Application", "redirect_uri"),
        (query.get("response_type") == "code", "Authorize", "response_type"),
        (set(scopes) <= set(SCOPES), "Authorize", "scope"),
        (query.get("approval_prompt", "auto") in ("auto", "force"), "Authorize", "approval_prompt"),
    )
    for right, resource, field in checks:
        if not right:
            return bad_request(resource, field)
    back: dict[str, str] = {"state": query.get("state", "")}
    if state.tokens.denied:
        back["error"] = "access_denied"
    else:
        grant = state.tokens.consent(scopes)
        back |= {"code": state.tokens.new_code(grant), "scope": ",".join(grant.scopes)}
    separator = "&" if urlsplit(redirect).query else "?"
    return RedirectResponse(f"{redirect}{separator}{urlencode(back, safe=',:')}", 302)


async def token(request: Request) -> Response:
    """Tokens for a code or for a refresh token. Both are used up by it."""
    state, fields = state_of(request), await fields_of(request)
    refusal = refuse_client(state, fields.get("client_id"), fields.get("client_secret"))
    if refusal is not None:
        return refusal
    match fields.get("grant_type"):
        case "authorization_code":
            pair = state.tokens.exchange_code(fields.get("code", ""), state.epoch)
            if pair is None:
                return bad_request("RequestToken", "code")
            return answer(_pair(pair) | {"athlete": _summary_athlete(state)})
        case "refresh_token":
            pair = state.tokens.refresh(fields.get("refresh_token", ""), state.epoch)
            if pair is None:
                return bad_request("RefreshToken", "refresh_token")
            return answer(_pair(pair))
        case _:
            return bad_request("Application", "grant_type")


async def revoke(request: Request) -> Response:
    """Withdraw a login: HTTP Basic with the client's id and secret, form field `token`."""
    state, fields = state_of(request), await fields_of(request)
    client_id, secret = _basic(request.headers.get("authorization", ""))
    if client_id != state.config.client_id or secret != state.config.client_secret:
        return unauthorized("Application", "", "invalid")
    if "token" not in fields:
        return bad_request("Application", "token", "missing")
    if state.tokens.knows(fields["token"]):  # an unknown token is no error: RFC 7009, section 2.2
        withdraw(state)
    return answer({})


async def deauthorize(request: Request) -> Response:
    """The older way to withdraw: an access token, in the header or as a field."""
    state, fields = state_of(request), await fields_of(request)
    kind, _, bearer = request.headers.get("authorization", "").partition(" ")
    access = bearer if kind.lower() == "bearer" else fields.get("access_token", "")
    if state.tokens.grant_of(access, state.epoch) is None:
        return unauthorized("Athlete", "access_token", "invalid")
    withdraw(state)
    return answer({"access_token": access})


async def fields_of(request: Request) -> dict[str, str]:
    """Query and form together, the form first."""
    body = (await request.body()).decode("utf-8", "replace")
    return dict(request.query_params) | dict(parse_qsl(body))


def refuse_client(state: State, client_id: str | None, secret: str | None) -> Response | None:
    """What a wrong id or secret of the application is answered with; None: both are right."""
    if client_id != state.config.client_id:
        return bad_request("Application", "client_id")
    if secret != state.config.client_secret:
        return unauthorized("Application", "", "invalid")
    return None


def _pair(pair: TokenPair) -> Json:
    return {
        "token_type": "Bearer",
        "access_token": pair.access,
        "expires_at": pair.expires_at,
        "expires_in": pair.expires_in,
        "refresh_token": pair.refresh,
    }


def _summary_athlete(state: State) -> Json:
    return {key: state.athlete[key] for key in SUMMARY_ATHLETE} | {"resource_state": 2}


def _basic(header: str) -> tuple[str, str]:
    kind, _, encoded = header.partition(" ")
    try:
        user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return (user, password) if kind.lower() == "basic" else ("", "")
