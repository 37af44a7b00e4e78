"""Strava's webhook subscription of an API application, which has at most one, and this installation's record of it.

Strava is asked with the application's id and secret, not with a login; these calls count in no limit. The file in the
secrets folder (the callback contains the path's secret) only records the answer, so that events of others are refused
without a call.
"""

import logging
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from strava_pipeline.core.deliveries import intake_path
from strava_pipeline.core.errors import MisuseError, PipelineError, TransientError, WrongApplicationError
from strava_pipeline.core.json_values import json_if_any, object_of
from strava_pipeline.core.sources import STRAVA
from strava_pipeline.environment.settings import Application, Settings
from strava_pipeline.ingest.calls import retrying
from strava_pipeline.ingest.clock import ServerClock
from strava_pipeline.ingest.http import Exchange, Wire, make_wire
from strava_pipeline.ingest.refusals import refuse_unusable
from strava_pipeline.ingest.secret_file import save_secret
from strava_pipeline.ingest.strava.oauth import keep_emulator_tokens_here
from strava_pipeline.ingest.strava.refusals import application_fault, fault_codes
from strava_pipeline.ingest.strava.webhooks import verify_token as verify_token

LONGEST_CALLBACK = 255  # characters: developers.strava.com/docs/webhooks
RESOURCE, CALLBACK = "PushSubscription", "callback url"
_SECRET_PLACE = f"{intake_path(STRAVA)}/"

T = TypeVar("T")
VIEW = "run strava-pipeline subscription view"
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Subscription:
    """Where Strava sends events. The path of the address is secret: `shown` may be printed."""

    id: int
    callback_url: str = field(repr=False)

    @property
    def shown(self) -> str:
        return masked(self.callback_url)


class AlreadySubscribedError(PipelineError):
    """The application has another subscription; `found` is it, or None if it was gone a moment later."""

    def __init__(self, found: Subscription | None) -> None:
        which = f"{found.id}, to {found.shown}" if found else "deleted since"
        super().__init__(
            f"This API application has a subscription already ({which}); Strava allows one. If nobody needs it, delete "
            "it with strava-pipeline subscription delete, then create this one."
        )
        self.found = found


class Subscriptions:
    """Speaks for one API application to the API at `api_url`."""

    def __init__(self, api_url: str, application: Application, wire: Wire, clock: ServerClock) -> None:
        self._url, self._application = f"{api_url}/push_subscriptions", application
        self._wire, self._clock = wire, clock

    def create(self, callback_url: str, verify_token: str) -> Subscription:
        """Subscribe the callback, which Strava calls before it answers. An existing subscription with the callback is returned.

        Raises AlreadySubscribedError for another callback, PipelineError for one that answers wrongly.
        """
        if len(callback_url) > LONGEST_CALLBACK:
            raise MisuseError(
                f"The callback's address, secret included, has {len(callback_url)} characters; Strava takes "
                f"{LONGEST_CALLBACK}."
            )
        form = {"callback_url": callback_url, "verify_token": verify_token}
        created = self._ask("POST", lambda exchange: _created(exchange, masked(callback_url)), form=form)
        if created is not None:
            return created
        found = self.view()  # an answer that was lost may have been about this very one
        if found is None or found.callback_url != callback_url:
            raise AlreadySubscribedError(found)
        return found

    def view(self) -> Subscription | None:
        """The application's subscription."""
        return self._ask("GET", _listed)

    def delete(self, identity: int) -> None:
        """Delete the subscription; no error if it is already gone."""
        self._ask("DELETE", _deleted, f"/{identity}")

    def _ask(
        self, method: str, read: Callable[[Exchange], T], path: str = "", *, form: Mapping[str, str] | None = None
    ) -> T:
        """The result of `read` for the answer; a TransientError, also from `read`, is retried."""
        secret = self._application.client_secret.get_secret_value()
        keep_emulator_tokens_here(secret, self._url)
        proof = {"client_id": self._application.client_id, "client_secret": secret}
        params, form = (proof, None) if form is None else (None, {**proof, **form})
        for attempt in retrying(random.random, self._clock.sleep):
            with attempt:
                exchange = self._wire.send(method, f"{self._url}{path}", params=params, form=form)
                self._clock.learn(exchange.headers, elapsed=exchange.seconds)
                refuse_unusable(exchange, "Strava's subscriptions", "STRAVA_API_URL")
                return read(exchange)
        raise AssertionError("tenacity either returns or raises")


def masked(callback_url: str) -> str:
    """The address without its secret: without the part after our intake's place, or else without the whole path."""
    try:
        parts = urlsplit(callback_url)
    except ValueError:  # half an IPv6 address
        return "***"
    before, place, _ = parts.path.partition(_SECRET_PLACE)
    path = f"{before}{place}***" if place else "/***" if before.strip("/") else before
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{path}"


def _created(exchange: Exchange, callback: str) -> Subscription | None:
    """The new subscription, or None if there is already one."""
    if exchange.status in (200, 201):
        return _subscription(json_if_any(exchange.body))
    if any(
        (resource, code) == (RESOURCE, "already exists")
        for resource, _, code in fault_codes(json_if_any(exchange.body))
    ):
        return None
    raise _refusal(exchange, callback)


def _listed(exchange: Exchange) -> Subscription | None:
    listed = json_if_any(exchange.body)
    if exchange.status != 200:
        raise _refusal(exchange)
    if not isinstance(listed, list):
        raise _unreadable()
    return _subscription(listed[0]) if listed else None


def _deleted(exchange: Exchange) -> None:
    if exchange.status not in (200, 204, 404):
        raise _refusal(exchange)


def _refusal(exchange: Exchange, callback: str = "") -> PipelineError:
    status, answer = exchange.status, json_if_any(exchange.body)
    if (fault := application_fault(answer)) is not None:
        return WrongApplicationError(fault)
    fields = {name for resource, name, _ in fault_codes(answer) if resource == RESOURCE}
    if CALLBACK in fields:
        return PipelineError(
            f"Strava called {callback} and did not get what it needs within 2 seconds: nothing was subscribed. Check that "
            "strava-pipeline serve is running with the same STRAVA_WEBHOOK_SECRET, that this address reaches it from the "
            "internet (proxy, tunnel, firewall), and that its certificate is valid; then run this again."
        )
    named = f" (about {', '.join(sorted(filter(None, fields)))})" if any(fields) else ""
    return PipelineError(f"Strava's subscriptions answered {status}{named}; check the settings.")


def _subscription(value: Any) -> Subscription:
    if isinstance(value, dict):
        identity, callback = value.get("id"), value.get("callback_url")
        if isinstance(identity, int) and not isinstance(identity, bool) and isinstance(callback, str):
            return Subscription(identity, callback)
    raise _unreadable()


def _unreadable() -> TransientError:
    return TransientError("Strava's subscriptions gave an answer without a subscription")


def make_subscriptions(settings: Settings, wire: Wire, clock: ServerClock) -> Subscriptions:
    """The webhook subscription of the settings' application."""
    return Subscriptions(settings.api_url, settings.require_application(), wire, clock)


def subscription_path(settings: Settings) -> Path:
    """The path of the record of our subscription."""
    return settings.secrets_dir / "strava_subscription.json"


def subscription_id(settings: Settings) -> int | None:
    """The id of our subscription, or None if none is recorded. Raises PipelineError if the file can't be read."""
    path = subscription_path(settings)
    try:
        found = object_of(path.read_bytes()).get("id")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise PipelineError(f"{path} can't be read: {error.strerror}. Correct its permissions.") from None
    if not isinstance(found, int) or isinstance(found, bool):
        raise PipelineError(f"{path} holds no subscription; {VIEW}, which writes it again.")
    return found


def keep_subscription(settings: Settings, subscription: Subscription) -> None:
    """Record that the subscription is ours."""
    path = subscription_path(settings)
    try:
        save_secret(path, {"id": subscription.id, "callback_url": subscription.callback_url})
    except OSError as error:
        raise PipelineError(
            f"Subscription {subscription.id} exists, but can't be noted in {path}: {error.strerror}. Free some space or correct "
            f"the folder's permissions, then {VIEW}."
        ) from None


def forget_subscription(settings: Settings) -> None:
    """Record that we no longer have a subscription."""
    subscription_path(settings).unlink(missing_ok=True)


class OwnSubscription:
    """The application's subscription as recorded. If an event names another one, Strava is asked once, as it may be new.

    That call counts in no limit.
    """

    def __init__(self, settings: Settings, clock: ServerClock) -> None:
        self._settings, self._clock = settings, clock
        self._id: int | None = None
        self._was_asked = False
        try:
            self._id = subscription_id(settings)
        except PipelineError as error:
            log.warning("%s", error)

    def may_be(self, identity: int) -> bool:
        """Whether an event of this subscription may be ours; if ours is unknown, any may be."""
        if identity != self._id and not self._was_asked:
            self._was_asked = True
            self._ask()
        return self._id is None or identity == self._id

    def _ask(self) -> None:
        settings, clock = self._settings, self._clock
        try:
            found = make_subscriptions(settings, make_wire(settings, clock), clock).view()
            if found is not None:
                keep_subscription(settings, found)
                self._id = found.id
        except PipelineError as error:
            self._id = None  # an event that is refused is never looked at again
            log.warning(
                "Strava could not be asked which subscription is this application's, so events of any are followed: %s",
                error,
            )
