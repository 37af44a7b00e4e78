"""OAuth of services besides Strava: a person agrees on the service's page, and what the code buys is kept.

Their tokens neither expire nor are they renewed. Strava, whose tokens are renewed every six hours, has its own (strava/oauth.py);
the file is that of all logins (login_file.py).
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from strava_pipeline.core.errors import MisuseError, NeedsLoginError, TransientError
from strava_pipeline.core.json_values import json_bytes
from strava_pipeline.ingest.consent import Consent, ConsentPage, RedirectListener, read_consent
from strava_pipeline.ingest.http import Wire
from strava_pipeline.ingest.login_file import LoginFile, StoredLogin
from strava_pipeline.ingest.provider import LoginRequest
from strava_pipeline.ingest.token_values import is_token, object_of
from strava_pipeline.settings import Settings

PASTED = "http://localhost/"  # where the page leads to if nobody listens: the person copies the address


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceApplication:
    """The user's application at a service.

    Args:
        name, title: of the service.
        authorize_url, token_url: its page for the person, and where a code is exchanged.
        scopes: what is asked for, with what is missing without each; none: the service has none.
        covers: the scopes that include another one, by that.
        scope_mark: what stands between scopes in the page's address.
        sends_json: whether the code goes as JSON and not as a form.
        account_of: the account in the answer to a code; None: it does not say.
    """

    name: str
    title: str
    authorize_url: str
    token_url: str
    client_id: str
    client_secret: str = field(repr=False)
    scopes: Mapping[str, str] = field(default_factory=dict)
    covers: Mapping[str, str] = field(default_factory=dict)
    scope_mark: str = ","
    sends_json: bool = False
    account_of: Callable[[Mapping[str, Any]], str | None]

    @property
    def page(self) -> ConsentPage:
        """Its page, as messages speak of it."""
        return ConsentPage(self.title, f"strava-pipeline providers login {self.name}")


class ServiceToken(StoredLogin):
    """What a login by OAuth got."""

    needs = ("access_token",)


def log_in_by_consent(application: ServiceApplication, settings: Settings, wire: Wire, request: LoginRequest) -> None:
    """Show the page, read the answer, exchange the code, and save the login.

    Raises NeedsLoginError, TransientError; MisuseError for a file of tokens.
    """
    answer, granted = buy_by_consent(application, wire, request)
    login = {"access_token": answer["access_token"], "scope": list(granted or ())}
    login_file(settings, application.name).save(ServiceToken({**login, "account": application.account_of(answer)}))


def buy_by_consent(
    application: ServiceApplication, wire: Wire, request: LoginRequest
) -> tuple[Mapping[str, Any], Sequence[str] | None]:
    """Show the page, read the answer, and exchange the code: what the service answered to it, and the scopes that it granted.

    For a client that saves the login itself, because its tokens end and are renewed. Raises as `log_in_by_consent`.
    """
    if request.tokens is not None:
        raise MisuseError(f"{application.title} logs in on its own page, so there is no file of tokens.")
    consent, redirect = _consent(application, request)
    answer = _exchanged(application, wire, consent.code, redirect)
    said = answer.get("scope")
    granted = consent.scopes or (tuple(said.replace(",", " ").split()) if isinstance(said, str) else None)
    for scope in missing_scopes(application, granted):
        request.say(f"Not granted: {scope} – {application.scopes[scope]}. To change that, log in again.")
    return answer, granted


def missing_scopes(application: ServiceApplication, granted: Sequence[str] | None) -> list[str]:
    """The scopes that were asked for and not granted; none, where the service does not say which were."""
    if granted is None:
        return []
    return [
        scope for scope in application.scopes if scope not in granted and application.covers.get(scope) not in granted
    ]


def _consent(application: ServiceApplication, request: LoginRequest) -> tuple[Consent, str]:
    """The person's answer, and the address to which the page led."""
    page = application.page
    if request.code is not None:
        return read_consent(request.code, None, page), PASTED  # no page of ours was shown before: no state to compare
    state = secrets.token_urlsafe(16)
    if request.listen is None:
        _show(application, request, PASTED, state)
        request.say(f"{page.title} then sends you to an address that may not open. Copy it whole from the address bar.")
        return read_consent(request.ask("Paste that address, or its code"), state, page), PASTED
    with RedirectListener(request.listen, state, page, path="/") as listener:
        _show(application, request, listener.redirect_uri, state)
        request.say(f"Waiting for the answer of {page.title} …")
        return read_consent(listener.wait(), state, page), listener.redirect_uri


def _show(application: ServiceApplication, request: LoginRequest, redirect: str, state: str) -> None:
    query = {"client_id": application.client_id, "redirect_uri": redirect, "response_type": "code", "state": state}
    if application.scopes:
        query["scope"] = application.scope_mark.join(application.scopes)
    url = f"{application.authorize_url}?{urlencode(query, safe=',:/')}"
    request.say(f"Open this page and allow access:\n\n  {url}\n")


def _exchanged(application: ServiceApplication, wire: Wire, code: str, redirect: str) -> dict[str, Any]:
    """The answer to the code, which works once."""
    sent = {"client_id": application.client_id, "client_secret": application.client_secret, "code": code}
    sent |= {"grant_type": "authorization_code", "redirect_uri": redirect}
    body = {"json": json_bytes(sent)} if application.sends_json else {"form": sent}
    exchange = wire.send("POST", application.token_url, name=f"the login at {application.title}", **body)
    answer = object_of(exchange.body)
    if exchange.status in (200, 201) and is_token(answer.get("access_token")):
        return answer
    if exchange.status >= 500 or exchange.status == 429:
        raise TransientError(
            f"{application.title} answered the login with {exchange.status}; nothing was changed. Log in again later.",
            status=exchange.status,
        )
    raise NeedsLoginError(
        f"{application.title} did not accept the code ({exchange.status}); nothing was changed. A code works once, for some "
        f"minutes. Run {application.page.command} again. If that fails too, check the client id, its secret and the redirect "
        f"address ({redirect}) in the application's settings there."
    )


def stored_token(settings: Settings, name: str) -> ServiceToken | None:
    """The login by OAuth at the service `name`; None: there is none. Raises NeedsLoginError where its file can't be used."""
    return login_file(settings, name).find()


def login_file(settings: Settings, name: str) -> LoginFile[ServiceToken]:
    """The file of a login by OAuth at the service `name`."""
    path, log_in = token_file(settings, name), f"run strava-pipeline providers login {name}"
    return LoginFile(path=path, parse=ServiceToken, log_in=log_in, damaged=f"{path} holds no login. R{log_in[1:]}.")


def token_file(settings: Settings, name: str) -> Path:
    """Where the login is kept."""
    return settings.secrets_dir / f"{name}_token.json"
