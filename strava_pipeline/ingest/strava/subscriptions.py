"""Strava's webhook subscription of an API application: made, looked at, deleted. There is one at most.

Made with the application's id and secret, not with a login; these calls count in no limit. What is kept of it on disk is
`subscription_file.py`'s.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urlsplit

from strava_pipeline.core.errors import MisuseError, PipelineError, TransientError
from strava_pipeline.core.webhooks import intake_path
from strava_pipeline.ingest.clock import ServerClock
from strava_pipeline.ingest.http import Exchange, Wire
from strava_pipeline.ingest.retries import retrying
from strava_pipeline.ingest.strava.hosts import keep_at_home
from strava_pipeline.ingest.strava.oauth import application_refusal, fault_codes
from strava_pipeline.settings import Application

LONGEST_CALLBACK = 255  # characters: developers.strava.com/docs/webhooks
RESOURCE, CALLBACK = "PushSubscription", "callback url"
_SECRET_PLACE = intake_path("")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Subscription:
    """Where Strava sends events. The path of the address is secret: `shown` is what may be told of it."""

    id: int
    callback_url: str = field(repr=False)

    @property
    def shown(self) -> str:
        return masked(self.callback_url)


class AlreadySubscribedError(PipelineError):
    """The application has another subscription; `found` is it, unless it was gone a moment later."""

    def __init__(self, found: Subscription | None) -> None:
        which = f"{found.id}, to {found.shown}" if found else "deleted since"
        super().__init__(
            f"This API application has a subscription already ({which}); Strava allows one. If nobody needs it, delete "
            "it with strava-pipeline subscription delete, then create this one."
        )
        self.found = found


class Subscriptions:
    """Speaks for one API application to the API at `api_url`."""

    def __init__(
        self,
        api_url: str,
        application: Application,
        wire: Wire,
        clock: ServerClock,
        jitter: Callable[[], float],
    ) -> None:
        self._url, self._application = f"{api_url}/push_subscriptions", application
        self._wire, self._clock, self._jitter = wire, clock, jitter

    def create(self, callback_url: str, verify_token: str) -> Subscription:
        """Subscribe the callback, which Strava calls before it answers. The one there is, if it has the same callback.

        Raises AlreadySubscribedError, PipelineError for a callback that does not answer as it should.
        """
        if len(callback_url) > LONGEST_CALLBACK:
            raise MisuseError(
                f"The callback's address, secret included, has {len(callback_url)} characters; Strava takes "
                f"{LONGEST_CALLBACK}."
            )
        form = {"callback_url": callback_url, "verify_token": verify_token}
        made = self._ask("POST", lambda exchange: _made(exchange, masked(callback_url)), form=form)
        if made is not None:
            return made
        found = self.view()  # an answer that was lost may have been about this very one
        if found is None or found.callback_url != callback_url:
            raise AlreadySubscribedError(found)
        return found

    def view(self) -> Subscription | None:
        """The application's subscription."""
        return self._ask("GET", _listed)

    def delete(self, identity: int) -> None:
        """Delete it; no error if it is gone already."""
        self._ask("DELETE", _deleted, f"/{identity}")

    def _ask(
        self, method: str, read: Callable[[Exchange], T], path: str = "", *, form: Mapping[str, str] | None = None
    ) -> T:
        """What `read` makes of the answer; a TransientError, its own too, is tried again."""
        secret = self._application.client_secret.get_secret_value()
        keep_at_home(secret, self._url)
        proof = {"client_id": self._application.client_id, "client_secret": secret}
        params, form = (proof, None) if form is None else (None, {**proof, **form})
        for attempt in retrying(self._jitter, self._clock.sleep):
            with attempt:
                exchange = self._wire.send(method, f"{self._url}{path}", params=params, form=form)
                self._clock.learn(exchange.headers, elapsed=exchange.seconds)
                if exchange.status >= 500 or exchange.status == 429:
                    raise TransientError(f"Strava's subscriptions answered {exchange.status}", status=exchange.status)
                return read(exchange)
        raise AssertionError("tenacity either returns or raises")


def masked(callback_url: str) -> str:
    """An address without what is secret in it: what follows our intake's place, or else the whole path."""
    try:
        parts = urlsplit(callback_url)
    except ValueError:  # half an IPv6 address
        return "***"
    before, place, _ = parts.path.partition(_SECRET_PLACE)
    path = f"{before}{place}***" if place else "/***" if before.strip("/") else before
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{path}"


def _made(exchange: Exchange, callback: str) -> Subscription | None:
    """The new subscription; None where there is one already."""
    if exchange.status in (200, 201):
        return _subscription(_value(exchange))
    if any((resource, code) == (RESOURCE, "already exists") for resource, _, code in fault_codes(_value(exchange))):
        return None
    raise _refusal(exchange, callback)


def _listed(exchange: Exchange) -> Subscription | None:
    listed = _value(exchange)
    if exchange.status != 200:
        raise _refusal(exchange)
    if not isinstance(listed, list):
        raise _unreadable()
    return _subscription(listed[0]) if listed else None


def _deleted(exchange: Exchange) -> None:
    if exchange.status not in (200, 204, 404):
        raise _refusal(exchange)


def _refusal(exchange: Exchange, callback: str = "") -> PipelineError:
    status, answer = exchange.status, _value(exchange)
    of_application = application_refusal(status, fault_codes(answer))
    if of_application is not None:
        return of_application
    fields = {name for resource, name, _ in fault_codes(answer) if resource == RESOURCE}
    if CALLBACK in fields:
        return PipelineError(
            f"Strava called {callback} and did not get what it needs within 2 seconds: nothing was subscribed. Check that "
            "strava-pipeline serve is running with the same STRAVA_WEBHOOK_SECRET, that this address reaches it from the "
            "internet (proxy, tunnel, firewall), and that its certificate is valid; then run this again."
        )
    if 300 <= status < 400:
        return PipelineError(
            f"Strava's subscriptions answered with a redirect ({status}), not followed. STRAVA_API_URL may be wrong."
        )
    named = f" (about {', '.join(sorted(filter(None, fields)))})" if any(fields) else ""
    return PipelineError(f"Strava's subscriptions answered {status}{named}; check the settings.")


def _value(exchange: Exchange) -> Any:
    try:
        return json.loads(exchange.body)
    except (ValueError, RecursionError):
        return None


def _subscription(value: Any) -> Subscription:
    if isinstance(value, dict):
        identity, callback = value.get("id"), value.get("callback_url")
        if isinstance(identity, int) and not isinstance(identity, bool) and isinstance(callback, str):
            return Subscription(identity, callback)
    raise _unreadable()


def _unreadable() -> TransientError:
    return TransientError("Strava's subscriptions gave an answer without a subscription")
