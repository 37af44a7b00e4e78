"""Whether the dashboard may start with these settings.

The service asks before it starts one, and runs for months: modules that few settings need are imported only for these.
"""

from datetime import UTC, datetime

from strava_pipeline.core.errors import MisuseError
from strava_pipeline.environment.setting_values import is_this_machine
from strava_pipeline.environment.settings import Settings
from strava_pipeline.serve.addresses import dashboard_address
from strava_pipeline.serve.dashboard.passwords import has_password
from strava_pipeline.serve.house_settings import house_settings


def check_start(settings: Settings, *, behind_proxy: bool) -> None:
    """Raise MisuseError or MissingSettingsError if these settings would expose the dashboard to others, or can't work."""
    address = dashboard_address(settings)
    if address is None:
        raise MisuseError("DASHBOARD_ADDRESS is off. Set it to an address like 127.0.0.1:8723.")
    if settings.sentry_dsn is not None:
        from strava_pipeline.serve.dashboard.telemetry import check_telemetry

        check_telemetry(settings)
    if settings.database_url is not None:
        from strava_pipeline.serve.dashboard.records.database import database_of

        database_of(settings)
    if settings.dashboard_cert is not None or settings.dashboard_key is not None:
        from strava_pipeline.serve.dashboard.certificate import check_certificate

        check_certificate(settings, datetime.now(UTC))
    if settings.dashboard_lan and behind_proxy:
        raise MisuseError(
            "With DASHBOARD_LAN=true browsers of the network ask the dashboard itself, and with DASHBOARD_BEHIND_PROXY "
            "(--behind-proxy) a proxy does. Unset one of them."
        )
    if not settings.dashboard_lan:  # there, without a password, an address in the log lets its reader in
        _check_reach(settings, address, behind_proxy=behind_proxy)


def _check_reach(settings: Settings, address: str, *, behind_proxy: bool) -> None:
    """Raise MisuseError if others would reach the dashboard without https or without a password."""
    is_local = is_this_machine(address.rpartition(":")[0].strip("[]"))
    if is_local and not behind_proxy:
        return
    if not behind_proxy:
        raise MisuseError(
            f"DASHBOARD_ADDRESS is {address}, which other machines reach, and a browser there would send "
            "the password in the clear. On a home network set DASHBOARD_LAN=true; else put a proxy with https in front and "
            "start with --behind-proxy (or set DASHBOARD_BEHIND_PROXY=true), or set DASHBOARD_ADDRESS to 127.0.0.1:8723."
        )
    if not has_password(settings) and house_settings(settings) is None:
        raise MisuseError(
            "No password is set, and others may reach the dashboard. Set one: strava-pipeline dashboard password"
        )
    if not settings.dashboard_hosts:
        raise MisuseError(
            "DASHBOARD_HOSTS is not set. Behind a proxy it lists the names under which browsers ask for the dashboard, for "
            "example rides.example.org."
        )
