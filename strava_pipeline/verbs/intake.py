"""The commands `serve` and `subscription`: the web intake in the foreground, and the target of Strava's events.

The intake is in serve/. A subscription needs no login, only the API application. A callback's address is never shown
with the secret in its path.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from strava_pipeline.verbs.options import Json, command_group
from strava_pipeline.verbs.output import echo
from strava_pipeline.verbs.views import show

if TYPE_CHECKING:
    from strava_pipeline.core.deliveries import Sender
    from strava_pipeline.environment.settings import Settings

Scripted = Annotated[
    Path | None,
    typer.Option(
        help="Answer for cars and routers from this file of scenarios, in place of the real ones: to try things out.",
        metavar="FILE",
    ),
]


def serve(scripted: Scripted = None) -> None:
    """Take webhook events and phones' pings: each is on disk before it is acknowledged."""
    import sys
    from contextlib import ExitStack, suppress
    from datetime import UTC, datetime

    from strava_pipeline.core.errors import MissingSettingsError
    from strava_pipeline.core.systems import parts
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.serve.app import create_app
    from strava_pipeline.serve.server import run

    def say(line: str) -> None:
        with suppress(OSError):  # a log that can't be written, or that nobody reads any more, costs no event
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()

    def now() -> datetime:
        return datetime.now(UTC)

    settings = Settings.load()
    senders = _senders(settings)
    if not settings.takes_pings and not senders:
        try:
            settings.require_webhook_secret()
        except MissingSettingsError as error:
            raise MissingSettingsError(
                f"There is nothing to receive. For pings (docs/trips/car) there is no {settings.pings_config}. For Strava's "
                f"webhooks (docs/webhooks.md): {error}"
            ) from None
    with ExitStack() as held:
        receivers = [
            receiver
            for system in parts("intake")
            for receiver in held.enter_context(system.receivers(settings, scripted, now))
        ]
        app = create_app(
            Lake(settings.data_dir),
            say=say,
            now=now,
            senders=senders,
            receivers=receivers,
        )
        run(app, settings.serve_address, lambda url: echo(f"Intake listening on {url}", err=True))


def _senders(settings: "Settings") -> "dict[str, Sender]":
    """The services whose deliveries are accepted."""
    from strava_pipeline.core.sources import STRAVA
    from strava_pipeline.ingest.providers_file import UnusableProvidersError
    from strava_pipeline.ingest.webhook_secrets import senders

    try:
        return senders(settings)
    except UnusableProvidersError as error:  # no reason not to take what else comes
        echo(f"No webhooks of services besides Strava are taken. {error}", err=True)
        return senders(settings, [STRAVA])


subscription = command_group("Strava's webhook subscription: where it sends events as they happen.")


@subscription.command()
def create(
    callback: Annotated[
        str,
        typer.Option(
            help="Where the internet reaches `serve`: https://my.host, or with the path that a proxy leads to it."
        ),
    ],
    as_json: Json = False,
) -> None:
    """Have Strava send events here. `serve` must be running: Strava calls it before it agrees."""
    from strava_pipeline.environment.settings import Settings

    settings = Settings.load()
    callback_url = f"{_checked_base(callback)}{_path(_secret(settings))}"
    created = _subscriptions(settings).create(callback_url, _noted().verify_token(_secret(settings)))
    _noted().keep_subscription(settings, created)
    show({"subscription": _shown(created, ours=True)}, as_json=as_json)


@subscription.command()
def view(as_json: Json = False) -> None:
    """Show the application's subscription at Strava, and whether its events come here."""
    from strava_pipeline.environment.settings import Settings

    settings = Settings.load()
    found = _subscriptions(settings).view()
    ours = found is not None and _is_ours(settings, found)
    if found is not None and ours:
        _noted().keep_subscription(settings, found)
    elif found is None or settings.webhook_secret is not None:
        _noted().forget_subscription(settings)
    nothing = "There is no subscription. To make one: strava-pipeline subscription create --callback https://my.host"
    foreign = "That is not the path of this installation's STRAVA_WEBHOOK_SECRET; its events don't come here."
    answer = {"subscription": None if found is None else _shown(found, ours=ours)}
    show(answer, as_json=as_json, nothing=nothing, advice=[foreign] if found is not None and not ours else [])


@subscription.command()
def delete(as_json: Json = False) -> None:
    """Delete the subscription, wherever its events went; no question is asked. Deleting twice is no error."""
    from strava_pipeline.environment.settings import Settings

    settings = Settings.load()
    subscriptions = _subscriptions(settings)
    found = subscriptions.view()
    if found is not None:
        subscriptions.delete(found.id)
    _noted().forget_subscription(settings)
    answer = {"deleted": None if found is None else found.id}
    show(answer, as_json=as_json, nothing="There is no subscription, so nothing was deleted.")


def _secret(settings: "Settings") -> str:
    from strava_pipeline.core.errors import MissingSettingsError

    if settings.webhook_secret is None:
        raise MissingSettingsError(
            "STRAVA_WEBHOOK_SECRET is not set: it is the secret part of the path that Strava posts to. Make one with "
            "openssl rand -hex 32, put the line STRAVA_WEBHOOK_SECRET=<it> into .env, and start serve again."
        )
    return settings.webhook_secret.get_secret_value()


def _checked_base(callback: str) -> str:
    from strava_pipeline.core.errors import MisuseError
    from strava_pipeline.environment.setting_values import url_parts

    parts = url_parts(callback)
    if parts is None or parts.query or parts.fragment or not callback.isprintable() or " " in callback:
        raise MisuseError("--callback is an address like https://my.host, without ? and #.")
    return callback.rstrip("/")


def _is_ours(settings: "Settings", found: Any) -> bool:
    secret = settings.webhook_secret
    return secret is not None and found.callback_url.endswith(_path(secret.get_secret_value()))


def _path(secret: str) -> str:
    from strava_pipeline.core.deliveries import intake_path
    from strava_pipeline.core.sources import STRAVA

    return intake_path(STRAVA, secret)


def _noted() -> Any:
    """The data of a source with the capability `subscription`."""
    from strava_pipeline.core.sources import STRAVA
    from strava_pipeline.ingest.registry import part

    return part(STRAVA, "subscriptions")


def _subscriptions(settings: "Settings") -> Any:
    from strava_pipeline.ingest.clock import system_clock
    from strava_pipeline.ingest.http import make_wire

    clock = system_clock(settings)
    return _noted().make_subscriptions(settings, make_wire(settings, clock), clock)


def _shown(found: Any, *, ours: bool) -> dict[str, Any]:
    return {"id": found.id, "callback": found.shown, "ours": ours}
