"""OAuth of services besides Strava: a person consents on the service's page, and the tokens for the code are stored.

A client whose tokens end saves and renews them itself, as Wahoo's does. Strava has its own (strava/oauth.py); the file
is that of all logins (login_file.py).
"""

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from pydantic import SecretStr

from strava_pipeline.core.errors import (
    MissingSettingsError,
    MisuseError,
    NeedsLoginError,
    TransientError,
)
from strava_pipeline.core.json_values import json_bytes, object_of
from strava_pipeline.core.providers import spec_of
from strava_pipeline.environment.settings import Settings, env_file
from strava_pipeline.ingest.clock import ServerClock
from strava_pipeline.ingest.consent import Consent, ConsentPage, RedirectListener, read_consent
from strava_pipeline.ingest.http import Wire, make_wire
from strava_pipeline.ingest.login_file import LoginFile, StoredLogin, is_token
from strava_pipeline.ingest.provider import LoginRequest

PASTED = "http://localhost/"  # the page redirects here if nobody listens, and the person copies the address


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceApplication:
    """The user's application at a service, and the page on which a person gives it access.

    Args:
        name: of the service.
        prefix: of its settings: PREFIX_CLIENT_ID and PREFIX_CLIENT_SECRET are the application's.
        pair: the values of these two.
        url: the address of the service, in the settings.
        token_path, authorize_path: where a code is exchanged, and where the page is.
        scopes: the requested scopes, with the consequence of missing each; empty if the service has none.
        covers: the scopes that include another one, by that.
        scope_mark: the separator of scopes in the page's address.
        sends_json: whether the code goes as JSON and not as a form.
        account_of: the account in the answer to a code, or None.
    """

    name: str
    prefix: str
    pair: Callable[[Settings], tuple[str | None, SecretStr | None]]
    url: Callable[[Settings], str]
    token_path: str
    authorize_path: str = "/oauth/authorize"
    scopes: Callable[[LoginRequest], Mapping[str, str]] = lambda request: {}
    covers: Mapping[str, str] = field(default_factory=dict)
    scope_mark: str = ","
    sends_json: bool = False
    account_of: Callable[[Mapping[str, Any]], str | None] = lambda answer: None

    @property
    def title(self) -> str:
        """The service's name, for a person."""
        return spec_of(self.name).title

    @property
    def again(self) -> str:
        """A person's command to log in, as a sentence."""
        return f"Run {self.page.command}."

    @property
    def page(self) -> ConsentPage:
        """Its page, for messages."""
        return ConsentPage(self.title, f"strava-pipeline providers login {self.name}")

    def is_set(self, settings: Settings) -> bool:
        """Whether the settings name the application."""
        return None not in self.pair(settings)

    def credentials(self, settings: Settings) -> dict[str, str]:
        """The application's id and secret, as sent to a service. Raises MissingSettingsError."""
        client_id, secret = self.pair(settings)
        if client_id is None or secret is None:
            raise MissingSettingsError(self.missing)
        return {"client_id": client_id, "client_secret": secret.get_secret_value().strip()}

    @property
    def missing(self) -> str:
        """The sentence for settings without an application."""
        names = f"{self.prefix}_CLIENT_ID and {self.prefix}_CLIENT_SECRET"
        return f"{names} are not set. {spec_of(self.name).login_steps} Put both into {env_file()}."

    def log_in(self, settings: Settings, clock: ServerClock, request: LoginRequest) -> None:
        """Show the page, read the answer, exchange the code, and save the login, whose token does not end.

        Raises NeedsLoginError, TransientError; MisuseError for a file of tokens.
        """
        answer, granted = buy_by_consent(self, settings, make_wire(settings, clock), request)
        login = {"access_token": answer["access_token"], "scope": list(granted or ())}
        login_file(settings, self.name).save(ServiceToken({**login, "account": self.account_of(answer)}))

    def find_login(self, settings: Settings, names: Sequence[str], steps: str) -> "ServiceToken | Sequence[str]":
        """The login by the page, or else the values of the settings `names`, which together are a login.

        `steps`: how to get these, as a sentence. Raises MissingSettingsError without either, NeedsLoginError if the
        login's file can't be used.
        """
        if (token := login_file(settings, self.name).find()) is not None:
            return token
        found = [settings.secret(name) for name in names]
        if all(found):
            return [each.get_secret_value() for each in found if each is not None]
        if self.is_set(settings) and not any(found):
            raise MissingSettingsError(f"There is no login at {self.title} yet. {self.again}")
        absent = " and ".join(name for name, value in zip(names, found, strict=True) if value is None)
        raise MissingSettingsError(f"Not set: {absent}. {steps} Settings go into {env_file()}.")


class ServiceToken(StoredLogin):
    """A login by OAuth."""

    needs = ("access_token",)


def buy_by_consent(
    application: ServiceApplication, settings: Settings, wire: Wire, request: LoginRequest
) -> tuple[Mapping[str, Any], Sequence[str] | None]:
    """Show the page, read the answer, and exchange the code; returns the service's answer, and the granted scopes.

    For a client that saves the login itself, because its tokens end and are renewed. Raises as
    `ServiceApplication.log_in`.
    """
    if request.tokens is not None:
        raise MisuseError(f"{application.title} logs in on its own page, so there is no file of tokens.")
    credentials, scopes = application.credentials(settings), application.scopes(request)
    query = {"client_id": credentials["client_id"], "response_type": "code"}
    query |= {"scope": application.scope_mark.join(scopes)} if scopes else {}
    consent, redirect = _consent(
        application, f"{application.url(settings)}{application.authorize_path}", query, request
    )
    sent = {**credentials, "code": consent.code, "grant_type": "authorization_code", "redirect_uri": redirect}
    answer = _exchanged(application, f"{application.url(settings)}{application.token_path}", sent, wire)
    said = answer.get("scope")
    granted = consent.scopes or (tuple(said.replace(",", " ").split()) if isinstance(said, str) else None)
    for scope in missing_scopes(scopes, application.covers, granted):
        request.say(f"Not granted: {scope} – {scopes[scope]}. To change that, log in again.")
    return answer, granted


def missing_scopes(asked: Iterable[str], covers: Mapping[str, str], granted: Sequence[str] | None) -> list[str]:
    """The requested scopes that were not granted; empty if the service does not tell."""
    if granted is None:
        return []
    return [scope for scope in asked if scope not in granted and covers.get(scope) not in granted]


def _consent(
    application: ServiceApplication, url: str, query: Mapping[str, str], request: LoginRequest
) -> tuple[Consent, str]:
    """The person's answer, and the address to which the page redirected."""
    page = application.page
    if request.code is not None:
        return read_consent(request.code, None, page), PASTED  # no page of ours was shown before: no state to compare
    state = secrets.token_urlsafe(16)

    def show(redirect: str) -> None:
        asked = urlencode({**query, "redirect_uri": redirect, "state": state}, safe=",:/")
        request.say(f"Open this page and allow access:\n\n  {url}?{asked}\n")

    if request.listen is None:
        show(PASTED)
        request.say(f"{page.title} then sends you to an address that may not open. Copy it whole from the address bar.")
        return read_consent(request.ask("Paste that address, or its code"), state, page), PASTED
    with RedirectListener(request.listen, state, page, path="/") as listener:
        show(listener.redirect_uri)
        request.say(f"Waiting for the answer of {page.title} …")
        return read_consent(listener.wait(), state, page), listener.redirect_uri


def _exchanged(application: ServiceApplication, url: str, sent: dict[str, str], wire: Wire) -> dict[str, Any]:
    """The answer to the code, which works once."""
    body = {"json": json_bytes(sent)} if application.sends_json else {"form": sent}
    exchange = wire.send("POST", url, name=f"the login at {application.title}", **body)
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
        f"minutes. {application.again} If that fails too, check the client id, its secret and the redirect "
        f"address ({sent['redirect_uri']}) in the application's settings there."
    )


def login_file(settings: Settings, name: str) -> LoginFile[ServiceToken]:
    """The file of a login by OAuth at the service `name`."""
    path, log_in = token_file(settings, name), f"run strava-pipeline providers login {name}"
    return LoginFile(path=path, parse=ServiceToken, log_in=log_in, damaged=f"{path} holds no login. R{log_in[1:]}.")


def token_file(settings: Settings, name: str) -> Path:
    """The path of the login."""
    return settings.secrets_dir / f"{name}_token.json"
