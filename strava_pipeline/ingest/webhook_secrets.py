"""The services whose webhook deliveries are accepted: those that are used and whose secret is set.

The intake service asks, and runs for months: modules that it does not need, Polars above all, are not imported here, so
no record is.
"""

from collections.abc import Iterable
from contextlib import suppress

from strava_pipeline.core.deliveries import Sender, WebhookSpec
from strava_pipeline.core.sources import STRAVA, UnusableSourceError, import_part
from strava_pipeline.environment.process_owner import is_house
from strava_pipeline.environment.settings import Settings


def senders(settings: Settings, names: Iterable[str] | None = None) -> dict[str, Sender]:
    """How the deliveries of each of these services are recognised and read, and the secret for that, by name.

    `names`: the services to look at; None: Strava, and the enabled ones. Raises UnusableProvidersError.
    """
    from strava_pipeline.ingest.providers_file import enabled_providers

    found = {}
    for name in [STRAVA, *enabled_providers(settings)] if names is None else names:
        webhooks = webhooks_of(name)
        secret = None if webhooks is None else settings.secret(webhooks.setting)
        if webhooks is not None and secret is not None:
            found[name] = Sender(webhooks, secret.get_secret_value())
    return found


def webhooks_of(source: str) -> WebhookSpec | None:
    """How the source's deliveries are recognised and read, from its `webhooks.py`, or None if it sends none, or can't be used."""
    try:
        module = import_part(source, "webhooks")
    except (ModuleNotFoundError, UnusableSourceError):  # which `status` and `doctor` report
        return None
    found = getattr(module, "WEBHOOKS", None)
    return found if isinstance(found, WebhookSpec) else None


def has_intake(settings: Settings) -> bool:
    """Whether anything is received over the web, pings or deliveries of services; never for the house."""
    if is_house():
        return False
    if settings.has_intake:
        return True
    from strava_pipeline.ingest.providers_file import UnusableProvidersError

    with suppress(UnusableProvidersError):  # which every run and `doctor` report
        return bool(senders(settings))
    return False
