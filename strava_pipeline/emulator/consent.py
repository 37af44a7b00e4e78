"""OAuth at the emulated services besides Strava: a page that asks nothing, codes that work once, tokens that stay valid."""

from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from strava_pipeline.emulator.service import Json, answer

CODE_SECONDS = 120  # by the author of intervals.icu; Ride with GPS does not say


@dataclass
class Consents:
    """The application of a service, its codes and tokens.

    Args:
        denied: whether the person refuses.
        withheld: scopes that the person does not grant.
        codes: when each was given (epoch seconds), for which address and scopes.
        tokens: the accepted access tokens, each with its scopes.
    """

    client_id: str
    client_secret: str
    denied: bool = False
    withheld: frozenset[str] = frozenset()
    codes: dict[str, tuple[float, str, str]] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)

    def agree(self, query: Json, epoch: float) -> Response:
        """The answer of the page: a redirect with a code and the state, or with the refusal."""
        redirect = str(query.get("redirect_uri", ""))
        if query.get("client_id") != self.client_id or not urlsplit(redirect).netloc:
            return answer({"error": "invalid client or redirect_uri"}, 400)
        back = {"state": str(query["state"])} if query.get("state") else {}
        if self.denied:
            back["error"] = "access_denied"
        else:
            back["code"] = f"code-{len(self.codes) + 1}"
            asked = str(query.get("scope", "")).split(",")
            scopes = ",".join(scope for scope in asked if scope not in self.withheld)
            self.codes[back["code"]] = epoch, redirect, scopes
        return RedirectResponse(f"{redirect}?{urlencode(back)}", 302)

    def exchange(self, sent: Json, epoch: float, *, with_redirect: bool) -> tuple[str, str] | None:
        """The token and the scopes for a code, or None if it is refused."""
        at, redirect, scopes = self.codes.pop(str(sent.get("code")), (0.0, "", ""))
        is_application = (sent.get("client_id"), sent.get("client_secret")) == (self.client_id, self.client_secret)
        if not is_application or epoch - at > CODE_SECONDS or (with_redirect and sent.get("redirect_uri") != redirect):
            return None
        token = f"token-of-{sent['code']}"
        self.tokens[token] = scopes
        return token, scopes

    def has(self, authorization: str) -> bool:
        """Whether a header is a login with one of the tokens."""
        return self.scopes_of(authorization) is not None

    def scopes_of(self, authorization: str) -> str | None:
        """The scopes of the token in a header, separated by commas, or None for an unknown token."""
        kind, _, token = authorization.partition(" ")
        return self.tokens.get(token) if kind == "Bearer" else None


def consent_route(consents: Consents, epoch: Callable[[], float]) -> Route:
    """The route of the page."""

    async def authorize(request: Request) -> Response:
        return consents.agree(dict(request.query_params), epoch())

    return Route("/oauth/authorize", authorize)
