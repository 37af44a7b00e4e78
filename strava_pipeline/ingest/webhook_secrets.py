"""From which services besides Strava webhook deliveries are taken: those that are enabled and whose secret is set.

The service asks, and lives for months: what it does not need, Polars above all, is imported when it is.
"""

from contextlib import suppress

from pydantic import SecretStr

from strava_pipeline.settings import Settings


def webhook_secrets(settings: Settings) -> dict[str, SecretStr]:
    """The secret of each of these services, by name. Raises UnusableProvidersError."""
    from strava_pipeline.core.providers import spec_of
    from strava_pipeline.ingest.providers_file import enabled_providers

    specs = {name: spec_of(name).webhooks for name in enabled_providers(settings)}
    secrets = {name: settings.secret(spec.setting) for name, spec in specs.items() if spec is not None}
    return {name: secret for name, secret in secrets.items() if secret is not None}


def has_intake(settings: Settings) -> bool:
    """Whether there is anything to be taken in over the web: Strava's events, pings, or deliveries of other services."""
    if settings.has_intake:
        return True
    from strava_pipeline.ingest.providers_file import UnusableProvidersError

    with suppress(UnusableProvidersError):  # which every run and `doctor` report
        return bool(webhook_secrets(settings))
    return False
